"""Real widgets in a real viewer."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest

from napari_glc._qt.common.jobs import wait_for_jobs
from napari_glc._qt.common.remembering import forget_settings
from shared_viewer import SharedViewer


@pytest.fixture(scope="session", autouse=True)
def _manifests_stay(screen) -> Iterator[None]:
    """Look for plugins among what is installed once, not for every viewer."""
    found = list(PluginManifest.discover())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", staticmethod(lambda paths=(): iter(found)))
        yield


@pytest.fixture(scope="module", autouse=True)
def _modules_stay(screen) -> None:
    """Keep what is loaded by now out of the collections around each viewer, which would walk through it every time."""
    import napari_glc.codecs.glc.codec
    import napari_glc.codecs.vqgan.codec  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _as_after_the_start() -> None:
    """No widget goes on where one of another test was."""
    forget_settings()


@pytest.fixture(scope="module")
def shared_viewer(_modules_stay) -> Iterator[SharedViewer]:
    """What hands out the viewer that the tests of a module have in common."""
    shared = SharedViewer()
    yield shared
    shared.close()


@pytest.fixture
def viewer(shared_viewer, request) -> Iterator[Any]:
    """A viewer as after the start; nothing that came into it outlives the test, and no job does."""
    yield shared_viewer.get()
    assert wait_for_jobs()
    if request.node.rep_call.passed:
        shared_viewer.tidy()
    else:
        shared_viewer.close(failed=True)


@pytest.fixture
def _no_shared_viewer(shared_viewer) -> None:
    shared_viewer.close()


@pytest.fixture
def make_napari_viewer(_no_shared_viewer, make_napari_viewer) -> Callable[..., Any]:
    """Makes a viewer for this test alone, which may be shown or closed; napari's own wants no other beside it."""
    return make_napari_viewer


@pytest.fixture
def dock(viewer) -> Callable[[type], Any]:
    """Put a widget into the viewer's dock, as napari does."""

    def put(kind: type, **options: Any) -> Any:
        widget = kind(viewer, **options)
        viewer.window.add_dock_widget(widget, name=kind.__name__, area="right")
        return widget

    return put


@pytest.fixture
def lone_window(qtbot) -> Callable[[Any], None]:
    """See that a widget outside the viewer is closed, and tell napari, which looks for windows that stay earlier."""

    def handle(widget: Any) -> None:
        qtbot.addWidget(widget)
        widget.setObjectName("handled_widget")

    return handle


@pytest.fixture
def finish(qtbot) -> Callable[..., None]:
    """Wait until a widget's job has ended and everything is shown; on a busy machine that takes its time."""

    def wait(widget: Any, seconds: float = 300) -> None:
        qtbot.waitUntil(lambda: widget.settled, timeout=int(1000 * seconds))

    return wait


@pytest.fixture
def small_parrots(parrots: np.ndarray) -> np.ndarray:
    """A part of the parrots: 128 x 192 RGB."""
    return np.ascontiguousarray(parrots[200:328, 300:492])
