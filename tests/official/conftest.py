"""A model folder of its own, and official models imported into it once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
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


@pytest.fixture(scope="session")
def official(shelf) -> Iterator[Callable[[str], ModelFile]]:
    """Imports the fake checkpoint of an official network of full size, in the form its authors publish."""

    @cache
    def imported(name: str) -> ModelFile:
        path = shelf / f"{name}.ckpt"
        state = fakes.state_of(name)
        if name.startswith("vqgan"):
            fakes.save_lightning(path, state | {"loss.discriminator.main.0.weight": torch.zeros(64, 3, 4, 4)})
        elif name == "glc_image":
            torch.save({"state_dict": {"net": {"net_g": fakes.prefixed("module.", state)}}}, path)
        else:
            torch.save({"params_ema": state}, path)
        before = os.environ.get(FOLDER_VARIABLE)
        os.environ[FOLDER_VARIABLE] = str(shelf)
        try:
            return import_checkpoint(path)
        finally:
            path.unlink()
            os.environ.pop(FOLDER_VARIABLE) if before is None else os.environ.update({FOLDER_VARIABLE: before})

    yield imported
    release_models()
    for path in shelf.glob("*.safetensors"):  # more than a gigabyte, which pytest would keep for three sessions
        path.unlink()
