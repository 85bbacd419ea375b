"""Several layers, or all pictures of a folder, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..._base.progress import Progress
from ..._napari.layer_metadata import layer_axes, layer_metadata
from ..._napari.layer_planes import coded_range
from ...api import imwrite
from ...batch import encode_item, pictures_in
from ...errors import Cancelled
from ..common.base import words_for
from ..common.jobs import Report
from ..common.paths import suggested_name

__all__ = ["Item", "Written", "items_of_folder", "items_of_layers", "write_items"]

_UNITS = 1000
"""Units of work of each item."""


@dataclass(frozen=True)
class Item:
    """One file to be written.

    Attributes
    ----------
    name
        Of the layer or picture.
    target
        The file.
    write
        Writes it, told how far it is; says why it could not, or raises.
    """

    name: str
    target: Path
    write: Callable[[Progress], str | None]


@dataclass
class Written:
    """What became of several items.

    Attributes
    ----------
    files
        What was written.
    kept
        What was there before and stays as it is.
    failed
        Names, and why.
    """

    files: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def words(self) -> str:
        """For the status line."""
        size = sum(path.stat().st_size for path in self.files)
        said = [f"{len(self.files)} written, {size:,} bytes together"]
        if self.kept:
            said.append(f"{len(self.kept)} already there and left as they were")
        said += [f"{name} failed: {why}" for name, why in self.failed.items()]
        return "; ".join(said) + "."


def items_of_layers(layers: Sequence[Any], folder: Path, options: Mapping[str, Any]) -> list[Item]:
    """A file for each image layer, with what it says of itself; nothing is read yet."""
    items, taken = [], set()
    for layer in layers:
        name, number = suggested_name(str(layer.name), ".glc"), 1
        while name in taken:
            number += 1
            name = suggested_name(f"{layer.name} {number}", ".glc")
        taken.add(name)
        data, meta, _ = layer.as_layer_data_tuple()
        levels = list(data) if layer.multiscale else [data]
        given = {
            "axes": layer_axes(meta, layer.ndim, layer.rgb),
            "metadata": layer_metadata(meta, layer.rgb),
            "value_range": coded_range(layer, levels[0].dtype),
        }
        write = partial(_write_layer, folder / name, levels, {**given, **options})
        items.append(Item(str(layer.name), folder / name, write))
    return items


def _write_layer(target: Path, levels: list[Any], options: dict[str, Any], progress: Progress) -> None:
    imwrite(target, levels, progress=progress, **options)


def items_of_folder(source: Path, folder: Path, options: Mapping[str, Any]) -> list[Item]:
    """A file for each picture of a folder: ``a.tif`` becomes ``a.tif.glc``, as for ``glc batch``."""

    def item(path: Path) -> Item:
        target = folder / f"{path.name}.glc"
        return Item(path.name, target, lambda progress: encode_item(str(path), str(target), dict(options), progress))

    return [item(path) for path in pictures_in(source)]


def write_items(items: Sequence[Item], report: Report) -> Written:
    """Write one after the other; what fails does not keep the others from it, and what is there is left alone."""
    written = Written()
    for number, item in enumerate(items):
        if item.target.exists():
            written.kept.append(item.target)
            continue

        def progress(done: int, total: int, number: int = number) -> None:
            report(number * _UNITS + done * _UNITS // max(total, 1), len(items) * _UNITS)

        try:
            why = item.write(progress)
        except Cancelled:
            raise
        except Exception as error:  # reading somebody's lazy array may raise anything
            why = words_for(error)
        if why is None:
            written.files.append(item.target)
        else:
            written.failed[item.name] = why
    return written
