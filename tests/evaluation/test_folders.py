"""``glc compare`` of two folders: any measures, and one clear line for whatever does not fit."""

from __future__ import annotations

import json

import imageio.v3 as iio
import numpy as np
import pytest

from napari_glc.cli import main
from napari_glc.metrics import ms_ssim, psnr


@pytest.fixture
def folders(tmp_path, parrots, embryo):
    """Two originals, one of them grey, and noisy copies in another format."""
    noise = np.random.default_rng(1)
    for name, picture in (("a", parrots[:192, :256]), ("b", embryo[:176, :192])):
        noisy = np.clip(picture + noise.normal(0, 20, picture.shape), 0, 255).astype(np.uint8)
        for folder, suffix, pixels in (("originals", "png", picture), ("decoded", "bmp", noisy)):
            (tmp_path / folder).mkdir(exist_ok=True)
            iio.imwrite(tmp_path / folder / f"{name}.{suffix}", pixels)
    return tmp_path


def _compare(folders, *words) -> int:
    return main(["compare", str(folders / "originals"), str(folders / "decoded"), *words])


def test_folders_are_measured_picture_by_picture_and_as_crowds(folders, capsys):
    measures = ["psnr", "ms_ssim", "squeezenet", "frechet", "kernel"]
    assert _compare(folders, "--measure", *measures, "--patch", "64", "--json", str(folders / "out.json")) == 0
    told = capsys.readouterr()
    assert "Patch Fréchet distance (SqueezeNet)" in told.out
    assert "2 pictures, 28 patches of 64 pixels" in told.out
    assert "distances of so few patches are too large" in told.err
    found = json.loads((folders / "out.json").read_text())
    a = [iio.imread(folders / side) for side in ("originals/a.png", "decoded/a.bmp")]
    rows = {row["image"]: row for row in found["images"]}
    assert rows["a"]["psnr"] == pytest.approx(psnr(*a))
    assert rows["a"]["ms_ssim"] == pytest.approx(ms_ssim(*a))
    assert found["means"]["psnr"] == pytest.approx((rows["a"]["psnr"] + rows["b"]["psnr"]) / 2)
    assert found["crowds"]["frechet"] > 0
    assert found["patches"] == {"count": 28, "size": 64, "shifted": True}


def test_two_pictures_are_measured_by_what_is_asked_for(folders, capsys):
    pair = [str(folders / side) for side in ("originals/a.png", "decoded/a.bmp")]
    assert main(["compare", *pair, "--measure", "squeezenet", "psnr"]) == 0
    assert [line.split()[-3] for line in capsys.readouterr().out.splitlines()[:2]] == ["lower", "higher"]


def _without(folders):
    (folders / "decoded" / "b.bmp").unlink()
    return 2, "the folders do not match: b.png of {0}/originals is not in {0}/decoded"


def _of_another_size(folders):
    iio.imwrite(folders / "decoded" / "a.bmp", np.zeros((192, 250, 3), np.uint8))
    return 1, "a: pictures of shapes (192, 256, 3) and (192, 250, 3) cannot be compared"


def _empty(folders):
    for path in (folders / "decoded").iterdir():
        path.unlink()
    return 2, "{0}/decoded holds no picture"


def _twice(folders):
    iio.imwrite(folders / "decoded" / "a.png", np.zeros((192, 256, 3), np.uint8))
    return 2, "{0}/decoded holds two pictures called a: a.bmp, a.png"


def _with_nan(folders):
    (folders / "decoded" / "b.bmp").unlink()
    iio.imwrite(folders / "decoded" / "b.tif", np.full((176, 192), np.nan, np.float32))
    return 1, "{0}/decoded/b.tif is float32 of shape (176, 192); measured are 8-bit pictures, grey or RGB"


@pytest.mark.parametrize("spoil", [_without, _of_another_size, _empty, _twice, _with_nan])
def test_folders_that_do_not_fit_end_in_one_line(folders, capsys, spoil):
    code, reason = spoil(folders)
    assert _compare(folders) == code
    told = capsys.readouterr()
    assert reason.format(folders) in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--measure", "beauty"], 2, "measure 'beauty' is unknown; choose from squeezenet,"),
        (["--measure", "fid"], 1, "glc models import pt_inception-2015-12-05-6726825d.pth"),
        (["--measure", "dists"], 1, "vgg16-397923af.pth"),
        (["--measure", "darknet"], 1, "Feature distance (Darknet) needs the folder of feature networks"),
        (["--measure", "frechet"], 2, "have 0; take more or larger pictures, or smaller patches"),
        (["--patch", "50"], 2, "patches of 50 pixels are not looked into"),
    ],
)
def test_measures_that_cannot_be_taken_end_in_one_line(folders, monkeypatch, capsys, words, code, reason):
    monkeypatch.setenv("NAPARI_GLC_MODELS", str(folders / "models"))
    assert _compare(folders, *words) == code
    told = capsys.readouterr()
    assert reason in told.err
    assert told.err.count("\n") == 1


def test_a_folder_and_a_picture_are_not_compared(folders, capsys):
    assert main(["compare", str(folders / "originals"), str(folders / "decoded" / "a.bmp")]) == 2
    assert "is a folder and" in capsys.readouterr().err
