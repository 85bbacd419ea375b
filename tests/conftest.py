"""How the tests run, and real pictures for all of them.

Each test process works in one thread: several run side by side, and threads that wait for one another spinning take
the cores from the others. Tests of what threads change ask for :func:`two_threads`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import napari_glc

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from napari_glc.codecs.entry import CodecEntry
    from napari_glc.codecs.glc.codec import GlcCodec
    from napari_glc.codecs.vqgan.codec import VqganCodec

# read once when torch is loaded, which is after this: here, in pytest-xdist's processes, in those the tests start
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
# a window or widget that outlives its test is an error
os.environ["NAPARI_STRICT_QT"] = "1"

HERE = Path(__file__).parent
DATA = HERE / "data"
SAMPLES = Path(napari_glc.__file__).parent / "samples"
TOGETHER = {"_qt": "screen", "napari_hooks": "screen", "official": "official", "container": "seeds", "fuzz": "seeds"}
"""Folders whose tests share something: the screen, or what is made for them once. With pytest-xdist, one process runs
them one after the other; of other folders, a process takes a file at a time."""
LONGEST = ("_qt", "napari_hooks", "official", "installation", "training", "codecs")
"""Folders that are begun with, so that nobody waits for one of them in the end."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What ``--numprocesses auto`` means: the cores there are, but no more than there is work for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 4)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand tests out by :data:`TOGETHER`, those of :data:`LONGEST` first."""
    from xdist.scheduler import LoadScopeScheduling

    # by the number of tests otherwise, which says little
    config.option.loadscopereorder = False

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return TOGETHER.get(Path(file).parent.name, file)

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with :data:`LONGEST`."""
    places = {folder: place for place, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(places)))


@pytest.fixture(scope="session")
def screen(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> None:
    """The screen, which no other process of these tests uses."""
    if worker_id != "master":
        (tmp_path_factory.getbasetemp().parent / "screen").touch(exist_ok=False)


@pytest.fixture
def two_threads() -> Callable[[], AbstractContextManager[None]]:
    """Makes a context in which torch works in two threads instead of one."""
    import torch

    @contextlib.contextmanager
    def context() -> Iterator[None]:
        assert torch.get_num_threads() == 1
        torch.set_num_threads(2)
        try:
            yield
        finally:
            torch.set_num_threads(1)

    return context


@pytest.fixture
def without_onednn() -> Callable[[], AbstractContextManager[None]]:
    """Makes a context in which torch computes without oneDNN."""
    import torch

    @contextlib.contextmanager
    def context() -> Iterator[None]:
        torch.backends.mkldnn.enabled = False
        try:
            yield
        finally:
            torch.backends.mkldnn.enabled = True

    return context


@pytest.fixture
def jitter() -> Callable[[nn.Module, float], AbstractContextManager[None]]:
    """Makes a context in which every layer's output is multiplied by 1 ± a number, always the same way."""
    import torch

    @contextlib.contextmanager
    def context(module: nn.Module, relative: float) -> Iterator[None]:
        generator = torch.Generator().manual_seed(5)

        def disturb(_module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
            noise = 2 * torch.rand(output.shape, generator=generator, dtype=output.dtype) - 1
            return output * (1 + relative * noise)

        hooks = [m.register_forward_hook(disturb) for m in module.modules() if not list(m.children())]
        assert len(hooks) > 50
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    return context


@pytest.fixture(scope="session")
def parrots() -> np.ndarray:
    """Kodak 23: 512 x 768 RGB."""
    return _picture(SAMPLES / "kodim23.png")


@pytest.fixture(scope="session")
def motocross() -> np.ndarray:
    """Kodak 5, full of detail: 512 x 768 RGB."""
    return _picture(DATA / "kodim05.png")


@pytest.fixture(scope="session")
def embryo() -> np.ndarray:
    """One fluorescence frame: 264 x 542 grey uint8."""
    return _picture(DATA / "embryo_frame0.png")


def _picture(path: Path) -> np.ndarray:
    import imageio.v3 as iio

    picture: np.ndarray = iio.imread(path)
    return picture


@pytest.fixture(scope="session")
def encoded_parrots(parrots: np.ndarray) -> bytes:
    """The parrots at quality 50."""
    return napari_glc.encode(parrots)


@pytest.fixture(scope="session")
def codec() -> GlcCodec:
    """The embedded model on the CPU."""
    from napari_glc.codecs.glc.codec import GlcCodec

    return _embedded("glc", GlcCodec)


@pytest.fixture(scope="session")
def vqgan() -> VqganCodec:
    """The embedded index-map model on the CPU."""
    from napari_glc.codecs.vqgan.codec import VqganCodec

    return _embedded("vqgan", VqganCodec)


def _embedded(codec, kind):
    from napari_glc.codecs.loading import loaded_codec
    from napari_glc.codecs.registry import model_of

    loaded = loaded_codec(model_of(codec, None), "cpu")
    assert isinstance(loaded, kind)
    return loaded


@pytest.fixture
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodecEntry]:
    """A third codec and its model, registered for one test; see ``toy_codec.py``."""
    from toy_codec import toy_codec_registered, write_toy_model

    folder = tmp_path_factory.mktemp("models")
    write_toy_model(folder)
    with pytest.MonkeyPatch.context() as patch, toy_codec_registered() as entry:
        patch.setenv("NAPARI_GLC_MODELS", str(folder))
        yield entry


@pytest.fixture
def changed_toy(toy: CodecEntry) -> Iterator[pytest.MonkeyPatch]:
    """Like ``monkeypatch``, and undone before the third codec goes, so that nothing brings it back."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
