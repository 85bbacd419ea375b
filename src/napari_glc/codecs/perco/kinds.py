"""The two kinds of networks of this codec, told by their configuration."""

from __future__ import annotations

from ...models import ModelFile
from ...networks.perco_config import PercoConfig
from .painted import PaintedCodec

__all__ = ["perco_codec"]


def perco_codec(model: ModelFile, device: str = "cpu") -> PaintedCodec:
    """The codec of a model: ours, or PerCo (SD) as published."""
    if model.network_config(PercoConfig).published is None:
        from .codec import PercoCodec

        return PercoCodec(model, device)
    from .published import PublishedPercoCodec

    return PublishedPercoCodec(model, device)
