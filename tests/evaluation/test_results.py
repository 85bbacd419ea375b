"""Tables of results become curves of means, and bytes at equal quality; what is no table says why."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_glc.cli import main
from napari_glc.codecs.registry import all_codecs
from napari_glc.errors import OptionError
from napari_glc.evaluation.results import read_curves
from napari_glc.evaluation.styles import styles_of
from napari_glc.metrics import measure_named

SETTINGS = {1: (0.05, 24.1, 0.61), 2: (0.11, 26.9, 0.42), 3: (0.2, 29.0, 0.3), 4: (0.4, 31.8, 0.2)}
HEADER = "codec,setting,image,bpp,psnr,squeeze_distance,notes\n"


def _lines(codec: str, cheaper: float = 1, pictures: tuple[str, ...] = ("a.png", "b.png")) -> str:
    """Two pictures, one 10 % smaller and one 10 % larger than the mean."""
    rows = []
    for setting, (bpp, psnr, distance) in SETTINGS.items():
        for picture, factor in zip(pictures, (0.9, 1.1), strict=True):
            rows.append(f"{codec},q{setting},{picture},{bpp * factor / cheaper},{psnr},{distance},x\n")
    return "".join(rows)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "three.csv"
    path.write_text(HEADER + _lines("avif") + _lines("half", 2) + _lines("quarter", 4))
    return path


def test_points_are_means_over_pictures_in_the_order_of_rates(table):
    curve = read_curves([table])[0]
    assert curve.name == "avif"
    assert curve.pictures == {"a", "b"}
    expected = [(bpp, psnr) for bpp, psnr, _ in SETTINGS.values()]
    assert np.array(curve.of(measure_named("psnr"))) == pytest.approx(np.array(expected))
    assert curve.of(measure_named("ms_ssim")) == []


def test_the_command_prints_bytes_at_equal_quality(table, capsys):
    assert main(["bd-rate", str(table)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [["squeezenet", "psnr"], ["half", "-50.00", "-50.00"], ["quarter", "-75.00", "-75.00"]]
    assert main(["bd-rate", str(table), "--anchor", "half", "--measure", "psnr", "--method", "cubic", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bd_rate"]["avif"]["psnr"] == pytest.approx(100)
    assert found["bd_rate"]["quarter"]["psnr"] == pytest.approx(-50)


def test_tables_of_one_codec_are_called_what_their_files_are_called(tmp_path, capsys):
    paths = [tmp_path / "before.csv", tmp_path / "after.json"]
    paths[0].write_text(HEADER + _lines("glc"))
    # as glc evaluate --json writes it: no codec, pictures of equal stems, nothing where a number is not finite
    rows = [
        {"image": f"{name}.webp", "quality": setting, "bytes": 9, "bpp": bpp / 2, "psnr": psnr, "ms_ssim": None}
        for setting, (bpp, psnr, _) in SETTINGS.items()
        for name in "ab"
    ]
    paths[1].write_text(json.dumps({"means": [], "images": rows}))
    assert [curve.name for curve in read_curves(paths)] == ["before", "after"]
    assert main(["bd-rate", *map(str, paths)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["after", "-50.00"]


def test_settings_that_lack_a_picture_do_not_count(tmp_path):
    path = tmp_path / "some.csv"
    whole = (HEADER + _lines("avif")).splitlines(keepends=True)
    path.write_text("".join(line for line in whole if ",q2,a.png," not in line))
    assert len(read_curves([path])[0].points) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no results"),
        ("codec,psnr\nglc,30\n", "it has no column bpp"),
        ("bpp,psnr\n0.1,good\n", "psnr is 'good' in one row, which is no number"),
        ("bpp,psnr\nnan,30\n", "bpp is nan in one row, which is no rate"),
        ("bpp,psnr\n-1,30\n", "bpp is -1 in one row, which is no rate"),
        ("\0\xff" * 40, "it has no column bpp|no table of results|holds no results"),
    ],
)
def test_what_is_no_table_says_why_in_one_line(tmp_path, text, reason):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(OptionError, match=reason) as caught:
        read_curves([path])
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_tables_of_different_pictures_are_not_compared(table, tmp_path, capsys):
    other = tmp_path / "other.csv"
    other.write_text(HEADER + _lines("glc", pictures=("a.png", "c.png")))
    reason = "glc: other and avif are about different pictures: c is in other alone"
    assert main(["bd-rate", str(table), str(other)]) == 0
    told = capsys.readouterr()
    assert told.err == f"{reason}; other is left out\n"
    assert "half" in told.out
    assert "other" not in told.out
    alone = tmp_path / "avif.csv"
    alone.write_text(HEADER + _lines("avif"))
    assert main(["bd-rate", str(alone), str(other)]) == 2
    assert capsys.readouterr().err == f"{reason}\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--anchor", "vvc"], "there is no 'vvc' in the results, only avif, half, quarter"),
        (["--measure", "beauty"], "measure 'beauty' is unknown"),
    ],
)
def test_what_is_not_in_the_tables_is_refused(table, words, reason, capsys):
    assert main(["bd-rate", str(table), *words]) == 2
    assert reason in capsys.readouterr().err


def test_one_result_alone_compares_with_nothing(tmp_path, capsys):
    path = tmp_path / "alone.csv"
    path.write_text(HEADER + _lines("glc"))
    assert main(["bd-rate", str(path)]) == 2
    assert "alone is the only result" in capsys.readouterr().err


def test_no_two_curves_have_one_colour():
    names = [*(entry.name for entry in all_codecs()), "jpeg", "webp", "avif", "jxl", *"abcdef"]
    assert len({style.colour for style in styles_of(names).values()}) == len(names)
