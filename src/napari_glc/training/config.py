"""What a training does, read from one TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .._base.config import Config
from ..errors import OptionError
from ..networks.config import GlcConfig, VqganConfig

__all__ = ["DataConfig", "StageConfig", "TrainingConfig", "embedded_config"]

_NETWORKS: dict[str, type[GlcConfig] | type[VqganConfig]] = {"glc": GlcConfig, "vqgan": VqganConfig}

Positive = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Weight = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class DataConfig(Config, frozen=True, kw_only=True):
    """Where the pictures come from and how they are cut.

    Parameters
    ----------
    archive, index
        Tar file of pictures and its CSV index (columns ``member`` and ``kind``).
    features
        Folder with the feature networks of the perceptual loss.
    zoom
        Least and greatest magnification of a crop.
    """

    archive: Path = Path("train.tar")
    index: Path = Path("train_index.csv")
    features: Path = Path("perceptual")
    zoom: tuple[float, float] = (0.8, 1.6)

    def within(self, folder: Path) -> DataConfig:
        """The same with paths relative to a folder."""
        return self.replaced(archive=folder / self.archive, index=folder / self.index, features=folder / self.features)


class StageConfig(Config, frozen=True, kw_only=True):
    """One stage of the training.

    Parameters
    ----------
    name
        For ``glc``: ``autoencoder`` (reconstruction through the codebook), ``latent`` (transform coding of the
        frozen autoencoder's latent), ``joint`` (everything, with pixel losses). For ``vqgan``: ``autoencoder``,
        ``codebooks`` (all sizes, from clusters of the first), ``generator`` (the generator alone),
        ``transformer`` (over index maps; all else frozen).
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
    """

    name: Literal["autoencoder", "latent", "joint", "codebooks", "generator", "transformer"]
    steps: Positive
    batch: Positive = 8
    crop: Positive = 256
    learning_rate: Weight = 4e-4
    warmup: Natural = 200
    weight_decay: Weight = 0.0
    l1: Weight = 1.5
    feature: Weight = 1.0
    structure: Weight = 0.0
    adversarial: Weight = 0.0
    adversarial_from: Natural = 0
    code: Weight = 0.0
    latent: Weight = 0.0
    preview: Weight = 0.1
    quantised: Share = 0.5
    codebook_from: Natural = 600
    target_bpp: tuple[Weight, ...] = ()
    steer: Weight = 0.02
    backward: Share = 0.35
    masked: Share = 0.35


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
    network: GlcConfig | VqganConfig
    average: float

    @classmethod
    def load(cls, path: Path, material: Path) -> TrainingConfig:
        """Read a TOML file; paths in its ``[data]`` are relative to the folder `material`.

        Raises
        ------
        OSError
            If the file cannot be read.
        OptionError
            If it is malformed, names unknown options or holds values beyond their limits.
        """
        try:
            found = msgspec.convert(tomllib.loads(path.read_text()), _File, dec_hook=_path_of)
            if found.codec not in _NETWORKS:
                raise ValueError(f"codec {found.codec!r} is none of {', '.join(_NETWORKS)}")
            network = _NETWORKS[found.codec].from_dict(found.network)
        except ValueError as error:
            raise OptionError(f"{path}: {error}") from error
        return cls(
            seed=found.seed,
            data=found.data.within(material),
            stages=found.stages,
            network=network,
            average=found.average,
        )

    def shortened(self, steps: int) -> TrainingConfig:
        """The same stages at a few steps and small crops each: a test of the machinery."""
        stages = tuple(
            s.replaced(
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


class _File(Config, frozen=True, kw_only=True):
    """The TOML file as it is written; see :class:`TrainingConfig`."""

    seed: int
    stages: Annotated[tuple[StageConfig, ...], Meta(min_length=1)]
    codec: str = "glc"
    network: dict[str, Any] = msgspec.field(default_factory=dict)
    data: DataConfig = DataConfig()
    average: Share = 0.999


def _path_of(kind: type[Any], value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"{value!r:.40} is no {kind.__name__}")


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
