"""A drop-down of the devices networks can run on."""

from __future__ import annotations

import sys
from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QWidget

from ..._napari.settings import plugin_setting
from ...codecs.loading import choose_device, device_obstacles
from .ahead import load_ahead
from .choices import allow, narrow
from .jobs import Job, Report

__all__ = ["DeviceChoice"]


class DeviceChoice(QComboBox):
    """Lists all devices there could be; those that are not here cannot be chosen and say why.

    Begins with the device set in the plugin's preferences, or ``auto`` if that one is not here. Only PyTorch knows
    what is here, and loading it takes seconds: if nobody has loaded it, a thread does, and the list
    is completed then.

    Parameters
    ----------
    parent
        Qt parent.

    Attributes
    ----------
    notice
        What is to be told about the preferences; empty if all is well or not known yet.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        narrow(self)
        self.notice = ""
        self._tell: Callable[[str], None] | None = None
        if "torch" in sys.modules:
            self._list(_ask())
            load_ahead()
        else:
            self.addItem("auto", "auto")
            self.addItem("cpu", "cpu")
            wanted = str(plugin_setting("runtime", "device"))
            if wanted not in ("auto", "cpu"):
                self.addItem(wanted, wanted)
            self.setCurrentIndex(max(0, self.findData(wanted)))
            asking = Job(_ask_in_thread, "Looking for devices")
            asking.succeeded.connect(self._complete)
            asking.start()

    def tell_when_known(self, tell: Callable[[str], None]) -> None:
        """Call `tell` with the notice, now or as soon as there is one."""
        self._tell = tell
        if self.notice:
            tell(self.notice)

    def _complete(self, known: tuple[str, dict[str, str]]) -> None:
        """Fill the list anew; what the user has chosen meanwhile stays."""
        load_ahead()
        before = self.device
        blocked = self.blockSignals(True)
        self.clear()
        self._list(known)
        if before == "cpu":
            self.setCurrentIndex(self.findData("cpu"))
        self.blockSignals(blocked)
        if self.device != before:
            self.currentIndexChanged.emit(self.currentIndex())
        if self.notice and self._tell is not None:
            self._tell(self.notice)

    def _list(self, known: tuple[str, dict[str, str]]) -> None:
        automatic, obstacles = known
        self.addItem(f"auto ({automatic})", "auto")
        self.setItemData(0, f"The fastest there is: {automatic}", Qt.ItemDataRole.ToolTipRole)
        for name, obstacle in sorted(obstacles.items()):
            self.addItem(f"{name} (not here)" if obstacle else name, name)
            allow(self, name, f"Not available: {obstacle}" if obstacle else "", tip=f"Always {name}")
        wanted = str(plugin_setting("runtime", "device"))
        place = self.findData(wanted)
        if place > 0 and obstacles.get(wanted):
            self.notice = f"Device {wanted} of the preferences is not here ({obstacles[wanted]}); using {automatic}."
            place = 0
        self.setCurrentIndex(max(place, 0))

    @property
    def device(self) -> str:
        """``"auto"`` or the name of a device."""
        return str(self.currentData())


def _ask() -> tuple[str, dict[str, str]]:
    return choose_device("auto"), device_obstacles()


def _ask_in_thread(report: Report) -> tuple[str, dict[str, str]]:
    report(0, 0)
    return _ask()
