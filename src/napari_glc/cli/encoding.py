"""``glc encode``."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._base.words import percent
from ..codecs.registry import all_codecs
from .describing import facts_of
from .options import (
    add_array_options,
    add_codec_options,
    add_model_options,
    add_quiet,
    add_rate_options,
    add_threads,
    array_options,
    codec_options,
    rate_options,
)
from .progress import bar
from .streams import add_no_clobber, check_output, input_file, is_stream, say, tell, write_output

if TYPE_CHECKING:
    from .._base.progress import Progress
    from ..codecs.entry import CodecEntry
    from ..files.opened import GlcFile
    from ..files.wanted import Wanted

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    encode = verbs.add_parser(
        "encode", help="picture to .glc", description="Encode a picture file; glc batch encodes folders."
    )
    encode.add_argument(
        "input",
        type=Path,
        metavar="IN",
        help="PNG, JPEG, WebP ..., TIFF, OME-TIFF, Zarr, OME-Zarr or .npy; - for standard input",
    )
    encode.add_argument("output", type=Path, metavar="OUT.glc", help="the file to write; - for standard output")
    add_rate_options(encode)
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
        help="picture of the same size whose parts that are not black count more; bytes move there",
    )
    encode.add_argument("--roi-weight", type=float, metavar="W", help="how many times more; default 4")
    add_array_options(encode)
    encode.add_argument(
        "--keep-metadata", action="store_true", help="keep the picture's colour profile and EXIF, which take bytes"
    )
    encode.add_argument("--json", action="store_true", help="print what glc info --json prints")
    add_threads(encode, "-j")
    add_no_clobber(encode)
    add_quiet(encode)
    encode.set_defaults(run=_encode)


def _encode(options: argparse.Namespace) -> int:
    from ..files.wanted import Wanted
    from ..imaging.extras import extras_in_words, without_extras
    from ..imaging.opening import open_array

    check_output(options.output, options, ".glc")
    wanted = Wanted(**rate_options(options))
    with input_file(options.input, folders=f"glc batch {options.input} OUT_DIR") as path:
        opened = open_array(path)
        metadata = opened.metadata if options.keep_metadata else without_extras(opened.metadata)
        given = {"axes": opened.axes, "metadata": metadata} | array_options(options) | _region_of_interest(options)
        with bar("encoding", options) as progress:
            file = _written(options.output, _parts(opened.levels, wanted, options, given, progress))
    _report(file, options)
    dropped = extras_in_words({} if options.keep_metadata else opened.metadata)
    if dropped:
        tell(options, f"not kept: {dropped} of {options.input}; --keep-metadata keeps what a picture holds of these")
    if missed := wanted.missed(file.bpp):
        tell(options, missed)
    return 0


def _parts(
    levels: list[Any], wanted: Wanted, options: argparse.Namespace, given: dict[str, Any], progress: Progress
) -> Iterator[bytes]:
    """The file, part by part."""
    from ..codecs.registry import codec_named
    from ..container import longest_tile
    from ..errors import OptionError
    from ..files.encoding import encoded_parts, prepared_array
    from ..files.opened import GlcFile

    given = {"codec": options.codec, "model": options.model, "tile": options.tile} | given | codec_options(options)
    job = prepared_array(levels, quality=options.quality, **given)
    if options.packet_bytes is None:
        return wanted.parts(job, options.device, progress)
    if options.packet_bytes < 1:
        raise OptionError("a packet holds at least one byte")
    most = _most_packets(codec_named(options.codec))
    first = b"".join(wanted.parts(job, options.device, progress))
    packets = max(1, min(most, round(longest_tile(first) / options.packet_bytes)))
    job = prepared_array(levels, quality=GlcFile(first).quality, **(given | {"packets": packets}))
    return encoded_parts(job, options.device, progress)


def _written(output: Path, parts: Iterator[bytes]) -> GlcFile:
    """Write the file; what it says of itself."""
    from ..files.opened import GlcFile

    if not is_stream(output):
        write_output(output, parts)
        return GlcFile(output)
    data = b"".join(parts)
    write_output(output, [data])
    return GlcFile(data)


def _report(file: GlcFile, options: argparse.Namespace) -> None:
    """Say what was written."""
    if options.json:
        say(options, json.dumps(facts_of(file, options.output)[0], indent=2), options.output)
    else:
        before = math.prod(file.shape) * file.dtype.itemsize
        words = f"{file.size} bytes, {file.bpp:.4f} bpp, 1:{before / file.size:.0f}, quality {file.quality:g}"
        say(options, f"{options.output}: {words}", options.output)
    if file.removed:
        tell(options, f"left out for good: {file.removed}")
    if file.layout.clipped:
        share = percent(file.layout.clipped / math.prod(file.shape))
        tell(options, f"{file.layout.clipped} samples ({share} %) lay beyond the range and were clipped")
    if file.layout.not_numbers:
        tell(options, f"{file.layout.not_numbers} samples are no numbers (NaN) and became the least value")


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
