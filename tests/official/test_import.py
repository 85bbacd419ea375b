"""Checkpoints as their authors publish them become models, whatever they are wrapped in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import fakes
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.errors import GlcError, ModelError, OptionError
from napari_glc.models import find_model, installed_models, provenance_of, remove_model
from napari_glc.models.registry import FOLDER_VARIABLE
from napari_glc.networks.config import OFFICIAL_FACE, OFFICIAL_IMAGE, GlcConfig, VqganConfig


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    return tmp_path


@pytest.mark.parametrize("official", ["glc_image"], indirect=True)
def test_glc_is_recognised_by_its_shapes(official):
    assert official.name == "glc-image"
    assert official.network_config(GlcConfig) == OFFICIAL_IMAGE


@pytest.mark.parametrize(
    ("official", "words"), [("vqgan_f16_1024", 1024), ("vqgan_f16_16384", 16384)], indirect=["official"]
)
def test_vqgans_are_recognised_by_their_shapes(official, words):
    config = official.network_config(VqganConfig)
    assert official.name == f"vqgan-f16-{words}"
    assert config.codebooks == (words,)
    assert (config.factor, config.autoencoder.window) == (16, 0)


@pytest.mark.parametrize("official", ["codeformer_f32_1024"], indirect=True)
def test_codeformer_is_recognised_by_its_shapes(official):
    inner = official.network_config(VqganConfig).autoencoder
    assert official.name == "codeformer-f32-1024"
    assert (inner.factor, inner.final_swish, inner.quant_conv) == (32, False, False)
    assert (inner.multipliers, inner.channels) == (OFFICIAL_FACE.autoencoder.multipliers, 64)


_NESTINGS = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "net": lambda state: {"net": fakes.prefixed("module.", state)},
    "net_g beside net_d": lambda state: {
        "net_d": {"main.0.weight": torch.zeros(64, 3, 4, 4)},
        "net_g": fakes.prefixed("module.", state),
    },
    "all of them": lambda state: {"state_dict": {"net": {"net_g": fakes.prefixed("module.module.", state)}}},
    "params_ema beside params": lambda state: {
        "params": {key: torch.zeros_like(value) for key, value in state.items()},
        "params_ema": state,
    },
}


@pytest.mark.parametrize("nesting", _NESTINGS)
@pytest.mark.parametrize("kind", ["glc", "vqgan", "codeformer"])
def test_every_nesting_gives_the_same_model(folder, kind, nesting):
    """The same to the last bit: users who imported the same weights read each other's files."""
    state = {"glc": fakes.narrow_glc, "vqgan": fakes.narrow_vqgan, "codeformer": fakes.narrow_codeformer}[kind]()
    torch.save(_NESTINGS[nesting](state), folder / "a.pth")
    wanted = {"glc": "GLC", "vqgan": "VQGAN", "codeformer": "CodeFormer"}[kind]
    model = import_checkpoint(folder / "a.pth", "mine")
    assert model.name == "mine"
    assert wanted in model.description
    assert model.sha256[:12] == _HASHES[kind]


# a change here means that files made with imported models are read by nobody who imports them anew
_HASHES = {"glc": "0005c9cb0e37", "vqgan": "663d078b0af1", "codeformer": "40dc45df2f1d"}


def test_lightning_checkpoints_need_no_lightning(folder):
    state = fakes.narrow_vqgan()
    extra = {"loss.perceptual_loss.net.slice1.0.weight": torch.zeros(64, 3, 3, 3), "loss.logvar": torch.zeros(1)}
    fakes.save_lightning(folder / "last.ckpt", state | extra)
    assert not any(name.startswith("pytorch_lightning") for name in sys.modules)
    model = import_checkpoint(folder / "last.ckpt")
    assert model.name == "vqgan-f16-64"
    assert model.sha256[:12] == _HASHES["vqgan"]
    assert not any(name.startswith("pytorch_lightning") for name in sys.modules)


def test_older_files_of_pytorch_and_safetensors(folder):
    state = fakes.narrow_codeformer()
    torch.save({"params": state}, folder / "old.pth", _use_new_zipfile_serialization=False)
    save_file(state, folder / "new.safetensors")
    for name in ("old.pth", "new.safetensors"):
        assert import_checkpoint(folder / name, "x", replace=True).sha256[:12] == _HASHES["codeformer"]


