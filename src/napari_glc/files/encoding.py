"""From an array and options to a file, plane by plane, level by level, some tiles at a time.

::

    ArraySource --PlaneView--> codec.encode, tiles of 1536 px --payloads--> Spool --> file
                     |
                     +-- halved --> the plane's next level
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress, no_progress
from .._base.quality import checked_quality
from ..codecs.base import PlaneCoding
from ..codecs.goals import Goal
from ..codecs.loading import loaded_codec
from ..codecs.part_names import NONE, REMOVED_KEY
from ..codecs.parts import with_encoder
from ..codecs.registry import DEFAULT_CODEC, all_codecs, codec_named, model_of, sees_whole_planes
from ..container import ARRAY_KEY, BLOCK, DEFAULT_TILE, TILE_UNIT, ArrayKind, Header, Spool, TileGrid
from ..container.limits import MAX_LEVELS, beyond, get_limits
from ..errors import OptionError, UnsupportedArrayError
from ..imaging.importance import Importance
from ..imaging.layout import laid_out
from ..imaging.noise import noise_level
from ..imaging.planes import to_plane
from ..imaging.ranges import RangeRule
from ..imaging.source import ArraySource, PlaneView

if TYPE_CHECKING:
    from ..codecs.base import Codec, Plane
    from ..codecs.entry import CodecEntry
    from ..codecs.goals import Standing, Watch
    from ..codecs.options import CodecOptions
    from ..models import ModelFile
    from .budget import Budget

__all__ = ["AnalysisMemory", "Job", "encoded_parts", "prepared", "prepared_array"]

_FEW_PIXELS = 4096
"""Longest side of planes that get no smaller levels by themselves."""
_SMALLEST = 1024
_CROP = 512
_PARTS = (0.0, 0.5, 1.0)
"""Where the noise is looked for: crops at the ends and in the middle of each axis."""
_MEMORY = 1 << 26


@dataclass(frozen=True)
class Job:
    """All that is needed to encode an array.

    Attributes
    ----------
    source
        Its planes.
    model
        Model file.
    entry
        Its codec.
    options
        Of the codec; choices may be left to the encoder.
    quality
        0 to 100, in half steps.
    tile
        Nominal side in pixels, 0 for one tile.
    levels
        Levels of resolution.
    metadata
        Of the file, without the description of the array.
    counted
        Whether samples can lie beyond the range and are counted.
    importance
        Weights of pixels, or ``None`` for all alike.
    watch
        Who watches an encoder that optimises, or ``None``.
    """

    source: ArraySource
    model: ModelFile
    entry: CodecEntry
    options: CodecOptions
    quality: float
    tile: int
    levels: int
    metadata: dict[str, Any] | None
    counted: bool
    importance: Importance | None = None
    watch: Watch | None = None

    @property
    def effort(self) -> int:
        """Effort of an encoder that optimises what a single pass gives; 0 if it does not."""
        return int(getattr(self.options, "effort", 0)) if self.entry.capabilities.effort else 0

    def without_effort(self) -> Job:
        """The same by a single pass."""
        if not self.effort:
            return self
        weights = self.importance if self.entry.capabilities.regions else None
        return replace(self, options=_single_pass(self.options), importance=weights, watch=None)

    @property
    def plane_streams(self) -> bool:
        """Whether planes have streams."""
        return self.entry.capabilities.plane_stream and self.options.plane_streams

    @property
    def grid(self) -> TileGrid:
        """Tiles of a plane at full resolution."""
        layout = self.source.layout
        return TileGrid(layout.size("Y"), layout.size("X"), self.tile)

    @property
    def kind(self) -> ArrayKind:
        """Plain: one uint8 plane as it is, ``YX`` or ``YXS``, needs no description."""
        layout = self.source.layout
        plain = layout.axes in ("YX", "YXS") and layout.samples in (1, 3) and layout.dtype == "uint8"
        if plain and not layout.ranges and self.levels == 1:
            return ArrayKind.RGB8 if layout.rgb else ArrayKind.GREY8
        return ArrayKind.RGB_PLANES if layout.rgb else ArrayKind.GREY_PLANES

    @property
    def restoration(self) -> dict[str, Any]:
        """What the file's metadata says of an encoder that left something out."""
        removed = ", ".join(f"{part.effect} ({part.name})" for part in self.model.parts)
        return {REMOVED_KEY: removed} if removed else {}

    def header(self, options: CodecOptions) -> Header:
        """The header of the file, given what the encoder made of the options."""
        can, grid = self.entry.capabilities, self.grid
        return Header(
            codec=self.entry.number,
            kind=self.kind,
            model=self.model.tag,
            quality=self.quality,
            height=grid.height,
            width=grid.width,
            options=options.pack(),
            tile=self.tile,
            packets=options.packets,
            planes=self.source.layout.planes,
            levels=self.levels,
            file_stream=can.file_stream,
            plane_streams=self.plane_streams,
        )


