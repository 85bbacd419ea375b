"""Coefficients of one tile to bytes and back, with probabilities in fixed point.

The payload of a tile::

    hyper indices, packed | symbols, ANS | CRC-8 of the symbols

The last byte is computed of the symbols as the encoder knew them, so a decoder that arrives at other symbols
(a defect of a machine or of an implementation, not of the bytes) is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.quality import MAX_STEPS
from ...container.bytesio import check8
from ...entropy.gaussian import MAX_SYMBOL, GaussianReader, write_gaussian
from ...entropy.packed import read_packed, write_packed
from ...entropy.scales import SKIPPED_LEVEL, level_thresholds
from ...errors import SymbolMismatchError
from ...networks.fixed_arithmetic import EIGHT_BITS, SIXTEEN_BITS, from_fixed
from ...networks.fixed_prior import FixedPrior
from ...networks.glc import GlcNetwork
from ...networks.prior import PriorParameters
from ...networks.quadtree import step_quarters
from .streams import check_size, hyper_size

__all__ = ["Rounding", "SymbolCoder", "TileSymbols", "to_nearest"]

Part = tuple[NDArray[np.int32], NDArray[np.int64]]

Rounding = Callable[[Tensor, Tensor], Tensor]
"""From residuals, float64 in quantisation steps, and levels of scales to whole numbers, ``(n,)`` each."""


def to_nearest(residual: Tensor, levels: Tensor) -> Tensor:
    """The :data:`Rounding` of a single pass."""
    return residual.round()


RATE_STEPS = MAX_STEPS
"""Rate positions are multiples of ``(rate points - 1) / 200``: half steps of quality."""


@dataclass(frozen=True)
class TileSymbols:
    """All that a tile's payload says.

    Attributes
    ----------
    hyper_indices
        Int64 ``(h/4, w/4)``.
    parts
        Symbols and scale levels of the four coding steps, as they lie in the stream.
    y_hat
        Dequantised coefficients, float32 ``(1, N, h, w)``.
    """

    hyper_indices: NDArray[np.int64]
    parts: tuple[Part, ...]
    y_hat: Tensor


class SymbolCoder:
    """Writes and reads the payload of a tile.

    Parameters
    ----------
    net
        The network whose prior is evaluated; its copy in fixed point lives on the CPU.
    """

    def __init__(self, net: GlcNetwork) -> None:
        self.config = net.config
        self.form = EIGHT_BITS if net.config.prior_weight_bits == 8 else SIXTEEN_BITS
        self.prior = FixedPrior(net, self.form)
        thresholds = torch.from_numpy(level_thresholds(self.form.fraction_bits, logarithmic=net.config.log_scale))
        # the level of every fixed-point scale from below the first threshold to the last
        self.least_scale = int(thresholds[0]) - 1
        scales = torch.arange(self.least_scale, int(thresholds[-1]) + 1)
        self.levels = torch.bucketize(scales, thresholds, right=True)

    # -- what encoder and decoder share ---------------------------------------------------------------

    def parameters(self, hyper_indices: NDArray[np.int64], rate: int) -> PriorParameters:
        """First answers of the prior, in fixed point, its quantisation step bounded.

        Parameters
        ----------
        hyper_indices
            ``(h/4, w/4)``.
        rate
            Rate position in steps, 0 to 200.
        """
        return self.prior.parameters_of(torch.from_numpy(hyper_indices), rate, RATE_STEPS)

    def _flat_levels(self, scale: Tensor) -> Tensor:
        """Levels of fixed-point scales, int64, in stream order."""
        at = (scale.flatten() - self.least_scale).clamp_(0, len(self.levels) - 1)
        return self.levels[at]

    def _dequantise(self, y_hat: Tensor, parameters: PriorParameters) -> Tensor:
        return (from_fixed(y_hat, self.form) * from_fixed(parameters.quant_step, self.form)).float()

    @staticmethod
    def _check(parts: Sequence[Part]) -> bytes:
        return check8(b"".join(symbols.astype("<i2").tobytes() for symbols, _ in parts))

    # -- the two directions -----------------------------------------------------------------------------

    def write(
        self, y: Tensor, hyper_indices: NDArray[np.int64], rate: int, rounding: Rounding = to_nearest
    ) -> tuple[bytes, TileSymbols]:
        """Quantise and code the coefficients ``(1, N, h, w)`` of a tile."""
        symbols = self.quantise(y, hyper_indices, rate, rounding)
        return self.payload(symbols), symbols

    def quantise(
        self, y: Tensor, hyper_indices: NDArray[np.int64], rate: int, rounding: Rounding = to_nearest
    ) -> TileSymbols:
        """What the payload of a tile is to say; enough to render it."""
        parameters = self.parameters(hyper_indices, rate)
        scaled = y.double().cpu() / from_fixed(parameters.quant_step, self.form)
        parts: list[Part] = []

        def code(step: int, scale: Tensor, mean: Tensor) -> Tensor:
            levels = self._flat_levels(scale)
            residual = step_quarters(scaled, step) - from_fixed(mean, self.form)
            symbols = rounding(residual.flatten(), levels).clamp(-MAX_SYMBOL, MAX_SYMBOL).int()
            symbols[levels == SKIPPED_LEVEL] = 0
            parts.append((symbols.numpy(), levels.numpy()))
            return symbols.view(scale.shape)

        y_hat = self.prior.code_steps(parameters, code)
        return TileSymbols(hyper_indices, tuple(parts), self._dequantise(y_hat, parameters))

    def payload(self, symbols: TileSymbols) -> bytes:
        """Code what was quantised."""
        hyper = write_packed(symbols.hyper_indices, self.config.hyper_codewords)
        return hyper + write_gaussian(symbols.parts) + self._check(symbols.parts)

    def read(self, payload: bytes, height: int, width: int, rate: int) -> TileSymbols:
        """Decode the payload of a tile whose latent has `height` x `width` positions.

        Raises
        ------
        DamagedFileError
            If the payload cannot be of this tile.
        SymbolMismatchError
            If the symbols are not those the encoder wrote.
        """
        hyper_indices = self.read_hyper(payload, height, width)
        parameters = self.parameters(hyper_indices, rate)
        reader = GaussianReader(payload[hyper_size(self.config, height, width) : -1])
        parts: list[Part] = []

        def code(step: int, scale: Tensor, mean: Tensor) -> Tensor:
            levels = self._flat_levels(scale).numpy()
            symbols = reader.read(levels)
            parts.append((symbols, levels))
            return torch.from_numpy(symbols).view(scale.shape)

        y_hat = self.prior.code_steps(parameters, code)
        reader.finish()
        if self._check(parts) != payload[-1:]:
            raise SymbolMismatchError(
                "the decoded symbols are not those of the encoder although the bytes are intact: this machine "
                "does not reproduce the model's probabilities; please report it"
            )
        return TileSymbols(hyper_indices, tuple(parts), self._dequantise(y_hat, parameters))

    def read_hyper(self, payload: bytes, height: int, width: int) -> NDArray[np.int64]:
        """Hyper indices ``(h/4, w/4)`` from the beginning of a payload.

        Raises
        ------
        DamagedFileError
            If the payload is too short.
        """
        check_size(self.config, payload, height, width)
        packed = payload[: hyper_size(self.config, height, width)]
        indices = read_packed(packed, (height // 4) * (width // 4), self.config.hyper_codewords)
        return indices.reshape(height // 4, width // 4)

    def preview(self, hyper_indices: NDArray[np.int64], rate: int) -> Tensor:
        """Coefficients predicted from the hyper indices alone, float32 ``(1, N, h, w)``.

        As in the official code, the context model runs as if every symbol were zero.
        """
        parameters = self.parameters(hyper_indices, rate)
        y_hat = self.prior.code_steps(parameters, lambda step, scale, mean: torch.zeros_like(mean))
        return self._dequantise(y_hat, parameters)
