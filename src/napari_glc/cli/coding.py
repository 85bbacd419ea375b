"""``glc encode``, ``decode``, ``info`` and ``verify``."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codecs.registry import DEFAULT_CODEC, all_codecs
from ..codecs.signature import options_of
from .progress import bar

if TYPE_CHECKING:
    from ..codecs.entry import CodecEntry
    from ..codecs.options import OptionField
    from ..codecs.signature import OptionKind
    from ..files.opened import GlcFile

__all__ = ["add_verbs"]

_NEAR = 0.1
_COMMON_FACTS = ("codec", "model", "quality", "bytes", "bpp")
"""Facts of every file; the others are options of its codec."""


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file to a parser."""
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

    decode = verbs.add_parser("decode", help=".glc to picture", description="Decode a .glc file.")
    decode.add_argument("input", type=Path, metavar="IN.glc", help="the file to decode")
    decode.add_argument("output", type=Path, metavar="OUT", help="PNG, TIFF, JPEG ..., by its suffix")
    decode.add_argument("--preview", action="store_true", help="coarse picture from the hyper streams alone")
    painting = ", ".join(entry.name for entry in all_codecs() if entry.capabilities.samples) or "none yet"
    decode.add_argument(
        "--samples",
        type=int,
        metavar="N",
        help=f"codec {painting}: N pictures of the same bytes, OUT-0 and so on, their mean OUT-mean and their standard "
        "deviation in grey levels OUT-deviation, large where the decoder makes things up",
    )
    decode.add_argument("--planes", metavar="P", help="only these of a stack: T=3,C=0 or Z=2:5")
    decode.add_argument("--level", type=int, default=0, metavar="L", help="1 for half the resolution, and so on")
    decode.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")
    decode.add_argument(
        "--recover",
        metavar="R",
        help="how lost packets are filled: both-sides (default, if the model can), transformer, nearest (default "
        "otherwise), frequent or none",
    )
    decode.add_argument("--temperature", type=float, default=0.0, metavar="T", help="of sampling; default 0, arg-max")
    decode.add_argument("--top-k", type=int, metavar="K", help="sample from the K most probable indices only")
    decode.add_argument("--seed", type=int, default=0, metavar="S", help="of sampling, default 0")
    decode.add_argument("--mask", type=Path, metavar="MASK", help="write a picture of what was lost (white)")
    add_codec_options(decode, "decoding")
    decode.set_defaults(run=_decode)

    info = verbs.add_parser("info", help="what a .glc file says of itself", description="Describe a .glc file.")
    info.add_argument("input", type=Path, metavar="IN.glc", help="the file to describe")
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=_info)

    verify = verbs.add_parser(
        "verify", help="check every checksum and symbol", description="Check that a .glc file is intact."
    )
    verify.add_argument("input", type=Path, metavar="IN.glc", help="the file to check")
    verify.set_defaults(run=_verify)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--codec``, ``--model`` and ``--device``."""
    codecs = "; ".join(f"{entry.name}: {entry.summary}" for entry in all_codecs())
    parser.add_argument(
        "--codec", default=DEFAULT_CODEC, metavar="C", help=f"{codecs}; default {DEFAULT_CODEC}".replace("%", "%%")
    )
    parser.add_argument("--model", metavar="M", help="name, hash or path; default the codec's embedded model")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")


def add_codec_options(parser: argparse.ArgumentParser, kind: OptionKind = "options") -> None:
    """Add what codecs let their users choose; see :func:`codec_options`."""
    owners: dict[str, list[tuple[str, OptionField]]] = {}
    for entry in all_codecs():
        for field in options_of(entry, kind):
            owners.setdefault(field.name, []).append((entry.name, field))
    for name, declared in owners.items():
        # codecs may declare the same option alike, or each in its own words
        texts: dict[str, list[str]] = {}
        for codec, field in declared:
            texts.setdefault(_in_words(field), []).append(codec)
        text = "; ".join(f"codec {', '.join(codecs)}: {words}" for words, codecs in texts.items())
        given = declared[0][1].type
        flag, about = "--" + name.replace("_", "-"), text.replace("%", "%%")
        if given is bool:
            parser.add_argument(flag, dest=_OPTION + name, action=argparse.BooleanOptionalAction, help=about)
        else:
            parser.add_argument(flag, dest=_OPTION + name, type=given, metavar="V", help=about)


def _in_words(field: OptionField) -> str:
    bounds = (field.knob.least, field.knob.most)
    span = "" if None in bounds else ", {:g} to {:g}".format(*bounds)
    choices = f": {', '.join(map(str, field.choices))}" if field.choices else ""
    if field.knob.offered is not None:
        choices = ": a name that glc models list shows, or a path"
    return f"{field.knob.help}{span}{choices}; default {field.default}"


_OPTION = "codec_option_"


def codec_options(options: argparse.Namespace) -> dict[str, Any]:
    """Those of :func:`add_codec_options` that were given."""
    given = {name: value for name, value in vars(options).items() if name.startswith(_OPTION) and value is not None}
    return {name.removeprefix(_OPTION): value for name, value in given.items()}


def add_array_options(parser: argparse.ArgumentParser) -> None:
    """Add what concerns arrays beyond one 8-bit picture."""
    parser.add_argument("--axes", metavar="A", help="a letter for each dimension, if the file does not say: TCZYX")
    parser.add_argument("--range", metavar="R", help="minmax (default), robust, dtype, or LOW,HIGH: what 8 bits span")
    parser.add_argument(
        "--channels", default="separate", metavar="K", help="separate (default) or packed: 3 in a plane"
    )
    parser.add_argument("--levels", default="auto", metavar="L", help="levels of resolution in the file, default auto")


def array_options(options: argparse.Namespace) -> dict[str, Any]:
    """Options of :func:`napari_glc.encode` from those of :func:`add_array_options`."""
    from ..errors import OptionError

    found: dict[str, Any] = {"channels": options.channels}
    if options.axes is not None:
        found["axes"] = options.axes
    try:
        if options.range is not None:
            numbers = [float(n) for n in options.range.split(",")] if "," in options.range else None
            found["value_range"] = numbers or options.range
        found["levels"] = options.levels if options.levels == "auto" else int(options.levels)
    except ValueError as error:
        raise OptionError(f"not a number in --range {options.range} or --levels {options.levels}") from error
    return found


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


def _decode(options: argparse.Namespace) -> int:
    import numpy as np

    from ..api import open as open_file
    from ..files.lazy import LazyLevel
    from ..imaging.files import write_picture
    from ..imaging.tiff import write_ome_tiff

    file = open_file(options.input, device=options.device, **codec_options(options))
    lossy = file.entry.capabilities.lossy_packets and file.layout.planes == 1
    if lossy and not options.preview and file.lost_packets():
        return _recover(file, options)
    region = _region(options.planes, file.axes)
    if options.samples is not None:
        return _decode_samples(file, region, options)
    with bar("decoding") as progress:
        if options.output.suffix.lower() in (".tif", ".tiff") and not options.preview:
            source = LazyLevel(file, options.level)
            shape = write_ome_tiff(options.output, source, file.layout.axes, region, file.metadata, progress)
        else:
            picture = file.read(region, preview=options.preview, progress=progress, level=options.level)
            shape = picture.shape
            write_picture(options.output, _picture(picture, _axes_left(file, region), options.output))
    if options.mask is not None:
        write_picture(options.mask, np.zeros(shape[:2], np.uint8))
    print(f"{options.output}: {' x '.join(map(str, shape))} {file.dtype}")
    return 0


def _decode_samples(file: GlcFile, region: tuple[slice | int, ...], options: argparse.Namespace) -> int:
    """Write several pictures of the same bytes, their mean and their standard deviation."""
    import numpy as np

    from ..errors import OptionError
    from ..imaging.files import write_picture
    from ..inspection.samples import spread

    if options.preview:
        raise OptionError("there is one preview, not several samples of it")
    output: Path = options.output
    axes = _axes_left(file, region)
    with bar("decoding") as progress:
        pictures = file.samples(options.samples, region, progress=progress, level=options.level)
    found = spread(pictures, rgb="S" in axes)
    named = {str(number): picture for number, picture in enumerate(pictures)}
    named["mean"] = np.round(found.mean).astype(pictures.dtype)
    for name, picture in named.items():
        path = output.with_stem(f"{output.stem}-{name}")
        write_picture(path, _picture(picture, axes, path))
    path = output.with_stem(f"{output.stem}-deviation")
    deviation = np.clip(np.round(found.deviation), 0, np.iinfo(pictures.dtype).max).astype(pictures.dtype)
    write_picture(path, _picture(deviation, axes.replace("S", ""), path))
    print(f"{output.with_stem(output.stem + '-*')}: {' x '.join(map(str, pictures.shape))} {file.dtype}")
    return 0


def _axes_left(file: GlcFile, region: tuple[slice | int, ...]) -> str:
    """Axes of what is read of a region: integers take theirs away."""
    return "".join(a for a, part in itertools.zip_longest(file.layout.axes, region) if not isinstance(part, int))


def _region(planes: str | None, axes: str) -> tuple[slice | int, ...]:
    """``T=3,C=0`` or ``Z=2:5`` as a region."""
    from ..errors import OptionError

    parts: dict[str, slice | int] = {}
    for word in planes.split(",") if planes else ():
        axis, _, place = word.strip().partition("=")
        first, colon, last = place.partition(":")
        try:
            parts[axis] = slice(int(first or 0), int(last) if last else None) if colon else int(first)
        except ValueError as error:
            raise OptionError(f"{word!r} names no planes; write for example T=3 or Z=2:5") from error
        if axis not in axes or axis in "YXS":
            raise OptionError(f"the file has no axis {axis!r} to choose planes from; its axes are {axes}")
    colour = axes.endswith("C") and axes[-3:-1] == "YX"
    return tuple(parts.get(a, slice(None)) for a in (axes[:-1] if colour else axes) if a != "S")


def _picture(array: Any, axes: str, path: Path) -> Any:
    """A plane for a picture file.

    Raises
    ------
    OptionError
        If it is a stack or not 8 or 16 bits.
    """
    from ..errors import OptionError

    if sorted(axes) not in (["X", "Y"], ["S", "X", "Y"]) or str(array.dtype) not in ("uint8", "uint16"):
        raise OptionError(
            f"{path.name} cannot hold {axes} {array.dtype}; write {path.stem}.ome.tif or choose a plane with --planes"
        )
    return array.transpose([axes.index(a) for a in "YXS" if a in axes])


def _recover(file: GlcFile, options: argparse.Namespace) -> int:
    """Decode what is left of a damaged file; says so on stderr."""
    import numpy as np

    from ..imaging.files import write_picture
    from ..recovery import Sampling

    sampling = Sampling(options.temperature, options.top_k, options.seed)
    with bar("recovering") as progress:
        found = file.recover(options.recover, sampling=sampling, progress=progress)
    write_picture(options.output, found.pixels)
    if options.mask is not None:
        write_picture(options.mask, found.lost.astype(np.uint8) * 255)
    print(f"{options.output}: {' x '.join(map(str, found.pixels.shape))} {found.pixels.dtype}")
    print(
        f"glc: {found.lost_packets} of {found.packets} packets were lost, {100 * found.lost_share:.1f} % of the "
        f"indices; filled by {found.method}",
        file=sys.stderr,
    )
    return 0


def _info(options: argparse.Namespace) -> int:
    from ..api import open as open_file
    from ..errors import MissingDependencyError, MissingModelError, UnsupportedVersionError

    file = open_file(options.input)
    facts: dict[str, Any] = {
        "file": str(options.input),
        **file.facts(),
        "shape": list(file.shape),
        "dtype": str(file.dtype),
        "axes": file.axes,
        "tiles": sum(map(len, file.container.grids)) * file.container.header.planes,
        "planes": file.layout.planes,
        "levels": len(file.levels),
        "ranges": [list(pair) for pair in file.layout.ranges],
        "clipped": file.layout.clipped,
        "metadata": file.metadata,
        "model_name": None,
        "streams": None,
    }
    try:
        file.check_decodable()
        facts["model_name"] = file.model.name
        facts["streams"] = file.streams()
    except (MissingModelError, MissingDependencyError, UnsupportedVersionError) as error:
        # what the header says is worth showing all the same
        print(f"glc: {error}", file=sys.stderr)
    if options.json:
        print(json.dumps(facts, indent=2))
        return 0
    model = f"{facts['model_name'] or 'not installed'} ({file.model_tag})"
    print(f"{options.input}: {file.size} bytes, {file.bpp:.4f} bpp")
    print(f"  codec    {file.codec}, model {model}, quality {file.quality:g}")
    print(f"  array    {' x '.join(map(str, file.shape))} {file.dtype}, axes {file.axes}, {facts['tiles']} tile(s)")
    own = [f"{name.replace('_', ' ')} {value}" for name, value in file.facts().items() if name not in _COMMON_FACTS]
    if own:
        print(f"  options  {', '.join(own)}")
    for name, count in (facts["streams"] or {}).items():
        print(f"  {name:<8} {count:>8} bytes")
    if file.metadata:
        print(f"  metadata {json.dumps(file.metadata)}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from ..api import open as open_file

    file = open_file(options.input)
    with bar("verifying") as progress:
        file.verify(progress)
    tiles = file.layout.planes * sum(map(len, file.container.grids))
    print(f"{options.input}: intact, {tiles} tile(s), {file.size} bytes")
    return 0
