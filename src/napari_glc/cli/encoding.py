"""``glc encode``."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codecs.registry import all_codecs
from .options import add_array_options, add_codec_options, add_model_options, array_options, codec_options
from .progress import bar

if TYPE_CHECKING:
    from ..codecs.entry import CodecEntry

__all__ = ["add_verbs"]

_NEAR = 0.1


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    encode = verbs.add_parser("encode", help="picture to .glc", description="Encode a picture file.")
    encode.add_argument(
        "input", type=Path, metavar="IN", help="PNG, JPEG, WebP ..., TIFF, OME-TIFF, Zarr, OME-Zarr or .npy"
    )
    encode.add_argument("output", type=Path, metavar="OUT.glc", help="the file to write")
    rate = encode.add_mutually_exclusive_group()
    rate.add_argument("--quality", type=float, default=50, metavar="Q", help="0 (smallest) to 100, default 50")
    rate.add_argument("--bpp", type=float, metavar="B", help="bits per pixel of the whole file instead")
    rate.add_argument("--bytes", type=int, metavar="N", help="at most so many bytes instead")
    rate.add_argument(
        "--distance", type=float, metavar="D", help="the smallest file that looks as near: least distance of features"
    )
    add_model_options(encode)
    encode.add_argument("--tile", type=int, default=512, metavar="T", help="side of a tile, default 512; 0 for one")
    lossy = ", ".join(entry.name for entry in all_codecs() if entry.capabilities.lossy_packets)
    encode.add_argument(
        "--packet-bytes", type=int, metavar="B", help=f"codec {lossy}: bytes a packet, as near as whole packets go"
    )
    add_codec_options(encode)
    encode.add_argument(
        "--roi",
        type=Path,
        metavar="MASK",
        help="picture of the same size: with an effort, its parts that are not black count more",
    )
    encode.add_argument("--roi-weight", type=float, metavar="W", help="how many times more; default 4")
    add_array_options(encode)
    encode.set_defaults(run=_encode)


def _encode(options: argparse.Namespace) -> int:
    from .._base.atomic import write_atomically
    from ..api import encode, encode_to_bpp, encode_to_bytes, encode_to_distance, imwrite
    from ..api import open as open_file
    from ..codecs.registry import codec_named
    from ..container import longest_tile
    from ..errors import OptionError
    from ..imaging.files import read_picture
    from ..imaging.stores import is_store, open_store

    if options.output.suffix.lower() != ".glc":
        raise OptionError(f"{options.output} does not end in .glc")
    common: dict[str, Any] = {"axes": None, "metadata": None}
    if is_store(options.input):
        opened = open_store(options.input)
        picture, common = opened.levels, {"axes": opened.axes, "metadata": opened.metadata}
    else:
        picture = [read_picture(options.input)]
    common |= array_options(options) | {
        "codec": options.codec,
        "model": options.model,
        "device": options.device,
        "tile": options.tile,
    }
    common |= codec_options(options) | _region_of_interest(options)
    quality, data = options.quality, None
    with bar("encoding") as progress:
        result = None
        if options.bpp is not None:
            result = encode_to_bpp(picture, options.bpp, progress=progress, **common)
        elif options.bytes is not None:
            result = encode_to_bytes(picture, options.bytes, progress=progress, **common)
        elif options.distance is not None:
            result = encode_to_distance(picture, options.distance, progress=progress, **common)
        elif options.packet_bytes is not None:
            data = encode(picture, quality=quality, progress=progress, **common)
        else:
            imwrite(options.output, picture, quality=quality, progress=progress, **common)
        if result is not None:
            data, quality = result.data, result.quality
    if options.packet_bytes is not None and data is not None:
        if options.packet_bytes < 1:
            raise OptionError("a packet holds at least one byte")
        packets = max(
            1, min(_most_packets(codec_named(options.codec)), round(longest_tile(data) / options.packet_bytes))
        )
        data = encode(picture, quality=quality, **{**common, "packets": packets})
    if data is not None:
        write_atomically(options.output, data)
    file = open_file(options.output)
    bpp, before = file.bpp, math.prod(file.shape) * file.dtype.itemsize
    print(f"{options.output}: {file.size} bytes, {bpp:.4f} bpp, 1:{before / file.size:.0f}, quality {quality:g}")
    if file.removed:
        print(f"glc: left out for good: {file.removed}", file=sys.stderr)
    if file.layout.clipped:
        share = 100 * file.layout.clipped / math.prod(file.shape)
        print(
            f"glc: {file.layout.clipped} samples ({share:.2g} %) lay beyond the range and were clipped", file=sys.stderr
        )
    if options.bpp is not None and abs(bpp - options.bpp) > _NEAR * options.bpp:
        print(
            f"glc: {options.bpp:g} bpp is outside what the model can do with this picture; {bpp:.4f} is the nearest",
            file=sys.stderr,
        )
    return 0


def _region_of_interest(options: argparse.Namespace) -> dict[str, Any]:
    """The option `importance` from ``--roi`` and ``--roi-weight``.

    Raises
    ------
    OptionError
        If there is a weight and no mask.
    """
    from ..errors import OptionError
    from ..imaging.files import read_picture
    from ..imaging.importance import MASK_WEIGHT, mask_weights

    if options.roi is None:
        if options.roi_weight is not None:
            raise OptionError("--roi-weight needs --roi, the mask it is for")
        return {}
    mask = read_picture(options.roi)
    covered = (mask if mask.ndim == 2 else mask[..., :3].max(axis=-1)) != 0
    return {"importance": mask_weights(covered, MASK_WEIGHT if options.roi_weight is None else options.roi_weight)}


def _most_packets(entry: CodecEntry) -> int:
    """Into how many packets a tile can be divided.

    Raises
    ------
    OptionError
        If the codec has no packets.
    """
    from ..errors import OptionError

    field = next((field for field in entry.options.fields() if field.name == "packets"), None)
    if field is None or field.knob.most is None:
        raise OptionError(f"codec {entry.name!r} has no packets")
    return int(field.knob.most)
