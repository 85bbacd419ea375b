"""``glc damage``."""

from __future__ import annotations

import argparse
from pathlib import Path

from .streams import add_no_clobber, check_output, input_file, say, write_output

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    damage = verbs.add_parser(
        "damage",
        help="damage a .glc file on purpose",
        description="Damage the payload of a .glc file, to see what decoding with --recover makes of it.",
    )
    damage.add_argument("input", type=Path, metavar="IN.glc", help="the file to damage; - for standard input")
    damage.add_argument(
        "output", type=Path, metavar="OUT.glc", help="where to write the damaged copy; - for standard output"
    )
    damage.add_argument(
        "--loss", type=float, default=0.2, metavar="A", help="share of the packets, bytes or bits, default 0.2"
    )
    damage.add_argument(
        "--pattern", default="packet", metavar="P", help="packet (default), burst, bits or end (cut off)"
    )
    damage.add_argument("--seed", type=int, default=0, metavar="S", help="of the random choice, default 0")
    add_no_clobber(damage)
    damage.set_defaults(run=_damage)


def _damage(options: argparse.Namespace) -> int:
    from ..files.damaging import damage
    from ..files.opened import GlcFile

    check_output(options.output, options, ".glc")
    with input_file(options.input) as path:
        data = damage(path.read_bytes(), options.loss, options.pattern, seed=options.seed)
    write_output(options.output, [data])
    file = GlcFile(data)
    words = f"{len(file.lost_packets())} of {file.container.chunks} packet(s) damaged, {len(data)} bytes"
    say(options, f"{options.output}: {words}", options.output)
    return 0
