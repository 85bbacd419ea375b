"""What napari's plugin manager does works: napari-glc without extras, beside napari and a Qt binding."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path
from zipfile import ZipFile

import matplotlib
import pytest
import qtpy

from fresh_environment import make_environment, needed_distributions

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from this source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """Python of an environment of napari, a Qt binding and the installed wheel with its base dependencies."""
    content = needed_distributions([*_requirements(wheel), "napari", qtpy.API_NAME])
    python = make_environment(tmp_path_factory.mktemp("fresh") / "environment", content.values())
    # pip resolves the wheel's requirements against what is there; without an index it can add nothing
    words = ["--quiet", "--disable-pip-version-check", "install", "--no-index", "--no-compile", wheel]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *words], check=True)
    return python


def _requirements(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()

    class Wheel(Distribution):
        def read_text(self, filename: str) -> str | None:
            return metadata if filename == "METADATA" else None

        def locate_file(self, path: object) -> Path:
            raise FileNotFoundError(path)

    return Wheel().requires or []


@pytest.fixture
def run(python, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program of that environment for somebody without settings."""
    kept = ("PATH", "DISPLAY", "XAUTHORITY", "LANG", "OMP_NUM_THREADS", "QT_API", "QT_QPA_PLATFORM", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HOME": str(tmp_path), "NAPARI_CONFIG": str(tmp_path / "settings.yaml")}
    # the list of fonts takes seconds to make
    environment["MPLCONFIGDIR"] = matplotlib.get_cachedir()

    def run(program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python.with_name(program), *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return run


def test_the_wheel_holds_what_it_needs_and_brings_no_qt_binding(wheel):
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for needed in ("napari.yaml", "py.typed", "samples/kodim23.png", "models/embedded/glc-small.safetensors"):
        assert f"napari_glc/{needed}" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not any("test" in name.split("/")[0] for name in names)
    # napari, and which binding it uses, are the user's choice
    brought = needed_distributions(_requirements(wheel))
    assert not {"napari", "pyqt5", "pyqt6", "pyside2", "pyside6"} & set(brought)
    assert "qtpy" in brought


def test_every_widget_opens_and_a_file_is_saved_and_opened(run, python, tmp_path):
    done = run(python.name, HERE / "plugin_session.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("opened") == 5 + 4


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("encode", "a.zarr", "a.glc"), "zarr"),
        (("batch", "pictures", "out", "--dask", "tcp://127.0.0.1:8786"), "dask"),
    ],
)
def test_what_an_extra_brings_is_asked_for_in_one_line(run, tmp_path, words, extra):
    for name in ("a.zarr", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"not looked at yet")
    done = run("glc", *words)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"pip install napari-glc[{extra}]" in done.stderr
