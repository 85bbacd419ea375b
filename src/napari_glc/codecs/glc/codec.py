"""The ``glc`` codec: planes through the networks, tile by tile.

The entropy coder works on each tile by itself: a tile decodes without its neighbours' *symbols*; its pixels near
a border need its neighbours' *coefficients* as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..._base.interruption import watch
from ..._base.progress import Progress, shifted
from ..._base.quality import MAX_STEPS, from_steps, steps
from ..._base.threads import side_by_side
from ...container import Box, TileGrid
from ...models import ModelFile
from ...networks.config import GlcConfig
from ...networks.glc import GlcNetwork
from ...networks.narrow_floats import NarrowOnRequest, narrowed
from ...networks.unfilled import unfilled
from ..base import CodedStep, Encoded, Plane, PlaneCoding, PlaneShown, ReadChunk, TileCache, nobody_looks
from ..blocks import BlockOutputs, BlockWalk
from ..transform_coded import CodedLatent
from .cells import in_cells
from .coarse import coarser
from .effort import optimise
from .generators import Generators
from .streams import check_size
from .symbols import RATE_STEPS, SymbolCoder, TileSymbols, to_nearest
from .views import coded_latent, coefficient_bits

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

    def __init__(self, model: ModelFile, device: str = "cpu") -> None:
        config = model.network_config(GlcConfig)
        # the weights replace whatever a constructor would draw at random
        with unfilled():
            net = GlcNetwork(config)
        net.load_state_dict(model.load(), strict=True, assign=True)
        self.config = config
        self.coder = SymbolCoder(net)
        net.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.autoencoder.kind == "compact":
            net.vqgan.encoder = narrowed(net.vqgan.encoder, device)
        watch(net)
        watch(self.coder.prior)
        self.net = net
        # the embedded encoder has no more digits to lose
        published = config.autoencoder.kind != "compact"
        self._encoders = NarrowOnRequest(net.vqgan.encoder, device) if published else None
        self.generators = Generators(model, net)
        self.walk = BlockWalk(
            config.factor,
            config.hyper_factor,
            analysis_margin=net.analysis_margin,
            synthesis_margin=net.synthesis_margin,
            device=device,
        )

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        return int(self.config.factor)

    def level(self, quality: float) -> int:
        """Every half step is another rate."""
        return steps(quality)

    @property
    def encoder(self) -> nn.Module:
        """The autoencoder's encoder."""
        return self.net.vqgan.encoder

    def qualities(self) -> list[float]:
        """Every half step is another file."""
        return [from_steps(step) for step in range(MAX_STEPS + 1)]

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
        """Payloads of all tiles in the order of the grid, or of some.

        Parameters
        ----------
        plane
            ``(H, W, 3)`` uint8.
        coding
            Tiles, quality, effort and goal.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        tiles
            Those wanted, which make up a rectangle; ``None`` for all.
        analysed
            From :meth:`analyse`, if it is at hand.
        """
        grid = coding.grid
        self.walk.check_tiles(grid)
        if coding.effort:
            worked = optimise(self, plane, coding, progress, tiles, analysed)
            return Encoded(coding.options, [payload for payload, _ in worked])
        box = grid.around(tiles)
        blocks = len(self.walk.blocks(self.walk.aligned(box)))
        total = blocks + len(grid if tiles is None else tiles)
        y = self.coefficients(plane, coding.quality, shifted(progress, 0, total), analysed, box, fast=coding.fast)
        coded = self.write_tiles(y, coding, shifted(progress, blocks, total), tiles)
        progress(total, total)
        return Encoded(coding.options, [payload for payload, _ in coded])

    @torch.no_grad()
    def coefficients(
        self,
        plane: Plane,
        quality: float,
        progress: Progress,
        latents: BlockOutputs | None = None,
        box: Box | None = None,
        *,
        fast: bool = False,
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
            From :meth:`analyse`, if they are at hand.
        box
            The part, some tiles; ``None`` for the plane.
        fast
            See :class:`~napari_glc.codecs.glc.options.GlcOptions`; `latents` are left aside then if they have more
            digits, so that the same options give the same bytes.
        """
        encoder = self.encoder if self._encoders is None else self._encoders(fast=fast)
        known = latents if encoder is self.encoder else None
        position = _position(quality, self.config)

        def transformed(latent: Tensor) -> Tensor:
            return self.net.transform(latent, position)

        return self.walk.analyse(plane, encoder, progress, box, known=known, then=transformed)

    @torch.inference_mode()
    def write_tiles(
        self, y: Tensor, coding: PlaneCoding, progress: Progress, tiles: Sequence[int] | None = None
    ) -> list[tuple[bytes, TileSymbols]]:
        """Payload and symbols of every tile, or of some, from the coefficients of the rectangle they make up."""
        grid = coding.grid
        wanted = range(len(grid)) if tiles is None else tiles
        canvas = self.area(grid.around(tiles))

        def written(index: int) -> tuple[bytes, TileSymbols]:
            area = self.area(grid[index])
            symbols = self._quantised(y[(..., *area.relative_to(canvas).slices)], area, coding)
            return self.coder.payload(symbols), symbols

        progress(0, len(wanted))
        return side_by_side(written, wanted, lambda done: progress(done, len(wanted)))

    def _quantised(self, y: Tensor, area: Box, coding: PlaneCoding) -> TileSymbols:
        """What is to be coded of a tile with the coefficients `y`."""
        calm = self.calm(coding, area)
        rounding = to_nearest if calm is None else coarser(calm)
        return self.coder.quantise(y.contiguous(), self.hyper_indices(y), steps(coding.quality), rounding)

    def calm(self, coding: PlaneCoding, area: Box) -> Tensor | None:
        """How little positions count ``(h, w)``, as their pixel that counts most; ``None`` if all are alike."""
        calm = coding.goal.calm
        if calm is None:
            return None
        return torch.from_numpy(in_cells(calm, area, self.config.factor, coding.grid.plane).min((1, 3)))

    def area(self, tile: Box) -> Box:
        """Latent positions of a tile."""
        return self.walk.aligned(tile).divided(self.config.factor)

    def hyper_indices(self, y: Tensor) -> NDArray[np.int64]:
        """Hyper indices ``(h/4, w/4)`` of coefficients ``(1, N, h, w)``."""
        z = self.net.hyper_analyse(y.to(self.walk.device))
        indices: NDArray[np.int64] = self.net.z_vq.indices(z)[0].cpu().numpy()
        return indices

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
        """Pixels of a region.

        Parameters
        ----------
        read_chunk
            Returns the payload of a tile.
        coding
            Tiles and quality.
        box
            The region, within the plane.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        preview
            Decode the hyper streams only: a coarse picture from a fraction of the bytes.
        sample
            Of no effect: there is one picture.
        cache
            Coefficients of tiles decoded before, of this plane and of previews or not.
        decoding
            See :class:`~napari_glc.codecs.glc.options.GlcDecoding`.

        Returns
        -------
        Plane
            ``(box.height, box.width, 3)`` uint8.

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
        payloads: dict[int, bytes] = {}
        for index in tiles:
            if index not in known:
                area, payloads[index] = self.area(grid[index]), read_chunk(index)
                check_size(self.config, payloads[index], area.height, area.width)

        canvas = seen.divided(self.config.factor)

        def read(index: int) -> Tensor:
            area = self.area(grid[index])
            return self._tile_coefficients(payloads[index], area, coding.quality, preview=preview)

        progress(len(known), total)
        decoded = side_by_side(read, payloads, lambda done: progress(len(known) + done, total))
        for index, part in zip(payloads, decoded, strict=True):
            known[index] = part
            if cache is not None:
                cache[index] = part
        y_hat = torch.zeros(1, self.config.channels, canvas.height, canvas.width)
        for index in tiles:
            area = self.area(grid[index])
            common = area.cut(canvas)
            y_hat[(..., *common.relative_to(canvas).slices)] = known[index][(..., *common.relative_to(area).slices)]

        painting = shifted(progress, len(tiles), total)
        pixels = self.render(y_hat, canvas, coding.quality, box, grid, painting, self.generators.chosen(decoding))
        progress(total, total)
        return pixels

    @torch.no_grad()
    def render(
        self,
        y_hat: Tensor,
        canvas: Box,
        quality: float,
        box: Box,
        grid: TileGrid,
        progress: Progress,
        generator: nn.Module | None = None,
    ) -> Plane:
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
        generator
            The one that paints; ``None`` for the model's own.
        """
        position = _position(quality, self.config)
        paint = self.generators.chosen(None) if generator is None else generator
        return self.walk.synthesise(
            box,
            grid.plane,
            lambda area: y_hat[(..., *area.relative_to(canvas).slices)],
            lambda part: paint(self.net.synthesise_latent(part, position)),
            progress,
        )

    def _tile_coefficients(self, payload: bytes, area: Box, quality: float, *, preview: bool) -> Tensor:
        rate = steps(quality)
        if preview:
            return self.coder.preview(self.coder.read_hyper(payload, area.height, area.width), rate)
        return self.coder.read(payload, area.height, area.width, rate).y_hat

    @torch.inference_mode()
    def symbols(
        self, read_chunk: ReadChunk, coding: PlaneCoding, tile: int, progress: Progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        """Hyper indices of a tile as uint16 in row-major order, then its symbols as int16 in coding order."""
        area = self.area(coding.grid[tile])
        read = self.coder.read(read_chunk(tile), area.height, area.width, steps(coding.quality))
        yield read.hyper_indices.astype(np.uint16)
        for symbols, _ in read.parts:
            yield symbols.astype(np.int16)

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
        """The plane at a quality: its coefficients are quantised and rendered, then written, and not read back."""
        grid, blocks = coding.grid, len(analysed)
        areas = [self.area(tile) for tile in grid]
        total = 2 * (blocks + len(grid))
        y = self.coefficients(plane, coding.quality, shifted(progress, 0, total), analysed, fast=coding.fast)

        def quantised(area: Box) -> TileSymbols:
            return self._quantised(y[(..., *area.slices)], area, coding)

        progress(blocks, total)
        tiles = side_by_side(quantised, areas, lambda done: progress(blocks + done, total))
        y_hat = torch.zeros_like(y)
        for area, symbols in zip(areas, tiles, strict=True):
            y_hat[(..., *area.slices)] = symbols.y_hat
        canvas = self.area(grid.plane)
        rendering = shifted(progress, blocks + len(grid), total)
        pixels = self.render(y_hat, canvas, coding.quality, grid.plane, grid, rendering)
        shown(pixels)
        done = 2 * blocks + len(grid)
        payloads = side_by_side(self.coder.payload, tiles, lambda written: progress(done + written, total))
        encoded = Encoded(coding.options, payloads)
        return CodedStep(encoded, pixels, lambda: coefficient_bits(self, grid, tiles))

    def coded_latent(self, plane: Plane, quality: float, tile: int, progress: Progress) -> CodedLatent:
        """See :func:`napari_glc.codecs.glc.views.coded_latent`."""
        return coded_latent(self, plane, quality, tile, progress)

    @torch.inference_mode()
    def bits_of(self, read_chunk: ReadChunk, coding: PlaneCoding) -> NDArray[np.float64]:
        """Bits at each latent position ``(h, w)`` of a plane that is coded already."""
        tiles = []
        for number, box in enumerate(coding.grid):
            area = self.area(box)
            tiles.append(self.coder.read(read_chunk(number), area.height, area.width, steps(coding.quality)))
        return coefficient_bits(self, coding.grid, tiles)


def _position(quality: float, config: GlcConfig) -> float:
    return steps(quality) / RATE_STEPS * (config.rate_points - 1)
