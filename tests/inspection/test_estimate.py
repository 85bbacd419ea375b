"""Sizes told beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_glc
from napari_glc._base.progress import no_progress
from napari_glc.errors import OptionError
from napari_glc.inspection.coding import CodingOptions
from napari_glc.inspection.estimate import estimated_size

DATA = Path(__file__).parents[1] / "data"


class Watched:
    """An array that knows what was read of it."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        part = self._array[index]
        self.read += part.size
        return part


def test_a_stack_is_judged_by_some_of_its_planes():
    worms = tifffile.imread(DATA / "worms_crop_uint16.tif")
    stack = Watched(np.concatenate([worms] * 4))
    limits = (float(worms.min()), float(worms.max()))
    found = estimated_size(stack, "ZYX", CodingOptions(quality=60), value_range=limits, progress=no_progress)
    real = len(napari_glc.encode(stack._array, axes="ZYX", quality=60, value_range=limits))
    assert found.bytes == pytest.approx(real, rel=0.25)
    assert (found.planes, found.share) == (5, 5 / 12)
    assert found.bpp == pytest.approx(8 * found.bytes / stack._array.size)
    assert stack.read == 5 * worms[0].size


def test_a_codec_that_fits_says_so(embryo):
    with pytest.raises(OptionError, match="fits every picture anew"):
        estimated_size(embryo[:64, :64], "YX", CodingOptions(codec="clric"), value_range=None, progress=no_progress)
