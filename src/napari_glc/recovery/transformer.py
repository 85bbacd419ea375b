"""Prediction of lost indices by the autoregressive transformer.

:func:`predict_by_windows` is the published procedure word for word (Mao et al., section 3.4): for every lost index,
in raster order, one forward pass over the 16 x 16 window around it, of which the network sees the positions before it.
:func:`predict_in_order` gives the same indices much faster, for networks whose attention has a bounded reach:
their window is the same, and keys and values are computed once for the whole map.
:func:`predict_both_sides` goes beyond: it multiplies in what a second, backward pass knows of the
indices that follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.index_transformer import IndexTransformer
from ..networks.index_waves import IndexWaves
from .sampling import Sampling

__all__ = ["WINDOW", "Shown", "predict_both_sides", "predict_by_windows", "predict_in_order"]

IndexMap = NDArray[np.int64]
Tick = Callable[[], None]
Shown = Callable[[IndexMap], None]
"""Called with the map as it is, -1 where nothing is known yet, whenever indices came back. The array is the one being
filled: copy what is to last."""

WINDOW = 16
"""Side of the window around a lost index, in indices."""

_BAND = 1 << 14
"""Positions whose keys and values are held at a time."""


def _nothing() -> None:
    """Ignore progress."""


@torch.inference_mode()
def predict_in_order(
    transformer: IndexTransformer,
    indices: IndexMap,
    lost: NDArray[np.bool_],
    level: int,
    sampling: Sampling | None = None,
    *,
    tick: Tick = _nothing,
    shown: Shown | None = None,
) -> IndexMap:
    """Fill lost indices in raster order, each from the positions before it.

    Parameters
    ----------
    transformer
        In floating point, with reaches.
    indices
        ``(H, W)``; values at lost positions are ignored.
    lost
        ``(H, W)``.
    level
        Rate level of the codebook.
    sampling
        ``None`` takes the most probable index.
    tick
        Called often; whatever it raises stops the work.
    shown
        See :data:`Shown`; for those who want to watch.

    Returns
    -------
    NDArray[np.int64]
        ``(H, W)``, complete.
    """
    return _fill(transformer, indices, lost, level, sampling, lambda rows: None, tick, shown)


@torch.inference_mode()
def predict_both_sides(
    transformer: IndexTransformer,
    indices: IndexMap,
    lost: NDArray[np.bool_],
    level: int,
    sampling: Sampling | None = None,
    *,
    tick: Tick = _nothing,
    shown: Shown | None = None,
) -> IndexMap:
    """Fill lost indices from the positions before and after them; arguments as for :func:`predict_in_order`.

    The network reads the map backwards, too. With *b* the indices before a position and *a* those after,
    taken as independent given the index *x* itself, ``p(x | b, a) ~ p(x | b) p(x | a) / p(x)``; the last factor is
    what the network predicts where it sees nothing.
    """
    known = np.where(lost, -1, indices)
    reach = sum(transformer.config.reaches)
    nothing = _logits(transformer, np.full((1, 1), -1), level, direction=0).log_softmax(-1)

    def after(rows: slice) -> Tensor:
        seen = known[rows.start : rows.stop + reach]
        logits = _logits(transformer, seen[::-1, ::-1].copy(), level, direction=1).flip(0, 1)
        return (logits[: rows.stop - rows.start].log_softmax(-1) - nothing).flatten(0, 1)

    return _fill(transformer, indices, lost, level, sampling, after, tick, shown)


def _fill(
    transformer: IndexTransformer,
    indices: IndexMap,
    lost: NDArray[np.bool_],
    level: int,
    sampling: Sampling | None,
    evidence: Callable[[slice], Tensor | None],
    tick: Tick,
    shown: Shown | None,
) -> IndexMap:
    """Fill a map band by band; `evidence` adds log-probabilities ``(positions, K)`` for rows."""
    sampling = sampling or Sampling()
    device = transformer.direction.device
    filled = torch.from_numpy(np.where(lost, -1, indices)).to(device)
    height, width = lost.shape
    reach = sum(transformer.config.reaches)
    band = max(1, _BAND // width)
    for top in range(0, height, band):
        rows = slice(top, min(top + band, height))
        if not lost[rows].any():
            continue
        # rows above are complete by now and lend their context
        above = min(top, reach)
        part = filled[top - above : rows.stop].unsqueeze(0)
        flat = part.view(-1)
        missing = torch.from_numpy(np.pad(lost[rows], ((above, 0), (0, 0)))).flatten()
        extra = evidence(rows)
        for positions, logits in IndexWaves(transformer, part, level, wanted=missing):
            tick()
            scores = logits[0]
            if extra is not None:
                scores = scores.log_softmax(-1) + extra[positions - above * width]
            flat[positions] = sampling.draw(scores)
            if shown is not None:
                shown(filled.cpu().numpy())
    result: IndexMap = filled.cpu().numpy()
    return result


def _logits(transformer: IndexTransformer, indices: IndexMap, level: int, *, direction: int = 0) -> Tensor:
    """Logits ``(H, W, K)`` of every position from those before it; -1 is unknown."""
    maps = torch.from_numpy(indices).unsqueeze(0).to(transformer.direction.device)
    return transformer.logits(transformer.map_features(maps, level, direction), level)[0]


@torch.inference_mode()
def predict_by_windows(
    transformer: IndexTransformer,
    indices: IndexMap,
    lost: NDArray[np.bool_],
    level: int,
    sampling: Sampling | None = None,
    *,
    tick: Tick = _nothing,
    shown: Shown | None = None,
) -> IndexMap:
    """The published procedure: one forward pass over a 16 x 16 window for each lost index.

    Arguments as for :func:`predict_in_order`. Serves networks of any kind: minGPT reads the window as a
    sequence of which only the part before the lost index is given to it, its window shifted to stay inside
    the map.
    """
    sampling = sampling or Sampling()
    filled = np.where(lost, -1, indices)
    height, width = lost.shape
    for row, column in np.argwhere(lost):
        tick()
        if transformer.config.reaches:
            top, left = max(0, row - WINDOW // 2), max(0, column - WINDOW // 2)
            window = filled[top : row + WINDOW // 2, left : column + WINDOW // 2]
            at = _logits(transformer, window, level)[row - top, column - left]
        else:
            side = min(WINDOW, math.isqrt(transformer.config.block))
            top = min(max(0, row - side // 2), max(0, height - side))
            left = min(max(0, column - side // 2), max(0, width - side))
            window = filled[top : top + side, left : left + side]
            at = _read(transformer, window, (row - top) * window.shape[1] + column - left, level)
        filled[row, column] = int(sampling.draw(at.unsqueeze(0)))
        if shown is not None:
            shown(filled)
    return filled


def _read(transformer: IndexTransformer, window: IndexMap, position: int, level: int) -> Tensor:
    """Logits of a position of a window, given the sequence before it.

    minGPT predicts from the token before, and before the first there is none: the first position takes
    the logits after an arbitrary token 0, as good as a guess.
    """
    before = torch.from_numpy(window.ravel()[:position]).clamp_min(0)
    before = before if position else torch.zeros(1, dtype=torch.int64)
    tokens = before.to(transformer.tok_emb.weight.device) + transformer.vocabulary.first(level)
    first = transformer.vocabulary.first(level)
    count = transformer.vocabulary.codebooks[level]
    logits: Tensor = transformer(tokens.unsqueeze(0))
    return logits[0, -1, first : first + count]
