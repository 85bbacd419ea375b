"""A process that overwrites a file until it is killed: `python writer_process.py TARGET SEED BYTES`.

Every content is one of :func:`content`, so a reader can tell a whole file from a mixture. Prints a line when it begins.
"""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

from napari_glc._base.atomic import write_atomically
from napari_glc.container import ArrayKind, Header, pack


def content(number: int, size: int) -> bytes:
    """A whole ``.glc`` file whose payload tells which one it is; every number has another length."""
    header = Header(codec=0, kind=ArrayKind.GREY8, model=bytes(3), quality=1, height=64, width=64)
    return pack(header, [random.Random(number).randbytes(size + 1000 * (number % 7))], {"number": number})


def main() -> None:
    target, seed, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    print("ready", flush=True)
    for number in itertools.count(seed):
        write_atomically(target, content(number, size))


if __name__ == "__main__":
    main()
