"""What the index-map widget does in a thread: map, bits and codewords, each shown as soon as it is there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from ..._base.progress import Progress
from ..._napari.layer_planes import LayerPlane, place_of_file
from ..._napari.plane_place import PlanePlace
from ...codecs.loading import loaded_codec
from ...files.opened import GlcFile
from ...models import ModelFile
from .layers import direct_colormap

if TYPE_CHECKING:
    from ...codecs.index_mapped import IndexMapped
    from ...inspection.index_map.maps import IndexMap, PositionBits
    from ..common.jobs import Report

# what needs PyTorch is imported where it is used, in the thread: opening a widget must not wait for it

__all__ = ["Codewords", "Found", "Kept", "inspect_file", "inspect_plane"]

_UNITS = 1000
"""Steps of the progress bar."""


@dataclass(frozen=True)
class Codewords:
    """What is known of a codebook, kept between runs: order, and patches where `known`."""

    order: NDArray[np.int64]
    patches: NDArray[np.uint8]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """A map and what has been found out about it so far."""

    source: PlanePlace
    map: IndexMap
    codewords: Codewords
    facts: dict[str, Any]
    model: ModelFile
    bits: PositionBits | None = None

    def summary(self) -> str:
        """The numbers of the whole map in words."""
        found, bits = self.map, self.bits
        rows, columns = found.indices.shape
        lines = [
            f"{rows} x {columns} positions; {found.used} of {found.size} codewords occur; "
            f"perplexity {found.perplexity:.1f} ({found.entropy:.2f} bits)"
        ]
        if bits is not None:
            known = max(1, int((~found.lost).sum()))
            fixed = int(np.ceil(np.log2(found.size)))
            bpp = bits.total / (found.shape[0] * found.shape[1])
            lines.append(
                f"{bits.total / known:.2f} bits a position by the {bits.coder} coder, {fixed} at fixed length; "
                f"{bits.total / 8:,.0f} bytes, {bpp:.4f} bpp of indices"
            )
        if found.lost.any():
            lines.append(f"{found.lost.sum()} positions ({found.lost.mean():.1%}) are lost")
        if "planes" in self.facts:
            lines.append(f"Plane {self.facts['plane_number']} of {self.facts['planes']}, counted from 0")
        if "bytes" in self.facts:
            lines.append(f"The file has {self.facts['bytes']:,} bytes")
        return ".\n".join(lines) + "."

    def usage(self) -> list[dict[str, Any]]:
        """A row for each codeword, in the order of the indices: rank, positions, and their bits once they are known."""
        found, ranks = self.map, np.argsort(self.codewords.order)
        rows: list[dict[str, Any]] = []
        for index, count in enumerate(found.counts.tolist()):
            row: dict[str, Any] = {"index": index, "rank": int(ranks[index]), "positions": count}
            if self.bits is not None:
                row["bits"] = float(self.bits.bits[found.indices == index].sum())
            rows.append(row)
        return rows

    def about(self, index: int, cell: tuple[int, int] | None) -> str:
        """What is known of a codeword and, if one is pointed at, of a position."""
        found = self.map
        rank, count = int(np.flatnonzero(self.codewords.order == index)[0]), int(found.counts[index])
        share = count / max(1, int((~found.lost).sum()))
        lines = [f"Codeword {index}", f"rank {rank} of {found.size}", f"at {count} positions ({share:.1%})"]
        if self.bits is not None:
            if cell is not None:
                lines.append(f"here {self.bits.bits[cell]:.2f} bits")
            if count:
                lines.append(f"mean {self.bits.bits[found.indices == index].mean():.2f} bits")
        return "\n".join(lines)


@dataclass
class Kept:
    """What runs leave to later runs: the latent of the last picture, and codebooks."""

    picture: NDArray[np.uint8] | None = None
    model: str = ""
    latent: NDArray[np.float32] | None = None
    codewords: dict[tuple[str, int], Codewords] = field(default_factory=dict)


def _part(report: Report, start: float, end: float) -> Progress:
    """A stretch of the progress bar."""

    def tell(done: int, total: int) -> None:
        report(int(_UNITS * (start + (end - start) * done / max(1, total))), _UNITS)

    return tell


@cache
def _prepare_labels() -> None:
    """Make a labels layer here, beside the window: with the first one, napari loads and compiles for half a second."""
    Labels(np.zeros((2, 2), np.int32), colormap=direct_colormap({0: (0, 0, 0, 1)}))


def inspect_plane(
    plane: LayerPlane, rule: str, model: ModelFile, level: int, device: str, kept: Kept, report: Report
) -> Found:
    """Inspect a picture, its range found by a rule, in one codebook; `kept` lends and receives what other runs need."""
    from ...inspection.index_map.maps import map_of_latent, plane_latent

    report(0, _UNITS)
    _prepare_labels()
    plane, picture = plane.picture_by(rule)
    codec = cast("IndexMapped", loaded_codec(model, device))
    same = kept.picture is not None and kept.model == model.key and np.array_equal(kept.picture, picture)
    if not same or kept.latent is None:
        latent = plane_latent(codec, picture, _part(report, 0, 0.2))
        kept.picture, kept.model, kept.latent = picture, model.key, latent
    assert kept.latent is not None
    found = map_of_latent(codec, kept.latent, level, plane.shape, _part(report, 0.2, 0.3))
    facts = {"codec": model.codec, "model": model.name, "codewords": found.size, "level": level}
    return _complete(codec, model, found, plane, facts, kept, report)


def inspect_file(path: Path, plane: int, device: str, kept: Kept, report: Report) -> Found:
    """Inspect the map of a plane of a file."""
    from ...inspection.index_map.maps import file_map

    report(0, _UNITS)
    _prepare_labels()
    file = GlcFile(path, device=device)
    codec, found = file_map(file, _part(report, 0, 0.3), plane)
    facts = {**file.facts(), "codewords": found.size, "level": found.level, "file": str(path)}
    if file.layout.planes > 1:
        facts |= {"plane_number": plane, "planes": file.layout.planes}
    return _complete(codec, file.model, found, place_of_file(file, plane), facts, kept, report)


def _complete(
    codec: IndexMapped,
    model: ModelFile,
    found: IndexMap,
    source: PlanePlace,
    facts: dict[str, Any],
    kept: Kept,
    report: Report,
) -> Found:
    """Order, bits and patches of a map; what is there is shown while the rest is under way."""
    from ...inspection.index_map.codewords import codeword_patches, order_codewords
    from ...inspection.index_map.maps import position_bits

    codewords = kept.codewords.get((model.sha256, found.level))
    if codewords is None:
        order = order_codewords(codec.codewords(found.level).cpu().numpy())
        blank = np.zeros((found.size, found.factor, found.factor, 3), np.uint8)
        codewords = Codewords(order, blank, np.zeros(found.size, np.bool_))
    result = Found(source, found, codewords, facts, model)
    report.show(result)
    result = replace(result, bits=position_bits(codec, found, _part(report, 0.3, 0.6)))
    report.show(result)
    missing = np.flatnonzero((found.counts > 0) & ~codewords.known)
    if len(missing):
        patches, known = codewords.patches.copy(), codewords.known.copy()
        patches[missing] = codeword_patches(codec, found.level, missing, _part(report, 0.6, 1))
        known[missing] = True
        codewords = Codewords(codewords.order, patches, known)
        kept.codewords[model.sha256, found.level] = codewords
    return replace(result, codewords=codewords)
