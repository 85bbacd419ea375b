"""What was measured: a row for each picture, codec and quality, and what is made of rows.

Rows and their means are the same whoever asks: the shell's table, CSV and JSON files, the report, the rate explorer.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..metrics.measures import MEASURES, measure_named
from .results import ResultCurve

__all__ = ["Mean", "Result", "curves_of", "in_words", "json_text", "means", "measured_in", "results_csv"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One picture through one codec at one quality.

    Attributes
    ----------
    image
        Name of the picture's file.
    codec
        As in :func:`~napari_glc.evaluation.coders.coder_named`.
    quality
        The codec's own setting.
    size
        Bytes of the whole file.
    bpp
        Bits of the whole file per pixel.
    encode_seconds, decode_seconds
        Wall time; NaN where nobody took it.
    measures
        By the names of :data:`napari_glc.metrics.MEASURES`; NaN for one that does not exist of this picture.
    """

    image: str
    codec: str
    quality: float
    size: int
    bpp: float
    encode_seconds: float = math.nan
    decode_seconds: float = math.nan
    measures: Mapping[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """A flat row for tables: the attributes, of which `size` is called ``bytes``, and a column for each measure."""
        return {
            "image": self.image,
            "codec": self.codec,
            "quality": self.quality,
            "bytes": self.size,
            "bpp": self.bpp,
            **self.measures,
            "encode_seconds": self.encode_seconds,
            "decode_seconds": self.decode_seconds,
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Result:
        """Undo :meth:`row`; ``None`` stands for NaN, as in JSON."""
        known = {measure.name for measure in MEASURES} & row.keys()
        return cls(
            image=str(row["image"]),
            codec=str(row["codec"]),
            quality=float(row["quality"]),
            size=int(row["bytes"]),
            bpp=float(row["bpp"]),
            encode_seconds=_number(row.get("encode_seconds")),
            decode_seconds=_number(row.get("decode_seconds")),
            measures={name: _number(row[name]) for name in row if name in known},
        )


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The means of a codec at a quality over pictures.

    Attributes
    ----------
    codec, quality
        See :class:`Result`.
    size, bpp, encode_seconds, decode_seconds, measures
        Means of what :class:`Result` has. A measure that one of the pictures lacks is left out.
    images
        How many pictures.
    """

    codec: str
    quality: float
    size: float
    bpp: float
    encode_seconds: float
    decode_seconds: float
    measures: Mapping[str, float]
    images: int

    def row(self) -> dict[str, Any]:
        """A flat row for tables; see :meth:`Result.row`."""
        return {
            "codec": self.codec,
            "quality": self.quality,
            "bytes": self.size,
            "bpp": self.bpp,
            **self.measures,
            "encode_seconds": self.encode_seconds,
            "decode_seconds": self.decode_seconds,
            "images": self.images,
        }


def means(results: Sequence[Result]) -> list[Mean]:
    """Means of every codec at every quality, codecs as they come and their rates rising.

    Only settings that have as many pictures as any other count, so that all means are of the same pictures.
    """
    groups: dict[tuple[str, float], list[Result]] = {}
    for result in results:
        groups.setdefault((result.codec, result.quality), []).append(result)
    most = max((len(group) for group in groups.values()), default=0)
    codecs = list(dict.fromkeys(result.codec for result in results))
    found = [_mean(group) for group in groups.values() if len(group) == most]
    return sorted(found, key=lambda mean: (codecs.index(mean.codec), mean.bpp))


def _mean(group: Sequence[Result]) -> Mean:
    def of(values: Iterable[float]) -> float:
        return math.fsum(values) / len(group)

    names = [name for name in group[0].measures if all(math.isfinite(r.measures.get(name, math.nan)) for r in group)]
    return Mean(
        codec=group[0].codec,
        quality=group[0].quality,
        size=of(r.size for r in group),
        bpp=of(r.bpp for r in group),
        encode_seconds=of(r.encode_seconds for r in group),
        decode_seconds=of(r.decode_seconds for r in group),
        measures={name: of(r.measures[name] for r in group) for name in names},
        images=len(group),
    )


def curves_of(points: Iterable[Result | Mean]) -> dict[str, ResultCurve]:
    """The curves of all codecs, as :mod:`~napari_glc.evaluation.results` compares them.

    Parameters
    ----------
    points
        Means, or results of one picture.
    """
    rows: dict[str, list[dict[str, float]]] = {}
    for point in sorted(points, key=lambda point: point.bpp):
        known = {name: value for name, value in point.measures.items() if math.isfinite(value)}
        rows.setdefault(point.codec, []).append({"bpp": point.bpp, **known})
    return {codec: ResultCurve(codec, tuple(own), frozenset()) for codec, own in rows.items()}


def measured_in(points: Iterable[Result | Mean]) -> list[str]:
    """Names of the measures that any of the points has, in the order of :data:`napari_glc.metrics.MEASURES`."""
    there = {name for point in points for name, value in point.measures.items() if math.isfinite(value)}
    return [measure.name for measure in MEASURES if measure.name in there]


def results_csv(results: Iterable[Result]) -> str:
    """A table with a header line, every digit kept; a measure that is not known is an empty cell."""
    rows = [result.row() for result in results]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return table_csv(rows, sorted(names, key=lambda name: name.endswith("_seconds")))


def table_csv(rows: Iterable[Mapping[str, Any]], names: Sequence[str] = ()) -> str:
    """Any rows as such a table, the columns in the order of `names` or as the rows bring them."""
    known = list(rows)
    text = io.StringIO()
    columns = names or list(dict.fromkeys(name for row in known for name in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if _unknown(value) else value for name, value in row.items()} for row in known)
    return text.getvalue()


def json_text(document: Any) -> str:
    """JSON that every program reads: what is not finite is ``null``."""
    return json.dumps(_plain(document), indent=1, allow_nan=False) + "\n"


def in_words(name: str, value: float) -> str:
    """A value of a measure with as many digits as make sense, and its unit."""
    measure = measure_named(name)
    if math.isnan(value):
        return "–"
    return f"{value:.{measure.digits}f}" + (f" {measure.unit}" if measure.unit else "")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _unknown(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _number(value: Any) -> float:
    return math.nan if value in (None, "") else float(value)
