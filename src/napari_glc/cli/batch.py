"""``glc batch``: a folder at once, in processes or on a cluster."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .options import add_array_options, add_codec_options, add_model_options, array_options, codec_options
from .progress import bar

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    batch = verbs.add_parser(
        "batch",
        help="encode a folder, in processes or on a cluster",
        description="Encode every picture and stack of a folder; files that are there already are skipped.",
    )
    batch.add_argument(
        "source", type=Path, metavar="IN_DIR", help="pictures, TIFF, Zarr, .npy; sub-folders not entered"
    )
    batch.add_argument("target", type=Path, metavar="OUT_DIR", help="made if missing; a.tif becomes a.tif.glc")
    batch.add_argument("--quality", type=float, default=50, metavar="Q", help="0 (smallest) to 100, default 50")
    batch.add_argument("--workers", type=int, default=1, metavar="N", help="processes on this machine, default 1")
    batch.add_argument("--dask", metavar="ADDRESS", help="workers of this dask scheduler instead: tcp://host:8786")
    batch.add_argument("--retries", type=int, default=1, metavar="N", help="tries after a failure, default 1")
    add_codec_options(batch)
    add_array_options(batch)
    add_model_options(batch)
    batch.set_defaults(run=_batch)


def _batch(options: argparse.Namespace) -> int:
    from ..batch import encode_folder

    given = (
        array_options(options)
        | codec_options(options)
        | {
            "quality": options.quality,
            "codec": options.codec,
            "model": options.model,
            "device": options.device,
        }
    )
    with bar("encoding") as progress:
        report = encode_folder(
            options.source,
            options.target,
            workers=options.workers,
            dask=options.dask,
            retries=options.retries,
            options=given,
            progress=progress,
        )
    print(f"{len(report.done)} encoded, {len(report.skipped)} skipped, {len(report.failed)} failed")
    for path, reason in report.failed.items():
        print(f"glc: {path.name}: {reason}", file=sys.stderr)
    return 1 if report.failed else 0
