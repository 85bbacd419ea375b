"""The sections of a report, each HTML by itself; the script makes tables sort and dividers move."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from ...codecs.entry import PlotStyle
from ...metrics.curves import Method
from ...metrics.measures import measure_named
from ..equal_bytes import LARGEST, Sheet
from ..equal_look import equal_look
from ..results import bd_rates
from ..rows import Mean, Result, curves_of, in_words
from ..running import Evaluation
from .charts import chart, sample_of

_METHODS: dict[Method, str] = {"pchip": "piecewise cubic (pchip)", "cubic": "one cubic polynomial (VCEG-M33)"}
_ENDS = 3
"""Pictures at either end of a ranking."""
_SAID = 3
"""Measures that the summary speaks of at most."""

_WORDS = ("picture", "codec", "what it is")
"""Columns of words."""

Labels = Mapping[str, str]


def header(
    title: str, evaluation: Evaluation, means: Sequence[Mean], labels: Labels, first: str, measures: Sequence[str]
) -> str:
    """Title, what was measured, and the main result in sentences."""
    count = len(evaluation.sources)
    pictures = "one picture" if count == 1 else f"{count} pictures"
    lines = [f"<p>{pictures}, {len(labels)} codecs. All bytes are those of whole files.</p>"]
    own, curves = [mean for mean in means if mean.codec == first], curves_of(means)
    middle = own[(len(own) - 1) // 2]
    for name in measures[:_SAID]:
        measure, value = measure_named(name), middle.measures.get(name, math.nan)
        looks = [
            look.sentence
            for other, label in labels.items()
            if other != first and (look := equal_look(curves[other], middle.bpp, value, name, label)) is not None
        ]
        if looks:
            at = f"{labels[first]} at {middle.quality:g} ({middle.size:.0f} bytes, {middle.bpp:.4f} bpp)"
            said = escape("; ".join(looks))
            lines.append(f"<p>At the {escape(measure.within)} of {escape(at)}: {said}.</p>")
    if count == 1:
        lines.append("<p>One picture says little: means are its own values.</p>")
    return f"<header><h1>{escape(title)}</h1>{''.join(lines)}</header><main>"


def failures(failed: Mapping[str, str]) -> str:
    """What could not be measured."""
    if not failed:
        return ""
    items = "".join(f"<li><b>{escape(what)}</b>: {escape(why)}</li>" for what, why in failed.items())
    words = "Pictures that not every codec could code are left out of all tables."
    return f'<section class="failed"><h2>Not measured</h2><p>{words}</p><ul>{items}</ul></section>'


def curves(means: Sequence[Mean], measures: Sequence[str], styles: Mapping[str, PlotStyle], labels: Labels) -> str:
    """A chart for each measure, and one legend that shows and hides curves in all of them."""
    legend = "".join(
        f'<label><input type="checkbox" checked data-curve="{escape(codec)}">{sample_of(styles[codec])} '
        f"{escape(label)}</label>"
        for codec, label in labels.items()
    )
    charts = "".join(
        f"<figure><figcaption>{escape(measure.axis)} <small>{measure.better}</small></figcaption>"
        f"{chart(means, measure, styles, labels)}<p><small>{escape(measure.explained)}</small></p></figure>"
        for measure in map(measure_named, measures)
    )
    return (
        f'<section><h2>Curves</h2><p>Means over all pictures.</p><fieldset class="legend"><legend>Codecs</legend>'
        f'{legend}</fieldset><div class="charts">{charts}</div></section>'
    )


def bd_tables(means: Sequence[Mean], measures: Sequence[str], labels: Labels) -> str:
    """BD-rates of every codec against all others, one codec and method on show at a time."""
    if len(labels) < 2:
        return ""
    tables: list[str] = []
    curves, known = curves_of(means), [measure_named(name) for name in measures]
    for method, words in _METHODS.items():
        for codec, label in labels.items():
            rows = [
                [
                    escape(theirs),
                    *map(_percent, bd_rates(curves[other], [curves[codec]], known, method=method)[codec].values()),
                ]
                for other, theirs in labels.items()
                if other != codec
            ]
            caption = f"Bytes of {label} at equal quality, against"
            shown = "" if not tables else " hidden"
            tables.append(
                f'<div data-choice="bd" data-value="{escape(method + " " + codec)}"{shown}>'
                + table(["codec", *(measure_named(n).label for n in measures)], rows, caption=f"{caption} ({words})")
                + "</div>"
            )
    return (
        "<section><h2>BD-rate</h2><p>How many percent more (+) or fewer (−) bytes at equal quality, averaged over the "
        "range of quality both curves reach; a dash where they share none.</p>"
        + _choice("bd-codec", "Codec", labels)
        + _choice("bd-method", "Interpolation", {str(method): words for method, words in _METHODS.items()})
        + "".join(tables)
        + "</section>"
    )


def equal_quality(means: Sequence[Mean], measures: Sequence[str], labels: Labels, first: str) -> str:
    """What others need at the quality of each point of the first codec."""
    others = {codec: label for codec, label in labels.items() if codec != first}
    if not others:
        return ""
    tables, curves = [], curves_of(means)
    for place, name in enumerate(measures):
        rows = []
        for mean in means:
            if mean.codec != first or name not in mean.measures:
                continue
            cells = [f"{mean.quality:g}", f"{mean.size:.0f}", f"{mean.bpp:.4f}", in_words(name, mean.measures[name])]
            for other in others:
                look = equal_look(curves[other], mean.bpp, mean.measures[name], name)
                cells.append("–" if look is None or math.isnan(look.times) else f"{look.times:.2f}")
            rows.append(cells)
        heads = ["quality", "bytes", "bpp", measure_named(name).label, *others.values()]
        shown = "" if not place else " hidden"
        tables.append(f'<div data-choice="equal" data-value="{name}"{shown}>{table(heads, rows)}</div>')
    return (
        f"<section><h2>Bytes at equal quality</h2><p>How many times the bytes of {escape(labels[first])} others need "
        "for the same value, rate by rate; a dash beyond the ends of their curves.</p>"
        + _choice("equal", "Measure", {name: measure_named(name).label for name in measures})
        + "".join(tables)
        + "</section>"
    )


def contact_sheets(sheets: Sequence[Sheet], labels: Labels, first: str) -> str:
    """A card with a divider for each picture."""
    if not sheets:
        return ""
    codecs = list(dict.fromkeys(codec for sheet in sheets for codec in sheet.shown))
    sides = {"": "original"} | {codec: labels.get(codec, codec) for codec in codecs}
    right = codecs[0] if codecs else ""
    left = next((codec for codec in codecs if codec != right), "")
    cards = "".join(_card(sheet, labels) for sheet in sheets)
    words = (
        f"For each picture the files of all codecs whose size comes nearest to that of {escape(labels[first])}. "
        "Drag the line, or focus it and use the arrow keys. What is shown are WebP copies "
        f"of at most {LARGEST} × {LARGEST} pixels from the middle; figures are those of the whole pictures themselves."
    )
    return (
        f'<section id="sheets"><h2>Side by side at equal bytes</h2><p>{words}</p><div class="sides">'
        + _choice("left", "Left of the line", sides, left)
        + _choice("right", "Right of the line", sides, right)
        + '<label>Columns <select id="columns"><option>1</option><option>2</option><option selected>3</option></select>'
        f'</label></div><div class="cards">{cards}</div></section>'
        '<dialog id="large"><form method="dialog"><span></span><button type="button" data-zoom="1">1:1</button>'
        '<button type="button" data-zoom="2">2:1</button><button type="button" data-zoom="4">4:1</button>'
        '<button>Close</button></form><div class="room"></div></dialog>'
    )


def _card(sheet: Sheet, labels: Labels) -> str:
    name = sheet.source.name
    height, width = min(sheet.source.height, LARGEST), min(sheet.source.width, LARGEST)
    figures = "".join(
        f'<li data-codec="{escape(codec)}"><b>{escape(labels.get(codec, codec))}</b> {shown.result.size} bytes, '
        f"{_main_words(shown.result)}</li>"
        for codec, shown in sheet.shown.items()
    )
    return (
        f'<figure class="card" id="{escape(_anchor(name))}" data-image="{escape(name)}" '
        f'style="--w:{width};--h:{height}">'
        f'<div class="stage"><img class="right" alt="{escape(name)}"><img class="left" alt="">'
        f'<i class="line"></i><input type="range" min="0" max="1000" value="500" '
        f'aria-label="Divider of {escape(name)}">'
        f'<span class="tag left"></span><span class="tag right"></span></div>'
        f'<figcaption><a href="#{escape(_anchor(name))}">{escape(name)}</a> '
        f'<button type="button" class="enlarge">Enlarge</button><ul>{figures}</ul></figcaption></figure>'
    )


def extremes(
    sheets: Sequence[Sheet], results: Sequence[Result], measures: Sequence[str], labels: Labels, first: str
) -> str:
    """The worst and best pictures of every codec at equal bytes, by the first measure."""
    measure = measure_named(measures[0])
    parts = []
    for place, codec in enumerate(labels):
        ranked = [
            (shown.result.measures[measure.name], sheet)
            for sheet in sheets
            if (shown := sheet.shown.get(codec)) is not None
            and math.isfinite(shown.result.measures.get(measure.name, math.nan))
        ]
        if not ranked:
            continue
        ranked.sort(key=lambda pair: pair[0], reverse=measure.higher_is_better)
        ends = max(1, min(_ENDS, len(ranked) // 2))
        best, worst = ranked[:ends], ranked[-ends:][::-1] if len(ranked) > 1 else []
        hidden = " hidden" if place else ""
        parts.append(
            f'<div data-choice="ends" data-value="{escape(codec)}"{hidden}>'
            + "".join(
                f'<h3>{words}</h3><div class="thumbs">'
                + "".join(_thumb(value, sheet, codec, measure.name) for value, sheet in chosen)
                + "</div>"
                for words, chosen in (("Farthest from the original", worst), ("Nearest to the original", best))
                if chosen
            )
            + "</div>"
        )
    if not parts:
        return ""
    words = f"Of those shown below, by {measure.within}."
    return (
        f"<section><h2>Worst and best pictures</h2><p>{escape(words)}</p>{_choice('ends', 'Codec', labels)}"
        f"{''.join(parts)}</section>"
    )


def _thumb(value: float, sheet: Sheet, codec: str, measure: str) -> str:
    name = sheet.source.name
    return (
        f'<a href="#{escape(_anchor(name))}"><img data-image="{escape(name)}" data-codec="{escape(codec)}" '
        f'alt="{escape(name)} by {escape(codec)}"><span>{escape(name)}<br>{in_words(measure, value)}</span></a>'
    )


def means_table(means: Sequence[Mean], measures: Sequence[str], labels: Labels) -> str:
    """A row for each codec and quality."""
    heads = ["codec", "quality", "bytes", "bpp", *(measure_named(n).label for n in measures), "encode s", "decode s"]
    rows = [
        [
            escape(labels[mean.codec]),
            f"{mean.quality:g}",
            f"{mean.size:.0f}",
            f"{mean.bpp:.4f}",
            *(in_words(name, mean.measures.get(name, math.nan)) for name in measures),
            *_seconds(mean),
        ]
        for mean in means
    ]
    count = means[0].images
    caption = f"Means over {count} picture{'s' if count > 1 else ''}"
    return f"<section><h2>Means</h2>{table(heads, rows, caption=caption, ident='means')}</section>"


def pictures_table(results: Sequence[Result], measures: Sequence[str], labels: Labels) -> str:
    """A row for each picture, codec and quality."""
    heads = ["picture", "codec", "quality", "bytes", "bpp", *(measure_named(n).label for n in measures)]
    heads += ["encode s", "decode s"]
    rows = [
        [
            escape(result.image),
            escape(labels.get(result.codec, result.codec)),
            f"{result.quality:g}",
            str(result.size),
            f"{result.bpp:.4f}",
            *(in_words(name, result.measures.get(name, math.nan)) for name in measures),
            *_seconds(result),
        ]
        for result in results
    ]
    chosen = {"": "all"} | {label: label for label in labels.values()}
    return (
        "<section><h2>Every picture</h2><p>A click on the head of a column sorts by it.</p>"
        + _choice("rows-codec", "Codec", chosen)
        + f'<div class="tall">{table(heads, rows, ident="pictures")}</div></section>'
    )


def making(evaluation: Evaluation, command: str, made_with: Mapping[str, str]) -> str:
    """How the report was made: command, versions, codecs with their models, pictures."""
    codecs = [
        [escape(coder.label), "<br>".join(f"{escape(k)}: <code>{escape(v)}</code>" for k, v in coder.facts.items())]
        for coder in evaluation.coders
    ]
    pictures = [
        [escape(s.name), f"{s.width} × {s.height}", f"<code>{s.sha256[:16]}</code>"] for s in evaluation.sources
    ]
    told = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in made_with.items())
    again = f"<pre><code>{escape(command)}</code></pre>" if command else ""
    return (
        f"<section><h2>How this was made</h2>{again}<dl>{told}</dl>{table(['codec', 'what it is'], codecs)}"
        f"<details><summary>Pictures</summary>{table(['picture', 'pixels', 'SHA-256 begins'], pictures)}</details>"
        "</section></main>"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "", ident: str = "") -> str:
    """A table whose columns sort; cells are HTML."""
    kinds = [' class="text"' if name in _WORDS else "" for name in heads]
    head = "".join(
        f'<th scope="col"{kind}><button type="button">{escape(name)}</button></th>'
        for name, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(_row(row, kinds) for row in rows)
    named = f' id="{ident}"' if ident else ""
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table{named}>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(cells: Sequence[str], kinds: Sequence[str]) -> str:
    others = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(cells[1:], kinds[1:], strict=True))
    return f'<tr><th scope="row">{cells[0]}</th>{others}</tr>'


def _choice(name: str, words: str, options: Mapping[str, str], chosen: str | None = None) -> str:
    listed = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(label)}</option>'
        for value, label in options.items()
    )
    return f'<label class="choice">{words} <select id="{name}">{listed}</select></label> '


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.0f} %".replace("-", "−")


def _seconds(row: Mean | Result) -> list[str]:
    return ["–" if math.isnan(s) else f"{s:.2f}" for s in (row.encode_seconds, row.decode_seconds)]


def _main_words(result: Result) -> str:
    name = next(iter(result.measures))
    return f"{escape(measure_named(name).within)} {in_words(name, result.measures[name])}"


def _anchor(name: str) -> str:
    return "picture-" + "".join(c if c.isalnum() else "-" for c in name)
