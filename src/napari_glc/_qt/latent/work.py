"""The latent widget's work: what runs in a thread and what it leaves behind for later clicks. Free of Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_planes import LayerPlane
from ...models import ModelFile

if TYPE_CHECKING:
    from ..._base.progress import Progress
    from ...files.opened import GlcFile
    from ...inspection.latent.attention import AttentionInput, AttentionMap
    from ...inspection.latent.latents import CodedGrids, CodedLatent, IndexedLatent

__all__ = ["LatentRun", "StoredPlane", "attend", "inspect"]


@dataclass(frozen=True)
class StoredPlane:
    """Where the plane of a layer is stored.

    Attributes
    ----------
    path, time
        The file and when it was written, in nanoseconds.
    index, channel
        Of the layer's plane along its leading axes; of the layer, if each channel has one.
    """

    path: Path
    time: int
    index: tuple[int, ...]
    channel: int | None

    @classmethod
    def of_layer(cls, layer: Any, plane: LayerPlane) -> StoredPlane | None:
        """Of a layer that was read from a file that is still there."""
        facts = layer.metadata.get("glc")
        if plane.sides != (len(plane.index) - 2, len(plane.index) - 1):  # a section across the planes of the file
            return None
        if not isinstance(facts, dict) or not isinstance(facts.get("file"), str):
            return None
        path, channel = Path(facts["file"]), facts.get("channel")
        try:
            time = path.stat().st_mtime_ns
        except OSError:
            return None
        return cls(path, time, plane.numbers, channel if isinstance(channel, int) else None)


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
    stored
        Whence the grids were read; `None` if the plane was coded for this.
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
    stored: StoredPlane | None = None
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
    model: ModelFile,
    device: str,
    plane: LayerPlane,
    rule: str,
    stored: StoredPlane | None,
    quality: float,
    before: LatentRun | None,
    report: Progress,
) -> LatentRun:
    """The work of a run, in its thread.

    Parameters
    ----------
    model, device, plane, quality
        What to analyse, and with what.
    rule
        By which the values are found that become 0 and 255; see :meth:`.LayerPlane.ranged`.
    stored
        The file the layer was read from. If it is one of this model with grids, these are shown, whatever `quality`.
    before
        The run before, which serves again if it analysed the same pixels in the same way.
    report
        Of the job.
    """
    from ...codecs.loading import loaded_codec
    from ...codecs.registry import codec_named
    from ...imaging.planes import to_plane
    from ...inspection.latent.latents import coded_grids, coded_latent, indexed_latent, stored_grids

    report(0, 0)
    plane, pixels = plane.picture_by(rule)
    can = codec_named(model.codec).capabilities
    file = _file_of(stored, model, device, plane) if can.grids and stored is not None else None
    if file is None:
        stored = None
    else:
        quality = file.quality
    if (
        before is not None
        and (before.model.key, before.quality, before.stored) == (model.key, quality, stored)
        and np.array_equal(before.pixels, pixels)
    ):
        return replace(before, plane=plane, source=None)
    codec: Any = loaded_codec(model, device)
    picture, _ = to_plane(pixels)
    result: CodedLatent | IndexedLatent | CodedGrids
    if can.coefficients:
        result = coded_latent(codec, picture, quality, progress=report)
    elif file is not None and stored is not None:
        result = stored_grids(file, _place(file, stored), report)
    elif can.grids:
        result = coded_grids(codec, picture, quality, progress=report)
    else:
        result = indexed_latent(codec, picture, quality, progress=report)
    return LatentRun(model, codec, quality, plane, pixels, picture, result, stored)


def _file_of(stored: StoredPlane, model: ModelFile, device: str, plane: LayerPlane) -> GlcFile | None:
    """The file, if it was made with this model and the layer shows its planes as they are."""
    from ...errors import GlcError
    from ...files.opened import GlcFile

    try:
        file = GlcFile(stored.path, device=device)
        same = file.model.key == model.key and file.layout.size("Y") == plane.shape[0]
        return file if same and file.layout.size("X") == plane.shape[1] else None
    except (GlcError, OSError):
        # what became of the file does not concern the layer
        return None


def _place(file: GlcFile, stored: StoredPlane) -> tuple[int, ...]:
    """Of the plane along the leading axes of the file: a layer of one channel lacks their axis."""
    if stored.channel is None:
        return stored.index
    at = file.layout.leading_axes.index("C")
    return (*stored.index[:at], stored.channel, *stored.index[at:])


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
