"""What a training does, read from one TOML file.

What networks there are to train, and in what stages, codecs say: they add options of their own to a stage.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from .._base.config import Config
from ..errors import OptionError

__all__ = ["DataConfig", "FurtherArchive", "Natural", "Positive", "Share", "StageConfig", "TrainingConfig", "Weight"]

Positive = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Weight = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class FurtherArchive(Config, frozen=True, kw_only=True):
    """A further tar file of pictures, of which whole originals are held out.

    Parameters
    ----------
    archive, index
        Tar file and CSV index (columns ``member``, ``repository`` and ``path``).
    times
        How often each picture of it counts.
    """

    archive: Path
    index: Path
    times: Natural = 1

    def within(self, folder: Path) -> FurtherArchive:
        """The same with paths relative to a folder."""
        return self.replaced(archive=folder / self.archive, index=folder / self.index)


class DataConfig(Config, frozen=True, kw_only=True):
    """Where the pictures come from and how they are cut.

    Parameters
    ----------
    archive, index
        Tar file of pictures and its CSV index (columns ``member`` and ``kind``).
    further
        More archives beside it.
    micro_times
        How often each picture counts whose kind is ``micro``.
    features
        Folder with the feature networks of the perceptual loss.
    zoom
        Least and greatest magnification of a crop.
    image
        A picture that itself is what is learned from: a painting.
    """

    archive: Path = Path("train.tar")
    index: Path = Path("train_index.csv")
    further: tuple[FurtherArchive, ...] = ()
    micro_times: Natural = 1
    features: Path = Path("perceptual")
    zoom: tuple[float, float] = (0.8, 1.6)
    image: Path | None = None

    def within(self, folder: Path) -> DataConfig:
        """The same with paths relative to a folder."""
        return self.replaced(
            archive=folder / self.archive,
            index=folder / self.index,
            further=tuple(one.within(folder) for one in self.further),
            features=folder / self.features,
        )


class StageConfig(Config, frozen=True, kw_only=True):
    """One stage of the training: what all codecs' stages have. Each codec's trainer has a subclass.

    Parameters
    ----------
    name
        What is learned; see the subclass.
    steps, batch, crop
        Optimiser steps, crops a step, side of a crop in pixels.
    learning_rate, warmup, weight_decay
        Peak of a cosine schedule, the steps of its linear rise, decoupled weight decay.
    l1, feature, structure, adversarial
        Weights of the absolute error, the SqueezeNet feature distance, one minus MS-SSIM (crops of at least
        161 pixels) and the adversarial loss (times its adaptive factor).
    views
        Whether the feature network looks at both pictures in another way each step, so that what pleases it at one
        phase of its strides alone is worth nothing (:mod:`~napari_glc.metrics.views`).
    texture, sigma
        Weight of the distance of textures (:mod:`.texture_loss`), and over how many pixels they are free.
    adversarial_from
        Step at which the adversarial loss sets in; the discriminator learns from 500 steps earlier.
    """

    name: str
    steps: Positive
    batch: Positive = 8
    crop: Positive = 256
    learning_rate: Weight = 4e-4
    warmup: Natural = 200
    weight_decay: Weight = 0.0
    l1: Weight = 1.5
    feature: Weight = 1.0
    structure: Weight = 0.0
    views: bool = False
    texture: Weight = 0.0
    sigma: Weight = 8.0
    adversarial: Weight = 0.0
    adversarial_from: Natural = 0

    def shortened(self, steps: int) -> Self:
        """The same stage at a few steps and small crops: a test of the machinery."""
        late = 1 if self.adversarial else 0
        return self.replaced(steps=steps, crop=64, batch=4, adversarial_from=late, structure=0.0)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """A whole training.

    Parameters
    ----------
    codec
        Whose network is trained.
    seed
        Of weights, crops and everything else.
    network
        The network to train; a configuration of the codec's models.
    data
        The material.
    stages
        Run in order; of the class the codec's trainer has.
    average
        Decay of the exponential moving average of the weights.
    part
        ``"encoder"`` or ``"decoder"`` if a part for a model is trained, empty if a whole model is.
    base
        The model a part is for.
    start
        The part that training a part begins from; empty for the model's own.
    effect
        What a part does, in a phrase that files and layers repeat.
    ramp
        Levels of noise between which an encoder sets in; see :class:`~napari_glc.models.PartFile`.
    """

    codec: str
    seed: int
    data: DataConfig
    stages: tuple[StageConfig, ...]
    network: Config
    average: float
    part: str = ""
    base: str = ""
    start: str = ""
    effect: str = ""
    ramp: tuple[float, float] | None = None

    @classmethod
    def load(
        cls,
        path: Path,
        material: Path,
        stage_of: Callable[[str, str], type[StageConfig]],
        network_of: Callable[[str, str, dict[str, Any]], Config],
    ) -> TrainingConfig:
        """Read a TOML file.

        Parameters
        ----------
        path
            The file.
        material
            Paths in its ``[data]`` are relative to this folder.
        stage_of
            From the name of a codec and the kind of a part to the class of the stages' configurations.
        network_of
            From the name of a codec, the name of a base model and the file's ``[network]`` to the network.

        Raises
        ------
        OSError
            If the file cannot be read.
        OptionError
            If it is malformed, names unknown options or holds values beyond their limits.
        """
        try:
            found = msgspec.convert(tomllib.loads(path.read_text()), _File, dec_hook=_path_of)
            stage = stage_of(found.codec, found.part)
            return cls(
                codec=found.codec,
                seed=found.seed,
                data=found.data.within(material),
                stages=tuple(stage.from_dict(options) for options in found.stages),
                network=network_of(found.codec, found.base, found.network),
                average=found.average,
                part=found.part,
                base=found.base,
                start=found.start,
                effect=found.effect,
                ramp=found.ramp,
            )
        except (OptionError, ValueError) as error:
            raise OptionError(f"{path}: {error}") from error

    def with_image(self, image: Path) -> TrainingConfig:
        """The same, learning from a picture as well."""
        return replace(self, data=self.data.replaced(image=image))

    def shortened(self, steps: int) -> TrainingConfig:
        """The same stages at a few steps and small crops each: a test of the machinery."""
        return replace(self, stages=tuple(stage.shortened(steps) for stage in self.stages))


class _File(Config, frozen=True, kw_only=True):
    """The TOML file as it is written; see :class:`TrainingConfig`."""

    codec: str
    seed: int
    stages: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1)]
    network: dict[str, Any] = msgspec.field(default_factory=dict)
    data: DataConfig = DataConfig()
    average: Share = 0.999
    part: Literal["", "encoder", "decoder"] = ""
    base: str = ""
    start: str = ""
    effect: str = ""
    ramp: tuple[float, float] | None = None


def _path_of(kind: type[Any], value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"{value!r:.40} is no {kind.__name__}")