class AnalysisMemory:
    """What codecs found out about planes that no quality changes, for encoding the same array again.

    Parameters
    ----------
    limit
        Bytes kept; what exceeds them is analysed each time.
    """

    def __init__(self, limit: int = 1 << 28) -> None:
        self._kept: dict[Any, Any] = {}
        self._left = limit

    def get(self, key: Any, analyse: Callable[[], Any]) -> Any:
        """What is known under a key, else the result of `analyse`."""
        if key in self._kept:
            return self._kept[key]
        found = analyse()
        size = int(getattr(found, "nbytes", 0))
        if size <= self._left:
            self._left -= size
            self._kept[key] = found
        return found


def prepared_array(
    image: Any,
    *,
    codec: str = DEFAULT_CODEC,
    model: str | Path | ModelFile | None = None,
    quality: float = 50,
    axes: str | None = None,
    metadata: dict[str, Any] | None = None,
    tile: int = DEFAULT_TILE,
    value_range: RangeRule | None = None,
    range_per: str = "channel",
    channels: str = "separate",
    levels: int | str = "auto",
    importance: Any = None,
    watch: Watch | None = None,
    **options: Any,
) -> Job:
    """Everything that can be said before a sample is coded; see :func:`napari_glc.encode`."""
    quality, tile = checked_quality(quality), _checked_tile(tile)
    if channels not in ("separate", "packed"):
        raise OptionError(f"channels are 'separate' or 'packed', not {channels!r}")
    if metadata and ARRAY_KEY in metadata:
        raise OptionError(f"the metadata must not use the key {ARRAY_KEY!r}, under which the file describes its array")
    entry = codec_named(codec)
    chosen = entry.options.made(codec, options)
    arrays = _levels(image)
    layout = laid_out(arrays[0].shape, np.dtype(arrays[0].dtype), axes, packed=channels == "packed")
    model_file = model_of(codec, model)
    chosen = chosen.settled(model_file)
    height, width = layout.size("Y"), layout.size("X")
    if max(height, width) > get_limits().side:
        raise beyond(f"a side of {height} x {width} pixels is", "side")
    grid = TileGrid(height, width, tile)
    grid.check_count()
    count = _level_count(levels, height, width, len(arrays), entry)
    tiles = layout.planes * sum(len(grid.level(level)) for level in range(count)) * chosen.packets
    if tiles > get_limits().chunks:
        raise beyond(f"{tiles} tiles or packets are", "chunks")
    rule = ("dtype" if layout.dtype == "uint8" else "minmax") if value_range is None else value_range
    source = ArraySource(arrays, layout).with_ranges(rule, range_per)
    model_file = with_encoder(
        model_file,
        chosen.encoder,
        entry.parts.get("encoder", ()),
        lambda: chosen.noise_level or _noise_level(source),
    )
    counted = (rule != "dtype" and rule != "minmax") or np.dtype(layout.dtype).kind == "f"
    job = Job(source, model_file, entry, chosen, quality, tile, count, metadata, counted, watch=watch)
    if job.effort and chosen.encoder != NONE:
        raise OptionError(
            "effort works towards the picture as it is given, an encoder that leaves something out away from it: "
            "take one of the two"
        )
    if importance is None:
        return job
    if not entry.capabilities.effort:
        able = ", ".join(other.name for other in all_codecs() if other.capabilities.effort)
        raise OptionError(f"codec {codec!r} cannot weigh pixels; importance is for {able}")
    if not job.effort and not entry.capabilities.regions:
        raise OptionError(f"importance needs an effort of at least 1: a single pass of {codec!r} weighs no pixels")
    return replace(job, importance=Importance(importance, layout))


def _noise_level(source: ArraySource) -> float:
    """Of an array: the median over a few crops of a few planes, so that all planes are treated alike."""
    layout, found = source.layout, []
    height, width = layout.size("Y"), layout.size("X")
    for plane in sorted({round(part * (layout.planes - 1)) for part in _PARTS}):
        view: Any = source.plane(plane)
        for top in sorted({round(part * max(0, height - _CROP)) for part in _PARTS}):
            for left in sorted({round(part * max(0, width - _CROP)) for part in _PARTS}):
                found.append(noise_level(view[top : top + _CROP, left : left + _CROP]))
    return float(np.median(found))


