"""An opened ``.glc`` file: what it says of itself, and its pixels, region by region."""

from __future__ import annotations

import copy
import io
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from .._base.caching import ByteCache, DecodedTiles
from .._base.onlooking import looking_on
from .._base.progress import Progress, no_progress
from ..container import Box, Container, parse_head, read_chunk
from ..container.limits import beyond, get_limits
from ..errors import DamagedFileError, GlcError, OptionError, TruncatedFileError, UnsupportedVersionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..codecs.base import Codec, PlaneCoding
    from ..codecs.entry import CodecEntry
    from ..codecs.index_mapped import DamagedMap, IndexMapped
    from ..codecs.options import CodecOptions, OptionSet
    from ..imaging.layout import Layout
    from ..models import ModelFile
    from ..recovery import Sampling

__all__ = ["GlcFile", "Recovered"]

_CACHED_BYTES = 1 << 24
_DECODED_BYTES = 1 << 27
_MOST_TEXT = 1000


@dataclass(frozen=True)
class Recovered:
    """A picture decoded from what is left of a file.

    Attributes
    ----------
    pixels
        Of the shape and type that were encoded.
    lost
        Boolean, of that shape but for the samples of RGB: pixels whose own index was lost. Their surroundings are
        affected, too, by as much as the generator spreads an index.
    lost_packets, packets
        Packets that were lost, and packets there should be.
    lost_share
        Share of the indices that were lost, 0 to 1.
    method
        How lost indices were filled.
    """

    pixels: NDArray[Any]
    lost: NDArray[np.bool_]
    lost_packets: int
    packets: int
    lost_share: float
    method: str


