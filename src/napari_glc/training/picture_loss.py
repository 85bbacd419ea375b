"""How far a decoded picture is from its original: absolute error, structure, features, a discriminator's doubt."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from torch import Tensor, nn

from ..metrics.feature_distance import FeatureDistance, sum_of_layers
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
        with self._autocast():
            with torch.no_grad():
                wanted = self.distance.features(picture)
            got = self.distance.features(restored)
        feature = sum_of_layers(got, wanted).mean() / len(got)
        loss = stage.l1 * absolute + stage.feature * feature
        record = {"l1": float(absolute.detach()), "feature": float(feature.detach())}
        if stage.structure > 0:
            structure = 1 - ms_ssim(_in_unit_range(restored), _in_unit_range(picture), data_range=1.0)
            loss = loss + stage.structure * structure
            record["structure"] = float(structure.detach())
        if stage.texture > 0:
            if sigma is None:
                sigma = torch.full((len(picture),), stage.sigma, device=self.device)
            texture = texture_distance([restored, *got], [picture, *wanted], sigma).mean()
            loss = loss + stage.texture * texture
            record["texture"] = float(texture.detach())
        error = float((restored.detach().clamp(-1, 1) - picture).square().mean())
        record["psnr"] = -10 * math.log10(error / 4 + 1e-9)
        if stage.adversarial > 0 and step >= stage.adversarial_from - DISCRIMINATOR_LEAD:
            record["discriminator"] = self._teach_discriminator(rate, picture, restored.detach())
            if step >= stage.adversarial_from:
                adversarial, factor = self._adversarial(loss, restored)
                loss = loss + stage.adversarial * factor * adversarial
                record |= {"adversarial": float(adversarial.detach()), "factor": float(factor)}
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

    def _adversarial(self, loss: Tensor, restored: Tensor) -> tuple[Tensor, Tensor]:
        """Hinge loss of the generator and its adaptive factor: the ratio of gradients at the picture.

        Esser et al. 2021, eq. 7, and Mao et al., eq. 8, take the gradients at the generator's last layer;
        taken at the picture itself they cost no second backward pass through it.
        """
        self.discriminator.requires_grad_(False)
        with self._autocast():
            adversarial = -self.discriminator(restored).float().mean()
        self.discriminator.requires_grad_(True)
        of_loss = torch.autograd.grad(loss, restored, retain_graph=True)[0].norm()
        of_adversarial = torch.autograd.grad(adversarial, restored, retain_graph=True)[0].norm()
        return adversarial, (of_loss / (of_adversarial + 1e-8)).clamp(0, 1e4).detach()


def _in_unit_range(x: Tensor) -> Tensor:
    return x.add(1).mul(0.5).contiguous(memory_format=torch.channels_last)
