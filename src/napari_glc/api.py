"""The library in five verbs: ``encode``, ``decode``, ``open``, ``imread``, ``imwrite``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._atomic import write_atomically
from ._file import GlcFile
from .errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .codecs.base import Progress

__all__ = ["decode", "encode", "imread", "imwrite", "open"]


def encode(
    image: Any,
    *,
    codec: str = "glc",
    model: str | Path | None = None,
    quality: float = 50,
    axes: str | None = None,
    metadata: dict[str, Any] | None = None,
    device: str = "auto",
    tile: int = 512,
    index_coder: str = "auto",
    packets: int = 1,
    progress: Progress | None = None,
) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    image
        uint8 array ``(Y, X)`` (grey) or ``(Y, X, 3)`` (RGB).
    codec
        Name of the codec.
    model
        Name, hash prefix or path of a model; ``None`` for the codec's embedded default.
    quality
        0 (fewest bytes) to 100; stored in steps of one half. Continuous for ``glc``; ``vqgan`` has one codebook
        for every eighth of the range.
    axes
        ``"YX"`` or ``"YXC"``; ``None`` goes by the shape.
    metadata
        JSON-serialisable dictionary kept beside the picture, or ``None``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
    tile
        Nominal side in pixels of the parts that decode on their own, a multiple of 64; 0 for one part.
    index_coder
        ``vqgan`` only: ``"fixed"``, ``"zip"``, ``"adaptive"``, ``"transformer"``, or ``"auto"`` for the smallest.
    packets
        ``vqgan`` only: packets each tile is divided into, 1 to 64. Each holds scattered indices and can be lost
        without the others; see :meth:`GlcFile.recover`.
    progress
        Called with units of work done and in all; whatever it raises stops the work.

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
    from ._encoding import encode_plane

    return encode_plane(
        image,
        codec=codec,
        model=model,
        quality=quality,
        axes=axes,
        metadata=metadata,
        device=device,
        tile=tile,
        index_coder=index_coder,
        packets=packets,
        progress=progress,
    )


def decode(
    data: bytes, *, device: str = "auto", preview: bool = False, progress: Progress | None = None
) -> NDArray[np.uint8]:
    """Decode the bytes of a ``.glc`` file.

    Parameters
    ----------
    data
        The whole file.
    device
        See :func:`encode`.
    preview
        Decode the hyper streams only: a coarse picture.
    progress
        See :func:`encode`.

    Returns
    -------
    NDArray[np.uint8]
        ``(Y, X)`` or ``(Y, X, 3)``, the shape that was encoded.

    Raises
    ------
    GlcError
        A subclass that says what is wrong.
    """
    return GlcFile(bytes(data), device=device).read(preview=preview, progress=progress)


def open(path: str | Path, *, device: str = "auto") -> GlcFile:
    """Open a ``.glc`` file without decoding it.

    Parameters
    ----------
    path
        The file.
    device
        Where to decode later; see :func:`encode`.

    Raises
    ------
    GlcError
        A subclass that says what is wrong; its message names the file.
    OSError
        If it cannot be read.
    """
    return GlcFile(Path(path), device=device)


def imread(path: str | Path, *, device: str = "auto") -> NDArray[np.uint8]:
    """Read a ``.glc`` file as an array; errors as in :func:`open` and :func:`decode`."""
    return open(path, device=device).read()


def imwrite(path: str | Path, image: Any, **options: Any) -> int:
    """Encode a picture into a file.

    The file appears as a whole or not at all: if anything fails, an older file of that name stays as it was.

    Parameters
    ----------
    path
        Target; must end in ``.glc``.
    image
        See :func:`encode`.
    **options
        Options of :func:`encode`.

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
    data = encode(image, **options)
    write_atomically(path, data)
    return len(data)
