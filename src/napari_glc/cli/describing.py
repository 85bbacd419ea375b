"""``glc info`` and ``glc verify``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_quiet, add_threads
from .progress import bar
from .streams import input_file, say

if TYPE_CHECKING:
    from ..files.opened import GlcFile

__all__ = ["add_verbs", "facts_of"]

_COMMON_FACTS = ("codec", "model", "quality", "bytes", "bpp")
"""Facts of every file; the others are options of its codec."""


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file to a parser."""
    info = verbs.add_parser("info", help="what a .glc file says of itself", description="Describe a .glc file.")
    info.add_argument("input", type=Path, metavar="IN.glc", help="the file to describe; - for standard input")
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=_info)

    verify = verbs.add_parser(
        "verify", help="check every checksum and symbol", description="Check that a .glc file is intact."
    )
    verify.add_argument("input", type=Path, metavar="IN.glc", help="the file to check; - for standard input")
    add_threads(verify, "-j")
    add_quiet(verify)
    verify.set_defaults(run=_verify)


def facts_of(file: GlcFile, name: Path) -> tuple[dict[str, Any], str]:
    """What a file says of itself, as JSON values; and why its streams are not known, if they are not."""
    from ..errors import (
        DamagedFileError,
        MissingDependencyError,
        MissingModelError,
        TruncatedFileError,
        UnsupportedVersionError,
    )

    facts: dict[str, Any] = {
        "file": str(name),
        **file.facts(),
        "shape": list(file.shape),
        "dtype": str(file.dtype),
        "axes": file.axes,
        "tiles": sum(map(len, file.container.grids)) * file.container.header.planes,
        "planes": file.layout.planes,
        "levels": len(file.levels),
        "ranges": [list(pair) for pair in file.layout.ranges],
        "clipped": file.layout.clipped,
        "not_numbers": file.layout.not_numbers,
        "metadata": file.metadata,
        "model_name": None,
        "streams": None,
    }
    try:
        file.check_decodable()
        facts["model_name"] = file.model.name
        facts["streams"] = file.streams()
    except (
        DamagedFileError,
        MissingDependencyError,
        MissingModelError,
        TruncatedFileError,
        UnsupportedVersionError,
    ) as error:
        # what the header says is worth showing all the same
        return facts, str(error)
    return facts, ""


def _info(options: argparse.Namespace) -> int:
    with input_file(options.input) as path:
        _print_info(path, options)
    return 0


def _print_info(path: Path, options: argparse.Namespace) -> None:
    from ..api import open as open_file

    file = open_file(path)
    facts, problem = facts_of(file, options.input)
    if problem:
        print(f"glc: {problem}", file=sys.stderr)
    if options.json:
        print(json.dumps(facts, indent=2))
        return
    model = f"{facts['model_name'] or 'not installed'} ({file.model_tag})"
    print(f"{options.input}: {file.size} bytes, {file.bpp:.4f} bpp")
    print(f"  codec    {file.codec}, model {model}, quality {file.quality:g}")
    print(f"  array    {' x '.join(map(str, file.shape))} {file.dtype}, axes {file.axes}, {facts['tiles']} tile(s)")
    own = [f"{name.replace('_', ' ')} {value}" for name, value in file.facts().items() if name not in _COMMON_FACTS]
    if own:
        print(f"  options  {', '.join(own)}")
    for name, count in (facts["streams"] or {}).items():
        print(f"  {name:<8} {count:>8} bytes")
    if file.metadata:
        print(f"  metadata {json.dumps(file.metadata)}")


def _verify(options: argparse.Namespace) -> int:
    from ..api import open as open_file

    with input_file(options.input) as path:
        file = open_file(path)
        with bar("verifying", options) as progress:
            file.verify(progress)
    tiles = file.layout.planes * sum(map(len, file.container.grids))
    say(options, f"{options.input}: intact, {tiles} tile(s), {file.size} bytes")
    return 0
