"""One viewer for many tests: opening and closing one takes longer than most of them."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from typing import Any

import pytest
from app_model import Application
from napari import Viewer
from napari._app_model._app import NapariApplication, _napari_names
from napari._qt._qapp_model.qactions import init_qactions
from napari._qt.qt_viewer import QtViewer
from napari.plugins import _initialize_plugins
from napari.settings import get_settings
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

_APP = "shared_viewer"


class SharedViewer:
    """A viewer that is opened when it is first asked for, and made again what it was after each test.

    Like napari's ``make_napari_viewer`` it insists that nothing outlives a test: :meth:`tidy` that no widget does,
    neither as a window nor connected to the viewer's layers; :meth:`close` that nobody holds the viewer itself.
    """

    def __init__(self) -> None:
        self._open: ExitStack | None = None
        self.viewer: Any = None
        self._docks, self._windows = set[QDockWidget](), set[QWidget]()

    def get(self) -> Any:
        """The viewer."""
        if self._open is None:
            self._open = ExitStack()
            patch = self._open.enter_context(pytest.MonkeyPatch.context())
            self._prepare(patch)
            self._windows |= set(QApplication.topLevelWidgets())
            self.viewer = Viewer(show=False, show_welcome_screen=False)
            window = self.viewer.window._qt_window
            self._docks |= set(window.findChildren(QDockWidget))
            self._windows |= set(QApplication.topLevelWidgets())
            self._callbacks = self._ours()
        return self.viewer

    def _prepare(self, patch: pytest.MonkeyPatch) -> None:
        """What ``make_napari_viewer`` does: settings and actions of its own, no thread, no console."""

        def no_console(*_: Any) -> QWidget:
            widget = QWidget()
            widget._update_theme = lambda *_: None
            return widget

        get_settings().reset()
        app = NapariApplication(_APP)
        app.injection_store.namespace = _napari_names
        patch.setattr(NapariApplication, "get_app_model", lambda *_: app)
        patch.setattr("napari._qt.threads.status_checker.StatusChecker.start", lambda *_: None)
        patch.setattr("napari._qt.qt_main_window._QtMainWindow._save_current_window_settings", lambda *_: None)
        patch.setattr("napari._qt.qt_viewer.QtViewer._get_console", no_console)
        _forget_actions()

    def _ours(self) -> list[str]:
        """Callbacks of this package and of its tests that listen to the viewer."""
        viewer = self.viewer
        groups = [viewer.layers, viewer.layers.selection, viewer.dims, viewer.cursor, viewer.scene.camera, viewer]
        found = []
        for emitter in [one for each in groups for one in (each.events, *each.events.emitters.values())]:
            for callback in emitter.callbacks:
                # of a method, a reference to its object and its name
                owner = type(callback[0]()) if isinstance(callback, tuple) else callback
                if not owner.__module__.startswith(("napari.", "vispy.", "builtins")):
                    found.append(f"{emitter.type}: {callback}")
        for name in ("mouse_drag", "mouse_move", "mouse_wheel", "mouse_double_click"):
            found += [f"{name}: {callback}" for callback in getattr(viewer, f"{name}_callbacks")]
        return found

    def tidy(self) -> None:
        """Take out what a test put in; see that nothing stays. If something does, the next test has a new viewer."""
        try:
            self._tidy()
        except AssertionError:
            self.close(failed=True)
            raise

    def _tidy(self) -> None:
        viewer, window = self.viewer, self.viewer.window
        added = set(window._qt_window.findChildren(QDockWidget)) - self._docks
        while added:
            # nothing here may hold it: a dock holds its widget
            window.remove_dock_widget(added.pop())
        viewer.layers.clear()
        viewer.dims.ndisplay = 2
        viewer.canvas.grid.enabled = False
        viewer.scene.camera.mouse_pan = True
        viewer.reset_view()
        get_settings().reset()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
        gc.collect()
        left = set(QApplication.topLevelWidgets()) - self._windows
        # what has a parent, such as the list of a drop-down, goes with it
        left = {widget for widget in left if widget.parent() is None and widget.objectName() != "handled_widget"}
        assert not left, f"outlive their test: {left}"
        more = [callback for callback in self._ours() if callback not in self._callbacks]
        assert not more, f"still connected: {more}"

    def close(self, failed: bool = False) -> None:
        """Close it, as after a test that wants a viewer of its own, or that failed and may hold anything."""
        if self._open is not None:
            self.viewer.close()
            self.viewer, self._docks, self._windows = None, set(), set()
            self._open.close()
            self._open = None
            Application.destroy(_APP)
            _forget_actions()
            gc.collect()
            held = len(QtViewer._instances)
            QtViewer._instances.clear()
            assert failed or held == 0


def _forget_actions() -> None:
    _initialize_plugins.cache_clear()
    init_qactions.cache_clear()
