"""The ``clric`` codec: each tile's latent becomes a small fitted function.

Tiles have grids of their own. What the networks are comes with the model (``shared``) or, once for a plane, with the
file (``published``). Latents of tiles are put together into one plane before the decoder of the autoencoder runs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.interruption import watch
from ..._base.progress import Progress, no_progress, part_of, shifted
from ..._base.quality import MAX_STEPS, from_steps, steps
from ...container import Box, TileGrid
from ...errors import OptionError
from ...models import ModelFile
from ...networks.kl import KlAutoencoder
from ...networks.kl_config import KlConfig
from ...networks.kl_network import kl_network
from ...networks.kl_published import PublishedKlAutoencoder
from ...networks.narrow_floats import narrow_convolutions, narrow_is_fast
from ...networks.unfilled import unfilled
from ..base import CodedStep, Encoded, Plane, PlaneCoding, PlaneShown, ReadChunk, TileCache, nobody_looks
from ..blocks import BlockOutputs, BlockWalk
from ..grid_coded import CodedGrids
from ..optimising.loss import fast_precision
from .encoding import Encoding, networks_of_plane
from .exploring import ClricAnalysis, explored_step
from .grid_coder import Symbols
from .looking import looks_of
from .published import PublishedFunctions
from .shared import SharedFunctions
from .stated import read_parameters
from .streams import check_size
from .views import coded_grids, stored_grids

__all__ = ["ClricCodec"]


class ClricCodec:
    """Fitted functions of the latent of one autoencoder.

    Parameters
    ----------
    model
        A model file of this codec.
    device
        Torch device of the autoencoder; fitting and the functions run on the CPU.
    """

    def __init__(self, model: ModelFile, device: str = "cpu") -> None:
        config = model.network_config(KlConfig)
        with unfilled():
            net = kl_network(config)
        net.load_state_dict(model.load(), strict=True, assign=True)
        net.eval().requires_grad_(False)
        functions = net.function if isinstance(net, KlAutoencoder) else None
        if isinstance(net, KlAutoencoder):
            net.function = None  # it stays on the CPU, and its layers are no places to stop at
        net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        watch(net)
        self.config, self.net = config, net
        self.shared = None if functions is None else SharedFunctions(functions)
        self.published = PublishedFunctions(config.latent_channels)
        self._sampled: tuple[bytes, dict[int, list[Tensor]]] = b"", {}
        self.walk = BlockWalk(
            config.factor,
            config.factor,
            analysis_margin=_pixels(config.encoder_reach, config),
            synthesis_margin=_pixels(config.generator_reach, config),
            device=device,
        )

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        return self.config.factor

    def qualities(self) -> list[float]:
        """Every half step is another file."""
        return [from_steps(step) for step in range(MAX_STEPS + 1)]

    def area(self, tile: Box) -> Box:
        """Latent positions of a tile."""
        return self.walk.aligned(tile).divided(self.config.factor)

    def shared_for(self, coding: PlaneCoding) -> SharedFunctions | None:
        """The functions of a file of shared networks; ``None`` if it holds its own.

        Raises
        ------
        OptionError
            If the model has none.
        """
        if coding.options.mode == "published":
            return None
        if self.shared is None:
            raise OptionError("the model has no networks that functions share")
        return self.shared

    # -- encoding ---------------------------------------------------------------------------------------

    @torch.inference_mode()
    def analyse(
        self, plane: Plane, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None
    ) -> ClricAnalysis:
        """Latents of the blocks of a plane, or of some tiles, with their margins: no rate changes them."""
        return ClricAnalysis(self.walk.outputs(plane, self.net.analyse, progress, grid.around(tiles)).blocks)

    @torch.inference_mode()
    def latents(
        self,
        plane: Plane,
        grid: TileGrid,
        progress: Progress,
        tiles: Sequence[int] | None = None,
        analysed: BlockOutputs | None = None,
    ) -> list[NDArray[np.float32]]:
        """Latents ``(C, h, w)`` of all tiles, or of some that make up a rectangle."""
        self.walk.check_tiles(grid)
        found = self.walk.analyse(plane, self.net.analyse, progress, grid.around(tiles), known=analysed)
        latent = found[0].float().numpy()
        canvas = self.area(grid.around(tiles))
        wanted = range(len(grid)) if tiles is None else tiles
        places = [self.area(grid[index]).relative_to(canvas).slices for index in wanted]
        return [np.ascontiguousarray(latent[(slice(None), *place)]) for place in places]

    def plane_stream(self, plane: Plane, coding: PlaneCoding, progress: Progress) -> bytes:
        """The networks the tiles of a plane share, fitted to some of them; see :mod:`.encoding`."""
        networks, grids = networks_of_plane(self, plane, coding, progress)
        self._sampled = networks, grids
        return networks

    def sampled(self, networks: bytes) -> dict[int, list[Tensor]]:
        """Grids of the tiles to which networks have just been fitted, by their numbers; none if it was others."""
        known, grids = self._sampled
        return grids if known == networks else {}

    def encode(
        self,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None = None,
        analysed: BlockOutputs | None = None,
    ) -> Encoded:
        """Payloads of all tiles in the order of the grid, or of some; see :class:`~napari_glc.codecs.base.Codec`."""
        looks = looks_of(coding.options) > 0
        first, then = (part_of(progress, 0, 1, 4), part_of(progress, 1, 3, 4)) if looks else (progress, no_progress)
        encoding = Encoding(self, plane, coding, first, tiles, analysed)
        encoding.run()
        return Encoded(coding.options, [fit.payload for fit in encoding.look(then)])

    # -- decoding ---------------------------------------------------------------------------------------

    @torch.inference_mode()
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
        """Pixels of a region; `cache` keeps latents of tiles. There is neither preview nor sample.

        Raises
        ------
        DamagedFileError
            If a payload does not decode.
        """
        grid = coding.grid
        self.walk.check_tiles(grid)
        seen = self.walk.seen(box, grid.plane)
        tiles = grid.touching(seen)
        total = len(tiles) + len(self.walk.blocks(self.walk.aligned(box)))
        # what the file claims is backed by its bytes before anything of that size is allocated
        known = {} if cache is None else {index: cache[index] for index in tiles if index in cache}
        payloads = {index: read_chunk(index) for index in tiles if index not in known}
        for index, payload in payloads.items():
            area = self.area(grid[index])
            check_size(self.config, payload, area.height, area.width)
        canvas = seen.divided(self.config.factor)
        latent = torch.zeros(1, self.config.latent_channels, canvas.height, canvas.width)
        for done, index in enumerate(tiles):
            progress(done, total)
            area = self.area(grid[index])
            part = known.get(index)
            if part is None:
                part = self.tile_latent(self.read(payloads[index], coding, area), coding)
                if cache is not None:
                    cache[index] = part
            common = area.cut(canvas)
            latent[(0, slice(None), *common.relative_to(canvas).slices)] = part[
                (slice(None), *common.relative_to(area).slices)
            ]
        pixels = self.synthesise(latent, canvas, box, grid, shifted(progress, len(tiles), total))
        progress(total, total)
        return pixels

    @torch.inference_mode()
    def synthesise(self, latent: Tensor, canvas: Box, box: Box, grid: TileGrid, progress: Progress) -> Plane:
        """Pixels of a region from the latent ``(1, C, h, w)`` of all it depends on."""
        return self.walk.synthesise(
            box,
            grid.plane,
            lambda area: latent[(..., *area.relative_to(canvas).slices)],
            self.net.generate,
            progress,
        )

    # -- the picture while it is fitted -----------------------------------------------------------------

    def around(self, plane: Plane, box: Box) -> Tensor:
        """The latent ``(1, C, h, w)`` of an aligned part of a plane, as the encoder has it."""
        with torch.inference_mode(False), torch.no_grad():
            return self.walk.analyse(plane, self.net.analyse, no_progress, box).float()

    def paint(self, latent: Tensor) -> Tensor:
        """See :class:`~napari_glc.codecs.clric.picture.Painter`."""
        picture: Tensor = self.net.generate(latent)
        return picture

    def paint_fast(self, latent: Tensor) -> Tensor:
        """See :class:`~napari_glc.codecs.clric.picture.Painter`."""
        with fast_precision(self.walk.device):
            picture: Tensor = self._narrow.generate(latent.contiguous(memory_format=torch.channels_last))
        return picture.float()

    @cached_property
    def _narrow(self) -> KlAutoencoder | PublishedKlAutoencoder:
        """The decoder as gradients are taken of it: published ones, which normalise, keep their digits."""
        if self.walk.synthesis_margin is None or not narrow_is_fast(self.walk.device):
            return self.net
        with torch.inference_mode(False):
            copied = copy.deepcopy(self.net, {id(self.net.encoder): self.net.encoder})
            narrow_convolutions(copied.generator)
        return copied

    # -- reading ----------------------------------------------------------------------------------------

    def read(self, payload: bytes, coding: PlaneCoding, area: Box) -> Symbols:
        """Grids of a tile of `area` latent positions.

        Raises
        ------
        DamagedFileError
            If they do not decode.
        """
        check_size(self.config, payload, area.height, area.width)
        shared = self.shared_for(coding)
        if shared is None:
            return self.published.read(payload, coding.plane_stream, coding.quality, area.height, area.width)
        return shared.read(payload, coding.quality, area.height, area.width)

    def tile_latent(self, symbols: Symbols, coding: PlaneCoding) -> Tensor:
        """The latent ``(C, h, w)`` of a tile's grids."""
        shared = self.shared_for(coding)
        if shared is None:
            return self.published.latent(symbols, coding.plane_stream, coding.quality)
        return shared.latent(symbols, coding.quality)

    def symbols(
        self, read_chunk: ReadChunk, coding: PlaneCoding, tile: int, progress: Progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        """Stated parameters of the plane as int32, if the file holds some, then grids as int16 from the coarsest on."""
        if self.shared_for(coding) is None:
            stated, _ = read_parameters(coding.plane_stream, self.config.latent_channels)
            for values in stated.values.values():
                yield values.astype(np.int32)
        yield from reversed(self.read(read_chunk(tile), coding, self.area(coding.grid[tile])))

    # -- rate exploration -------------------------------------------------------------------------------

    def level(self, quality: float) -> int:
        """Every half step is another rate."""
        return steps(quality)

    def step(
        self,
        plane: Plane,
        coding: PlaneCoding,
        analysed: ClricAnalysis,
        progress: Progress,
        shown: PlaneShown = nobody_looks,
    ) -> CodedStep:
        """The plane at a quality; see :func:`napari_glc.codecs.clric.exploring.explored_step`."""
        found = explored_step(self, plane, coding, analysed, progress)
        shown(found.pixels)
        return found

    def coded_grids(self, plane: Plane, quality: float, progress: Progress) -> CodedGrids:
        """See :func:`napari_glc.codecs.clric.views.coded_grids`."""
        return coded_grids(self, plane, quality, progress)

    def stored_grids(
        self, plane: Plane, coding: PlaneCoding, payloads: Sequence[bytes], progress: Progress
    ) -> CodedGrids:
        """See :func:`napari_glc.codecs.clric.views.stored_grids`."""
        return stored_grids(self, plane, coding, payloads, progress)


def _pixels(reach: int | None, config: KlConfig) -> int | None:
    return None if reach is None else reach * config.factor
