"""Parts go along when their model learns on."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pytest

from napari_glc.codecs.registry import model_of
from napari_glc.errors import ModelError
from napari_glc.models import find_part, read_model, write_model
from napari_glc.models.part import read_part

carry = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "carry_part.py"))["carry"]


@pytest.fixture
def part(tmp_path):
    """A copy of an embedded part, to be written anew."""
    found = find_part("denoise", model_of("glc", "glc-small"), "encoder")
    return read_part(Path(shutil.copy(found.path, tmp_path / "denoise.safetensors")))


def test_what_training_changed_is_added_to_the_new_model(part, tmp_path):
    old = model_of("glc", "glc-small")
    before = old.load()
    learned_on = {key: value * 1.25 if "encoder" in key else value for key, value in before.items()}
    write_model(
        tmp_path / "new.safetensors", learned_on, name="new", codec="glc", config=old.config, description="", encoder=()
    )
    new = read_model(tmp_path / "new.safetensors")
    changed = part.tensors_for(before)
    carry(part, old, new)
    carried = read_part(part.path)
    assert carried.fits(new)
    assert (carried.name, carried.effect, carried.ramp) == (part.name, part.effect, part.ramp)
    for key, value in carried.tensors_for(before).items():
        wanted = changed[key] + learned_on[key] - before[key]
        # eight bits, a scale for each output channel
        assert (value - wanted).abs().max() <= wanted.abs().max() / 127


def test_a_part_for_another_model_is_refused(part):
    with pytest.raises(ModelError, match="does not fit 'vqgan-small'"):
        carry(part, model_of("vqgan", "vqgan-small"), model_of("glc", "glc-small"))
