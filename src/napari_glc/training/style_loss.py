"""How far a picture is from the manner of a painting, and from the content of a photograph.

Content is what feature maps say at each place, style is which features occur, and which occur together, anywhere: their
means and the Gram matrix of what deviates from them (Gatys, Ecker and Bethge 2016, *Image style transfer using
convolutional neural networks*, eqs. 1 to 5; Li et al. 2017, *Demystifying neural style transfer*, for means), in the
picture and in half its size. A Gram matrix hardly knows a colour that is rare but counts, as the stars of a night;
so the colours as such are compared as well, by sliced Wasserstein distance (Rabin et al. 2012). Losses of layers are
relative, so that layers count alike whatever their sizes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ..errors import OptionError
from ..metrics.feature_distance import FeatureDistance

__all__ = ["StyleLoss", "read_painting"]

_CONTENT = (2, 3)
"""Feature maps that say what is shown: fire5 and fire7, at 1/8 and 1/16 of the resolution."""
_LONGEST = 640
"""Pixels of a painting's longer side: strokes of larger ones would be wider than the network's features see."""
_SHIFT = 16
"""The widest stride of the feature network: pictures are looked at from another one of its phases each time."""
_PHASES = 4
"""Pixels that the generator's last layer paints at once, in each direction."""
_WINDOW = 8
"""Of how many such squares, in each direction, the phases are compared."""
_COLOUR_PIXELS = 4
"""Colours are those of squares of so many pixels a side: of areas, not of texture."""
_DIRECTIONS = 16


def read_painting(path: Path, zoom: float = 1.0) -> Tensor:
    """A painting as ``(1, 3, H, W)`` in [-1, 1], its longer side at most 640 pixels, then enlarged by `zoom`.

    Raises
    ------
    OptionError
        If the file is no picture or too small.
    """
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise OptionError(f"{path} is not a picture that can be read: {error}") from error
    factor = zoom * min(1.0, _LONGEST / max(picture.size))
    size = (round(picture.width * factor), round(picture.height * factor))
    if min(size) < 64:
        raise OptionError(
            f"{path}: a painting needs at least 64 pixels on each side, not {picture.width} x {picture.height}"
        )
    pixels = torch.from_numpy(np.array(picture.resize(size, Image.Resampling.LANCZOS), np.float32))
    return pixels.permute(2, 0, 1).unsqueeze(0).div(127.5).sub(1).contiguous(memory_format=torch.channels_last)


class StyleLoss:
    """Content, style, colours and roughness of pictures, in features of SqueezeNet 1.1.

    Parameters
    ----------
    painting
        From :func:`read_painting`.
    device
        Torch device.
    """

    def __init__(self, painting: Tensor, device: torch.device) -> None:
        self._features = FeatureDistance("squeezenet").to(device).features
        painting = painting.to(device)
        with torch.no_grad():
            self._manner = [_manner(self._features(seen)) for seen in (painting, _halved(painting))]
        self._colours = _colours(painting)[0]

    def __call__(self, picture: Tensor, painted: Tensor) -> dict[str, Tensor]:
        """How far `painted` is from what is wanted.

        Parameters
        ----------
        picture, painted
            A picture and its rendering, ``(B, 3, H, W)`` in [-1, 1].

        Returns
        -------
        dict
            ``content``, ``style`` and ``colour``; ``rough``: the mean square of differences between neighbouring
            pixels; ``grid``: how much the means of the pixels at one place of the generator's squares differ from
            those at another, which no picture has and which textures are easily made of.
        """
        top, left = (int(shift) for shift in torch.randint(_SHIFT, (2,)))
        seen = painted[..., top:, left:].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            wanted = self._features(picture[..., top:, left:].contiguous(memory_format=torch.channels_last))
        got = self._features(seen)
        return {
            "content": torch.stack([_relative(got[i], wanted[i]) for i in _CONTENT]).mean(),
            "style": (self._style(got, 0) + self._style(self._features(_halved(seen)), 1)) / 2,
            "colour": self._colour(painted),
            "rough": (painted.diff(dim=2).square().mean() + painted.diff(dim=3).square().mean()) / 2,
            "grid": _grid(painted),
        }

    def _style(self, got: list[Tensor], scale: int) -> Tensor:
        pairs = zip(_manner(got), self._manner[scale], strict=True)
        distances = [
            _relative(mean, of_mean.expand_as(mean)) + _relative(gram, of_gram.expand_as(gram))
            for (mean, gram), (of_mean, of_gram) in pairs
        ]
        return torch.stack(distances).mean()

    def _colour(self, painted: Tensor) -> Tensor:
        """Squared sliced Wasserstein distance, of all pictures together.

        Along a direction, the n-th darkest area is compared with the n-th darkest.
        """
        colours = _colours(painted).flatten(0, 1)
        directions = F.normalize(torch.randn(3, _DIRECTIONS), dim=0).to(colours)
        ours = (colours @ directions).sort(dim=0).values
        theirs = (self._colours @ directions).sort(dim=0).values
        ranks = torch.linspace(0, len(theirs) - 1, len(ours), device=theirs.device).round().long()
        return F.mse_loss(ours, theirs[ranks])


def _halved(picture: Tensor) -> Tensor:
    return F.avg_pool2d(picture, 2)


def _colours(picture: Tensor) -> Tensor:
    """``(B, areas, 3)``."""
    return F.avg_pool2d(picture, _COLOUR_PIXELS).flatten(2).transpose(1, 2)


def _manner(features: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Means ``(B, C, 1)`` of each map, and mean products ``(B, C, C)`` of each two channels' deviations from them."""
    found = []
    for layer in features:
        flat = layer.float().flatten(2)
        mean = flat.mean(2, keepdim=True)
        deviation = flat - mean
        found.append((mean, deviation @ deviation.transpose(1, 2) / flat.shape[2]))
    return found


def _relative(got: Tensor, wanted: Tensor) -> Tensor:
    """Squared error in shares of what is wanted, mean over the batch."""
    error = F.mse_loss(got.float(), wanted.float(), reduction="none").flatten(1).mean(1)
    return (error / (wanted.float().square().flatten(1).mean(1) + 1e-8)).mean()


def _grid(painted: Tensor) -> Tensor:
    """Variance of the phases' local means."""
    phases = F.avg_pool2d(F.pixel_unshuffle(painted, _PHASES), _WINDOW, _WINDOW // 2)
    by_colour: Tensor = phases.unflatten(1, (painted.shape[1], _PHASES**2))
    return by_colour.var(2, correction=0).mean()
