"""Real pictures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import napari_glc
from napari_glc.codecs.entry import CodecEntry
from napari_glc.codecs.glc.codec import GlcCodec
from napari_glc.codecs.loading import loaded_codec
from napari_glc.codecs.registry import model_of
from napari_glc.codecs.vqgan.codec import VqganCodec
from napari_glc.models.registry import FOLDER_VARIABLE
from toy_codec import toy_codec_registered, write_toy_model

DATA = Path(__file__).parent / "data"
SAMPLES = Path(napari_glc.__file__).parent / "samples"


@pytest.fixture(scope="session", autouse=True)
def _quiet_machine() -> None:
    """Keep torch at the cores there are; some CI machines announce more than they grant."""
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)


@pytest.fixture(scope="session")
def parrots() -> np.ndarray:
    """Kodak 23: 512 x 768 RGB."""
    return iio.imread(SAMPLES / "kodim23.png")


@pytest.fixture(scope="session")
def motocross() -> np.ndarray:
    """Kodak 5, full of detail: 512 x 768 RGB."""
    return iio.imread(DATA / "kodim05.png")


@pytest.fixture(scope="session")
def embryo() -> np.ndarray:
    """One fluorescence frame: 264 x 542 grey uint8."""
    return iio.imread(DATA / "embryo_frame0.png")


@pytest.fixture(scope="session")
def encoded_parrots(parrots: np.ndarray) -> bytes:
    """The parrots at quality 50."""
    return napari_glc.encode(parrots)


@pytest.fixture(scope="session")
def codec() -> GlcCodec:
    """The embedded model on the CPU."""
    codec = loaded_codec(model_of("glc", None), "cpu")
    assert isinstance(codec, GlcCodec)
    return codec


@pytest.fixture(scope="session")
def vqgan() -> VqganCodec:
    """The embedded index-map model on the CPU."""
    codec = loaded_codec(model_of("vqgan", None), "cpu")
    assert isinstance(codec, VqganCodec)
    return codec


@pytest.fixture
def toy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodecEntry]:
    """A third codec and its model, registered for one test; see ``toy_codec.py``."""
    folder = tmp_path_factory.mktemp("models")
    write_toy_model(folder)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    with toy_codec_registered() as entry:
        yield entry
