"""The library in five verbs: ``encode`` (also to a wanted size), ``decode``, ``open``, ``imread``, ``imwrite``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._base.atomic import write_parts_atomically
from ._base.progress import Progress
from .codecs.registry import DEFAULT_CODEC
from .codecs.signature import with_codec_options
from .errors import OptionError
from .files.opened import GlcFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .codecs.goals import Watch
    from .files.target_rate import RateResult
    from .imaging.ranges import RangeRule

__all__ = [
    "decode",
    "encode",
    "encode_to_bpp",
    "encode_to_bytes",
    "encode_to_distance",
    "imread",
    "imwrite",
    "open",
]


@with_codec_options
def encode(
    image: Any,
    *,
    codec: str = DEFAULT_CODEC,
    model: str | Path | None = None,
    quality: float = 50,
    axes: str | None = None,
    metadata: dict[str, Any] | None = None,
    device: str = "auto",
    tile: int = 512,
    value_range: RangeRule | None = None,
    range_per: str = "channel",
    channels: str = "separate",
    levels: int | str = "auto",
    importance: Any = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> bytes:
    """Encode a picture, a stack, or any array of pictures.

    Parameters
    ----------
    image
        Array of rows and columns and any other axes: numpy, or anything with ``shape``, ``dtype`` and slicing (memory
        map, dask, Zarr), read piece by piece; or a list of such, each half the one before. 8-, 16- and 32-bit integers,
        float16, float32.
    codec
        Name of the codec.
    model
        Name, hash prefix or path of a model; ``None`` for the codec's embedded default.
    quality
        0 (fewest bytes) to 100; stored in steps of one half.
    axes
        A letter for each dimension: ``Y``, ``X``, ``S`` for the samples of RGB(A), ``C`` for channels (behind ``YX``
        and of length 3 or 4 it is colour), any others. ``None`` takes a last dimension of 3 or 4 for colour and those
        before rows and columns for ``Z``, ``CZ`` or ``TCZ``.
    metadata
        JSON-serialisable dictionary kept beside the picture, or ``None``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
    tile
        Nominal side in pixels of the parts that decode on their own, a multiple of 64; 0 for one part.
    value_range
        What becomes 0 and 255: ``"minmax"``, ``"robust"`` (percentiles 0.1 and 99.9), ``"dtype"`` (all values of the
        type), ``(low, high)``, or such a pair for each channel. ``None``: uint8 as it is, others ``"minmax"``. Samples
        beyond are clipped and counted: see :attr:`GlcFile.layout`.
    range_per
        ``"channel"`` or ``"plane"``: what shares a range.
    channels
        ``"separate"``: a plane for each; ``"packed"``: three channels share a plane as its red, green and blue.
    levels
        Levels of resolution in the file, each half the one before; ``"auto"`` adds levels to planes of more than 4096
        pixels a side, or to what comes as a list.
    importance
        Weights that steer where bits go: an array of ``(Y, X)``, or of the picture's leading axes and those two; only
        their ratios matter. Of a mask of booleans, what is true counts four times as much as the rest. Codec ``glc``
        raises the quality for what counts most and rounds the rest more coarsely, so that the file has at most the
        bytes it has without; it names the higher quality. Other codecs need an `effort` above 0. ``None``: all pixels
        alike.
    progress
        Called with units of work done and in all; whatever it raises stops the work.
    watch
        Called while an encoder with `effort` above 0 is at work, with a
        :class:`~napari_glc.codecs.goals.Standing`; once it returns ``True``, the best so far becomes the file.
    **options
        Of the codec; see below.

    Returns
    -------
    bytes
        A whole ``.glc`` file.

    Raises
    ------
    UnsupportedArrayError
        If the array cannot be coded; the message says what to do.
    OptionError
        If an option is out of its range.
    MissingModelError, ModelError
        If the model is not at hand.

    Examples
    --------
    >>> import numpy as np, napari_glc
    >>> data = napari_glc.encode(np.full((64, 96), 128, np.uint8), quality=10)
    >>> napari_glc.decode(data).shape
    (64, 96)
    """
    from .files.encoding import prepared_array
    from .files.regions import file_parts

    job = prepared_array(
        image,
        codec=codec,
        model=model,
        quality=quality,
        axes=axes,
        metadata=metadata,
        tile=tile,
        value_range=value_range,
        range_per=range_per,
        channels=channels,
        levels=levels,
        importance=importance,
        watch=watch,
        **options,
    )
    return b"".join(file_parts(job, device, progress))


@partial(with_codec_options, kind="decoding")
def decode(
    data: bytes,
    *,
    device: str = "auto",
    preview: bool = False,
    samples: int | None = None,
    progress: Progress | None = None,
    **decoding: Any,
) -> NDArray[Any]:
    """Decode the bytes of a ``.glc`` file.

    Parameters
    ----------
    data
        The whole file.
    device
        See :func:`encode`.
    preview
        Decode the hyper streams only: a coarse picture.
    samples
        Decode so many of the pictures the bytes stand for, along a new first axis; see :meth:`GlcFile.samples`.
    progress
        See :func:`encode`.
    **decoding
        Of the codec; see below.

    Returns
    -------
    NDArray
        Of the shape and type that were encoded.

    Raises
    ------
    OptionError
        If the codec has no option of a name, or a value is not allowed.
    GlcError
        A subclass that says what is wrong.
    """
    file = GlcFile(bytes(data), device=device, **decoding)
    if samples is None:
        return file.read(preview=preview, progress=progress)
    if preview:
        raise OptionError("there is one preview, not several samples of it")
    return file.samples(samples, progress=progress)


@partial(with_codec_options, kind="decoding")
def open(path: str | Path, *, device: str = "auto", **decoding: Any) -> GlcFile:
    """Open a ``.glc`` file without decoding it.

    Parameters
    ----------
    path
        The file.
    device
        Where to decode later; see :func:`encode`.
    **decoding
        How to decode later: of the codec; see below.

    Raises
    ------
    OptionError
        If the codec has no option of a name, or a value is not allowed.
    GlcError
        A subclass that says what is wrong; its message names the file.
    OSError
        If it cannot be read.
    """
    return GlcFile(Path(path), device=device, **decoding)


def imread(path: str | Path, *, device: str = "auto", **decoding: Any) -> NDArray[Any]:
    """Read a ``.glc`` file as an array; options and errors as for :func:`open` and :func:`decode`."""
    return open(path, device=device, **decoding).read()


def imwrite(
    path: str | Path, image: Any, *, device: str = "auto", progress: Progress | None = None, **options: Any
) -> int:
    """Encode a picture into a file, with memory for a few of its tiles.

    The file appears as a whole or not at all: if anything fails, an older file of that name stays as it was.

    Parameters
    ----------
    path
        Target; must end in ``.glc``.
    image, device, progress
        See :func:`encode`.
    **options
        Other options of :func:`encode`.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    OptionError
        If the name does not end in ``.glc``.
    OSError
        If it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".glc":
        raise OptionError(f"{path} does not end in .glc")
    from .files.encoding import prepared_array
    from .files.regions import file_parts

    return write_parts_atomically(path, file_parts(prepared_array(image, **options), device, progress))


