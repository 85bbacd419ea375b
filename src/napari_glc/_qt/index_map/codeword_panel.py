"""What is known of one codeword: its decoded patch, enlarged, beside its numbers; and the histogram of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from ..common.plot import Plot

__all__ = ["CodewordPanel", "UsagePlot"]

_PATCH = 96
"""Side of the enlarged patch on the screen."""
_BAR_PIXELS = 240.0
"""About the width of the axes: a bar is at least a pixel wide."""


class CodewordPanel(QWidget):
    """Patch and numbers of a codeword."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = QLabel()
        self.patch.setFixedSize(_PATCH, _PATCH)
        self.patch.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.patch.setAccessibleName("Decoded codeword")
        self.patch.setToolTip("The codeword decoded amid a map of nothing but itself, enlarged")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setAccessibleName("Codeword")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addWidget(self.patch)
        layout.addWidget(self.text, 1)

    def show_codeword(self, text: str, patch: NDArray[np.uint8] | None) -> None:
        """Show numbers and, if it is known, the patch ``(f, f, 3)`` uint8."""
        self.text.setText(text)
        if patch is None:
            self.patch.clear()
            return
        height, width = patch.shape[:2]
        image = QImage(np.ascontiguousarray(patch).tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        fast = Qt.TransformationMode.FastTransformation  # every pixel of the patch stays a square
        keep = Qt.AspectRatioMode.KeepAspectRatio
        self.patch.setPixmap(QPixmap.fromImage(image.copy()).scaled(_PATCH, _PATCH, keep, fast))


class UsagePlot(Plot):
    """How often each codeword occurs, in the order and the colours of the map: a legend at the same time."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, height=170)
        self.setAccessibleName("Usage of the codewords")
        self.setToolTip("How often each codeword occurs, in the order of the colours; click to select one")
        self._mark: Any = None
        self._counts = np.zeros(0, np.int64)
        self._label()

    def draw_usage(self, counts: NDArray[np.int64], colours: NDArray[np.float64]) -> None:
        """Draw bars ``(K,)`` in order of rank with colours ``(K, 4)``."""
        self._counts, self._mark = counts, None
        self.axes.clear()
        ranks = np.flatnonzero(counts)
        half = max(0.5, 0.6 * len(counts) / _BAR_PIXELS)
        corners = [[(r - half, 0), (r - half, counts[r]), (r + half, counts[r]), (r + half, 0)] for r in ranks]
        self.axes.add_collection(PolyCollection(corners, facecolors=colours[ranks], linewidths=0))
        self.axes.set_xlim(-1, len(counts))
        self.axes.set_ylim(0, 1.2 * max(1, counts.max()))
        self._label()

    def clear_usage(self) -> None:
        """Draw nothing."""
        self._counts, self._mark = np.zeros(0, np.int64), None
        self.axes.clear()
        self._label()

    def mark(self, rank: int | None) -> None:
        """Point at a codeword."""
        if self._mark is not None:
            self._mark.remove()
            self._mark = None
        if rank is not None and rank < len(self._counts):
            place = (rank, self._counts[rank])
            self._mark = self.axes.annotate(
                "▼", place, ha="center", va="bottom", color=self.ink, fontsize=9, annotation_clip=False
            )
        self.draw_idle()

    def nearest(self, x: float | None) -> int | None:
        """The rank of the occurring codeword nearest to a place on the axis."""
        ranks = np.flatnonzero(self._counts)
        return None if x is None or not len(ranks) else int(ranks[np.abs(ranks - x).argmin()])

    def restyle(self, event: Any = None) -> None:
        """See :meth:`Plot.restyle`; the pointer follows, too."""
        if getattr(self, "_mark", None) is not None:
            self._mark.set_color(self.ink)
        super().restyle(event)

    def _label(self) -> None:
        self.axes.set_xlabel("codeword, in the order of the colours")
        self.axes.set_ylabel("positions")
        self.restyle()
