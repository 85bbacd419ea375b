"""Carry parts over to a model that learned on from the one they were made for.

python scripts/carry_part.py OLD_MODEL NEW_MODEL PART.safetensors ...

A part takes the place of some of a model's tensors. What training changed in them is added to those of the new model
(task arithmetic, Ilharco et al. 2023), and the file is written anew, tied to it. Where these tensors are still the
same, so is the part; where the model moved far, the part is a start for training it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_glc.codecs.training import trainer_of
from napari_glc.models import ModelFile, read_model, write_part
from napari_glc.models.part import PartFile, read_part
from napari_glc.training.export import packed


def main() -> None:
    old, new = (read_model(Path(word)) for word in sys.argv[1:3])
    for path in map(Path, sys.argv[3:]):
        part = read_part(path)
        if part is None:
            raise SystemExit(f"{path} is no part")
        carry(part, old, new)
        print(f"{part.name}: {old.sha256[:6]} -> {new.sha256[:6]}")


def carry(part: PartFile, old: ModelFile, new: ModelFile) -> None:
    """Write a part of one model as a part of another."""
    part.check_fits(old)
    trainer = trainer_of(part.codec, part.kind)
    before, after = old.load(), new.load()
    changed = part.tensors_for(before)
    tensors = {key: after[key] + (value.float() - before[key]) for key, value in changed.items()}
    write_part(
        part.path,
        packed(tensors, ("",), trainer.eight_bit_parts, {}),
        kind=part.kind,
        name=part.name,
        codec=part.codec,
        base=new.sha256,
        description=part.description,
        effect=part.effect,
        ramp=part.ramp,
    )


if __name__ == "__main__":
    main()
