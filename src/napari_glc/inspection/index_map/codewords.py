"""The codewords of a codebook: which are alike, and what each of them looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ...codecs.index_mapped import IndexMapped

__all__ = ["codeword_patches", "order_codewords"]

_MOST_CLUSTERED = 4096
"""Codewords up to which all pairs are looked at; their distances take 64 MiB."""
_BATCH = 16
_SIDE = 7
"""Side of the constant map a codeword is decoded in. The centre still feels the borders a little: from 7 to 9 it
changes by 0.1 grey levels in the mean, from 5 to 7 by 0.3."""


def order_codewords(codewords: NDArray[np.floating]) -> NDArray[np.int64]:
    """Line up the codewords of a codebook so that those close to each other (L2) get close ranks.

    They are clustered by Ward's method, and every branch of the tree is turned so that the child with the
    smaller mean along the first principal axis comes first. So the tree keeps close codewords together, and the axis
    keeps the whole line from one extreme to the other. The direction of the line is that of the axis, whose
    largest component is made positive.

    Measured with the 2048 codewords of ``vqgan-small`` (``benchmarks/codeword_order.py``), in units of the mean
    distance of two codewords, and of the whole line:

    ============================================  ==================  ==========================================
    order                                         mean distance of    mean distance in the line of a word and
                                                  neighbours          its four nearest
    ============================================  ==================  ==========================================
    random                                        1.01                0.335
    first principal axis                          0.74                0.061
    Fiedler vector of the neighbourhood graph     0.76                0.067
    optimal leaf order (average linkage)          0.39                0.108
    **Ward's tree turned along the axis**         **0.41**            **0.077**
    ============================================  ==================  ==========================================

    The first column tells how smooth a colour scale over the line is, the second whether codewords that are alike get
    colours that are alike. The optimal leaf order also takes seconds in which Python does nothing else; this one takes
    a tenth of a second.

    Beyond 4096 codewords all pairs are too many, and the codewords are ordered along the axis alone.

    Parameters
    ----------
    codewords
        ``(K, C)``.

    Returns
    -------
    NDArray[np.int64]
        ``(K,)``: the index of the word at each rank.
    """
    from scipy.cluster.hierarchy import linkage

    points = np.asarray(codewords, np.float64)
    centred = points - points.mean(0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    along = centred @ (axis * np.sign(axis[np.abs(axis).argmax()]))
    if not 2 < len(points) <= _MOST_CLUSTERED:
        ranked: NDArray[np.int64] = along.argsort(kind="stable")
        return ranked
    branches = [[index] for index in range(len(points))]
    means = list(along)
    for left, right, _, size in linkage(points, "ward"):
        first, second = sorted((int(left), int(right)), key=means.__getitem__)
        means.append((means[first] * len(branches[first]) + means[second] * len(branches[second])) / size)
        branches.append(branches[first] + branches[second])
    return np.array(branches[-1], np.int64)


@torch.inference_mode()
def codeword_patches(
    codec: IndexMapped, level: int, indices: Sequence[int] | NDArray[np.int64], progress: Callable[[int, int], None]
) -> NDArray[np.uint8]:
    """What codewords look like: each decoded in the middle of a map of nothing else.

    In a picture a codeword looks different, because the generator sees its neighbours.

    Parameters
    ----------
    codec
        The codec.
    level
        Rate level of the codebook.
    indices
        The codewords.
    progress
        Called with codewords done and in all; whatever it raises stops the work.

    Returns
    -------
    NDArray[np.uint8]
        ``(len(indices), f, f, 3)`` with f pixels per index.
    """
    factor, codebook = codec.factor, codec.net.codebook(level)
    inner = slice(_SIDE // 2 * factor, (_SIDE // 2 + 1) * factor)
    wanted = np.asarray(indices, np.int64)
    patches = np.empty((len(wanted), factor, factor, 3), np.uint8)
    for start in range(0, len(wanted), _BATCH):
        progress(start, len(wanted))
        some = torch.from_numpy(wanted[start : start + _BATCH]).to(codec.walk.device)
        maps = some[:, None, None].expand(-1, _SIDE, _SIDE)
        centre = codec.net.generate(codebook.lookup(maps), level)[..., inner, inner]
        pixels = centre.permute(0, 2, 3, 1).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        patches[start : start + _BATCH] = pixels.cpu().numpy()
    progress(len(wanted), len(wanted))
    return patches
