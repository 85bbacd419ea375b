"""*Copy debug information*."""

from __future__ import annotations

import re

import torch
from napari._app_model import get_app_model
from qtpy.QtWidgets import QApplication

from napari_glc._qt import debug_command
from napari_glc.models import embedded_models


def test_the_command_copies_what_helpers_ask_for(viewer, qtbot, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(debug_command, "show_info", told.append)
    QApplication.clipboard().clear()
    get_app_model().commands.execute_command("napari-glc.debug")
    qtbot.waitUntil(lambda: bool(told), timeout=30_000)
    text = QApplication.clipboard().text()
    assert text in told[0]
    assert f"torch {torch.__version__}" in text
    assert re.search(r"device auto is (cpu|cuda|mps)", text)
    assert "runtime.device auto" in text
    for model in embedded_models():
        assert f"model {model.name}, codec {model.codec}, SHA-256 {model.sha256[:16]}" in text
