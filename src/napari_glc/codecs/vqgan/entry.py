"""What ``vqgan`` tells the rest of the package."""

from __future__ import annotations

from ..entry import Capabilities, CodecEntry, PlotStyle
from .options import VqganDecoding, VqganOptions

__all__ = ["ENTRY"]

ENTRY = CodecEntry(
    name="vqgan",
    number=1,
    label="index map",
    summary="map of codeword indices, a codebook for every eighth of the range",
    implementation="napari_glc.codecs.vqgan.codec:VqganCodec",
    options=VqganOptions,
    decoding=VqganDecoding,
    config="napari_glc.networks.config:VqganConfig",
    default_model="vqgan-small",
    stream_sizes="napari_glc.codecs.vqgan.streams:stream_sizes",
    trainer="napari_glc.codecs.vqgan.trainer:VqganTrainer",
    checkpoints="napari_glc.codecs.vqgan.checkpoints:CHECKPOINTS",
    plot=PlotStyle("#d1792c", "s", "--"),
    capabilities=Capabilities(rate="levels", lossy_packets=True, index_map=True, rate_steps=True, effort=True),
)
