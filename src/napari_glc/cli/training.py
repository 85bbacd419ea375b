"""``glc train``: reproduce or improve an embedded model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..codecs.training import embedded_configs

if TYPE_CHECKING:
    from ..training.config import TrainingConfig

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file to a parser."""
    train = verbs.add_parser(
        "train",
        help="train a model",
        description=(
            "Run the stages of a training configuration in a folder. An interrupted training continues where its "
            "last checkpoint left off; a finished one is exported as model.safetensors, or a part for a model (an "
            "encoder that restores, a decoder that paints) under its name: put that into the model folder."
        ),
    )
    embedded = ", ".join(embedded_configs())
    train.add_argument("config", metavar="CONFIG", help=f"a TOML file, or an embedded one: {embedded}")
    train.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="training material, or a folder of pictures"
    )
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoints, log and model")
    train.add_argument("--start", metavar="M", help="continue from this model (name, hash or path), not from scratch")
    train.add_argument("--image", type=Path, metavar="PAINTING", help="what a style is learned from")
    train.add_argument("--name", help="name of the exported model or part; default trained, or that of the painting")
    train.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")
    train.add_argument("--smoke", action="store_true", help="three steps a stage: does it run at all")
    train.set_defaults(run=_train)


def _name_of(config: TrainingConfig) -> str:
    """What to call what was trained, if nobody says."""
    image = config.data.image
    return "trained" if image is None else image.stem.replace("_", "-").lower()


def _train(options: argparse.Namespace) -> int:
    from ..codecs.loading import choose_device
    from ..codecs.training import embedded_config, export_model, make_trainer, read_config
    from ..models import find_model

    device = choose_device(options.device)
    path = Path(options.config) if Path(options.config).is_file() else embedded_config(options.config)
    config = read_config(path, options.data)
    if options.image is not None:
        config = config.with_image(options.image)
    if options.smoke:
        config = config.shortened(steps=3)
    start = None if options.start is None else find_model(options.start)
    trainer = make_trainer(config, options.out, device, start=start)
    for record in trainer.run():
        if sys.stderr.isatty() or record["step"] % 100 == 0:
            words = "  ".join(f"{name} {value:.4g}" for name, value in record.items())
            print(words, file=sys.stderr, flush=True)
    name = options.name or _name_of(config)
    target = options.out / f"{name if config.part else 'model'}.safetensors"
    about = f"like {options.image.name}" if options.image is not None else f"trained from {path.name}"
    export_model(options.out / "checkpoint.pt", config, target, name=name, description=about)
    print(target)
    return 0
