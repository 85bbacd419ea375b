"""Opening a widget in a program that has not loaded PyTorch: nobody waits for it."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys, time
from napari import Viewer
from qtpy.QtCore import QCoreApplication
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.common.jobs import wait_for_jobs
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget

viewer = Viewer(show=False)
for kind in (LatentWidget, IndexWidget, RecoveryWidget, RateWidget):
    viewer.window.add_dock_widget(kind(viewer), name=kind.__name__)
widget = CodecWidget(viewer)
viewer.window.add_dock_widget(widget)
names = [widget.device.itemData(i) for i in range(widget.device.count())]
loaded_at_once = "napari_glc.codecs.glc.codec" in sys.modules
end = time.monotonic() + 60
while widget.device.itemText(0) == "auto" and time.monotonic() < end:
    QCoreApplication.processEvents()
    time.sleep(0.01)
later = [widget.device.itemData(i) for i in range(widget.device.count())]
print(names[:2], loaded_at_once, "torch" in sys.modules, later)
wait_for_jobs()
viewer.close()
"""


def test_widgets_open_before_pytorch_is_there_and_devices_are_listed_after(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "['auto', 'cpu'] False True ['auto', 'cpu']"
