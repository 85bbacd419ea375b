"""Training of ``vqgan`` models: autoencoder, codebooks of all sizes, index transformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...networks.config import VqganConfig
from ...networks.index_map import IndexMapNetwork
from ...networks.vector_quantizer import VectorQuantizer, cluster_codebook
from ...training.codebook import COMMITMENT, CodebookAverager, flat_positions
from ...training.config import Natural, Share, StageConfig
from ...training.trainer import Trainer
from .index_map_crops import IndexMapCrops, index_maps

__all__ = ["VqganStage", "VqganTrainer"]


class VqganStage(StageConfig, frozen=True, kw_only=True):
    """One stage; see also :class:`~napari_glc.training.config.StageConfig`.

    Parameters
    ----------
    name
        ``autoencoder``: with one large codebook; ``codebooks``: all sizes, from clusters of the first;
        ``generator``: the generator alone; ``transformer``: over index maps, all else frozen, with `crop` in indices.
    quantised
        ``autoencoder``: share of the pictures that pass the codebook.
    codebook_from
        ``autoencoder``: step at which the codebook is initialised from latents.
    backward
        ``transformer``: share of the maps read backwards.
    masked
        ``transformer``: share of the maps in which indices are hidden from the context.
    """

    name: Literal["autoencoder", "codebooks", "generator", "transformer"]
    quantised: Share = 0.5
    codebook_from: Natural = 600
    backward: Share = 0.35
    masked: Share = 0.35

    def shortened(self, steps: int) -> Self:
        """See :meth:`StageConfig.shortened`."""
        short = super().shortened(steps).replaced(codebook_from=1)
        return short.replaced(crop=8) if self.name == "transformer" else short


class VqganTrainer(Trainer[IndexMapNetwork, VqganStage]):
    """See :class:`~napari_glc.training.trainer.Trainer`.

    The first stage learns one large codebook. At its end the codebooks that ship are K-means centroids of it (Mao
    et al., section 3.2); the second stage fine-tunes them together with encoder and generator.
    """

    stage_config = VqganStage
    eight_bit_parts = ("encoder.", "generator.", "transformer.")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        inner = self.net.config.autoencoder
        self.trained = VectorQuantizer(inner.codewords, inner.latent_channels)
        self.averager = CodebookAverager(self.trained)
        self.averagers = [CodebookAverager(self.net.codebook(i)) for i in range(len(self.net.codebooks))]

    def build(self) -> IndexMapNetwork:
        """The network with random weights."""
        assert isinstance(self.config.network, VqganConfig)
        return IndexMapNetwork(self.config.network)

    def learning(self, stage: VqganStage) -> list[nn.Parameter]:
        """Enter a stage: which parameters learn in it."""
        net = self.net.requires_grad_(False)
        if stage.name == "transformer":
            assert net.transformer is not None
            net.transformer.requires_grad_(True)
        else:
            net.generator.requires_grad_(True)
            net.encoder.requires_grad_(stage.name in ("autoencoder", "codebooks"))
            if net.config.conditioned:
                net.level_bias.requires_grad_(stage.name in ("codebooks", "generator"))
        return [p for p in net.parameters() if p.requires_grad]

    def copied(self, net: IndexMapNetwork) -> list[Tensor]:
        """The codebooks."""
        return [net.codebook(i).embedding.weight for i in range(len(net.codebooks))]

    def batches(self, stage: VqganStage, seed: int) -> Callable[[int], Tensor]:
        """Crops of pictures, or of index maps for the transformer."""
        if stage.name != "transformer":
            return super().batches(stage, seed)
        maps = index_maps(self.average, self.pictures, self.folder / "index_maps.pt", self.config.data.zoom)
        return IndexMapCrops(maps, self.net.config.codebooks, stage.crop, stage.batch, seed)

    def loss(self, stage: VqganStage, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch and its parts."""
        if stage.name == "transformer":
            return self._transformer_loss(stage, batch)
        with self.autocast():
            latent = self.net.analyse(batch)
        latent = latent.float()
        quantised = self._through_one if stage.name == "autoencoder" else self._through_all
        decoded, level, commitment, record = quantised(stage, latent)
        with self.autocast():
            restored = self.net.generate(decoded, level)
        loss, parts = self.compare(stage, batch, restored)
        return loss + COMMITMENT * commitment, record | parts

    def _through_one(self, stage: VqganStage, latent: Tensor) -> tuple[Tensor, Tensor | int, Tensor, dict[str, float]]:
        """Part of the latents through the large codebook."""
        generator = torch.Generator().manual_seed(self.step)
        flat = flat_positions(latent)
        if not self.averager.ready:
            if self.step < stage.codebook_from:
                return latent, 0, latent.new_zeros(()), {}
            self.averager.initialise(flat, generator)
        indices = self.trained.indices(latent.cpu())
        codewords = self.trained.lookup(indices).to(latent.device)
        self.averager.update(flat, indices.flatten(), generator)
        commitment = (latent - codewords).square().mean()
        passes = torch.arange(len(latent), device=latent.device) < round(stage.quantised * len(latent))
        decoded = torch.where(passes.view(-1, 1, 1, 1), latent + (codewords - latent).detach(), latent)
        record = {"commitment": float(commitment.detach()), "perplexity": self.averager.perplexity()}
        return decoded, 0, commitment, record

    def _through_all(self, stage: VqganStage, latent: Tensor) -> tuple[Tensor, Tensor | int, Tensor, dict[str, float]]:
        """Every crop through a codebook of another size; all codebooks follow all latents."""
        count = len(self.net.codebooks)
        flat = flat_positions(latent)
        generator = torch.Generator().manual_seed(self.step)
        levels = torch.cat([torch.randperm(count, generator=generator) for _ in range(-(-len(latent) // count))])
        levels = levels[: len(latent)]
        codewords = torch.empty_like(latent)
        for level, averager in enumerate(self.averagers):
            codebook = self.net.codebook(level)
            indices = codebook.indices(latent)
            codewords[levels == level] = codebook.lookup(indices[levels == level])
            if stage.name == "codebooks":
                averager.update(flat, indices.flatten().cpu(), generator)
        errors = (latent - codewords).square().mean((1, 2, 3))
        record = {"commitment": float(errors.detach().mean()), "perplexity": self.averagers[-1].perplexity()}
        return latent + (codewords - latent).detach(), levels.to(latent.device), errors.mean(), record

    def _transformer_loss(self, stage: VqganStage, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Negative log-likelihood of index maps (Mao et al., eq. 9), forwards and backwards.

        The last entry of the batch tells the rate level.
        """
        transformer = self.net.transformer
        assert transformer is not None
        level, maps = int(batch[-1, 0, 0]), batch[:-1].to(self.device)
        backward = torch.arange(len(maps), device=self.device) < round(stage.backward * len(maps))
        maps = torch.where(backward.view(-1, 1, 1), maps.flip(1, 2), maps)
        generator = torch.Generator().manual_seed(self.step)
        hides = torch.rand(len(maps), 1, 1, generator=generator) < stage.masked
        share = torch.rand(len(maps), 1, 1, generator=generator) * 0.8 * hides
        hidden = (torch.rand(maps.shape, generator=generator) < share).to(self.device)
        with self.autocast():
            features = transformer.map_features(maps.masked_fill(hidden, -1), level, backward.long())
            logits = transformer.logits(features, level)
        each = F.cross_entropy(logits.float().flatten(0, 2), maps.flatten(), reduction="none").view(len(maps), -1)
        clean = each.detach()[~hides.flatten().to(self.device) & ~backward].mean() / torch.log(torch.tensor(2.0))
        return each.mean(), {"level": float(level), "bits": float(clean)}

    # -- stages and checkpoints -----------------------------------------------------------------------

    def finish_stage(self, stage: VqganStage) -> None:
        """Derive the codebooks from the trained one."""
        if stage.name != "autoencoder":
            return
        with torch.no_grad():
            for averager in self.averagers:
                codebook = averager.quantizer
                codewords = cluster_codebook(self.trained.embedding.weight, codebook.size, seed=self.config.seed)
                codebook.embedding.weight.copy_(codewords)
                averager.sums, averager.counts = codewords.clone(), torch.ones(codebook.size)
            for mine, its in zip(self.copied(self.average), self.copied(self.net), strict=True):
                mine.copy_(its)

    def extra_state(self) -> dict[str, Any]:
        """The large codebook and all running means."""
        return {
            "trained": self.trained.state_dict(),
            "averager": self.averager.state_dict(),
            "averagers": [averager.state_dict() for averager in self.averagers],
        }

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`extra_state`."""
        self.trained.load_state_dict(state["trained"])
        self.averager.load_state_dict(state["averager"])
        for averager, its in zip(self.averagers, state["averagers"], strict=True):
            averager.load_state_dict(its)
