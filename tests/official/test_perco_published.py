"""PerCo (SD): a saved folder becomes a model that computes what its authors' code computes, and codes pictures."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import fakes
import napari_glc
import perco_folders
from napari_glc import GlcFile
from napari_glc._base.interruption import interruptible
from napari_glc.cli import main
from napari_glc.codecs import registry
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.codecs.loading import loaded_codec
from napari_glc.codecs.perco import captioning
from napari_glc.codecs.perco.ddim import sampled
from napari_glc.codecs.perco.entry import ENTRY
from napari_glc.codecs.perco.published import PublishedPercoCodec
from napari_glc.errors import DamagedFileError, GlcError, MissingDependencyError, ModelError, OptionError
from napari_glc.files.damaging import damage
from napari_glc.models import ModelFile, provenance_of
from napari_glc.models.registry import FOLDER_VARIABLE
from napari_glc.networks.perco_config import PercoConfig
from napari_glc.networks.perco_hyper import PublishedHyperEncoder
from napari_glc.networks.perco_published import PublishedPerco
from napari_glc.networks.perco_published_config import PublishedPercoConfig
from napari_glc.networks.unfilled import unfilled

TOLERANCE = 1e-4
HASHES = {
    "sd2": "faa6b8292e37b17dfe38c7c9645ef3e7ddd4ab5b59a046b1efeb79e8d5002862",
    "sd1": "ea461e6b068f3eaf6ff95e3e6353fbb96e467fa05e09c3bfe9019e8760d1d26d",
}
"""Of the models the folders become: files ask for models by their hash, so they never change."""
CAPTION = "a red motorcycle in the mud"


@dataclass(frozen=True)
class Imported:
    """A folder, and the model it became."""

    folder: Path
    model: ModelFile

    @property
    def codec(self) -> PublishedPercoCodec:
        found = loaded_codec(self.model, "cpu")
        assert isinstance(found, PublishedPercoCodec)
        return found


@pytest.fixture(autouse=True)
def _known(monkeypatch) -> None:
    """The codec is known, as it will be once its own model ships."""
    monkeypatch.setitem(registry._entries, ENTRY.name, ENTRY)


@pytest.fixture(scope="module")
def imported(tmp_path_factory, shelf) -> dict[str, Imported]:
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(shelf))
        patch.setitem(registry._entries, ENTRY.name, ENTRY)
        for variant in ("sd2", "sd1"):
            folder = perco_folders.write_folder(tmp_path_factory.mktemp("perco") / variant, variant)
            found[variant] = Imported(folder, import_checkpoint(folder))
    return found


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    return perco_folders.reference()


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    found: np.ndarray = iio.imread(fakes.DATA / "kodim05.png")[:120, :200]
    return found


@pytest.fixture(scope="module")
def coded(imported, picture) -> bytes:
    """A file with a caption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._entries, ENTRY.name, ENTRY)
        data: bytes = napari_glc.encode(
            picture, codec="perco", model=imported["sd2"].model, caption=CAPTION, noise_seed=5
        )
    return data


