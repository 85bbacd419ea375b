"""What the user set in napari's preferences; the defaults where there is no napari."""

from __future__ import annotations

import sys
from typing import Any

from ..codecs.loading import OR_AUTO

__all__ = ["plugin_setting", "plugin_settings", "preferred_device"]

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


def preferred_device() -> str:
    """Where networks run: the device of the preferences, or another one, with a warning, where it is not there.

    Preferences outlive the machine they were made on, so they are a wish; see
    :func:`~napari_glc.codecs.loading.choose_device`.
    """
    wanted = str(plugin_setting("runtime", "device"))
    return wanted if wanted == "auto" else wanted + OR_AUTO


def plugin_settings() -> dict[str, Any]:
    """All of the preferences page, as ``group.name``."""
    return {f"{group}.{name}": plugin_setting(group, name) for group, name in _DEFAULTS}
