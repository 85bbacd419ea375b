"""``glc compare``."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    compare = verbs.add_parser(
        "compare", help="PSNR and MS-SSIM of two pictures", description="Compare a decoded picture with its original."
    )
    compare.add_argument("original", type=Path, metavar="ORIGINAL", help="the original picture")
    compare.add_argument("decoded", type=Path, metavar="DECODED", help="a picture, or a .glc file")
    compare.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    from ..api import imread
    from ..imaging.files import read_picture
    from ..metrics import compare

    is_glc = options.decoded.suffix.lower() == ".glc"
    decoded = imread(options.decoded) if is_glc else read_picture(options.decoded)
    fidelity = compare(read_picture(options.original), decoded)
    print(f"{options.decoded}: PSNR {fidelity.psnr:.2f} dB, MS-SSIM {fidelity.ms_ssim:.4f}")
    return 0
