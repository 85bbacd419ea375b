"""Arrays of any axes, types, sizes and memory: shape, type, range and metadata come back, or the array is refused."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import dask.array
import numpy as np
import pytest
import tifffile
import zarr

import napari_glc
from napari_glc.errors import DamagedFileError, OptionError, UnsupportedArrayError

DATA = Path(__file__).parents[1] / "data"
SIZES = {"T": 2, "C": 2, "Z": 2, "Y": 24, "X": 40, "S": 3}
AXES = ("YX", "XY", "YXS", "SYX", "CYX", "YXZ", "ZYX", "TYXS", "TCZYX", "TZCYX", "XYCZ")
METADATA = {"name": "row", "scale": [0.5, 2.0]}


@pytest.fixture(scope="module")
def worms() -> np.ndarray:
    """Three channels of 128 x 160 pixels, uint16."""
    return tifffile.imread(DATA / "worms_crop_uint16.tif")


def _picture(worms: np.ndarray, axes: str, dtype: str, sizes: dict[str, int]) -> np.ndarray:
    """A real picture brought into axes and type, each plane at another brightness."""
    shape = tuple(sizes[a] for a in axes)
    leading = [a for a in axes if a not in "YX"]
    plane = worms[0, : sizes["Y"], : sizes["X"]].astype(np.float64)
    whole = np.stack([plane * (1 + i / 9) for i in range(int(np.prod([sizes[a] for a in leading])))])
    whole = whole.reshape(*(sizes[a] for a in leading), sizes["Y"], sizes["X"])
    canonical = [*leading, "Y", "X"]
    array = whole.transpose([canonical.index(a) for a in axes])
    info = None if dtype.startswith("f") else np.iinfo(dtype)
    if info is None:
        array = array / 3000 - 0.25
    else:
        low = max(info.min, -3000)
        array = low + array / array.max() * (min(info.max, 60000) - low)
    assert array.shape == shape
    return array.astype(dtype)


def _as_is(array, tmp_path):
    return array


def _fortran(array, tmp_path):
    return np.asfortranarray(array)


def _strided(array, tmp_path):
    wide = np.repeat(array, 2, axis=-1)
    return wide[..., ::2]


def _swapped(array, tmp_path):
    return array.astype(array.dtype.newbyteorder(">"))


def _read_only(array, tmp_path):
    array.flags.writeable = False
    return array


def _mapped(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    return np.load(tmp_path / "a.npy", mmap_mode="r")


def _dask(array, tmp_path):
    return dask.array.from_array(array, chunks=tuple(max(1, n // 2) for n in array.shape))


def _dask_uneven(array, tmp_path):
    return dask.array.from_array(array, chunks=tuple(max(1, n // 2 + 1) for n in array.shape))


def _zarr(array, tmp_path):
    stored = zarr.create_array(
        tmp_path / "a.zarr", shape=array.shape, dtype=array.dtype, chunks=(*array.shape[:-1], 16)
    )
    stored[...] = array
    return stored


MEMORIES = (_as_is, _fortran, _strided, _swapped, _read_only, _mapped, _dask, _dask_uneven, _zarr)
# axes, types and memories are taken apart one after the other: each of one kind meets some of the others
TABLE = [
    *product(AXES, ("uint8", "float32"), (_as_is,), ((24, 40),)),
    *product(("YX", "CYX"), ("int8", "uint16", "int16", "uint32", "int32", "float16"), (_as_is,), ((24, 40),)),
    *product(("TCYX",), ("uint16",), MEMORIES[1:], ((33, 47),)),
    *product(("YXS",), ("uint8", "float32"), MEMORIES[1:], ((33, 47),)),
    *product(("YX",), ("uint8", "uint16"), (_as_is, _dask), ((1, 1), (1, 50), (50, 1), (70, 131))),
    *product(("ZYX",), ("uint16",), (_as_is, _dask), ((1, 1), (1, 50), (50, 1), (70, 131))),
]


@pytest.mark.parametrize(
    ("axes", "dtype", "memory", "size"), TABLE, ids=[f"{a}-{d}-{m.__name__}-{s[0]}x{s[1]}" for a, d, m, s in TABLE]
)
def test_an_array_comes_back(worms, tmp_path, axes, dtype, memory, size):
    array = _picture(worms, axes, dtype, SIZES | {"Y": size[0], "X": size[1]})
    path = tmp_path / "a.glc"
    before = array.copy()
    napari_glc.imwrite(path, memory(array, tmp_path), axes=axes, quality=60, device="cpu", tile=64, metadata=METADATA)
    file = napari_glc.open(path)
    decoded = file.read()
    assert file.metadata == METADATA
    assert decoded.shape == file.shape == array.shape
    assert decoded.dtype == file.dtype == np.dtype(dtype)
    assert (file.layout.axes, file.layout.clipped) == (axes, 0)
    np.testing.assert_array_equal(array, before)
    if dtype != "uint8":
        low, high = (np.array(ends) for ends in zip(*file.layout.ranges, strict=True))
        assert (low.min(), high.max()) == (array.min(), array.max())
        assert decoded.min() >= array.min()
        assert decoded.max() <= array.max()
    if min(size) > 20:
        span = float(array.max()) - float(array.min())
        assert np.abs(decoded.astype(np.float64) - array.astype(np.float64)).mean() < 0.2 * span


@pytest.mark.parametrize(
    ("array", "axes", "words"),
    [
        (np.zeros((8, 8), bool), None, "mask.*PNG or TIFF"),
        (np.zeros((8, 8), np.int64), None, r"Labels belong in a lossless file.*astype\('float32'\)"),
        (np.zeros((8, 8), np.uint64), None, "Labels belong in a lossless file"),
        (np.zeros((8, 8), np.float64), None, r"astype\('float32'\)"),
        (np.zeros((8, 8), np.complex64), None, "abs"),
        (np.full((8, 8), "x"), None, "uint16"),
        (np.arange(64, dtype=np.uint32).reshape(8, 8) << 24, None, "lossless file; for intensities give the range"),
        (np.full((8, 8), np.nan, np.float32), None, "no number"),
        (np.zeros((0, 8), np.uint8), None, "no pixels"),
        (np.uint8(3), None, "cannot be coded"),
        (np.zeros((2, 2, 2, 2, 8, 8), np.uint8), None, "axes='TCZYX'"),
        (np.zeros((8, 8), np.uint8), "TYX", "do not fit"),
        (np.zeros((8, 8), np.uint8), "YY", "different capital letters"),
        (np.zeros((8, 8), np.uint8), "yx", "different capital letters"),
        (np.zeros((8, 8, 8), np.uint8), "TZX", "rows and columns"),
        (np.zeros((8, 8, 2), np.uint8), "YXS", "neither RGB nor RGBA"),
        (np.zeros((8, 8, 4), np.uint8), None, "drop the alpha channel"),
    ],
)
def test_what_cannot_be_coded_is_refused_with_a_remedy(tmp_path, array, axes, words):
    path = tmp_path / "a.glc"
    path.write_bytes(b"precious")
    with pytest.raises(UnsupportedArrayError, match=words):
        napari_glc.imwrite(path, array, axes=axes)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_opaque_alpha_comes_back(parrots, dtype):
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    picture = np.dstack([parrots[:40, :60], np.full((40, 60), 255, np.uint8)]).astype(dtype)
    picture = picture * (top / 255 if dtype == "float32" else top // 255)
    decoded = napari_glc.decode(napari_glc.encode(picture.astype(dtype)))
    assert decoded.shape == (40, 60, 4)
    assert (decoded[..., 3] == top).all()


def test_ranges_are_the_users_choice_and_clipping_is_counted(worms):
    plane = worms[1]
    low, high = int(plane.min()), int(plane.max())
    for rule, expected in {
        "minmax": (low, high),
        "dtype": (0, 65535),
        (200, 300): (200, 300),
    }.items():
        file = napari_glc.GlcFile(napari_glc.encode(plane, value_range=rule))
        assert file.layout.ranges == (expected,)
        assert file.layout.clipped == ((plane < expected[0]) | (plane > expected[1])).sum()
    robust = napari_glc.GlcFile(napari_glc.encode(plane, value_range="robust")).layout
    assert robust.ranges[0] == pytest.approx(np.percentile(plane, (0.1, 99.9)), abs=2)
    assert 0 < robust.clipped < 0.003 * plane.size


def test_a_range_for_each_channel_or_plane(worms):
    stack = np.stack([worms, worms // 2])
    each = [(int(c.min()), int(c.max())) for c in worms]
    both = napari_glc.GlcFile(napari_glc.encode(stack, axes="TCYX")).layout.ranges
    assert both == tuple((low // 2, high) for low, high in each)
    plane = napari_glc.GlcFile(napari_glc.encode(stack, axes="TCYX", range_per="plane")).layout.ranges
    assert plane == (*each, *((low // 2, high // 2) for low, high in each))


def test_a_narrow_range_and_a_constant_plane_are_exact():
    steps = np.repeat(np.arange(7, 12, dtype=np.int16), 40)[np.newaxis].repeat(64, axis=0)
    decoded = napari_glc.decode(napari_glc.encode(steps, quality=100))
    assert set(np.unique(decoded)) <= set(range(7, 12))
    constant = np.full((20, 30), -123.25, np.float32)
    np.testing.assert_array_equal(napari_glc.decode(napari_glc.encode(constant)), constant)


def test_what_is_no_number_becomes_the_darkest_and_is_counted():
    picture = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    picture[:2, :2] = np.nan
    file = napari_glc.GlcFile(napari_glc.encode(picture))
    assert (file.layout.clipped, file.layout.not_numbers) == (0, 4)
    assert np.isfinite(file.read()).all()


def test_packed_channels_take_fewer_bytes(worms):
    separate, packed = (napari_glc.encode(worms, axes="CYX", channels=c) for c in ("separate", "packed"))
    assert len(packed) < len(separate)
    for data, planes in ((separate, 3), (packed, 1)):
        file = napari_glc.GlcFile(data)
        assert file.container.header.planes == planes
        assert file.read().shape == worms.shape
        np.testing.assert_array_equal(file.read((2,)), file.read()[2])
    four = napari_glc.GlcFile(napari_glc.encode(np.concatenate([worms, worms[:1]]), axes="CYX", channels="packed"))
    assert four.container.header.planes == 2
    assert four.read().shape == (4, 128, 160)


def test_the_vqgan_codec_takes_stacks_too(worms):
    stack = worms[:, :64, :80]
    file = napari_glc.GlcFile(napari_glc.encode(stack, axes="CYX", codec="vqgan", packets=3, quality=100))
    decoded = file.read()
    assert decoded.dtype == np.uint16
    assert sum(file.streams().values()) == file.size
    np.testing.assert_array_equal(file.recover().pixels, decoded)


@pytest.mark.parametrize(
    "options",
    [
        {"value_range": "all"},
        {"value_range": (3, 1)},
        {"value_range": [(0, 1), (0, 1), (0, 1)]},
        {"value_range": (0, float("nan"))},
        {"range_per": "pixel"},
        {"channels": "mixed"},
        {"levels": 0},
        {"levels": "many"},
        {"metadata": {"array": 1}},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError):
        napari_glc.encode(np.zeros((2, 8, 8), np.uint16), axes="CYX", **options)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [3, 128, 161]},
        {"axes": "CYY"},
        {"axes": 7},
        {"dtype": "object"},
        {"dtype": "uint8; import os"},
        {"ranges": []},
        {"ranges": [[0, 1], [0, 1]]},
        {"ranges": [[0, float("1e60")]]},
        {"ranges": [[0, "1"]]},
        {"packed": True},
        {"packed": 1},
        {"shape": [True, 128, 160]},
        {"shape": None},
    ],
)
def test_a_description_that_does_not_fit_is_damage(worms, change):
    import io

    from napari_glc.container import Spool, parse, read_chunk

    data = napari_glc.encode(worms, axes="CYX")
    container = parse(data)
    assert container.array is not None
    with Spool(container.chunks) as spool:
        for chunk in range(container.chunks):
            spool.put(chunk, read_chunk(io.BytesIO(data), container, chunk))
        parts = b"".join(spool.parts(container.header, {"array": {**container.array, **change}}))
    with pytest.raises(DamagedFileError, match="array"):
        napari_glc.GlcFile(parts)
