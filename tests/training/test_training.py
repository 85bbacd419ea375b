"""The training pipeline on a handful of real pictures: it runs, resumes and exports a working model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_glc
from napari_glc.cli import main
from napari_glc.codecs import registry
from napari_glc.codecs.training import (
    embedded_config,
    embedded_configs,
    export_model,
    make_trainer,
    read_config,
)
from napari_glc.codecs.vqgan.trainer import VqganStage
from napari_glc.errors import ModelError, OptionError
from napari_glc.metrics import psnr
from napari_glc.models import find_model
from napari_glc.models.int8 import pack_rows, unpack_rows
from napari_glc.networks.config import GlcConfig, VqganConfig
from napari_glc.training.data import Crops, load_pictures


def test_one_picture_in_25_is_held_out(material):
    training, kinds = load_pictures(material / "train.tar", material / "train_index.csv", held_out=False)
    validation, _ = load_pictures(material / "train.tar", material / "train_index.csv", held_out=True)
    assert (len(training), len(validation), set(kinds)) == (9, 1, {"photo"})


def test_crops_depend_on_seed_and_step_alone(material):
    pictures, _ = load_pictures(material / "train.tar", material / "train_index.csv", held_out=False)
    crops = Crops(pictures, 64, 4, seed=3)
    batch = crops(7)
    assert batch.shape == (4, 3, 64, 64)
    assert float(batch.abs().max()) <= 1
    assert torch.equal(batch, Crops(pictures, 64, 4, seed=3)(7))
    assert not torch.equal(batch, crops(8))
    large = Crops(pictures, 256, 2, seed=3)(0)
    assert large.shape == (2, 3, 256, 256)


@pytest.mark.parametrize(
    ("config", "stages", "options"), [("glc-small", 6, {}), ("vqgan-small", 4, {"codec": "vqgan"})]
)
def test_the_smoke_training_makes_a_model_that_codes(material, tmp_path, parrots, monkeypatch, config, stages, options):
    out = tmp_path / "run"
    words = ["train", config, "--data", str(material), "--out", str(out), "--smoke", "--device", "cpu"]
    assert main(words) == 0
    records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [r["stage"] for r in records] == list(range(stages))
    assert all(np.isfinite(r["loss"]) for r in records)
    monkeypatch.setenv("NAPARI_GLC_MODELS", str(out))
    data = napari_glc.encode(parrots[:128, :192], model="trained", **options)
    assert napari_glc.decode(data).shape == (128, 192, 3)


def test_a_codec_brings_its_stages_and_its_configurations(toy, material, tmp_path, parrots):
    """All of them are in the codec's own files; see ``toy_models.py``."""
    assert "toy-blocks" in embedded_configs()
    config = read_config(embedded_config("toy-blocks"), material)
    assert [(stage.name, stage.pull) for stage in config.stages] == [("colour", 0.0), ("rest", 0.5)]
    trainer = make_trainer(config.shortened(steps=40), tmp_path / "run")
    losses = [record["loss"] for record in trainer.run() if record["stage"] == 0]
    assert losses[-1] < losses[0]
    target = tmp_path / "mine.safetensors"
    export_model(tmp_path / "run" / "checkpoint.pt", config, target, name="mine", description="")
    file = napari_glc.GlcFile(napari_glc.encode(parrots, codec="toy", model=str(target)))
    assert file.model.config == '{"block":16}'
    assert psnr(parrots, file.read()) > 15


def test_a_codec_without_a_trainer_is_not_trained(toy, tmp_path, changed_toy):
    changed_toy.setitem(registry._entries, "toy", dataclasses.replace(toy, trainer=""))
    assert "toy-blocks" not in embedded_configs()
    (tmp_path / "a.toml").write_text('codec = "toy"\nseed = 1\n[[stages]]\nname = "colour"\nsteps = 1')
    with pytest.raises(OptionError, match=r"a\.toml: codec 'toy' has nothing to train"):
        read_config(tmp_path / "a.toml", tmp_path)


