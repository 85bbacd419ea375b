"""A drop-down of the devices networks can run on."""

from __future__ import annotations

import sys
from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QWidget

from ..._napari.settings import plugin_setting
from ...codecs.loading import OR_AUTO, choose_device, device_obstacles
from .ahead import load_ahead
from .choices import narrow
from .jobs import Job, Report

__all__ = ["DeviceChoice"]


class DeviceChoice(QComboBox):
    """Lists the devices there are; its tooltip says which others there could be, and why they are not here.

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
        self.notice, self._absent = "", ""
        self._tell: Callable[[str], None] | None = None
        if "torch" in sys.modules:
            self._list(_ask())
            load_ahead()
        else:
            self.addItem("auto", "auto")
            self.addItem("cpu", "cpu")
            wanted = str(plugin_setting("runtime", "device"))
            if wanted not in ("auto", "cpu"):
                # not known to be here: whoever is quicker than the list gets another one if it is not
                self.addItem(wanted, wanted + OR_AUTO)
                self.setCurrentIndex(2)
            else:
                self.setCurrentIndex(self.findData(wanted))
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
        absent = {name: why for name, why in sorted(obstacles.items()) if why}
        self.addItem(f"auto ({automatic})", "auto")
        self.setItemData(0, f"The fastest there is: {automatic}", Qt.ItemDataRole.ToolTipRole)
        for name in sorted(set(obstacles) - set(absent)):
            self.addItem(name, name)
            self.setItemData(self.count() - 1, f"Always {name}", Qt.ItemDataRole.ToolTipRole)
        self._absent = "".join(f"\nNot here: {name} ({why})" for name, why in absent.items())
        self.setToolTip(self.toolTip())
        wanted = str(plugin_setting("runtime", "device"))
        if wanted in absent:
            self.notice = f"Device {wanted} of the preferences is not here ({absent[wanted]}); using {automatic}."
        self.setCurrentIndex(max(self.findData(wanted), 0))

    def setToolTip(self, tip: str) -> None:  # noqa: N802 (Qt's name)
        """Set the tooltip; which devices are not here, and why, is added to it."""
        super().setToolTip(tip.split("\nNot here: ")[0] + self._absent)

    @property
    def device(self) -> str:
        """``"auto"`` or the name of a device."""
        return str(self.currentData())


def _ask() -> tuple[str, dict[str, str]]:
    return choose_device("auto"), device_obstacles()


def _ask_in_thread(report: Report) -> tuple[str, dict[str, str]]:
    report(0, 0)
    return _ask()
