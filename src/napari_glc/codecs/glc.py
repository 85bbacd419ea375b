"""The ``glc`` codec: planes through the networks, tile by tile.

Analysis and synthesis run block by block with a margin as wide as the influence of a pixel (or latent
position) reaches, so their result does not depend on blocks or tiles. The entropy coder works on each tile by
itself: a tile decodes without its neighbours' *symbols*; its pixels near a border need its neighbours'
*coefficients* as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..container import Box, TileGrid
from ..imaging.planes import padded_crop
from ..models import ModelFile
from ..networks.config import GlcConfig
from ..networks.glc import GlcNetwork
from .base import Plane, Progress, ReadTile
from .glc_symbols import RATE_STEPS, SymbolCoder

__all__ = ["GlcCodec"]

BLOCK = 1536
"""Side in pixels of the blocks networks see at once; a multiple of the tile alignment."""


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
        self.net = net
        self.device = torch.device(device)

    # -- geometry ---------------------------------------------------------------------------------------

    def _aligned(self, box: Box) -> Box:
        """A tile grown right and down to whole hyper-latent positions."""
        step = self.config.hyper_factor
        cells = box.divided(step)
        return Box(cells.top * step, cells.left * step, cells.bottom * step, cells.right * step)

    def _blocks(self, box: Box) -> list[Box]:
        """Rows of blocks that cover an aligned box."""
        return [
            Box(top, left, min(top + BLOCK, box.bottom), min(left + BLOCK, box.right))
            for top in range(box.top, box.bottom, BLOCK)
            for left in range(box.left, box.right, BLOCK)
        ]

    # -- encoding ---------------------------------------------------------------------------------------

    @torch.inference_mode()
    def encode(self, plane: Plane, grid: TileGrid, quality: float, progress: Progress) -> Iterator[bytes]:
        """Payloads of all tiles in the order of the grid.

        Parameters
        ----------
        plane
            ``(H, W, 3)`` uint8.
        grid
            Its tiles.
        quality
            0 to 100.
        progress
            See :data:`~napari_glc.codecs.base.Progress`.
        """
        blocks = self._blocks(self._aligned(grid.plane))
        total = len(blocks) + len(grid)
        y = self.coefficients(plane, quality, lambda done, _: progress(done, total))
        rate = _rate_steps(quality)
        for index, tile in enumerate(grid):
            part = y[(..., *self._aligned(tile).divided(self.config.factor).slices)]
            payload, _ = self.coder.write(part.contiguous(), self._hyper_indices(part), rate)
            progress(len(blocks) + index + 1, total)
            yield payload

    def coefficients(self, plane: Plane, quality: float, progress: Progress) -> Tensor:
        """Coefficients y ``(1, N, H/f, W/f)`` of a whole plane, on the CPU."""
        factor, margin = self.config.factor, self.net.analysis_margin
        whole = self._aligned(Box(0, 0, *plane.shape[:2]))
        size = whole.divided(factor)
        y = torch.empty(1, self.config.channels, size.height, size.width)
        blocks = self._blocks(whole)
        for done, block in enumerate(blocks):
            progress(done, len(blocks))
            seen = block.grown(margin, whole)
            picture = _to_tensor(padded_crop(plane, seen)).to(self.device)
            out = self.net.transform(self.net.analyse(picture), _position(quality, self.config))
            inner = block.divided(factor).relative_to(seen.divided(factor))
            y[(..., *block.divided(factor).slices)] = out[(..., *inner.slices)].cpu()
        return y

    def _hyper_indices(self, y: Tensor) -> NDArray[np.int64]:
        z = self.net.hyper_analyse(y.to(self.device))
        indices: NDArray[np.int64] = self.net.z_vq.indices(z)[0].cpu().numpy()
        return indices

    # -- decoding ---------------------------------------------------------------------------------------

    @torch.inference_mode()
    def decode(
        self,
        read_tile: ReadTile,
        grid: TileGrid,
        box: Box,
        quality: float,
        progress: Progress,
        *,
        preview: bool = False,
    ) -> Plane:
        """Pixels of a region.

        Parameters
        ----------
        read_tile
            Returns the payload of a tile.
        grid
            The tiles of the plane.
        box
            The region, within the plane.
        quality
            As in the header.
        progress
            See :data:`~napari_glc.codecs.base.Progress`.
        preview
            Decode the hyper streams only: a coarse picture from a fraction of the bytes.

        Returns
        -------
        Plane
            ``(box.height, box.width, 3)`` uint8.

        Raises
        ------
        DamagedFileError
            If a payload does not decode.
        """
        factor = self.config.factor
        aligned = self._aligned(box)
        whole = self._aligned(grid.plane)
        seen = aligned.grown(self.net.synthesis_margin, whole)
        tiles = grid.touching(seen)
        blocks = self._blocks(aligned)
        total = len(tiles) + len(blocks)

        # what the file claims is backed by its bytes before anything of that size is allocated
        parts: list[tuple[Box, bytes]] = []
        for index in tiles:
            area, payload = self._aligned(grid[index]).divided(factor), read_tile(index)
            self.coder.check_size(payload, area.height, area.width)
            parts.append((area, payload))

        canvas = seen.divided(factor)
        y_hat = torch.zeros(1, self.config.channels, canvas.height, canvas.width)
        for done, (area, payload) in enumerate(parts):
            progress(done, total)
            part = self._tile_coefficients(payload, area, quality, preview=preview)
            common = area.cut(canvas)
            target = (..., *common.relative_to(canvas).slices)
            y_hat[target] = part[(..., *common.relative_to(area).slices)]

        pixels = np.empty((box.height, box.width, 3), np.uint8)
        for done, block in enumerate(blocks):
            progress(len(tiles) + done, total)
            around = block.grown(self.net.synthesis_margin, whole)
            part = y_hat[(..., *around.divided(factor).relative_to(canvas).slices)].to(self.device)
            latent = self.net.synthesise_latent(part, _position(quality, self.config))
            picture = _to_pixels(self.net.generate(latent))
            wanted = block.cut(box)
            pixels[wanted.relative_to(box).slices] = picture[wanted.relative_to(around).slices]
        progress(total, total)
        return pixels

    def _tile_coefficients(self, payload: bytes, area: Box, quality: float, *, preview: bool) -> Tensor:
        rate = _rate_steps(quality)
        if preview:
            return self.coder.preview(self.coder.read_hyper(payload, area.height, area.width), rate)
        return self.coder.read(payload, area.height, area.width, rate).y_hat

    def stream_sizes(self, payload: bytes, box: Box) -> dict[str, int]:
        """Bytes of hyper indices, symbols and the codec's own checksums in a tile."""
        area = self._aligned(box).divided(self.config.factor)
        self.coder.check_size(payload, area.height, area.width)
        hyper = self.coder.hyper_size(area.height, area.width)
        return {"hyper": hyper - 1, "symbols": len(payload) - hyper - 1, "checks": 2}


def _rate_steps(quality: float) -> int:
    return round(quality * RATE_STEPS / 100)


def _position(quality: float, config: GlcConfig) -> float:
    return _rate_steps(quality) / RATE_STEPS * (config.rate_points - 1)


def _to_tensor(pixels: Plane) -> Tensor:
    """``(H, W, 3)`` uint8 to ``(1, 3, H, W)`` float32 in [-1, 1], channels last in memory."""
    scaled = torch.from_numpy(pixels.astype(np.float32))
    return scaled.permute(2, 0, 1).unsqueeze(0).div_(127.5).sub_(1)


def _to_pixels(picture: Tensor) -> Plane:
    """``(1, 3, H, W)`` in [-1, 1] to ``(H, W, 3)`` uint8, rounded."""
    scaled = picture[0].permute(1, 2, 0).add(1).mul_(127.5).round_().clamp_(0, 255)
    pixels: Plane = scaled.to(torch.uint8).cpu().numpy()
    return pixels
