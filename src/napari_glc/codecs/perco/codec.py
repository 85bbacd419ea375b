"""The ``perco`` codec: a hyper-latent and a description of each tile, and a picture painted to fit them.

Every hyper-latent is found on the whole plane before it is cut into tiles, and put together again before anything is
painted, so tile borders do not show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.interruption import checkpoint, watch
from ..._base.progress import Progress, shifted
from ...container import Box, TileGrid
from ...entropy.packed import read_packed, write_packed
from ...errors import DamagedFileError
from ...models import ModelFile
from ...networks.perco import PercoNetwork
from ...networks.perco_config import DESCRIBER_LEVELS, PercoConfig
from ...networks.scalar_quantizer import ScalarQuantizer
from ..base import Encoded, Plane, PlaneCoding, ReadChunk, TileCache
from ..blocks import BlockOutputs, BlockWalk
from .autoencoder import load_autoencoder
from .index_coder import level_bits, read_levels, write_levels
from .noise import normal_noise
from .options import PercoDecoding
from .painted import CELL, COARSEST, PaintedCodec, Show
from .sampling import painted
from .streams import description_size

__all__ = ["PercoCodec"]

_DESCRIBED = 4
"""Latent positions per position of the description's features."""


@dataclass(frozen=True)
class _Tile:
    """What a tile's bytes say.

    Attributes
    ----------
    description
        ``(describers,)``.
    levels
        ``(d, h, w)``.
    """

    description: NDArray[np.int64]
    levels: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        return self.description.nbytes + self.levels.nbytes


