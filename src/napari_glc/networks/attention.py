"""Self-attention of the latent, global or confined to windows (*patch attention*)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .normalisation import GroupNorm

__all__ = ["PatchAttention"]


class PatchAttention(nn.Module):
    """Single-head attention inside non-overlapping windows of the latent.

    Trained globally on crops no larger than a window, evaluated window by window (GLC, section on patch
    attention): cost grows linearly with the picture, and a window never sees outside itself. Windows at
    the right and bottom border may be smaller.

    Parameters
    ----------
    channels
        Width of the feature map; must be a multiple of 32 (group normalisation).
    window
        Side of a window in latent positions; 0 attends globally.
    """

    def __init__(self, channels: int, window: int = 32) -> None:
        super().__init__()
        self.window = window
        self.norm = GroupNorm(32, channels, eps=1e-6)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Feature map ``(B, C, h, w)`` to one of the same shape; each position has seen its window."""
        normed = self.norm(x)
        q, k, v = self.q(normed), self.k(normed), self.v(normed)
        window = self.window
        if window == 0 or self.training or max(x.shape[-2:]) <= window:
            attended = self._attend(q, k, v)
        else:
            attended = torch.empty_like(v)
            for top in range(0, x.shape[2], window):
                for left in range(0, x.shape[3], window):
                    area = (..., slice(top, top + window), slice(left, left + window))
                    attended[area] = self._attend(q[area], k[area], v[area])
        out: Tensor = self.proj_out(attended)
        return x + out

    @staticmethod
    def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        batch, channels, height, width = q.shape
        queries, keys, values = (t.flatten(2).transpose(1, 2).unsqueeze(1) for t in (q, k, v))
        out = F.scaled_dot_product_attention(queries, keys, values)
        return out.squeeze(1).transpose(1, 2).reshape(batch, channels, height, width)
