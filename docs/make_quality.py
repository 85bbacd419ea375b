"""Makes the tables and pictures of explanation/quality.md out of one ``glc evaluate``.

python docs/make_quality.py PICTURES FEATURES OUT [--codec glc vqgan ...] [--table VVC.csv ...] [--sheets]

Runs the command (and goes on where an earlier run ended), leaves its report and JSON in OUT, and prints the tables as
Markdown: means, BD-rates, bytes at equal distance. Draws images/rate_distortion.svg and, with --sheets, the contact
sheets.
"""

from __future__ import annotations

import argparse
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from napari_glc import decode, encode
from napari_glc.cli import main as glc
from napari_glc.evaluation.coders import coders_named
from napari_glc.evaluation.equal_bytes import Sheet, sheets
from napari_glc.evaluation.equal_look import equal_look
from napari_glc.evaluation.journal import Journal
from napari_glc.evaluation.report.charts import chart
from napari_glc.evaluation.results import bd_rates
from napari_glc.evaluation.rows import Mean, Result, curves_of, in_words, means, measured_in
from napari_glc.evaluation.running import evaluate, pictures_in
from napari_glc.evaluation.styles import styles_of
from napari_glc.imaging.files import read_picture
from napari_glc.metrics import measure_named

IMAGES = Path(__file__).parent / "images"
SHOWN = ("kodim01", "kodim05", "kodim14", "kodim15", "kodim20", "kodim23")
CSS = "text{font:11px sans-serif;fill:#777}.grid path{stroke:#8884;fill:none}"
CSS += ".line{fill:none;stroke:var(--ink);stroke-width:1.8}.curve :is(circle,rect,path:not(.line)){fill:var(--ink)}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print("\n| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.0f} %"


def tables(found: Sequence[Mean], results: Sequence[Result]) -> None:
    """Print what the page says of each of our codecs."""
    measures, curves = measured_in(found), curves_of(found)
    first = found[0].codec
    for codec in dict.fromkeys(mean.codec for mean in found):
        print(f"\n### {codec}")
        table(
            ["quality", "bytes", "bpp", *measures, "encode s", "decode s"],
            [
                [f"{m.quality:g}", f"{m.size:.0f}", f"{m.bpp:.4f}"]
                + [in_words(name, m.measures.get(name, math.nan)) for name in measures]
                + [f"{m.encode_seconds:.2f}", f"{m.decode_seconds:.2f}"]
                for m in found
                if m.codec == codec
            ],
        )
    others = [codec for codec in curves if codec != first]
    known = [measure_named(name) for name in measures]
    print(f"\nBD-rate of {first}")
    table(
        ["against", *measures],
        [[c, *map(_percent, bd_rates(curves[c], [curves[first]], known)[first].values())] for c in others],
    )
    for name in measures[:2]:
        print(f"\nBytes of {first} at equal {name}")
        rows = []
        for mean in found:
            if mean.codec == first:
                looks = [equal_look(curves[c], mean.bpp, mean.measures[name], name) for c in others]
                times = [math.nan if look is None else look.times for look in looks]
                rows.append([f"{mean.bpp:.4f}", *(_percent(100 / t - 100) for t in times)])
        table([f"bpp of {first}", *others], rows)
    sizes: dict[str, list[int]] = {}
    for result in sorted(results, key=lambda result: result.quality):
        if result.codec == first:
            sizes.setdefault(result.image, []).append(result.size)
    rising = sum(size == sorted(set(size)) for size in sizes.values())
    print(f"\nbytes rise with quality in {rising} of {len(sizes)} pictures")


