"""``glc decode``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .._base.progress import no_progress
from ..codecs.registry import all_codecs
from ..errors import GlcError, OptionError
from .options import add_codec_options, add_quiet, add_threads, codec_options
from .pictures import as_picture, axes_left, checked_format, natural_suffix, picture_name, region_of
from .progress import bar
from .streams import add_no_clobber, check_output, input_file, is_stream, nothing_in, say, tell, write_output

if TYPE_CHECKING:
    from ..files.opened import GlcFile

__all__ = ["add_verbs"]

_PIECE = 1 << 20
_TIFF = (".tif", ".tiff")


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    decode = verbs.add_parser(
        "decode", help=".glc to picture", description="Decode a .glc file, or all that are in a folder."
    )
    decode.add_argument(
        "input", type=Path, metavar="IN.glc", help="the file to decode, - for standard input, or a folder of such files"
    )
    decode.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        help="PNG, TIFF, JPEG ..., by its suffix; - for standard output; of a folder, a folder: a.png.glc becomes "
        "a.png, b.glc becomes b.png, or b.ome.tif if PNG cannot hold it",
    )
    decode.add_argument("--format", metavar="F", help="png, tif, jpg ... where OUT has no suffix: a folder or -")
    decode.add_argument("-r", "--recursive", action="store_true", help="of a folder: enter sub-folders")
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
    add_threads(decode, "-j")
    add_no_clobber(decode)
    add_quiet(decode)
    decode.set_defaults(run=_decode)


def _decode(options: argparse.Namespace) -> int:
    suffix = checked_format(options.format)
    if options.input.is_dir():
        return _decode_folder(options, suffix)
    output: Path = options.output
    check_output(output, options)
    with input_file(options.input) as path:
        file = _opened(path, options)
        if not is_stream(output):
            say(options, f"{output}: {_decode_file(file, output, options)}")
            return 0
        if options.samples is not None:
            raise OptionError("several samples are several files: name one, such as picture.png")
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / f"picture{suffix or natural_suffix(file, options.planes)}"
            words = _decode_file(file, whole, options)
            with open(whole, "rb") as stream:
                write_output(output, iter(lambda: stream.read(_PIECE), b""))
    say(options, words, output)
    return 0


def _decode_folder(options: argparse.Namespace, suffix: str) -> int:
    """Decode what a folder holds; goes on after a file that cannot be decoded."""
    source, target = options.input, options.output
    if options.mask is not None:
        raise OptionError("--mask is for a single file")
    if is_stream(target) or target.is_file():
        raise OptionError(f"{source} is a folder: name a folder to write to, not {target}")
    paths = sorted(p for p in (source.rglob if options.recursive else source.glob)("*.glc") if p.is_file())
    if not paths:
        print(nothing_in(source, ".glc files", options.recursive), file=sys.stderr)
        return 1
    counts = {"decoded": 0, "skipped": 0, "failed": 0}
    for path in paths:
        try:
            file = _opened(path, options)
            output = target / path.relative_to(source).with_name(picture_name(file, options.planes, suffix))
            if options.no_clobber and output.exists():
                counts["skipped"] += 1
                continue
            output.parent.mkdir(parents=True, exist_ok=True)
            _decode_file(file, output, options)
            counts["decoded"] += 1
        except OptionError:
            raise
        except (GlcError, OSError) as error:
            counts["failed"] += 1
            print(f"glc: {error}", file=sys.stderr)
    say(options, ", ".join(f"{number} {what}" for what, number in counts.items()))
    return 1 if counts["failed"] else 0


def _opened(path: Path, options: argparse.Namespace) -> GlcFile:
    from ..api import open as open_file

    return open_file(path, device=options.device, **codec_options(options))


def _decode_file(file: GlcFile, output: Path, options: argparse.Namespace) -> str:
    """Write the picture of a file; shape and type of it, in words."""
    import numpy as np

    from ..files.lazy import LazyLevel
    from ..imaging.extras import stored_extras
    from ..imaging.files import write_picture
    from ..imaging.tiff import write_ome_tiff

    lossy = file.entry.capabilities.lossy_packets
    if lossy and not options.preview and file.lost_packets():
        return _recover(file, output, options)
    region = region_of(options.planes, file.axes)
    if options.samples is not None:
        return _decode_samples(file, region, output, options)
    with bar("decoding", options) as progress:
        if output.suffix.lower() in _TIFF and not options.preview:
            source = LazyLevel(file, options.level)
            shape = write_ome_tiff(output, source, file.layout.axes, region, file.metadata, progress)
        else:
            picture = file.read(region, preview=options.preview, progress=progress, level=options.level)
            shape = picture.shape
            plane = as_picture(picture, axes_left(file, region), output)
            write_picture(output, plane, stored_extras(file.metadata))
    if options.mask is not None:
        write_picture(options.mask, np.zeros(shape[:2], np.uint8))
    return f"{' x '.join(map(str, shape))} {file.dtype}"


def _decode_samples(file: GlcFile, region: tuple[slice | int, ...], output: Path, options: argparse.Namespace) -> str:
    """Write several pictures of the same bytes, their mean and their standard deviation."""
    import numpy as np

    from ..imaging.files import write_picture
    from ..inspection.samples import spread

    if options.preview:
        raise OptionError("there is one preview, not several samples of it")
    axes = axes_left(file, region)
    with bar("decoding", options) as progress:
        pictures = file.samples(options.samples, region, progress=progress, level=options.level)
    found = spread(pictures, rgb="S" in axes)
    named = {str(number): picture for number, picture in enumerate(pictures)}
    named["mean"] = np.round(found.mean).astype(pictures.dtype)
    for name, picture in named.items():
        path = output.with_stem(f"{output.stem}-{name}")
        write_picture(path, as_picture(picture, axes, path))
    path = output.with_stem(f"{output.stem}-deviation")
    deviation = np.clip(np.round(found.deviation), 0, np.iinfo(pictures.dtype).max).astype(pictures.dtype)
    write_picture(path, as_picture(deviation, axes.replace("S", ""), path))
    return f"{' x '.join(map(str, pictures.shape))} {file.dtype}, as {output.with_stem(output.stem + '-*').name}"


def _recover(file: GlcFile, output: Path, options: argparse.Namespace) -> str:
    """Decode what is left of a damaged file; says so on stderr."""
    import numpy as np

    from ..imaging.extras import stored_extras
    from ..imaging.files import write_picture
    from ..imaging.tiff import write_ome_tiff
    from ..recovery import Sampling

    if options.level:
        raise OptionError("a damaged file is recovered at full resolution; leave out --level")
    axes, region = file.layout.axes, region_of(options.planes, file.axes)
    left, spatial = axes_left(file, region), axes.replace("S", "")
    if output.suffix.lower() not in _TIFF:
        # before the work, not after it
        as_picture(np.empty((1,) * len(left), file.dtype), left, output)
    sampling = Sampling(options.temperature, options.top_k, options.seed)
    with bar("recovering", options) as progress:
        found = file.recover(options.recover, sampling=sampling, progress=progress)
    lost = found.lost.astype(np.uint8) * 255
    if output.suffix.lower() in _TIFF:
        write_ome_tiff(output, found.pixels, axes, region, file.metadata, no_progress)
    else:
        write_picture(output, as_picture(found.pixels[region], left, output), stored_extras(file.metadata))
    if options.mask is not None and options.mask.suffix.lower() in _TIFF:
        write_ome_tiff(options.mask, lost, spatial, region, file.metadata, no_progress)
    elif options.mask is not None:
        write_picture(options.mask, as_picture(lost[region], left.replace("S", ""), options.mask))
    tell(
        options,
        f"{found.lost_packets} of {found.packets} packets were lost, {100 * found.lost_share:.1f} % of the indices; "
        f"filled by {found.method}",
    )
    return f"{' x '.join(map(str, found.pixels[region].shape))} {found.pixels.dtype}"
