"""Folders through several codecs: rows, resumption, failures, other people's encoders and tables."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import sys

import imageio.v3 as iio
import numpy as np
import pytest

import napari_glc
from napari_glc.cli import main
from napari_glc.errors import GlcError, OptionError
from napari_glc.evaluation import running
from napari_glc.evaluation.classical import available_classical, classical_named
from napari_glc.evaluation.coders import Coded, coder_named, coders_named
from napari_glc.evaluation.equal_bytes import nearest_size, sheets
from napari_glc.evaluation.equal_look import equal_look
from napari_glc.evaluation.journal import Journal
from napari_glc.evaluation.outside import command_of, read_table
from napari_glc.evaluation.results import ResultCurve
from napari_glc.evaluation.rows import Result, curves_of, means, results_csv
from napari_glc.evaluation.running import evaluate
from napari_glc.metrics import compare


@pytest.fixture(scope="module")
def evaluation(crops):
    return evaluate(crops, coders_named(["glc", "webp"], device="cpu"), qualities=[10, 90])


def test_rows_are_those_of_the_library_and_of_pillow(crops, evaluation):
    rows = {(r.image, r.codec, r.quality): r for r in evaluation.results}
    assert len(rows) == 3 * (2 + len(classical_named("webp").qualities))
    original = iio.imread(crops / "embryo.png")
    data = napari_glc.encode(original, quality=90, device="cpu")
    row, fidelity = rows["embryo.png", "glc", 90], compare(original, napari_glc.decode(data, device="cpu"))
    assert (row.size, row.bpp) == (len(data), 8 * len(data) / original.size)
    assert (row.measures["psnr"], row.measures["ms_ssim"]) == (fidelity.psnr, fidelity.ms_ssim)
    webp = classical_named("webp")
    data = webp.encode(original, 15)
    row = rows["embryo.png", "webp", 15]
    assert row.size == len(data)
    assert row.measures["psnr"] == compare(original, webp.decode(data, original)).psnr
    assert 0 < row.measures["squeezenet"] < rows["embryo.png", "webp", 0].measures["squeezenet"]


def test_means_are_of_pictures_all_codecs_have(evaluation):
    low, high = (mean for mean in means(evaluation.results) if mean.codec == "glc")
    own = [r for r in evaluation.results if (r.codec, r.quality) == ("glc", 10)]
    assert low.size == sum(r.size for r in own) / 3
    assert low.images == 3
    assert low.measures["squeezenet"] > high.measures["squeezenet"]
    # a setting that lacks a picture would be the mean of others
    fewer = [r for r in evaluation.results if (r.image, r.codec, r.quality) != ("embryo.png", "glc", 10)]
    assert [m.quality for m in means(fewer) if m.codec == "glc"] == [90]


def test_csv_keeps_every_digit(evaluation):
    rows = list(csv.DictReader(io.StringIO(results_csv(evaluation.results))))
    assert [Result.of_row(row) for row in rows] == list(evaluation.results)
    nowhere = Result(image="a.png", codec="x", quality=1, size=2, bpp=3, measures={"psnr": math.nan})
    assert results_csv([nowhere]).splitlines()[1] == "a.png,x,1,2,3,,,"


def test_what_was_interrupted_goes_on(crops, tmp_path, monkeypatch):
    coders = coders_named(["jpeg"])
    measured, done = running._measure, []

    def until_somebody_pulls_the_plug(task):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(task.words)
        return measured(task)

    monkeypatch.setattr(running, "_measure", until_somebody_pulls_the_plug)
    with pytest.raises(KeyboardInterrupt):
        evaluate(crops, coders, journal=Journal(tmp_path / "kept"))
    # as if the power had gone within a line
    with open(tmp_path / "kept" / "results.jsonl", "a") as stream:
        stream.write('{"key": "abc", "im')
    monkeypatch.setattr(running, "_measure", lambda task: done.append(task.words) or measured(task))
    again = evaluate(crops, coders, journal=Journal(tmp_path / "kept"))
    assert len(done) == len(set(done)) == len(again.results) == 15
    assert [r.measures for r in again.results] == [r.measures for r in evaluate(crops, coders).results]
    # another setting of the encoder is another codec, and another picture another picture
    evaluate(crops, coders_named(["jpeg:subsampling=0"]), journal=Journal(tmp_path / "kept"))
    assert len(done) == 45


def test_processes_give_the_same(crops, evaluation):
    several = evaluate(crops, coders_named(["webp"]), workers=2).results
    assert len(several) == 15
    found = {(r.image, r.quality): r for r in several}
    for one in evaluation.results:
        if one.codec == "webp":
            assert found[one.image, one.quality].size == one.size
            assert found[one.image, one.quality].measures == pytest.approx(one.measures, rel=1e-4)


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(crops, tmp_path, capsys):
    folder = tmp_path / "in"
    shutil.copytree(crops, folder)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    iio.imwrite(folder / "deep.tif", np.full((200, 200), np.nan, np.float32), plugin="tifffile")
    assert main(["evaluate", str(folder), "--codec", "jpeg", "--json", str(tmp_path / "a.json")]) == 1
    out, err = capsys.readouterr()
    assert "means over 3 pictures" in out
    lines = err.splitlines()
    assert [line.split(":")[1] for line in lines] == [" broken.png", " deep.tif"]
    assert "only 8-bit pictures are measured, not float32 samples with NaN among them" in lines[1]
    assert set(json.loads((tmp_path / "a.json").read_text())["failed"]) == {"broken.png", "deep.tif"}


def test_options_stand_behind_a_colon(parrots):
    fast = coder_named("glc:effort=0,restore=denoise")
    assert fast.options == {"effort": 0, "restore": "denoise"}
    assert dict(coder_named("avif:speed=9,tune=iq").codec.options["advanced"]) == {"tune": "iq"}
    assert coder_named("avif:speed=9").codec.options["speed"] == 9
    for wrong, words in {
        "glc:effort=lots": "effort must be of type int",
        "glc:effort": "not KEY=VALUE",
        "gif": "ours are glc",
    }.items():
        with pytest.raises(OptionError, match=words):
            coder_named(wrong)
    with pytest.raises(OptionError, match="no option 'colour'"):
        coders_named(["glc:colour=red"])
    with pytest.raises(OptionError, match="named twice"):
        coders_named(["ours", "glc"])
    # what one codec lacks another may have
    glc, vqgan = coders_named(["glc", "vqgan"], options={"packets": 4})
    assert (dict(glc.options), dict(vqgan.options)) == ({}, {"packets": 4})
    with pytest.raises(OptionError, match="none of the codecs has an option 'packets'"):
        coders_named(["glc", "jpeg"], options={"packets": 4})
    assert [c.name for c in coders_named(["all"])][-len(available_classical()) :] == [
        c.name for c in available_classical()
    ]


_ENCODER = f"""{sys.executable} -c "import sys; from PIL import Image
Image.open(sys.argv[2]).convert('RGB').save(sys.argv[3], 'JPEG', quality=100 - int(sys.argv[1]))" """
_DECODER = f"""{sys.executable} -c "import sys; from PIL import Image
Image.open(sys.argv[1]).save(sys.argv[2])" """


