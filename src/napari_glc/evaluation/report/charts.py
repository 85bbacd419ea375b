"""Curves as inline SVG: no library, text stays text, colours follow the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from ...codecs.entry import PlotStyle
from ...metrics.measures import Measure
from ..rows import Mean, in_words

__all__ = ["chart", "sample_of"]

_WIDTH, _HEIGHT = 460, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 10, 40
_DASHES = {"--": "6 3", ":": "1.5 3", "-.": "6 3 1.5 3"}
_SIZE = 4.0


def chart(means: Sequence[Mean], measure: Measure, styles: Mapping[str, PlotStyle], labels: Mapping[str, str]) -> str:
    """The curves of all codecs under a measure, over bits per pixel on a logarithmic axis.

    Parameters
    ----------
    means
        See :func:`~napari_glc.evaluation.rows.means`.
    measure
        What is drawn.
    styles, labels
        By codec.
    """
    curves = {codec: [m for m in means if m.codec == codec and measure.name in m.measures] for codec in styles}
    points = [mean for curve in curves.values() for mean in curve]
    rates, values = [m.bpp for m in points], [m.measures[measure.name] for m in points]
    low_rate, high_rate = min(rates) / 1.15, max(rates) * 1.15
    steps = _ticks(min(values), max(values))
    low, high = min(steps[0], min(values)), max(steps[-1], max(values))

    def x(rate: float) -> float:
        share = math.log(rate / low_rate) / math.log(high_rate / low_rate)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    name = f"chart-{measure.name}"
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{name}">',
        f'<title id="{name}">{escape(measure.axis)} over bits per pixel; {measure.better}</title>',
        '<g class="grid">',
    ]
    for tick in _decade_ticks(low_rate, high_rate):
        parts.append(f'<path d="M{x(tick):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{tick:g}</text>')
    for tick in steps:
        parts.append(f'<path d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">bits per pixel, whole files</text></g>')
    for codec, curve in curves.items():
        places = [(x(m.bpp), y(m.measures[measure.name])) for m in curve]
        if not places:
            continue
        parts.append(f'<g class="curve" data-codec="{escape(codec)}" style="--ink:{styles[codec].colour}">')
        parts.append(_line(places, styles[codec]))
        for mean, place in zip(curve, places, strict=True):
            said = f"{labels[codec]} at {mean.quality:g}: {mean.size:.0f} bytes, {mean.bpp:.4f} bpp, "
            said += in_words(measure.name, mean.measures[measure.name])
            parts.append(f"<g>{_marker(place, styles[codec].marker)}<title>{escape(said)}</title></g>")
        parts.append("</g>")
    return "".join(parts) + "</svg>"


def sample_of(style: PlotStyle) -> str:
    """A piece of a curve for the legend."""
    inside = _line([(1, 7), (33, 7)], style) + _marker((17, 7), style.marker)
    return f'<svg class="sample" viewBox="0 0 34 14" aria-hidden="true" style="--ink:{style.colour}">{inside}</svg>'


def _line(places: Sequence[tuple[float, float]], style: PlotStyle) -> str:
    way = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dash = f' stroke-dasharray="{_DASHES[style.line]}"' if style.line in _DASHES else ""
    return f'<path class="line" d="{way}"{dash}/>'


def _marker(place: tuple[float, float], kind: str) -> str:
    x, y = place
    if kind == "s":
        return f'<rect x="{x - _SIZE + 0.5:.1f}" y="{y - _SIZE + 0.5:.1f}" width="7" height="7"/>'
    corners = {
        "^": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
        "v": ((0, 1.2), (1.1, -0.9), (-1.1, -0.9)),
        "D": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
        "P": ((-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4), (1.1, 0.4), (0.4, 0.4), (0.4, 1.1), (-0.4, 1.1),
              (-0.4, 0.4), (-1.1, 0.4), (-1.1, -0.4), (-0.4, -0.4)),
    }.get(kind)  # fmt: skip
    if corners is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_SIZE}"/>'
    return '<path d="M' + "L".join(f"{x + _SIZE * dx:.1f} {y + _SIZE * dy:.1f}" for dx, dy in corners) + 'z"/>'


def _ticks(low: float, high: float) -> list[float]:
    """Some five round numbers from below `low` to above `high`."""
    span = high - low or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5.5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * count, 12) for count in range(first, max(last, first + 1) + 1)]


def _decade_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 in every power of ten."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = (factor * 10.0**power for power in powers for factor in (1, 2, 5))
    return [tick for tick in ticks if low <= tick <= high]
