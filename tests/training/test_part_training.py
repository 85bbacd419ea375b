"""Parts for a model: trained on what lies in a folder, exported, used; distortions that are what they say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

import napari_glc
from napari_glc.cli import main
from napari_glc.codecs.loading import release_models
from napari_glc.codecs.training import embedded_config, make_trainer, read_config
from napari_glc.errors import OptionError
from napari_glc.imaging.noise import noise_level
from napari_glc.models import find_model
from napari_glc.models.part import read_part
from napari_glc.models.registry import FOLDER_VARIABLE
from napari_glc.training.distortions import CameraNoise, GaussianNoise
from napari_glc.training.material import load_material
from napari_glc.training.style_loss import StyleLoss, read_painting


@pytest.fixture
def folder(tmp_path, motocross):
    """Pictures as they lie in anybody's folder."""
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    for i in range(9):
        target = pictures / ("more" if i % 2 else ".") / f"{i}.png"
        Image.fromarray(motocross[20 * i : 20 * i + 160, 40 * i : 40 * i + 160]).save(target)
    (pictures / "notes.txt").write_text("not a picture")
    (pictures / "broken.png").write_bytes(b"not a picture either")
    return pictures


def _trained(words: list[str], folder, out) -> None:
    assert main(["train", *words, "--data", str(folder), "--out", str(out), "--smoke", "--device", "cpu"]) == 0


def test_an_encoder_is_trained_from_a_folder_of_pictures_and_restores(folder, tmp_path, parrots, monkeypatch):
    _trained(["denoise", "--name", "mine"], folder, tmp_path / "run")
    part = read_part(tmp_path / "run" / "mine.safetensors")
    base = find_model("glc-small")
    assert (part.kind, part.base, part.ramp) == ("encoder", base.sha256, (4, 8))
    assert part.size < 3_000_000
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "run"))
    noisy = (parrots[:128, :192] + 25 * np.random.default_rng(0).standard_normal((128, 192, 3))).clip(0, 255)
    file = napari_glc.GlcFile(napari_glc.encode(noisy.astype(np.uint8), restore="mine"))
    assert file.removed == "noise (mine)"
    # nothing but the encoder has moved
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["net"]
    moved = {key.split(".")[0] for key, value in base.load().items() if not torch.equal(state[key], value)}
    assert moved <= {"vqgan", "enc", "hyper_enc", "q_enc"}
    assert all(torch.equal(state[k], v) for k, v in base.load().items() if k.startswith("vqgan.generator"))
    release_models()


def test_a_style_is_learned_from_a_painting(folder, tmp_path, parrots, monkeypatch):
    painting = tmp_path / "Red_Field.png"
    Image.fromarray(np.full((80, 100, 3), (200, 30, 20), np.uint8)).save(painting)
    _trained(["style", "--image", str(painting)], folder, tmp_path / "run")
    part = read_part(tmp_path / "run" / "red-field.safetensors")
    assert (part.kind, part.description) == ("decoder", "like Red_Field.png")
    assert part.size < 4_000_000
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "run"))
    data = napari_glc.encode(parrots[:64, :64])
    painted = napari_glc.decode(data, style="red-field")
    assert painted.shape == (64, 64, 3)
    assert not np.array_equal(painted, napari_glc.decode(data))


def test_style_is_what_occurs_together_and_content_where_it_is(parrots):
    def picture(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float32) / 127.5 - 1).permute(2, 0, 1).unsqueeze(0)

    one = picture(parrots[:128, :128])
    upside_down, other = one.flip(2), picture(parrots[300:428, 500:628])
    loss = StyleLoss(one, torch.device("cpu"))
    same, turned, foreign = (loss(one, painted) for painted in (one, upside_down, other))
    assert float(same["content"]) == float(same["colour"]) == 0
    # it is looked at without some rows and columns
    assert float(same["style"]) < 0.1 * float(foreign["style"])
    assert float(turned["style"]) < 0.3 * float(foreign["style"])
    assert float(turned["content"]) > 0.3
    assert float(turned["colour"]) < 1e-6 < 0.01 < float(foreign["colour"])


def test_what_repeats_with_the_last_layer_is_seen_as_a_grid(parrots):
    picture = torch.from_numpy(parrots[:128, :128].astype(np.float32) / 127.5 - 1).permute(2, 0, 1).unsqueeze(0)
    loss = StyleLoss(picture, torch.device("cpu"))
    dots = picture.clone()
    dots[..., ::4, ::4] += 0.1
    assert float(loss(picture, dots)["grid"]) > 5 * float(loss(picture, picture)["grid"])


