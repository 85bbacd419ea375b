"""Training of the embedded models: data, losses, stages, ``glc train``.

The only room that imports losses. Needs the material named in a stage's configuration; none of it ships with the
package.
"""
