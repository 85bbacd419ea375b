"""``glc bd-rate``: how many bytes more or less at equal quality."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from ..errors import OptionError
from ..metrics.curves import METHODS
from ..metrics.measures import MEASURES, measure_named

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    verb = verbs.add_parser(
        "bd-rate",
        help="bytes at equal quality, of two or more results",
        description=(
            "Say how many percent more or fewer bytes each result takes than the first one at equal quality, on "
            "average (Bjontegaard delta rate)."
        ),
    )
    verb.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULTS",
        help="tables: CSV with columns bpp and psnr, ms_ssim ..., if need be codec, setting, image; "
        "or JSON of glc evaluate. What others are compared with comes first",
    )
    verb.add_argument("--anchor", metavar="NAME", help="compare with this codec of the tables instead of the first")
    verb.add_argument(
        "--measure",
        nargs="+",
        metavar="M",
        help=f"at equal values of what: {', '.join(m.name for m in MEASURES)}; default all there are",
    )
    verb.add_argument(
        "--method",
        choices=METHODS,
        default="pchip",
        help="the curve through the points: pchip (default; piecewise cubic, as in JVET's test conditions), cubic (one "
        "polynomial, as first proposed to ITU-T in VCEG-M33) or akima",
    )
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ..evaluation.results import bd_rates, difference_of_pictures, read_curves

    curves = read_curves(options.results)
    names = [curve.name for curve in curves]
    if options.anchor is not None and options.anchor not in names:
        raise OptionError(f"there is no {options.anchor!r} in the results, only {', '.join(names)}")
    anchor = curves[0 if options.anchor is None else names.index(options.anchor)]
    others = [curve for curve in curves if curve is not anchor]
    if not others:
        raise OptionError(f"{anchor.name} is the only result; name another one to compare with it")
    reasons = {curve.name: difference_of_pictures(curve, anchor) for curve in others}
    if not all(reasons.values()):
        # one of several that lacks pictures must not hide the others
        for name, reason in reasons.items():
            if reason:
                print(f"glc: {reason}; {name} is left out", file=sys.stderr)
        others = [curve for curve in others if not reasons[curve.name]]
    measures = [m for m in MEASURES if anchor.of(m) and any(curve.of(m) for curve in others)]
    if options.measure is not None:
        measures = [measure_named(name) for name in options.measure]
    if not measures:
        raise OptionError(f"{anchor.name} and the others have no measure in common")
    found = bd_rates(anchor, others, measures, method=options.method)
    if options.json:
        cells = {n: {m: None if math.isnan(v) else v for m, v in row.items()} for n, row in found.items()}
        print(json.dumps({"anchor": anchor.name, "method": options.method, "bd_rate": cells}, indent=2))
        return 0
    width = max(map(len, found))
    print(f"bytes at equal quality against {anchor.name}, in percent (BD-rate, {options.method})")
    print("  ".join([" " * width, *(f"{m.name:>10}" for m in measures)]))
    for name, row in found.items():
        values = ("-" if math.isnan(value) else f"{value:+.2f}" for value in row.values())
        print("  ".join([f"{name:<{width}}", *(f"{value:>10}" for value in values)]))
    if any(math.isnan(value) for row in found.values() for value in row.values()):
        print("-: not measured, no quality in common, or too few points")
    return 0
