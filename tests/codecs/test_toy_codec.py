"""The codec of the acceptance tests is a real one."""

from __future__ import annotations

import numpy as np

import napari_glc
from napari_glc._base.progress import no_progress
from napari_glc.codecs.entry import CodecEntry
from napari_glc.files.opened import GlcFile
from napari_glc.inspection.rate.session import RateSession
from napari_glc.metrics.fidelity import psnr


def test_pictures_go_there_and_back(toy: CodecEntry, parrots: np.ndarray) -> None:
    picture = parrots[:200, :300]
    coarse, fine = (napari_glc.encode(picture, codec="toy", quality=quality, tile=64) for quality in (0, 100))
    assert len(coarse) < len(fine)
    assert psnr(picture, napari_glc.decode(coarse)) < psnr(picture, napari_glc.decode(fine))
    file = GlcFile(fine)
    file.verify(no_progress)
    assert sum(file.streams().values()) == len(fine)
    assert np.array_equal(file.read((slice(70, 150), slice(33, 290))), file.read()[70:150, 33:290])
    # a preview has one colour for 64 x 64 pixels
    assert len(np.unique(file.read(preview=True)[:64, :64].reshape(-1, 3), axis=0)) == 1


def test_its_option_is_kept_in_the_file(toy: CodecEntry, embryo: np.ndarray) -> None:
    plain, grainy = (napari_glc.encode(embryo, codec="toy", grain=grain) for grain in (0, 7))
    assert len(grainy) == len(plain) + 1
    assert GlcFile(grainy).options.to_dict() == {"grain": 7}
    assert np.abs(napari_glc.decode(grainy).astype(int) - napari_glc.decode(plain)).max() == 7


def test_steps_are_files(toy: CodecEntry, embryo: np.ndarray) -> None:
    step = RateSession(embryo, codec="toy", grain=2).at(40)
    assert step.data == napari_glc.encode(embryo, codec="toy", quality=40, grain=2)
    assert np.array_equal(step.pixels, napari_glc.decode(step.data))
    assert round(step.bits().sum()) == 8 * step.payload
