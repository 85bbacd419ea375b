"""What was decoded of tiles, kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, MutableMapping
from typing import Any

__all__ = ["DecodedTiles"]


class DecodedTiles:
    """The codec's intermediate results of the tiles used last: coefficients, or indices.

    Parameters
    ----------
    limit
        Bytes kept at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._bytes = limit, 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self.count = 0
        """Tiles decoded so far."""

    def of(self, plane: Hashable) -> MutableMapping[int, Any]:
        """The tiles of one plane, for a codec."""
        return _View(self, plane)

    def get(self, key: Hashable) -> Any:
        """What is known of a tile, ``KeyError`` if nothing is."""
        value = self._kept[key]
        self._kept.move_to_end(key)
        return value

    def put(self, key: Hashable, value: Any) -> None:
        """Keep what was decoded of a tile."""
        self.count += 1
        self._kept[key] = value
        self._bytes += value.nbytes
        while self._bytes > self._limit and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.nbytes

    def drop(self, key: Hashable) -> None:
        """Forget a tile."""
        self._bytes -= self._kept.pop(key).nbytes

    def tiles(self, plane: Hashable) -> list[int]:
        """Which tiles of a plane are at hand."""
        return [key[1] for key in self._kept if isinstance(key, tuple) and key[0] == plane]


class _View(MutableMapping[int, Any]):
    def __init__(self, tiles: DecodedTiles, plane: Hashable) -> None:
        self._tiles, self._plane = tiles, plane

    def __getitem__(self, tile: int) -> Any:
        return self._tiles.get((self._plane, tile))

    def __setitem__(self, tile: int, value: Any) -> None:
        self._tiles.put((self._plane, tile), value)

    def __delitem__(self, tile: int) -> None:
        self._tiles.drop((self._plane, tile))

    def __iter__(self) -> Iterator[int]:
        return iter(self._tiles.tiles(self._plane))

    def __len__(self) -> int:
        return len(self._tiles.tiles(self._plane))
