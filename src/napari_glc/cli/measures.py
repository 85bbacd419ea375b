"""``glc compare`` by any measures, of two pictures or two folders."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..metrics.measures import MEASURES, Measure, measure_named
from .progress import bar

if TYPE_CHECKING:
    from ..evaluation.folders import Comparison

__all__ = ["add_measure_options", "compare_by_measures"]

_DEFAULT = ("squeezenet", "ms_ssim", "psnr")


def add_measure_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of measures."""
    group = parser.add_argument_group("by other measures, or of two folders")
    group.add_argument(
        "--measure",
        nargs="+",
        metavar="M",
        help=f"any of {', '.join(m.name for m in MEASURES)}, or all whose networks are at hand; "
        f"default {' '.join(_DEFAULT)}",
    )
    group.add_argument(
        "--patch",
        type=int,
        default=256,
        metavar="P",
        help="side of the patches that frechet, kernel, fid and kid are about, default 256 as in most papers; 64 for "
        "few pictures, as GLC's authors do on Kodak",
    )
    group.add_argument(
        "--no-shift", action="store_true", help="leave out the second grid of patches, half a patch down and right"
    )
    group.add_argument("--features", type=Path, metavar="DIR", help="folder of feature networks, for darknet")
    group.add_argument(
        "--device", default="cpu", metavar="D", help="where networks run: cpu (default), cuda, mps, auto"
    )
    group.add_argument("--json", type=Path, metavar="OUT", help="write everything measured to this file")


def compare_by_measures(options: argparse.Namespace) -> int:
    """Run it."""
    from ..codecs.loading import choose_device
    from ..evaluation.folders import compare_pictures
    from ..metrics.patches import PatchGrid

    measures = _measures(options)
    grid = PatchGrid(options.patch, shifted=not options.no_shift)
    with bar("comparing") as progress:
        found = compare_pictures(
            options.original,
            options.decoded,
            [measure.name for measure in measures],
            grid=grid,
            features=options.features,
            device=choose_device(options.device),
            progress=progress,
        )
    _print(found, measures, options)
    if options.json is not None:
        _write(found, options)
    return 0


def _measures(options: argparse.Namespace) -> list[Measure]:
    from ..evaluation.measures import available_measures

    if options.measure == ["all"]:
        return available_measures(options.features)
    return [measure_named(name) for name in options.measure or _DEFAULT]


def _print(found: Comparison, measures: list[Measure], options: argparse.Namespace) -> None:
    values = found.means | found.crowds
    width = max(len(measure.axis) for measure in measures)
    for measure in dict.fromkeys(measures):
        value = values[measure.name]
        told = "-" if math.isnan(value) else f"{value:.{measure.digits}f}"
        print(f"{measure.axis:<{width}}  {told:>10}  {measure.better}")
    patches = f", {found.patches} patches of {options.patch} pixels" if found.crowds else ""
    print(f"{len(found.pictures)} picture{'s' * (len(found.pictures) > 1)}{patches}")
    if found.crowds and found.patches < 2048:
        print("glc: distances of so few patches are too large; compare only those of equal numbers", file=sys.stderr)


def _write(found: Comparison, options: argparse.Namespace) -> None:
    from .._base.atomic import write_atomically

    def plain(row: dict[str, float]) -> dict[str, float | None]:
        return {name: value if math.isfinite(value) else None for name, value in row.items()}

    content = {
        "original": str(options.original),
        "decoded": str(options.decoded),
        "means": plain(found.means),
        "crowds": plain(found.crowds),
        "patches": {"count": found.patches, "size": options.patch, "shifted": not options.no_shift},
        "images": [{"image": name, **plain(row)} for name, row in found.pictures.items()],
    }
    write_atomically(options.json, (json.dumps(content, indent=1) + "\n").encode())
