"""``glc evaluate``: rate and quality on a folder of pictures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..codecs.registry import DEFAULT_CODEC
from .options import add_codec_options, add_model_options, codec_options
from .progress import bar

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file to a parser."""
    evaluate = verbs.add_parser(
        "evaluate",
        help="rate and quality on a folder of pictures",
        description="Encode and decode every picture of a folder; report file bytes, bpp, PSNR, MS-SSIM and times.",
    )
    evaluate.add_argument("folder", type=Path, metavar="FOLDER", help="8-bit pictures; sub-folders are not entered")
    evaluate.add_argument(
        "--quality", type=float, nargs="+", default=[10, 50, 90], metavar="Q", help="qualities to try, default 10 50 90"
    )
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="write everything measured to this file")
    evaluate.add_argument("--save-decoded", type=Path, metavar="DIR", help="keep the .glc files and decoded pictures")
    evaluate.add_argument(
        "--features", type=Path, metavar="DIR", help="folder of feature networks: adds two perceptual distances"
    )
    evaluate.add_argument(
        "--loss",
        type=float,
        nargs="+",
        metavar="A",
        help="codecs with packets: lose these shares of the index maps and recover them, instead of measuring bytes",
    )
    evaluate.add_argument(
        "--recover",
        nargs="+",
        default=["transformer", "nearest", "frequent", "none"],
        metavar="R",
        help="with --loss: ways of recovery, default transformer nearest frequent none; also both-sides",
    )
    evaluate.add_argument(
        "--pattern", default="random", metavar="P", help="with --loss: random (default), burst, tile or packet"
    )
    evaluate.add_argument("--seed", type=int, default=0, metavar="S", help="with --loss: of the draw, default 0")
    add_codec_options(evaluate)
    add_model_options(evaluate)
    # with --loss the default is a codec that has packets
    evaluate.set_defaults(run=_evaluate, codec=None)


def _evaluate(options: argparse.Namespace) -> int:
    from ..evaluation.rates import evaluate_folder, means

    if options.loss is not None:
        return _evaluate_losses(options)
    with bar("evaluating") as progress:
        rows = evaluate_folder(
            options.folder,
            options.quality,
            codec=options.codec or DEFAULT_CODEC,
            model=options.model,
            device=options.device,
            save_to=options.save_decoded,
            features=options.features,
            progress=progress,
            **codec_options(options),
        )
    return _report(options, rows, means(rows))


def _evaluate_losses(options: argparse.Namespace) -> int:
    from ..evaluation.erasures import evaluate_losses
    from ..evaluation.rates import means

    with bar("evaluating") as progress:
        rows = evaluate_losses(
            options.folder,
            options.quality,
            options.loss,
            options.recover,
            codec=options.codec,
            pattern=options.pattern,
            seed=options.seed,
            model=options.model,
            device=options.device,
            features=options.features,
            save_to=options.save_decoded,
            progress=progress,
        )
    return _report(options, rows, means(rows, ("quality", "loss", "method")))


def _report(options: argparse.Namespace, rows: list[dict[str, Any]], summary: list[dict[str, Any]]) -> int:
    names = [name for name in summary[0] if name != "images"]
    print("  ".join(f"{name:>14}" for name in names))
    for row in summary:
        cells = (row[name] if isinstance(row[name], str) else f"{row[name]:.4f}" for name in names)
        print("  ".join(f"{cell:>14}" for cell in cells))
    print(f"means over {summary[0]['images']} pictures of {options.folder}")
    if options.json is not None:
        text = json.dumps({"means": summary, "images": rows}, indent=1)
        options.json.write_text(text.replace("NaN", "null").replace("Infinity", "null") + "\n")
    return 0
