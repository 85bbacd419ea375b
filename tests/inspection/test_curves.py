"""Rate-distortion curves and their files."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import napari_glc
from napari_glc.errors import Cancelled, OptionError
from napari_glc.evaluation.classical import available_classical, classical_named
from napari_glc.evaluation.rows import Result
from napari_glc.inspection.rate.curves import (
    baseline_curve,
    decoded_baseline,
    looks,
    point_of,
    rate_curve,
    write_curve,
)
from napari_glc.inspection.rate.reporting import picture_report
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
        assert (point.size, point.measures["psnr"]) == (len(data), fidelity.psnr)
        assert point.measures["ms_ssim"] == fidelity.ms_ssim
        assert point.measures["squeezenet"] > 0
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


@pytest.mark.parametrize("codec", [codec.name for codec in available_classical()])
def test_baselines_grow_and_improve(part, codec):
    points = list(baseline_curve(part, codec))
    assert [p.quality for p in points] == list(classical_named(codec).qualities)
    assert all(a.size <= b.size for a, b in zip(points, points[1:], strict=False))
    assert points[-1].measures["psnr"] > points[0].measures["psnr"] + 3
    assert points[-1].measures["squeezenet"] < points[0].measures["squeezenet"]
    assert points[-1].bpp < 3


@pytest.mark.parametrize("codec", [codec.name for codec in available_classical()])
def test_grey_pictures_stay_grey(embryo, codec):
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
    here = Result(image="", codec="glc", quality=12.5, size=1234, bpp=8 * 1234 / 7, measures={"psnr": 21.123456789012})
    points = [here, *baseline_curve(part, "jpeg")]
    write_curve(tmp_path / "curve.csv", points)
    with open(tmp_path / "curve.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 6
    assert float(rows[0]["bpp"]) == points[0].bpp
    assert float(rows[0]["psnr"]) == 21.123456789012
    assert rows[0]["ms_ssim"] == ""
    assert [int(row["bytes"]) for row in rows] == [p.size for p in points]


def test_what_classical_codecs_need_is_said_in_words(part):
    size, decoded = decoded_baseline(part, "webp", 5)
    here = point_of("glc", 50, size // 2, part, decoded)
    points = [*baseline_curve(part, "webp"), *baseline_curve(part, "jpeg")]
    sentences = looks(points, here, "squeezenet")
    # its own point with twice the bytes
    assert "WebP needs 2.0 times the bytes" in sentences
    assert len(sentences) == 2
    assert looks([], here, "squeezenet") == []


def test_the_report_of_one_picture_brings_others_to_its_bytes(part, tmp_path):
    session = RateSession(part, device="cpu")
    step = session.at(60)
    here = point_of("glc", 60, step.size, part, step.pixels)
    points = [*rate_curve(session, (0, 50, 100)), *baseline_curve(part, "webp")]
    page = picture_report("parrots", part, step.pixels, here, points)
    assert "Codecs on parrots" in page
    assert session.model.sha256 in page
    smallest = min(point.size for point in points if point.codec == "webp")
    assert f"<b>glc</b> {step.size} bytes" in page
    assert f"<b>WebP</b> {smallest} bytes" in page
    asked = []

    def stop(done, total):
        asked.append((done, total))
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        picture_report("parrots", part, step.pixels, here, points, progress=stop)
    assert asked == [(0, 2)]
