"""Sums of products of integers, by whatever this machine multiplies fast.

Activations are int32 matrices, a row for each position and a column for each channel. Three ways lead to the same sums:

* 8-bit digits (processors with VNNI, fifteen times the speed of float64)::

      a = a0 + 256 a1 (+ 65536 a2),  a0 and a1 in 0..255, the last digit signed
      w = w0 (+ 256 w1),             w0 and w1 in -128..127
      sum a w = sum a0 w0 + 256 sum (a1 w0 + a0 w1) + ...

* float32, where no sum reaches 2**24; else once for each digit of the activations, whose products have 16 bits.
* float64, as :mod:`.fixed_point` has it; the definition.

Each sum of digit products fits int32, and so does every intermediate result, which is proved when a layer is made
(8-bit weights) or looked at while it works (16-bit weights, :class:`TooLargeError`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal

import torch
from torch import Tensor

from .fixed_arithmetic import OUTPUT_LIMIT, FixedFormat, power_of_two
from .fixed_point import FixedConv2d

__all__ = [
    "INT32_LIMIT",
    "Digits",
    "Kind",
    "Linear",
    "Products",
    "TooLargeError",
    "best_products",
    "full_float32",
    "peak",
    "products",
    "scratch",
    "using",
]

INT32_LIMIT = 1 << 31
_FLOAT32_LIMIT = 1 << 24
_DIGIT = 8
_BASE = 1 << _DIGIT
_SIGN = _BASE // 2
_EIGHT = torch.tensor(_DIGIT, dtype=torch.int16, device="cpu")
"""A number in the type of what it shifts: any other would be converted each time."""


class TooLargeError(ArithmeticError):
    """Numbers met that int32 does not hold; float64 does."""


# -- memory ---------------------------------------------------------------------------------------------------


class _Scratch(threading.local):
    """Buffers kept from call to call: megabytes allocated anew for each layer would cost as much as its products."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, torch.dtype], Tensor] = {}
        self._seen: dict[tuple[str, torch.dtype, int], Tensor] = {}

    def __call__(self, name: str, dtype: torch.dtype, rows: int, columns: int) -> Tensor:
        """An uninitialised ``(rows, columns)``; the next call with this name in this thread gives the same memory."""
        seen = self._seen.get((name, dtype, columns))
        if seen is not None and len(seen) == rows:
            # to cut a view anew takes longer than a short operation
            return seen
        size = rows * columns
        kept = self._kept.get((name, dtype))
        with torch.inference_mode(False):
            if kept is None or kept.numel() < size:
                kept = self._kept[name, dtype] = torch.empty(size, dtype=dtype)
                self._seen = {key: view for key, view in self._seen.items() if key[:2] != (name, dtype)}
            view = self._seen[name, dtype, columns] = kept[:size].view(rows, columns)
        return view


scratch = _Scratch()


# -- the choice -----------------------------------------------------------------------------------------------

Kind = Literal["int8", "float32", "float64"]


@dataclass(frozen=True)
class Products:
    """How sums of products are computed.

    Attributes
    ----------
    kind
        See the module.
    reason
        Why, for people.
    """

    kind: Kind
    reason: str


_forced: list[Kind] = []


@contextmanager
def using(kind: Kind) -> Iterator[None]:
    """Let this process multiply in one way meanwhile, whatever is fast."""
    _forced.append(kind)
    try:
        yield
    finally:
        _forced.pop()


def products() -> Kind:
    """The way to multiply now."""
    if _forced:
        return _forced[-1]
    # without oneDNN, which a program may turn off at any time, 8-bit products come from a plain loop
    kind = best_products().kind
    return "float32" if kind == "int8" and not torch.backends.mkldnn.enabled else kind


