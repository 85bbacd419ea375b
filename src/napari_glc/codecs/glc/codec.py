"""The ``glc`` codec: planes through the networks, tile by tile.

The entropy coder works on each tile by itself: a tile decodes without its neighbours' *symbols*; its pixels near
a border need its neighbours' *coefficients* as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.interruption import watch
from ...container import Box, Header, TileGrid
from ...errors import OptionError
from ...models import ModelFile
from ...networks.config import GlcConfig
from ...networks.glc import GlcNetwork
from ..base import Encoded, Plane, Progress, ReadChunk, TileCache
from ..blocks import BlockWalk, replayed
from .symbols import RATE_STEPS, SymbolCoder, TileSymbols

__all__ = ["GlcCodec"]


class GlcCodec:
    """Generative latent coding with one model.

    Parameters
    ----------
    model
        A model file of this codec.
    device
        Torch device of analysis and synthesis; entropy coding runs on the CPU.
    """

    name = "glc"

    def __init__(self, model: ModelFile, device: str = "cpu") -> None:
        config = model.network_config(GlcConfig)
        # the weights replace whatever a constructor would draw at random
        with torch.device("meta"):
            net = GlcNetwork(config)
        net.load_state_dict(model.load(), strict=True, assign=True)
        self.config = config
        self.coder = SymbolCoder(net)
        net.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        watch(net)
        watch(self.coder.prior)
        self.net = net
        self.walk = BlockWalk(
            config.factor,
            config.hyper_factor,
            analysis_margin=net.analysis_margin,
            synthesis_margin=net.synthesis_margin,
            device=device,
        )

    @torch.inference_mode()
    def encode(
        self, plane: Plane, header: Header, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None
    ) -> Encoded:
        """Payloads of all tiles in the order of the grid, or of some.

        Parameters
        ----------
        plane
            ``(H, W, 3)`` uint8.
        header
            Its quality is used.
        grid
            The tiles.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        tiles
            Those wanted, which make up a rectangle; ``None`` for all.
        """
        self._check_tiles(grid)
        box = grid.around(tiles)
        blocks = len(self.walk.blocks(self.walk.aligned(box)))
        total = blocks + len(grid if tiles is None else tiles)
        y = self.coefficients(plane, header.quality, lambda done, _: progress(done, total), box=box)
        coded = self.write_tiles(y, header, grid, lambda done, _: progress(blocks + done, total), tiles)
        progress(total, total)
        return Encoded(header, [payload for payload, _ in coded])

    @torch.inference_mode()
    def latents(self, plane: Plane, progress: Progress) -> list[Tensor]:
        """Latents of the blocks of a plane with their margins: what :meth:`coefficients` needs and no rate changes."""
        return self.walk.outputs(plane, self.net.analyse, progress)

    @torch.inference_mode()
    def coefficients(
        self,
        plane: Plane,
        quality: float,
        progress: Progress,
        latents: Sequence[Tensor] | None = None,
        box: Box | None = None,
    ) -> Tensor:
        """Coefficients y ``(1, N, H/f, W/f)`` of a plane or a part of it, on the CPU.

        Parameters
        ----------
        plane
            ``(H, W, 3)`` uint8.
        quality
            0 to 100.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        latents
            From :meth:`latents`, if they are at hand.
        box
            The part, some tiles; ``None`` for the plane.
        """
        position = _position(quality, self.config)
        latent = self.net.analyse if latents is None else replayed(latents)
        return self.walk.analyse(plane, lambda x: self.net.transform(latent(x), position), progress, box)

    @torch.inference_mode()
    def write_tiles(
        self, y: Tensor, header: Header, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None
    ) -> list[tuple[bytes, TileSymbols]]:
        """Payload and symbols of every tile, or of some, from the coefficients of the rectangle they make up."""
        coded = []
        wanted = range(len(grid)) if tiles is None else tiles
        canvas = self.area(grid.around(tiles))
        for done, index in enumerate(wanted):
            progress(done, len(wanted))
            part = y[(..., *self.area(grid[index]).relative_to(canvas).slices)]
            coded.append(self.coder.write(part.contiguous(), self._hyper_indices(part), _rate_steps(header.quality)))
        return coded

    def _check_tiles(self, grid: TileGrid) -> None:
        if grid.tile % self.walk.step:
            raise OptionError(f"tiles of this model have sides of multiples of {self.walk.step}, not {grid.tile}")

    def area(self, tile: Box) -> Box:
        """Latent positions of a tile."""
        return self.walk.aligned(tile).divided(self.config.factor)

    def _hyper_indices(self, y: Tensor) -> NDArray[np.int64]:
        z = self.net.hyper_analyse(y.to(self.walk.device))
        indices: NDArray[np.int64] = self.net.z_vq.indices(z)[0].cpu().numpy()
        return indices

    @torch.inference_mode()
    def decode(
        self,
        read_chunk: ReadChunk,
        header: Header,
        grid: TileGrid,
        box: Box,
        progress: Progress,
        *,
        preview: bool = False,
        cache: TileCache | None = None,
    ) -> Plane:
        """Pixels of a region.

        Parameters
        ----------
        read_chunk
            Returns the payload of a tile.
        header
            Its quality is used.
        grid
            The tiles of the plane.
        box
            The region, within the plane.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        preview
            Decode the hyper streams only: a coarse picture from a fraction of the bytes.
        cache
            Coefficients of tiles decoded before, of this plane and of previews or not.

        Returns
        -------
        Plane
            ``(box.height, box.width, 3)`` uint8.

        Raises
        ------
        DamagedFileError
            If a payload does not decode.
        """
        self._check_tiles(grid)
        seen = self.walk.seen(box, grid.plane)
        tiles = grid.touching(seen)
        total = len(tiles) + len(self.walk.blocks(self.walk.aligned(box)))

        # what the file claims is backed by its bytes before anything of that size is allocated
        known = {} if cache is None else {index: cache[index] for index in tiles if index in cache}
        payloads: dict[int, bytes] = {}
        for index in tiles:
            if index not in known:
                area, payloads[index] = self.area(grid[index]), read_chunk(index)
                self.coder.check_size(payloads[index], area.height, area.width)

        canvas = seen.divided(self.config.factor)
        y_hat = torch.zeros(1, self.config.channels, canvas.height, canvas.width)
        for done, index in enumerate(tiles):
            progress(done, total)
            area = self.area(grid[index])
            part = known.get(index)
            if part is None:
                part = self._tile_coefficients(payloads[index], area, header.quality, preview=preview)
                if cache is not None:
                    cache[index] = part
            common = area.cut(canvas)
            y_hat[(..., *common.relative_to(canvas).slices)] = part[(..., *common.relative_to(area).slices)]

        pixels = self.render(
            y_hat, canvas, header.quality, box, grid, lambda done, _: progress(len(tiles) + done, total)
        )
        progress(total, total)
        return pixels

    @torch.inference_mode()
    def render(self, y_hat: Tensor, canvas: Box, quality: float, box: Box, grid: TileGrid, progress: Progress) -> Plane:
        """Pixels of a region from the dequantised coefficients of all it depends on.

        Parameters
        ----------
        y_hat
            ``(1, N, canvas.height, canvas.width)``.
        canvas
            The latent positions of `y_hat`.
        quality
            0 to 100.
        box, grid
            The region, and the tiles of the plane.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        """
        position = _position(quality, self.config)
        return self.walk.synthesise(
            box,
            grid.plane,
            lambda area: y_hat[(..., *area.relative_to(canvas).slices)],
            lambda part: self.net.generate(self.net.synthesise_latent(part, position)),
            progress,
        )

    def _tile_coefficients(self, payload: bytes, area: Box, quality: float, *, preview: bool) -> Tensor:
        rate = _rate_steps(quality)
        if preview:
            return self.coder.preview(self.coder.read_hyper(payload, area.height, area.width), rate)
        return self.coder.read(payload, area.height, area.width, rate).y_hat

    def stream_sizes(self, payload: bytes, header: Header, box: Box) -> dict[str, int]:
        """Bytes of hyper indices, symbols and the codec's own checksums in a tile."""
        area = self.area(box)
        self.coder.check_size(payload, area.height, area.width)
        hyper = self.coder.hyper_size(area.height, area.width)
        return {"hyper": hyper - 1, "symbols": len(payload) - hyper - 1, "checks": 2}


def _rate_steps(quality: float) -> int:
    return round(quality * RATE_STEPS / 100)


def _position(quality: float, config: GlcConfig) -> float:
    return _rate_steps(quality) / RATE_STEPS * (config.rate_points - 1)
