"""One picture at any quality, without analysing it again: what a rate slider needs.

The autoencoder's latent does not depend on the quality and is computed once. A step runs what is left::

    picture --encoder--> latent (kept)
                           |            quality
                           v               |
                transform or codebook <----+
                           |
                symbols or indices --entropy--> the bytes of a whole file
                           |
                       generator --> pixels

The bytes and pixels of a step are those of :func:`napari_glc.encode` and :func:`napari_glc.decode`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..._base.progress import Progress, no_progress
from ..._base.quality import checked_quality
from ...codecs.loading import loaded_codec
from ...container import Header, TileGrid, pack
from ...container.header import DEFAULT_TILE
from ...errors import OptionError
from ...files.encoding import prepared
from ...imaging.planes import from_plane
from ...metrics.fidelity import psnr

if TYPE_CHECKING:
    from torch import Tensor

    from ...codecs.base import Encoded, Plane
    from ...codecs.glc.codec import GlcCodec
    from ...codecs.glc.symbols import TileSymbols
    from ...codecs.vqgan.codec import VqganCodec

__all__ = ["RateSession", "RateStep"]

_Coded: TypeAlias = "tuple[Header, Sequence[bytes], Plane, dict[str, Any]]"


@dataclass(frozen=True, eq=False)
class RateStep:
    """A picture at one quality.

    Attributes
    ----------
    header
        Of the file; its quality is in half steps.
    data
        The whole file.
    payload
        Bytes of it that are streams: all but header, index and checksums of the container.
    pixels
        Decoded, uint8, of the picture's shape.
    psnr
        In dB against the picture.
    seconds
        What the step took.
    symbols
        Codec ``glc``: what each tile's payload says, in the order of the tiles.
    indices
        Codec ``vqgan``: the index map, int64 ``(H/f, W/f)``.
    """

    header: Header
    data: bytes = field(repr=False)
    payload: int
    pixels: NDArray[np.uint8] = field(repr=False)
    psnr: float
    seconds: float
    symbols: tuple[TileSymbols, ...] = field(default=(), repr=False)
    indices: NDArray[np.int64] | None = field(default=None, repr=False)

    @property
    def quality(self) -> float:
        """Quality of the file, 0 to 100 in half steps."""
        return self.header.quality

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    @property
    def bpp(self) -> float:
        """Bits of the whole file per pixel."""
        return 8 * self.size / (self.header.height * self.header.width)


class RateSession:
    """A picture whose latent is kept; not to be used by two threads at once.

    Parameters
    ----------
    picture
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    codec
        ``"glc"`` or ``"vqgan"``.
    model
        See :func:`napari_glc.encode`.
    device
        See :func:`napari_glc.encode`.
    tile
        See :func:`napari_glc.encode`.
    progress
        Called with blocks analysed and in all; whatever it raises stops the work.

    Raises
    ------
    UnsupportedArrayError, OptionError, MissingModelError, ModelError
        As :func:`napari_glc.encode`.

    Examples
    --------
    >>> import numpy as np, napari_glc
    >>> session = RateSession(np.full((64, 96), 128, np.uint8))
    >>> step = session.at(30)
    >>> step.size == len(napari_glc.encode(session.picture, quality=30))
    True
    """

    def __init__(
        self,
        picture: Any,
        *,
        codec: str = "glc",
        model: str | Path | None = None,
        device: str = "auto",
        tile: int = DEFAULT_TILE,
        progress: Progress | None = None,
    ) -> None:
        from ...codecs.glc.codec import GlcCodec
        from ...codecs.vqgan.codec import VqganCodec

        self._plane, self._header, self.model = prepared(picture, codec=codec, model=model, quality=0, tile=tile)
        coder = loaded_codec(self.model, device)
        if not isinstance(coder, GlcCodec | VqganCodec):
            raise OptionError(f"the rate of codec {self.codec!r} cannot be explored")
        self.coder: GlcCodec | VqganCodec = coder
        self.grid = TileGrid(self._header.height, self._header.width, self._header.tile)
        self.picture: NDArray[np.uint8] = from_plane(self._plane, self._header.kind)
        self._latents: list[Tensor] = coder.latents(self._plane, progress or no_progress)
        # a codebook serves a range of qualities, and coding its map is the longest part
        self._levels: dict[int, tuple[Encoded, Plane, NDArray[np.int64]]] = {}

    @property
    def codec(self) -> str:
        """Name of the codec."""
        return self._header.codec

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        return self.coder.config.factor

    def at(self, quality: float, progress: Progress | None = None) -> RateStep:
        """The picture at a quality.

        Parameters
        ----------
        quality
            0 to 100; rounded to half steps.
        progress
            Called with units of work done and in all; whatever it raises stops the step.

        Raises
        ------
        OptionError
            If the quality is out of its range.
        """
        from ...codecs.glc.codec import GlcCodec

        started = time.perf_counter()
        header = dataclasses.replace(self._header, quality=checked_quality(quality))
        report, coder = progress or no_progress, self.coder
        parts: dict[str, Any]
        if isinstance(coder, GlcCodec):
            header, chunks, plane, parts = self._glc(coder, header, report)
        else:
            header, chunks, plane, parts = self._vqgan(coder, header, report)
        pixels = from_plane(plane, header.kind)
        return RateStep(
            header=header,
            data=pack(header, chunks),
            payload=sum(map(len, chunks)),
            pixels=pixels,
            psnr=psnr(self.picture, pixels),
            seconds=time.perf_counter() - started,
            **parts,
        )

    def _glc(self, coder: GlcCodec, header: Header, report: Progress) -> _Coded:
        import torch

        tiles, blocks = len(self.grid), len(self._latents)
        total = tiles + 2 * blocks
        y = coder.coefficients(self._plane, header.quality, lambda done, _: report(done, total), self._latents)
        coded = coder.write_tiles(y, header, self.grid, lambda done, _: report(blocks + done, total))
        y_hat = torch.zeros_like(y)
        for tile, (_, symbols) in zip(self.grid, coded, strict=True):
            y_hat[(..., *coder.area(tile).slices)] = symbols.y_hat
        canvas = coder.area(self.grid.plane)
        plane = coder.render(
            y_hat,
            canvas,
            header.quality,
            self.grid.plane,
            self.grid,
            lambda done, _: report(blocks + tiles + done, total),
        )
        report(total, total)
        return header, [payload for payload, _ in coded], plane, {"symbols": tuple(symbols for _, symbols in coded)}

    def _vqgan(self, coder: VqganCodec, header: Header, report: Progress) -> _Coded:
        from ...codecs.vqgan.codec import DamagedMap

        level = coder.level(header.quality)
        if level not in self._levels:
            indices = coder.index_map(self._plane, header.quality, report, self._latents)
            encoded = coder.write_map(indices, header, self.grid, report)
            found = DamagedMap(self.grid.plane.divided(self.factor), indices, len(encoded.chunks), ())
            plane = coder.render(found, header.quality, self.grid.plane, self.grid, report)
            self._levels[level] = encoded, plane, indices
        encoded, plane, indices = self._levels[level]
        chosen = dataclasses.replace(header, index_coder=encoded.header.index_coder)
        return chosen, encoded.chunks, plane, {"indices": indices}
