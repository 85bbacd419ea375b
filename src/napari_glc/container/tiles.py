"""How a plane is cut into tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from .limits import beyond, get_limits

__all__ = ["BLOCK", "Box", "TileGrid"]

BLOCK = 1536
"""Side in pixels of what is worked on at once: tiles coded together, blocks networks see, chunks of lazy arrays. A
multiple of the default tile and of the units tiles are aligned to."""


@dataclass(frozen=True, order=True)
class Box:
    """A rectangle of pixels (or latent positions), half open."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index expression of the rectangle."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, margin: int, limit: Box) -> Box:
        """The rectangle widened by `margin` on all sides, cut to `limit`."""
        grown = Box(self.top - margin, self.left - margin, self.bottom + margin, self.right + margin)
        return grown.cut(limit)

    def cut(self, other: Box) -> Box:
        """Intersection with another rectangle; may be empty."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        return Box(top, left, max(top, min(self.bottom, other.bottom)), max(left, min(self.right, other.right)))

    def divided(self, factor: int) -> Box:
        """The rectangle of cells of `factor` pixels that covers this one."""
        return Box(self.top // factor, self.left // factor, -(-self.bottom // factor), -(-self.right // factor))

    def pieces(self, side: int) -> list[Box]:
        """Rows of boxes that make it up, `side` high and wide but for the last ones."""
        return [
            Box(top, left, min(top + side, self.bottom), min(left + side, self.right))
            for top in range(self.top, self.bottom, side)
            for left in range(self.left, self.right, side)
        ]

    def relative_to(self, other: Box) -> Box:
        """The same rectangle with `other`'s corner as origin."""
        return Box(self.top - other.top, self.left - other.left, self.bottom - other.top, self.right - other.left)


def _cuts(length: int, tile: int) -> list[int]:
    """Borders of the tiles along one side; a rest of at most half a tile joins its neighbour."""
    if tile == 0:
        return [0, length]
    count = max(1, length // tile + (length % tile > tile // 2))
    return [i * tile for i in range(count)] + [length]


def _runs(borders: list[int], side: int) -> list[tuple[int, int]]:
    """Neighbouring intervals between borders, joined while they are no longer than `side` together."""
    runs, start = [], 0
    for end in range(1, len(borders)):
        if end + 1 == len(borders) or borders[end + 1] - borders[start] > side:
            runs.append((start, end))
            start = end
    return runs


@dataclass(frozen=True)
class TileGrid:
    """Tiles of a plane in row-major order.

    A rest of at most half a tile at the right or bottom border joins the tile before it, so the sides of a
    tile lie between one half and one and a half times the nominal side.

    Parameters
    ----------
    height, width
        Of the plane in pixels.
    tile
        Nominal side in pixels; 0 for a single tile.
    """

    height: int
    width: int
    tile: int

    @cached_property
    def _rows(self) -> list[int]:
        return _cuts(self.height, self.tile)

    @cached_property
    def _columns(self) -> list[int]:
        return _cuts(self.width, self.tile)

    def __len__(self) -> int:
        return (len(self._rows) - 1) * (len(self._columns) - 1)

    def __getitem__(self, index: int) -> Box:
        row, column = divmod(index, len(self._columns) - 1)
        return Box(self._rows[row], self._columns[column], self._rows[row + 1], self._columns[column + 1])

    def __iter__(self) -> Iterator[Box]:
        return (self[i] for i in range(len(self)))

    @property
    def plane(self) -> Box:
        """The whole plane."""
        return Box(0, 0, self.height, self.width)

    def around(self, tiles: Sequence[int] | None) -> Box:
        """The rectangle some tiles make up; the plane for ``None``."""
        if tiles is None:
            return self.plane
        boxes = [self[tile] for tile in tiles]
        return Box(
            min(b.top for b in boxes),
            min(b.left for b in boxes),
            max(b.bottom for b in boxes),
            max(b.right for b in boxes),
        )

    def check_count(self) -> None:
        """Refuse absurd grids without building them.

        Raises
        ------
        LimitError
            If there are more tiles than :class:`~napari_glc.container.limits.Limits` allows chunks.
        """
        sides = [1 if self.tile == 0 else max(1, -(-side // self.tile)) for side in (self.height, self.width)]
        if sides[0] * sides[1] > get_limits().chunks:
            raise beyond(f"{sides[0]} x {sides[1]} tiles are", "chunks")

    def groups(self, side: int) -> list[tuple[Box, list[int]]]:
        """Rectangles of tiles at most `side` long where tiles allow, and the indices of the tiles of each."""
        columns = len(self._columns) - 1
        return [
            (
                Box(self._rows[top], self._columns[left], self._rows[bottom], self._columns[right]),
                [row * columns + column for row in range(top, bottom) for column in range(left, right)],
            )
            for top, bottom in _runs(self._rows, side)
            for left, right in _runs(self._columns, side)
        ]

    def level(self, level: int) -> TileGrid:
        """Tiles of the plane reduced `level` times to one half, sides rounded up."""
        step = 1 << level
        return TileGrid(-(-self.height // step), -(-self.width // step), self.tile)

    def touching(self, box: Box) -> list[int]:
        """Indices of the tiles that share a pixel with `box`."""
        rows = [r for r in range(len(self._rows) - 1) if self._rows[r] < box.bottom and self._rows[r + 1] > box.top]
        columns = [
            c for c in range(len(self._columns) - 1) if self._columns[c] < box.right and self._columns[c + 1] > box.left
        ]
        return [r * (len(self._columns) - 1) + c for r in rows for c in columns]
