"""The other layers of fixed point on int32 matrices, a row for each position and a column for each channel.

See :mod:`.fixed_products`; what is computed is what :mod:`.fixed_point` defines.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .fixed_arithmetic import OUTPUT_LIMIT, FixedFormat, power_of_two
from .fixed_point import DEPTHWISE_SUM_LIMIT, FixedConv2d, FixedLeakyReLU
from .fixed_products import INT32_LIMIT, Digits, Linear, TooLargeError, full_float32, peak, scratch

__all__ = ["Depthwise", "LeakyReLU", "Spatial", "product"]


class Spatial:
    """A dense 3x3 convolution with zeros around the picture."""

    def __init__(self, conv: FixedConv2d) -> None:
        taps = conv.weight.unflatten(1, (-1, 9)).transpose(1, 2).flatten(1)
        self.linear = Linear(conv, weight=taps)

    def __call__(self, x: Tensor, height: int, width: int, name: str) -> Tensor:
        """int32 ``(positions, outputs)`` in the buffer `name`."""
        digits = Digits(x, self.linear.form)
        columns = digits.mapped(lambda matrix, name: self._columns(matrix, height, width, name))
        return self.linear(columns, name)

    @staticmethod
    def _columns(matrix: Tensor, height: int, width: int, name: str) -> Tensor:
        """The 3x3 surroundings of each position side by side."""
        channels = matrix.shape[1]
        plane = F.pad(matrix.view(height, width, channels), (0, 0, 1, 1, 1, 1))
        columns = scratch("columns of " + name, matrix.dtype, height * width, 9 * channels)
        seen = columns.view(height, width, 9, channels)
        for tap in range(9):
            row, column = divmod(tap, 3)
            seen[:, :, tap] = plane[row : row + height, column : column + width]
        return columns


@cache
def _convolution_is_right() -> bool:
    """Whether oneDNN sums depthwise products as they are; a fast algorithm might transform them first."""
    if not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(2)
    with torch.inference_mode():
        x = torch.randint(-(1 << 15) + 1, 1 << 15, (1, 9, 14, 32), generator=generator).permute(0, 3, 1, 2)
        # sums up to what is allowed
        weight = torch.randint(-56, 57, (32, 1, 3, 3), generator=generator)
        offset = torch.randint(-1000, 1000, (32,), generator=generator)
        found = F.conv2d(x.float(), weight.float(), offset.float(), padding=1, groups=32)
        return torch.equal(found.double(), F.conv2d(x.double(), weight.double(), offset.double(), padding=1, groups=32))


class Depthwise:
    """A depthwise 3x3 convolution: exact in float32 with 8-bit weights, in float64 with others."""

    def __init__(self, conv: FixedConv2d) -> None:
        self.form = conv.form
        small = conv.form.weight_bits == 8
        self.dtype = torch.float32 if small else torch.float64
        scale = power_of_two(-conv.shift.flatten())
        half = (0.5 / scale).floor()
        offset = conv.offset.flatten() + half
        sums = conv.weight.abs().flatten(1).sum(1)
        if small and float((sums * self.form.limit + offset.abs()).max()) >= DEPTHWISE_SUM_LIMIT:
            raise TooLargeError("sums that could be so large")
        self.norm, self.added = float((sums * scale).max()), float((offset.abs() * scale).max())
        self.weight, self.offset, self.scale = conv.weight.to(self.dtype), offset.to(self.dtype), scale.to(self.dtype)
        self.taps = [tap.contiguous() for tap in self.weight.flatten(1).t()]

    def __call__(self, x: Tensor, height: int, width: int, name: str) -> Tensor:
        """int32 ``(positions, channels)`` in the buffer `name`; `x` is overwritten."""
        positions, channels = x.shape
        x.clamp_(-self.form.limit, self.form.limit)
        if self.dtype == torch.float32 and _convolution_is_right() and torch.backends.mkldnn.enabled and full_float32():
            real = scratch("plane", torch.float32, positions, channels).copy_(x)
            plane = real.view(1, height, width, channels).permute(0, 3, 1, 2)
            total = F.conv2d(plane, self.weight, self.offset, padding=1, groups=channels)
            total = total.permute(0, 2, 3, 1).reshape(positions, channels)
        else:
            total = self._by_taps(x, height, width)
        total.mul_(self.scale).floor_()
        largest = self.form.limit if self.dtype == torch.float32 else peak(x)
        if self.norm * largest + self.added + 1 > OUTPUT_LIMIT:
            total.clamp_(-OUTPUT_LIMIT, OUTPUT_LIMIT)
        return scratch(name, torch.int32, positions, channels).copy_(total)

    def _by_taps(self, x: Tensor, height: int, width: int) -> Tensor:
        """The sums as nine products of planes."""
        channels = x.shape[1]
        padded = scratch("padded", self.dtype, (height + 2) * (width + 2), channels).view(height + 2, width + 2, -1)
        padded.zero_()[1:-1, 1:-1] = x.view(height, width, channels)
        total = scratch("plane", self.dtype, height * width, channels)
        plane = total.view(height, width, channels)
        plane.copy_(self.offset)
        for number, tap in enumerate(self.taps):
            row, column = divmod(number, 3)
            plane.addcmul_(padded[row : row + height, column : column + width], tap)
        return total


class LeakyReLU:
    """LeakyReLU, in place."""

    def __init__(self, activation: FixedLeakyReLU) -> None:
        self.slope, self.bits = activation.slope, activation.form.slope_bits
        self.half = torch.tensor(1 << (self.bits - 1), dtype=torch.int32)

    def __call__(self, x: Tensor) -> Tensor:
        """int32 of any shape; `x` is overwritten."""
        other = scratch("sum", torch.int32, *x.shape)
        if OUTPUT_LIMIT * self.slope < INT32_LIMIT >> 1 or peak(x) * self.slope < INT32_LIMIT >> 1:
            torch.add(self.half, x, alpha=self.slope, out=other).bitwise_right_shift_(self.bits)
        else:
            other.copy_((x.long() * self.slope + self.half) >> self.bits)
        return torch.maximum(x, other, out=x)


def product(a: Tensor, b: Tensor, form: FixedFormat) -> Tensor:
    """Products of activations, in the place of `a`; both are overwritten."""
    a.clamp_(-form.limit, form.limit)
    b.clamp_(-form.limit, form.limit)
    half = torch.tensor(1 << (form.fraction_bits - 1), dtype=torch.int32)
    if form.limit**2 < INT32_LIMIT >> 1 or peak(a) * peak(b) < INT32_LIMIT >> 1:
        return torch.addcmul(half, a, b, out=a).bitwise_right_shift_(form.fraction_bits)
    wide = (a.long() * b + half) >> form.fraction_bits
    return a.copy_(wide.clamp_(-OUTPUT_LIMIT, OUTPUT_LIMIT))
