"""What napari calls before it uses anything of the plugin; free of Qt until there is a window."""

from __future__ import annotations

from typing import Any

from .._napari.requirements import check_napari

__all__ = ["activate"]


def activate(context: Any) -> None:
    """Begin: see that this napari will do.

    Parameters
    ----------
    context
        npe2's, for what is to be undone at the end.

    Raises
    ------
    MissingDependencyError
        If napari is too old.
    """
    check_napari()