def test_the_restorer_that_contains_an_autoencoder(folder):
    """codeformer.pth: what restores faces is set aside."""
    extra = {
        "position_emb": torch.zeros(256, 512),
        "feat_emb.weight": torch.zeros(512, 256),
        "ft_layers.0.norm1.weight": torch.ones(512),
        "idx_pred_layer.1.weight": torch.zeros(64, 512),
        "fuse_convs_dict.32.scale.0.weight": torch.zeros(8, 8, 3, 3),
    }
    torch.save({"params_ema": fakes.narrow_codeformer() | extra}, folder / "codeformer.pth")
    assert import_checkpoint(folder / "codeformer.pth").sha256[:12] == _HASHES["codeformer"]


def test_a_second_stage_is_attached_to_its_vqgan(folder):
    torch.save({"state_dict": fakes.narrow_vqgan()}, folder / "vqgan.ckpt")
    transformer = fakes.narrow_transformer()
    torch.save(transformer, folder / "gpt.pth")
    fakes.save_lightning(
        folder / "transformer.ckpt",
        fakes.prefixed("transformer.", transformer) | {"cond_stage_model.embedding.weight": torch.zeros(8, 8)},
    )
    with pytest.raises(OptionError, match=r"64 codes\. Name that model with --for"):
        import_checkpoint(folder / "gpt.pth")
    import_checkpoint(folder / "vqgan.ckpt")
    first = import_checkpoint(folder / "gpt.pth", attach_to="vqgan-f16-64", heads=4)
    assert first.name == "vqgan-f16-64-gpt"
    config = first.network_config(VqganConfig).transformer
    assert config is not None
    assert (config.layers, config.heads, config.width, config.block) == (3, 4, 128, 256)
    second = import_checkpoint(folder / "transformer.ckpt", "again", attach_to="vqgan-f16-64", heads=4)
    assert second.sha256 == first.sha256
    with pytest.raises(OptionError, match=r"64 codes and model 'vqgan-small' has 8, 16"):
        import_checkpoint(folder / "gpt.pth", attach_to="vqgan-small")
    with pytest.raises(OptionError, match="3 heads"):
        import_checkpoint(folder / "gpt.pth", attach_to="vqgan-f16-64", heads=3)
    with pytest.raises(OptionError, match="only a second stage"):
        import_checkpoint(folder / "vqgan.ckpt", attach_to="vqgan-small")


def test_a_net2net_checkpoint_is_a_whole_model(folder):
    whole = {
        **fakes.prefixed("transformer.", fakes.narrow_transformer()),
        **fakes.prefixed("first_stage_model.", fakes.narrow_vqgan()),
        "first_stage_model.loss.discriminator.main.0.weight": torch.zeros(8, 3, 4, 4),
        "cond_stage_model.encoder.conv_in.weight": torch.zeros(8, 3, 3, 3),
    }
    fakes.save_lightning(folder / "last.ckpt", whole)
    model = import_checkpoint(folder / "last.ckpt", heads=4)
    torch.save(fakes.narrow_vqgan(), folder / "vqgan.ckpt")
    import_checkpoint(folder / "vqgan.ckpt", "first")
    torch.save(fakes.narrow_transformer(), folder / "gpt.pth")
    parts = import_checkpoint(folder / "gpt.pth", attach_to="first", heads=4)
    assert model.config == parts.config
    assert all(torch.equal(a, b) for a, b in zip(model.load().values(), parts.load().values(), strict=True))


def test_half_precision_stays_half(folder):
    state = {key: value.half() for key, value in fakes.narrow_vqgan().items()}
    torch.save(state, folder / "half.pth")
    model = import_checkpoint(folder / "half.pth")
    assert model.size < 2.2 * sum(value.numel() for value in state.values())
    assert all(value.dtype == torch.float32 for value in model.load().values())


