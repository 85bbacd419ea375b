"""Training of perco: latents encoded once, both stages, what is counted, a model file that codes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_glc
from napari_glc.cli import main
from napari_glc.codecs.perco.autoencoder import autoencoder_digest, load_autoencoder
from napari_glc.codecs.perco.latent_crops import LatentCrops
from napari_glc.codecs.training import embedded_config, make_trainer, read_config
from napari_glc.errors import ModelError
from napari_glc.models import find_model, read_model
from napari_glc.networks.perco_config import PercoConfig
from napari_glc.training.config import TrainingConfig
from perco_models import CONFIG


@pytest.fixture
def config(material) -> TrainingConfig:
    """A few steps of a narrow network over the embedded autoencoder."""
    whole = read_config(embedded_config("perco-small"), material).shortened(steps=3)
    digest = autoencoder_digest(find_model("kl-small"))
    assert digest.startswith(PercoConfig().autoencoder)
    network = CONFIG.replaced(autoencoder=digest[:16], latent_channels=8)
    return dataclasses.replace(whole, network=network)


@pytest.fixture(scope="module")
def smoke(material, tmp_path_factory) -> Path:
    """What the smoke training of perco-small leaves."""
    out = tmp_path_factory.mktemp("smoke") / "run"
    words = ["train", "perco-small", "--data", str(material), "--out", str(out), "--smoke", "--device", "cpu"]
    assert main([*words, "--name", "perco-small"]) == 0
    return out


def test_the_smoke_training_makes_a_model_that_codes(smoke, parrots):
    out = smoke
    records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [r["stage"] for r in records] == [0, 1]
    assert all(np.isfinite(r["loss"]) for r in records)
    assert "velocity" in records[1]
    model = read_model(out / "model.safetensors")
    assert (model.name, model.codec) == ("perco-small", "perco")
    assert model.size < 12_000_000
    weights = model.load()["level_weights"]
    assert bool((weights == weights.round()).all())
    assert float(weights.max()) == 1024
    picture = parrots[:64, :128]
    data = napari_glc.encode(picture, codec="perco", model=model.path, quality=0)
    assert napari_glc.GlcFile(data, model=model).read().shape == picture.shape


def test_latents_are_encoded_once_and_cut_anywhere(material, tmp_path, motocross, monkeypatch):
    options = {"count": 6, "size": 64, "batch": 3, "seed": 1, "zoom": (1.0, 1.0), "device": torch.device("cpu")}

    def kl_small() -> torch.nn.Module:
        wanted = PercoConfig()
        return load_autoencoder(wanted.autoencoder, wanted.latent_channels)[1]

    crops = LatentCrops([motocross[:400, :400]], kl_small, tmp_path, **options)
    batch = crops(5)
    assert batch.shape == (3, 8, 8, 8)
    assert not torch.equal(batch, crops(6))
    monkeypatch.setattr("napari_glc.codecs.perco.latent_crops._encode", None)
    again = LatentCrops([], kl_small, tmp_path, **options)
    torch.testing.assert_close(again(5), batch, rtol=0, atol=0)


def test_the_first_stage_leaves_the_painter_alone(config, tmp_path):
    trainer = make_trainer(config, tmp_path / "run")
    first = {key: value.clone() for key, value in trainer.net.state_dict().items()}
    moved = []
    for record in trainer.run():
        if record["step"] == 3:
            now = trainer.net.state_dict()
            moved.append({key.split(".")[0] for key, value in now.items() if not torch.equal(value, first[key])})
    assert moved[0] == {"hyper_encoder", "hyper_decoder", "residual_deviation"}
    assert moved[1] == moved[0] | {"denoiser", "level_weights"}


def test_the_units_are_those_of_what_is_left(config, tmp_path):
    trainer = make_trainer(config, tmp_path / "run")
    stage = config.stages[0].replaced(batch=6)
    trainer.learning(stage)
    batch = torch.randn(6, 8, 8, 8).contiguous(memory_format=torch.channels_last)
    loss, record = trainer.loss(stage, batch)
    deviation = trainer.net.residual_deviation
    assert float(loss.detach()) == pytest.approx(1, rel=1e-3)
    assert record["left0"] == pytest.approx(float(deviation[0]), rel=1e-4)
    assert len(deviation) == 3


def test_a_batch_may_lack_rates(config, tmp_path):
    trainer = make_trainer(config, tmp_path / "run")
    stage = config.stages[1]
    trainer.learning(stage)
    loss, record = trainer.loss(stage, torch.randn(2, 8, 8, 8).contiguous(memory_format=torch.channels_last))
    loss.backward()
    assert np.isfinite(list(record.values())).all()
    assert bool(trainer.net.residual_deviation.isfinite().all())


def test_few_steps_are_learned_from_what_they_paint(material, smoke, tmp_path, parrots):
    base = smoke / "model.safetensors"
    words = ["train", "perco-few", "--data", str(material), "--smoke", "--device", "cpu", "--name", "x"]
    assert main([*words, "--out", str(tmp_path / "few"), "--start", str(base)]) == 0
    few = tmp_path / "few" / "model.safetensors"
    first, then = read_model(base).load(), read_model(few).load()
    moved = {key.split(".")[0] for key, value in then.items() if not torch.equal(value, first[key])}
    assert moved == {"denoiser", "hyper_encoder", "hyper_decoder", "level_weights"}
    (record,) = [json.loads(line) for line in (tmp_path / "few" / "log.jsonl").read_text().splitlines()]
    assert {"l1", "feature", "texture", "discriminator", "mean", "painted_in"} < set(record)
    assert all(np.isfinite(value) for value in record.values())
    data = napari_glc.encode(parrots[:64, :64], codec="perco", model=few, quality=0)
    told: list[int] = []
    napari_glc.GlcFile(data, model=read_model(few)).read(progress=lambda done, total: told.append(total))
    assert set(told) == {1 + 4 + 1}
    config = read_config(embedded_config("perco-few"), material)
    narrow = dataclasses.replace(config, network=config.network.replaced(embedding=16))
    with pytest.raises(ModelError, match="another network"):
        make_trainer(narrow, tmp_path / "other", start=read_model(base))


def test_a_resumed_training_equals_an_uninterrupted_one(config, tmp_path):
    def weights(folder, interrupt_after):
        trainer = make_trainer(config, folder)
        for done, _ in enumerate(trainer.run(), 1):
            if done == interrupt_after:
                trainer._save()
                trainer = make_trainer(config, folder)
                for _ in trainer.run():
                    pass
                break
        return trainer.average.state_dict()

    whole, parts = weights(tmp_path / "a", 0), weights(tmp_path / "b", 4)
    assert all(torch.equal(value, parts[key]) for key, value in whole.items())
