"""Tables of results, ours or other people's, as curves of means."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ..errors import OptionError
from ..metrics import MEASURES, Measure, bd_rate
from ..metrics.curves import Method

__all__ = ["ResultCurve", "bd_rates", "curves_of_rows", "difference_of_pictures", "read_curves", "read_rows"]

_SETTINGS = ("setting", "quality")
_MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class ResultCurve:
    """One codec's mean rate and quality at each of its settings.

    Attributes
    ----------
    name
        Of the codec, or of the file it was read from.
    points
        In the order of rates: ``bpp`` and the measures by name, those that every picture has.
    pictures
        Names of the pictures the means are over, without suffixes; empty if the table names none.
    """

    name: str
    points: tuple[Mapping[str, float], ...]
    pictures: frozenset[str]

    def of(self, measure: Measure) -> list[tuple[float, float]]:
        """The curve of one measure: points ``(bpp, quality)``."""
        return [(point["bpp"], point[measure.name]) for point in self.points if measure.name in point]


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a table of results.

    Parameters
    ----------
    path
        CSV with a header line, or what ``glc evaluate --json`` writes. A row says ``bpp`` and any measures, and may say
        ``codec``, ``setting`` (or ``quality``) and ``image``; other columns do not matter.

    Returns
    -------
    list of dict
        ``bpp`` and the measures as numbers, under our names; what is empty or not finite is left out. ``codec``,
        ``setting``, ``image`` and ``decoded`` (a file) as text, where the table has them.

    Raises
    ------
    OptionError
        If it is no such table, a cell is no number or a rate is not positive.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    if path.stat().st_size > _MOST_BYTES:
        raise OptionError(f"{path}: {path.stat().st_size} bytes are more than a table of results has")
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _json_rows(text) if path.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
        found = [_row(row) for row in rows]
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, csv.Error, RecursionError) as error:
        raise OptionError(f"{path} is no table of results: {error}") from error
    if not found:
        raise OptionError(f"{path} holds no results")
    return found


def _json_rows(text: str) -> list[dict[str, Any]]:
    content = json.loads(text)
    return list(content["images"] if isinstance(content, dict) else content)


def _row(cells: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"bpp": _number(cells, "bpp")}
    if row["bpp"] is None:
        raise OptionError("it has no column bpp" if "bpp" not in cells else "a row has no bpp")
    for measure in MEASURES:
        name = next((name for name in (measure.name, *measure.aliases) if name in cells), None)
        value = None if name is None else _number(cells, name)
        if value is not None:
            row[measure.name] = value
    for name, columns in (
        ("codec", ("codec",)),
        ("setting", _SETTINGS),
        ("image", ("image",)),
        ("decoded", ("decoded",)),
    ):
        told = [cells[column] for column in columns if cells.get(column) not in (None, "")]
        if told:
            row[name] = str(told[0])
    return row


def _number(cells: Mapping[str, Any], name: str) -> float | None:
    """A cell as a number; what is not finite (MS-SSIM of a small picture, PSNR of an identical one) is none."""
    cell = cells.get(name)
    if cell is None or cell == "":
        return None
    try:
        number = float(cell)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name} is {cell!r} in one row, which is no number") from error
    if name == "bpp" and not (math.isfinite(number) and number > 0):
        raise OptionError(f"bpp is {cell} in one row, which is no rate")
    return number if math.isfinite(number) else None


def curves_of_rows(rows: Iterable[Mapping[str, Any]], name: str = "") -> list[ResultCurve]:
    """Means over all pictures of a table, a curve for each codec.

    Parameters
    ----------
    rows
        As :func:`read_rows` gives them.
    name
        Of rows that name no codec.

    Raises
    ------
    OptionError
        If no setting of a codec has all of its pictures.
    """
    groups: dict[str, dict[Any, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for number, row in enumerate(rows):
        # without settings each row is a point
        groups[row.get("codec", name)][row.get("setting", number)].append(row)
    return [_curve(codec, list(settings.values())) for codec, settings in groups.items()]


def _curve(name: str, settings: Sequence[Sequence[Mapping[str, Any]]]) -> ResultCurve:
    pictures = frozenset(PurePath(row["image"]).stem for rows in settings for row in rows if "image" in row)
    points = []
    for rows in settings:
        # a setting that lacks pictures, as where a coder failed, has another mean than the others
        if pictures and len({PurePath(row["image"]).stem for row in rows if "image" in row}) < len(pictures):
            continue
        names = ["bpp", *(m.name for m in MEASURES if all(m.name in row for row in rows))]
        points.append({name: math.fsum(row[name] for row in rows) / len(rows) for name in names})
    if not points:
        raise OptionError(f"no setting of {name} has all {len(pictures)} pictures")
    return ResultCurve(name, tuple(sorted(points, key=lambda point: point["bpp"])), pictures)


def read_curves(paths: Sequence[str | Path]) -> list[ResultCurve]:
    """The curves of some tables.

    Parameters
    ----------
    paths
        See :func:`read_rows`. A table of one codec is called what its file is called; of several, each what the
        table calls it.

    Raises
    ------
    OptionError
        If a table is none.
    OSError
        If one cannot be read.
    """
    curves: list[ResultCurve] = []
    for path in map(Path, paths):
        found = curves_of_rows(read_rows(path), path.stem)
        if len(found) == 1:
            found = [ResultCurve(path.stem, found[0].points, found[0].pictures)]
        taken = {curve.name for curve in curves}
        curves += [ResultCurve(f"{path}:{c.name}", c.points, c.pictures) if c.name in taken else c for c in found]
    return curves


def difference_of_pictures(one: ResultCurve, other: ResultCurve) -> str:
    """One line that says which picture only one of two curves is about; empty if they are about the same ones."""
    for here, there in ((one, other), (other, one)):
        if one.pictures and other.pictures and (only := sorted(here.pictures - there.pictures)):
            return f"{one.name} and {other.name} are about different pictures: {only[0]} is in {here.name} alone"
    return ""


def bd_rates(
    anchor: ResultCurve, tests: Sequence[ResultCurve], measures: Sequence[Measure], *, method: Method = "pchip"
) -> dict[str, dict[str, float]]:
    """BD-rates of some curves against another one.

    Parameters
    ----------
    anchor, tests
        The curves.
    measures
        At equal values of which rates are compared.
    method
        See :func:`napari_glc.metrics.bd_rate`.

    Returns
    -------
    dict
        From the name of a test to the name of a measure to percent, NaN where there is nothing to compare.

    Raises
    ------
    OptionError
        If two curves are about different pictures.
    """
    for test in tests:
        if reason := difference_of_pictures(test, anchor):
            raise OptionError(reason)

    def of_pair(test: ResultCurve, measure: Measure) -> float:
        higher = measure.higher_is_better
        return bd_rate(anchor.of(measure), test.of(measure), method=method, higher_is_better=higher)

    return {test.name: {measure.name: of_pair(test, measure) for measure in measures} for test in tests}
