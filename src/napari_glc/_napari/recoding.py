"""What to tell somebody who is about to encode what was decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["recoding_caution"]


def recoding_caution(name: str, metadata: Mapping[str, Any]) -> str:
    """A sentence or two about a layer that came out of a decoder; empty for any other.

    Parameters
    ----------
    name
        Of the layer.
    metadata
        Its ``metadata``.
    """
    facts = metadata.get("glc")
    if not isinstance(facts, Mapping) or "codec" not in facts:
        return ""
    return (
        f"Layer {name!r} was decoded by codec {facts['codec']} already. Coding it again loses more and keeps what the "
        "decoder made up; take the original if there is one."
    )
