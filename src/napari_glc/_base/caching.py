"""What was decoded or read, kept while there is room."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from typing import Any, TypeVar

from cachetools import LRUCache

__all__ = ["ByteCache", "DecodedTiles"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _nbytes(value: Any) -> int:
    return int(value.nbytes)


class ByteCache(MutableMapping[K, V]):
    """The values used last, as many as fit into a number of bytes; several threads may use it.

    The newest value stays even if it is larger than all that room by itself, so that what is read from it next need
    not be made again.

    Parameters
    ----------
    limit
        Bytes kept at most.
    size
        Bytes of a value; the default asks an array or tensor for its ``nbytes``.
    """

    def __init__(self, limit: int, size: Callable[[V], int] = _nbytes) -> None:
        self._kept: LRUCache[K, V] = LRUCache(limit, getsizeof=lambda value: min(limit, size(value)))
        self._lock = threading.Lock()

    def __getitem__(self, key: K) -> V:
        with self._lock:
            return self._kept[key]

    def __setitem__(self, key: K, value: V) -> None:
        with self._lock:
            self._kept[key] = value

    def __delitem__(self, key: K) -> None:
        with self._lock:
            del self._kept[key]

    def __iter__(self) -> Iterator[K]:
        with self._lock:
            return iter(list(self._kept))

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)


class DecodedTiles:
    """The codec's intermediate results of the tiles used last: coefficients, or indices.

    Parameters
    ----------
    limit
        Bytes kept at most.
    """

    def __init__(self, limit: int) -> None:
        self.kept: ByteCache[tuple[Hashable, Hashable], Any] = ByteCache(limit)
        """Results by plane and tile."""
        self.count = 0
        """Tiles decoded so far."""

    def of(self, plane: Hashable) -> MutableMapping[Hashable, Any]:
        """The tiles of one plane, for a codec."""
        return _TilesOfPlane(self, plane)


class _TilesOfPlane(MutableMapping[Hashable, Any]):
    def __init__(self, tiles: DecodedTiles, plane: Hashable) -> None:
        self._tiles, self._plane = tiles, plane

    def __getitem__(self, tile: Hashable) -> Any:
        return self._tiles.kept[self._plane, tile]

    def __setitem__(self, tile: Hashable, value: Any) -> None:
        self._tiles.count += 1
        self._tiles.kept[self._plane, tile] = value

    def __delitem__(self, tile: Hashable) -> None:
        del self._tiles.kept[self._plane, tile]

    def __iter__(self) -> Iterator[Hashable]:
        return iter([tile for plane, tile in self._tiles.kept if plane == self._plane])

    def __len__(self) -> int:
        return sum(1 for _ in self)