def test_any_encoder_by_its_command_lines(crops, tmp_path):
    encode, decode = _ENCODER + "{quality} {picture} {file}", _DECODER + "{file} {decoded}"
    coder = command_of("mine", "98,60", encode, decode)
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(crops / "embryo.png", one)
    by_command = evaluate(one, [coder]).results
    assert [r.quality for r in by_command] == [98, 60]
    # of a grey picture the colours a decoder gives back are one
    stream = io.BytesIO()
    from PIL import Image

    Image.open(one / "embryo.png").convert("RGB").save(stream, "JPEG", quality=40)
    assert by_command[1].size == len(stream.getvalue())
    assert by_command[1].measures["psnr"] > by_command[0].measures["psnr"] > 20
    failing = command_of(
        "bad", "1", f"{sys.executable} -c 'raise SystemExit(5)' {{picture}}{{file}}{{quality}}", decode
    )
    with pytest.raises(GlcError, match="failed with 5"):
        evaluate(one, [failing])
    for words, said in (
        (("x", "a,b", encode, decode), "settings are numbers"),
        (("x", "1", "enc {picture}", decode), "says nowhere {file}"),
        (("x", "1", "no-such-encoder {picture} {file} {quality}", decode), "there is no program no-such-encoder"),
        (("x", "1", encode + " {more}", decode), "no command line"),
    ):
        with pytest.raises(OptionError, match=said):
            command_of(*words)


