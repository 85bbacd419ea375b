"""How far a decoded picture is from its original: absolute error, structure, features, a discriminator's doubt."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from torch import Tensor, nn

from ..metrics.feature_distance import FeatureDistance
from ..metrics.layer_distance import Reference, layer_distance
from ..metrics.views import AS_IT_IS, VIEWS
from .config import StageConfig
from .discriminator import FeatureDiscriminator, PatchDiscriminator
from .texture_loss import texture_distance

__all__ = ["PictureLoss"]

DISCRIMINATOR_LEAD = 500
"""Steps the discriminator learns before the generator hears of it."""


class PictureLoss:
    """Loss of decoded pictures; owns the discriminator and its optimiser.

    Parameters
    ----------
    features
        Folder of the feature networks; if there is none, those of the package serve.
    device
        Torch device.
    projected
        Whether the discriminator sees features instead of pixels.
    """

    def __init__(self, features: Path, device: torch.device, *, projected: bool = False) -> None:
        self.device = device
        # those that come with the package are the same in half precision
        self.distance = FeatureDistance("squeezenet", features if features.is_dir() else None).to(device)
        self.discriminator: nn.Module = (
            FeatureDiscriminator(self.distance.features) if projected else PatchDiscriminator()
        )
        self.discriminator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(
            self.discriminator.parameters(), lr=1e-4, betas=(0.5, 0.95), weight_decay=0.0, fused=device.type != "mps"
        )

    def __call__(
        self,
        stage: StageConfig,
        step: int,
        rate: float,
        picture: Tensor,
        restored: Tensor,
        sigma: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, float]]:
        """Loss and its parts for the log.

        Parameters
        ----------
        stage
            Weights of the parts.
        step
            Step within the stage.
        rate
            Learning rate of the discriminator in this step.
        picture, restored
            ``(B, 3, H, W)`` in [-1, 1].
        sigma
            Over how many pixels the texture of each picture is free, ``(B,)``, if not as the stage says.
        """
        absolute = F.l1_loss(restored, picture)
        view = VIEWS[step % len(VIEWS)] if stage.views else AS_IT_IS
        seen, its = view(restored), view(picture)
        with self._autocast():
            with torch.no_grad():
                wanted = self.distance.features(its)
            got = self.distance.features(seen)
        feature = torch.stack([_mean_distance(a, b) for a, b in zip(got, wanted, strict=True)]).mean()
        loss = stage.l1 * absolute + stage.feature * feature
        record = {"l1": float(absolute.detach()), "feature": float(feature.detach())}
        if stage.structure > 0:
            structure = 1 - ms_ssim(_in_unit_range(restored), _in_unit_range(picture), data_range=1.0)
            loss = loss + stage.structure * structure
            record["structure"] = float(structure.detach())
        if stage.texture > 0:
            if sigma is None:
                sigma = torch.full((len(picture),), stage.sigma, device=self.device)
            texture = texture_distance([seen, *got], [its, *wanted], sigma).mean()
            loss = loss + stage.texture * texture
            record["texture"] = float(texture.detach())
        error = float((restored.detach().clamp(-1, 1) - picture).square().mean())
        record["psnr"] = -10 * math.log10(error / 4 + 1e-9)
        if stage.adversarial > 0 and step >= stage.adversarial_from - DISCRIMINATOR_LEAD:
            record["discriminator"] = self._teach_discriminator(rate, picture, restored.detach())
            if step >= stage.adversarial_from:
                adversarial, factor, pull = self._adversarial(stage.adversarial, loss, restored)
                loss = (loss + stage.adversarial * factor * adversarial).detach() + _pulled(restored, pull)
                record |= {"adversarial": float(adversarial), "factor": float(factor)}
        return loss, record

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)

    def _teach_discriminator(self, rate: float, real: Tensor, fake: Tensor) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self._autocast():
            scores = self.discriminator(torch.cat((real, fake)).contiguous(memory_format=torch.channels_last))
        on_real, on_fake = scores.float().chunk(2)
        loss = 0.5 * (F.relu(1 - on_real).mean() + F.relu(1 + on_fake).mean())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _adversarial(self, weight: float, loss: Tensor, restored: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Hinge loss of the generator, its adaptive factor, and the gradient of the whole at the picture.

        The factor is the ratio of gradients. Esser et al. 2021, eq. 7, and Mao et al., eq. 8, take them at the
        generator's last layer; at the picture itself they need no second backward pass through it, and nothing else
        goes backward through features and discriminator twice.
        """
        self.discriminator.requires_grad_(False)
        with self._autocast():
            adversarial = -self.discriminator(restored).float().mean()
        self.discriminator.requires_grad_(True)
        (of_loss,) = torch.autograd.grad(loss, restored)
        (of_adversarial,) = torch.autograd.grad(adversarial, restored)
        factor = (of_loss.norm() / (of_adversarial.norm() + 1e-8)).clamp(0, 1e4)
        return adversarial.detach(), factor, of_loss + weight * factor * of_adversarial


def _mean_distance(got: Tensor, wanted: Tensor) -> Tensor:
    """Mean over a batch and all positions of the distance of a layer."""
    weights = torch.full((1, 1), got.shape[1] / got.numel(), device=got.device)
    return layer_distance(got, Reference.of(wanted), weights)


def _pulled(picture: Tensor, gradient: Tensor) -> Tensor:
    """Zero, with this gradient at the picture."""
    product = (picture * gradient).sum()
    return product - product.detach()


def _in_unit_range(x: Tensor) -> Tensor:
    return x.add(1).mul(0.5).contiguous(memory_format=torch.channels_last)
