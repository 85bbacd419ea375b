"""The ``vqgan`` codec: planes as maps of codeword indices.

Encoder → nearest codeword → index map → lossless bytes → codewords → generator. The whole plane is analysed
before it is cut into tiles and assembled before it is rendered, so tile borders do not show; each packet of
each tile is coded by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..._base.interruption import checkpoint, watch
from ..._base.progress import Progress, no_progress, shifted
from ..._base.threads import side_by_side
from ...container import Box, TileGrid
from ...errors import DamagedFileError, ModelError, TruncatedFileError
from ...models import ModelFile
from ...networks.config import VqganConfig
from ...networks.fixed_point import to_fixed_point
from ...networks.index_map import IndexMapNetwork
from ...networks.index_transformer import IndexTransformer
from ...networks.narrow_floats import NarrowOnRequest, narrowed
from ...networks.unfilled import unfilled
from ..base import CodedStep, Encoded, Plane, PlaneCoding, PlaneShown, ReadChunk, TileCache, nobody_looks
from ..blocks import BlockOutputs, BlockWalk
from ..index_mapped import DamagedMap, IndexMap
from .effort import optimised_map
from .filling import fill_map, methods_of
from .index_coders import AdaptiveCoder, DeflateCoder, FixedCoder, IndexCoder, Tick, TransformerCoder, check_streams
from .options import AUTO, INDEX_CODERS
from .packets import packet_map
from .views import histogram_bits

if TYPE_CHECKING:
    from ...recovery import Sampling
    from ...recovery.transformer import Shown

__all__ = ["VqganCodec"]

_R = TypeVar("_R")


class VqganCodec:
    """Index-map coding with one model.

    Parameters
    ----------
    model
        A model file of this codec.
    device
        Torch device of encoder and generator; entropy coding runs on the CPU.
    """

    def __init__(self, model: ModelFile, device: str = "cpu") -> None:
        config = model.network_config(VqganConfig)
        with unfilled():
            net = IndexMapNetwork(config)
        net.load_state_dict(model.load(), strict=True, assign=True)
        self.config: VqganConfig = config
        net.eval().requires_grad_(False)
        watch(net)
        self.transformer = net.transformer
        net.transformer = None
        net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.autoencoder.kind == "compact":
            net.encoder, net.generator = narrowed(net.encoder, device), narrowed(net.generator, device)
            watch(net.encoder)
            watch(net.generator)
        self.net = net
        # the embedded networks have no more digits to lose
        published = config.autoencoder.kind != "compact"
        self._encoders = NarrowOnRequest(net.encoder, device) if published else None
        self._generators = NarrowOnRequest(net.generator, device) if published else None
        margins = [
            None if reach is None else config.factor * reach
            for reach in (config.autoencoder.encoder_reach, config.autoencoder.generator_reach)
        ]
        self.walk = BlockWalk(
            config.factor,
            config.factor,
            analysis_margin=margins[0],
            synthesis_margin=margins[1],
            device=device,
        )
        books = config.codebooks
        self._coders: dict[str, IndexCoder] = {
            "fixed": FixedCoder(books),
            "zip": DeflateCoder(books),
            "adaptive": AdaptiveCoder(books),
        }

    # -- rate -------------------------------------------------------------------------------------------

    def level(self, quality: float) -> int:
        """Rate level of a quality: the codebooks share the range 0 to 100 evenly."""
        return int(quality / 100 * (len(self.config.codebooks) - 1) + 0.5)

    def coder(self, name: str) -> IndexCoder:
        """An index coder; the transformer's is built when first asked for.

        Raises
        ------
        ModelError
            If the model has no transformer fit for coding.
        """
        if name == "transformer" and name not in self._coders:
            if self.transformer is None or not self.transformer.config.reaches:
                raise ModelError("this model has no transformer that can code index maps; use adaptive, zip or fixed")
            fixed = to_fixed_point(self.transformer)
            assert isinstance(fixed, IndexTransformer)
            watch(fixed)
            self._coders[name] = TransformerCoder(fixed.requires_grad_(False).eval())
        return self._coders[name]

    @property
    def factor(self) -> int:
        """Pixels per index and direction."""
        return self.config.factor

    @property
    def encoder(self) -> nn.Module:
        """The autoencoder's encoder."""
        return self.net.encoder

    def qualities(self) -> list[float]:
        """One for each codebook, as near to the middle of its range as half steps go."""
        count = len(self.config.codebooks)
        return [round(200 * level / max(1, count - 1)) / 2 for level in range(count)]

    def codebook_sizes(self) -> tuple[int, ...]:
        """Entries of each codebook, rising."""
        return self.config.codebooks

    def codewords(self, level: int) -> Tensor:
        """The codebook ``(K, C)`` of a level."""
        return self.net.codebook(level).embedding.weight

    def packet_map(self, height: int, width: int, packets: int) -> IndexMap:
        """See :func:`napari_glc.codecs.vqgan.packets.packet_map`."""
        return packet_map(height, width, packets)

    def _candidates(self, wanted: str) -> list[str]:
        if wanted != AUTO:
            return [wanted]
        usable = self.transformer is not None and bool(self.transformer.config.reaches)
        return [name for name in INDEX_CODERS if usable or name != "transformer"]

    def coders(self, wanted: str) -> list[IndexCoder]:
        """The index coders that are tried if one, or ``"auto"``, is asked for."""
        return [self.coder(name) for name in self._candidates(wanted)]

    # -- encoding ---------------------------------------------------------------------------------------

    @torch.no_grad()
    def analyse(
        self, plane: Plane, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None
    ) -> BlockOutputs:
        """Latents of the blocks of a plane, or of some tiles, with their margins: no rate changes them."""
        return self.walk.outputs(plane, self.net.analyse, progress, grid.around(tiles))

    @torch.inference_mode()
    def encode(
        self,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None = None,
        analysed: BlockOutputs | None = None,
    ) -> Encoded:
        """Payloads of all packets of all tiles, or of some.

        Parameters
        ----------
        plane
            ``(H, W, 3)`` uint8.
        coding
            Tiles, quality, index coder (``"auto"`` takes the smallest) and number of packets.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        tiles
            Those wanted, which make up a rectangle; ``None`` for all.
        analysed
            From :meth:`analyse`, if it is at hand.
        """
        grid = coding.grid
        if coding.effort:
            worked = optimised_map(self, plane, coding, progress, tiles, analysed)
            return self.write_map(worked, coding, no_progress, tiles)
        box = grid.around(tiles)
        blocks = len(self.walk.blocks(self.walk.aligned(box)))
        total = blocks + len(self._candidates(coding.options.index_coder)) * len(grid if tiles is None else tiles)
        known = shifted(progress, 0, total)
        indices = self.index_map(plane, coding.quality, known, analysed, box, fast=coding.fast)
        return self.write_map(indices, coding, shifted(progress, blocks, total), tiles)

    @torch.inference_mode()
    def write_map(
        self, indices: IndexMap, coding: PlaneCoding, progress: Progress, tiles: Sequence[int] | None = None
    ) -> Encoded:
        """Payloads of all packets of all tiles, or of some, from the index map of the rectangle they make up."""
        grid, options = coding.grid, coding.options
        names = self._candidates(options.index_coder)
        boxes = [grid[tile] for tile in (range(len(grid)) if tiles is None else tiles)]
        canvas = self._area(grid.around(tiles))
        level = self.level(coding.quality)

        def written(coder: IndexCoder, tile: Box, tick: Tick) -> list[bytes]:
            area = self._area(tile)
            packet = packet_map(area.height, area.width, coding.packets)
            return coder.write(indices[area.relative_to(canvas).slices], packet, coding.packets, level, tick)

        # the last one takes longest, so it begins first
        pieces = [partial(written, self.coder(name), tile) for name in reversed(names) for tile in boxes]
        found = _side_by_side(pieces, progress)
        smallest: list[bytes] | None = None
        for number, name in enumerate(names):
            first = (len(names) - 1 - number) * len(boxes)
            of_name = found[first : first + len(boxes)]
            chunks = [chunk for of_tile in of_name for chunk in of_tile]
            if smallest is None or sum(map(len, chunks)) < sum(map(len, smallest)):
                smallest, options = chunks, replace(options, index_coder=name)
        assert smallest is not None
        return Encoded(options, smallest)

    @torch.inference_mode()
    def index_map(
        self,
        plane: Plane,
        quality: float,
        progress: Progress,
        latents: BlockOutputs | None = None,
        box: Box | None = None,
        *,
        fast: bool = False,
    ) -> IndexMap:
        """Nearest codewords of a plane or a part of it: int64 ``(H/f, W/f)``, rounded up.

        Parameters
        ----------
        plane
            ``(H, W, 3)`` uint8.
        quality
            Tells the codebook.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        latents
            From :meth:`analyse`, if they are at hand.
        box
            The part, some tiles; ``None`` for the plane.
        fast
            See :class:`~napari_glc.codecs.vqgan.options.VqganOptions`; `latents` are left aside then if they have more
            digits, so that the same options give the same map.
        """
        encoder = self.net.encoder if self._encoders is None else self._encoders(fast=fast)
        book = self.net.codebook(self.level(quality))

        def nearest(latent: Tensor) -> Tensor:
            return book.indices(latent).unsqueeze(1)

        known = latents if encoder is self.net.encoder else None
        found = self.walk.analyse(plane, encoder, progress, box, known=known, then=nearest)
        indices: IndexMap = found[0, 0].numpy()
        return indices

    def grey_index(self, quality: float) -> int:
        """The codeword of mid-grey."""
        grey = np.full((self.config.factor, self.config.factor, 3), 128, np.uint8)
        return int(self.index_map(grey, quality, no_progress)[0, 0])

    def _area(self, tile: Box) -> Box:
        """Index positions of a tile."""
        return tile.divided(self.config.factor)

    # -- decoding ---------------------------------------------------------------------------------------

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
        """Pixels of a region of an intact file.

        Parameters
        ----------
        read_chunk
            Returns the payload of a packet.
        coding
            Tiles, quality and options.
        box
            The region, within the plane.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        preview, sample
            Of no effect: an index map has no coarse part, and there is one picture.
        cache
            Indices of tiles decoded before, of this plane.
        decoding
            See :class:`~napari_glc.codecs.vqgan.options.VqganDecoding`.

        Raises
        ------
        DamagedFileError
            If a packet is lost.
        """
        grid = coding.grid
        seen = self.walk.seen(box, grid.plane)
        tiles = len(grid.touching(seen))
        total = tiles + len(self.walk.blocks(self.walk.aligned(box)))
        found = self.read_map(read_chunk, coding, seen, shifted(progress, 0, total), strict=True, cache=cache)
        fast = decoding is not None and decoding.fast
        pixels = self.render(found, coding.quality, box, grid, shifted(progress, tiles, total), fast=fast)
        progress(total, total)
        return pixels

    @torch.inference_mode()
    def read_map(
        self,
        read_chunk: ReadChunk,
        coding: PlaneCoding,
        box: Box,
        progress: Progress,
        *,
        strict: bool,
        cache: TileCache | None = None,
    ) -> DamagedMap:
        """The index map under a region of pixels.

        Parameters
        ----------
        read_chunk, coding, progress
            As for :meth:`decode`.
        box
            The region.
        strict
            Raise the first error instead of noting lost packets.
        cache
            See :meth:`decode`; with `strict` only.

        Raises
        ------
        DamagedFileError
            If `strict` and a packet is lost or damaged.
        """
        area, grid, packets = self._area(box), coding.grid, coding.packets
        level, coder = self.level(coding.quality), self.coder(coding.options.index_coder)
        tiles = grid.touching(box)
        lost: list[int] = []
        parts: list[tuple[int, list[bytes | None]]] = []
        known = {} if cache is None else {tile: cache[tile] for tile in tiles if tile in cache}
        for tile in tiles:
            if tile in known:
                parts.append((tile, []))
                continue
            streams: list[bytes | None] = []
            of_tile = self._area(grid[tile])
            for chunk in range(tile * packets, (tile + 1) * packets):
                try:
                    streams.append(read_chunk(chunk))
                except (DamagedFileError, TruncatedFileError):
                    if strict:
                        raise
                    streams.append(None)
                    lost.append(chunk)
            counts = _packet_counts(of_tile, packets)
            check_streams(coder, streams, counts, level)
            parts.append((tile, streams))

        indices = np.full((area.height, area.width), -1, np.int64)

        def read(tile: int, streams: Sequence[bytes | None], tick: Tick) -> IndexMap:
            if tile in known:
                there: IndexMap = known[tile]
                return there
            of_tile = self._area(grid[tile])
            return coder.read(streams, packet_map(of_tile.height, of_tile.width, packets), level, tick)

        found = _side_by_side([partial(read, *each) for each in parts], progress)
        for (tile, _), part in zip(parts, found, strict=True):
            if cache is not None and strict and tile not in known:
                cache[tile] = part
            of_tile = self._area(grid[tile])
            common = of_tile.cut(area)
            indices[common.relative_to(area).slices] = part[common.relative_to(of_tile).slices]
        return DamagedMap(area, indices, len(tiles) * packets, tuple(lost))

    @torch.no_grad()
    def render(
        self, found: DamagedMap, quality: float, box: Box, grid: TileGrid, progress: Progress, *, fast: bool = False
    ) -> Plane:
        """Pixels of a region from a complete index map of all it depends on.

        Parameters
        ----------
        found
            No index is lost.
        quality
            Tells the codebook.
        box, grid
            The region, and the tiles of the plane.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        fast
            See :class:`~napari_glc.codecs.vqgan.options.VqganDecoding`.
        """
        level = self.level(quality)
        generator = None if self._generators is None else self._generators(fast=fast)
        book = self.net.codebook(level)
        indices = torch.from_numpy(found.indices).unsqueeze(0)

        def words(area: Box) -> Tensor:
            part = indices[(..., *area.relative_to(found.area).slices)]
            return book.lookup(part.to(self.walk.device))

        return self.walk.synthesise(box, grid.plane, words, lambda z: self.net.generate(z, level, generator), progress)

    def symbols(
        self, read_chunk: ReadChunk, coding: PlaneCoding, tile: int, progress: Progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        """The indices of a tile as uint16 in row-major order."""
        yield self.read_map(read_chunk, coding, coding.grid[tile], progress, strict=True).indices.astype(np.uint16)

    # -- lost packets -----------------------------------------------------------------------------------

    def recovery_methods(self) -> tuple[str, ...]:
        """See :func:`napari_glc.codecs.vqgan.filling.methods_of`."""
        return methods_of(self.transformer)

    def fill(
        self,
        found: DamagedMap,
        quality: float,
        method: str,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
        shown: Shown | None = None,
    ) -> DamagedMap:
        """See :func:`napari_glc.codecs.vqgan.filling.fill_map`."""
        return fill_map(self, found, quality, method, sampling, progress, shown)

    # -- rate exploration and views ---------------------------------------------------------------------

    @torch.inference_mode()
    def step(
        self,
        plane: Plane,
        coding: PlaneCoding,
        analysed: BlockOutputs,
        progress: Progress,
        shown: PlaneShown = nobody_looks,
    ) -> CodedStep:
        """The plane at a quality: its index map is rendered, then coded."""
        grid, blocks = coding.grid, len(analysed)
        total = 2 * blocks + len(self._candidates(coding.options.index_coder)) * len(grid)
        indices = self.index_map(plane, coding.quality, shifted(progress, 0, total), analysed, fast=coding.fast)
        found = DamagedMap(self._area(grid.plane), indices, len(grid) * coding.packets, ())
        pixels = self.render(found, coding.quality, grid.plane, grid, shifted(progress, blocks, total))
        shown(pixels)
        # the index coders take longer than all before
        encoded = self.write_map(indices, coding, shifted(progress, 2 * blocks, total))
        return CodedStep(encoded, pixels, lambda: histogram_bits(indices, 8 * sum(map(len, encoded.chunks))))

    def position_bits(
        self, indices: IndexMap, packets: int, level: int, tick: Callable[[], None]
    ) -> tuple[NDArray[np.float64], str]:
        """Bits of a tile's positions ``(H, W)`` with the transformer, or adaptively if the model has none for it."""
        name = self._candidates(AUTO)[-1]
        coder = self.coder(name)
        assert isinstance(coder, TransformerCoder | AdaptiveCoder)
        height, width = indices.shape
        return coder.bits(indices, packet_map(height, width, packets), packets, level, tick), name


def _packet_counts(area: Box, packets: int) -> list[int]:
    """Indices of each packet, without allocating a map of an unchecked size."""
    least = area.height * area.width // packets
    if packets == 1 or least > 1 << 20:
        return [least] * packets
    return [int(n) for n in np.bincount(packet_map(area.height, area.width, packets).ravel(), minlength=packets)]


def _side_by_side(pieces: Sequence[Callable[[Tick], _R]], progress: Progress) -> list[_R]:
    """Results of pieces of work; whatever `progress` raises stops them wherever they are."""
    done, one_at_a_time = 0, threading.Lock()

    def tick() -> None:
        checkpoint()
        with one_at_a_time:
            progress(done, len(pieces))

    def ended(count: int) -> None:
        nonlocal done
        with one_at_a_time:
            done = count
            progress(done, len(pieces))

    progress(0, len(pieces))
    return side_by_side(lambda piece: piece(tick), pieces, ended)
