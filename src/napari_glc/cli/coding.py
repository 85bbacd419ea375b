"""``glc encode``, ``decode``, ``info`` and ``verify``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .progress import bar

if TYPE_CHECKING:
    from .._file import GlcFile

__all__ = ["add_verbs"]

_NEAR = 0.1


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file to a parser."""
    encode = verbs.add_parser("encode", help="picture to .glc", description="Encode a picture file.")
    encode.add_argument("input", type=Path, metavar="IN", help="PNG, JPEG, TIFF, WebP ...: 8-bit grey or RGB")
    encode.add_argument("output", type=Path, metavar="OUT.glc", help="the file to write")
    rate = encode.add_mutually_exclusive_group()
    rate.add_argument("--quality", type=float, default=50, metavar="Q", help="0 (smallest) to 100, default 50")
    rate.add_argument("--bpp", type=float, metavar="B", help="bits per pixel of the whole file instead")
    add_model_options(encode)
    encode.add_argument("--tile", type=int, default=512, metavar="T", help="side of a tile, default 512; 0 for one")
    encode.add_argument(
        "--packets", type=int, default=1, metavar="N", help="codec vqgan: packets a tile, 1 to 64, default 1"
    )
    encode.add_argument(
        "--packet-bytes", type=int, metavar="B", help="codec vqgan: bytes a packet instead, as near as it goes"
    )
    encode.add_argument(
        "--index-coder",
        default="auto",
        metavar="I",
        help="codec vqgan: fixed, zip, adaptive, transformer or auto (the smallest)",
    )
    encode.set_defaults(run=_encode)

    decode = verbs.add_parser("decode", help=".glc to picture", description="Decode a .glc file.")
    decode.add_argument("input", type=Path, metavar="IN.glc", help="the file to decode")
    decode.add_argument("output", type=Path, metavar="OUT", help="PNG, TIFF, JPEG ..., by its suffix")
    decode.add_argument("--preview", action="store_true", help="coarse picture from the hyper streams alone")
    decode.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")
    decode.add_argument(
        "--recover",
        metavar="R",
        help="how lost packets are filled: both-sides (default), transformer, nearest, frequent or none",
    )
    decode.add_argument("--temperature", type=float, default=0.0, metavar="T", help="of sampling; default 0, arg-max")
    decode.add_argument("--top-k", type=int, metavar="K", help="sample from the K most probable indices only")
    decode.add_argument("--seed", type=int, default=0, metavar="S", help="of sampling, default 0")
    decode.add_argument("--mask", type=Path, metavar="MASK", help="write a picture of what was lost (white)")
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
    parser.add_argument("--codec", default="glc", metavar="C", help="default glc")
    parser.add_argument("--model", metavar="M", help="name, hash or path; default the codec's embedded model")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")


def _encode(options: argparse.Namespace) -> int:
    from .._atomic import write_atomically
    from .._target import encode_to_bpp
    from ..api import encode
    from ..container import MAX_PACKETS, longest_tile
    from ..errors import OptionError
    from ..imaging.files import read_picture

    if options.output.suffix.lower() != ".glc":
        raise OptionError(f"{options.output} does not end in .glc")
    picture = read_picture(options.input)
    common: dict[str, Any] = {
        "codec": options.codec,
        "model": options.model,
        "device": options.device,
        "tile": options.tile,
        "index_coder": options.index_coder,
        "packets": options.packets,
    }
    quality = options.quality
    with bar("encoding") as progress:
        if options.bpp is None:
            data = encode(picture, quality=quality, progress=progress, **common)
        else:
            result = encode_to_bpp(picture, options.bpp, progress=progress, **common)
            data, quality = result.data, result.quality
    if options.packet_bytes is not None:
        if options.packet_bytes < 1:
            raise OptionError("a packet holds at least one byte")
        packets = max(1, min(MAX_PACKETS, round(longest_tile(data) / options.packet_bytes)))
        data = encode(picture, quality=quality, **{**common, "packets": packets})
    write_atomically(options.output, data)
    pixels = picture.shape[0] * picture.shape[1]
    bpp = 8 * len(data) / pixels
    print(
        f"{options.output}: {len(data)} bytes, {bpp:.4f} bpp, 1:{picture.nbytes / len(data):.0f}, quality {quality:g}"
    )
    if options.bpp is not None and abs(bpp - options.bpp) > _NEAR * options.bpp:
        print(
            f"glc: {options.bpp:g} bpp is outside what the model can do with this picture; {bpp:.4f} is the nearest",
            file=sys.stderr,
        )
    return 0


def _decode(options: argparse.Namespace) -> int:
    import numpy as np

    from ..api import open as open_file
    from ..imaging.files import write_picture

    file = open_file(options.input, device=options.device)
    if file.codec == "vqgan" and not options.preview and file.lost_packets():
        return _recover(file, options)
    with bar("decoding") as progress:
        picture = file.read(preview=options.preview, progress=progress)
    write_picture(options.output, picture)
    if options.mask is not None:
        write_picture(options.mask, np.zeros(picture.shape[:2], np.uint8))
    print(f"{options.output}: {' x '.join(map(str, picture.shape))} {picture.dtype}")
    return 0


def _recover(file: GlcFile, options: argparse.Namespace) -> int:
    """Decode what is left of a damaged file; says so on stderr."""
    import numpy as np

    from ..imaging.files import write_picture
    from ..recovery import Sampling

    sampling = Sampling(options.temperature, options.top_k, options.seed)
    with bar("recovering") as progress:
        found = file.recover(options.recover or "both-sides", sampling=sampling, progress=progress)
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
    from ..errors import MissingModelError

    file = open_file(options.input)
    facts: dict[str, Any] = {
        "file": str(options.input),
        **file.facts(),
        "shape": list(file.shape),
        "dtype": str(file.dtype),
        "axes": file.axes,
        "tiles": len(file.container.grid),
        **file.index_facts(),
        "metadata": file.metadata,
    }
    try:
        facts["model_name"] = file.model.name
        facts["streams"] = file.streams()
    except MissingModelError as error:
        facts["model_name"], facts["streams"] = None, None
        print(f"glc: {error}", file=sys.stderr)
    if options.json:
        print(json.dumps(facts, indent=2))
        return 0
    model = f"{facts['model_name'] or 'not installed'} ({file.model_tag})"
    print(f"{options.input}: {file.size} bytes, {file.bpp:.4f} bpp")
    print(f"  codec    {file.codec}, model {model}, quality {file.quality:g}")
    print(f"  array    {' x '.join(map(str, file.shape))} {file.dtype}, axes {file.axes}, {facts['tiles']} tile(s)")
    if file.codec == "vqgan":
        print(f"  indices  coded by {facts['index_coder']}, {facts['packets']} packet(s) a tile")
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
    print(f"{options.input}: intact, {len(file.container.grid)} tile(s), {file.size} bytes")
    return 0