class GlcFile:
    """A ``.glc`` file, its head read, nothing decoded.

    The file is opened for each access and closed again, so an instance holds no handle.

    Parameters
    ----------
    source
        Path of the file, or its bytes.
    device
        Where to decode: ``"auto"``, or a torch device.
    model
        The model that made it, if that is at hand already; one with another hash does not count.
    **decoding
        How to decode: options of the codec; see :func:`napari_glc.decode`.

    Raises
    ------
    OptionError
        If the codec has no option of a name, or a value is not allowed.
    GlcError
        A subclass that says what is wrong with the file; its message names the file.
    OSError
        If it cannot be read at all.
    """

    def __init__(
        self, source: str | Path | bytes, *, device: str = "auto", model: ModelFile | None = None, **decoding: Any
    ) -> None:
        self.path = None if isinstance(source, bytes) else Path(source)
        self._data = source if isinstance(source, bytes) else None
        self._device, self._model = device, model
        self._payloads: ByteCache[int, bytes] = ByteCache(_CACHED_BYTES, len)
        self._decoded = DecodedTiles(_DECODED_BYTES)
        with self._named_errors(), self._stream() as stream:
            size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            self.container: Container = parse_head(stream, size)
            self.layout: Layout = _layout(self.container)
        self._given = decoding
        if decoding:
            self.decoding.to_dict()

    def decoded_with(self, **decoding: Any) -> GlcFile:
        """The same file, to be decoded otherwise; what was read and decoded of it is shared.

        Parameters
        ----------
        **decoding
            Options of the codec; see :func:`napari_glc.decode`. Those not given stay as they are.

        Raises
        ------
        OptionError
            If the codec has no option of a name, or a value is not allowed.
        """
        other = copy.copy(self)
        other._given = self._given | decoding
        other.__dict__.pop("decoding", None)
        other.decoding.to_dict()
        return other

    @contextmanager
    def _stream(self) -> Iterator[BinaryIO]:
        if self._data is not None:
            yield io.BytesIO(self._data)
        else:
            assert self.path is not None
            with open(self.path, "rb") as stream:
                yield stream

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Put the file's name in front of errors about its content."""
        try:
            yield
        except GlcError as error:
            if self.path is None or str(self.path) in str(error):
                raise
            raise type(error)(f"{self.path}: {error}") from error

    # -- what the file says -----------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array it restores."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array it restores."""
        import numpy as np

        return np.dtype(self.layout.dtype)

    @property
    def axes(self) -> str:
        """One letter for each dimension of :attr:`shape`; a last ``C`` of 3 or 4 is colour."""
        axes = self.layout.axes
        return axes[:-1] + "C" if axes.endswith("S") and "C" not in axes else axes

    @property
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """Shape at every level of resolution, the full one first."""
        sides = [{"Y": grid.height, "X": grid.width} for grid in self.container.grids]
        return tuple(tuple(side.get(a, n) for a, n in zip(self.layout.axes, self.shape, strict=True)) for side in sides)

    @property
    def decoded_tiles(self) -> int:
        """How many tiles were decoded so far; those still at hand are not decoded again."""
        return self._decoded.count

    @property
    def codec(self) -> str:
        """Name of the codec; ``"codec 9"`` if this version does not know number 9."""
        try:
            return self.entry.name
        except UnsupportedVersionError:
            return f"codec {self.container.header.codec}"

    @cached_property
    def entry(self) -> CodecEntry:
        """What the codec says of itself.

        Raises
        ------
        UnsupportedVersionError
            If this version has no such codec.
        """
        from ..codecs.registry import codec_numbered

        with self._named_errors():
            return codec_numbered(self.container.header.codec)

    @cached_property
    def options(self) -> CodecOptions:
        """Options of the codec the file was made with.

        Raises
        ------
        UnsupportedVersionError
            If this version does not know the codec, its options, or streams that tiles share.
        """
        header = self.container.header
        with self._named_errors():
            can = self.entry.capabilities
            if header.file_stream > can.file_stream or header.plane_streams > can.plane_stream:
                raise UnsupportedVersionError(
                    "its tiles share streams that this version does not know of its codec: update napari-glc"
                )
            return self.entry.options.unpack(header.options, header.packets)

    @cached_property
    def decoding(self) -> OptionSet:
        """Options of the codec for decoding.

        Raises
        ------
        OptionError
            If the codec has no option of a name it was opened with, or a value is not allowed.
        UnsupportedVersionError
            If this version has no such codec.
        """
        return self.entry.decoding.made(self.codec, self._given)

    @property
    def quality(self) -> float:
        """Quality it was encoded with, 0 to 100."""
        return self.container.header.quality

    @property
    def model_tag(self) -> str:
        """First six hexadecimal digits of the SHA-256 of the model."""
        return self.container.header.model.hex()

    @property
    def metadata(self) -> dict[str, Any]:
        """Layer metadata; empty if the file carries none."""
        return self.container.metadata

    @property
    def removed(self) -> str:
        """What its encoder left out of the picture, and which encoder; empty if it left nothing out."""
        from ..codecs.part_names import REMOVED_KEY

        said = self.metadata.get(REMOVED_KEY)
        return said[:_MOST_TEXT] if isinstance(said, str) else ""

    @property
    def size(self) -> int:
        """Bytes of the file, headers included."""
        return self.container.size

    @property
    def bpp(self) -> float:
        """Bits of the whole file per pixel; every channel of every plane has its own, the samples of RGB share one."""
        return 8 * self.size / (math.prod(self.shape) // self.layout.samples)

    @cached_property
    def model(self) -> ModelFile:
        """The installed model that made the file.

        Raises
        ------
        MissingModelError
            If it is not installed.
        DamagedFileError
            If it belongs to another codec than the file names.
        """
        from ..models import find_model_by_hash

        with self._named_errors():
            there = self._model
            fits = there is not None and there.sha256.startswith(self.model_tag)
            model = there if there is not None and fits else find_model_by_hash(self.model_tag)
            if model.codec != self.entry.name:
                raise DamagedFileError(
                    f"the header names codec {self.codec!r} and a model of codec {model.codec!r}, {model.name}"
                )
            return model

    @cached_property
    def decoder(self) -> Codec:
        """The codec with the file's model, ready to decode.

        Raises
        ------
        UnsupportedVersionError
            If the file needs something that is newer than this version.
        MissingDependencyError
            If the codec needs a library that is not installed.
        MissingModelError, ModelError
            If the model is not at hand.
        """
        from ..codecs.loading import loaded_codec

        self.check_decodable()
        with self._named_errors():
            return loaded_codec(self.model, self._device)

    def check_decodable(self) -> None:
        """Say what is missing to decode the file, as far as that is known without loading its model.

        Raises
        ------
        UnsupportedVersionError, MissingDependencyError, MissingModelError, DamagedFileError
            As for :attr:`decoder`.
        OptionError, ModelError
            If options for decoding name what is not installed or does not fit the model.
        """
        with self._named_errors():
            unknown = [extension.name for extension in self.container.header.extensions if extension.needed]
            if unknown:
                raise UnsupportedVersionError(
                    f"it needs {', '.join(unknown)}, which this version does not know: update napari-glc"
                )
        # what no installation would cure comes first
        _ = self.options
        with self._named_errors():
            self.entry.check_libraries()
            self.decoding.check_model(self.model)

    def check_plane(self, plane: int) -> None:
        """Refuse the number of a plane that the file does not have.

        Raises
        ------
        OptionError
            If it has no such plane.
        """
        if not 0 <= plane < self.layout.planes:
            raise OptionError(f"the file has {self.layout.planes} plane(s), numbered from 0; there is no plane {plane}")

    def coding(self, plane: int = 0, level: int = 0) -> PlaneCoding:
        """How a plane is coded at a level of resolution, for :attr:`decoder`.

        Raises
        ------
        UnsupportedVersionError
            As for :attr:`GlcFile.options`.
        DamagedFileError
            If a stream the plane's tiles share is damaged.
        """
        from ..codecs.base import PlaneCoding

        header, first = self.container.header, self.container.first_chunk(plane, level)
        return PlaneCoding(
            self.container.grids[level],
            header.quality,
            self.options,
            file_stream=self.chunk(0) if header.file_stream else b"",
            plane_stream=self.chunk(first - 1) if header.plane_streams else b"",
        )

    def chunk(self, index: int) -> bytes:
        """Payload of a chunk, its checksum verified; see :meth:`napari_glc.container.Container.place`.

        Raises
        ------
        DamagedFileError, TruncatedFileError
            If it is not intact.
        """
        found: bytes | None = self._payloads.get(index)
        if found is None:
            with self._named_errors(), self._stream() as stream:
                found = read_chunk(stream, self.container, index)
            self._payloads[index] = found
        return found

    def streams(self) -> dict[str, int]:
        """Bytes of each stream, headers and checksums included; they add up to :attr:`GlcFile.size`.

        Raises
        ------
        MissingModelError
            If the model is not installed: only a model knows where its streams end.
        DamagedFileError
            If a tile is damaged or too short for its streams.
        """
        container = self.container
        header = container.header.metadata_size
        metadata = header + 2 if header else 0
        checks = 2 * container.chunks
        sizes = {"header": container.offsets[0] - metadata, "metadata": metadata, "checks": checks}
        for index in range(container.chunks):
            place = container.place(index)
            with self._named_errors():
                if place.kind == "tile":
                    coding = self.coding(place.plane, place.level)
                    of_chunk = self._sizes(self.chunk(index), coding, coding.grid[place.tile])
                else:
                    of_chunk = {f"{place.kind} streams": len(self.chunk(index))}
            for name, count in of_chunk.items():
                sizes[name] = sizes.get(name, 0) + count
        return sizes

    def _sizes(self, payload: bytes, coding: PlaneCoding, box: Box) -> dict[str, int]:
        """Bytes of the streams of a tile."""
        from ..codecs.registry import config_of

        entry = self.entry
        if not entry.stream_sizes:
            return {"payload": len(payload)}
        sizes: dict[str, int] = entry.load(entry.stream_sizes, libraries=False)(
            config_of(self.model) if entry.config else None, payload, coding, box
        )
        return sizes

    def facts(self) -> dict[str, Any]:
        """Codec, model, quality, bytes, bpp, what was left out, and the codec's options, for display."""
        facts = {
            "codec": self.codec,
            "model": self.model_tag,
            "quality": self.quality,
            "bytes": self.size,
            "bpp": self.bpp,
        }
        if self.removed:
            facts["removed"] = self.removed
        try:
            return facts | self.options.facts() | self._told()
        except UnsupportedVersionError:
            return facts

    def _told(self) -> dict[str, Any]:
        """What the streams of the first plane tell people; why not, if they are damaged."""
        if not (self.entry.told and self.container.header.plane_streams):
            return {}
        try:
            told: dict[str, Any] = self.entry.load(self.entry.told, libraries=False)(self.coding())
        except GlcError as error:
            return {"unreadable": str(error)}
        return told

    def __repr__(self) -> str:
        name = "bytes" if self.path is None else str(self.path)
        return (
            f"<GlcFile {name}: {self.shape} {self.axes}, codec {self.codec}, model {self.model_tag}, "
            f"quality {self.quality:g}, {self.size} bytes, {self.bpp:.4f} bpp>"
        )

    # -- pixels -----------------------------------------------------------------------------------------

    def read(
        self,
        region: tuple[slice | int, ...] | None = None,
        *,
        preview: bool = False,
        progress: Progress | None = None,
        level: int = 0,
        sample: int = 0,
        shown: Callable[[NDArray[Any]], None] | None = None,
    ) -> NDArray[Any]:
        """Decode the array or a region of it.

        Parameters
        ----------
        region
            Slices of step 1 and integers as for numpy, in the order of :attr:`axes`, the samples of RGB left out;
            ``None`` for all. Only the tiles the region depends on are read and decoded.
        preview
            Decode the hyper streams only: a coarse picture.
        progress
            Called with units of work done and in all; whatever it raises stops the work.
        level
            0 for full resolution; 1 for one half, and so on, where the file has levels. The region counts in pixels of
            the level.
        sample
            Which of the pictures the same bytes stand for, where the codec has several.
        shown
            Called now and then with the array as it is expected to become, where the codec works in steps and the file
            holds one plane.

        Returns
        -------
        NDArray
            Of the type and axes that were encoded; integers take their axis away.

        Raises
        ------
        OptionError
            If the region is empty or has a step, or there is no such level, preview or sample.
        LimitError
            If it holds more pixels than :class:`~napari_glc.Limits` allows.
        DamagedFileError
            If a tile is damaged; the message locates it.
        MissingModelError
            If the model is not installed.
        """
        from ..imaging.assembly import Region, assembled

        if not 0 <= level < len(self.container.grids):
            raise OptionError(f"there is no level {level}; the file has {len(self.container.grids)}")
        wanted = Region.of(self.layout, self.levels[level], region)
        if wanted.pixels > get_limits().pixels:
            raise beyond(f"read regions: {wanted.pixels} pixels in one read are", "pixels")
        report = progress or no_progress
        for asked, can, what in ((preview, "preview", "preview"), (sample, "samples", "other samples")):
            if asked and not getattr(self.entry.capabilities, can):
                raise OptionError(f"files of codec {self.codec!r} have no {what}")

        def plane(number: int, done: int, total: int) -> NDArray[np.uint8]:
            part = partial(_nth_part, report, done, total)
            return self.plane_pixels(number, level, wanted.box, part, preview=preview, sample=sample)

        if shown is None or self.layout.planes > 1:
            return assembled(self.layout, wanted, plane)
        with looking_on(lambda pixels: shown(assembled(self.layout, wanted, lambda *_: pixels))):
            return assembled(self.layout, wanted, plane)

    def samples(
        self,
        count: int,
        region: tuple[slice | int, ...] | None = None,
        *,
        progress: Progress | None = None,
        level: int = 0,
    ) -> NDArray[Any]:
        """Decode several of the pictures the same bytes stand for.

        Where they differ, the decoder made them up; see :func:`napari_glc.inspection.samples.spread`.

        Parameters
        ----------
        count
            How many, at least one. The first is what :meth:`read` gives.
        region, progress, level
            See :meth:`read`.

        Returns
        -------
        NDArray
            ``(count, ...)``, each of them as from :meth:`read`.

        Raises
        ------
        OptionError, LimitError, DamagedFileError, MissingModelError
            As for :meth:`read`; if `count` is not at least 1, or beyond one where there is only one.
        """
        import numpy as np

        if count < 1:
            raise OptionError(f"the number of pictures must be at least 1, not {count}")
        report = progress or no_progress
        return np.stack(
            [
                self.read(region, progress=partial(_nth_part, report, number, count), level=level, sample=number)
                for number in range(count)
            ]
        )

    def dask(self, level: int = 0) -> Any:
        """The array as a dask array that decodes what is computed, with a bounded memory of what was decoded.

        A chunk is a plane, or a rectangle of tiles of up to 1536 pixels a side where a plane is larger: around a
        region, its decoder needs nearly 300 pixels on each side, so smaller chunks would cost more than they save.

        Parameters
        ----------
        level
            See :meth:`read`.
        """
        from .lazy import lazy_array

        return lazy_array(self, level)

    def plane_pixels(
        self, plane: int, level: int, box: Box, progress: Progress, *, preview: bool = False, sample: int = 0
    ) -> NDArray[np.uint8]:
        """Pixels of a part of a plane as the codec puts them out, before they become the array's values.

        Parameters
        ----------
        plane, level
            Their numbers.
        box
            The part, in pixels of the level.
        progress, preview, sample
            See :meth:`read`.

        Returns
        -------
        NDArray[np.uint8]
            ``(box.height, box.width, 3)``.
        """
        first = self.container.first_chunk(plane, level)
        with self._named_errors():
            return self.decoder.decode(
                lambda chunk: self.chunk(first + chunk),
                self.coding(plane, level),
                box,
                progress,
                preview=preview,
                sample=sample,
                cache=self._decoded.of((plane, level, preview, sample)),
                decoding=self.decoding,
            )

    def recover(
        self,
        method: str | None = None,
        *,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> Recovered:
        """Decode a file some of whose packets are lost or damaged, plane by plane at full resolution.

        Parameters
        ----------
        method
            How lost indices are filled: by the transformer ``"both-sides"`` (from the indices before and after)
            or ``"transformer"`` (from those before, as published), ``"nearest"``, ``"frequent"`` or ``"none"``
            (mid-grey). ``None``: both sides, or nearest where the model has no transformer that can.
        sampling
            For the transformer; ``None`` takes the most probable index.
        progress
            See :meth:`read`.

        Returns
        -------
        Recovered
            The array, and which of its pixels were lost. An intact file gives what :meth:`read` gives. Of a stack, a
            plane without a single packet left is mid-grey.

        Raises
        ------
        OptionError
            If the file's codec has no packets, or the method is unknown.
        LimitError
            If the picture holds more pixels, or needs more indices predicted, than
            :class:`~napari_glc.Limits` allows.
        DamagedFileError
            If no packet is left.
        """
        import numpy as np

        from ..imaging.assembly import Region, assembled

        layout, grid = self.layout, self.container.grid
        if not self.entry.capabilities.lossy_packets:
            raise OptionError(f"files of codec {self.codec!r} have no packets to recover from")
        whole = Region.of(layout, self.shape, None)
        if whole.pixels > get_limits().pixels:
            raise beyond(f"{' x '.join(map(str, self.shape))} pixels in one read are", "pixels")
        codec = cast("IndexMapped", self.decoder)
        report, method = progress or no_progress, method or codec.recovery_methods()[0]
        maps: dict[int, DamagedMap] = {}

        def plane(number: int, done: int, total: int) -> NDArray[np.uint8]:
            part = partial(_nth_part, report, done, total)
            first = self.container.first_chunk(number)
            coding = self.coding(number)
            found = codec.read_map(lambda chunk: self.chunk(first + chunk), coding, grid.plane, part, strict=False)
            maps[number] = found
            if layout.planes > 1 and found.lost.all():
                # one plane of many may be gone altogether, and there is nothing to predict it from
                filled = replace(found, indices=np.full_like(found.indices, codec.grey_index(self.quality)))
            else:
                filled = codec.fill(found, self.quality, method, sampling, part)
            return codec.render(filled, self.quality, grid.plane, grid, part)

        with self._named_errors():
            pixels = assembled(layout, whole, plane)
            if all(found.lost.all() for found in maps.values()):
                raise DamagedFileError("no packet is intact, so there is nothing to recover from")
        height, width = grid.plane.height, grid.plane.width
        lost = {n: m.lost.repeat(codec.factor, 0).repeat(codec.factor, 1)[:height, :width] for n, m in maps.items()}
        places = itertools.product(*map(range, layout.leading))
        stack = np.stack([lost[layout.plane_of(place)[0]] for place in places])
        return Recovered(
            pixels=pixels,
            lost=layout.canonical(stack.reshape(*layout.leading, height, width), layout.axes.replace("S", "")),
            lost_packets=sum(len(found.lost_packets) for found in maps.values()),
            packets=sum(found.packets for found in maps.values()),
            lost_share=float(np.mean([found.lost.mean() for found in maps.values()])),
            method=method,
        )

    def lost_packets(self) -> list[int]:
        """Packets whose bytes are missing or damaged, counted through the whole file; empty if it is intact.

        Reads every byte of the file and decodes nothing.
        """
        lost = []
        for index in range(self.container.chunks):
            try:
                self.chunk(index)
            except (DamagedFileError, TruncatedFileError):
                lost.append(index)
        return lost

    def verify(self, progress: Progress | None = None) -> None:
        """Check all checksums and, with the model at hand, that every tile decodes to its symbols.

        Raises
        ------
        GlcError
            The first thing that is wrong.
        """
        container, report = self.container, progress or no_progress
        for index in range(container.chunks):
            self.chunk(index)
        places = map(container.place, range(container.chunks))
        tiles = [place for place in places if place.kind == "tile" and place.packet == 0]
        for done, place in enumerate(tiles):
            for _ in self.symbols(place.plane, place.level, place.tile, partial(_nth_part, report, done, len(tiles))):
                pass
        report(len(tiles), len(tiles))

    def symbols(
        self, plane: int, level: int, tile: int, progress: Progress = no_progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        """All that entropy decoding of a tile yields; see :meth:`napari_glc.codecs.base.Codec.symbols`.

        Raises
        ------
        GlcError
            If the tile is not intact, or something is missing to decode it.
        """
        first = self.container.first_chunk(plane, level)
        with self._named_errors():
            coding = self.coding(plane, level)
            yield from self.decoder.symbols(lambda chunk: self.chunk(first + chunk), coding, tile, progress)


def _nth_part(report: Progress, done: int, total: int, n: int, of: int) -> None:
    """Report the progress of one part of several that are alike."""
    report(done * of + n, total * of)


def _layout(container: Container) -> Layout:
    """The array the planes of a file make up."""
    from ..imaging.layout import Layout

    header = container.header
    if container.array is not None:
        return Layout.from_json(
            container.array, header.height, header.width, header.planes, rgb=header.kind.channels == 3
        )
    colour = header.kind.channels > 1
    return Layout("YXS" if colour else "YX", (header.height, header.width) + ((3,) if colour else ()), "uint8")