@pytest.mark.parametrize("data", [b"", b"no picture", None])
def test_what_is_no_painting_is_refused(tmp_path, data):
    path = tmp_path / "p.png"
    if data is None:
        Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(path)
    else:
        path.write_bytes(data)
    with pytest.raises(OptionError, match=r"p\.png"):
        read_painting(path)


def test_a_style_without_a_painting_and_a_folder_without_pictures_are_refused(folder, tmp_path):
    config = read_config(embedded_config("style"), folder)
    with pytest.raises(OptionError, match="--image"):
        make_trainer(config.shortened(steps=1), tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match="neither the training archive nor pictures"):
        make_trainer(read_config(embedded_config("denoise"), tmp_path / "empty").shortened(steps=1), tmp_path / "other")


def test_microscopy_counts_as_often_as_it_is_told(material):
    config = read_config(embedded_config("low-light"), material)
    plain = load_material(config.data.replaced(micro_times=1), held_out=False)
    assert len(load_material(config.data, held_out=False)) == len(plain)  # there is none in this material


def test_white_noise_has_the_deviation_it_says_and_some_pictures_have_none():
    torch.manual_seed(0)
    grey = torch.zeros(8, 3, 64, 64)
    noisy, clean = GaussianNoise(sigma=(20, 20), clean=0.5, grey=0.5)(grey)
    assert torch.equal(clean, grey)
    deviations = (noisy - clean).std((1, 2, 3)) * 127.5
    assert set(deviations.round().tolist()) == {0, 20}
    levels = ((noisy + 1) * 127.5).double()
    assert float((levels - levels.round())[deviations > 0].abs().max()) < 1e-3
    same = [torch.equal(n[0], n[1]) for n in noisy[deviations > 0]]
    assert any(same)
    assert not all(same)


def test_camera_noise_grows_with_the_root_of_the_signal_and_leaves_its_mean():
    torch.manual_seed(0)
    ramp = torch.linspace(-0.9, 0.9, 64).expand(16, 3, 64, 64)
    camera = CameraNoise(photons=(50, 50), read_noise=(0, 0), clean=0, grey=0, headroom=(5, 5))
    noisy, target = camera(ramp)
    assert abs(float((noisy - target).mean())) < 0.005
    dark, bright = ((noisy - target)[..., part].std() for part in (slice(4, 12), slice(52, 60)))
    expected = np.sqrt((0.9 * 48 / 63 + 0.05) / (0.9 * 8 / 63 + 0.05))
    assert abs(float(bright / dark) / float(expected) - 1) < 0.25


@pytest.mark.parametrize("sigma", [0, 10, 30])
def test_the_level_of_noise_is_found(parrots, sigma):
    noisy = parrots + sigma * np.random.default_rng(0).standard_normal(parrots.shape)
    found = noise_level(noisy.round().clip(0, 255).astype(np.uint8))
    assert abs(found - sigma) < 2


def test_noise_that_is_not_there_is_not_taken_out(parrots):
    picture = parrots[:256, :256]
    assert napari_glc.encode(picture, restore="denoise") == napari_glc.encode(picture)
    noisy = (picture + 20 * np.random.default_rng(0).standard_normal(picture.shape)).round().clip(0, 255)
    noisy = noisy.astype(np.uint8)
    estimated, given = (napari_glc.encode(noisy, restore="denoise", noise=level) for level in (0, 20))
    assert estimated == given
    assert napari_glc.encode(noisy, restore="denoise", noise=1) == napari_glc.encode(noisy)
    assert napari_glc.GlcFile(given).removed == "noise (denoise)"


def test_denoising_while_coding_comes_nearer_to_the_clean_picture(parrots):
    clean = parrots[:256, 256:640]
    noisy = (clean + 30 * np.random.default_rng(0).standard_normal(clean.shape)).round().clip(0, 255).astype(np.uint8)
    errors, sizes = {}, {}
    for restore in ("none", "denoise"):
        data = napari_glc.encode(noisy, quality=80, restore=restore)
        errors[restore] = np.square(napari_glc.decode(data).astype(float) - clean).mean()
        sizes[restore] = len(data)
    assert errors["denoise"] < 0.95 * errors["none"]
    assert sizes["denoise"] < sizes["none"]


def test_parts_start_from_their_model_alone(material, tmp_path):
    config = read_config(embedded_config("denoise"), material).shortened(steps=1)
    with pytest.raises(OptionError, match="base and start"):
        make_trainer(config, tmp_path / "run", start=find_model("glc-small"))
    trainer = make_trainer(dataclasses.replace(config, start="denoise"), tmp_path / "run")
    model = find_model("glc-small").load()
    assert all(torch.equal(value, model[key]) for key, value in trainer.base.state_dict().items())
    assert not torch.equal(trainer.net.state_dict()["q_enc"], model["q_enc"])
