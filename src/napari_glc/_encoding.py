"""From an array and options to the bytes of a file."""

from __future__ import annotations

import math
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .container import MAX_PACKETS, Header, TileGrid, pack
from .container.header import DEFAULT_TILE
from .errors import OptionError
from .imaging.planes import to_plane
from .loading import loaded_codec
from .models import find_model

if TYPE_CHECKING:
    from .codecs.base import Plane, Progress
    from .models import ModelFile

__all__ = ["checked_quality", "encode_plane", "prepared"]

_TILE_UNIT = 64


def encode_plane(
    image: Any,
    *,
    codec: str,
    model: str | Path | None,
    quality: float,
    axes: str | None,
    metadata: dict[str, Any] | None,
    device: str,
    tile: int,
    index_coder: str,
    packets: int,
    progress: Progress | None,
) -> bytes:
    """See :func:`napari_glc.encode`."""
    plane, header, model_file = prepared(
        image,
        codec=codec,
        model=model,
        quality=quality,
        axes=axes,
        tile=tile,
        index_coder=index_coder,
        packets=packets,
    )
    grid = TileGrid(header.height, header.width, header.tile)
    coder = loaded_codec(model_file, device)
    encoded = coder.encode(plane, header, grid, progress or (lambda done, total: None))
    try:
        return pack(encoded.header, encoded.chunks, metadata)
    except (TypeError, ValueError) as error:
        raise OptionError(f"the metadata cannot be stored as JSON: {error}") from error


def prepared(
    image: Any,
    *,
    codec: str,
    model: str | Path | None,
    quality: float,
    axes: str | None = None,
    tile: int = DEFAULT_TILE,
    index_coder: str = "auto",
    packets: int = 1,
) -> tuple[Plane, Header, ModelFile]:
    """The plane of a picture, the header its file begins with, and the model; see :func:`napari_glc.encode`."""
    quality, tile = checked_quality(quality), _checked_tile(tile)
    plane, kind = to_plane(image, axes)
    model_file = find_model(model, codec)
    if model is not None and codec != model_file.codec:
        raise OptionError(f"model {model_file.name!r} belongs to codec {model_file.codec!r}, not to {codec!r}")
    height, width = plane.shape[:2]
    header = Header(
        codec=model_file.codec,
        kind=kind,
        model=model_file.tag,
        quality=quality,
        height=height,
        width=width,
        tile=tile,
        **_index_options(model_file.codec, index_coder, packets),
    )
    TileGrid(height, width, tile).check_count()
    return plane, header, model_file


def checked_quality(quality: float) -> float:
    """A quality in half steps.

    Raises
    ------
    OptionError
        If it does not lie within 0 to 100.
    """
    if not (isinstance(quality, Real) and math.isfinite(quality) and 0 <= quality <= 100):
        raise OptionError(f"quality must lie within 0 to 100, not {quality!r}")
    return round(2 * float(quality)) / 2


def _index_options(codec: str, index_coder: str, packets: int) -> dict[str, Any]:
    """Header fields that only index maps have."""
    if codec != "vqgan":
        if packets != 1 or index_coder != "auto":
            raise OptionError(f"packets and index coders belong to codec 'vqgan', not to {codec!r}")
        return {}
    if not 1 <= packets <= MAX_PACKETS:
        raise OptionError(f"packets must lie within 1 to {MAX_PACKETS}, not {packets}")
    return {"index_coder": index_coder, "packets": packets}


def _checked_tile(tile: int) -> int:
    if tile < 0 or tile % _TILE_UNIT:
        raise OptionError(f"tile must be a multiple of {_TILE_UNIT} pixels or 0 for a single tile, not {tile}")
    return int(tile)
