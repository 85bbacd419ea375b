"""The page: everything in one file that opens anywhere, offline, and fetches nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from typing import Any

from ..equal_bytes import Sheet
from ..rows import Result, means, measured_in, results_csv
from ..running import Evaluation
from ..styles import styles_of
from . import sections

__all__ = ["Report", "self_contained"]


@dataclass(frozen=True)
class Report:
    """All that a report says.

    Attributes
    ----------
    title
        Of the page.
    evaluation
        What was measured.
    sheets
        Pictures at equal bytes.
    made_with
        Versions, machine and the like, for the last section.
    command
        That makes it again.
    """

    title: str
    evaluation: Evaluation
    sheets: Sequence[Sheet]
    made_with: dict[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def results(self) -> tuple[Result, ...]:
        """Every row."""
        return self.evaluation.results

    def labels(self) -> dict[str, str]:
        """What codecs are called, in the order of the evaluation."""
        known = {coder.name: coder.label for coder in self.evaluation.coders}
        named = dict.fromkeys([*known, *(result.codec for result in self.results)])
        return {name: known.get(name, f"{name} (table)") for name in named}

    def html(self) -> str:
        """The page."""
        found, labels = means(self.results), self.labels()
        measures = measured_in(found)
        # a table that lacks a picture has no means
        labels = {name: label for name, label in labels.items() if any(mean.codec == name for mean in found)}
        styles = styles_of(labels)
        first = self.evaluation.coders[0].name
        body = [
            sections.header(self.title, self.evaluation, found, labels, first, measures),
            sections.failures(self.evaluation.failed),
            sections.curves(found, measures, styles, labels),
            sections.bd_tables(found, measures, labels),
            sections.equal_quality(found, measures, labels, first),
            sections.extremes(self.sheets, self.results, measures, labels, first),
            sections.contact_sheets(self.sheets, labels, first),
            sections.means_table(found, measures, labels),
            sections.pictures_table(self.results, measures, labels),
            sections.making(self.evaluation, self.command, self.made_with),
        ]
        csv = base64.b64encode(results_csv(self.results).encode()).decode()
        table = f'<p><a download="results.csv" href="data:text/csv;base64,{csv}">All rows as CSV</a></p>'
        return self_contained(self.title, "".join(body) + table, "report", self._pictures())

    def _pictures(self) -> dict[str, Any]:
        """What the page's script shows: copies of pictures by picture and codec, the original under ``""``."""
        return {
            sheet.source.name: {
                "": _data(sheet.copy),
                **{codec: _data(shown.copy) for codec, shown in sheet.shown.items()},
            }
            for sheet in self.sheets
        }


def self_contained(title: str, body: str, name: str, data: Any) -> str:
    """A page with its style, script and data in it; it is told to fetch nothing, whatever it holds.

    Parameters
    ----------
    title
        Plain text.
    body
        HTML.
    name
        Of the style and script: ``NAME.css`` and ``NAME.js`` in this folder, behind what all pages share.
    data
        JSON for the script.
    """
    style, script = (_resource("common.css") + _resource(f"{name}.css")), _resource(f"{name}.js")
    # what would end the element early, or begin a comment in it
    told = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title>\n<style>{style}</style></head>\n<body>{body}"
        f'<script type="application/json" id="data">{told}</script>\n<script>{script}</script></body></html>\n'
    )


def _data(copy: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(copy).decode()}"


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
