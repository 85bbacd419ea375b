"""PerCo (SD): an index map and a caption, and Stable Diffusion paints a picture that fits both.

The autoencoder normalises over the picture, so planes are analysed and generated as a whole; only the denoiser works in
windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.interruption import watch
from ..._base.progress import Progress, shifted
from ...container import Box, TileGrid
from ...entropy.uniform import read_uniform, write_uniform
from ...errors import DamagedFileError, ModelError, OptionError
from ...models import ModelFile
from ...networks.perco_config import PercoConfig
from ...networks.perco_published import PublishedPerco
from ...networks.unfilled import unfilled
from ..base import Encoded, Plane, PlaneCoding, ReadChunk, TileCache
from ..blocks import BlockOutputs, BlockWalk
from .byte_pairs import BytePairs
from .caption import pack_caption, unpack_caption
from .captioning import captioned
from .ddim import sampled
from .noise import normal_noise
from .options import PercoDecoding
from .painted import CELL, COARSEST, PaintedCodec, Show

__all__ = ["PublishedPercoCodec"]


class PublishedPercoCodec(PaintedCodec):
    """Painting codec with one published checkpoint, all of whose networks are in one model file.

    Parameters
    ----------
    model
        A model file of this codec.
    device
        Torch device of the networks; noise and coding of indices are made on the CPU.
    """

    def __init__(self, model: ModelFile, device: str = "cpu") -> None:
        config = model.network_config(PercoConfig).published
        if config is None:
            raise ModelError(f"{model.path} is no published model")
        with unfilled():
            self.net = PublishedPerco(config)
        self.net.load_state_dict(model.load(), strict=True, assign=True)
        self.pairs = BytePairs(
            [(int(first), int(second)) for first, second in self.net.merges.tolist()], config.text_pad
        )
        self.net.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        watch(self.net)
        self.config = config
        self._analysis = BlockWalk(CELL, CELL, analysis_margin=None, synthesis_margin=None, device=device)
        factor = config.autoencoder.factor
        painting = BlockWalk(factor, CELL, analysis_margin=None, synthesis_margin=None, device=device)
        super().__init__(config.latent_channels, painting, self.net.autoencoder.generate)

    # -- rate -------------------------------------------------------------------------------------------

    def level(self, quality: float) -> int:
        """A checkpoint has one rate."""
        return 0

    def qualities(self) -> list[float]:
        """One, and any other is the same."""
        return [0.0]

    # -- encoding ---------------------------------------------------------------------------------------

    def _indices(self, picture: Tensor) -> Tensor:
        """The index map, its positions as channels of the coarsest grid: ``(1, n, H / 64, W / 64)``."""
        indices = self.net.hyper_encoder.indices(self.net.autoencoder.analyse(picture))
        return torch.nn.functional.pixel_unshuffle(indices[:, None].float(), COARSEST // self.config.stride)

    @torch.inference_mode()
    def analyse(
        self, plane: Plane, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None
    ) -> BlockOutputs:
        """The index map of the plane."""
        return self._analysis.outputs(plane, self._indices, progress, grid.around(tiles))

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
        found = self._analysis.analyse(plane, self._indices, shifted(progress, 0, 2), around, known=analysed)
        chunks = []
        for index in wanted:
            part = found[(..., *grid[index].divided(CELL).relative_to(around.divided(CELL)).slices)]
            indices = torch.nn.functional.pixel_shuffle(part, COARSEST // self.config.stride)[0, 0]
            chunks.append(write_uniform(indices.long().cpu().numpy(), self.config.codewords))
        progress(2, 2)
        return Encoded(coding.options, chunks)

    def plane_stream(self, plane: Plane, coding: PlaneCoding, progress: Progress) -> bytes:
        """The caption: as typed, or what a captioning model says of the plane.

        Raises
        ------
        OptionError
            If it is no text, or longer than the model can be told.
        MissingDependencyError, ModelError
            If a captioning model cannot be loaded.
        """
        options = coding.options
        text = options.caption.strip()
        if options.captioner:
            text = self._shortened(captioned(plane, options.captioner, self._painting.device))
        packed = pack_caption(text)
        try:
            self._tokens(text)
        except ValueError as error:
            raise OptionError(f"the caption is too long for the model: {error}") from error
        return packed

    def _shortened(self, text: str) -> str:
        """As many whole words of a text nobody typed as the model can be told."""
        words = text.split()
        while words:
            try:
                self._tokens(" ".join(words))
                break
            except ValueError:
                words.pop()
        return " ".join(words)

    def _tokens(self, text: str) -> list[int]:
        return self.pairs.framed(text, self.config.text_length)

    # -- decoding ---------------------------------------------------------------------------------------

    def _chosen(self, coding: PlaneCoding, decoding: Any, preview: bool) -> PercoDecoding:
        wished = decoding or PercoDecoding()
        if preview:  # without the caption: what hyper indices alone tell
            return PercoDecoding(steps=1, guidance=1.0)
        return PercoDecoding(steps=wished.steps or self.config.steps, guidance=wished.guidance or self.config.guidance)

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
        progress(0, chosen.steps)
        device = self._painting.device
        indices = torch.from_numpy(self._map(read_chunk, coding, window, cache))[None]
        hyper = self.net.hyper_encoder.quantizer.lookup(indices.to(device))
        text = unpack_caption(coding.plane_stream)
        told, untold = (self._states(words, cache) for words in (text, ""))
        noise = normal_noise(coding.options.noise_seed + sample, self.config.latent_channels, window)
        latent = sampled(
            self.config,
            partial(self._denoised, hyper),
            torch.from_numpy(noise)[None].to(device, memory_format=torch.channels_last),
            told if text else untold,
            untold if text and chosen.guidance != 1 else None,
            steps=chosen.steps,
            guidance=chosen.guidance,
            progress=lambda done, _: progress(1 + done, chosen.steps),
            show=show,
        )
        return latent.cpu()

    def _denoised(self, hyper: Tensor, noisy: Tensor, step: Tensor, words: Tensor) -> Tensor:
        predicted: Tensor = self.net.unet(noisy, hyper.expand(len(noisy), -1, -1, -1), step, words)
        return predicted

    def _states(self, text: str, cache: TileCache | None) -> Tensor:
        """States of the text encoder.

        Raises
        ------
        DamagedFileError
            If the file's caption is longer than any the model can be told.
        """
        key = ("caption", text)
        if cache is not None and key in cache:
            found: Tensor = cache[key]
            return found
        try:
            tokens = torch.tensor([self._tokens(text)], device=self._painting.device)
        except ValueError as error:
            raise DamagedFileError(f"the caption is too long for the model: {error}") from error
        states: Tensor = self.net.text_encoder(tokens)
        if cache is not None:
            cache[key] = states
        return states

    def _map(
        self, read_chunk: ReadChunk, coding: PlaneCoding, window: Box, cache: TileCache | None
    ) -> NDArray[np.int64]:
        """The index map under a window."""
        grid, stride = coding.grid, self.config.stride
        area = window.divided(stride)
        indices = np.empty((area.height, area.width), np.int64)
        pixels = Box(*(side * self.factor for side in (window.top, window.left, window.bottom, window.right)))
        for index in grid.touching(pixels):
            tile = self._tile(read_chunk, coding, index, cache)
            whole = self.cells(grid[index], stride)
            common = whole.cut(area)
            indices[common.relative_to(area).slices] = tile[common.relative_to(whole).slices]
        return indices

    def _tile(
        self, read_chunk: ReadChunk, coding: PlaneCoding, index: int, cache: TileCache | None
    ) -> NDArray[np.int64]:
        """The index map of a tile."""
        found: NDArray[np.int64] | None = None if cache is None else cache.get(index)
        if found is None:
            area = self.cells(coding.grid[index], self.config.stride)
            read = read_uniform(read_chunk(index), area.height * area.width, self.config.codewords)
            found = read.reshape(area.height, area.width)
            if cache is not None:
                cache[index] = found
        return found

    def symbols(
        self, read_chunk: ReadChunk, coding: PlaneCoding, tile: int, progress: Progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        """The index map of a tile as uint16, ``(h, w)``."""
        yield self._tile(read_chunk, coding, tile, None).astype(np.uint16)

    # -- rate exploration -------------------------------------------------------------------------------

    def _bits(self, coding: PlaneCoding, tiles: TileCache) -> Callable[[], NDArray[np.float64]]:
        """The same everywhere: all indices are equally likely."""

        def bits() -> NDArray[np.float64]:
            whole = self._painting.aligned(coding.grid.plane).divided(self.factor)
            each = 64 * self.config.hyper_bpp
            return np.full((whole.height, whole.width), each)

        return bits
