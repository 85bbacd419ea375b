"""A third codec, for tests: means of 8 x 8 pixels, made known to the package by one entry.

Payload of a tile: means of 64 x 64 pixels, a byte each, row by row, the red ones first; then, deflated, the
differences of the means of 8 x 8 pixels from them, in steps that quality sets, a byte each. The film grain of option
`grain` is no part of the payload: it depends on the position of a pixel alone.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_glc._base.config import Config, Size
from napari_glc._base.progress import Progress
from napari_glc.codecs import registry
from napari_glc.codecs.base import (
    CodedStep,
    Encoded,
    Plane,
    PlaneCoding,
    PlaneShown,
    ReadChunk,
    TileCache,
    nobody_looks,
)
from napari_glc.codecs.entry import Capabilities, CodecEntry, PlotStyle
from napari_glc.codecs.options import CodecOptions, Knob, OptionSet
from napari_glc.container import Box, TileGrid
from napari_glc.errors import DamagedFileError
from napari_glc.imaging.planes import padded_crop
from napari_glc.models import ModelFile, write_model

CELL = 64


@dataclass(frozen=True, kw_only=True)
class ToyOptions(CodecOptions):
    grain: Annotated[int, Knob("strength of the film grain", least=0, most=9, label="Film grain")] = 0

    def pack(self) -> bytes:
        return bytes([self.grain]) if self.grain else b""

    @classmethod
    def unpack(cls, data: bytes, packets: int) -> Self:
        cls.refuse(len(data) > 1 or packets != 1 or (bool(data) and data[0] > 9))
        return cls(grain=data[0] if data else 0)


@dataclass(frozen=True, kw_only=True)
class ToyDecoding(OptionSet):
    brightness: Annotated[float, Knob("added to every sample", least=-50, most=50)] = 0.0


class ToyConfig(Config, frozen=True, kw_only=True):
    block: Size

    sees_whole_planes = False


@dataclass(frozen=True)
class Analysed:
    means: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        return self.means.nbytes


class ToyCodec:
    """The model says how large a block is, and what mean is coded without any bits."""

    def __init__(self, model: ModelFile, device: str = "cpu") -> None:
        self.factor = model.network_config(ToyConfig).block
        self._middle = model.load()["middle"].numpy().astype(np.float64)

    def qualities(self) -> list[float]:
        return [step / 2 for step in range(201)]

    # -- encoding -------------------------------------------------------------------------------------------

    def analyse(self, plane: Plane, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None) -> Analysed:
        return Analysed(self._means(plane, _aligned(grid.around(tiles)), self.factor))

    def encode(
        self,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None = None,
        analysed: Analysed | None = None,
    ) -> Encoded:
        chosen = range(len(coding.grid)) if tiles is None else tiles
        around = _aligned(coding.grid.around(tiles)).divided(self.factor)
        means = (analysed or self.analyse(plane, coding.grid, progress, tiles)).means
        chunks = []
        for done, tile in enumerate(chosen):
            progress(done, len(chosen))
            inner = _aligned(coding.grid[tile]).divided(self.factor).relative_to(around)
            chunks.append(self._payload(means[(slice(None), *inner.slices)], coding.quality))
        progress(len(chosen), len(chosen))
        return Encoded(coding.options, chunks)

    def _means(self, plane: Plane, box: Box, side: int) -> NDArray[np.float64]:
        cells = padded_crop(np.asarray(plane[:, :]), box).astype(np.float64)
        high, wide = cells.shape[0] // side, cells.shape[1] // side
        means: NDArray[np.float64] = cells.reshape(high, side, wide, side, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
        return means

    def _payload(self, means: NDArray[np.float64], quality: float) -> bytes:
        ratio = CELL // self.factor
        _, high, wide = means.shape
        coarse = means.reshape(3, high // ratio, ratio, wide // ratio, ratio).mean(axis=(2, 4))
        coarse = np.clip(np.round(coarse - self._middle[:, None, None]), -128, 127).astype(np.int8)
        rest = (means - self._spread(coarse)) / _step(quality)
        fine = np.clip(np.round(rest), -128, 127).astype(np.int8)
        return coarse.tobytes() + zlib.compress(fine.tobytes(), 9)

    def _spread(self, coarse: NDArray[np.int8]) -> NDArray[np.float64]:
        ratio = CELL // self.factor
        return coarse.repeat(ratio, 1).repeat(ratio, 2) + self._middle[:, None, None]

    # -- decoding -------------------------------------------------------------------------------------------

    def decode(
        self,
        read_chunk: ReadChunk,
        coding: PlaneCoding,
        box: Box,
        progress: Progress,
        *,
        preview: bool = False,
        sample: int = 0,
        cache: TileCache | None = None,
        decoding: Any = None,
    ) -> Plane:
        pixels = np.empty((box.height, box.width, 3), np.uint8)
        tiles = coding.grid.touching(box)
        for done, tile in enumerate(tiles):
            progress(done, len(tiles))
            part = coding.grid[tile].cut(box)
            whole = _aligned(coding.grid[tile])
            coarse, fine = self._read(read_chunk(tile), whole)
            means = self._spread(coarse) + (0 if preview else fine * _step(coding.quality))
            blown = means.repeat(self.factor, 1).repeat(self.factor, 2).transpose(1, 2, 0)
            blown = blown[part.relative_to(whole).slices] + _grain(part, 0 if preview else coding.options.grain)
            blown += (decoding or ToyDecoding()).brightness
            pixels[part.relative_to(box).slices] = np.clip(np.round(blown), 0, 255).astype(np.uint8)
        progress(len(tiles), len(tiles))
        return pixels

    def _read(self, payload: bytes, area: Box) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        cells, blocks = area.divided(CELL), area.divided(self.factor)
        first = 3 * cells.height * cells.width
        expander = zlib.decompressobj()
        try:
            rest = expander.decompress(payload[first:], 3 * blocks.height * blocks.width)
        except zlib.error as error:
            raise DamagedFileError(f"a tile does not inflate: {error}") from error
        if len(payload) < first or len(rest) != 3 * blocks.height * blocks.width:
            raise DamagedFileError("a tile is too short")
        coarse = np.frombuffer(payload[:first], np.int8).reshape(3, cells.height, cells.width)
        return coarse, np.frombuffer(rest, np.int8).reshape(3, blocks.height, blocks.width)

    def symbols(
        self, read_chunk: ReadChunk, coding: PlaneCoding, tile: int, progress: Progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        yield from self._read(read_chunk(tile), _aligned(coding.grid[tile]))

    # -- rate exploration -----------------------------------------------------------------------------------

    def step(
        self,
        plane: Plane,
        coding: PlaneCoding,
        analysed: Analysed,
        progress: Progress,
        shown: PlaneShown = nobody_looks,
    ) -> CodedStep:
        encoded = self.encode(plane, coding, progress, None, analysed)
        pixels = self.decode(encoded.chunks.__getitem__, coding, coding.grid.plane, progress)
        shown(pixels)
        shape = analysed.means.shape[1:]
        bits = 8 * sum(map(len, encoded.chunks)) / (shape[0] * shape[1])
        return CodedStep(encoded, pixels, lambda: np.full(shape, bits))


def _aligned(box: Box) -> Box:
    """Tiles begin at whole cells; the last ones are padded."""
    cells = box.divided(CELL)
    return Box(*(CELL * border for border in (cells.top, cells.left, cells.bottom, cells.right)))


def _step(quality: float) -> float:
    return 2 + (100 - quality) / 2


def _grain(box: Box, strength: int) -> NDArray[np.float64]:
    """-strength to strength, by position."""
    rows, columns = np.mgrid[box.slices]
    noise: NDArray[np.float64] = ((rows * 73 + columns * 151) % 17 / 8 - 1) * strength
    return noise[..., None]


def stream_sizes(config: ToyConfig, payload: bytes, coding: PlaneCoding, box: Box) -> dict[str, int]:
    cells = _aligned(box).divided(CELL)
    first = 3 * cells.height * cells.width
    return {"coarse means": first, "differences": len(payload) - first}


ENTRY = CodecEntry(
    name="toy",
    number=4242,
    label="block means",
    summary="means of blocks, for tests",
    implementation=f"{__name__}:ToyCodec",
    options=ToyOptions,
    decoding=ToyDecoding,
    config=f"{__name__}:ToyConfig",
    default_model="toy-blocks",
    stream_sizes=f"{__name__}:stream_sizes",
    trainer="toy_models:ToyTrainer",
    checkpoints="toy_models:CHECKPOINTS",
    plot=PlotStyle("#3050c0", "^", ":"),
    capabilities=Capabilities(rate="continuous", preview=True, rate_steps=True),
)


FILM = b"film"


class SharingToyCodec(ToyCodec):
    """Each plane says what mean is coded without any bits, once for all its tiles."""

    def file_stream(self, options: ToyOptions) -> bytes:
        return FILM

    def plane_stream(self, plane: Plane, coding: PlaneCoding, progress: Progress) -> bytes:
        return np.round(np.asarray(plane[:, :]).mean(axis=(0, 1))).astype(np.uint8).tobytes()

    def _told(self, coding: PlaneCoding) -> ToyCodec:
        assert coding.file_stream == FILM
        told = copy.copy(self)
        told._middle = np.frombuffer(coding.plane_stream, np.uint8).astype(np.float64)
        return told

    def encode(self, plane: Plane, coding: PlaneCoding, *others: Any) -> Encoded:
        return ToyCodec.encode(self._told(coding), plane, coding, *others)

    def decode(self, read_chunk: ReadChunk, coding: PlaneCoding, box: Box, *others: Any, **options: Any) -> Plane:
        return ToyCodec.decode(self._told(coding), read_chunk, coding, box, *others, **options)


SHARING_ENTRY = replace(
    ENTRY,
    implementation=f"{__name__}:SharingToyCodec",
    capabilities=replace(ENTRY.capabilities, file_stream=True, plane_stream=True),
)


def write_toy_model(folder: Path) -> Path:
    """Write the default model into a model folder."""
    import torch

    path = folder / "toy-blocks.safetensors"
    tensors = {"middle": torch.tensor([128.0, 128.0, 128.0])}
    write_model(path, tensors, name="toy-blocks", codec="toy", config='{"block": 8}', description="Means of blocks")
    return path


@contextmanager
def toy_codec_registered() -> Iterator[CodecEntry]:
    """The entry is known inside the block; its model must be in the model folder."""
    registry.register_codec(ENTRY)
    try:
        yield ENTRY
    finally:
        registry._entries.pop(ENTRY.name, None)
        watchers: list[Callable[[], None]] = registry._watchers
        for watcher in watchers:
            watcher()
