"""Parser and entry point."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from .._version import __version__
from ..errors import GlcError, OptionError, TargetError
from . import (
    batch,
    bd_rate,
    comparing,
    completion,
    damaging,
    decoding,
    describing,
    doctor,
    encoding,
    evaluation,
    models,
    training,
)

__all__ = ["build_parser", "main"]

_EPILOG = """\
examples:
  glc encode picture.png picture.glc                 at quality 50
  glc encode picture.png picture.glc --bpp 0.03      at a rate
  glc decode picture.glc restored.png
  glc encode picture.png picture.glc --codec vqgan --packets 8
  glc encode stack.ome.tif stack.glc --range robust
  glc decode stack.glc frame.ome.tif --planes T=3,C=0
  glc batch pictures/ coded/ --workers 2
  glc info picture.glc --json
  glc evaluate kodak/ --quality 10 50 90 --json kodak.json
  glc evaluate kodak/ --codec glc avif webp --report kodak.html
  glc compare --blind glc/ avif/ kodak/              a page that asks which looks better
  glc bd-rate kodak.json other.csv                   bytes at equal quality

A generative decoder invents plausible detail: decoded pictures are for looking at, not for measuring.
Exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 interrupted, 141 nobody reads the output.
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="glc",
        description="Generative latent image coding at 0.003 to 0.15 bits per pixel.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"napari-glc {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for room in (
        encoding,
        decoding,
        describing,
        batch,
        damaging,
        comparing,
        evaluation,
        bd_rate,
        models,
        training,
        doctor,
        completion,
    ):
        room.add_verbs(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code.

    Parameters
    ----------
    arguments
        Words after ``glc``; ``None`` takes those of the process.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = build_parser()
    options = parser.parse_args(words)
    options.parser = parser
    # for reports, which say how they were made
    options.command = shlex.join(["glc", *words])
    try:
        with _threads(getattr(options, "threads", None)):
            code: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("glc: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # whoever read our output has gone: there is nobody to tell, and Python must not try again at its end
        with suppress(OSError, ValueError):  # no file behind it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except TargetError as error:
        print(f"glc: {error}", file=sys.stderr)
        return 1
    except OptionError as error:
        print(f"glc: {error}", file=sys.stderr)
        return 2
    except (GlcError, OSError) as error:
        print(f"glc: {_in_words(error)}", file=sys.stderr)
        return 1
    except MemoryError:
        print("glc: not enough memory; try a smaller picture", file=sys.stderr)
        return 1
    return code


def _in_words(error: Exception) -> str:
    """What the system says of a file, without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads; ``None`` leaves it to PyTorch."""
    if count is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