def encode_to_bpp(
    image: Any, bpp: float, *, device: str = "auto", progress: Progress | None = None, **options: Any
) -> RateResult:
    """Encode so that the file comes as near to a rate as possible.

    Qualities are tried by bisection; with `effort` above 0 a single optimisation follows, which keeps to the rate.

    Parameters
    ----------
    image
        See :func:`encode`.
    bpp
        Wanted bits per pixel of the whole file.
    device
        See :func:`encode`.
    progress
        Called with units of work done and in all; whatever it raises stops the work.
    **options
        Other options of :func:`encode` but `quality`.

    Returns
    -------
    RateResult
        At the end of the model's range its rate may be far from the wanted one: compare.

    Raises
    ------
    OptionError
        If `bpp` is not positive, or an option is out of its range.
    """
    from .files.encoding import prepared_array
    from .files.target_rate import encoded_to_bpp

    return encoded_to_bpp(prepared_array(image, **options), bpp, device, progress)


def encode_to_bytes(
    image: Any, size: int, *, device: str = "auto", progress: Progress | None = None, **options: Any
) -> RateResult:
    """Encode into a file of at most so many bytes, and hardly fewer unless the model's range ends.

    Parameters
    ----------
    image, device, progress, **options
        See :func:`encode_to_bpp`.
    size
        Bytes of the whole file.

    Raises
    ------
    TargetError
        If the lowest quality takes more.
    OptionError
        If an option is out of its range.

    Examples
    --------
    >>> import numpy as np, napari_glc
    >>> len(napari_glc.encode_to_bytes(np.full((64, 96), 128, np.uint8), 60).data) <= 60
    True
    """
    from .files.encoding import prepared_array
    from .files.target_rate import encoded_to_bytes

    return encoded_to_bytes(prepared_array(image, **options), size, device, progress)


def encode_to_distance(
    image: Any, distance: float, *, device: str = "auto", progress: Progress | None = None, **options: Any
) -> RateResult:
    """Encode into the smallest file that looks at least as near to the picture as wanted.

    Parameters
    ----------
    image, device, progress, **options
        See :func:`encode_to_bpp`.
    distance
        Greatest distance of features (``squeezenet``), the mean over all planes; 0 is identical, and what qualities 0
        to 100 of the embedded models reach on photographs is about 2.4 to 1.0. See
        :mod:`napari_glc.metrics.feature_distance`.

    Raises
    ------
    TargetError
        If the highest quality does not come as near.
    OptionError
        If it is not positive, or an option is out of its range.
    """
    from .files.encoding import prepared_array
    from .files.target_rate import encoded_to_distance

    return encoded_to_distance(prepared_array(image, **options), distance, device, progress)
