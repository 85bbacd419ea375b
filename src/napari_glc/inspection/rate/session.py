"""One picture at any quality, without analysing it again: what a rate slider needs.

What no quality changes (the autoencoder's latent) is computed once. A step runs what is left::

    picture --codec.analyse--> latent (kept)
                                  |           quality
                                  v              |
                              codec.step <-------+
                                  |
             its pixels, then the bytes of a whole file, its bits

The bytes and pixels of a step are those of :func:`napari_glc.encode` and :func:`napari_glc.decode`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..._base.progress import Progress, no_progress
from ..._base.quality import checked_quality
from ...codecs.base import PlaneCoding, nobody_looks
from ...codecs.loading import loaded_codec
from ...codecs.registry import DEFAULT_CODEC
from ...container import DEFAULT_TILE, Header, pack
from ...errors import OptionError
from ...files.encoding import prepared
from ...imaging.planes import from_plane
from ...metrics.fidelity import psnr

if TYPE_CHECKING:
    from ...codecs.base import CodedStep, Plane, PlaneShown, RateSteps
    from ...models import ModelFile

__all__ = ["RateSession", "RateStep"]


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
    bits
        Computes the bits at each latent position; see :attr:`napari_glc.codecs.base.CodedStep.bits`.
    """

    header: Header
    data: bytes = field(repr=False)
    payload: int
    pixels: NDArray[np.uint8] = field(repr=False)
    psnr: float
    seconds: float
    bits: Callable[[], NDArray[np.float64]] = field(repr=False)

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

    Where every picture is fitted (capability ``encode_cost``), a step is a short fit that goes on from the nearest
    quality seen before: a true file, larger than a full fit's, that depends on the steps before it.

    Parameters
    ----------
    picture
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    codec
        One that can take steps (capability ``rate_steps``).
    model
        See :func:`napari_glc.encode`; or a model that is at hand already.
    device
        See :func:`napari_glc.encode`.
    tile
        See :func:`napari_glc.encode`.
    progress
        Called with blocks analysed and in all; whatever it raises stops the work.
    **options
        Of the codec; see :func:`napari_glc.encode`.

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
        codec: str = DEFAULT_CODEC,
        model: str | Path | ModelFile | None = None,
        device: str = "auto",
        tile: int = DEFAULT_TILE,
        progress: Progress | None = None,
        **options: Any,
    ) -> None:
        self._plane, self._job = prepared(picture, codec=codec, model=model, tile=tile, **options)
        self.entry = self._job.entry
        """What the codec says of itself."""
        if not self.entry.capabilities.rate_steps:
            raise OptionError(f"the rate of codec {codec!r} cannot be explored")
        self.model, self.device = self._job.model, device
        self.coder = cast("RateSteps", loaded_codec(self.model, device))
        self.grid = self._job.grid
        self.picture: NDArray[np.uint8] = from_plane(self._plane, self._job.kind)
        self._analysed = self.coder.analyse(self._plane, self.grid, progress or no_progress)
        # where one level serves a range of qualities, it is coded once
        self._levels: dict[int, CodedStep] = {}

    @property
    def codec(self) -> str:
        """Name of the codec."""
        return self.entry.name

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        return self.coder.factor

    def unrestored(self, progress: Progress | None = None) -> RateSession:
        """The same picture through the model's own encoder, which leaves nothing out; for what noise costs.

        Parameters
        ----------
        progress
            See :class:`RateSession`.
        """
        other = copy.copy(self)
        other._job = replace(self._job, model=self.model.plain)
        other.model = other._job.model
        other.coder = cast("RateSteps", loaded_codec(other.model, self.device))
        other._analysed = other.coder.analyse(self._plane, self.grid, progress or no_progress)
        other._levels = {}
        return other

    @property
    def qualities(self) -> tuple[float, ...]:
        """Qualities worth a point of a curve: nine where the rate is continuous, else one for each level.

        Where each is a fit, five of nine.
        """
        can = self.entry.capabilities
        if can.rate == "continuous":
            return tuple(12.5 * step for step in range(0, 9, 2 if can.encode_cost == "fit" else 1))
        return tuple(self.coder.qualities())

    def at(
        self,
        quality: float,
        progress: Progress | None = None,
        shown: Callable[[NDArray[np.uint8]], None] = nobody_looks,
    ) -> RateStep:
        """The picture at a quality.

        Parameters
        ----------
        quality
            0 to 100; rounded to half steps.
        progress
            Called with units of work done and in all; whatever it raises stops the step.
        shown
            Called once with the decoded pixels, uint8 of the picture's shape, as soon as they are known: bytes and
            figures take longer. Whatever it raises stops the step.

        Raises
        ------
        OptionError
            If the quality is out of its range.
        """
        started = time.perf_counter()
        job = replace(self._job, quality=checked_quality(quality))

        def show(plane: Plane) -> None:
            shown(from_plane(plane, job.kind))

        found = self._step(job.quality, progress or no_progress, show)
        pixels = from_plane(found.pixels, job.kind)
        header = job.header(found.encoded.options)
        chunks = [found.plane_stream] * job.plane_streams + list(found.encoded.chunks)
        return RateStep(
            header=header,
            data=pack(header, chunks, job.restoration),
            payload=sum(map(len, chunks)),
            pixels=pixels,
            psnr=psnr(self.picture, pixels),
            seconds=time.perf_counter() - started,
            bits=found.bits,
        )

    def _step(self, quality: float, progress: Progress, shown: PlaneShown) -> CodedStep:
        coding = PlaneCoding(self.grid, quality, self._job.options)
        if self.entry.capabilities.rate == "continuous":
            return self.coder.step(self._plane, coding, self._analysed, progress, shown)
        level = self.coder.level(quality)
        if level in self._levels:
            shown(self._levels[level].pixels)
        else:
            self._levels[level] = self.coder.step(self._plane, coding, self._analysed, progress, shown)
        return self._levels[level]