@cache
def best_products() -> Products:
    """The fastest way to multiply that is right on this machine; tried once in a process, in a few milliseconds."""
    with torch.inference_mode():
        if not _int8_is_right():
            return Products("float32", "8-bit products come out wrong here")
        generator = torch.Generator().manual_seed(0)
        digits = torch.randint(0, _BASE, (384, 192), dtype=torch.uint8, generator=generator)
        weights = torch.randint(-127, 128, (192, 192), dtype=torch.int8, generator=generator)
        narrow = _seconds(lambda: torch._int_mm(digits, weights))
        real, wide = digits.float(), weights.float()
        single = _seconds(lambda: real @ wide)
    found = f"8-bit products take {narrow * 1e6:.0f} µs, float32 {single * 1e6:.0f} µs"
    # two digits against one number
    return Products("int8" if 2 * narrow < single else "float32", found)


def full_float32() -> bool:
    """Whether nobody has allowed torch to multiply float32 with fewer than 24 binary digits."""
    if torch.get_float32_matmul_precision() != "highest":
        return False
    backends = torch.backends.mkldnn
    asked = (torch.backends, backends, getattr(backends, "conv", None), getattr(backends, "matmul", None))
    return all(getattr(part, "fp32_precision", "none") in ("none", "ieee") for part in asked)


def _int8_is_right() -> bool:
    """Products of digits against those of int64: random and extreme ones, sizes even and odd."""
    generator = torch.Generator().manual_seed(1)
    for rows, inputs, outputs in ((1, 1, 1), (64, 96, 96), (129, 193, 31), (48, 864, 96)):
        for dtype, low, high in ((torch.uint8, 0, 255), (torch.int8, -128, 127)):
            a = torch.randint(low, high + 1, (rows, inputs), dtype=dtype, generator=generator)
            w = torch.randint(-128, 128, (inputs, outputs), dtype=torch.int8, generator=generator)
            a[0], w[:, 0] = high, -128
            out = torch.empty(rows, outputs, dtype=torch.int32)
            try:
                torch._int_mm(a, w, out=out)
            except (RuntimeError, AttributeError, NotImplementedError):
                return False
            if not torch.equal(out.long(), a.long() @ w.long()):
                return False
    return True


def _seconds(work: Callable[[], object], repeat: int = 5) -> float:
    """Least of several times; others may be using the machine."""
    work()
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


# -- operands -------------------------------------------------------------------------------------------------


def peak(x: Tensor) -> int:
    """Greatest magnitude."""
    low, high = x.aminmax()
    return max(-int(low), int(high))


