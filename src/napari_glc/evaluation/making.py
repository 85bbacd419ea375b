"""What a report was made with: versions, machine, time."""

from __future__ import annotations

import platform
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from .._base.threads import cores
from .._version import __version__

__all__ = ["made_with"]

_LIBRARIES = ("torch", "numpy", "pillow", "constriction", "pytorch-msssim")


def made_with(workers: int) -> dict[str, str]:
    """Words and values.

    Parameters
    ----------
    workers
        Processes that were at work.
    """
    libraries = []
    for name in _LIBRARIES:
        try:
            libraries.append(f"{name} {version(name)}")
        except PackageNotFoundError:  # vendored by somebody
            continue
    return {
        "napari-glc": __version__,
        "Python": platform.python_version(),
        "libraries": ", ".join(libraries),
        "machine": f"{platform.system()} {platform.machine()}, {cores()} cores, {workers} at once",
        "made": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }
