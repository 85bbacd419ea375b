"""The ``clric`` codec: each tile's latent becomes a small fitted function.

Tiles know nothing of one another: neither grids nor parameters are shared. Their latents are put together into one
plane before the decoder of the autoencoder runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.interruption import watch
from ..._base.progress import Progress, shifted
from ..._base.quality import MAX_STEPS, from_steps
from ...container import Box, TileGrid
from ...errors import OptionError
from ...models import ModelFile
from ...networks.kl_config import KlConfig
from ...networks.kl_network import kl_network
from ...networks.unfilled import unfilled
from ..base import Encoded, Plane, PlaneCoding, ReadChunk, TileCache
from ..blocks import BlockOutputs, BlockWalk
from .fitting import ITERATIONS, fit
from .function import as_tensors, latent_of
from .grid_coder import Symbols, read_grids
from .stated import read_parameters

__all__ = ["ClricCodec"]

_STEPS = 100
"""Steps of progress of a tile."""


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
        net.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        watch(net)
        self.config, self.net = config, net
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

    # -- encoding ---------------------------------------------------------------------------------------

    @torch.inference_mode()
    def analyse(
        self, plane: Plane, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None
    ) -> BlockOutputs:
        """Latents of the blocks of a plane, or of some tiles, with their margins: no rate changes them."""
        return self.walk.outputs(plane, self.net.analyse, progress, grid.around(tiles))

    def encode(
        self,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None = None,
        analysed: BlockOutputs | None = None,
    ) -> Encoded:
        """Payloads of all tiles in the order of the grid, or of some; see :class:`~napari_glc.codecs.base.Codec`."""
        grid = coding.grid
        self._check_tiles(grid)
        wanted = range(len(grid)) if tiles is None else tiles
        total = 1 + _STEPS * len(wanted)
        progress(0, total)
        network = self.net.analyse if analysed is None else analysed.replayed()
        with torch.inference_mode():
            latent = self.walk.analyse(plane, network, shifted(progress, 0, total), grid.around(tiles))
        canvas = self.area(grid.around(tiles))
        chunks = []
        for done, index in enumerate(wanted):
            part = latent[0][(slice(None), *self.area(grid[index]).relative_to(canvas).slices)]
            chunks.append(self._payload(part, coding, shifted(progress, 1 + _STEPS * done, total)))
        progress(total, total)
        return Encoded(coding.options, chunks)

    def _payload(self, latent: Tensor, coding: PlaneCoding, progress: Progress) -> bytes:
        fitted = fit(
            np.ascontiguousarray(latent.float().numpy()),
            coding.quality,
            ITERATIONS[coding.options.effort],
            lambda done, total: progress(_STEPS * done // total, _STEPS),
        )
        return fitted.stated.pack(len(latent)) + fitted.stream

    def _check_tiles(self, grid: TileGrid) -> None:
        if grid.tile % self.walk.step:
            raise OptionError(f"tiles of this model have sides of multiples of {self.walk.step}, not {grid.tile}")

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
        self._check_tiles(grid)
        seen = self.walk.seen(box, grid.plane)
        tiles = grid.touching(seen)
        total = len(tiles) + len(self.walk.blocks(self.walk.aligned(box)))
        canvas = seen.divided(self.config.factor)
        latent = torch.zeros(1, self.config.latent_channels, canvas.height, canvas.width)
        for done, index in enumerate(tiles):
            progress(done, total)
            area = self.area(grid[index])
            part = None if cache is None else cache.get(index)
            if part is None:
                part = self._tile_latent(read_chunk(index), area, coding.quality)
                if cache is not None:
                    cache[index] = part
            common = area.cut(canvas)
            latent[(0, slice(None), *common.relative_to(canvas).slices)] = part[
                (slice(None), *common.relative_to(area).slices)
            ]
        pixels = self.walk.synthesise(
            box,
            grid.plane,
            lambda area: latent[(..., *area.relative_to(canvas).slices)],
            self.net.generate,
            shifted(progress, len(tiles), total),
        )
        progress(total, total)
        return pixels

    def _read(self, payload: bytes, area: Box, quality: float) -> tuple[Symbols, Any]:
        channels = self.config.latent_channels
        stated, size = read_parameters(payload, channels)
        parameters = stated.parameters(channels, quality)
        return read_grids(payload[size:], parameters, channels, area.height, area.width), parameters

    def _tile_latent(self, payload: bytes, area: Box, quality: float) -> Tensor:
        symbols, parameters = self._read(payload, area, quality)
        return latent_of([torch.from_numpy(grid.astype(np.float32)) for grid in symbols], as_tensors(parameters))

    def symbols(
        self, read_chunk: ReadChunk, coding: PlaneCoding, tile: int, progress: Progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        """Stated parameters of a tile as int32, part after part, then its grids as int16 from the coarsest on."""
        payload = read_chunk(tile)
        stated, _ = read_parameters(payload, self.config.latent_channels)
        for values in stated.values.values():
            yield values.astype(np.int32)
        grids, _ = self._read(payload, self.area(coding.grid[tile]), coding.quality)
        yield from reversed(grids)


def _pixels(reach: int | None, config: KlConfig) -> int | None:
    return None if reach is None else reach * config.factor
