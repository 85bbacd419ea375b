"""Which picture is made of a ``.glc`` file, and what its file is called."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OptionError

if TYPE_CHECKING:
    from ..files.opened import GlcFile

__all__ = ["as_picture", "axes_left", "checked_format", "natural_suffix", "picture_name", "region_of"]

_STACKS = (".tif", ".tiff")
_LOSSLESS = (".png", *_STACKS)


def checked_format(name: str | None) -> str:
    """The suffix that ``--format`` means; empty if it was not given.

    Raises
    ------
    OptionError
        If no picture is written in that format.
    """
    from ..imaging.files import READABLE

    if name is None:
        return ""
    suffix = "." + name.lower().lstrip(".")
    if suffix not in READABLE and suffix != ".ome.tif":
        raise OptionError(f"--format {name} is not a picture format this program writes: {', '.join(READABLE)}")
    return suffix


def natural_suffix(file: GlcFile, planes: str | None) -> str:
    """``.png`` if that holds what is wanted of a file, else ``.ome.tif``."""
    return ".png" if _fits_picture(axes_left(file, region_of(planes, file.axes)), file.dtype) else ".ome.tif"


def picture_name(file: GlcFile, planes: str | None, suffix: str) -> str:
    """What to call the picture of one file of many.

    Parameters
    ----------
    file
        On disk.
    planes
        See :func:`region_of`.
    suffix
        Of all; empty for one that holds what there is without further loss, which may be that of the original's name.
    """
    assert file.path is not None
    name = file.path.name[: -len(".glc")]
    if suffix:
        return name if name.lower().endswith(suffix) else name + suffix
    natural, own = natural_suffix(file, planes), Path(name).suffix.lower()
    return name if own in (_LOSSLESS if natural == ".png" else _STACKS) else name + natural


def _fits_picture(axes: str, dtype: Any) -> bool:
    """Whether a picture file can hold an array."""
    return sorted(axes) in (["X", "Y"], ["S", "X", "Y"]) and str(dtype) in ("uint8", "uint16")


def axes_left(file: GlcFile, region: tuple[slice | int, ...]) -> str:
    """Axes of what is read of a region: integers take theirs away."""
    return "".join(a for a, part in itertools.zip_longest(file.layout.axes, region) if not isinstance(part, int))


def region_of(planes: str | None, axes: str) -> tuple[slice | int, ...]:
    """``T=3,C=0`` or ``Z=2:5`` as a region."""
    parts: dict[str, slice | int] = {}
    for word in planes.split(",") if planes else ():
        axis, _, place = word.strip().partition("=")
        first, colon, last = place.partition(":")
        try:
            parts[axis] = slice(int(first or 0), int(last) if last else None) if colon else int(first)
        except ValueError as error:
            raise OptionError(f"{word!r} names no planes; write for example T=3 or Z=2:5") from error
        if axis not in axes or axis in "YXS":
            raise OptionError(f"the file has no axis {axis!r} to choose planes from; its axes are {axes}")
    colour = axes.endswith("C") and axes[-3:-1] == "YX"
    return tuple(parts.get(a, slice(None)) for a in (axes[:-1] if colour else axes) if a != "S")


def as_picture(array: Any, axes: str, path: Path) -> Any:
    """A plane for a picture file.

    Raises
    ------
    OptionError
        If it is a stack or not 8 or 16 bits.
    """
    if not _fits_picture(axes, array.dtype):
        raise OptionError(
            f"{path.name} cannot hold {axes} {array.dtype}; write {path.stem}.ome.tif or choose a plane with --planes"
        )
    return array.transpose([axes.index(a) for a in "YXS" if a in axes])
