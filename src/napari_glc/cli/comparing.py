"""``glc compare``."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .measures import add_measure_options, compare_by_measures
from .progress import bar
from .streams import input_file

if TYPE_CHECKING:
    from ..imaging.layout import Layout

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    compare = verbs.add_parser(
        "compare",
        help="measures of two pictures or two folders; which of two codecs looks better",
        description="Compare a decoded picture or stack with its original, each plane in the 256 levels it was coded "
        "with; or a folder of decoded pictures with a folder of originals of the same names, by any measures. With "
        "--blind, make a page on which people say which of two codecs looks better.",
    )
    compare.add_argument(
        "original",
        type=Path,
        nargs="?",
        metavar="ORIGINAL",
        help="the original picture or stack, - for standard input, or a folder",
    )
    compare.add_argument(
        "decoded", type=Path, nargs="?", metavar="DECODED", help="a picture or stack, a .glc file, or a folder"
    )
    compare.add_argument(
        "--blind",
        nargs=3,
        type=Path,
        metavar=("A", "B", "ORIGINALS"),
        help="three folders instead: write a page that shows what two codecs made of the same pictures, in random "
        "order and without their names, and asks which looks better",
    )
    compare.add_argument(
        "--out", type=Path, default=Path("blind.html"), metavar="PAGE", help="with --blind: default blind.html"
    )
    compare.add_argument(
        "--answers", nargs="+", type=Path, metavar="FILE", help="what people saved from such a page: say what it means"
    )
    compare.add_argument(
        "--range",
        metavar="R",
        help="what black and white are, where DECODED is no .glc file, which knows: minmax (of ORIGINAL; default for "
        "more than 8 bits), robust, dtype, or LOW,HIGH",
    )
    add_measure_options(compare)
    compare.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    from ..errors import OptionError
    from ..files.fidelity import compare_arrays
    from ..imaging.opening import open_array

    if options.answers is not None:
        return _judge(options)
    if options.blind is not None:
        return _ask(options)
    if options.decoded is None:
        raise OptionError("compare what with what? glc compare ORIGINAL DECODED, or --blind A B ORIGINALS")
    if options.measure or options.json or _is_folder(options.original) or _is_folder(options.decoded):
        return compare_by_measures(options)
    with input_file(options.original) as original_path, input_file(options.decoded) as decoded_path:
        opened = open_array(original_path)
        original: Any = opened.levels[0]
        decoded: Any
        if decoded_path.suffix.lower() == ".glc":
            decoded, layout = _decoded(decoded_path, options)
        else:
            decoded = open_array(decoded_path).levels[0]
            layout = _layout(original, opened.axes, options.range)
        fidelity = compare_arrays(original, decoded, layout)
    similarity = "needs 161 pixels a side" if math.isnan(fidelity.ms_ssim) else f"{fidelity.ms_ssim:.4f}"
    print(f"{options.decoded}: PSNR {fidelity.psnr:.2f} dB, MS-SSIM {similarity}{_in_words(layout)}")
    return 0


def _is_folder(path: Path) -> bool:
    from ..imaging.stores import is_store

    return path.is_dir() and not is_store(path)


def _ask(options: argparse.Namespace) -> int:
    from .._base.atomic import write_atomically
    from ..evaluation.blind import blind_page, fewest_pairs, pairs_in

    first, second, originals = options.blind
    pairs = pairs_in(first, second, originals)
    names = _names_of(first, second)
    write_atomically(options.out, blind_page(pairs, names).encode())
    print(f"{options.out}: {len(pairs)} pairs of {names[0]} and {names[1]}, {options.out.stat().st_size / 1e6:.1f} MB")
    if len(pairs) < fewest_pairs():
        print(f"fewer than {fewest_pairs()} answers may always be chance: take more pictures, or ask several people")
    return 0


def _names_of(first: Path, second: Path) -> tuple[str, str]:
    """What tells two folders apart."""
    one, other = first.absolute(), second.absolute()
    return (str(first), str(second)) if one.name == other.name else (one.name, other.name)


def _judge(options: argparse.Namespace) -> int:
    from ..evaluation.blind import read_answers, verdict

    found = verdict(read_answers(options.answers))
    print(found.sentence)
    if len(found.judges) > 1:
        for name, count, total in found.judges:
            print(f"  {name}: {found.names[0]} {count}, {found.names[1]} {total - count}")
    return 0


def _decoded(path: Path, options: argparse.Namespace) -> tuple[Any, Layout]:
    from ..api import open as open_file
    from ..errors import OptionError

    if options.range is not None:
        raise OptionError(f"{options.decoded} says itself what was black and white; leave out --range")
    file = open_file(path)
    with bar("decoding", options) as progress:
        return file.read(progress=progress), file.layout


def _layout(original: Any, axes: str | None, given: str | None) -> Layout:
    """Axes and ranges of an original that no file describes."""
    import numpy as np

    from ..imaging.layout import laid_out
    from ..imaging.source import ArraySource
    from .options import value_range

    layout = laid_out(tuple(original.shape), np.dtype(original.dtype), axes)
    rule = value_range(given)
    if rule is None:
        rule = "dtype" if layout.dtype == "uint8" else "minmax"
    found = ArraySource([original], layout).with_ranges(rule, "channel").layout
    return replace(found, clipped=0)


def _in_words(layout: Layout) -> str:
    """Which values black and white stand for, where they are not 0 and 255."""
    ranges = ", ".join(f"{low:g} to {high:g}" for low, high in dict.fromkeys(layout.ranges))
    planes = math.prod(layout.leading)
    return (f", {planes} planes" if planes > 1 else "") + (f", range {ranges}" if ranges else "")
