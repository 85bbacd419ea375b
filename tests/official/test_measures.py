"""Measures of published networks are those of the reference libraries, whatever packing the weights come in.

Weights are drawn at random in the published shapes; ``make_measures_reference.py`` wrote down what lpips, torchmetrics,
DISTS, piq and torch-fidelity make of them.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import fakes
from napari_glc.cli import main
from napari_glc.errors import MissingModelError, ModelError, OptionError
from napari_glc.evaluation.measures import (
    available_measures,
    crowd_distances,
    gather,
    pair_measure,
    patch_looks,
)
from napari_glc.metrics.crowds import Crowd, frechet_distance, kernel_distance
from napari_glc.metrics.patches import PatchGrid
from napari_glc.models.measuring import importing as measuring
from napari_glc.models.measuring import installed_networks, load_network, network_kind
from napari_glc.models.measuring.importing import import_networks
from napari_glc.models.registry import FOLDER_VARIABLE

REFERENCE = dict(np.load(fakes.DATA / "measures.npz"))
KEYS = json.loads((fakes.DATA / "measures.keys.json").read_text())
FILES = {"alexnet": "alexnet", "vgg16": "vgg16", "squeezenet1_1": "squeezenet1_1", "inception": "inception"}
TOLERANCE = 1e-4


def published(layout: str) -> dict[str, torch.Tensor]:
    """What a published file of that layout holds, filled with reproducible numbers."""
    return {key: _filled(layout, key, shape) for key, shape in KEYS[layout].items()}


def _filled(layout: str, key: str, shape: list[int]) -> torch.Tensor:
    heads = re.fullmatch(r"(?:lins\.|lin)(\d)\.model\.1\.weight", key)
    if heads:
        return fakes.of_measure(layout.split(" ")[0], f"lin{heads[1]}", shape)
    if key in ("alpha", "beta"):
        return fakes.of_measure("dists", key, shape)
    inner = re.fullmatch(r"(?:features|(?:net\.)?(?:slices\.\d|slice\d)|stage\d)\.(\d+\..+)", key)
    if inner and not key.endswith("filter"):
        return fakes.of_measure(_backbone(layout), f"features.{inner[1]}", shape)
    if layout == "inception" and not key.startswith("fc.") and not key.endswith("num_batches_tracked"):
        return fakes.of_measure(layout, key, shape)
    return torch.zeros(()).expand(shape)  # what is set aside: the file stays small


def hollow(layout: str) -> dict[str, torch.Tensor]:
    """The same keys and shapes without numbers, where only those matter."""
    return {key: torch.zeros(()).expand(shape) for key, shape in KEYS[layout].items()}


def _backbone(layout: str) -> str:
    if layout.startswith("lpips"):
        return {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}[layout.split(" ")[0][6:]]
    return "vgg16" if layout.startswith("dists") else layout


def heads_of(net: str) -> dict[str, torch.Tensor]:
    """The heads alone, as lpips publishes them."""
    state = published(f"lpips-{net} by lpips")
    return {key: tensor for key, tensor in state.items() if re.match(r"lin\d", key)}


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> Path:
    """A folder of models with all networks of measures, imported from files as they are published."""
    folder = tmp_path_factory.mktemp("networks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder / "models"))
        states = {name: published(layout) for name, layout in FILES.items()}
        states |= {net: heads_of(net) for net in ("alex", "vgg", "squeeze")}
        states["weights"] = {name: published("dists by DISTS")[name] for name in ("alpha", "beta")}
        for name, state in states.items():
            file = folder / f"{name}.pth"
            torch.save(state, file)
            assert len(import_networks(file)) == 1
            file.unlink()
    return folder / "models"


@pytest.fixture
def _installed(networks, monkeypatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(networks))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    return tmp_path


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("result", [name for name in REFERENCE if name.startswith(("lpips", "dists"))])
def test_distances_of_pairs_are_those_of_the_libraries(result):
    name = result.split(" ")[0].replace("-", "_").replace("lpips_alex", "lpips")
    original, decoded = fakes.two_pictures()
    assert pair_measure(name)(original, decoded) == pytest.approx(REFERENCE[result].item(), rel=TOLERANCE)
    assert pair_measure(name)(original, original) == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("_installed")
def test_features_of_inception_are_those_of_torch_fidelity():
    look = patch_looks(["fid"])["inception"]
    for picture, expected in zip(fakes.two_pictures(), REFERENCE["inception by torch-fidelity"], strict=True):
        (found,) = look(picture[:64, :64], PatchGrid(64))
        assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


@pytest.mark.usefixtures("_installed")
def test_fid_and_kid_share_one_look_at_the_patches():
    original, decoded = fakes.two_pictures()
    sides = [gather([picture[:64]], ["fid", "kid"], grid=PatchGrid(64)) for picture in (original, decoded)]
    assert list(sides[0].by_network) == ["inception"]
    assert sides[0].patches == 2
    found = crowd_distances(*sides, ["fid", "kid"])
    assert found["fid"] > 0
    assert crowd_distances(sides[0], sides[0], ["fid"])["fid"] == pytest.approx(0, abs=1e-6 * found["fid"])


@pytest.mark.parametrize("result", [name for name in REFERENCE if name.startswith(("frechet", "kernel"))])
def test_distances_of_crowds_are_those_of_the_libraries(result):
    kind, name = result.split(" ")[:2]
    crowds = Crowd(), Crowd()
    for crowd, features in zip(crowds, fakes.crowds_of_features()[name], strict=True):
        for start in range(0, len(features), 37):
            crowd.add(features[start : start + 37])
    found = frechet_distance(*crowds) if kind == "frechet" else kernel_distance(*crowds, subsets=3, size=200)
    assert found == pytest.approx(REFERENCE[result].item(), rel=TOLERANCE)


@pytest.mark.parametrize(
    ("layout", "prefix", "names"),
    [
        ("lpips-alex by lpips", "", ["alexnet", "lpips-alex"]),
        ("lpips-alex by torchmetrics", "net.", ["alexnet", "lpips-alex"]),
        ("lpips-squeeze by torchmetrics", "module.", ["squeezenet1_1", "lpips-squeeze"]),
        ("lpips-squeeze by lpips", "", ["squeezenet1_1", "lpips-squeeze"]),
        ("dists by DISTS", "", ["vgg16", "dists"]),
    ],
)
def test_packed_layouts_give_the_same_networks(folder, layout, prefix, names):
    torch.save({"state_dict": fakes.prefixed(prefix, published(layout))}, folder / "packed.pth")
    assert [network.name for network in import_networks(folder / "packed.pth")] == names
    for name in names:
        tensors = load_network(name)
        for key in list(tensors)[:: max(1, len(tensors) // 4)]:
            assert torch.equal(tensors[key], fakes.of_measure(name, key, list(tensors[key].shape)))


def test_heads_as_piq_publishes_them_are_a_bare_list(folder):
    torch.save([tensor.flatten() for tensor in heads_of("vgg").values()], folder / "lpips_weights.pt")
    assert [network.name for network in import_networks(folder / "lpips_weights.pt")] == ["lpips-vgg"]


def test_a_network_that_is_not_there_is_said_in_one_line_with_what_to_do(folder, capsys):
    with pytest.raises(MissingModelError) as caught:
        pair_measure("lpips")
    assert str(caught.value) == (
        "AlexNet of torchvision, ImageNet (alexnet) is not installed: glc models pull alexnet fetches it, or fetch "
        "alexnet-owt-7be5be79.pth (about 233 MB) by hand from https://github.com/pytorch/vision and run: "
        "glc models import alexnet-owt-7be5be79.pth"
    )
    assert [measure.name for measure in available_measures()] == ["squeezenet", "ms_ssim", "psnr", "frechet", "kernel"]
    with pytest.raises(MissingModelError, match=r"Inception for FID and KID .*-6726825d\.pth"):
        gather([], ["fid"])


def test_import_list_and_remove(folder, capsys):
    torch.save(heads_of("alex"), folder / "alex.pth")
    assert main(["models", "import", str(folder / "alex.pth"), "--as", "mine"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("lpips-alex")
    assert "BSD-2-Clause" in told.err
    assert "--as mine did nothing" in told.err
    assert main(["models", "import", str(folder / "alex.pth")]) == 0  # the same again changes nothing
    assert main(["models", "list"]) == 0
    assert "weights of LPIPS 0.1 for alex, for measuring" in capsys.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    assert "lpips-alex" in {row.get("measure") for row in json.loads(capsys.readouterr().out)}
    torch.save({key: tensor * 2 for key, tensor in heads_of("alex").items()}, folder / "other.pth")
    assert main(["models", "import", str(folder / "other.pth")]) == 2
    assert "there is another lpips-alex already: replace it with --replace" in capsys.readouterr().err
    assert main(["models", "import", str(folder / "other.pth"), "--replace"]) == 0
    assert main(["models", "remove", "lpips-alex"]) == 0
    assert installed_networks() == []
    assert list((folder / "models").glob("lpips*")) == []


def _vgg19() -> dict[str, torch.Tensor]:
    """The first convolutions of VGG with 19 layers, where they have other places."""
    state = hollow("vgg16")
    moved = {"17": "16", "19": "18", "24": "23"}
    parts = {key: key.split(".") for key in state if key.startswith("features.")}
    return {f"features.{moved.get(place, place)}.{leaf}": state[key] for key, (_, place, leaf) in parts.items()}


def _with_nan() -> dict[str, torch.Tensor]:
    state = heads_of("alex")
    state["lin2.model.1.weight"][0, 3] = np.nan
    return state


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (_vgg19, r"looks like VGG with 16 layers of torchvision, ImageNet, but of its tensors are \d+ missing"),
        (_with_nan, "but lin2 holds numbers that are not finite"),
        (
            lambda: hollow("inception") | {"fc.weight": torch.zeros(1000, 2048)},
            r"is an Inception with 1000 classes, whose features are others: FID is about the one with 1008",
        ),
        (
            lambda: {key: tensor for key, tensor in hollow("inception").items() if "Mixed_6c.branch_pool" not in key},
            r"looks like Inception for FID and KID, but of its tensors are \d missing \(Mixed_6c\.branch_pool",
        ),
        (
            lambda: hollow("alexnet") | {"features.3.weight": torch.zeros(192, 64, 3, 3)},
            r"1 of another shape \(features\.3\.weight is 192 x 64 x 3 x 3 instead of 192 x 64 x 5 x 5\)",
        ),
    ],
)
def test_weights_of_another_network_end_in_one_line(folder, state, reason):
    torch.save(state(), folder / "file.pth")
    with pytest.raises(ModelError, match=reason) as caught:
        import_networks(folder / "file.pth")
    assert "\n" not in str(caught.value)
    assert installed_networks() == []


def test_a_file_whose_name_promises_another_hash_is_refused(folder):
    torch.save(hollow("squeezenet1_1"), folder / "squeezenet1_1-b8a52dc0.pth")
    with pytest.raises(ModelError, match="is not what its name says: its hash is"):
        import_networks(folder / "squeezenet1_1-b8a52dc0.pth")


def test_an_older_version_of_the_heads_is_refused(folder, monkeypatch):
    torch.save(heads_of("alex"), folder / "alex.pth")
    import hashlib

    digest = hashlib.sha256((folder / "alex.pth").read_bytes()).hexdigest()
    kind = network_kind("lpips-alex")
    older = replace(kind, other_versions=((digest, kind.other_versions[0][1]),))
    monkeypatch.setattr(measuring, "NETWORKS", (older,))
    with pytest.raises(ModelError, match=r"is version 0\.0 of LPIPS, which its authors withdrew; take alex\.pth"):
        import_networks(folder / "alex.pth")


def test_networks_that_a_codec_was_trained_by_are_not_taken_out_of_its_checkpoint(folder):
    inside = fakes.prefixed("loss.perceptual_loss.", hollow("lpips-alex by lpips"))
    torch.save({"state_dict": fakes.narrow_vqgan() | inside}, folder / "last.ckpt")
    assert import_networks(folder / "last.ckpt") == []


def test_an_installed_file_of_other_weights_is_refused(folder):
    torch.save(heads_of("alex"), folder / "alex.pth")
    (network,) = import_networks(folder / "alex.pth")
    tensors = load_file(network.path)
    save_file(
        {key: tensor[:, :32].contiguous() for key, tensor in tensors.items()}, network.path, {"measure": "lpips-alex"}
    )
    with pytest.raises(ModelError, match=r"holds the weights of another network than weights of LPIPS 0\.1 for alex"):
        load_network("lpips-alex")
    network.path.write_bytes(b"no safetensors")
    with pytest.raises(MissingModelError):
        load_network("lpips-alex")


def test_measures_of_pairs_and_of_crowds_are_not_mixed_up(folder):
    with pytest.raises(OptionError, match="FID is about many pictures"):
        pair_measure("fid")
    with pytest.raises(OptionError, match="PSNR is about a picture and its original"):
        gather([], ["psnr"])
