"""Where attention looks: weights recomputed from a module's own queries and keys.

Two kinds of attention occur. The published autoencoder attends within windows of its latent (patch attention); the
embedded compact one has none. The index transformer attends to a neighbourhood of earlier indices. Both run fused
kernels that never show their weights, so hooks catch what goes in, and the softmax is repeated for one query.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...container import Box
from ...errors import OptionError
from ...imaging.planes import padded_crop
from ...networks.attention import PatchAttention

if TYPE_CHECKING:
    from ...codecs.base import Plane
    from ...codecs.index_mapped import IndexMapped
    from ...codecs.transform_coded import TransformCoded
    from ...networks.index_transformer import IndexTransformer

__all__ = [
    "AttentionInput",
    "AttentionMap",
    "encoder_attention",
    "encoder_attention_input",
    "index_attention",
    "patch_attention",
    "window_of",
]


@dataclass(frozen=True)
class AttentionMap:
    """How much one position looks at others.

    Attributes
    ----------
    weights
        float32 ``(area.height, area.width)``, 0 to 1.
    area
        Positions of the map that the weights belong to: the window, or the neighbourhood.
    elsewhere
        Weight on what is no position of the map (row starts); with it the weights sum to 1.
    probability
        What the transformer gave the index that is there, 0 to 1; ``None`` for an autoencoder.
    """

    weights: NDArray[np.float32]
    area: Box
    elsewhere: float = 0.0
    probability: float | None = None


@dataclass(frozen=True)
class AttentionInput:
    """What enters an attention module of an encoder.

    Attributes
    ----------
    features
        ``(1, C, h, w)``.
    area
        The latent positions it covers.
    """

    features: Tensor
    area: Box


def encoder_attention(codec: TransformCoded | IndexMapped) -> list[PatchAttention]:
    """Attention modules of a codec's encoder in the order of their work; empty for the compact autoencoder."""
    return [module for module in codec.encoder.modules() if isinstance(module, PatchAttention)]


@torch.inference_mode()
def encoder_attention_input(
    codec: TransformCoded | IndexMapped, plane: Plane, module: PatchAttention, row: int, column: int
) -> AttentionInput:
    """Run the encoder on the block around a latent position and catch what enters an attention module.

    Parameters
    ----------
    codec
        The codec.
    plane
        ``(H, W, 3)`` uint8.
    module
        One of :func:`encoder_attention`.
    row, column
        Latent position, within the plane.
    """
    walk = codec.walk
    whole = walk.aligned(Box(0, 0, *plane.shape[:2]))
    pixel = Box(row * walk.factor, column * walk.factor, row * walk.factor + 1, column * walk.factor + 1)
    block = next(block for block in walk.blocks(whole) if block.cut(pixel).height and block.cut(pixel).width)
    seen = walk.analysed(block, whole)
    scaled = torch.from_numpy(padded_crop(plane, seen)).float().permute(2, 0, 1).unsqueeze(0) / 127.5 - 1
    with _Catch(module) as caught:
        codec.net.analyse(scaled.to(walk.device))
    return AttentionInput(caught.inputs[0], seen.divided(walk.factor))


class _Catch:
    """Keeps the last inputs of a module, of this thread only: codecs are shared between threads."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.inputs: tuple[Tensor, ...] = ()

    def __enter__(self) -> _Catch:
        thread = threading.get_ident()

        def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if threading.get_ident() == thread:
                self.inputs = inputs

        self._hook = self.module.register_forward_pre_hook(keep)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()


def window_of(row: int, column: int, area: Box, window: int) -> Box:
    """The attention window of a latent position.

    Parameters
    ----------
    row, column
        The position.
    area
        What the network sees at once; its windows begin at its corner.
    window
        Side of a window; 0 for global attention.
    """
    if window == 0 or max(area.height, area.width) <= window:
        return area
    top = area.top + (row - area.top) // window * window
    left = area.left + (column - area.left) // window * window
    return Box(top, left, top + window, left + window).cut(area)


@torch.inference_mode()
def patch_attention(module: PatchAttention, entering: AttentionInput, row: int, column: int) -> AttentionMap:
    """Attention weights of one latent position over its window.

    Parameters
    ----------
    module
        The module.
    entering
        What enters it; see :func:`encoder_attention_input`.
    row, column
        Latent position, within ``entering.area``.
    """
    area = window_of(row, column, entering.area, module.window)
    normed = module.norm(entering.features)
    inside = area.relative_to(entering.area)
    here = Box(row, column, row + 1, column + 1).relative_to(entering.area)
    query = module.q(normed[(..., *here.slices)])[0].flatten()
    keys = module.k(normed[(..., *inside.slices)])[0].flatten(1)
    weights = (query @ keys / math.sqrt(len(query))).softmax(0).view(area.height, area.width)
    return AttentionMap(weights.cpu().numpy(), area)


@torch.inference_mode()
def index_attention(
    transformer: IndexTransformer, indices: NDArray[np.int64], level: int, layer: int, row: int, column: int
) -> AttentionMap:
    """Where the transformer looks when it predicts an index, mean over the heads of one layer.

    A layer of reach R sees R rows above and R slots to both sides; the slot that predicts an index holds the
    index left of it. So weights lie on earlier indices only.

    Parameters
    ----------
    transformer
        A transformer with local neighbourhoods.
    indices
        Index map, int64 ``(H, W)``; -1 where unknown.
    level
        Rate level of the codebook.
    layer
        Number of the layer, from 0.
    row, column
        The index that is predicted.

    Raises
    ------
    OptionError
        If the transformer attends to everything before, as in minGPT.
    """
    reaches = transformer.config.reaches
    if not reaches:
        raise OptionError("this transformer has no local neighbourhoods; its attention cannot be shown as a map")
    reach = reaches[layer]
    # rows further up than all reaches together cannot matter, nor can rows below
    top = max(0, row - sum(reaches))
    rows = torch.from_numpy(indices[top : row + 1]).unsqueeze(0)
    attention: Any = transformer.blocks[layer]
    with _Catch(attention.attn.attend) as caught:
        features = transformer.map_features(rows, level)
    query, key, _, bias = caught.inputs
    last = row - top
    scores = torch.einsum("hd,hkd->hk", query[0, last, :, column], key[0, last]) / math.sqrt(query.shape[-1])
    weights = (scores + bias[last, :, column]).softmax(-1).mean(0)
    # a band holds reach + 1 rows of slots; slot 0 is the row's start, slot s holds the index of column s - 1
    band = weights.view(reach + 1, -1).numpy()
    area = Box(row - reach, column - 1 - reach, row + 1, column + reach).cut(Box(0, 0, *indices.shape))
    first = area.top - (row - reach)
    seen = band[first:, 1 + area.left : 1 + area.right]
    value, probability = int(indices[row, column]), None
    if value >= 0:
        logits = transformer.logits(features[0, last, column], level)
        probability = float(logits.double().softmax(-1)[value])
    return AttentionMap(seen.astype(np.float32), area, float(band[first:, 0].sum()), probability)
