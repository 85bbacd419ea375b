"""How far a picture is from the manner of a painting, and from the content of a photograph.

Gatys, Ecker and Bethge 2016 (*Image style transfer using convolutional neural networks*, eqs. 1 to 5): content is what
feature maps say at each place, style is which features occur together anywhere, their Gram matrix. Losses of layers are
relative here, so that layers count alike whatever their sizes.
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
    """Content, style and roughness of pictures, in features of SqueezeNet 1.1.

    Parameters
    ----------
    painting
        From :func:`read_painting`.
    device
        Torch device.
    """

    def __init__(self, painting: Tensor, device: torch.device) -> None:
        self._features = FeatureDistance("squeezenet").to(device).features
        with torch.no_grad():
            self._manner = [_gram(f.float()) for f in self._features(painting.to(device))]

    def __call__(self, picture: Tensor, painted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Content, style and roughness of `painted`, a rendering of `picture`; both ``(B, 3, H, W)`` in [-1, 1]."""
        with torch.no_grad():
            wanted = self._features(picture)
        got = self._features(painted)
        content = torch.stack([_relative(got[i], wanted[i]) for i in _CONTENT]).mean()
        pairs = zip(got, self._manner, strict=True)
        style = torch.stack([_relative(_gram(f), g.expand(len(f), -1, -1)) for f, g in pairs]).mean()
        rough = (painted.diff(dim=2).square().mean() + painted.diff(dim=3).square().mean()) / 2
        return content, style, rough


def _gram(features: Tensor) -> Tensor:
    """Mean products of each two channels, ``(B, C, C)``."""
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def _relative(got: Tensor, wanted: Tensor) -> Tensor:
    """Squared error in shares of what is wanted, mean over the batch."""
    error = F.mse_loss(got.float(), wanted.float(), reduction="none").flatten(1).mean(1)
    return (error / (wanted.float().square().flatten(1).mean(1) + 1e-8)).mean()
