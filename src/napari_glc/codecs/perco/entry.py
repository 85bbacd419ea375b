"""What ``perco`` tells the rest of the package."""

from __future__ import annotations

from ..entry import Capabilities, CodecEntry, PlotStyle
from .options import PercoDecoding, PercoOptions

__all__ = ["ENTRY"]

ENTRY = CodecEntry(
    name="perco",
    number=3,
    label="painted latent",
    summary="a few hundred bytes, and a diffusion model that paints the rest",
    implementation="napari_glc.codecs.perco.kinds:perco_codec",
    options=PercoOptions,
    decoding=PercoDecoding,
    config="napari_glc.networks.perco_config:PercoConfig",
    default_model="perco-few",
    stream_sizes="napari_glc.codecs.perco.streams:stream_sizes",
    told="napari_glc.codecs.perco.streams:told",
    checkpoints="napari_glc.codecs.perco.checkpoints:CHECKPOINTS",
    trainer="napari_glc.codecs.perco.trainer:PercoTrainer",
    caution=(
        "Painted by a diffusion model from a few hundred bytes: layout and colours are of the original, all detail "
        "is invented. Never for measurements, evidence or diagnosis."
    ),
    mark="invented",
    plot=PlotStyle("#7a3b8f", "s", ":"),
    capabilities=Capabilities(rate="levels", preview=True, samples=True, rate_steps=True, plane_stream=True),
)
