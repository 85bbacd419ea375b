"""Files and widgets on napari's own command line."""

from __future__ import annotations

import sys

import napari
import numpy as np
import pytest
from napari.__main__ import main

import napari_glc
from napari_glc._napari.window import window


@pytest.fixture
def napari_with(viewer, monkeypatch):
    """Start napari with words of the command line, in this viewer and without staying in its event loop."""

    def start(*words: object) -> None:
        monkeypatch.setattr(sys, "argv", ["napari", *map(str, words)])
        monkeypatch.setattr(napari.__main__, "Viewer", lambda **_: viewer)
        monkeypatch.setattr(napari, "run", lambda **_: None)
        main()

    return start


def test_files_and_widgets_open(viewer, napari_with, small_parrots, tmp_path, qtbot):
    photograph, stack = tmp_path / "parrots.glc", tmp_path / "stack.glc"
    napari_glc.imwrite(photograph, small_parrots[:64, :96], metadata={"scale": [2.0, 2.0]})
    napari_glc.imwrite(stack, np.stack([small_parrots[..., 1]] * 2), axes="ZYX")
    napari_with(photograph, stack, "-w", "napari-glc", "Rate exploration", "Lost-index recovery")
    assert [layer.name for layer in viewer.layers] == ["parrots", "stack"]
    first, second = viewer.layers
    assert (first.rgb, first.data.shape, tuple(first.scale)) == (True, (64, 96, 3), (2.0, 2.0))
    assert (second.rgb, second.data.shape) == (False, (2, 128, 192))
    # at once, and filled in once the window is there
    filler = window()._filler
    assert filler is not None
    qtbot.waitUntil(lambda: filler._job is None and isinstance(first.data, np.ndarray), timeout=30_000)
    assert np.array_equal(first.data, napari_glc.imread(photograph))
    docks = viewer.window.dock_widgets
    assert [name.split(" (")[0] for name in docks] == ["Rate exploration", "Lost-index recovery"]
    assert all(widget.source.layer is second for widget in docks.values() if hasattr(widget, "source"))


def test_the_only_reader_is_found_by_name_and_files_are_not_stacked(viewer, napari_with, small_parrots, tmp_path):
    paths = [tmp_path / f"{name}.glc" for name in "ab"]
    for path in paths:
        napari_glc.imwrite(path, small_parrots[:32, :32])
    napari_with(paths[0], "--plugin", "napari-glc")
    napari_with(paths[1], "--stack", *paths)
    # those of --stack come before the others
    assert [layer.name for layer in viewer.layers] == ["a", "b", "a [1]", "b [1]"]
    assert all(layer.data.shape == (32, 32, 3) for layer in viewer.layers)
