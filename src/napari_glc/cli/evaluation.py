"""``glc evaluate``: rate and quality on a folder of pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codecs.registry import DEFAULT_CODEC
from ..metrics.measures import MEASURES, measure_named
from .options import add_codec_options, add_model_options, codec_options
from .progress import bar

if TYPE_CHECKING:
    from ..evaluation.journal import Journal
    from ..evaluation.running import Evaluation

__all__ = ["add_verbs"]

_QUALITIES_OF_LOSSES = (10, 50, 90)


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file to a parser."""
    evaluate = verbs.add_parser(
        "evaluate",
        help="rate and quality on a folder of pictures, as a table or a report",
        description="Encode and decode every picture of a folder with one or several codecs; report file bytes, bpp, "
        "measures of quality and times, as a table and, with --report, as a page.",
    )
    evaluate.add_argument("folder", type=Path, metavar="FOLDER", help="8-bit pictures; sub-folders are not entered")
    evaluate.add_argument(
        "-q",
        "--quality",
        type=float,
        nargs="+",
        metavar="Q",
        help="qualities of our codecs to try, default 0 25 50 75 100, fewer where each is an optimisation",
    )
    _add_output(evaluate)
    _add_others(evaluate)
    _add_losses(evaluate)
    add_codec_options(evaluate)
    add_model_options(evaluate, several=_WHAT_CODECS)
    evaluate.set_defaults(run=_evaluate)


_WHAT_CODECS = (
    f"codecs to compare, default {DEFAULT_CODEC} and with --report all that Pillow writes; also 'ours', 'all', jpeg, "
    "webp, avif, jxl; options stand behind a colon, as in glc:effort=3 or avif:speed=4"
)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", type=Path, metavar="PAGE", help="write a page with everything, for any browser")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything measured to this file")
    parser.add_argument("--csv", type=Path, metavar="OUT", help="write a row for each picture, codec and quality")
    parser.add_argument("--save-decoded", type=Path, metavar="DIR", help="keep the files and decoded pictures")
    parser.add_argument(
        "--features", type=Path, metavar="DIR", help="folder of feature networks: adds a second perceptual distance"
    )
    parser.add_argument(
        "--measure",
        nargs="+",
        metavar="M",
        help=f"any of {', '.join(m.name for m in MEASURES if m.of == 'pair')}, or all whose networks are at hand; "
        f"default squeezenet ms_ssim psnr",
    )
    parser.add_argument(
        "-j", "--workers", type=int, default=1, metavar="N", help="processes on this machine, default 1"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="keep results here as they come, and take up those that are there; with --report its name with .parts",
    )
    parser.add_argument(
        "--at",
        type=float,
        metavar="Q",
        help="with --report: pictures are shown at the bytes of the first codec at this quality, default the middle",
    )
    parser.add_argument(
        "--sheets", type=int, default=24, metavar="N", help="with --report: pictures shown, default 24; 0 for none"
    )


def _add_others(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--table",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="results or files made elsewhere: CSV with codec, setting, image, bpp and either decoded (a picture) or "
        "measures; or JSON of glc evaluate",
    )
    parser.add_argument(
        "--encoder",
        nargs=4,
        action="append",
        default=[],
        metavar=("NAME", "SETTINGS", "ENCODE", "DECODE"),
        help="another codec by its command lines, as in bpg 45,40,35 'bpgenc -q {quality} -o {file} {picture}' "
        "'bpgdec -o {decoded} {file}'",
    )


def _add_losses(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--loss",
        type=float,
        nargs="+",
        metavar="A",
        help="codecs with packets: lose these shares of the index maps and recover them, instead of measuring bytes",
    )
    parser.add_argument(
        "--recover",
        nargs="+",
        default=["transformer", "nearest", "frequent", "none"],
        metavar="R",
        help="with --loss: ways of recovery, default transformer nearest frequent none; also both-sides",
    )
    parser.add_argument(
        "--pattern", default="random", metavar="P", help="with --loss: random (default), burst, tile or packet"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="with --loss: of the draw, default 0")


def _evaluate(options: argparse.Namespace) -> int:
    if options.loss is not None:
        return _evaluate_losses(options)
    from ..evaluation.running import evaluate

    coders, others, journal = _asked(options)
    with bar("evaluating", options) as progress:
        evaluation = evaluate(
            options.folder,
            coders,
            qualities=options.quality,
            measures=_measures(options),
            features=options.features,
            others=others,
            workers=options.workers,
            journal=journal,
            save_to=options.save_decoded,
            progress=progress,
        )
    _write(options, evaluation)
    if options.report is not None:
        _write_report(options, evaluation, journal)
    for what, why in evaluation.failed.items():
        print(f"glc: {what}: {why}", file=sys.stderr)
    return 1 if evaluation.failed else 0


