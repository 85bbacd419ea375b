"""What trainings of all codecs stand on: data, losses, the loop over stages, checkpoints.

Knows no codec: what a codec adds lies in its folder (``trainer.py``) and is found by :mod:`napari_glc.codecs.training`.
Needs the material named in a configuration; none of it ships with the package.
"""
