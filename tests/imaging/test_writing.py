"""Writing what is larger than memory, piece by piece."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import napari_glc
from napari_glc.errors import Cancelled


class Endless:
    """A picture that exists only where it is looked at."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype = shape, np.dtype(np.uint8)
        self.largest = 0

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        rows, columns = (np.arange(s.start, s.stop) for s in index[:2])
        self.largest = max(self.largest, rows.size * columns.size)
        wave = 128 + 60 * np.sin(rows[:, np.newaxis] / 90) + 60 * np.cos(columns / 70)
        return np.repeat(wave.astype(np.uint8)[..., np.newaxis], 3, axis=-1)


def test_no_more_than_a_block_is_ever_asked_for(tmp_path):
    picture = Endless((2200, 256, 3))
    path = tmp_path / "a.glc"
    tracemalloc.start()
    napari_glc.imwrite(path, picture, quality=0, levels=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 1536 pixels and the margin networks see on each side
    assert picture.largest <= (1536 + 2 * 192) * 256 < 2200 * 256
    assert peak < 1e8
    file = napari_glc.open(path)
    box = (slice(1500, 1572), slice(180, 252))
    wanted = picture[(*box, slice(0, 3))].astype(int)
    assert np.abs(file.read(box).astype(int) - wanted).mean() < 8


def test_many_blocks_equal_one(mosaic, codec, monkeypatch):
    import napari_glc.files.encoding as encoding

    whole = napari_glc.encode(mosaic, quality=50, tile=128, device="cpu")
    monkeypatch.setattr(encoding, "BLOCK", 256)
    parts = napari_glc.encode(mosaic, quality=50, tile=128, device="cpu")
    difference = np.abs(napari_glc.decode(parts).astype(int) - napari_glc.decode(whole))
    assert difference.max() <= 1


@pytest.fixture(scope="module")
def mosaic(parrots, motocross):
    """384 x 640 pixels of two photographs."""
    return np.vstack([parrots[:256, :640], motocross[:128, 68:708]])


@pytest.mark.parametrize("when", [0, 3])
def test_cancelled_writing_leaves_nothing_behind(tmp_path, mosaic, when, monkeypatch):
    path = tmp_path / "a.glc"
    path.write_bytes(b"precious")
    seen = []

    def cancel(done: int, total: int) -> None:
        seen.append(done / total)
        if len(seen) > when:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        napari_glc.imwrite(path, mosaic, tile=128, progress=cancel)
    assert path.read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["a.glc"]
    assert seen == sorted(seen)


def test_levels_at_hand_are_taken(parrots):
    picture, half = parrots[:192, :256], np.full((96, 128, 3), 200, np.uint8)
    file = napari_glc.GlcFile(napari_glc.encode([picture, half], levels=2, quality=50))
    assert abs(file.read(level=1).mean() - 200) < 8
    file = napari_glc.GlcFile(napari_glc.encode([picture, half[:60]], levels=2, quality=0))
    assert abs(file.read(level=1).mean() - picture.mean()) < 10


def test_progress_ends_when_all_is_done(mosaic):
    seen = []
    napari_glc.encode(mosaic, tile=128, levels=2, progress=lambda done, total: seen.append(done / total))
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert seen.count(1) == 1
