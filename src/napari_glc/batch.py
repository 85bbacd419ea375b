"""Encoding folders: in processes on this machine, or on a cluster through dask.distributed.

Each item is written atomically, so a file that is there is finished: a second run skips it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._base.progress import Progress
from ._base.threads import cores
from .errors import Cancelled, GlcError, MissingDependencyError, OptionError

if TYPE_CHECKING:
    from .files.wanted import Wanted

__all__ = ["BatchReport", "encode_folder", "encode_item", "pictures_in"]

_KEEP = "keep_metadata"


@dataclass
class BatchReport:
    """What became of a folder.

    Attributes
    ----------
    done
        Files written.
    skipped
        Files that were there and whole.
    failed
        Pictures that could not be encoded, and why.
    missed
        Files written whose rate is not the one that was wanted, and what it is.
    """

    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    missed: dict[Path, str] = field(default_factory=dict)


def encode_folder(
    source: Path,
    target: Path,
    *,
    workers: int = 1,
    threads: int | None = None,
    dask: str | None = None,
    retries: int = 1,
    recursive: bool = False,
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> BatchReport:
    """Encode all pictures and stacks of a folder.

    Parameters
    ----------
    source, target
        Folders; the target is made if it is missing. ``a.tif`` becomes ``a.tif.glc``.
    workers
        Processes on this machine.
    threads
        Of each process; ``None`` shares the cores among them.
    dask
        Address of a dask scheduler instead, for example ``tcp://host:8786``; its workers see both folders under the
        same names and have this package installed.
    retries
        How often an item is tried again after it failed.
    recursive
        Whether sub-folders are entered; the target gets the same ones.
    options
        Options of :func:`napari_glc.encode`; those of :class:`~napari_glc.files.wanted.Wanted` instead of a quality;
        and ``keep_metadata``, whether colour profiles and EXIF of pictures are kept.
    progress
        Called with items settled and in all.

    Raises
    ------
    OptionError
        If the source is not a folder, or a number or option is out of its range.
    MissingModelError, ModelError
        If the model is not at hand.
    MissingDependencyError
        If `dask` is given and dask.distributed is not installed.
    OSError
        If the target cannot be made, or the scheduler not be reached.
    """
    if not source.is_dir():
        raise OptionError(f"{source} is not a folder" if source.exists() else f"there is no folder {source}")
    if workers < 1 or retries < 0 or (threads is not None and threads < 1):
        raise OptionError("there must be at least one worker and one thread, and no negative number of retries")
    given = dict(options or {})
    wanted = _checked(given)
    target.mkdir(parents=True, exist_ok=True)
    report = BatchReport()
    waiting: dict[Path, Path] = {}
    for path in _items(source, target, recursive):
        out = target / path.relative_to(source).with_name(f"{path.name}.glc")
        if _finished(out):
            report.skipped.append(out)
        else:
            out.parent.mkdir(parents=True, exist_ok=True)
            waiting[path] = out
    total = len(waiting)
    workers = min(workers, max(1, total))
    with _pool(workers, threads, dask) as submit:
        for attempt in range(retries + 1):
            running: dict[Any, Path] = {submit(str(p), str(o), given): p for p, o in waiting.items()}
            report.failed = {}
            for future in _as_completed(running, dask):
                path = running[future]
                try:
                    failure = future.result()
                except Exception as error:  # a worker that died, a connection that broke: anything may come
                    failure = f"{type(error).__name__}: {error}"
                if failure is None:
                    report.done.append(waiting[path])
                else:
                    report.failed[path] = failure
                if progress is not None:
                    progress(len(report.done) + len(report.failed) * (attempt == retries), total)
            waiting = {path: waiting[path] for path in report.failed}
            if not waiting:
                break
    if wanted.bpp is not None:
        rates = {path: wanted.missed(_rate_of(path)) for path in report.done}
        report.missed = {path: words for path, words in rates.items() if words}
    return report


def _checked(options: dict[str, Any]) -> Wanted:
    """Say what is wrong with options before they go wrong with every item; what is wanted instead of a quality."""
    import inspect

    from ._base.quality import checked_quality
    from .codecs.registry import DEFAULT_CODEC, codec_named, model_of
    from .files.encoding import prepared_array
    from .files.wanted import Wanted

    wanted, rest = Wanted.taken_from(options)
    checked_quality(rest.get("quality", 50))
    codec = rest.get("codec", DEFAULT_CODEC)
    common = {*inspect.signature(prepared_array).parameters, "device", _KEEP}
    chosen = codec_named(codec).options.made(codec, {key: value for key, value in rest.items() if key not in common})
    chosen.settled(model_of(codec, rest.get("model")))
    return wanted


def pictures_in(folder: Path) -> list[Path]:
    """What :func:`encode_folder` would encode of a folder, by name."""
    return [path for path in sorted(folder.iterdir()) if _wanted(path)]


def encode_item(source: str, target: str, options: dict[str, Any], progress: Progress | None = None) -> str | None:
    """Encode one file; ``None``, or why it could not be done. Runs in a worker.

    Raises
    ------
    Cancelled
        If `progress` raises it; nothing is written then.
    """
    from ._base.atomic import write_parts_atomically
    from .files.encoding import prepared_array
    from .files.wanted import Wanted
    from .imaging.extras import without_extras
    from .imaging.opening import open_array

    wanted, given = Wanted.taken_from(options)
    device, keep = given.pop("device", "auto"), given.pop(_KEEP, False)
    try:
        opened = open_array(Path(source))
        metadata = opened.metadata if keep else without_extras(opened.metadata)
        job = prepared_array(opened.levels, **({"axes": opened.axes, "metadata": metadata} | given))
        write_parts_atomically(Path(target), wanted.parts(job, device, progress))
    except Cancelled:
        raise
    except (GlcError, OSError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def _items(source: Path, target: Path, recursive: bool) -> Iterator[Path]:
    """What there is to encode, in order; the target, which may lie in the source, is left out."""
    for path in sorted(source.iterdir()):
        if _wanted(path):
            yield path
        elif recursive and path.is_dir() and not path.name.startswith(".") and not path.samefile(target):
            yield from _items(path, target, recursive)


def _rate_of(path: Path) -> float:
    from .files.opened import GlcFile

    return GlcFile(path).bpp


def _wanted(path: Path) -> bool:
    from .imaging.files import READABLE
    from .imaging.stores import is_store

    if path.name.startswith(".") or (path.is_dir() and path.suffix.lower() != ".zarr"):
        return False
    return path.suffix.lower() in READABLE or is_store(path)


def _finished(path: Path) -> bool:
    from .files.opened import GlcFile

    try:
        GlcFile(path)
    except (GlcError, OSError):
        return False
    return True


@contextmanager
def _pool(workers: int, threads: int | None, address: str | None) -> Iterator[Callable[..., Any]]:
    if address is not None:
        try:
            from distributed import Client
        except ImportError as error:
            raise MissingDependencyError("dask.distributed is not installed: pip install napari-glc[dask]") from error
        with Client(address, timeout=20) as client:  # type: ignore[no-untyped-call]
            yield lambda *item: client.submit(encode_item, *item, pure=False)
        return
    # spawned, not forked: torch's threads do not survive a fork
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _use_threads, (threads, workers))
    try:
        yield lambda *item: _submitted(pool, item)
    finally:
        pool.shutdown(cancel_futures=True)


def _use_threads(count: int | None, workers: int) -> None:
    """Begin one of several processes with so many threads; ``None``: its share of the cores, and no more than usual."""
    import torch

    torch.set_num_threads(count or min(torch.get_num_threads(), max(1, cores() // workers)))


def _submitted(pool: ProcessPoolExecutor, item: tuple[Any, ...]) -> Future[str | None]:
    return pool.submit(encode_item, *item)


def _as_completed(running: dict[Any, Path], address: str | None) -> Iterator[Any]:
    if address is not None:
        from distributed import as_completed as completed

        return iter(completed(list(running)))  # type: ignore[no-untyped-call]
    return as_completed(running)
