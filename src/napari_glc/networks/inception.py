"""Inception as the Fréchet Inception distance looks through it: Inception v3 of TensorFlow, of 5 December 2015.

Unlike torchvision's: averages leave out the border, the last block takes a maximum, and pictures are enlarged as
TensorFlow 1 did it. Keys are those of the conversion to PyTorch that everybody uses
(``pt_inception-2015-12-05-6726825d.pth``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InceptionFeatures"]

SIDE = 299
"""Pixels a side the network was made for."""


class InceptionFeatures(nn.Module):
    """2048 features of a picture: the means of the last layer before classification."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3)
        self.Mixed_5b = _A(192, 32)
        self.Mixed_5c = _A(256, 64)
        self.Mixed_5d = _A(288, 64)
        self.Mixed_6a = _B(288)
        self.Mixed_6b = _C(768, 128)
        self.Mixed_6c = _C(768, 160)
        self.Mixed_6d = _C(768, 160)
        self.Mixed_6e = _C(768, 192)
        self.Mixed_7a = _D(768)
        self.Mixed_7b = _E(1280, _mean)
        self.Mixed_7c = _E(2048, partial(F.max_pool2d, kernel_size=3, stride=1, padding=1))
        self.requires_grad_(False).eval()

    def forward(self, picture: Tensor) -> Tensor:
        """Features ``(B, 2048)`` of pictures ``(B, 3, H, W)`` with values of 0 to 255, of any size."""
        x = (_enlarged(picture.float()) - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        found: Tensor = x.mean((2, 3))
        return found


def _enlarged(x: Tensor) -> Tensor:
    """Bilinear as in TensorFlow 1: pixel 0 falls on pixel 0, and the last ones beyond the last one."""
    for axis in (3, 2):
        side = x.shape[axis]
        # in the order of operations of the original, so that positions round alike
        place = torch.arange(SIDE, dtype=x.dtype, device=x.device) * torch.tensor(side / SIDE, dtype=x.dtype)
        low = place.long()
        weight = (place - low).view((-1, 1) if axis == 2 else (1, -1))
        first = x.index_select(axis, low)
        x = first + (x.index_select(axis, (low + 1).clamp_max(side - 1)) - first) * weight
    return x


def _mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class _Conv(nn.Module):
    """Convolution, normalisation, activation."""

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel, stride, padding, bias=False)
        self.bn = _Norm(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.bn(self.conv(x)))


class _Norm(nn.Module):
    """Batch normalisation as it is when training is over: torch's also counts steps."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=0.001)


class _A(nn.Module):
    def __init__(self, into: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(into, 64, 1)
        self.branch5x5_1 = _Conv(into, 48, 1)
        self.branch5x5_2 = _Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = _Conv(into, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, padding=1)
        self.branch_pool = _Conv(into, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pooled = self.branch_pool(_mean(x))
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), twice, pooled], 1)


class _B(nn.Module):
    def __init__(self, into: int) -> None:
        super().__init__()
        self.branch3x3 = _Conv(into, 384, 3, stride=2)
        self.branch3x3dbl_1 = _Conv(into, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), twice, F.max_pool2d(x, 3, 2)], 1)


class _C(nn.Module):
    def __init__(self, into: int, inner: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(into, 192, 1)
        self.branch7x7_1 = _Conv(into, inner, 1)
        self.branch7x7_2 = _Conv(inner, inner, (1, 7), padding=(0, 3))
        self.branch7x7_3 = _Conv(inner, 192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = _Conv(into, inner, 1)
        self.branch7x7dbl_2 = _Conv(inner, inner, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = _Conv(inner, inner, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = _Conv(inner, inner, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = _Conv(inner, 192, (1, 7), padding=(0, 3))
        self.branch_pool = _Conv(into, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), once, twice, self.branch_pool(_mean(x))], 1)


class _D(nn.Module):
    def __init__(self, into: int) -> None:
        super().__init__()
        self.branch3x3_1 = _Conv(into, 192, 1)
        self.branch3x3_2 = _Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = _Conv(into, 192, 1)
        self.branch7x7x3_2 = _Conv(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = _Conv(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = _Conv(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, 2)], 1)


class _E(nn.Module):
    def __init__(self, into: int, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.pool = pool
        self.branch1x1 = _Conv(into, 320, 1)
        self.branch3x3_1 = _Conv(into, 384, 1)
        self.branch3x3_2a = _Conv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = _Conv(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = _Conv(into, 448, 1)
        self.branch3x3dbl_2 = _Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = _Conv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = _Conv(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = _Conv(into, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = [self.branch1x1(x), self.branch3x3_2a(once), self.branch3x3_2b(once)]
        parts += [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice), self.branch_pool(self.pool(x))]
        return torch.cat(parts, 1)