def test_tables_of_files_and_of_measures(crops, tmp_path):
    pixels = {"parrots": 176 * 192, "motocross": 176 * 192, "embryo": 176 * 176}
    lines = ["codec,setting,image,bpp,decoded"]
    for name in pixels:
        iio.imwrite(tmp_path / f"{name}_37.png", iio.imread(crops / f"{name}.png") // 2)
        lines.append(f"vvc,qp37,{name}.png,0.1,{name}_37.png")
    (tmp_path / "files.csv").write_text("\n".join(lines))
    table = read_table(tmp_path / "files.csv", pixels)
    (result, *_) = evaluate(crops, table.coders).results
    original = iio.imread(crops / "embryo.png")
    assert (result.image, result.codec, result.quality, result.size) == ("embryo.png", "vvc", 37, 387)
    assert result.measures["psnr"] == compare(original, original // 2).psnr
    (tmp_path / "measures.csv").write_text(
        "codec,setting,image,bpp,msssim\n"
        + "".join(f"bpg,{q},{name},{q / 100},0.9\n" for name in pixels for q in (1, 2))
    )
    others = read_table(tmp_path / "measures.csv", pixels).results
    found = evaluate(crops, coders_named(["jpeg"]), others=others)
    (low, high) = (mean for mean in means(found.results) if mean.codec == "bpg")
    assert (low.bpp, high.bpp, low.measures) == (0.01, 0.02, {"ms_ssim": pytest.approx(0.9)})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("codec,setting,image,bpp,psnr\nvvc,1,other.png,0.1,30", "do not match: the folder has no picture 'other.png'"),
        ("codec,setting,image,bpp,decoded\nvvc,1,embryo.png,0.1,nowhere.png", "there is no picture"),
        ("codec,setting,image,bpp\nvvc,1,embryo.png,0.1", "no decoded picture and no measure"),
        ("codec,setting,image,bpp,psnr\nvvc,1,embryo.png,nan,30", "bpp is nan"),
        ("codec,setting,bpp,psnr\nvvc,1,0.1,30", "no column 'image'"),
        ("codec,setting,image,bpp,decoded\nvvc,1,embryo.png,0.1,small.png", "differ in size: 176 x 176 and 64 x 80"),
        ("codec,setting,image,bpp,decoded\nvvc,1,parrots.png,0.1,small.png", "vvc lacks embryo"),
    ],
)
def test_what_is_wrong_with_a_table_takes_one_line(crops, tmp_path, capsys, table, said):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(crops / "embryo.png", folder)
    if "lacks" in said:
        shutil.copy(crops / "parrots.png", folder)
    iio.imwrite(tmp_path / "small.png", np.zeros((80, 64), np.uint8))
    (tmp_path / "table.csv").write_text(table)
    report = tmp_path / "a.html"
    words = [
        "evaluate",
        str(folder),
        "--codec",
        "jpeg",
        "--table",
        str(tmp_path / "table.csv"),
        "--report",
        str(report),
    ]
    assert main(words) == (1 if "differ" in said else 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not report.exists()


def test_other_mistakes_take_one_line(crops, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to_mother.txt").write_text("Dear mother")
    for words, said in (
        ([str(tmp_path / "nowhere")], "is not a folder"),
        ([str(tmp_path / "empty")], "holds no picture"),
        ([str(crops), "--workers", "0"], "at least one process"),
        ([str(crops), "--report", str(tmp_path / "no" / "a.html")], "there is no folder"),
        ([str(crops), "--resume", str(tmp_path / "letters")], "holds something else"),
        ([str(crops), "--codec", "glc", "--quality", "nan"], "quality must lie within 0 to 100"),
        ([str(crops), "--codec", "jpeg", "--encoder", "jpeg", "1", "true {picture}{file}{quality}",
          "true {file}{decoded}"], "two codecs called 'jpeg'"),
    ):  # fmt: skip
        assert main(["evaluate", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line


def test_the_file_nearest_in_size_is_found_in_few_steps():
    tried = []

    def code(quality):
        tried.append(quality)
        return Coded(round(200 * math.exp(quality / 20)), np.zeros(1), 0, 0)

    quality, coded = nearest_size(code, range(101), {0: 200, 100: 29683}, 5000)
    assert (quality, coded.size) == (64, 4907)
    assert len(tried) <= 4
    # encoders whose settings count the other way, and sizes nobody reaches
    backwards = nearest_size(lambda q: code(100 - q), range(101), {}, 5000)
    assert backwards[0] == 36
    assert nearest_size(code, range(101), {}, 3)[0] == 0
    assert nearest_size(code, range(101), {}, 10**6)[0] == 100


def test_sheets_are_of_equal_bytes(crops, evaluation, tmp_path):
    journal = Journal(tmp_path / "kept")
    found = sheets(evaluation, 90, journal=journal)
    assert [sheet.source.name for sheet in found] == ["embryo.png", "motocross.png", "parrots.png"]
    for sheet in found:
        ours, webp = sheet.shown["glc"], sheet.shown["webp"]
        assert ours.result.quality == 90
        assert webp.result.size == pytest.approx(ours.result.size, rel=0.25) or webp.result.quality == 0
        assert (
            iio.imread(webp.copy).shape[:2]
            == iio.imread(sheet.copy).shape[:2]
            == (sheet.source.height, sheet.source.width)
        )
        # a file that was measured is not measured again
        assert any(ours.result is result for result in evaluation.results)
    again = sheets(evaluation, 90, journal=Journal(tmp_path / "kept"))
    assert [s.shown["webp"].copy for s in again] == [s.shown["webp"].copy for s in found]
    assert len(sheets(evaluation, 90, most=2, journal=journal)) == 2
    with pytest.raises(OptionError, match="was not measured at quality 40 but at 10, 90"):
        sheets(evaluation, 40)


def test_equal_look_in_words():
    points = ({"bpp": 0.06, "squeezenet": 1.2, "psnr": 25}, {"bpp": 0.12, "squeezenet": 0.6, "psnr": 28})
    curve = ResultCurve("avif", points, frozenset())

    def said(bpp, value, measure="squeezenet"):
        return equal_look(curve, bpp, value, measure, "AVIF").sentence

    assert said(0.02, 1.2) == "AVIF needs 3.0 times the bytes"
    assert said(0.061, 1.2) == "AVIF needs about the same bytes"
    assert said(0.12, 1.2) == "AVIF needs 50 % of the bytes"
    assert said(0.02, 2) == "AVIF is nearer already with its smallest file, 3.0 times the bytes"
    assert said(0.02, 0.1) == "AVIF does not come as near with any setting tried"
    assert said(0.03, 28, "psnr") == "AVIF needs 4.0 times the bytes"
    assert equal_look(curve, 0.02, math.nan, "squeezenet") is None
    assert equal_look(ResultCurve("x", points[:1], frozenset()), 0.02, 1, "squeezenet") is None


def test_curves_leave_out_what_is_not_known():
    row = {"image": "a", "codec": "x", "size": 100}
    points = [
        Result(**row, quality=2, bpp=0.2, measures={"psnr": 30, "ms_ssim": math.nan}),
        Result(**row, quality=1, bpp=0.1, measures={"psnr": 25}),
    ]
    assert curves_of(points)["x"].points == ({"bpp": 0.1, "psnr": 25}, {"bpp": 0.2, "psnr": 30})
