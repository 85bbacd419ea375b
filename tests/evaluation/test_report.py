"""The report in a real browser: everything is in it, nothing is fetched, what can be used works."""

from __future__ import annotations

import json
import re

import pytest

from napari_glc.cli import main


@pytest.fixture(scope="module")
def report(crops, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    page = folder / "report.html"
    words = ["evaluate", str(crops), "--codec", "glc", "jpeg", "webp", "--quality", "0", "50", "100"]
    assert main([*words, "--device", "cpu", "--report", str(page), "--json", str(folder / "a.json")]) == 0
    return page


def test_it_says_what_it_was_made_with(report):
    text = report.read_text()
    measured = json.loads(report.with_name("a.json").read_text())
    assert measured["codecs"]["glc"]["sha256"] in text
    assert "glc evaluate" in text
    assert "--quality 0 50 100" in text
    for mean in measured["means"]:
        assert f"<td>{mean['bytes']:.0f}</td><td>{mean['bpp']:.4f}</td>" in text
    # no address but those of data, and of names within SVG there are none
    assert set(re.findall(r"[a-z]+://[^\s\"'<>]*", text)) == set()


def test_nothing_is_fetched_and_nothing_goes_wrong(report, browser):
    for width in (1280, 400):
        browser.open(report, width)
        assert browser.do("document.documentElement.scrollWidth") <= width
        assert browser.do("document.querySelectorAll('svg.chart').length") == 3
        browser.do("document.querySelector('.card').scrollIntoView()")
        browser.wait_for("[...document.querySelectorAll('.card img')].every(i => i.complete && i.naturalWidth > 0)")
        assert {address.split(":")[0] for address in browser.requests} == {"file", "data"}
        assert [a for a in browser.requests if a.startswith("file:")] == [report.as_uri()]
        assert browser.complaints == []
    # whatever a page holds, the browser is told to fetch nothing
    browser.do("new Promise(done => { const i = new Image(); i.onerror = done; i.src = 'http://localhost:9/a.png'; })")
    assert "Content Security Policy" in browser.complaints[0]


def test_the_divider_moves(report, browser):
    browser.open(report)
    browser.do("document.querySelector('.card').scrollIntoView()")
    stage = "(b => [b.x, b.y, b.width, b.height])(document.querySelector('.stage').getBoundingClientRect())"
    x, y, width, height = browser.do(stage)

    def place():
        line = browser.do("document.querySelector('.stage .line').getBoundingClientRect().x")
        return (line + 1 - x) / width

    assert place() == pytest.approx(0.5, abs=0.02)
    browser.drag((x + width / 2, y + height / 2), (x + 0.8 * width, y + height / 2))
    assert place() == pytest.approx(0.8, abs=0.03)
    # what is left of the line is cut off there
    cut = browser.do("getComputedStyle(document.querySelector('.stage img.left')).clipPath")
    assert float(re.fullmatch(r"inset\(0px ([\d.]+)% 0px 0px\)", cut)[1]) == pytest.approx(20, abs=3)
    before = place()
    for _ in range(5):
        browser.press("ArrowLeft")
    assert place() < before

    first = browser.do("document.querySelector('.card img.left').src")
    browser.choose("left", "")
    assert browser.do("document.querySelector('.card .tag.left').textContent") == "original"
    assert browser.do("document.querySelector('.card img.left').src") != first
    browser.do("document.querySelector('.enlarge').click()")
    assert browser.do("document.querySelector('dialog .stage').getBoundingClientRect().width") >= 176


def test_tables_sort(report, browser):
    browser.open(report)

    def column(name):
        heads = browser.do("[...document.querySelectorAll('#pictures thead button')].map(b => b.textContent)")
        browser.do(f"document.querySelectorAll('#pictures thead button')[{heads.index(name)}].click()")
        rows = "[...document.querySelectorAll('#pictures tbody tr')]"
        return browser.do(f"{rows}.map(r => r.cells[{heads.index(name)}].textContent)")

    sizes = [int(cell) for cell in column("bytes")]
    assert sizes == sorted(sizes)
    assert len(sizes) == 3 * (3 + 5 + 5)
    assert [int(cell) for cell in column("bytes")] == sorted(sizes, reverse=True)
    assert browser.do("document.querySelector('#pictures th[aria-sort]').textContent") == "bytes"
    names = column("picture")
    assert names == sorted(names)
    browser.choose("rows-codec", "WebP")
    assert browser.do("[...document.querySelectorAll('#pictures tbody tr')].filter(r => !r.hidden).length") == 15


def test_curves_and_tables_can_be_chosen(report, browser):
    browser.open(report)
    browser.do("document.querySelector('[data-curve=jpeg]').click()")
    curves = "[...document.querySelectorAll('.curve')].filter(c => c.style.display !== 'none')"
    assert set(browser.do(f"{curves}.map(c => c.dataset.codec)")) == {"glc", "webp"}
    shown = "[...document.querySelectorAll('[data-choice=bd]')].filter(c => !c.hidden).map(c => c.textContent)"
    browser.choose("bd-codec", "webp")
    (table,) = browser.do(shown)
    assert table.startswith("Bytes of WebP at equal quality, against (piecewise cubic")
    browser.choose("bd-method", "cubic")
    (table,) = browser.do(shown)
    assert "one cubic polynomial" in table