class Digits:
    """A matrix of activations, clamped to their format and ready to be multiplied; in buffers of this thread.

    Parameters
    ----------
    x
        Integers ``(positions, channels)``, int32 or float32.
    form
        The format.
    spare
        Whether `x` may be overwritten.
    """

    def __init__(self, x: Tensor, form: FixedFormat, *, spare: bool = False) -> None:
        rows, columns = x.shape
        out = x if spare else scratch("clamped", x.dtype, rows, columns)
        x = torch.clamp(x, -form.limit, form.limit, out=out)
        self.rows, self.kind = rows, products()
        narrow_form = form.limit < 1 << 15
        self.peak = form.limit if narrow_form and self.kind == "int8" else peak(x)
        self.matrices: list[Tensor] = []
        self.stack: Tensor | None = None
        self.real: Tensor | None = None
        if self.kind != "int8":
            self.real = scratch("real", torch.float32, rows, columns).copy_(x)
        elif form.weight_bits == 8:
            self._pile(x)
        else:
            self._split(x, narrow=self.peak < 1 << 15)

    def _pile(self, x: Tensor) -> None:
        """Into two bytes, those of all low digits above those of all top ones, to which 128 is added."""
        rows, columns = x.shape
        self.stack = scratch("stack", torch.uint8, 2 * rows, columns)
        low, top = self._halves(self.stack, rows)
        halved = scratch("narrow", torch.int16, rows, columns).copy_(x)
        low.copy_(halved)
        top.copy_(halved.bitwise_right_shift_(_EIGHT)).bitwise_xor_(_SIGN)

    @staticmethod
    def _halves(stack: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        return stack[:rows], stack[rows:]

    def _split(self, x: Tensor, *, narrow: bool) -> None:
        """Into bytes: two, or three if there are numbers beyond 16 bits."""
        low = scratch("low", torch.uint8, *x.shape)
        top = scratch("top", torch.int8, *x.shape)
        if narrow:
            halved = scratch("narrow", torch.int16, *x.shape).copy_(x)
            low.copy_(halved)
            top.copy_(halved.bitwise_right_shift_(_EIGHT))
            self.matrices = [low, top]
        else:
            middle = scratch("middle", torch.uint8, *x.shape)
            low.copy_(x)
            middle.copy_(x.bitwise_right_shift_(_DIGIT))
            top.copy_(x.bitwise_right_shift_(_DIGIT))
            self.matrices = [low, middle, top]

    def mapped(self, change: Callable[[Tensor, Tensor, int], None], columns: int) -> Digits:
        """Digits whose matrices have `columns` instead, each filled by `change`.

        It gets a matrix, the one to fill, and what stands for zero in both.
        """
        part = object.__new__(Digits)
        part.kind, part.peak, part.rows = self.kind, self.peak, self.rows
        part.matrices, part.stack, part.real = [], None, None
        if self.stack is not None:
            part.stack = scratch("mapped", torch.uint8, 2 * self.rows, columns)
            whole = zip(
                self._halves(self.stack, self.rows), self._halves(part.stack, self.rows), (0, _SIGN), strict=True
            )
            for matrix, out, zero in whole:
                change(matrix, out, zero)
        for number, matrix in enumerate(self.matrices):
            part.matrices.append(scratch(f"mapped {number}", matrix.dtype, self.rows, columns))
            change(matrix, part.matrices[-1], 0)
        if self.real is not None:
            part.real = scratch("mapped", torch.float32, self.rows, columns)
            change(self.real, part.real, 0)
        return part


class Linear:
    """A 1x1 convolution, or some of its output channels.

    Parameters
    ----------
    conv
        Its twin in float64.
    channels
        Output channels in their order; ``None`` for all.
    weight
        In the place of its weights, if its inputs come in another order.

    Raises
    ------
    TooLargeError
        If the weights do not fit.
    """

    def __init__(self, conv: FixedConv2d, channels: Tensor | None = None, weight: Tensor | None = None) -> None:
        self.form = conv.form
        pick = slice(None) if channels is None else channels
        integers = (conv.weight if weight is None else weight)[pick].long()
        shift, offset = conv.shift[pick].flatten(), conv.offset[pick].flatten()
        # what rounds: half a unit of the result
        offset = (offset + (power_of_two(shift) / 2).floor()).long()
        sums = integers.abs().sum(1)
        self.sums = int(sums.max())
        self.norm = float((sums * power_of_two(-shift)).max())
        self.added = float((offset.abs() * power_of_two(-shift)).max())
        self.width = len(integers)
        if self.form.weight_bits == 16:
            self._two_digits(integers, offset, int(shift[0]))
        else:
            self._one_digit(integers, offset, shift)

    def _one_digit(self, integers: Tensor, offset: Tensor, shift: Tensor) -> None:
        largest = int((integers.abs().sum(1) * self.form.limit + offset.abs()).max())
        if largest >= INT32_LIMIT or int(integers.abs().max()) >= _BASE // 2:
            raise TooLargeError("sums that could be so large")
        self.matrices = [integers.t().contiguous().to(torch.int8)]
        self.offset, self.shift = offset.int(), shift.int()
        # top digits come with 128 added to them
        self.lifted = _SIGN * integers.sum(1).int()
        self.together = 3 * _SIGN * _BASE * self.sums + int(offset.abs().max()) < INT32_LIMIT
        self.whole_offset = (offset - _BASE * self.lifted).int() if self.together else self.offset

    def _two_digits(self, integers: Tensor, offset: Tensor, bits: int) -> None:
        low = (integers + _BASE // 2) % _BASE - _BASE // 2
        high = (integers - low) >> _DIGIT
        if int(high.max()) >= _BASE // 2 or bits < _DIGIT or int(offset.abs().max()) >> _DIGIT >= INT32_LIMIT >> 1:
            raise TooLargeError("weights so large")
        self.matrices = [digit.t().contiguous().to(torch.int8) for digit in (low, high)]
        self.low_offset, self.offset, self.bits = (offset % _BASE).int(), (offset >> _DIGIT).int(), bits

    def __call__(self, digits: Digits, name: str) -> Tensor:
        """int32 ``(positions, outputs)`` in the buffer `name`."""
        if digits.stack is not None:
            out = self._stacked(digits.stack, name)
        else:
            out = scratch(name, torch.int32, digits.rows, self.width)
            if self.form.weight_bits == 16:
                self._by_orders(digits, out)
            else:
                self._sums(digits, out)
        return out if self._bound(digits) <= OUTPUT_LIMIT else out.clamp_(-OUTPUT_LIMIT, OUTPUT_LIMIT)

    def _bound(self, digits: Digits) -> float:
        """What no output exceeds."""
        return self.norm * digits.peak + self.added + 1

    # -- 8-bit weights --------------------------------------------------------------------------------

    def _stacked(self, stack: Tensor, name: str) -> Tensor:
        """By 8-bit products, low and top digits at once."""
        rows = len(stack) // 2
        both = torch._int_mm(stack, self.matrices[0], out=scratch(name, torch.int32, 2 * rows, self.width))
        low, top = both[:rows], both[rows:]
        if not self.together:
            top.sub_(self.lifted)
        return low.add_(top, alpha=_BASE).add_(self.whole_offset).bitwise_right_shift_(self.shift)

    def _sums(self, digits: Digits, out: Tensor) -> None:
        assert digits.real is not None
        real = scratch("real sum", torch.float32, *out.shape)
        if self.sums * digits.peak < _FLOAT32_LIMIT and full_float32():
            out.copy_(torch.mm(digits.real, self._real_weight, out=real))
            out.add_(self.offset).bitwise_right_shift_(self.shift)
            return
        high = scratch("high", torch.float32, *digits.real.shape)
        torch.mul(digits.real, 1 / _BASE, out=high).floor_()
        out.copy_(torch.mm(high, self._real_weight, out=real)).bitwise_left_shift_(_DIGIT)
        low = torch.sub(digits.real, high, alpha=_BASE, out=high)
        other = scratch("sum", torch.int32, *out.shape).copy_(torch.mm(low, self._real_weight, out=real))
        out.add_(other).add_(self.offset).bitwise_right_shift_(self.shift)

    @cached_property
    def _real_weight(self) -> Tensor:
        return self.matrices[0].float()

    # -- 16-bit weights -------------------------------------------------------------------------------

    def _by_orders(self, digits: Digits, out: Tensor) -> None:
        """Digit products from the lowest order to the highest, shifting as far as digits are complete."""
        other = scratch("sum", torch.int32, *out.shape)
        torch._int_mm(digits.matrices[0], self.matrices[0], out=out)
        out.add_(self.low_offset).bitwise_right_shift_(_DIGIT).add_(self.offset)
        left, behind, count = self.bits - _DIGIT, 0, len(digits.matrices)
        for order in range(1, count + 1):
            if order > 1:
                step = min(_DIGIT, left)
                out.bitwise_right_shift_(step)
                left, behind = left - step, behind + _DIGIT - step
            for i, matrix in enumerate(self.matrices):
                if order - i < count:
                    torch._int_mm(digits.matrices[order - i], matrix, out=other)
                    out.add_(other, alpha=1 << behind)
        if behind and self._bound(digits) * 2.0**left >= INT32_LIMIT:
            raise TooLargeError("a layer's output")
        out.bitwise_right_shift_(left)
