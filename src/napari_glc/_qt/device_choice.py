"""A drop-down of the devices networks can run on."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QWidget

from .._settings import plugin_setting
from ..loading import choose_device, device_obstacles

__all__ = ["DeviceChoice"]


class DeviceChoice(QComboBox):
    """Lists all devices there could be; those that are not here cannot be chosen and say why.

    Begins with the device set in the plugin's preferences, or ``auto`` if that one is not here.

    Parameters
    ----------
    parent
        Qt parent.

    Attributes
    ----------
    notice
        What is to be told about the preferences; empty if all is well.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        obstacles = device_obstacles()
        automatic = choose_device("auto")
        self.addItem(f"auto ({automatic})", "auto")
        self.setItemData(0, f"The fastest there is: {automatic}", Qt.ItemDataRole.ToolTipRole)
        items = self.model()
        assert isinstance(items, QStandardItemModel)
        for name, obstacle in sorted(obstacles.items()):
            self.addItem(f"{name} (not here)" if obstacle else name, name)
            row = self.count() - 1
            tip = f"Not available: {obstacle}" if obstacle else f"Always {name}"
            self.setItemData(row, tip, Qt.ItemDataRole.ToolTipRole)
            items.item(row).setEnabled(not obstacle)
        self.notice = ""
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
