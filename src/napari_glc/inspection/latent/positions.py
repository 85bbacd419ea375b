"""What a codec says about one latent position, in numbers and words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...entropy.gaussian import symbol_bits
from ...entropy.packed import index_bits
from .latents import CodedGrids, CodedLatent, IndexedLatent

__all__ = ["CodedPosition", "GridPosition", "IndexedPosition", "coded_position", "grid_position", "indexed_position"]


@dataclass(frozen=True)
class CodedPosition:
    """One latent position of a ``glc`` stream.

    Attributes
    ----------
    symbols
        int16 ``(C,)``.
    scales
        Standard deviations, float32 ``(C,)``.
    coded
        Symbols that take space; the others are so surely zero that they are skipped.
    bits
        Estimated bits of the symbols.
    hyper_index, hyper_bits
        The hyper codeword over the position, and its bits; sixteen positions share them.
    """

    symbols: NDArray[np.int16]
    scales: NDArray[np.float32]
    coded: int
    bits: float
    hyper_index: int
    hyper_bits: int

    @property
    def nonzero(self) -> int:
        """Symbols that are not zero."""
        return int(np.count_nonzero(self.symbols))

    @property
    def text(self) -> str:
        """The numbers above in a few lines of plain text."""
        count, magnitude = len(self.symbols), np.abs(self.symbols)
        largest = f", largest {magnitude.max()} in channel {magnitude.argmax()}" if self.nonzero else ""
        return (
            f"Symbols: {self.nonzero} of {count} not zero{largest}\n"
            f"Coded: {self.coded} of {count}, the others are surely zero\n"
            f"Scales: median {np.median(self.scales):.2f}, largest {self.scales.max():.2f}\n"
            f"Bits: about {self.bits:.1f} for symbols and {self.hyper_bits / 16:.1f} as its share of hyper index "
            f"{self.hyper_index}"
        )


@dataclass(frozen=True)
class IndexedPosition:
    """One position of an index map.

    Attributes
    ----------
    latent, codeword
        Latent and nearest codeword, float32 ``(C,)``.
    index, count
        The codeword's index, and how many positions of the picture have it.
    codebook_size
        Of how many codewords it is the nearest.
    """

    latent: NDArray[np.float32]
    codeword: NDArray[np.float32]
    index: int
    count: int
    codebook_size: int

    @property
    def error(self) -> float:
        """Distance from latent to codeword relative to the latent's length."""
        length = float(np.linalg.norm(self.latent))
        return float(np.linalg.norm(self.latent - self.codeword)) / length if length else 0.0

    @property
    def text(self) -> str:
        """The numbers above in a few lines of plain text."""
        return (
            f"Index: {self.index} of {self.codebook_size} codewords, at {self.count} positions here\n"
            f"Bits: {index_bits(self.codebook_size)} at fixed length\n"
            f"Latent to codeword: {self.error:.0%} of the latent's length"
        )


@dataclass(frozen=True)
class GridPosition:
    """One latent position of coded grids.

    Attributes
    ----------
    latent, made
        Latent, and as the decoder makes it, float32 ``(C,)``.
    nonzero
        Of each grid, the finest first: values over the position that are not zero.
    bits
        Of each grid: the position's share of their bits.
    """

    latent: NDArray[np.float32]
    made: NDArray[np.float32]
    nonzero: tuple[int, ...]
    bits: tuple[float, ...]

    @property
    def text(self) -> str:
        """The numbers above in a few lines of plain text."""
        error = float(np.square(self.latent - self.made).mean())
        return (
            f"Not zero, of {len(self.latent)} values in each grid, the finest first: "
            f"{', '.join(map(str, self.nonzero))}\n"
            f"Bits, its share in each grid: {', '.join(f'{bits:.2f}' for bits in self.bits)}, "
            f"together {sum(self.bits):.1f}\n"
            f"Mean squared error of the latent here: {error:.3f}"
        )


def grid_position(coded: CodedGrids, row: int, column: int) -> GridPosition:
    """One latent position of coded grids."""
    nonzero, bits = [], []
    height, width = coded.latent.shape[1:]
    for k, (grid, told) in enumerate(zip(coded.grids, coded.bits, strict=True)):
        place = (slice(None), row >> k, column >> k)
        # the last cells of a row or column may reach beyond the latent
        cell = [min(1 << k, size - (at >> k << k)) for at, size in ((row, height), (column, width))]
        nonzero.append(int(np.count_nonzero(grid[place])))
        bits.append(float(told[place].sum()) / (cell[0] * cell[1]))
    return GridPosition(coded.latent[:, row, column], coded.made[:, row, column], tuple(nonzero), tuple(bits))


def coded_position(coded: CodedLatent, row: int, column: int) -> CodedPosition:
    """One latent position of a ``glc`` stream."""
    symbols, levels = coded.symbols[:, row, column], coded.levels[:, row, column]
    return CodedPosition(
        symbols,
        coded.scales[:, row, column],
        int(np.count_nonzero(levels)),
        float(symbol_bits(symbols, levels).sum()),
        int(coded.hyper_indices[row // 4, column // 4]),
        coded.hyper_bits,
    )


def indexed_position(indexed: IndexedLatent, row: int, column: int) -> IndexedPosition:
    """One position of an index map."""
    index = int(indexed.indices[row, column])
    return IndexedPosition(
        indexed.latent[:, row, column],
        indexed.codewords[:, row, column],
        index,
        int((indexed.indices == index).sum()),
        indexed.codebook_size,
    )
