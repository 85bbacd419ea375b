"""Networks over planes of any size, block by block.

A block is computed with a margin as wide as the influence of a pixel (or latent position) reaches, so blocks
bound the memory and change nothing. Networks that normalise over the whole picture, as published ones do, have no such
width: their planes are one block, and a limit bounds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from .._base.progress import Progress
from .._base.threads import side_by_side
from ..container import BLOCK, Box, TileGrid
from ..container.limits import LIMITS_VARIABLE, get_limits
from ..errors import LimitError, OptionError
from ..imaging.planes import padded_crop
from .base import Plane

__all__ = ["BLOCK", "BlockOutputs", "BlockWalk"]

_I = TypeVar("_I")
_R = TypeVar("_R")


class BlockOutputs:
    """What a network gave for the blocks of a walk, for later walks over the same blocks.

    Parameters
    ----------
    outputs
        One ``(1, C, h, w)`` for each block.
    """

    def __init__(self, outputs: Sequence[Tensor]) -> None:
        self._outputs = tuple(outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    @property
    def blocks(self) -> tuple[Tensor, ...]:
        """The outputs."""
        return self._outputs

    @property
    def nbytes(self) -> int:
        """Memory."""
        return sum(output.nbytes for output in self._outputs)

    def __getitem__(self, block: int) -> Tensor:
        return self._outputs[block]


class BlockWalk:
    """Applies analysis and synthesis networks to whole planes.

    Parameters
    ----------
    factor
        Pixels per latent position.
    step
        Pixels to whose multiples blocks and tiles are aligned.
    analysis_margin, synthesis_margin
        Pixels around a block, multiples of `factor`, that influence it; ``None`` if the whole plane does.
    device
        Torch device of the networks.
    """

    def __init__(
        self,
        factor: int,
        step: int,
        *,
        analysis_margin: int | None,
        synthesis_margin: int | None,
        device: str | torch.device,
    ) -> None:
        self.factor, self.step = factor, step
        self.analysis_margin, self.synthesis_margin = analysis_margin, synthesis_margin
        self.device = torch.device(device)

    def check_tiles(self, grid: TileGrid) -> None:
        """Refuse tiles that are not aligned.

        Raises
        ------
        OptionError
            If their sides are not whole steps.
        """
        if grid.tile % self.step:
            raise OptionError(f"tiles of this model have sides of multiples of {self.step}, not {grid.tile}")

    def aligned(self, box: Box) -> Box:
        """A box grown right and down to whole steps."""
        cells = box.divided(self.step)
        return Box(cells.top * self.step, cells.left * self.step, cells.bottom * self.step, cells.right * self.step)

    def blocks(self, box: Box) -> list[Box]:
        """Rows of blocks that cover an aligned box."""
        if self.analysis_margin is None:
            return [box]
        return box.pieces(BLOCK)

    def seen(self, box: Box, whole: Box) -> Box:
        """The part of a plane on which the pixels of `box` depend.

        Raises
        ------
        LimitError
            If that is a plane too large to be seen as a whole.
        """
        return self._around(self.aligned(box), self.synthesis_margin, self.aligned(whole))

    def analysed(self, block: Box, whole: Box) -> Box:
        """The part of an aligned plane on which the latent under an aligned block depends.

        Raises
        ------
        LimitError
            As for :meth:`seen`.
        """
        return self._around(block, self.analysis_margin, whole)

    @staticmethod
    def _around(block: Box, margin: int | None, whole: Box) -> Box:
        if margin is not None:
            return block.grown(margin, whole)
        limit = get_limits().whole_plane
        if whole.height * whole.width > limit:
            side = int(limit**0.5) // 64 * 64
            raise LimitError(
                f"this model sees a plane as a whole, at about 2 kB of memory for each pixel, and {whole.height} x "
                f"{whole.width} pixels are beyond the limit of {limit}: cut the picture into parts of at most {side} x "
                f"{side} pixels, take an embedded model, or, with that much memory, set "
                f"{LIMITS_VARIABLE}=whole_plane=NUMBER in the environment"
            )
        return whole

    def analyse(
        self,
        plane: Plane,
        network: Callable[[Tensor], Tensor],
        progress: Progress,
        box: Box | None = None,
        *,
        known: BlockOutputs | None = None,
        then: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Outputs ``(1, C, H/f, W/f)`` of a network for a plane or a part of it, on the CPU.

        Parameters
        ----------
        plane
            ``(H, W, 3)`` uint8.
        network
            From pictures ``(1, 3, h, w)`` in [-1, 1] to ``(1, C, h/f, w/f)``.
        progress
            See :data:`~napari_glc._base.progress.Progress`.
        box
            The part, its corner on whole steps; ``None`` for the plane. More of the plane is seen.
        known
            What the network gave for these blocks before; it is not asked again.
        then
            A second network, which goes on with the outputs of the first; those of the second are wanted.
        """
        whole = self.aligned(Box(0, 0, *plane.shape[:2]))
        part = whole if box is None else self.aligned(box)
        size = part.divided(self.factor)
        result: Tensor | None = None

        blocks = self.blocks(part)

        def computed(number: int) -> Tensor:
            if known is None:
                crop = padded_crop(plane, self.analysed(blocks[number], whole))
                out = network(_to_tensor(crop).to(self.device))
            else:
                out = known[number]
            return out if then is None else then(out)

        for done, block in enumerate(blocks):
            progress(done, len(blocks))
            seen = self.analysed(block, whole)
            out = self._alone(computed, done, self.analysis_margin)
            if result is None:
                result = torch.empty(1, out.shape[1], size.height, size.width, dtype=out.dtype)
            inner = block.divided(self.factor).relative_to(seen.divided(self.factor))
            place = block.relative_to(part).divided(self.factor)
            result[(..., *place.slices)] = out[(..., *inner.slices)].cpu()
        assert result is not None
        return result

    def outputs(
        self, plane: Plane, network: Callable[[Tensor], Tensor], progress: Progress, box: Box | None = None
    ) -> BlockOutputs:
        """Outputs of a network for every block of :meth:`analyse`, each with its margin."""
        kept: list[Tensor] = []

        def keep(x: Tensor) -> Tensor:
            kept.append(network(x))
            return kept[-1]

        self.analyse(plane, keep, progress, box)
        return BlockOutputs(kept)

    def synthesise(
        self, box: Box, whole: Box, latent: Callable[[Box], Tensor], network: Callable[[Tensor], Tensor], step: Progress
    ) -> Plane:
        """Pixels ``(box.height, box.width, 3)`` uint8 of a region.

        Parameters
        ----------
        box, whole
            The region, and the plane it is part of.
        latent
            Returns the latent ``(1, C, h, w)`` of a box of latent positions.
        network
            From latents to pictures in [-1, 1].
        step
            Called with blocks done and in all.
        """

        def painted(part: Tensor) -> Plane:
            return _to_pixels(network(part.to(self.device)))

        blocks = self.blocks(self.aligned(box))
        pixels = np.empty((box.height, box.width, 3), np.uint8)
        for done, block in enumerate(blocks):
            step(done, len(blocks))
            around = self._around(block, self.synthesis_margin, self.aligned(whole))
            picture = self._alone(painted, latent(around.divided(self.factor)), self.synthesis_margin)
            wanted = block.cut(box)
            pixels[wanted.relative_to(box).slices] = picture[wanted.relative_to(around).slices]
        return pixels

    def _alone(self, work: Callable[[_I], _R], item: _I, margin: int | None) -> _R:
        """What networks compute of a block, in threads of our own; those that see whole planes have PyTorch's.

        The layers of the latter are few and large.
        """
        if margin is None or self.device.type != "cpu":
            return work(item)
        (result,) = side_by_side(work, [item])
        return result


def _to_tensor(pixels: Plane) -> Tensor:
    """``(H, W, 3)`` uint8 to ``(1, 3, H, W)`` float32 in [-1, 1], channels last in memory."""
    scaled = torch.from_numpy(pixels.astype(np.float32))
    return scaled.permute(2, 0, 1).unsqueeze(0).div_(127.5).sub_(1)


def _to_pixels(picture: Tensor) -> Plane:
    """``(1, 3, H, W)`` in [-1, 1] to ``(H, W, 3)`` uint8, rounded."""
    scaled = picture[0].permute(1, 2, 0).add(1).mul_(127.5).round_().clamp_(0, 255)
    pixels: Plane = scaled.to(torch.uint8).cpu().numpy()
    return pixels
