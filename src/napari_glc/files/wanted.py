"""What somebody wants of a file instead of a quality: a rate, a size or a distance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..errors import OptionError, TargetError

if TYPE_CHECKING:
    from .._base.progress import Progress
    from .encoding import Job

__all__ = ["Wanted"]

_NEAR = 0.1
"""By how much of it a rate may be missed."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One of several ways to say how much a file may hold; by itself, none: the quality counts.

    Attributes
    ----------
    bpp
        Bits per pixel of the whole file, met as nearly as can be; see :func:`napari_glc.encode_to_bpp`.
    size
        At most so many bytes; see :func:`napari_glc.encode_to_bytes`.
    distance
        Greatest distance of features; see :func:`napari_glc.encode_to_distance`.
    strict
        Whether a rate that is missed by more than a tenth is an error.

    Raises
    ------
    OptionError
        If more than one of `bpp`, `size` and `distance` is given, or one is not positive.
    """

    bpp: float | None = None
    size: int | None = None
    distance: float | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        given = {name: value for name in ("bpp", "size", "distance") if (value := getattr(self, name)) is not None}
        if len(given) > 1:
            raise OptionError(f"{' and '.join(given)} contradict each other: give one of them")
        for name, value in given.items():
            if not value > 0:
                raise OptionError(f"{name} must be positive, not {value}")

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> tuple[Wanted, dict[str, Any]]:
        """Options of :func:`napari_glc.encode` that may say any of this as well, and those that are left."""
        names = {field.name for field in fields(cls)}
        own = {name: value for name, value in options.items() if name in names}
        return cls(**own), {name: value for name, value in options.items() if name not in names}

    def parts(self, job: Job, device: str, progress: Progress | None) -> Iterator[bytes]:
        """The file, part by part.

        Raises
        ------
        TargetError
            If no quality gives what is wanted.
        """
        from .regions import file_parts
        from .target_rate import encoded_to_bpp, encoded_to_bytes, encoded_to_distance

        if self.bpp is not None:
            result = encoded_to_bpp(job, self.bpp, device, progress)
            if self.strict and (missed := self.missed(result.bpp)):
                raise TargetError(missed)
        elif self.size is not None:
            result = encoded_to_bytes(job, self.size, device, progress)
        elif self.distance is not None:
            result = encoded_to_distance(job, self.distance, device, progress)
        else:
            yield from file_parts(job, device, progress)
            return
        yield result.data

    def missed(self, bpp: float) -> str:
        """What to say of a file of so many bits per pixel, if a rate was wanted and is missed; else empty."""
        if self.bpp is None or abs(bpp - self.bpp) <= _NEAR * self.bpp:
            return ""
        return f"{self.bpp:g} bpp is outside what the model can do with this picture; {bpp:.4f} is the nearest"
