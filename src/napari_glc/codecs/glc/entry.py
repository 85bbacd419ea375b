"""What ``glc`` tells the rest of the package."""

from __future__ import annotations

from ..entry import Capabilities, CodecEntry, PlotStyle
from .options import GlcDecoding, GlcOptions
from .parts import DECODER, ENCODER

__all__ = ["ENTRY"]

ENTRY = CodecEntry(
    name="glc",
    number=0,
    label="latent",
    summary="transform coding of the latent, continuous rate",
    implementation="napari_glc.codecs.glc.codec:GlcCodec",
    config="napari_glc.networks.config:GlcConfig",
    default_model="glc-small",
    stream_sizes="napari_glc.codecs.glc.streams:stream_sizes",
    trainer="napari_glc.codecs.glc.trainer:GlcTrainer",
    options=GlcOptions,
    decoding=GlcDecoding,
    parts={"encoder": ENCODER, "decoder": DECODER},
    part_trainers={
        "encoder": "napari_glc.codecs.glc.encoder_trainer:EncoderTrainer",
        "decoder": "napari_glc.codecs.glc.style_trainer:StyleTrainer",
    },
    checkpoints="napari_glc.codecs.glc.checkpoints:CHECKPOINTS",
    plot=PlotStyle("#2f9e8f", "o", "-"),
    capabilities=Capabilities(
        rate="continuous", preview=True, coefficients=True, rate_steps=True, effort=True, regions=True
    ),
)
