"""Tie parts to a model that has taken the place of the one they were made for.

python scripts/retie_part.py MODEL PART.safetensors ...

For a model whose prior changed while its encoder, latent transform and generator stayed: a part trained beside the
one before does the same beside this one. Whether that holds is for whoever runs this to know; nothing here can tell.
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors import safe_open

from napari_glc.models import find_model, write_part
from napari_glc.models.part import read_part


def main() -> None:
    model = find_model(sys.argv[1])
    for path in map(Path, sys.argv[2:]):
        part = read_part(path)
        if part is None or part.codec != model.codec:
            raise SystemExit(f"{path} is no part for codec {model.codec}")
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        write_part(
            path,
            tensors,
            kind=part.kind,
            name=part.name,
            codec=part.codec,
            base=model.sha256,
            description=part.description,
            effect=part.effect,
            ramp=part.ramp,
        )
        print(f"{part.name}: {part.base[:6]} -> {model.sha256[:6]}")


if __name__ == "__main__":
    main()