class PercoCodec(PaintedCodec):
    """Painting codec with one model, which names the autoencoder it belongs to.

    Parameters
    ----------
    model
        A model file of this codec.
    device
        Torch device of the networks; noise and entropy coding are made on the CPU.
    """

    def __init__(self, model: ModelFile, device: str = "cpu") -> None:
        config = model.network_config(PercoConfig)
        self.config = config
        self.net = PercoNetwork(config)
        self.net.load_state_dict(model.load(), strict=True)
        self.kl_config, self.autoencoder = load_autoencoder(config.autoencoder, config.latent_channels)
        for net in (self.net, self.autoencoder):
            net.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            watch(net)
        self.tables = [
            table[: len(rate.levels)].double().cpu().numpy()
            for rate, table in zip(config.rates, self.net.level_tables(), strict=True)
        ]
        reach, margin = self.kl_config.encoder_reach, self.kl_config.generator_reach
        self._analysis = BlockWalk(
            CELL,
            CELL,
            analysis_margin=None if reach is None else CELL * -(-(config.encoder_reach + reach) // COARSEST),
            synthesis_margin=None,
            device=device,
        )
        painting = BlockWalk(
            config.factor,
            CELL,
            analysis_margin=0,
            synthesis_margin=None if margin is None else config.factor * margin,
            device=device,
        )
        super().__init__(config.latent_channels, painting, self.autoencoder.generate)

    # -- rate -------------------------------------------------------------------------------------------

    def level(self, quality: float) -> int:
        """Rate of a quality: the rates share the range 0 to 100 evenly."""
        return int(quality / 100 * (len(self.config.rates) - 1) + 0.5)

    def qualities(self) -> list[float]:
        """One for each rate, as near to the middle of its range as half steps go."""
        count = len(self.config.rates)
        return [round(200 * level / max(1, count - 1)) / 2 for level in range(count)]

    # -- encoding ---------------------------------------------------------------------------------------

    def _heads(self, picture: Tensor) -> Tensor:
        """All that any rate may code, ``(1, C, H / 64, W / 64)``: finer hyper-latents have more channels for it."""
        net = self.net
        features = net.hyper_encoder(self.autoencoder.analyse(picture))
        found = [torch.nn.functional.avg_pool2d(net.hyper_encoder.pooled(features), COARSEST // _DESCRIBED)]
        for number, rate in enumerate(self.config.rates):
            levels = net.hyper_levels(features, number).float()
            found.append(torch.nn.functional.pixel_unshuffle(levels, COARSEST // rate.stride))
        return torch.cat(found, 1)

    def _split(self, heads: Tensor, rate: int) -> tuple[Tensor, NDArray[np.int64]]:
        """Features of the description, and the levels of a rate ``(d, h, w)``, from :meth:`_heads`."""
        sizes = [len(r.levels) * (COARSEST // r.stride) ** 2 for r in self.config.rates]
        pooled, *levels = heads.split([heads.shape[1] - sum(sizes), *sizes], 1)
        shuffled = torch.nn.functional.pixel_shuffle(levels[rate], COARSEST // self.config.rates[rate].stride)
        return pooled, shuffled[0].long().cpu().numpy()

    @torch.inference_mode()
    def analyse(
        self, plane: Plane, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None
    ) -> BlockOutputs:
        """Hyper-latents of all rates of the blocks of a plane, or of some tiles, with their margins."""
        return self._analysis.outputs(plane, self._heads, progress, grid.around(tiles))

    @torch.inference_mode()
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
        self._painting.check_tiles(grid)
        wanted = range(len(grid)) if tiles is None else tiles
        around = grid.around(tiles)
        blocks = len(self._analysis.blocks(self._analysis.aligned(around)))
        total = blocks + len(wanted)
        heads = self._analysis.analyse(plane, self._heads, shifted(progress, 0, total), around, known=analysed)
        chunks = []
        for done, index in enumerate(wanted):
            progress(blocks + done, total)
            part = heads[(..., *grid[index].divided(CELL).relative_to(around.divided(CELL)).slices)]
            chunks.append(self._payload(part, self.level(coding.quality)))
        progress(total, total)
        return Encoded(coding.options, chunks)

    def _payload(self, heads: Tensor, rate: int) -> bytes:
        pooled, levels = self._split(heads, rate)
        described = self.net.hyper_encoder.description(pooled.mean((2, 3)).to(self._painting.device))
        description = self.net.describer.numbers(described[..., None, None]).flatten().long().cpu().numpy()
        coded = write_levels(levels, self.tables[rate], self.config.rates[rate].levels, checkpoint)
        return write_packed(description, DESCRIBER_LEVELS) + coded

    # -- decoding ---------------------------------------------------------------------------------------

    def _read(self, payload: bytes, box: Box, rate: int) -> _Tile:
        size = description_size(self.config)
        if len(payload) < size:
            raise DamagedFileError(f"a tile of {len(payload)} bytes is shorter than its description")
        description = read_packed(payload[:size], self.config.describers, DESCRIBER_LEVELS)
        of_rate = self.config.rates[rate]
        area = self.cells(box, of_rate.stride)
        levels = read_levels(payload[size:], self.tables[rate], of_rate.levels, area.height, area.width, checkpoint)
        return _Tile(description, levels)

    def _chosen(self, coding: PlaneCoding, decoding: Any, preview: bool) -> PercoDecoding:
        """Steps and guidance, all defaults replaced by what they stand for; no steps for a preview."""
        wished = decoding or PercoDecoding()
        rate = self.config.rates[self.level(coding.quality)]
        return PercoDecoding(
            steps=0 if preview else wished.steps or rate.steps, guidance=wished.guidance or self.config.guidance
        )

    def _window(
        self,
        read_chunk: ReadChunk,
        coding: PlaneCoding,
        window: Box,
        chosen: PercoDecoding,
        sample: int,
        cache: TileCache | None,
        progress: Progress,
        show: Show,
    ) -> Tensor:
        """The latent of a window, ``(1, C, h, w)`` on the CPU."""
        progress(0, chosen.steps)
        rate, device = self.level(coding.quality), self._painting.device
        values, description = self._told(read_chunk, coding, window, cache)
        conditions = self.net.hyper_decoder(values.to(device), rate)
        if not chosen.steps:
            mean: Tensor = conditions.mean.cpu()
            return mean
        noise = normal_noise(coding.options.noise_seed + sample, self.config.latent_channels, window)
        latent: Tensor = painted(
            self.net,
            conditions,
            description.to(device),
            torch.from_numpy(noise)[None].to(device, memory_format=torch.channels_last),
            rate=rate,
            steps=chosen.steps,
            guidance=chosen.guidance,
            progress=lambda done, _: progress(1 + done, chosen.steps),
            show=show,
        )
        return latent.cpu()

    def _told(
        self, read_chunk: ReadChunk, coding: PlaneCoding, window: Box, cache: TileCache | None
    ) -> tuple[Tensor, Tensor]:
        """Hyper-latent and description under a window, ``(1, d, h, w)`` each."""
        grid, rate = coding.grid, self.level(coding.quality)
        stride, quantizer = self.config.rates[rate].stride, self.net.quantizers[rate]
        assert isinstance(quantizer, ScalarQuantizer)
        pixels = _times(window, self.config.factor)
        area, described = window.divided(stride), window.divided(_DESCRIBED)
        levels = np.empty((len(quantizer.levels), area.height, area.width), np.int64)
        descriptions = np.empty((self.config.describers, described.height, described.width), np.int64)
        for index in grid.touching(pixels):
            tile = None if cache is None else cache.get(index)
            if tile is None:
                tile = self._read(read_chunk(index), grid[index], rate)
                if cache is not None:
                    cache[index] = tile
            whole = self.cells(grid[index], stride)
            common = whole.cut(area)
            levels[(slice(None), *common.relative_to(area).slices)] = tile.levels[
                (slice(None), *common.relative_to(whole).slices)
            ]
            here = self.cells(grid[index], _DESCRIBED).cut(described).relative_to(described)
            descriptions[(slice(None), *here.slices)] = tile.description[:, None, None]
        return (
            quantizer.lookup(torch.from_numpy(levels)[None]),
            self.net.describer.lookup(torch.from_numpy(descriptions)[None]),
        )

    def symbols(
        self, read_chunk: ReadChunk, coding: PlaneCoding, tile: int, progress: Progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        """Description and hyper-latent of a tile as uint8: ``(describers,)`` and ``(d, h, w)``."""
        found = self._read(read_chunk(tile), coding.grid[tile], self.level(coding.quality))
        yield found.description.astype(np.uint8)
        yield found.levels.astype(np.uint8)

    def _bits(self, coding: PlaneCoding, tiles: TileCache) -> Callable[[], NDArray[np.float64]]:
        """Bits of the hyper-latent, spread over the latent positions each of its positions stands for."""

        def bits() -> NDArray[np.float64]:
            rate = self.level(coding.quality)
            of_rate = self.config.rates[rate]
            whole = self._painting.aligned(coding.grid.plane).divided(self.config.factor)
            found = np.zeros((whole.height, whole.width))
            for index in range(len(coding.grid)):
                here = self._painting.aligned(coding.grid[index]).divided(self.config.factor)
                of_tile = level_bits(tiles[index].levels, self.tables[rate], of_rate.levels)
                spread = of_tile.repeat(of_rate.stride, 0).repeat(of_rate.stride, 1) / of_rate.stride**2
                found[here.slices] = spread + 8 * description_size(self.config) / (here.height * here.width)
            return found

        return bits


def _times(box: Box, factor: int) -> Box:
    return Box(box.top * factor, box.left * factor, box.bottom * factor, box.right * factor)