def _asked(options: argparse.Namespace) -> tuple[list[Any], list[Any], Journal | None]:
    """Coders, rows measured elsewhere, and where results are kept."""
    from ..errors import OptionError
    from ..evaluation.classical import available_classical
    from ..evaluation.coders import coders_named
    from ..evaluation.journal import Journal
    from ..evaluation.outside import command_of, read_table
    from ..evaluation.running import sources_in

    names = options.codec or [DEFAULT_CODEC]
    if options.codec is None and options.report is not None:
        names += [codec.name for codec in available_classical()]
    coders = coders_named(names, model=options.model, device=options.device, options=codec_options(options))
    coders += [command_of(*words) for words in options.encoder]
    others: list[Any] = []
    if options.table:
        pictures = {source.path.stem: source.pixels for source in sources_in(options.folder)[0]}
        for path in options.table:
            table = read_table(path, pictures)
            coders += table.coders
            others += table.results
    named = [*(coder.name for coder in coders), *dict.fromkeys(result.codec for result in others)]
    if twice := [name for name in named if named.count(name) > 1]:
        raise OptionError(f"there are two codecs called {twice[0]!r}")
    for path in (options.report, options.json, options.csv):
        # before an hour of work, not behind it
        if path is not None and not path.absolute().parent.is_dir():
            raise OptionError(f"there is no folder {path.absolute().parent} to write {path.name} to")
    kept = options.resume
    if kept is None and options.report is not None:
        kept = options.report.with_suffix(".parts")
    return coders, others, None if kept is None else Journal(kept)


def _measures(options: argparse.Namespace) -> list[str] | None:
    from ..evaluation.measures import available_measures

    if options.measure == ["all"]:
        return [measure.name for measure in available_measures(options.features) if measure.of == "pair"]
    return None if options.measure is None else [measure_named(name).name for name in options.measure]


def _write(options: argparse.Namespace, evaluation: Evaluation) -> None:
    from .._base.atomic import write_atomically
    from ..evaluation.rows import json_text, means, results_csv

    rows = [mean.row() for mean in means(evaluation.results)]
    _print(rows, options.folder)
    if options.json is not None:
        document = {
            "command": options.command,
            "codecs": {coder.name: dict(coder.facts) for coder in evaluation.coders},
            "means": rows,
            "images": [result.row() for result in evaluation.results],
            "failed": evaluation.failed,
        }
        write_atomically(options.json, json_text(document).encode())
    if options.csv is not None:
        write_atomically(options.csv, results_csv(evaluation.results).encode())


def _write_report(options: argparse.Namespace, evaluation: Evaluation, journal: Journal | None) -> None:
    from .._base.atomic import write_atomically
    from ..evaluation.equal_bytes import sheets
    from ..evaluation.making import made_with
    from ..evaluation.report.page import Report

    shown = []
    if options.sheets > 0:
        with bar("equal bytes", options) as progress:
            shown = sheets(
                evaluation,
                options.at,
                most=options.sheets,
                workers=options.workers,
                journal=journal,
                save_to=None if options.save_decoded is None else options.save_decoded / "equal",
                progress=progress,
            )
    report = Report(
        f"Codecs on {options.folder.absolute().name}", evaluation, shown, made_with(options.workers), options.command
    )
    write_atomically(options.report, report.html().encode())
    print(f"report in {options.report}, {options.report.stat().st_size / 1e6:.1f} MB")


def _evaluate_losses(options: argparse.Namespace) -> int:
    from .._base.atomic import write_atomically
    from ..errors import OptionError
    from ..evaluation.erasures import evaluate_losses, loss_means
    from ..evaluation.rows import json_text

    if options.codec is not None and len(options.codec) > 1:
        raise OptionError("with --loss there is one codec at a time")
    with bar("evaluating", options) as progress:
        rows = evaluate_losses(
            options.folder,
            options.quality or _QUALITIES_OF_LOSSES,
            options.loss,
            options.recover,
            codec=options.codec[0] if options.codec else None,
            pattern=options.pattern,
            seed=options.seed,
            model=options.model,
            device=options.device,
            features=options.features,
            save_to=options.save_decoded,
            progress=progress,
        )
    summary = loss_means(rows)
    _print(summary, options.folder)
    if options.json is not None:
        write_atomically(options.json, json_text({"means": summary, "images": rows}).encode())
    return 0


def _print(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row if name != "images"))
    wide = max([14, *(len(value) for row in rows for value in row.values() if isinstance(value, str))])
    print("  ".join(f"{name:>{wide}}" for name in names))
    for row in rows:
        cells = (row.get(name, "-") for name in names)
        print("  ".join(f"{cell if isinstance(cell, str) else f'{cell:.4f}':>{wide}}" for cell in cells))
    print(f"means over {rows[0]['images']} pictures of {folder}")
