"""A model of codec ``glc`` with its prior's weights rounded to eight bits; the rest stays as it is, byte for byte.

python docs/eight_bit_prior.py MODEL TARGET.safetensors

MODEL is a name, a hash or a path, as for ``glc encode --model``. The new model is another one: it has its own hash.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

from napari_glc.codecs.glc.eight_bits import eight_bit_prior
from napari_glc.models import find_model, write_model
from napari_glc.networks.config import GlcConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    model = find_model(options.model)
    config: GlcConfig = model.network_config(GlcConfig).replaced(prior_weight_bits=8)
    tensors = load_file(model.path) | eight_bit_prior(model.load(), config)
    with safe_open(model.path, "pt") as stored:
        encoder = tuple((stored.metadata() or {}).get("encoder", "").split())
    write_model(
        options.target,
        tensors,
        name=model.name,
        codec=model.codec,
        config=config.to_json(),
        description=model.description,
        encoder=encoder,
    )
    print(f"{options.target}: {options.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
