"""``glc damage``."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    damage = verbs.add_parser(
        "damage",
        help="damage a .glc file on purpose",
        description="Damage the payload of a .glc file, to see what decoding with --recover makes of it.",
    )
    damage.add_argument("input", type=Path, metavar="IN.glc", help="the file to damage")
    damage.add_argument("output", type=Path, metavar="OUT.glc", help="where to write the damaged copy")
    damage.add_argument(
        "--loss", type=float, default=0.2, metavar="A", help="share of the packets, bytes or bits, default 0.2"
    )
    damage.add_argument(
        "--pattern", default="packet", metavar="P", help="packet (default), burst, bits or end (cut off)"
    )
    damage.add_argument("--seed", type=int, default=0, metavar="S", help="of the random choice, default 0")
    damage.set_defaults(run=_damage)


def _damage(options: argparse.Namespace) -> int:
    from .._base.atomic import write_atomically
    from ..api import open as open_file
    from ..files.damaging import damage

    data = damage(options.input.read_bytes(), options.loss, options.pattern, seed=options.seed)
    write_atomically(options.output, data)
    file = open_file(options.output)
    lost, packets = len(file.lost_packets()), file.container.chunks
    print(f"{options.output}: {lost} of {packets} packet(s) damaged, {len(data)} bytes")
    return 0