def draw(found: Sequence[Mean], target: Path) -> None:
    """The charts of the report, two in a row, as one drawing."""
    codecs = list(dict.fromkeys(mean.codec for mean in found))
    styles, parts = styles_of(codecs), []
    for place, name in enumerate(measured_in(found)[:4]):
        measure, x, y = measure_named(name), 470 * (place % 2), 350 * (place // 2)
        panel = chart(found, measure, styles, {codec: codec for codec in codecs})
        panel = panel.replace("<svg ", f'<svg x="{x}" y="{y + 20}" width="460" height="320" ', 1)
        parts.append(f'<text x="{x + 52}" y="{y + 16}">{measure.axis}, {measure.better}</text>{panel}')
    for place, codec in enumerate(codecs):
        x = 10 + 150 * (place % 6)
        y = 715 + 18 * (place // 6)
        parts.append(f'<text x="{x + 14}" y="{y}">{codec}</text>')
        parts.append(f'<circle cx="{x + 5}" cy="{y - 4}" r="4" style="fill:{styles[codec].colour}"/>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 750">'
    target.write_text(f"{head}<style>{CSS}</style>{''.join(parts)}</svg>\n")


def labelled(pictures: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """A row at two thirds of the size, each picture with its label."""
    row = []
    for text, pixels in pictures:
        small = Image.fromarray(pixels).resize(
            (pixels.shape[1] * 2 // 3, pixels.shape[0] * 2 // 3), Image.Resampling.LANCZOS
        )
        ImageDraw.Draw(small).text((5, 4), text, fill="white", stroke_width=2, stroke_fill="black")
        row.append(np.asarray(small))
    return np.hstack(row)


def side_by_side(sheet: Sheet, codecs: Sequence[str]) -> np.ndarray:
    """The original and what codecs make of it."""
    shown = [("original", sheet.copy)]
    shown += [(f"{codec} {sheet.shown[codec].result.size} B", sheet.shown[codec].copy) for codec in codecs]
    return labelled([(text, np.asarray(Image.open(io.BytesIO(copy)).convert("RGB"))) for text, copy in shown])


def contact_sheets(folder: Path, codec: str) -> None:
    """All pictures wider than high at half the size: original, quality 0, 50 and 100; nine rows a sheet."""
    rows = []
    for path in pictures_in(folder):
        picture = read_picture(path)
        if picture.shape[0] < picture.shape[1]:
            shown = [picture, *(decode(encode(picture, codec=codec, quality=quality)) for quality in (0, 50, 100))]
            rows.append(np.hstack([np.asarray(Image.fromarray(pixels).reduce(2)) for pixels in shown]))
    for number, first in enumerate(range(0, len(rows), 9), 1):
        sheet = np.vstack(rows[first : first + 9])
        Image.fromarray(sheet).save(IMAGES / f"kodak_sheet_{number}.jpg", quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--codec", nargs="+", default=["glc", "vqgan", "avif", "webp"])
    parser.add_argument("--table", nargs="+", default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sheets", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    words = ["evaluate", str(options.pictures), "--codec", *options.codec, "--features", str(options.features)]
    words += ["--workers", str(options.workers)] + (["--table", *options.table] if options.table else [])
    page, numbers = options.out / "report.html", options.out / "report.json"
    if code := glc([*words, "--report", str(page), "--json", str(numbers)]):
        raise SystemExit(code)
    results = [Result.of_row(row) for row in json.loads(numbers.read_text())["images"]]
    found = means(results)
    tables(found, results)
    draw(found, IMAGES / "rate_distortion.svg")
    if options.sheets:
        contact_sheets(options.pictures, options.codec[0])
        journal = Journal(page.with_suffix(".parts"))
        coders = coders_named([options.codec[0], "avif"])
        evaluation = evaluate(options.pictures, coders, features=options.features, journal=journal)
        for quality in (25, 50, 75):
            rows = [
                side_by_side(sheet, ["avif", options.codec[0]])
                for sheet in sheets(evaluation, quality, workers=options.workers, journal=journal)
                if sheet.source.path.stem in SHOWN
            ]
            wide = [row for row in rows if row.shape[1] == max(row.shape[1] for row in rows)]
            Image.fromarray(np.vstack(wide)).save(IMAGES / f"equal_bytes_{quality}.jpg", quality=85)


if __name__ == "__main__":
    main()