def _assert_close(got: Tensor, wanted: np.ndarray) -> None:
    assert np.abs(got.numpy() - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def _nothing(*_: int) -> None:
    pass


# -- parity -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["sd2", "sd1"])
@torch.inference_mode()
def test_the_same_numbers_as_the_authors(imported, reference, variant):
    codec = imported[variant].codec
    net, wanted = codec.net, {key.partition(".")[2]: v for key, v in reference.items() if key.startswith(variant)}
    latent, noise = (torch.from_numpy(reference[name]) for name in ("latent", "noise"))
    _assert_close(net.hyper_encoder.backbone(latent)[:, :8], wanted["z"])
    indices = net.hyper_encoder.indices(latent)
    np.testing.assert_array_equal(indices, wanted["indices"])
    told = net.hyper_encoder.quantizer.lookup(indices)
    _assert_close(told[:, :8], wanted["z_hat"])
    tokens = [codec.pairs.framed(text, 77) for text in perco_folders.TOLD["captions"]]
    np.testing.assert_array_equal(tokens, wanted["tokens"])
    states = net.text_encoder(torch.tensor(tokens))
    _assert_close(states[0, :12], wanted["states"])
    beside = F.interpolate(told, noise.shape[2:], mode="nearest")
    _assert_close(net.unet.conv_in(torch.cat([noise, beside], 1))[:, :2], wanted["entered"])
    _assert_close(net.unet(noise, told, torch.tensor([481]), states[:1]), wanted["predicted"])

    def denoiser(noisy: Tensor, step: Tensor, words: Tensor) -> Tensor:
        return net.unet(noisy, told.expand(len(noisy), -1, -1, -1), step, words)

    found = sampled(codec.config, denoiser, noise, states[:1], states[2:3], steps=3, guidance=3.0, progress=_nothing)
    _assert_close(found, wanted["sampled"])
    _assert_close(net.autoencoder.generate(found)[..., ::8, ::8], wanted["picture"])


@pytest.mark.parametrize("design", ["bottleneck", "channel-norm"])
@torch.inference_mode()
def test_the_hyper_encoder_of_every_grid(reference, design):
    for grid in (64, 32, 16, 8):
        config = PublishedPercoConfig(hyper_design=design, hyper_width=8, codewords=64, stride=64 // grid)
        network = PublishedHyperEncoder(config).eval()
        for key, value in network.state_dict().items():
            theirs = key.replace("quantizer.embed", "quantizer._codebook.embed")
            if design == "channel-norm":
                theirs = theirs.removeprefix("backbone.")
            value.copy_(fakes.reproducible(f"hyper_enc.{theirs}", list(value.shape)))
        latent = torch.from_numpy(reference["latent"])
        _assert_close(network.backbone(latent)[:, :1], reference[f"{design}.{grid}.z"])
        np.testing.assert_array_equal(network.indices(latent), reference[f"{design}.{grid}.indices"])


@pytest.mark.parametrize(("stride", "hyper"), [(1, 4_080_128), (8, 5_868_032)])
def test_full_width_is_the_published_network(stride, hyper):
    """As many parameters as Stable Diffusion 2.1 has, and as the authors say of their hyper-encoder."""
    with unfilled():
        network = PublishedPerco(PublishedPercoConfig(stride=stride))

    def count(part: torch.nn.Module) -> int:
        return sum(value.numel() for value in part.parameters())

    assert count(network.unet) == 865_910_724 + 320 * 320 * 9
    assert count(network.text_encoder) == 340_387_840
    assert count(network.autoencoder) == 83_653_863
    assert count(network.hyper_encoder.backbone) == hyper


# -- importing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["sd2", "sd1"])
def test_a_folder_becomes_one_model_file(imported, variant):
    model = imported[variant].model
    assert (model.codec, model.description, model.sha256) == ("perco", "PerCo (SD)", HASHES[variant])
    config = model.network_config(PercoConfig)
    assert config.sees_whole_planes
    assert config.published is not None
    assert (config.published.stride, config.published.codewords) == ((4, 300) if variant == "sd2" else (2, 16))
    assert config.published.steps == 20
    origin = provenance_of(model)
    assert origin is not None
    assert (origin.file, len(origin.sha256)) == (variant, 64)


def _without(name: str):
    return lambda folder: (folder / name).unlink()


def _said(name: str, **options):
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | options))

    return change


def _pickled(folder: Path) -> None:
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    path.rename(path.with_suffix(".bin"))


def _disguised(folder: Path) -> None:
    torch.save({"x": torch.zeros(3)}, folder / "unet/diffusion_pytorch_model.safetensors")


def _nested(folder: Path) -> None:
    (folder / "unet/config.json").write_text("[" * 100_000)


