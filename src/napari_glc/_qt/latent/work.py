"""The latent widget's work: what runs in a thread and what it leaves behind for later clicks. Free of Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_planes import LayerPlane
from ...models import ModelFile

if TYPE_CHECKING:
    from ..._base.progress import Progress
    from ...inspection.latent.attention import AttentionInput, AttentionMap
    from ...inspection.latent.latents import CodedGrids, CodedLatent, IndexedLatent

__all__ = ["LatentRun", "attend", "inspect"]


@dataclass
class LatentRun:
    """What one run found, and all that later clicks need.

    Attributes
    ----------
    model, codec, quality
        What the plane was analysed with.
    plane
        The plane of the layer.
    pixels, picture
        Read from it, ``(Y, X)`` or ``(Y, X, 3)``, and as the networks saw it, ``(H, W, 3)``; both uint8.
    result
        Latent and all that comes after it.
    source
        The layer, once the result is shown.
    entering
        What enters attention modules, kept from earlier clicks.
    """

    model: ModelFile
    codec: Any
    quality: float
    plane: LayerPlane
    pixels: NDArray[np.uint8]
    picture: NDArray[np.uint8]
    result: CodedLatent | IndexedLatent | CodedGrids
    source: Any = None
    entering: dict[Any, AttentionInput] = field(default_factory=dict)

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of latent positions that touch the picture."""
        height, width = self.plane.shape
        return -(-height // self.result.factor), -(-width // self.result.factor)

    @property
    def about(self) -> dict[str, Any]:
        """For the metadata of layers."""
        return {"model": self.model.name, "codec": self.model.codec, "quality": self.quality, "source": self.plane.name}


def inspect(
    model: ModelFile, device: str, plane: LayerPlane, quality: float, before: LatentRun | None, report: Progress
) -> LatentRun:
    """The work of a run, in its thread.

    Parameters
    ----------
    model, device, plane, quality
        What to analyse, and with what.
    before
        The run before, which serves again if it analysed the same pixels in the same way.
    report
        Of the job.
    """
    from ...codecs.loading import loaded_codec
    from ...codecs.registry import codec_named
    from ...imaging.planes import to_plane
    from ...inspection.latent.latents import coded_grids, coded_latent, indexed_latent

    report(0, 0)
    pixels = plane.picture()
    if (
        before is not None
        and (before.model.key, before.quality) == (model.key, quality)
        and np.array_equal(before.pixels, pixels)
    ):
        return replace(before, plane=plane, source=None)
    codec: Any = loaded_codec(model, device)
    picture, _ = to_plane(pixels)
    result: CodedLatent | IndexedLatent | CodedGrids
    can = codec_named(model.codec).capabilities
    if can.coefficients:
        result = coded_latent(codec, picture, quality, progress=report)
    elif can.grids:
        result = coded_grids(codec, picture, quality, progress=report)
    else:
        result = indexed_latent(codec, picture, quality, progress=report)
    return LatentRun(model, codec, quality, plane, pixels, picture, result)


def attend(run: LatentRun, layer: int, row: int, column: int, report: Progress) -> AttentionMap:
    """Attention of a position, in a thread."""
    from ...codecs.blocks import BLOCK
    from ...codecs.registry import sees_whole_planes
    from ...inspection.latent.attention import (
        encoder_attention,
        encoder_attention_input,
        index_attention,
        patch_attention,
    )
    from ...inspection.latent.latents import IndexedLatent

    report(0, 0)
    modules = encoder_attention(run.codec)
    if not modules:
        assert isinstance(run.result, IndexedLatent)
        return index_attention(run.codec.transformer, run.result.indices, run.result.level, layer, row, column)
    # a model that sees planes as a whole has one block
    cells = None if sees_whole_planes(run.model) else BLOCK // run.result.factor
    key = (layer, row // cells, column // cells) if cells else (layer, 0, 0)
    if key not in run.entering:
        # what enters the layer is the same for all positions of a block
        run.entering[key] = encoder_attention_input(run.codec, run.picture, modules[layer], row, column)
    report(0, 0)
    return patch_attention(modules[layer], run.entering[key], row, column)
