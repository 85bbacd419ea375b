"""``glc decode``."""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codecs.registry import all_codecs
from .options import add_codec_options, codec_options
from .progress import bar

if TYPE_CHECKING:
    from ..files.opened import GlcFile

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
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
