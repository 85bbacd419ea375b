"""Sphinx configuration."""

from napari_glc import __version__

project = "napari-glc"
author = "the napari-glc developers"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_ivar = True

# attributes of several classes are called "name", and a docstring's word for a type may be one of them
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "napari-glc"
exclude_patterns = ["_build"]
