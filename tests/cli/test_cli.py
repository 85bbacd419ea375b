"""The shell's verbs, called as a user would."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_glc
from napari_glc.cli import main

SAMPLE = Path(napari_glc.__file__).parent / "samples" / "kodim23.png"


@pytest.fixture
def crop_file(tmp_path) -> Path:
    """A small picture, coded."""
    path = tmp_path / "crop.glc"
    napari_glc.imwrite(path, iio.imread(SAMPLE)[:64, :96])
    return path


@pytest.fixture(scope="module")
def crop(parrots, tmp_path_factory) -> Path:
    """A picture file of 192 x 256 pixels: large enough for MS-SSIM and for packets of several indices."""
    path = tmp_path_factory.mktemp("crop") / "crop.png"
    iio.imwrite(path, parrots[320:, 512:])
    return path


def test_encode_info_verify_decode(crop, tmp_path, capsys):
    file, out = tmp_path / "a.glc", tmp_path / "a.png"
    assert main(["encode", str(crop), str(file)]) == 0
    printed = capsys.readouterr().out
    assert f"{file.stat().st_size} bytes" in printed
    assert f"{8 * file.stat().st_size / (192 * 256):.4f} bpp" in printed

    assert main(["info", str(file), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["shape"] == [192, 256, 3]
    assert facts["model_name"] == "glc-small"
    assert sum(facts["streams"].values()) == facts["bytes"] == file.stat().st_size
    assert main(["info", str(file)]) == 0
    assert "hyper" in capsys.readouterr().out

    assert main(["verify", str(file)]) == 0
    assert "intact" in capsys.readouterr().out
    assert main(["decode", str(file), str(out)]) == 0
    np.testing.assert_array_equal(iio.imread(out), napari_glc.imread(file))
    assert main(["decode", str(file), str(out), "--preview"]) == 0
    assert iio.imread(out).shape == (192, 256, 3)


def test_the_installed_command_runs_in_a_process_of_its_own(crop, tmp_path):
    command = shutil.which("glc", path=str(Path(sys.executable).parent))
    assert command is not None
    source = "/dev/stdin" if Path("/dev/stdin").exists() else "-"
    with crop.open("rb") as given:
        run = [command, "encode", source, str(tmp_path / "a.glc"), "--quality", "20"]
        subprocess.run(run, check=True, capture_output=True, stdin=given)
    assert napari_glc.open(tmp_path / "a.glc").quality == 20
    usage = subprocess.run([command, "encode"], capture_output=True, text=True)
    assert usage.returncode == 2
    assert "usage: glc encode" in usage.stderr


@pytest.mark.parametrize("bpp", [0.03, 0.06])
def test_a_wanted_rate_is_met(crop, tmp_path, bpp):
    file = tmp_path / "a.glc"
    assert main(["encode", str(crop), str(file), "--bpp", str(bpp)]) == 0
    assert napari_glc.open(file).bpp == pytest.approx(bpp, rel=0.1)


def test_a_rate_out_of_reach_is_said_to_be(crop, tmp_path, capsys):
    file = tmp_path / "a.glc"
    assert main(["encode", str(crop), str(file), "--bpp", "3"]) == 0
    assert "outside what the model can do" in capsys.readouterr().err
    assert napari_glc.open(file).quality == 100


def test_failures_exit_with_1_and_say_why(tmp_path, capsys):
    bad = tmp_path / "bad.glc"
    bad.write_bytes(b"GL")
    for words, reason in [
        (["encode", str(tmp_path / "none.png"), str(tmp_path / "a.glc")], "no file"),
        (["encode", str(bad), str(tmp_path / "a.glc")], "cannot be read as a picture"),
        (["encode", str(SAMPLE), str(tmp_path / "a.glc"), "--model", "nobody"], "not installed"),
        (["encode", str(SAMPLE), str(tmp_path / "a.glc"), "--model", str(SAMPLE)], "it is a PNG picture"),
        (["decode", str(bad), str(tmp_path / "a.png")], "bad.glc"),
        (["info", str(tmp_path / "none.glc")], "none.glc: No such file"),
        (["info", str(SAMPLE)], "it is a PNG picture"),
    ]:
        assert main(words) == 1, words
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "a.glc").exists()


def _exit_code(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as ended:  # argparse's own
        return int(ended.code or 0)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["encode", "IN", "OUT.glc", "-q", "400"], "within 0 to 100"),
        (["encode", "IN", "OUT.glc", "-q", "nan"], "within 0 to 100"),
        (["encode", "IN", "OUT.glc", "-e", "99"], "within 0 to 9"),
        (["encode", "IN", "OUT.glc", "--bpp", "-1"], "positive"),
        (["encode", "IN", "OUT.glc", "--tile", "100"], "multiple of 64"),
        (["encode", "IN", "OUT.glc", "--threads", "0"], "from 1 on"),
        (["encode", "IN", "OUT.glc", "--codec", "nothing"], "'glc', 'vqgan', 'clric', 'perco'"),
        (["encode", "IN", "OUT.png"], "does not end in .glc"),
        (["batch", "DIR", "OUT", "-q", "400"], "within 0 to 100"),
        (["batch", "DIR", "OUT", "-e", "99"], "within 0 to 9"),
        (["batch", "DIR", "OUT", "--codec", "vqgan", "--packets", "99"], "within 1 to 64"),
        (["decode", "DIR", "OUT", "--format", "xyz"], "not a picture format"),
        (["damage", "FILE.glc", "OUT.glc", "--loss", "2"], "within 0 to 1"),
        (["train", "nothing", "--data", "DIR", "--out", "OUT"], "no training configuration"),
    ],
)
def test_options_out_of_range_exit_with_2(tmp_path, capsys, crop_file, words, reason):
    paths = {"DIR": tmp_path, "IN": SAMPLE, "FILE.glc": crop_file, **{n: tmp_path / n for n in ("OUT", "OUT.glc")}}
    paths["OUT.png"] = tmp_path / "OUT.png"
    before = set(tmp_path.iterdir())
    assert _exit_code([str(paths.get(word, word)) for word in words]) == 2
    assert reason in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_a_picture_format_nobody_knows_is_refused(tmp_path, capsys):
    file = tmp_path / "a.glc"
    napari_glc.imwrite(file, np.full((32, 32), 90, np.uint8))
    assert main(["decode", str(file), str(tmp_path / "a.xyz")]) == 2
    assert ".png" in capsys.readouterr().err
    assert main(["decode", str(file), str(tmp_path / "a")]) == 2
    assert list(tmp_path.iterdir()) == [file]


def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path, capsys):
    rgba = np.dstack([iio.imread(SAMPLE)[:64, :64], np.full((64, 64), 255, np.uint8)])
    iio.imwrite(tmp_path / "opaque.png", rgba)
    assert main(["encode", str(tmp_path / "opaque.png"), str(tmp_path / "a.glc")]) == 0
    rgba[3, 4, 3] = 0
    iio.imwrite(tmp_path / "clear.png", rgba)
    assert main(["encode", str(tmp_path / "clear.png"), str(tmp_path / "b.glc")]) == 1
    assert "alpha" in capsys.readouterr().err


def test_evaluate_measures_files_on_disk(crop, embryo, tmp_path, capsys):
    folder, kept, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.json"
    folder.mkdir()
    shutil.copy(crop, folder)
    iio.imwrite(folder / "embryo.png", embryo[:192, 100:300])
    words = ["evaluate", str(folder), "--quality", "20", "80", "--json", str(report), "--save-decoded", str(kept)]
    assert main(words) == 0
    measured = json.loads(report.read_text())
    assert len(measured["images"]) == 4
    for row in measured["images"]:
        name = f"{Path(row['image']).stem}_glc_q{row['quality']:g}"
        assert row["bytes"] == (kept / f"{name}.glc").stat().st_size
        original, decoded = iio.imread(folder / row["image"]), iio.imread(kept / f"{name}.png")
        error = np.mean((original.astype(float) - decoded) ** 2)
        assert row["psnr"] == pytest.approx(10 * np.log10(255**2 / error))
        assert 0.3 < row["ms_ssim"] < 1
    low, high = measured["means"]
    assert low["bpp"] < high["bpp"]
    assert low["psnr"] < high["psnr"]
    assert "means over 2 pictures" in capsys.readouterr().out


def test_models_are_listed(capsys):
    assert main(["models", "list"]) == 0
    assert "glc-small" in capsys.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "glc-small"


def test_index_maps_in_packets_are_damaged_and_recovered(crop, tmp_path, capsys):
    file, bad, out, mask = (tmp_path / name for name in ("a.glc", "bad.glc", "a.png", "mask.png"))
    words = ["encode", str(crop), str(file), "--codec", "vqgan", "--quality", "75", "--packets", "5"]
    assert main([*words, "--index-coder", "adaptive"]) == 0
    assert main(["info", str(file)]) == 0
    assert "options  index coder adaptive, packets 5" in capsys.readouterr().out
    assert main(["verify", str(file)]) == 0

    assert main(["damage", str(file), str(bad), "--loss", "0.2", "--pattern", "packet", "--seed", "3"]) == 0
    assert "1 of 5 packet(s) damaged" in capsys.readouterr().out
    assert main(["verify", str(bad)]) == 1
    whole = napari_glc.imread(file)
    errors = {}
    for method in ("transformer", "nearest", "none"):
        assert main(["decode", str(bad), str(out), "--recover", method, "--mask", str(mask)]) == 0
        told = capsys.readouterr().err
        assert re.search(r"1 of 5 packets were lost, (19|20)\.", told)
        assert method in told
        errors[method] = float(np.mean((iio.imread(out).astype(float) - whole) ** 2))
    assert 0 < errors["transformer"] < errors["none"]
    assert 0 < errors["nearest"] < errors["none"]
    lost = iio.imread(mask)
    assert set(np.unique(lost)) == {0, 255}
    assert (lost > 0).mean() == pytest.approx(0.2, abs=0.01)

    assert main(["decode", str(file), str(out), "--mask", str(mask)]) == 0
    np.testing.assert_array_equal(iio.imread(out), whole)
    assert not iio.imread(mask).any()
    assert main(["decode", str(bad), str(out), "--recover", "prayer"]) == 2
    assert "choose from transformer" in capsys.readouterr().err


def test_sampled_recovery_depends_on_its_seed(tmp_path):
    file, bad = tmp_path / "a.glc", tmp_path / "bad.glc"
    napari_glc.imwrite(file, iio.imread(SAMPLE)[:128, :128], codec="vqgan", packets=4)
    assert main(["damage", str(file), str(bad)]) == 0
    pictures = []
    for seed in ("1", "1", "2"):
        out = tmp_path / "a.png"
        words = ["decode", str(bad), str(out), "--temperature", "1", "--top-k", "40", "--seed", seed]
        assert main(words) == 0
        pictures.append(iio.imread(out))
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()


def test_packets_of_a_wanted_size(parrots, tmp_path):
    picture, file = tmp_path / "a.png", tmp_path / "a.glc"
    iio.imwrite(picture, parrots[:256, :384])
    assert main(["encode", str(picture), str(file), "--codec", "vqgan", "--packet-bytes", "50"]) == 0
    opened = napari_glc.open(file)
    sizes = np.diff(opened.container.offsets)
    assert opened.container.header.packets > 3
    assert sizes.mean() == pytest.approx(50, rel=0.3)


def test_evaluate_measures_losses(crop, tmp_path, capsys):
    folder, report = tmp_path / "in", tmp_path / "report.json"
    folder.mkdir()
    shutil.copy(crop, folder)
    words = [
        "evaluate",
        str(folder),
        "--codec",
        "vqgan",
        "--quality",
        "75",
        "--loss",
        "0",
        "0.2",
        "--json",
        str(report),
    ]
    assert main([*words, "--recover", "transformer", "none"]) == 0
    rows = {(row["loss"], row["method"]): row for row in json.loads(report.read_text())["images"]}
    assert len(rows) == 4
    assert rows[0, "none"]["accuracy"] == rows[0, "transformer"]["accuracy"] == 1
    assert rows[0.2, "transformer"]["accuracy"] > rows[0.2, "none"]["accuracy"]
    assert rows[0, "none"]["psnr"] > rows[0.2, "transformer"]["psnr"] > rows[0.2, "none"]["psnr"]
    decoded = napari_glc.decode(napari_glc.encode(iio.imread(crop), codec="vqgan", quality=75))
    error = np.mean((iio.imread(crop).astype(float) - decoded) ** 2)
    assert rows[0, "none"]["psnr"] == pytest.approx(10 * np.log10(255**2 / error))
    assert "transformer" in capsys.readouterr().out
    assert main([*words, "--recover", "magic"]) == 2
