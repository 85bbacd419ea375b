"""The command *Flip original and decoded*."""

from __future__ import annotations

from napari import current_viewer

from .._napari.flipping import flip

__all__ = ["flip_pictures"]


def flip_pictures() -> None:
    """Show the original in the place of what was decoded, or back."""
    viewer = current_viewer()
    if viewer is not None:
        viewer.status = flip(viewer)
