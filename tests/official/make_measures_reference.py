"""Makes tests/data/measures.npz and .keys.json: what the reference libraries compute under reproducible random weights.

python tests/official/make_measures_reference.py

Needs ``pip install torchvision lpips DISTS-pytorch piq torchmetrics torch-fidelity``; the tests do not. Keys and shapes
are those of the files that torchvision, lpips, torchmetrics, DISTS and pytorch-fid publish or save.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import torch

# a torchvision whose compiled half does not load has all that is needed here
try:
    import torchvision
except RuntimeError:
    _library = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision
sys.path.insert(0, str(Path(__file__).parent))
import lpips
import piq
import torch_fidelity.metric_fid
import torch_fidelity.metric_kid
import torchmetrics.functional.image.dists
import torchmetrics.functional.image.lpips
from DISTS_pytorch import DISTS_pt
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

import fakes

NAMES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


def shapes_of(state: dict[str, torch.Tensor]) -> dict[str, list[int]]:
    return {key: list(tensor.shape) for key, tensor in state.items()}


def backbone(name: str):
    """A classifier of torchvision with reproducible convolutions."""
    model = getattr(torchvision.models, name)(weights=None)
    state = model.state_dict()
    for key in state:
        if key.startswith("features."):
            state[key] = fakes.of_measure(name, key, list(state[key].shape))
    model.load_state_dict(state)
    return model.eval()


def heads(net: str, module: torch.nn.Module) -> None:
    """Fill the heads of an LPIPS."""
    for key, parameter in module.named_parameters():
        if key.startswith("lin") and not key.startswith("lins"):
            parameter.data = fakes.of_measure(f"lpips-{net}", key.split(".")[0], list(parameter.shape))


def learned(a: torch.Tensor, b: torch.Tensor) -> tuple[dict[str, np.ndarray], dict[str, dict[str, list[int]]]]:
    """LPIPS and DISTS of pictures in [0, 1], and keys of all layouts."""
    found, keys = {}, {}
    made = {name: backbone(name) for name in NAMES.values()}
    patches = [mock.patch.object(torchvision.models, name, return_value=model) for name, model in made.items()]
    for module in (piq.perceptual, torchmetrics.functional.image.dists):
        patches.append(mock.patch.object(module, "vgg16", return_value=made["vgg16"]))
    for patch in patches:
        patch.start()
    for name, model in made.items():
        keys[name] = shapes_of(model.state_dict())
    for net in NAMES:
        theirs = lpips.LPIPS(net=net, pretrained=False, verbose=False)
        other = torchmetrics.functional.image.lpips._LPIPS(pretrained=False, net=net)
        for module in (theirs, other):
            heads(net, module)
        found[f"lpips-{net} by lpips"] = theirs(a, b, normalize=True).flatten().numpy()
        found[f"lpips-{net} by torchmetrics"] = other(a, b, normalize=True).flatten().numpy()
        keys[f"lpips-{net} by lpips"] = shapes_of(theirs.state_dict())
        keys[f"lpips-{net} by torchmetrics"] = shapes_of(other.state_dict())
    weights = {name: fakes.of_measure("dists", name, [1, 1475, 1, 1]) for name in ("alpha", "beta")}
    by_authors = DISTS_pt.DISTS(load_weights=False)
    by_torchmetrics = torchmetrics.functional.image.dists.DISTSNetwork(load_weights=False)
    by_torchmetrics.stage1, by_torchmetrics.stage2 = by_authors.stage1, by_authors.stage2
    by_torchmetrics.stage3, by_torchmetrics.stage4 = by_authors.stage3, by_authors.stage4
    by_torchmetrics.stage5 = by_authors.stage5
    for name, module in (("dists by DISTS", by_authors), ("dists by torchmetrics", by_torchmetrics)):
        module.alpha.data, module.beta.data = weights["alpha"], weights["beta"]
        found[name] = module(a, b).reshape(1).numpy()
    keys["dists by DISTS"] = shapes_of(by_authors.state_dict())
    # piq publishes them with a sum of one
    total = weights["alpha"].sum() + weights["beta"].sum()
    normalised = {name: each / total for name, each in weights.items()}
    with mock.patch.object(torch.hub, "load_state_dict_from_url", return_value=normalised):
        found["dists by piq"] = piq.DISTS(reduction="none")(a, b).reshape(1).numpy()
    for patch in patches:
        patch.stop()
    return found, keys


def inception(patches: torch.Tensor) -> tuple[np.ndarray, dict[str, list[int]]]:
    """Features of uint8 patches by torch-fidelity, and the keys of the published file."""
    with (
        mock.patch("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", return_value={}),
        mock.patch.object(FeatureExtractorInceptionV3, "load_state_dict"),
    ):
        plain = FeatureExtractorInceptionV3("fake", ["2048"])
    state = plain.state_dict()
    filled = {
        key: tensor if key.endswith("num_batches_tracked") else fakes.of_measure("inception", key, list(tensor.shape))
        for key, tensor in state.items()
    }
    plain.load_state_dict(filled)
    return plain(patches)[0].numpy(), shapes_of(state)


def crowds() -> dict[str, np.ndarray]:
    """Distances of crowds of random features, whole and too few for their dimension."""
    found = {}
    for name, (one, other) in fakes.crowds_of_features().items():
        stats = [torch_fidelity.metric_fid.fid_features_to_statistics(torch.from_numpy(x)) for x in (one, other)]
        fid = torch_fidelity.metric_fid.fid_statistics_to_metric(*stats, verbose=False)
        found[f"frechet {name} by torch-fidelity"] = np.array(list(fid.values()))
        mu, sigma = ([torch.from_numpy(s[key]) for s in stats] for key in ("mu", "sigma"))
        found[f"frechet {name} by torchmetrics"] = _compute_fid(mu[0], sigma[0], mu[1], sigma[1]).reshape(1).numpy()
        tensors = [torch.from_numpy(x) for x in (one, other)]
        # three subsets of 200 features, or all of them where there are fewer
        size = min(200, len(one))
        options = {"kid_subset_size": size, "kid_subsets": 3, "verbose": False}
        kid = torch_fidelity.metric_kid.kid_features_to_metric(*tensors, **options)
        found[f"kernel {name} by torch-fidelity"] = np.array([kid["kernel_inception_distance_mean"]])
        if len(one) <= size:
            found[f"kernel {name} by torchmetrics"] = poly_mmd(*tensors).reshape(1).numpy()
    return found


@torch.inference_mode()
def main() -> None:
    a, b = fakes.two_pictures()
    tensors = [torch.from_numpy(picture.transpose(2, 0, 1).copy())[None] for picture in (a, b)]
    arrays, keys = learned(*(tensor.float() / 255 for tensor in tensors))
    arrays["inception by torch-fidelity"], keys["inception"] = inception(torch.cat(tensors)[..., :64, :64].contiguous())
    arrays |= crowds()
    for name, values in arrays.items():
        print(name, values.shape, values.ravel()[:3])
    versions = {
        m.__name__: getattr(m, "__version__", "") for m in (torch, torchvision, torchmetrics, piq, torch_fidelity)
    }
    print(versions)
    np.savez_compressed(fakes.DATA / "measures.npz", **arrays)
    (fakes.DATA / "measures.keys.json").write_text(json.dumps(keys, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
