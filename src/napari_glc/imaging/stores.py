"""Microscopy files and stores, opened without reading them: TIFF and OME-TIFF, Zarr and OME-Zarr, NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MissingDependencyError, UnsupportedArrayError
from .tiff import check_colours

__all__ = ["Opened", "is_store", "open_store"]

_SUFFIXES = (".tif", ".tiff", ".npy", ".zarr")
_SPATIAL = {"µm": "micrometer", "um": "micrometer", "nm": "nanometer", "mm": "millimeter"}


@dataclass(frozen=True)
class Opened:
    """An array on disk.

    Attributes
    ----------
    levels
        The array, and reductions of it; read where they are sliced.
    axes
        A letter for each dimension, or ``None`` if the file does not say.
    metadata
        What the file says of scale, units and channels, as ``.glc`` keeps it.
    """

    levels: list[Any]
    axes: str | None
    metadata: dict[str, Any] = field(default_factory=dict)


def is_store(path: Path) -> bool:
    """Whether :func:`open_store` may know the file by its name."""
    return path.suffix.lower() in _SUFFIXES


def open_store(path: Path) -> Opened:
    """Open an array on disk.

    Raises
    ------
    OSError
        If there is none.
    MissingDependencyError
        If it needs Zarr and that is not installed.
    UnsupportedArrayError
        If it is damaged or holds no array.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        if path.suffix.lower() == ".npy":
            return Opened([np.load(path, mmap_mode="r", allow_pickle=False)], None)
        return _open_zarr(path) if path.suffix.lower() == ".zarr" else _open_tiff(path)
    except (ValueError, KeyError, IndexError, TypeError, EOFError, RuntimeError) as error:
        raise UnsupportedArrayError(f"{path} cannot be read as an array: {error}") from error
    except UnsupportedArrayError as error:
        raise UnsupportedArrayError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def _open_tiff(path: Path) -> Opened:
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            check_colours(series.keyframe)
            axes: str | None = series.axes.replace("I", "Z").replace("Q", "Z")
            assert axes is not None
            if len(set(axes)) != len(axes):
                axes = None
            metadata = _ome_metadata(tiff.ome_metadata, axes) if tiff.ome_metadata and axes else {}
            several = len(series.levels) > 1
            if not several and series.dataoffset is not None and series.dtype.isnative:
                return Opened([tifffile.memmap(path, mode="r")], axes, metadata)
            if series.nbytes < 1 << 28 and not several:
                return Opened([series.asarray()], axes, metadata)
            count = len(series.levels)
    except tifffile.TiffFileError as error:
        raise UnsupportedArrayError(f"{path} cannot be read as TIFF: {error}") from error
    zarr = _zarr("a large compressed TIFF is read piece by piece through Zarr")
    levels = [zarr.open_array(tifffile.imread(path, aszarr=True, level=i), mode="r") for i in range(count)]
    return Opened(levels, axes, metadata)


def _ome_metadata(text: str, axes: str) -> dict[str, Any]:
    """Physical sizes and names of channels from OME-XML."""
    from xml.etree import ElementTree

    try:
        pixels = ElementTree.fromstring(text).find(".//{*}Pixels")
    except ElementTree.ParseError:
        return {}
    if pixels is None:
        return {}
    found: dict[str, Any] = {}
    scale, units = [], []
    for axis in axes.replace("S", ""):
        name = "TimeIncrement" if axis == "T" else f"PhysicalSize{axis}"
        size, unit = pixels.get(name), pixels.get(f"{name}Unit", "s" if axis == "T" else "µm")
        scale.append(float(size) if size else 1.0)
        units.append(({"s": "second"} | _SPATIAL).get(unit, "pixel") if size else "pixel")
    if any(s != 1 for s in scale):
        found |= {"scale": scale, "units": units}
    names = [channel.get("Name") for channel in pixels.findall("{*}Channel")]
    if "C" in axes and all(names) and len(names) > 1:
        found["channels"] = [{"name": name} for name in names]
    return found


def _open_zarr(path: Path) -> Opened:
    zarr = _zarr("Zarr stores need it")
    found = zarr.open(path, mode="r")
    if not hasattr(found, "attrs") or hasattr(found, "dtype"):
        return Opened([found], None)
    attributes = dict(found.attrs)
    scales = attributes.get("ome", attributes).get("multiscales")
    if not scales:
        raise UnsupportedArrayError(f"{path} is a group without OME-Zarr multiscales; name an array in it")
    axes = "".join(str(axis["name"])[0].upper() for axis in scales[0]["axes"])
    sets = scales[0]["datasets"]
    metadata: dict[str, Any] = {}
    for transform in sets[0].get("coordinateTransformations", ()):
        if transform.get("type") == "scale":
            metadata["scale"] = [float(s) for s in transform["scale"]]
            metadata["units"] = [str(axis.get("unit", "pixel")) for axis in scales[0]["axes"]]
    return Opened([found[entry["path"]] for entry in sets], axes, metadata)


def _zarr(why: str) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise MissingDependencyError(f"zarr is not installed ({why}): pip install napari-glc[zarr]") from error
    return zarr
