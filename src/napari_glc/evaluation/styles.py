"""How the curves of codecs look: lines and markers differ as well as colours, so no curve is told by colour alone."""

from __future__ import annotations

from collections.abc import Iterable

from ..codecs.entry import PlotStyle
from ..codecs.registry import all_codecs

__all__ = ["styles_of"]

_CLASSICAL = {
    "jpeg": PlotStyle("#8d7bd1", "^", ":"),
    "webp": PlotStyle("#c45a86", "v", "-."),
    "avif": PlotStyle("#5a91c4", "D", "--"),
    "jxl": PlotStyle("#b0893c", "s", ":"),
}
_MORE = (
    PlotStyle("#6b7280", "^", "-"),
    PlotStyle("#5c3d2e", "o", "--"),
    PlotStyle("#7f8f2e", "D", ":"),
    PlotStyle("#a8663a", "s", "-."),
    PlotStyle("#b05fc0", "v", "--"),
    PlotStyle("#3f6fd1", "o", "-."),
)


def styles_of(codecs: Iterable[str]) -> dict[str, PlotStyle]:
    """A style for each codec; a codec met again with other options gets another."""
    known = {entry.name: entry.plot for entry in all_codecs()} | _CLASSICAL
    more = 0
    found: dict[str, PlotStyle] = {}
    for name in codecs:
        if name in known:
            found[name] = known[name]
        else:
            found[name] = _MORE[more % len(_MORE)]
            more += 1
    return found
