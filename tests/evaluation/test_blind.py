"""Blind comparison: the page in a real browser, its answers, and what they mean."""

from __future__ import annotations

import json
from urllib.parse import unquote

import imageio.v3 as iio
import numpy as np
import pytest
from scipy.stats import binom

import napari_glc
from napari_glc.cli import main
from napari_glc.errors import OptionError
from napari_glc.evaluation.blind import fewest_pairs, pairs_in, read_answers, verdict


@pytest.fixture(scope="module")
def folders(tmp_path_factory, crops):
    """Two codecs' pictures of the same originals: files of ours, and darker copies."""
    root = tmp_path_factory.mktemp("blind")
    for name in ("ours", "darker"):
        (root / name).mkdir()
    for path in crops.iterdir():
        picture = iio.imread(path)
        napari_glc.imwrite(root / "ours" / f"{path.name}.glc", picture, quality=50, device="cpu")
        iio.imwrite(root / "darker" / f"{path.stem}.png", picture // 2)
    return root / "ours", root / "darker", crops


@pytest.fixture(scope="module")
def page(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "blind.html"
    assert main(["compare", "--blind", *map(str, folders), "--out", str(out)]) == 0
    return out


def _brightness(browser, image):
    """Mean of a picture that is shown."""
    return browser.do(
        "(i => i.decode().then(() => { const c = document.createElement('canvas'), x = c.getContext('2d');"
        "[c.width, c.height] = [i.naturalWidth, i.naturalHeight]; x.drawImage(i, 0, 0);"
        "const d = x.getImageData(0, 0, c.width, c.height).data; let s = 0;"
        "for (let k = 0; k < d.length; k += 4) s += d[k] + d[k + 1] + d[k + 2]; return s / d.length * 4 / 3; }))"
        f"(document.getElementById('{image}'))"
    )


def test_keys_answer_and_the_answers_are_read_back(page, browser, tmp_path, capsys, crops):
    files, sides = [], set()
    for judge in ("Ada", "Bo"):
        browser.open(page)
        assert {address.split(":")[0] for address in browser.requests} <= {"file", "data"}
        browser.do(f"document.getElementById('judge').value = '{judge}'")
        # before the first picture keys mean nothing
        browser.press("1")
        browser.do("document.getElementById('start').click()")
        assert browser.do("document.getElementById('place').textContent") == "1 of 3"
        # nothing that can be seen says which is which
        assert not {"ours", "darker"} & set(browser.do("document.body.innerText").split())
        for number in range(3):
            original = _brightness(browser, "original")
            left = abs(_brightness(browser, "one") - original) < abs(_brightness(browser, "two") - original)
            sides.add(left)
            if number == 1:
                browser.press("1")
                browser.press("Backspace")
            browser.press("1" if left else "2")
        assert "ours was preferred to darker in 3 of 3 answers" in browser.do("document.body.innerText")
        assert "p = 0.25" in browser.do("document.getElementById('result').textContent")
        address = browser.do("document.getElementById('answers').href")
        files.append(tmp_path / f"{judge}.json")
        files[-1].write_text(unquote(address.split(",", 1)[1]))
        assert browser.complaints == []
    told = json.loads(files[0].read_text())
    assert {answer["image"] for answer in told["answers"]} == {path.name for path in crops.iterdir()}
    assert {answer["chosen"] for answer in told["answers"]} == {"a"}
    capsys.readouterr()
    assert main(["compare", "--answers", *map(str, files)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "ours was preferred to darker in 6 of 6 answers (100.0 %, 95 % confidence 54.1 to 100.0 %"
    )
    assert "p = 0.031" in lines[0]
    assert lines[1:] == ["  Ada: ours 3, darker 0", "  Bo: ours 3, darker 0"]


def test_sides_and_order_are_drawn_anew(page, browser):
    seen = set()
    for _ in range(12):
        browser.open(page)
        browser.do("document.getElementById('start').click()")
        seen.add(tuple(browser.do(f"document.getElementById('{name}').src")[-60:] for name in ("one", "two")))
        if len(seen) > 2:
            break
    assert len(seen) > 2


def test_it_fits_a_telephone(page, browser):
    browser.open(page, 400)
    browser.do("document.getElementById('start').click()")
    assert browser.do("document.documentElement.scrollWidth") <= 400
    browser.do("document.querySelector('[data-key=\"2\"]').click()")
    assert browser.do("document.getElementById('place').textContent") == "2 of 3"


def _answers(path, chosen, judge="", page="p"):
    told = {"format": "glc-blind-1", "page": page, "names": ["one", "other"], "judge": judge}
    path.write_text(json.dumps({**told, "answers": [{"image": "a.png", "chosen": c} for c in chosen]}))
    return path


def test_the_confidence_is_that_of_the_binomial_distribution(tmp_path):
    found = verdict(read_answers([_answers(tmp_path / "a.json", "a" * 15 + "b" * 5)]))
    assert found.p == pytest.approx(2 * binom.sf(14, 20, 0.5))
    # Clopper and Pearson: where 15 or more, or 15 or fewer, of 20 would have a probability of 2.5 %
    assert binom.sf(14, 20, found.low) == pytest.approx(0.025)
    assert binom.cdf(15, 20, found.high) == pytest.approx(0.025)
    assert found.sentence.startswith("one was preferred to other in 15 of 20 answers (75.0 %")
    other = verdict(read_answers([_answers(tmp_path / "b.json", "a" * 9 + "b" * 11)]))
    assert other.sentence.startswith("other was preferred to one in 11 of 20 answers (55.0 %, 95 % confidence 31.5")
    assert other.sentence.endswith("that may well be chance")
    assert fewest_pairs() == 6


def test_what_does_not_match_takes_one_line(folders, tmp_path, capsys, crops):
    ours, darker, originals = folders
    for name in ("fewer", "small", "empty"):
        (tmp_path / name).mkdir()
    iio.imwrite(tmp_path / "fewer" / "parrots.png", np.zeros((176, 192, 3), np.uint8))
    for path in crops.iterdir():
        iio.imwrite(tmp_path / "small" / path.name, np.zeros((64, 64), np.uint8))
    one = tmp_path / "one"
    one.mkdir()
    iio.imwrite(one / "parrots.png", iio.imread(crops / "parrots.png"))
    out = tmp_path / "blind.html"
    for places, said in (
        ((ours, tmp_path / "fewer", originals), "do not match"),
        ((ours, tmp_path / "small", originals), "the original is 176 x 176 grey pixels"),
        ((ours, darker, tmp_path / "empty"), "holds no picture"),
        ((ours, tmp_path / "nowhere", originals), "is not a folder"),
    ):
        assert main(["compare", "--blind", *map(str, places), "--out", str(out)]) == (1 if "pixels" in said else 2)
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert not out.exists()
    # one picture is a comparison, of which nothing follows
    assert main(["compare", "--blind", str(one), str(tmp_path / "fewer"), str(one), "--out", str(out)]) == 0
    assert "fewer than 6 answers may always be chance" in capsys.readouterr().out
    assert len(pairs_in(one, tmp_path / "fewer", one)) == 1
    assert main(["compare", "just-one.png"]) == 2
    assert "compare what with what" in capsys.readouterr().err


def test_answers_of_something_else_are_refused(tmp_path):
    good = _answers(tmp_path / "good.json", "ab", "Ada")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    for paths, said in (
        ([tmp_path / "list.json"], "holds no answers"),
        ([tmp_path / "binary.json"], "holds no answers"),
        ([_answers(tmp_path / "none.json", "")], "holds no answers"),
        ([_answers(tmp_path / "third.json", "abc")], "holds no answers"),
        ([good, good], "the same answers as"),
        ([good, _answers(tmp_path / "other.json", "ab", page="q")], "answers another page"),
    ):
        with pytest.raises(OptionError, match=said):
            read_answers(paths)