def test_a_training_can_start_from_a_model(material, tmp_path):
    config = read_config(embedded_config("glc-small"), material).shortened(steps=1)
    config = dataclasses.replace(config, stages=config.stages[2:3])
    trainer = make_trainer(config, tmp_path / "run", start=find_model("glc-small"))
    weights = find_model("glc-small").load()
    for name, value in trainer.net.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert all(np.isfinite(record["loss"]) for record in trainer.run())

    other = dataclasses.replace(config, network=GlcConfig(prior_blocks=1))
    with pytest.raises(ModelError, match="another network"):
        make_trainer(other, tmp_path / "other", start=find_model("glc-small"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('seed = 1\ncodec = "glc"', "stages"),
        ("seed = 1\n[[stages]]\nsteps = 1", "codec"),
        ('seed = 1\ncodec = "glc"\n[[stages]]\nname = "joint"\nsteps = 10\nspeed = 2', "speed"),
        ('seed = 1\ncodec = "glc"\n[[stages]]\nname = "joint"\nsteps = 0', "steps"),
        ('seed = 1\ncodec = "glc"\n[[stages]]\nname = "warp"\nsteps = 1', "name"),
        ('seed = 1\ncodec = "gif"\n[[stages]]\nname = "joint"\nsteps = 1', "gif"),
        (
            'seed = 1\ncodec = "glc"\n[network]\nprior_blocks = "two"\n[[stages]]\nname = "joint"\nsteps = 1',
            "prior_blocks",
        ),
        ("seed = ", "Invalid value"),
    ],
)
def test_a_wrong_training_file_says_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(OptionError, match=rf"mine\.toml.*{message}"):
        read_config(path, tmp_path)


def test_a_training_file_says_what_to_train(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'seed = 1\ncodec = "vqgan"\n[data]\narchive = "mine.tar"\n[network]\ncodebooks = [4, 8]\n'
        '[[stages]]\nname = "codebooks"\nsteps = 10\nquantised = 1\n'
    )
    config = read_config(path, tmp_path / "material")
    assert (config.seed, config.average, config.network) == (1, 0.999, VqganConfig(codebooks=(4, 8)))
    assert config.data.archive == tmp_path / "material" / "mine.tar"
    assert config.data.features == tmp_path / "material" / "perceptual"
    assert config.stages == (VqganStage(name="codebooks", steps=10, quantised=1.0),)


def test_a_resumed_training_equals_an_uninterrupted_one(material, tmp_path):
    """Interrupted in the middle of a stage with an adversary, after one without."""
    config = read_config(embedded_config("glc-small"), material).shortened(steps=2)
    config = dataclasses.replace(config, stages=(config.stages[0], config.stages[2]))

    def weights(folder: Path, interrupt_after: int | None) -> dict[str, torch.Tensor]:
        trainer = make_trainer(config, folder)
        for done, _ in enumerate(trainer.run(), 1):
            if done == interrupt_after:
                trainer._save()
                return weights(folder, None)
        return trainer.net.state_dict()

    whole, resumed = weights(tmp_path / "a", None), weights(tmp_path / "b", 3)
    for name, value in whole.items():
        assert torch.allclose(value, resumed[name], rtol=1e-4, atol=1e-6), name


def test_codebooks_are_clusters_of_the_trained_one(material, tmp_path):
    """Clustered only: every codeword is the mean of the trained codewords nearest to it."""
    config = read_config(embedded_config("vqgan-small"), material).shortened(steps=2)
    small = config.network.replaced(
        autoencoder=config.network.autoencoder.replaced(codewords=64), codebooks=(4, 16), transformer=None
    )
    trainer = make_trainer(dataclasses.replace(config, network=small, stages=config.stages[:1]), tmp_path / "run")
    assert all(np.isfinite(record["loss"]) for record in trainer.run())
    words = trainer.trained.embedding.weight.detach().unique(dim=0)
    for level, size in enumerate((4, 16)):
        book = trainer.net.codebook(level).embedding.weight.detach()
        assert book.shape == (size, 96)
        nearest = torch.cdist(words, book).argmin(1)
        for index in nearest.unique():
            torch.testing.assert_close(book[index], words[nearest == index].mean(0), rtol=1e-3, atol=1e-4)


def test_eight_bit_weights_are_near_and_the_same_each_time(tmp_path):
    weight = torch.randn(48, 3, 3, 3, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 2, 48).view(
        -1, 1, 1, 1
    )
    packed = pack_rows("conv", weight)
    assert packed["conv"].dtype == torch.int8
    restored = unpack_rows(packed)
    assert set(restored) == {"conv"}
    error = (restored["conv"] - weight).abs().flatten(1).amax(1)
    assert (error <= weight.abs().flatten(1).amax(1) / 127 * 0.51).all()
    assert torch.equal(pack_rows("conv", restored["conv"])["conv"], packed["conv"])
