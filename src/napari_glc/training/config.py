"""What a training does, as documented dataclasses read from one TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import OptionError
from ..networks.config import GlcConfig, VqganConfig
from ..networks.kl_config import KlConfig

__all__ = ["DataConfig", "StageConfig", "TrainingConfig", "embedded_config"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the pictures come from and how they are cut.

    Parameters
    ----------
    archive, index
        Tar file of pictures and its CSV index (columns ``member`` and ``kind``).
    features
        Folder with the feature networks of the perceptual loss.
    extra_archive, extra_index
        A second tar file and index (columns ``repository`` and ``path`` as well), by which whole originals are held
        out; none if empty.
    extra_times
        How often each picture of it counts.
    zoom
        Least and greatest magnification of a crop.
    """

    archive: Path = Path("train.tar")
    index: Path = Path("train_index.csv")
    extra_archive: Path | None = None
    extra_index: Path | None = None
    extra_times: int = 1
    features: Path = Path("perceptual")
    zoom: tuple[float, float] = (0.8, 1.6)


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stage of the training.

    Parameters
    ----------
    name
        For ``glc``: ``autoencoder`` (reconstruction through the codebook), ``latent`` (transform coding of the
        frozen autoencoder's latent), ``joint`` (everything, with pixel losses). For ``vqgan``: ``autoencoder``,
        ``codebooks`` (all sizes, from clusters of the first), ``generator`` (the generator alone),
        ``transformer`` (over index maps; all else frozen). For ``kl``: ``autoencoder`` and ``generator``.
    steps, batch, crop
        Optimiser steps, crops a step, side of a crop in pixels (``transformer``: in indices).
    learning_rate, warmup, weight_decay
        Peak of a cosine schedule, the steps of its linear rise, decoupled weight decay.
    l1, feature, structure, adversarial, code, latent
        Weights of the absolute error, the SqueezeNet feature distance, one minus MS-SSIM (crops of at least
        161 pixels), the adversarial loss (times its adaptive factor), the code-prediction cross-entropy and
        the relative latent error.
    adversarial_from
        Step at which the adversarial loss sets in; the discriminator learns from 500 steps earlier.
    preview
        Weight of the error of the latent decoded from the hyper-prior alone, relative to `latent`.
    quantised
        Share of the pictures that pass the codebook in the autoencoder stage.
    codebook_from
        Step at which the codebook is initialised from latents.
    target_bpp
        Estimated rate each rate point is steered to, by adapting its Lagrange multiplier; empty in the
        autoencoder stage.
    steer
        Relative step of that adaptation.
    backward
        ``transformer``: share of the maps read backwards.
    masked
        ``transformer``: share of the maps in which indices are hidden from the context.
    kl
        ``kl``: weight of the posterior's divergence from a standard normal, mean over the latent, in nats.
    noise
        ``kl``: greatest deviation of the noise that half of the crops get on their latent, in deviations of the
        latent.
    """

    name: Literal["autoencoder", "latent", "joint", "codebooks", "generator", "transformer"]
    steps: int
    batch: int = 8
    crop: int = 256
    learning_rate: float = 4e-4
    warmup: int = 200
    weight_decay: float = 0.0
    l1: float = 1.5
    feature: float = 1.0
    structure: float = 0.0
    adversarial: float = 0.0
    adversarial_from: int = 0
    code: float = 0.0
    latent: float = 0.0
    preview: float = 0.1
    quantised: float = 0.5
    codebook_from: int = 600
    target_bpp: tuple[float, ...] = ()
    steer: float = 0.02
    backward: float = 0.35
    masked: float = 0.35
    kl: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """A whole training.

    Parameters
    ----------
    seed
        Of weights, crops and everything else.
    network
        The network to train; its class is chosen by ``codec`` in the TOML file.
    data
        The material.
    stages
        Run in order.
    average
        Decay of the exponential moving average of the weights.
    """

    seed: int
    data: DataConfig
    stages: tuple[StageConfig, ...]
    network: GlcConfig | VqganConfig | KlConfig = field(default_factory=GlcConfig)
    average: float = 0.999

    @classmethod
    def load(cls, path: Path, material: Path) -> TrainingConfig:
        """Read a TOML file; paths in its ``[data]`` are relative to the folder `material`.

        Raises
        ------
        OSError, tomllib.TOMLDecodeError, TypeError, KeyError
            If the file is missing, malformed or names unknown options.
        """
        options: dict[str, Any] = tomllib.loads(path.read_text())
        data = asdict(DataConfig()) | options.pop("data", {})
        for key in ("archive", "index", "features", "extra_archive", "extra_index"):
            data[key] = None if data[key] is None else material / data[key]
        stages = tuple(StageConfig(**_tuples(s)) for s in options.pop("stages"))
        kinds: dict[str, type[GlcConfig] | type[VqganConfig] | type[KlConfig]]
        kinds = {"glc": GlcConfig, "vqgan": VqganConfig, "clric": KlConfig}
        network = kinds[options.pop("codec", "glc")].from_dict(options.pop("network", {}))
        return cls(data=DataConfig(**_tuples(data)), stages=stages, network=network, **options)

    def shortened(self, steps: int) -> TrainingConfig:
        """The same stages at a few steps and small crops each: a test of the machinery."""
        stages = tuple(
            replace(
                s,
                steps=steps,
                crop=8 if s.name == "transformer" else 64,
                batch=4,
                codebook_from=1,
                adversarial_from=1 if s.adversarial else 0,
                structure=0.0,
            )
            for s in self.stages
        )
        return replace(self, stages=stages)


def embedded_config(name: str) -> Path:
    """The configuration of an embedded model.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    folder = Path(__file__).parent / "configs"
    path = folder / f"{name}.toml"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
        raise OptionError(f"there is no training configuration {name!r}; embedded: {names}")
    return path


def _tuples(options: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
