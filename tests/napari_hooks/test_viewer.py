"""The plugin in a real viewer: what a user sees of opening and saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog
from skimage.transform import resize

import napari_glc


@pytest.fixture
def viewer(screen, make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def parrots_file(tmp_path, encoded_parrots) -> Path:
    path = tmp_path / "parrots.glc"
    path.write_bytes(encoded_parrots)
    return path


def test_a_dropped_file_opens(viewer, parrots_file):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(parrots_file))])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    viewer.window._qt_viewer.dropEvent(event)
    assert [layer.name for layer in viewer.layers] == ["parrots"]
    assert viewer.layers[0].data.shape == (512, 768, 3)


def test_the_decoded_picture_is_on_the_canvas(screen, make_napari_viewer, qtbot, parrots_file):
    viewer = make_napari_viewer(show=True)
    viewer.open(parrots_file, plugin="napari-glc")
    qtbot.wait(200)
    shot = viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    picture = resize(shot[_lit(shot)], (32, 48))
    wanted = resize(napari_glc.imread(parrots_file), (32, 48))
    assert np.corrcoef(picture.ravel(), wanted.ravel())[0, 1] > 0.95


def _lit(shot: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a screenshot that are not black."""
    lit = shot.max(axis=2) > 0
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def test_the_save_dialog_offers_glc_and_writes_it(viewer, parrots, tmp_path, monkeypatch):
    viewer.add_image(parrots[:128, :128], rgb=True, name="corner")
    offered: list[str] = []

    def choose(*args: object, **options: object) -> tuple[str, str]:
        filters = str(options.get("filter") or next(a for a in args if isinstance(a, str) and "*.glc" in a))
        chosen = next(f for f in filters.split(";;") if "GLC codec" in f)
        offered.append(chosen)
        return str(tmp_path / "corner"), chosen

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    viewer.window._qt_viewer.viewer.layers.selection = set(viewer.layers)
    from napari._qt._qapp_model.qactions._file import _save_selected_layers

    _save_selected_layers(viewer.window._qt_viewer)
    assert "lossy image" in offered[0]
    assert napari_glc.open(tmp_path / "corner.glc").shape == (128, 128, 3)


def test_the_quality_in_the_preferences_is_used(viewer, parrots, tmp_path):
    from napari.settings import get_plugin_settings

    settings = get_plugin_settings("napari-glc")
    before = settings.writer.quality
    try:
        settings.writer.quality = 20
        layer = viewer.add_image(parrots[:128, :128], rgb=True)
        (path,) = layer.save(tmp_path / "a.glc")
    finally:
        settings.writer.quality = before
    assert napari_glc.open(path).quality == 20
