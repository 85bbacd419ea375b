"""Rate-distortion curves and their files."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

import napari_glc
from napari_glc.errors import Cancelled, OptionError
from napari_glc.inspection.rate.curves import (
    BASELINES,
    RatePoint,
    available_baselines,
    baseline_curve,
    decoded_baseline,
    rate_curve,
    write_curve,
)
from napari_glc.inspection.rate.session import RateSession
from napari_glc.metrics import compare


@pytest.fixture(scope="module")
def part(parrots) -> np.ndarray:
    return np.ascontiguousarray(parrots[100:292, 100:356])


def test_points_are_those_of_files(part):
    session = RateSession(part, device="cpu")
    points = list(rate_curve(session, (10, 90)))
    for point in points:
        data = napari_glc.encode(part, quality=point.quality, device="cpu")
        fidelity = compare(part, napari_glc.decode(data, device="cpu"))
        assert (point.size, point.psnr, point.ms_ssim) == (len(data), fidelity.psnr, fidelity.ms_ssim)
        assert point.bpp == 8 * len(data) / part[..., 0].size
    assert points[0].size < points[1].size


def test_a_curve_has_nine_points(part):
    session = RateSession(part, codec="vqgan", device="cpu")
    qualities = session.qualities
    assert [session.coder.level(q) for q in qualities] == list(range(9))
    assert len(RateSession(part[:64, :64], device="cpu").qualities) == 9
    first = next(rate_curve(session))
    assert first.codec == "vqgan"
    assert first.quality == 0


@pytest.mark.parametrize("codec", BASELINES)
def test_baselines_grow_and_improve(part, codec):
    if codec not in available_baselines():
        pytest.skip(f"this Pillow cannot write {codec}")
    points = list(baseline_curve(part, codec))
    assert [p.quality for p in points] == list(BASELINES[codec])
    assert all(a.size <= b.size for a, b in zip(points, points[1:], strict=False))
    assert points[-1].psnr > points[0].psnr + 3
    assert points[-1].bpp < 3


@pytest.mark.parametrize("codec", ["jpeg", "webp", "avif"])
def test_grey_pictures_stay_grey(embryo, codec):
    if codec not in available_baselines():
        pytest.skip(f"this Pillow cannot write {codec}")
    size, decoded = decoded_baseline(embryo, codec, 40)
    assert decoded.shape == embryo.shape
    assert size < embryo.size / 4
    assert compare(embryo, decoded).psnr > 28


def test_unknown_baselines_and_cancelling(part):
    with pytest.raises(OptionError, match="jpeg"):
        decoded_baseline(part, "bpg", 10)

    def stop(done, total):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        next(baseline_curve(part, "jpeg", stop))
    with pytest.raises(Cancelled):
        next(rate_curve(RateSession(part, device="cpu"), progress=stop))


def test_the_csv_keeps_every_digit(tmp_path, part):
    points = [RatePoint("glc", 12.5, 1234, 8 * 1234 / 7, 21.123456789012, math.nan), *baseline_curve(part, "jpeg")]
    write_curve(tmp_path / "curve.csv", points)
    with open(tmp_path / "curve.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 6
    assert float(rows[0]["bpp"]) == points[0].bpp
    assert float(rows[0]["psnr"]) == points[0].psnr
    assert rows[0]["ms_ssim"] == "nan"
    assert [int(row["size"]) for row in rows] == [p.size for p in points]
