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

        def surroundings(matrix: Tensor, out: Tensor, zero: int) -> None:
            """The 3x3 of each position side by side."""
            channels = matrix.shape[1]
            plane = F.pad(matrix.view(height, width, channels), (0, 0, 1, 1, 1, 1), value=zero)
            seen = out.view(height, width, 9, channels)
            for tap in range(9):
                row, column = divmod(tap, 3)
                seen[:, :, tap] = plane[row : row + height, column : column + width]

        return self.linear(digits.mapped(surroundings, 9 * x.shape[1]), name)


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
    """A depthwise 3x3 convolution: exact in float32 with 8-bit weights, in float64 with others.

    What it sees is laid in a plane with a border of zeros, some rows at a time, then it is asked for some rows at a
    time: so whatever comes before and after can be done on few positions, which the processor's cache holds.
    """

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
        # scales are powers of two: scaled sums are as exact as sums
        self.weight = (conv.weight * scale.view(-1, 1, 1, 1)).to(self.dtype)
        self.offset = (offset * scale).to(self.dtype)
        self.taps = [tap.contiguous() for tap in self.weight.flatten(1).t()]

    def plane(self, height: int, width: int) -> Tensor:
        """``(height + 2, width + 2, channels)`` for what it is to see, its border zero."""
        shape = height + 2, width + 2, len(self.weight)
        plane = scratch("plane", self.dtype, shape[0] * shape[1], shape[2]).view(shape)
        for border in (plane[0], plane[-1], plane[:, 0], plane[:, -1]):
            border.zero_()
        return plane

    def lay(self, x: Tensor, plane: Tensor, top: int) -> int:
        """Lay rows of int32 ``(positions, channels)`` in a plane; returns the greatest magnitude there may be."""
        x.clamp_(-self.form.limit, self.form.limit)
        rows = x.view(-1, plane.shape[1] - 2, x.shape[1])
        plane[1 + top : 1 + top + len(rows), 1:-1] = rows
        return self.form.limit if self.dtype == torch.float32 else peak(x)

    def rows(self, plane: Tensor, top: int, bottom: int, largest: int) -> Tensor:
        """Some rows of its output, int32 or float32 ``(positions, channels)``."""
        seen = plane[top : bottom + 2]
        if self.dtype == torch.float32 and _convolution_is_right() and torch.backends.mkldnn.enabled and full_float32():
            total = F.conv2d(seen.unsqueeze(0).permute(0, 3, 1, 2), self.weight, self.offset, groups=len(self.weight))
            total = total.permute(0, 2, 3, 1).reshape(-1, len(self.weight))
        else:
            total = self._by_taps(seen)
        total.floor_()
        if self.norm * largest + self.added + 1 > OUTPUT_LIMIT:
            total.clamp_(-OUTPUT_LIMIT, OUTPUT_LIMIT)
        return total if self.dtype == torch.float32 else scratch("rows", torch.int32, *total.shape).copy_(total)

    def _by_taps(self, seen: Tensor) -> Tensor:
        """The sums as nine products of planes."""
        height, width, channels = seen.shape[0] - 2, seen.shape[1] - 2, seen.shape[2]
        total = scratch("total", self.dtype, height * width, channels)
        plane = total.view(height, width, channels)
        plane.copy_(self.offset)
        for number, tap in enumerate(self.taps):
            row, column = divmod(number, 3)
            plane.addcmul_(seen[row : row + height, column : column + width], tap)
        return total


class LeakyReLU:
    """LeakyReLU, in place."""

    def __init__(self, activation: FixedLeakyReLU) -> None:
        self.slope, self.bits = activation.slope, activation.form.slope_bits
        self.half = torch.tensor(1 << (self.bits - 1), dtype=torch.int32)
        self.shift = torch.tensor(self.bits, dtype=torch.int32)

    def __call__(self, x: Tensor) -> Tensor:
        """int32 of any shape; `x` is overwritten."""
        other = scratch("sum", torch.int32, *x.shape)
        if OUTPUT_LIMIT * self.slope < INT32_LIMIT >> 1 or peak(x) * self.slope < INT32_LIMIT >> 1:
            torch.add(self.half, x, alpha=self.slope, out=other).bitwise_right_shift_(self.shift)
        else:
            other.copy_((x.long() * self.slope + self.half) >> self.bits)
        return torch.maximum(x, other, out=x)


def product(a: Tensor, b: Tensor, form: FixedFormat) -> Tensor:
    """Products of activations within the limit of their format, in the place of `a`."""
    half, shift = _rounding(form.fraction_bits)
    if form.limit**2 < INT32_LIMIT >> 1 or peak(a) * peak(b) < INT32_LIMIT >> 1:
        return torch.addcmul(half, a, b, out=a).bitwise_right_shift_(shift)
    wide = (a.long() * b + half) >> form.fraction_bits
    return a.copy_(wide.clamp_(-OUTPUT_LIMIT, OUTPUT_LIMIT))


@cache
def _rounding(bits: int) -> tuple[Tensor, Tensor]:
    """What is added before digits are shifted away, and their number."""
    with torch.inference_mode(False):
        return torch.tensor(1 << (bits - 1), dtype=torch.int32), torch.tensor(bits, dtype=torch.int32)
