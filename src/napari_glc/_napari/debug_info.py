"""What somebody who is asked for help wants to know of an installation."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from .._version import __version__

__all__ = ["debug_information"]

_PACKAGES = (
    "napari",
    "npe2",
    "magicgui",
    "PyQt6",
    "PySide6",
    "vispy",
    "torch",
    "numpy",
    "dask",
    "constriction",
    "safetensors",
    "transformers",
    "zarr",
)


def debug_information() -> str:
    """Versions, devices, models and preferences, as lines of Markdown; loads PyTorch, which takes seconds.

    Of this machine's folders only that of the models is named.
    """
    from ..codecs.loading import choose_device, device_obstacles
    from ..container.limits import get_limits
    from ..models import installed_models, model_folder
    from ..models.registry import installed_parts
    from .settings import plugin_settings

    absent = [f"{name} not here: {why}" for name, why in device_obstacles().items() if why]
    lines = [
        f"napari-glc {__version__}",
        f"Python {sys.version.split()[0]}, {platform.platform()}, {platform.machine()}",
        ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name))),
        f"device auto is {choose_device('auto')}; {'; '.join(absent)}",
        *(f"model {model.name}, codec {model.codec}, SHA-256 {model.sha256[:16]}" for model in installed_models()),
        *(f"part {part.name}, {part.kind}, SHA-256 {part.sha256[:16]}" for part in installed_parts()),
        f"models are looked for in {model_folder()}",
        f"preferences: {', '.join(f'{name} {value}' for name, value in plugin_settings().items())}",
        f"{get_limits()}",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