def _swapped(folder: Path) -> None:
    path = folder / "tokenizer/merges.txt"
    version, first, second, *others = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join([version, second, first, *others]), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_pickled, "pickled weights"),
        (_disguised, "no safetensors"),
        (_without("vae/diffusion_pytorch_model.safetensors"), "none of the checkpoints"),
        (_without("tokenizer/vocab.json"), "has no tokenizer/vocab.json"),
        (_swapped, r"merges\.txt"),
        (_nested, "is no JSON"),
        (_said("scheduler/scheduler_config.json", prediction_type=["sample"]), "noise schedule"),
        (_said("scheduler/scheduler_config.json", timestep_spacing="trailing"), "noise schedule"),
        (_said("scheduler/scheduler_config.json", beta_end="0.1"), "makes no network"),
        (_said("unet/config.json", act_fn="gelu"), "act_fn"),
        (_said("unet/config.json", down_block_types=7), "blocks 7"),
        (_said("unet/config.json", block_out_channels=[32, 32, 64, 1 << 40]), "makes no network"),
        (_said("unet/config.json", layers_per_block=2), "missing"),
        (_said("unet/config.json", attention_head_dim=5), "heads"),
        (_said("text_encoder/config.json", num_attention_heads=3), "heads"),
        (_said("tokenizer/special_tokens_map.json", pad_token=["!"]), "pads with"),
    ],
)
def test_a_folder_of_something_else_is_refused(imported, tmp_path, change, words):
    folder = shutil.copytree(imported["sd1"].folder, tmp_path / "folder", copy_function=shutil.copyfile)
    change(folder)
    with pytest.raises(ModelError, match=words):
        import_checkpoint(folder, "refused")


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path, capsys):
    assert main(["models", "import", str(tmp_path)]) == 1
    assert "holds no networks" in capsys.readouterr().err
    assert main(["models", "import", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# -- files ------------------------------------------------------------------------------------------------


def test_a_file_says_its_caption_and_its_bytes(coded, tmp_path, capsys):
    file = GlcFile(coded)
    assert file.facts() | {"caption": CAPTION, "noise_seed": 5} == file.facts()
    # 4 x 8 positions of a hyper-latent at 1/32, one of 300 codewords each
    assert file.streams()["hyper-latent"] == 33
    assert sum(file.streams().values()) == len(coded)
    path = tmp_path / "x.glc"
    path.write_bytes(coded)
    assert main(["info", str(path)]) == 0
    assert f"caption {CAPTION}" in capsys.readouterr().out


def test_a_file_decodes_by_its_seed_and_as_it_is_wished(coded, picture):
    file = GlcFile(coded, steps=1)
    first = file.read()
    assert first.shape == picture.shape
    assert not np.array_equal(file.read(sample=1), first)
    preview = file.read(preview=True)  # without the caption
    assert not np.array_equal(preview, first)
    unguided = GlcFile(coded, steps=1, guidance=1e-9).read()
    # two pictures at once are rounded otherwise than one
    assert np.abs(unguided.astype(int) - preview).max() <= 1
    region = GlcFile(coded, steps=1).read((slice(8, 90), slice(60, 130)))
    np.testing.assert_array_equal(region, first[8:90, 60:130])


def test_without_a_caption_guidance_changes_nothing(imported, picture):
    data = napari_glc.encode(picture, codec="perco", model=imported["sd2"].model)
    assert "caption" not in GlcFile(data).facts()
    plain, guided = (GlcFile(data, steps=1, guidance=guidance).read() for guidance in (1.0, 7.0))
    np.testing.assert_array_equal(plain, guided)


def test_sampling_stops_between_layers(coded):
    file, asked = GlcFile(coded), 0

    class Enough(Exception):
        pass

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 300:
            raise Enough

    with interruptible(check), pytest.raises(Enough):
        file.read()
    assert asked == 300


def test_damage_is_noticed(coded):
    for number in range(10):
        with pytest.raises(GlcError):
            GlcFile(damage(coded, 0.02, "bits", seed=number)).read()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"caption": "red\x1b[31m"}, "U\\+001B"),
        ({"caption": "abc \u202e fed"}, "U\\+202E"),
        ({"caption": "boat " * 80}, "too long for the model"),
        ({"caption": "x" * 1025}, "longer than 1024"),
        ({"caption": "boat", "captioner": "somewhere"}, "choose one"),
    ],
)
def test_what_is_no_caption_is_refused(imported, picture, options, words):
    with pytest.raises(OptionError, match=words):
        napari_glc.encode(picture, codec="perco", model=imported["sd2"].model, **options)


def test_a_hostile_caption_is_an_error_and_shows_nothing(coded, monkeypatch):
    """Streams that pass their checksums."""
    for stream in (b"\0a\x1b[2J", b"\0\xff\xfe", b"\1" + b"\xff" * 9, b"\7abc"):
        file = GlcFile(coded, steps=1)
        file._payloads[0] = stream
        told = file.facts()
        assert "caption" not in told
        assert str(told["unreadable"]).isprintable()
        with pytest.raises(DamagedFileError):
            file.read()


def test_captioning_models_are_looked_at_before_anything_is_done(imported, picture, tmp_path, monkeypatch):
    def encode() -> None:
        napari_glc.encode(picture, codec="perco", model=imported["sd2"].model, captioner=str(tmp_path))

    monkeypatch.setattr(captioning, "_LIBRARY", "no_such_library")
    with pytest.raises(MissingDependencyError, match=r"pip install 'napari-glc\[perco\]'"):
        encode()
    monkeypatch.setattr(captioning, "_LIBRARY", "json")
    with pytest.raises(ModelError, match=r"no config\.json"):
        encode()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="pickles are not read"):
        encode()
