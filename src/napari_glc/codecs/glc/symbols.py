"""Coefficients of one tile to bytes and back, with probabilities in fixed point.

The payload of a tile::

    hyper indices, packed | symbols, ANS | CRC-8 of the symbols

The last byte is computed of the symbols as the encoder knew them, so a decoder that arrives at other symbols
(a defect of a machine or of an implementation, not of the bytes) is found out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.quality import MAX_STEPS
from ...container.bytesio import check8
from ...entropy.gaussian import MAX_SYMBOL, GaussianReader, write_gaussian
from ...entropy.packed import packed_size, read_packed, write_packed
from ...entropy.scales import SKIPPED_LEVEL, level_thresholds
from ...errors import DamagedFileError, SymbolMismatchError
from ...networks.fixed_point import FRACTION_BITS, ONE, from_fixed, to_fixed, to_fixed_point
from ...networks.glc import GlcNetwork
from ...networks.prior import MIN_QUANT_STEP, Prior, PriorParameters
from ...networks.quadtree import merge_quarters, spread_quarters

__all__ = ["SymbolCoder", "TileSymbols"]

Part = tuple[NDArray[np.int32], NDArray[np.int64]]

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
        config = net.config
        self.config = config
        prior = Prior(config)
        wanted = prior.state_dict().keys()
        prior.load_state_dict({k: v for k, v in net.state_dict().items() if k in wanted})
        self.codebook = to_fixed(prior.z_vq.embedding.weight.detach())
        self.gains = to_fixed(prior.q_prior.detach()) if config.rate_conditioned_prior else None
        del prior.z_vq
        fixed = to_fixed_point(prior)
        assert isinstance(fixed, Prior)
        self.prior = fixed.requires_grad_(False).eval()
        self.thresholds = torch.from_numpy(level_thresholds(FRACTION_BITS, logarithmic=config.log_scale))

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
        words = self.codebook[torch.from_numpy(hyper_indices)].permute(2, 0, 1).unsqueeze(0)
        features = self.prior.hyper_dec(words)
        if self.gains is not None:
            low, fraction = divmod(rate * (self.config.rate_points - 1), RATE_STEPS)
            high = min(low + 1, self.config.rate_points - 1)
            gain = self.gains[low] * (RATE_STEPS - fraction) + self.gains[high] * fraction
            # integers below 2**53 throughout; the added half unit keeps the quotient off rounding borders
            features = torch.floor((features.round() * gain + 0.5) / (ONE * RATE_STEPS))
        parameters = self.prior.parameters_from_features(features)
        bounded = parameters.quant_step.clamp_min(MIN_QUANT_STEP * ONE)
        return PriorParameters(bounded, parameters.scale, parameters.mean, parameters.context)

    def _levels(self, scale: Tensor) -> Tensor:
        return torch.bucketize(scale.round(), self.thresholds, right=True)

    @staticmethod
    def _dequantise(y_hat: Tensor, parameters: PriorParameters) -> Tensor:
        return (from_fixed(y_hat) * from_fixed(parameters.quant_step)).float()

    @staticmethod
    def _check(parts: list[Part]) -> bytes:
        return check8(b"".join(symbols.astype("<i2").tobytes() for symbols, _ in parts))

    # -- the two directions -----------------------------------------------------------------------------

    def write(self, y: Tensor, hyper_indices: NDArray[np.int64], rate: int) -> tuple[bytes, TileSymbols]:
        """Quantise and code the coefficients ``(1, N, h, w)`` of a tile."""
        parameters = self.parameters(hyper_indices, rate)
        scaled = y.double().cpu() / from_fixed(parameters.quant_step)
        parts: list[Part] = []

        def visit(step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            levels = self._levels(scale)
            symbols = (scaled - from_fixed(mean)).round().clamp(-MAX_SYMBOL, MAX_SYMBOL)
            symbols = symbols * mask * (levels != SKIPPED_LEVEL)
            parts.append((_symbols(merge_quarters(symbols)), _flat_levels(merge_quarters(levels * mask))))
            return symbols * ONE + mean * mask

        y_hat = self.prior.code_steps(parameters, visit)
        hyper = write_packed(hyper_indices, self.config.hyper_codewords)
        payload = hyper + write_gaussian(parts) + self._check(parts)
        return payload, TileSymbols(hyper_indices, tuple(parts), self._dequantise(y_hat, parameters))

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
        reader = GaussianReader(payload[self.hyper_size(height, width) : -1])
        parts: list[Part] = []

        def visit(step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            dense = merge_quarters(self._levels(scale) * mask)
            levels = _flat_levels(dense)
            symbols = reader.read(levels)
            parts.append((symbols, levels))
            spread = spread_quarters(torch.from_numpy(symbols).double().view(dense.shape), mask)
            return spread * ONE + mean * mask

        y_hat = self.prior.code_steps(parameters, visit)
        reader.finish()
        if self._check(parts) != payload[-1:]:
            raise SymbolMismatchError(
                "the decoded symbols are not those of the encoder although the bytes are intact: this machine "
                "does not reproduce the model's probabilities; please report it"
            )
        return TileSymbols(hyper_indices, tuple(parts), self._dequantise(y_hat, parameters))

    def hyper_size(self, height: int, width: int) -> int:
        """Bytes of the hyper stream of a tile."""
        return packed_size((height // 4) * (width // 4), self.config.hyper_codewords)

    def check_size(self, payload: bytes, height: int, width: int) -> None:
        """Refuse a payload too short for a tile of `height` x `width` latent positions.

        Raises
        ------
        DamagedFileError
            If it cannot even hold the hyper stream and the checksum.
        """
        if len(payload) < self.hyper_size(height, width) + 1:
            raise DamagedFileError(f"a tile of {len(payload)} bytes is shorter than its hyper stream")

    def read_hyper(self, payload: bytes, height: int, width: int) -> NDArray[np.int64]:
        """Hyper indices ``(h/4, w/4)`` from the beginning of a payload.

        Raises
        ------
        DamagedFileError
            If the payload is too short.
        """
        self.check_size(payload, height, width)
        packed = payload[: self.hyper_size(height, width)]
        indices = read_packed(packed, (height // 4) * (width // 4), self.config.hyper_codewords)
        return indices.reshape(height // 4, width // 4)

    def preview(self, hyper_indices: NDArray[np.int64], rate: int) -> Tensor:
        """Coefficients predicted from the hyper indices alone, float32 ``(1, N, h, w)``.

        As in the official code, the context model runs as if every symbol were zero.
        """
        parameters = self.parameters(hyper_indices, rate)
        y_hat = self.prior.code_steps(parameters, lambda step, mask, scale, mean: mean * mask)
        return self._dequantise(y_hat, parameters)


def _symbols(dense: Tensor) -> NDArray[np.int32]:
    return dense.flatten().numpy().astype(np.int32)


def _flat_levels(dense: Tensor) -> NDArray[np.int64]:
    return dense.flatten().numpy().astype(np.int64)
