"""``glc batch``: a folder at once, in processes or on a cluster."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .options import (
    add_array_options,
    add_codec_options,
    add_model_options,
    add_quiet,
    add_rate_options,
    array_options,
    codec_options,
    count,
    rate_options,
)
from .progress import bar
from .streams import nothing_in, say, tell

__all__ = ["add_verbs"]

_WHAT = "pictures, TIFF, Zarr or .npy"


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    batch = verbs.add_parser(
        "batch",
        help="encode a folder, in processes or on a cluster",
        description="Encode every picture and stack of a folder; files that are there already are skipped.",
    )
    batch.add_argument("source", type=Path, metavar="IN_DIR", help="pictures, TIFF, Zarr, .npy")
    batch.add_argument("target", type=Path, metavar="OUT_DIR", help="made if missing; a.tif becomes a.tif.glc")
    add_rate_options(batch)
    batch.add_argument("-r", "--recursive", action="store_true", help="enter sub-folders, and make them in OUT_DIR")
    batch.add_argument(
        "-j", "--workers", type=count, default=1, metavar="N", help="processes on this machine, default 1"
    )
    batch.add_argument(
        "--threads", type=count, metavar="N", help="threads of each process; default its share of the cores"
    )
    batch.add_argument("--dask", metavar="ADDRESS", help="workers of this dask scheduler instead: tcp://host:8786")
    batch.add_argument("--retries", type=int, default=1, metavar="N", help="tries after a failure, default 1")
    batch.add_argument(
        "--keep-metadata", action="store_true", help="keep the pictures' colour profiles and EXIF, which take bytes"
    )
    add_codec_options(batch)
    add_array_options(batch)
    add_model_options(batch)
    add_quiet(batch)
    batch.set_defaults(run=_batch)


def _batch(options: argparse.Namespace) -> int:
    from ..batch import encode_folder

    given = array_options(options) | codec_options(options) | rate_options(options)
    given |= {name: getattr(options, name) for name in ("quality", "codec", "model", "device", "keep_metadata")}
    with bar("encoding", options) as progress:
        report = encode_folder(
            options.source,
            options.target,
            workers=options.workers,
            threads=options.threads,
            dask=options.dask,
            retries=options.retries,
            recursive=options.recursive,
            options=given,
            progress=progress,
        )
    if not (report.done or report.skipped or report.failed):
        print(nothing_in(options.source, _WHAT, options.recursive), file=sys.stderr)
        return 1
    say(options, f"{len(report.done)} encoded, {len(report.skipped)} skipped, {len(report.failed)} failed")
    for path, words in report.missed.items():
        tell(options, f"{path.relative_to(options.target)}: {words}")
    for path, reason in report.failed.items():
        print(f"glc: {path.relative_to(options.source)}: {reason}", file=sys.stderr)
    return 1 if report.failed else 0
