"""How many bytes each part of a file may have, if the whole is to have so many."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Budget"]


class Budget:
    """Bytes shared out among chunks as another encoding spent them; what one leaves over, the next ones may have.

    Parameters
    ----------
    total
        Bytes of all chunks.
    sizes
        Bytes each has in the other encoding.
    """

    def __init__(self, total: float, sizes: Sequence[int]) -> None:
        self._left = total
        self._sizes = list(sizes)
        self._unspent = sum(sizes)

    def share(self, chunks: Sequence[int]) -> float:
        """Bytes some chunks may have now."""
        return self._left * sum(self._sizes[chunk] for chunk in chunks) / max(self._unspent, 1)

    def spend(self, chunks: Sequence[int], size: int) -> None:
        """These chunks are done, and have so many bytes in all."""
        self._left -= size
        self._unspent -= sum(self._sizes[chunk] for chunk in chunks)
