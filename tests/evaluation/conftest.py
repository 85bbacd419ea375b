"""Small folders of real pictures, and one browser for all tests that look at pages."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import pytest


@pytest.fixture(scope="session")
def crops(tmp_path_factory, parrots, motocross, embryo) -> Path:
    """Three pictures of 192 x 176 and 176 x 176 pixels, one of them grey."""
    folder = tmp_path_factory.mktemp("crops")
    iio.imwrite(folder / "parrots.png", parrots[100:276, 100:292])
    iio.imwrite(folder / "motocross.png", motocross[200:376, 200:392])
    iio.imwrite(folder / "embryo.png", embryo[40:216, 200:376])
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    pytest.importorskip("fcntl", reason="the browser is driven over inherited pipes, which Windows has not")
    from browser import CHROMIUM, Browser

    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()
