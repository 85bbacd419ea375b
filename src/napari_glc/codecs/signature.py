"""Functions that take options of any codec say so in their signature and documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from .entry import CodecEntry
from .options import OptionField
from .registry import all_codecs, when_codecs_change

__all__ = ["OptionKind", "options_of", "with_codec_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


OptionKind = Literal["options", "decoding"]
"""Options for encoding, or for decoding."""


def options_of(entry: CodecEntry, kind: OptionKind) -> tuple[OptionField, ...]:
    """The options of a codec for encoding or decoding."""
    return (entry.options if kind == "options" else entry.decoding).fields()


def with_codec_options(function: _F, kind: OptionKind = "options") -> _F:
    """Replace ``**options`` of a function's signature by the options of all codecs, and document them."""
    plain, text = inspect.signature(function), inspect.cleandoc(function.__doc__ or "")
    own = [p for p in plain.parameters.values() if p.kind is not p.VAR_KEYWORD]

    def refresh() -> None:
        found: dict[str, OptionField] = {}
        for entry in all_codecs():
            for field in options_of(entry, kind):
                # an option of several codecs has the default of the first one, which is the default codec
                found.setdefault(field.name, field)
        keywords = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for name, field in found.items()
        ]
        function.__signature__ = plain.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
        function.__doc__ = f"{text}\n\n{_documentation(kind)}"

    when_codecs_change(refresh)
    refresh()
    return function


def _documentation(kind: OptionKind) -> str:
    lines = ["Notes", "-----"]
    for entry in all_codecs():
        fields = options_of(entry, kind)
        lines.append(f"Codec ``{entry.name}``: {entry.summary}." + (" Its options:" if fields else ""))
        lines.append("")
        for field in fields:
            lines += [f"* `{field.name}` (default ``{field.default!r}``): {_words(field)}.", ""]
    return "\n".join(lines)


def _words(field: OptionField) -> str:
    low, high = field.knob.least, field.knob.most
    span = f", {low:g} to {high:g}" if low is not None and high is not None else ""
    choices = "; one of " + ", ".join(f"``{choice!r}``" for choice in field.choices) if field.choices else ""
    if field.knob.offered is not None:
        choices = "; a name that ``glc models list`` shows, or a path"
    return field.knob.help + span + choices
