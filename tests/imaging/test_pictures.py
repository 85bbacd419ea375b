"""Every kind of picture Pillow opens becomes what is to be seen, or is refused in one line."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_glc.errors import UnsupportedArrayError
from napari_glc.imaging.files import read_picture
from napari_glc.imaging.stores import open_store


@pytest.fixture
def colours(parrots: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(parrots[200:232, 300:348]))


@pytest.mark.parametrize(
    ("mode", "name", "seen"),
    [
        ("RGB", "a.png", "RGB"),
        ("L", "a.png", "L"),
        ("LA", "a.png", "L"),
        ("RGBA", "a.png", "RGB"),
        ("P", "a.png", "P as RGB"),
        ("1", "a.png", "1"),
        ("YCbCr", "a.jpg", "JPEG"),
        ("L", "a.webp", "WebP"),
    ],
)
def test_modes_become_grey_or_rgb(colours, mode, name, seen, tmp_path):
    picture = colours.convert(mode)
    picture.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    found = read_picture(tmp_path / name)
    if seen == "JPEG":
        assert found.shape == (32, 48, 3)
        assert np.abs(found.astype(int) - np.asarray(colours)).mean() < 8
        return
    as_seen = picture if seen == "1" else picture.convert("RGB" if seen in ("P as RGB", "WebP") else seen)
    np.testing.assert_array_equal(found, np.asarray(as_seen))


def test_deep_grey_keeps_its_bits(colours, tmp_path):
    deep = np.asarray(colours.convert("L")).astype(np.uint16) * 200
    Image.fromarray(deep).save(tmp_path / "a.png")
    (tmp_path / "a.pgm").write_bytes(b"P5\n48 32\n65535\n" + deep.astype(">u2").tobytes())
    for name in ("a.png", "a.pgm"):
        found = read_picture(tmp_path / name)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, deep)


def test_photographs_are_upright(colours, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    colours.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), np.rot90(np.asarray(colours), -1))


def _deep_png(path: Path) -> None:
    rows = b"".join(b"\0" + np.arange(12, dtype=">u2").tobytes() for _ in range(4))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_what_would_not_be_the_picture_is_refused_by_name(colours, tmp_path):
    frames = [colours, colours.rotate(180)]
    see_through = colours.convert("RGBA")
    see_through.putalpha(colours.convert("L"))
    made = {
        "moving.webp": lambda path: frames[0].save(path, save_all=True, append_images=frames[1:]),
        "moving.png": lambda path: frames[0].save(path, save_all=True, append_images=frames[1:]),
        "ink.jpg": colours.convert("CMYK").save,
        "clear.png": see_through.save,
        "clear-grey.png": see_through.convert("LA").save,
        "key.png": lambda path: colours.quantize(8).save(path, transparency=0),
        "deep.png": _deep_png,
        "deep.ppm": lambda path: path.write_bytes(b"P6\n4 4\n65535\n" + bytes(96)),
        "twelve.pgm": lambda path: path.write_bytes(b"P5\n4 4\n4095\n" + bytes(32)),
        "lab.tif": colours.convert("RGB").convert("YCbCr").save,
        "palette.tif": colours.quantize(8).save,
        "ink.tif": colours.convert("CMYK").save,
    }
    words = {
        "moving": "holds 2 frames",
        "ink": "ink",
        "clear": "transparent",
        "clear-grey": "transparent",
        "key": "transparent",
        "deep": "save it as TIFF",
        "twelve": "0 to 4095",
        "lab": "YCbCr",
        "palette": "palette",
    }
    for name, make in made.items():
        path = tmp_path / name
        make(path)
        with pytest.raises(UnsupportedArrayError, match=words[path.stem]) as refusal:
            read_picture(path)
        assert str(path) in str(refusal.value)
        assert "\n" not in str(refusal.value)
        if path.suffix == ".tif":
            with pytest.raises(UnsupportedArrayError, match=words[path.stem]):
                open_store(path)


def test_a_negative_is_not_taken_for_a_positive(colours, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.asarray(colours.convert("L")), photometric="miniswhite")
    with pytest.raises(UnsupportedArrayError, match="negative"):
        open_store(tmp_path / "a.tif")
