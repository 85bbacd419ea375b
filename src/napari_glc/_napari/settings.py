"""What the user set in napari's preferences; the defaults where there is no napari."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["plugin_setting"]

_DEFAULTS: dict[tuple[str, str], Any] = {
    ("writer", "quality"): 50.0,
    ("writer", "effort"): 0,
    ("runtime", "device"): "auto",
    ("reader", "style"): "none",
}


def plugin_setting(group: str, name: str) -> Any:
    """One value of the plugin's preferences page.

    Parameters
    ----------
    group, name
        As in the manifest's ``configurations``.
    """
    if "napari" in sys.modules:
        try:
            from napari.settings import get_plugin_settings

            return getattr(getattr(get_plugin_settings("napari-glc"), group), name)
        except (ImportError, AttributeError, KeyError):
            pass  # an older napari, or the plugin used without being discovered
    return _DEFAULTS[group, name]
