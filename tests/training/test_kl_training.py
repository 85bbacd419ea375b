"""Training of kl-small: both archives without leaks, all stages, a model file of the promised size."""

from __future__ import annotations

import csv
import dataclasses
import json
import zlib
from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_glc.cli import main
from napari_glc.codecs import registry
from napari_glc.codecs.clric.entry import ENTRY
from napari_glc.codecs.clric.fitted_crops import Fits, batch_of_step, fitted_further
from napari_glc.codecs.clric.function import LOG_SCALES, laplace_bits
from napari_glc.codecs.clric.layout import worth_at
from napari_glc.codecs.registry import model_of
from napari_glc.codecs.training import embedded_config, make_trainer, read_config
from napari_glc.errors import ModelError
from napari_glc.models import read_model, write_model
from napari_glc.networks.kl import KlAutoencoder
from napari_glc.networks.kl_config import KlConfig
from napari_glc.training.config import DataConfig, FurtherArchive, TrainingConfig
from napari_glc.training.data import is_held_out, load_pictures
from napari_glc.training.material import load_material


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The codec is known, as it will be once it codes."""
    monkeypatch.setitem(registry._entries, ENTRY.name, ENTRY)


@pytest.fixture
def config(material) -> TrainingConfig:
    """A few steps of a narrow network."""
    whole = read_config(embedded_config("kl-small"), material).shortened(steps=3)
    network = whole.network.replaced(encoder_widths=(8, 16), decoder_widths=(8, 16), half_width=4)
    return dataclasses.replace(whole, network=network)


def _two(material, times=1) -> DataConfig:
    further = FurtherArchive(archive="train_hires.tar", index="train_hires_index.csv", times=times)
    return DataConfig(further=(further,)).within(material)


def test_whole_originals_are_held_out(material):
    """Both crops of an original are on the same side, and no validated collection is in the other archive."""
    data = _two(material)
    with open(data.further[0].index, newline="") as lines:
        rows = list(csv.DictReader(lines))
    held = [r for r in rows if is_held_out(zlib.crc32(f"{r['repository']}/{r['path']}".encode()) % 25)]
    assert 0 < len(held) < len(rows)
    assert len({r["path"] for r in held}) * 2 == len(held)
    training, validation = (load_material(data, held_out=side) for side in (False, True))
    first = load_pictures(data.archive, data.index, held_out=False)[0]
    assert len(training) == len(first) + len(rows) - len(held)
    # line 7 of the first archive is of a collection that both have
    assert len(validation) == sum(r["member"].startswith("large/") for r in held)
    seen = {picture.tobytes() for picture in training}
    assert not seen & {picture.tobytes() for picture in validation}


def test_the_second_archive_counts_as_often_as_told(material):
    once, thrice = (load_material(_two(material, times=n), held_out=False) for n in (1, 3))
    first = 9
    assert len(thrice) - first == 3 * (len(once) - first)
    assert len(load_material(_two(material, times=3), held_out=True)) == len(
        load_material(_two(material), held_out=True)
    )


def test_one_archive_alone_is_as_before(material):
    data = DataConfig(archive=material / "train.tar", index=material / "train_index.csv")
    for held_out in (False, True):
        wanted, _ = load_pictures(data.archive, data.index, held_out=held_out)
        for picture, same in zip(load_material(data, held_out=held_out), wanted, strict=True):
            np.testing.assert_array_equal(picture, same)


def test_the_smoke_training_makes_a_model_file(material, tmp_path, parrots):
    out = tmp_path / "run"
    words = ["train", "kl-small", "--data", str(material), "--out", str(out), "--smoke", "--device", "cpu"]
    assert main([*words, "--name", "kl-small"]) == 0
    records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [r["stage"] for r in records] == [0, 1, 2, 3]
    assert records[2]["bpp"] > 0
    assert records[3]["fitted"] == 1
    assert all(np.isfinite(r["loss"]) for r in records)
    model = read_model(out / "model.safetensors")
    assert (model.name, model.codec) == ("kl-small", "clric")
    assert model.size < 5_000_000
    network = KlAutoencoder(model.network_config(KlConfig))
    network.load_state_dict(model.load(), strict=True)
    picture = torch.from_numpy(parrots[:64, :96].transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    with torch.inference_mode():
        latent = network.analyse(picture)
        assert latent.shape == (1, 8, 8, 12)
        assert bool(network.generate(latent).isfinite().all())


def test_what_a_stage_does_not_learn_stands_still(config, tmp_path):
    """The latent while the decoder goes on, the whole autoencoder while shared networks of functions learn."""
    trainer = make_trainer(config, tmp_path / "run")
    after = []
    for record in trainer.run():
        if record["step"] == config.stages[0].steps:
            after.append({k: v.clone() for k, v in trainer.average.state_dict().items()})
    assert len(after) == 4
    for number, learned in ((1, "generator."), (2, "function."), (3, "function.")):
        moved = {key for key, value in after[number].items() if not torch.equal(value, after[number - 1][key])}
        assert moved
        assert all(key.startswith(learned) for key in moved)


def test_shared_networks_start_at_an_autoencoder_without_any(config, tmp_path):
    plain = config.network.replaced(function=None)
    torch.manual_seed(2)
    weights = KlAutoencoder(plain).state_dict()
    path = tmp_path / "plain.safetensors"
    write_model(path, weights, name="plain", codec="clric", config=plain.to_json(), description="")
    net = make_trainer(config, tmp_path / "run", start=read_model(path)).net
    for key, value in weights.items():
        assert torch.equal(net.state_dict()[key], value)
    assert net.function is not None
    other = plain.replaced(half_width=plain.half_width + 1)
    write_model(
        path, KlAutoencoder(other).state_dict(), name="o", codec="clric", config=other.to_json(), description=""
    )
    with pytest.raises(ModelError, match="another autoencoder"):
        make_trainer(config, tmp_path / "run", start=read_model(path))


def test_the_scale_is_that_of_the_latent(config, tmp_path):
    trainer = make_trainer(config, tmp_path / "run")
    stage = config.stages[0]
    trainer.learning(stage)
    batch = trainer.batches(stage, 0)(0)
    trainer.loss(stage, batch)
    with torch.inference_mode(), trainer.autocast():
        latent = trainer.net.analyse(batch).float()
    torch.testing.assert_close(latent.mean((0, 2, 3)), torch.zeros(8), rtol=0, atol=0.02)
    assert abs(float(latent.square().mean()) - 1) < 0.02


def test_noise_is_for_every_other_crop(config, tmp_path):
    trainer = make_trainer(config, tmp_path / "run")
    noise = trainer._noise(config.stages[0].replaced(noise=0.5), torch.zeros(6, 8, 4, 4))
    deviations = noise.std((1, 2, 3))
    assert bool((deviations[1::2] == 0).all())
    assert bool((deviations[::2] > 0).all())
    assert float(deviations.max()) < 0.6


def test_a_resumed_training_equals_an_uninterrupted_one(config, tmp_path):
    def weights(folder, *interrupted_after):
        trainer = make_trainer(config, folder)
        for done, _ in enumerate(trainer.run(), 1):
            if interrupted_after and done == interrupted_after[0]:
                trainer._save()
                return weights(folder, *interrupted_after[1:])
        return trainer.net.state_dict()

    # in the second stage, and in the last one after grids have been fitted for a step
    whole, resumed = weights(tmp_path / "a"), weights(tmp_path / "b", 4, 7)
    for name, value in whole.items():
        assert torch.allclose(value, resumed[name], rtol=1e-4, atol=1e-6), name


def test_every_batch_is_visited_as_often_as_told():
    """In its place, one visit after the other; only the first ones, which begin staggered, live shorter."""
    numbers = [batch_of_step(step, kept=8, visits=3) for step in range(8 * 30)]
    assert all(number % 8 == step % 8 for step, number in enumerate(numbers))
    for number in range(8, 8 * 8):
        at = [step for step, n in enumerate(numbers) if n == number]
        assert [b - a for a, b in pairwise(at)] == [8, 8]


def test_fits_of_many_crops_come_down_each_for_itself():
    """What the training fits never costs more, and less after some rounds, at every price of a bit.

    Not less after each: a guess may be so good that all that pays is a few changes, and first many are tried.
    """
    net = model_of("clric", None)
    network = KlAutoencoder(net.network_config(KlConfig))
    network.load_state_dict(net.load())
    function = network.function
    assert function is not None
    torch.manual_seed(1)
    latent = torch.nn.functional.interpolate(torch.randn(3, 8, 4, 4), (16, 16), mode="bicubic")
    position = torch.tensor([0.1, 0.5, 0.9])
    with torch.no_grad():
        guess, _ = function.guessed(latent, position, lambda _, values: values.round())
    fits = Fits.begun(guess)
    costs = [_cost(function, latent, position, fits)]
    for _ in range(3):
        fits = fitted_further(function, latent, position, fits, 4)
        costs.append(_cost(function, latent, position, fits))
    assert all(bool((after <= before).all()) for before, after in pairwise(costs))
    assert bool((costs[-1] < costs[0]).all())


@torch.no_grad()
def _cost(function, latent, position, fits):
    grids = [grid.float() for grid in fits.grids]
    error = (function.synthesis(grids, position) - latent).square().flatten(1).sum(1)
    told = function.model(grids, position)
    bits = sum(
        laplace_bits((grid - mean).abs(), torch.exp2(-scale.clamp(*LOG_SCALES))).flatten(1).sum(1)
        for grid, (mean, scale) in zip(grids, told, strict=True)
    )
    return error + worth_at(position) * bits
