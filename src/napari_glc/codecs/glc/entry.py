"""What ``glc`` tells the rest of the package."""

from __future__ import annotations

from ..entry import Capabilities, CodecEntry, PlotStyle
from .options import GlcOptions

__all__ = ["ENTRY"]

ENTRY = CodecEntry(
    name="glc",
    number=0,
    label="latent",
    summary="transform coding of the latent, continuous rate",
    implementation="napari_glc.codecs.glc.codec:GlcCodec",
    options=GlcOptions,
    config="napari_glc.networks.config:GlcConfig",
    default_model="glc-small",
    trainer="napari_glc.codecs.glc.trainer:GlcTrainer",
    checkpoints="napari_glc.codecs.glc.checkpoints:CHECKPOINTS",
    plot=PlotStyle("#2f9e8f", "o", "-"),
    capabilities=Capabilities(rate="continuous", preview=True, coefficients=True, rate_steps=True, effort=True),
)
