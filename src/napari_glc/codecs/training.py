"""Training of the codecs' models: whose, in what stages, and the model at the end. No torch at import.

What a codec has to say lies in its folder: a trainer, and beside it the configurations of its embedded models.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import OptionError
from .parts import fitting_part
from .registry import all_codecs, codec_named, model_of

if TYPE_CHECKING:
    from .._base.config import Config
    from ..models import ModelFile
    from ..training.config import StageConfig, TrainingConfig
    from ..training.part_trainer import PartTrainer
    from ..training.trainer import Trainer

__all__ = ["embedded_config", "embedded_configs", "export_model", "make_trainer", "read_config", "trainer_of"]


def embedded_configs() -> dict[str, Path]:
    """Training configurations of the embedded models: TOML files by name."""
    return {path.stem: path for folder in _folders() for path in sorted(folder.glob("*.toml"))}


def embedded_config(name: str) -> Path:
    """The training configuration of an embedded model.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    embedded = embedded_configs()
    if name not in embedded:
        raise OptionError(f"there is no training configuration {name!r}; embedded: {', '.join(embedded)}")
    return embedded[name]


def _folders() -> Iterator[Path]:
    """Where the trainers lie."""
    for entry in all_codecs():
        if entry.trainer:
            spec = find_spec(entry.trainer.partition(":")[0])
            if spec is not None and spec.origin is not None:
                yield Path(spec.origin).parent


def read_config(path: Path, material: Path) -> TrainingConfig:
    """Read a training configuration.

    Parameters
    ----------
    path
        A TOML file; options are those of :class:`~napari_glc.training.config.TrainingConfig`,
        :class:`~napari_glc.training.config.DataConfig`, the codec's network and its stages.
    material
        Folder of the pictures and feature networks.

    Raises
    ------
    OSError
        If the file cannot be read.
    OptionError
        If it is malformed, names unknown options or holds values beyond their limits.
    MissingDependencyError
        If a library is missing.
    """
    from ..training.config import TrainingConfig

    return TrainingConfig.load(path, material, _stage, _network)


def _stage(codec: str, part: str) -> type[StageConfig]:
    return trainer_of(codec, part).stage_config


def _network(codec: str, base: str, options: dict[str, Any]) -> Config:
    """The network to train: that of the model a part is for, or one of its own."""
    kind = codec_named(codec).load(codec_named(codec).config)
    made: Config = model_of(codec, base).network_config(kind) if base else kind.from_dict(options)
    return made


def trainer_of(codec: str, part: str = "") -> type[Trainer[Any, Any]]:
    """What trains a codec's models, or parts of a kind for them.

    Raises
    ------
    OptionError
        If there is nothing of that to train.
    """
    entry = codec_named(codec)
    place = entry.part_trainers.get(part, "") if part else entry.trainer
    if not place:
        raise OptionError(f"codec {codec!r} has {f'no {part} of its own' if part else 'nothing'} to train")
    return cast("type[Trainer[Any, Any]]", entry.load(place))


def make_trainer(
    config: TrainingConfig,
    folder: Path,
    device: str = "cpu",
    *,
    start: ModelFile | None = None,
    checkpoint_seconds: float = 240,
) -> Trainer[Any, Any]:
    """The trainer of a configuration.

    Parameters, errors
        See :class:`~napari_glc.training.trainer.Trainer`.
    """
    kind = trainer_of(config.codec, config.part)
    if config.part:
        if start is not None:
            raise OptionError("what a part starts from is in its configuration: base and start")
        start = model_of(config.codec, config.base)
        if config.start:
            allowed = codec_named(config.codec).parts[config.part]
            start = start.with_part(fitting_part(start, config.start, config.part, allowed))
    return kind(config, folder, device, start=start, checkpoint_seconds=checkpoint_seconds)


def export_model(checkpoint: Path, config: TrainingConfig, target: Path, *, name: str, description: str) -> None:
    """Write the averaged weights of a checkpoint as the file of a model or of a part.

    Parameters
    ----------
    checkpoint
        ``checkpoint.pt`` or a stage's final checkpoint.
    config
        The configuration that trained it.
    target
        The safetensors file to write.
    name, description
        See :class:`~napari_glc.models.ModelFile`.
    """
    from ..training import export

    trainer = trainer_of(config.codec, config.part)
    if config.part:
        export.export_part(
            checkpoint,
            target,
            kind=config.part,
            base=model_of(config.codec, config.base),
            learned_parts=cast("type[PartTrainer[Any, Any]]", trainer).learned_parts,
            eight_bit_parts=trainer.eight_bit_parts,
            name=name,
            description=description,
            effect=config.effect,
            ramp=config.ramp,
        )
        return
    export.export_model(
        checkpoint,
        target,
        codec=config.codec,
        network=config.network,
        eight_bit_parts=trainer.eight_bit_parts,
        exact_tensors=trainer.exact_tensors,
        encoder=codec_named(config.codec).parts.get("encoder", ()),
        name=name,
        description=description,
    )
