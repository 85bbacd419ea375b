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
from typing import Any

from ._base.progress import Progress
from .errors import GlcError, MissingDependencyError, OptionError

__all__ = ["BatchReport", "encode_folder"]


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
    """

    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)


def encode_folder(
    source: Path,
    target: Path,
    *,
    workers: int = 1,
    dask: str | None = None,
    retries: int = 1,
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
    dask
        Address of a dask scheduler instead, for example ``tcp://host:8786``; its workers see both folders under the
        same names and have this package installed.
    retries
        How often an item is tried again after it failed.
    options
        Options of :func:`napari_glc.encode`.
    progress
        Called with items settled and in all.

    Raises
    ------
    OptionError
        If the source is no folder or a number is out of its range.
    MissingDependencyError
        If `dask` is given and dask.distributed is not installed.
    OSError
        If the target cannot be made, or the scheduler not be reached.
    """
    if not source.is_dir():
        raise OptionError(f"{source} is no folder")
    if workers < 1 or retries < 0:
        raise OptionError("there must be at least one worker, and no negative number of retries")
    target.mkdir(parents=True, exist_ok=True)
    report = BatchReport()
    waiting: dict[Path, Path] = {}
    for path in sorted(source.iterdir()):
        if _wanted(path):
            out = target / f"{path.name}.glc"
            if _finished(out):
                report.skipped.append(out)
            else:
                waiting[path] = out
    total = len(waiting)
    with _pool(min(workers, max(1, total)), dask) as submit:
        for attempt in range(retries + 1):
            running: dict[Any, Path] = {submit(str(p), str(o), options or {}): p for p, o in waiting.items()}
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
    return report


def encode_item(source: str, target: str, options: dict[str, Any]) -> str | None:
    """Encode one file; ``None``, or why it could not be done. Runs in a worker."""
    from .api import imwrite
    from .imaging.files import read_picture
    from .imaging.stores import is_store, open_store

    path = Path(source)
    try:
        if is_store(path):
            opened = open_store(path)
            given = {"axes": opened.axes, "metadata": opened.metadata} | options
            imwrite(target, opened.levels, **given)
        else:
            imwrite(target, read_picture(path), **options)
    except (GlcError, OSError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def _wanted(path: Path) -> bool:
    from .imaging.files import READABLE
    from .imaging.stores import is_store

    return not path.name.startswith(".") and (path.suffix.lower() in READABLE or is_store(path))


def _finished(path: Path) -> bool:
    from .files.opened import GlcFile

    try:
        GlcFile(path)
    except (GlcError, OSError):
        return False
    return True


@contextmanager
def _pool(workers: int, address: str | None) -> Iterator[Callable[..., Any]]:
    if address is not None:
        try:
            from distributed import Client
        except ImportError as error:
            raise MissingDependencyError("dask.distributed is not installed: pip install napari-glc[dask]") from error
        with Client(address, timeout=20) as client:  # type: ignore[no-untyped-call]
            yield lambda *item: client.submit(encode_item, *item, pure=False)
        return
    # spawned, not forked: torch's threads do not survive a fork
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield lambda *item: _submitted(pool, item)
    finally:
        pool.shutdown(cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, item: tuple[Any, ...]) -> Future[str | None]:
    return pool.submit(encode_item, *item)


def _as_completed(running: dict[Any, Path], address: str | None) -> Iterator[Any]:
    if address is not None:
        from distributed import as_completed as completed

        return iter(completed(list(running)))  # type: ignore[no-untyped-call]
    return as_completed(running)