def encoded_parts(
    job: Job,
    device: str,
    progress: Progress | None,
    memory: AnalysisMemory | None = None,
    *,
    budget: Budget | None = None,
    distance_ratio: float | None = None,
) -> Iterator[bytes]:
    """The bytes of the file at the job's own quality, part by part; memory does not grow with the array.

    `memory` serves encodings of the same array at several qualities. An encoder that optimises keeps to `budget`, or
    to `distance_ratio` (see :class:`~napari_glc.codecs.goals.Goal`).
    """
    layout = job.source.layout
    grids = [job.grid.level(level) for level in range(job.levels)]
    coder = loaded_codec(job.model, device)
    shared = _SharedStreams(coder, job)
    # blocks of a plane that is seen as a whole would each see all of it
    side = max(job.grid.height, job.grid.width) if sees_whole_planes(job.model) else BLOCK
    units = _Units(progress, layout.planes * sum(map(len, grids)))
    watched = None if job.watch is None or not job.effort else _Watched(job.watch)
    options, packets, clipped, not_numbers = job.options, job.options.packets, 0, 0
    with Spool(shared.chunks + units.total * packets) as spool:
        chunk = shared.put_file_stream(spool)
        for plane in range(layout.planes):
            with _canvases() as new_canvas:
                view: Any = job.source.plane(plane)
                for level, tiles in enumerate(grids):
                    if 0 < level < len(job.source.levels):
                        view = job.source.plane(plane, level)
                    stored = level + 1 < len(job.source.levels)
                    smaller = None if stored or level + 1 == job.levels else new_canvas(grids[level + 1])
                    coding = shared.coding(view, PlaneCoding(tiles, job.quality, options), spool, chunk)
                    if budget is not None and job.plane_streams:
                        budget.spend([chunk], len(coding.plane_stream))
                    chunk += job.plane_streams
                    weights = calm = None
                    if job.importance is not None:
                        weights = job.importance.plane(plane, level)
                        if job.entry.capabilities.regions:
                            calm = job.importance.calm(plane, level)
                    for box, group in tiles.groups(side):
                        some = None if len(group) == len(tiles) else group
                        report = units.within(len(group))
                        analysed = None
                        if memory is not None:
                            work = partial(coder.analyse, view, tiles, no_progress, some)
                            analysed = memory.get((plane, level, box), work)
                        chunks = [chunk + tile * packets + packet for tile in group for packet in range(packets)]
                        most = None if budget is None else budget.share(chunks)
                        goal = Goal(weights, calm, most, distance_ratio, watched)
                        told = replace(coding, options=options, goal=goal)
                        encoded = coder.encode(view, told, report, some, analysed)
                        # what was chosen for the first tiles (an index coder) holds for the rest
                        options = encoded.options
                        size = sum(map(len, encoded.chunks))
                        if budget is not None:
                            budget.spend(chunks, size)
                        if watched is not None:
                            watched.bytes += size
                            # somebody was content with what there was
                            options = _single_pass(options) if watched.content else options
                        for number, payload in zip(chunks, encoded.chunks, strict=True):
                            spool.put(number, payload)
                        if smaller is not None:
                            _halve(view[box.slices], smaller, box.top // 2, box.left // 2)
                        if level == 0 and job.counted and isinstance(view, PlaneView):
                            view.count(*box.slices)
                    if level == 0 and isinstance(view, PlaneView):
                        clipped += view.clipped
                        not_numbers += view.not_numbers
                    view = smaller
                    chunk += len(tiles) * packets
        metadata = dict(job.metadata or {}) | job.restoration
        if job.kind.described:
            metadata[ARRAY_KEY] = replace(layout, clipped=clipped, not_numbers=not_numbers).to_json()
        try:
            yield from spool.parts(job.header(options), metadata)
        except (TypeError, ValueError) as error:
            raise OptionError(f"the metadata cannot be stored as JSON: {error}") from error
    units.finish()


class _Watched:
    """Watches one encoding after the other: bytes of what is done are added, and who is content stays content."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.bytes = 0
        self.content = False

    def __call__(self, standing: Standing) -> bool:
        before = self.bytes
        whole = replace(standing, bytes=standing.bytes + before, best_bytes=standing.best_bytes + before)
        self.content = self.content or bool(self._watch(whole))
        return self.content


def _single_pass(options: Any) -> Any:
    return replace(options, effort=0)


class _SharedStreams:
    """Streams that tiles share, for codecs that have them.

    Parameters
    ----------
    coder, job
        The codec, and what it is to do.
    """

    def __init__(self, coder: Codec, job: Job) -> None:
        self._coder: Any = coder
        self._can, self._options = job.entry.capabilities, job.options
        self._file = b""
        self._planes = job.plane_streams
        self.chunks = self._can.file_stream + self._planes * job.source.layout.planes * job.levels
        """How many there are."""

    def put_file_stream(self, spool: Spool) -> int:
        """Put what all planes share; returns the number of the next chunk."""
        if self._can.file_stream:
            self._file = self._coder.file_stream(self._options)
            spool.put(0, self._file)
        return int(self._can.file_stream)

    def coding(self, view: Any, coding: PlaneCoding, spool: Spool, chunk: int) -> PlaneCoding:
        """Put what the tiles of a plane share; returns the coding completed by both streams."""
        coding = replace(coding, file_stream=self._file)
        if self._planes:
            coding = replace(coding, plane_stream=self._coder.plane_stream(view, coding, no_progress))
            spool.put(chunk, coding.plane_stream)
        return coding


class _Units:
    """Progress in tiles over many calls that count by themselves."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.total = total
        self._progress = progress
        self._done = 0

    def within(self, tiles: int) -> Progress:
        """Progress of work on the next tiles."""
        start, self._done = self._done, self._done + tiles

        def report(done: int, total: int) -> None:
            if self._progress is not None:
                # the last unit is reported when the file is whole
                reached = start * total + done * tiles
                self._progress(min(reached, self.total * total - 1), self.total * total)

        return report

    def finish(self) -> None:
        """All is done."""
        if self._progress is not None:
            self._progress(self.total, self.total)


@contextmanager
def _canvases() -> Iterator[Any]:
    """Room for smaller levels of a plane: in memory, or on disk where they are large."""
    files = []

    def new_canvas(grid: TileGrid) -> NDArray[np.uint8]:
        shape = (grid.height, grid.width, 3)
        if math.prod(shape) <= _MEMORY:
            return np.empty(shape, np.uint8)
        files.append(tempfile.TemporaryFile())  # noqa: SIM115
        return np.memmap(files[-1], np.uint8, "w+", shape=shape)

    try:
        yield new_canvas
    finally:
        for file in files:
            file.close()


def _halve(pixels: NDArray[np.uint8], canvas: NDArray[np.uint8], top: int, left: int) -> None:
    """Means of 2 x 2 pixels, borders repeated where there is half a cell, put into a canvas."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(np.uint16)
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    canvas[top : top + total.shape[0], left : left + total.shape[1]] = (total + 2) // 4


def _levels(image: Any) -> list[Any]:
    """The array and its reductions, as things with shape and dtype."""
    multiscale = isinstance(image, Sequence) and len(image) > 0 and all(hasattr(level, "shape") for level in image)
    if hasattr(image, "shape") or not multiscale:
        return [image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)]
    return list(image)


def _level_count(levels: int | str, height: int, width: int, given: int, entry: CodecEntry) -> int:
    if levels == "auto":
        longest, count = max(height, width), 1
        # a codec that optimises for every picture does so for every level
        if given == 1 and (longest <= _FEW_PIXELS or entry.capabilities.encode_cost == "fit"):
            return 1
        while longest > _SMALLEST and count < MAX_LEVELS:
            longest, count = -(-longest // 2), count + 1
        return count
    if isinstance(levels, str) or not 1 <= levels <= MAX_LEVELS:
        raise OptionError(f"levels must be 'auto' or lie within 1 to {MAX_LEVELS}, not {levels!r}")
    return int(levels)


def prepared(
    image: Any,
    *,
    codec: str = DEFAULT_CODEC,
    model: str | Path | ModelFile | None = None,
    axes: str | None = None,
    tile: int = DEFAULT_TILE,
    **options: Any,
) -> tuple[Plane, Job]:
    """The plane of a single uint8 picture, and what is to be done with it at any quality."""
    plane, kind = to_plane(image, axes)
    job = prepared_array(
        image,
        codec=codec,
        model=model,
        quality=0,
        axes="YX" if kind is ArrayKind.GREY8 else "YXC",
        tile=tile,
        levels=1,
        **options,
    )
    if job.kind.described:
        raise UnsupportedArrayError(f"{job.source.layout.axes} {job.source.layout.dtype} is not a single uint8 plane")
    return plane, job


def _checked_tile(tile: int) -> int:
    if tile < 0 or tile % TILE_UNIT:
        raise OptionError(f"tile must be a multiple of {TILE_UNIT} pixels or 0 for a single tile, not {tile}")
    return int(tile)
