"""What ``clric`` tells the rest of the package."""

from __future__ import annotations

from ..entry import Capabilities, CodecEntry, PlotStyle
from .options import ClricOptions

__all__ = ["ENTRY"]

ENTRY = CodecEntry(
    name="clric",
    number=2,
    label="overfitted function",
    summary="a small function fitted to each picture's latent, continuous rate",
    implementation="napari_glc.codecs.clric.codec:ClricCodec",
    options=ClricOptions,
    config="napari_glc.networks.kl_config:KlConfig",
    default_model="kl-small",
    stream_sizes="napari_glc.codecs.clric.streams:stream_sizes",
    trainer="napari_glc.codecs.clric.trainer:ClricTrainer",
    checkpoints="napari_glc.codecs.clric.checkpoints:CHECKPOINTS",
    plot=PlotStyle("#b3541e", "^", "--"),
    capabilities=Capabilities(
        rate="continuous", encode_cost="fit", grids=True, rate_steps=True, effort=True, plane_stream=True
    ),
)
