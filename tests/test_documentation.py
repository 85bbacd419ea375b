"""What the documentation tells people to type works as written."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import imageio.v3 as iio
import pytest

import napari_glc
from napari_glc.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/tutorial/first-picture.md",
    "docs/how-to/choose-the-rate.md",
    "docs/how-to/use-from-python.md",
    "docs/how-to/lose-and-recover.md",
    "docs/how-to/encode-in-napari.md",
    "docs/how-to/explore-the-rate.md",
    "docs/how-to/see-the-index-map.md",
    "docs/how-to/look-into-the-latent.md",
    "docs/how-to/stacks-and-slides.md",
    "docs/how-to/restore-and-paint.md",
    "docs/how-to/measure-pictures.md",
]


def _blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


MEASURING = ("docs/tutorial/first-picture.md", "docs/how-to/measure-pictures.md")
"""Pages that speak of MS-SSIM or of patches, which need pictures of some size."""


@pytest.fixture
def desk(page, tmp_path, monkeypatch) -> Path:
    """A folder with the pictures a page speaks of, as small as it allows."""
    height, width = (176, 256) if page in MEASURING else (96, 128)
    sample = Path("src/napari_glc/samples/kodim23.png")
    (tmp_path / sample.parent).mkdir(parents=True)
    iio.imwrite(tmp_path / "picture.png", iio.imread(ROOT / sample)[160 : 160 + height, 256 : 256 + width])
    for copy in (sample, "kodak/part.png", "decoded/part.png"):
        (tmp_path / copy).parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "picture.png", tmp_path / copy)
    (tmp_path / "avif.csv").write_text("bpp,psnr\n0.05,24.1\n0.2,29.0\n")
    (tmp_path / "glc.json").write_text('[{"bpp": 0.04, "psnr": 24.3}, {"bpp": 0.15, "psnr": 29.1}]')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "sh")])
def test_shell_examples_run(page, desk):
    lines = [line for block in _blocks(page, "sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("glc ")]
    for command in commands:
        assert main(command) == 0, command


@pytest.fixture
def picture_file(desk) -> None:
    """The picture as a file."""
    napari_glc.imwrite("picture.glc", iio.imread("picture.png"), quality=10)


@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "python")])
@pytest.mark.usefixtures("picture_file")
def test_python_examples_run(page):
    """From top to bottom in a fresh Python, with nothing but the files the page speaks of."""
    names: dict[str, object] = {}
    for block in _blocks(page, "python"):
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize(
    "module", ["napari_glc.api", "napari_glc", "napari_glc.interop.imageio_plugin", "napari_glc.metrics.curves"]
)
def test_docstring_examples_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


def test_readme_shows_exactly_two_set_up_commands():
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Two commands")[1].split("\n## ")[0]
    commands = re.findall(r"^```sh\n(.*?)\n```", section, re.MULTILINE | re.DOTALL)
    assert commands == ["sh scripts/demo.sh", "sh scripts/test.sh"]
    for command in commands:
        assert (ROOT / command.split()[1]).is_file()


def test_the_readme_has_absolute_addresses_of_what_is_here():
    """It is also the page of the package index, which knows nothing of this folder."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    home = project["urls"]["Repository"]
    raw = home.replace("github.com", "raw.githubusercontent.com") + "/main/"
    here = 0
    for picture, target in re.findall(r"(!?)\[[^\]]*\]\(([^)]*)\)", text):
        assert target.startswith("https://"), target
        place = target.removeprefix(raw if picture else f"{home}/blob/main/")
        if place != target:
            assert (ROOT / place).is_file(), place
            here += 1
    assert here > 10


def test_each_of_the_forty_points_names_what_is_there():
    text = (ROOT / "docs/reference/forty-points.md").read_text(encoding="utf-8")
    points = re.findall(r"^([✓◐✗]) \*\*(\d+)\. ", text, re.MULTILINE)
    assert [int(number) for _, number in points] == list(range(1, 41))
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/*.py")
    }
    for name in re.findall(r"`(?:[\w./]+::)?(test_\w+)`", text):
        assert any(f"def {name}(" in source for source in sources.values()), name
    for file, name in re.findall(r"`([\w./]+\.py)::(test_\w+)`", text):
        assert any(path.endswith(file) and f"def {name}(" in source for path, source in sources.items()), (file, name)
    for place in re.findall(r"`((?:tests|docs|benchmarks|scripts|\.github)/[\w./-]+)(?:::\w+)?`", text):
        assert (ROOT / place).exists(), place


def test_the_extra_for_all_names_every_extra_that_users_want():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    assert set(everything.removeprefix("napari-glc[").removesuffix("]").split(",")) == set(extras) - {
        "all",
        "dev",
        "docs",
        "test",
    }
