"""A model folder of its own, and official models imported into it once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import fakes
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.codecs.loading import release_models
from napari_glc.models import ModelFile
from napari_glc.models.registry import FOLDER_VARIABLE


@pytest.fixture(scope="session")
def shelf(tmp_path_factory) -> Path:
    """The folder of the session's models."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(autouse=True)
def _folder(shelf, monkeypatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(shelf))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring tests of the same network of full size together, after all others.

    The four take more than a gigabyte. So each is made, imported and loaded once, and is gone before the next.
    """
    items.sort(key=lambda item: item.callspec.params["official"] if "official" in item.fixturenames else "")


@pytest.fixture(scope="session")
def official(shelf: Path, request: pytest.FixtureRequest) -> Iterator[ModelFile]:
    """The imported fake checkpoint of an official network of full size, in the form its authors publish.

    A test names the network as the parameter.
    """
    name, path = request.param, shelf / "checkpoint"
    state = fakes.state_of(name)
    if name.startswith("vqgan"):
        fakes.save_lightning(path, state | {"loss.discriminator.main.0.weight": torch.zeros(64, 3, 4, 4)})
    elif name == "glc_image":
        torch.save({"state_dict": {"net": {"net_g": fakes.prefixed("module.", state)}}}, path)
    else:
        torch.save({"params_ema": state}, path)
    del state
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(shelf))
        model = import_checkpoint(path)
    path.unlink()
    yield model
    release_models()
    model.path.unlink()
