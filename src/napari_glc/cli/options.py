"""What several verbs let their users choose."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..codecs.registry import DEFAULT_CODEC, all_codecs
from ..codecs.signature import options_of

if TYPE_CHECKING:
    from ..codecs.options import OptionField
    from ..codecs.signature import OptionKind
    from ..imaging.ranges import RangeRule

__all__ = [
    "add_array_options",
    "add_codec_options",
    "add_model_options",
    "add_quiet",
    "add_rate_options",
    "add_threads",
    "array_options",
    "codec_options",
    "count",
    "quality",
    "rate_options",
    "value_range",
]

_OPTION = "codec_option_"
_SHORT = {"effort": "-e"}
"""Options of codecs that are short in other people's encoders, too."""


def quality(text: str) -> float:
    """A quality on the command line."""
    from .._base.quality import checked_quality
    from ..errors import OptionError

    try:
        return checked_quality(float(text))
    except (ValueError, OptionError) as error:
        raise argparse.ArgumentTypeError(f"must be a number within 0 to 100, not {text}") from error


def count(text: str) -> int:
    """A number of things on the command line, at least one."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text}")
    return int(text)


def add_rate_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--quality`` and what may be said instead; see :func:`rate_options`."""
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument(
        "-q", "--quality", type=quality, default=50.0, metavar="Q", help="0 (smallest) to 100, default 50"
    )
    rate.add_argument("--bpp", type=float, metavar="B", help="bits per pixel of the whole file instead")
    rate.add_argument("--bytes", type=int, metavar="N", help="at most so many bytes instead")
    rate.add_argument(
        "-d",
        "--distance",
        type=float,
        metavar="D",
        help="the smallest file that looks as near: least distance of features",
    )
    parser.add_argument("--strict", action="store_true", help="a --bpp that cannot be met is an error: nothing written")


def rate_options(options: argparse.Namespace) -> dict[str, Any]:
    """Those of :func:`add_rate_options` that were given instead of a quality, for :class:`~..files.wanted.Wanted`."""
    given = {"bpp": options.bpp, "size": options.bytes, "distance": options.distance}
    return {name: value for name, value in given.items() if value is not None} | {"strict": options.strict}


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add ``--quiet``."""
    parser.add_argument("--quiet", action="store_true", help="print errors alone")


def add_threads(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add ``--threads``; :func:`~.main.main` sees to it."""
    parser.add_argument(*names, "--threads", type=count, metavar="N", help="threads to compute with, default all cores")


def add_model_options(parser: argparse.ArgumentParser, several: str = "") -> None:
    """Add ``--codec``, ``--model`` and ``--device``; with words about `several`, more than one codec may be named."""
    codecs = "; ".join(f"{entry.name}: {entry.summary}" for entry in all_codecs())
    if several:
        parser.add_argument("--codec", nargs="+", metavar="C", help=f"{several}; {codecs}".replace("%", "%%"))
    else:
        parser.add_argument(
            "--codec",
            default=DEFAULT_CODEC,
            choices=[entry.name for entry in all_codecs()],
            help=f"{codecs}; default {DEFAULT_CODEC}".replace("%", "%%"),
        )
    parser.add_argument("--model", metavar="M", help="name, hash or path; default the codec's embedded model")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")


def add_codec_options(parser: argparse.ArgumentParser, kind: OptionKind = "options") -> None:
    """Add what codecs let their users choose; see :func:`codec_options`."""
    owners: dict[str, list[tuple[str, OptionField]]] = {}
    for entry in all_codecs():
        for field in options_of(entry, kind):
            owners.setdefault(field.name, []).append((entry.name, field))
    for name, declared in owners.items():
        # codecs may declare the same option alike, or each in its own words
        texts: dict[str, list[str]] = {}
        for codec, field in declared:
            texts.setdefault(_in_words(field), []).append(codec)
        text = "; ".join(f"codec {', '.join(codecs)}: {words}" for words, codecs in texts.items())
        given = declared[0][1].type
        flag, about = "--" + name.replace("_", "-"), text.replace("%", "%%")
        flags = [_SHORT[name], flag] if name in _SHORT else [flag]
        if given is bool:
            parser.add_argument(*flags, dest=_OPTION + name, action=argparse.BooleanOptionalAction, help=about)
        else:
            choices = [choice for _, field in declared for choice in field.choices]
            listed = list(dict.fromkeys(choices)) if all(field.choices for _, field in declared) else None
            parser.add_argument(*flags, dest=_OPTION + name, type=given, choices=listed, metavar="V", help=about)


def _in_words(field: OptionField) -> str:
    bounds = (field.knob.least, field.knob.most)
    span = "" if None in bounds else ", {:g} to {:g}".format(*bounds)
    choices = f": {', '.join(map(str, field.choices))}" if field.choices else ""
    if field.knob.offered is not None:
        choices = ": a name that glc models list shows, or a path"
    return f"{field.knob.help}{span}{choices}; default {field.default}"


def codec_options(options: argparse.Namespace) -> dict[str, Any]:
    """Those of :func:`add_codec_options` that were given."""
    given = {name: value for name, value in vars(options).items() if name.startswith(_OPTION) and value is not None}
    return {name.removeprefix(_OPTION): value for name, value in given.items()}


def add_array_options(parser: argparse.ArgumentParser) -> None:
    """Add what concerns arrays beyond one 8-bit picture."""
    parser.add_argument("--axes", metavar="A", help="a letter for each dimension, if the file does not say: TCZYX")
    parser.add_argument("--range", metavar="R", help=f"what becomes 0 and 255: {_rules()}, or LOW,HIGH; default minmax")
    parser.add_argument(
        "--channels",
        default="separate",
        choices=["separate", "packed"],
        help="separate (default) or packed: 3 in a plane",
    )
    parser.add_argument("--levels", default="auto", metavar="L", help="levels of resolution in the file, default auto")


def _rules() -> str:
    from ..imaging.range_rules import RANGE_RULES

    return ", ".join(f"{name} ({words.help})" for name, words in RANGE_RULES.items())


def array_options(options: argparse.Namespace) -> dict[str, Any]:
    """Options of :func:`napari_glc.encode` from those of :func:`add_array_options`."""
    from ..errors import OptionError

    found: dict[str, Any] = {"channels": options.channels}
    if options.axes is not None:
        found["axes"] = options.axes
    rule = value_range(options.range)
    if rule is not None:
        found["value_range"] = rule
    try:
        found["levels"] = options.levels if options.levels == "auto" else int(options.levels)
    except ValueError as error:
        raise OptionError(f"not a number in --levels {options.levels}") from error
    return found


def value_range(text: str | None) -> RangeRule | None:
    """What ``--range`` says: a rule's name or two numbers.

    Raises
    ------
    OptionError
        If there is a comma and no number beside it.
    """
    from ..errors import OptionError

    if text is None or "," not in text:
        return text
    try:
        return [float(number) for number in text.split(",")]
    except ValueError as error:
        raise OptionError(f"not a number in --range {text}") from error
