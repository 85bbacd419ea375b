"""Average the weights of two checkpoints of one training and write them as a model.

python scripts/average_checkpoints.py CONFIG FIRST.pt SECOND.pt MODEL.safetensors [--share 0.5]

Weights from the same valley may be averaged (Wortsman et al. 2022, *Model soups*): what the first had and the second
learned since, without what the second learned too well. Running means and tables of what is coded are the second's.
CONFIG is the name of an embedded training configuration.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch

from napari_glc.codecs.training import embedded_config, export_model, read_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second")
    options = parser.parse_args()
    config = read_config(embedded_config(options.config), Path())
    first, second = (
        torch.load(path, map_location="cpu", weights_only=True) for path in (options.first, options.second)
    )
    learned = {key for key, value in second["average"].items() if not torch.equal(value, first["average"][key])}
    means = {"level_weights", "residual_deviation"}
    for key in learned - means:
        second["average"][key] = torch.lerp(first["average"][key], second["average"][key], options.share)
    with tempfile.TemporaryDirectory() as folder:
        averaged = Path(folder) / "checkpoint.pt"
        torch.save(second, averaged)
        told = f"{options.config}: two checkpoints averaged, {options.share:g} of the second"
        export_model(averaged, config, options.model, name=options.config, description=told)


if __name__ == "__main__":
    main()