def test_names_can_be_chosen_once_and_models_removed(folder):
    torch.save(fakes.narrow_vqgan(), folder / "a.pth")
    model = import_checkpoint(folder / "a.pth", "lab-vqgan")
    assert find_model("lab-vqgan").sha256 == model.sha256
    origin = provenance_of(model)
    assert origin is not None
    assert (origin.file, origin.size, origin.licence) == ("a.pth", (folder / "a.pth").stat().st_size, "MIT")
    assert "taming-transformers" in origin.url
    with pytest.raises(OptionError, match="already"):
        import_checkpoint(folder / "a.pth", "lab-vqgan")
    import_checkpoint(folder / "a.pth", "lab-vqgan", replace=True)
    for name in ("../outside", "a b", "", ".hidden", "glc-small", "x.safetensors"):
        with pytest.raises(OptionError):
            import_checkpoint(folder / "a.pth", name or "-")
    with pytest.raises(ModelError, match="not what its name says"):
        import_checkpoint(folder / "a.pth", "mine-1a2b3c4d")
    with pytest.raises(OptionError, match="stays"):
        remove_model(find_model("glc-small"))
    elsewhere = folder / "elsewhere.safetensors"
    elsewhere.write_bytes(model.path.read_bytes())
    with pytest.raises(OptionError, match="not in the model folder"):
        remove_model(find_model(elsewhere))
    remove_model(model)
    assert not list((folder / "models").iterdir())
    assert all(m.name != "lab-vqgan" for m in installed_models())


def _without(state: dict, *keys: str) -> dict:
    return {key: value for key, value in state.items() if key not in keys}


def test_every_wrong_tensor_is_named_in_one_line(folder):
    state = fakes.narrow_vqgan()
    lost, misshapen = "encoder.down.2.block.0.nin_shortcut.weight", "decoder.up.1.upsample.conv.weight"
    wrong = _without(state, lost) | {misshapen: torch.zeros(3, 3), "encoder.extra": torch.zeros(1)}
    torch.save(wrong, folder / "wrong.ckpt")
    with pytest.raises(ModelError) as caught:
        import_checkpoint(folder / "wrong.ckpt")
    told = str(caught.value)
    assert "\n" not in told
    assert f"1 missing ({lost})" in told
    assert "1 unexpected (encoder.extra)" in told
    assert f"1 of another shape ({misshapen} is 3 x 3 instead of 32 x 32 x 3 x 3)" in told
    many = _without(state, *(key for key in state if "decoder.mid" in key))
    torch.save(many, folder / "many.ckpt")
    with pytest.raises(ModelError, match=r"26 missing \(.*, .*, .* \.\.\.\)"):
        import_checkpoint(folder / "many.ckpt")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s: s | {"quant_conv.bias": torch.full((64,), float("nan"))}, "not finite"),
        (lambda s: s | {"quant_conv.bias": torch.zeros(64, dtype=torch.int64)}, "instead of weights"),
        (lambda s: s | {"quant_conv.weight": torch.zeros(1).expand(64, 64, 1, 1)}, "more numbers than the file"),
        (lambda s: s | {"quantize.embedding.weight": torch.zeros(1).expand(1 << 30, 64)}, "131072"),
        (lambda s: s | {"quantize.embedding.weight": torch.zeros(5)}, "makes no network"),
        (lambda s: s | {"encoder.conv_in.weight": torch.zeros(7, 3, 3, 3)}, "makes no network"),
        (lambda s: s | {"encoder.down.999999.block.0.conv1.weight": torch.zeros(1)}, "makes no network"),
        (lambda s: {"layer1.0.conv1.weight": torch.zeros(64, 64, 3, 3)}, "none of the checkpoints"),
        (lambda s: {"encoder.conv_in.weight": torch.zeros(1), "quantize.embed.weight": torch.zeros(1)}, "none of"),
        (lambda s: [1, 2, 3], "none of the checkpoints"),
        (lambda s: {}, "none of the checkpoints"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused(folder, spoil, reason):
    torch.save(spoil(fakes.narrow_vqgan()), folder / "wrong.pth")
    with pytest.raises(GlcError, match=reason) as caught:
        import_checkpoint(folder / "wrong.pth")
    assert "\n" not in str(caught.value)
    assert not (folder / "models").exists()


def test_the_header_tells_nothing_of_the_file_it_came_from(folder):
    torch.save(fakes.narrow_vqgan(), folder / "a.pth")
    path = import_checkpoint(folder / "a.pth").path
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert set(header["__metadata__"]) == {"codec", "config", "description"}


def test_an_import_leaves_the_rest_of_the_process_as_it_was(folder):
    """Networks are laid out without numbers while a checkpoint is checked; no other tensor may be."""
    torch.save(fakes.narrow_glc(), folder / "a.pth")
    program = (
        "import numpy as np, napari_glc\n"
        "from napari_glc.codecs.importing import import_checkpoint\n"
        f"import_checkpoint({str(folder / 'a.pth')!r})\n"
        "print(len(napari_glc.encode(np.zeros((64, 64), np.uint8), device='cpu')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
