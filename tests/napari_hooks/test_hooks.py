"""Reader, writer and samples on a viewer model: no display needed."""

from __future__ import annotations

import importlib
import logging
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dask.array
import npe2
import numpy as np
import pytest
import skimage
import tifffile
import yaml
from napari.components import ViewerModel
from napari.layers import Labels

import napari_glc
from napari_glc._napari.reader import get_reader
from napari_glc.codecs import registry
from napari_glc.errors import DamagedFileError, NotAGlcFileError, UnsupportedArrayError
from napari_glc.files.damaging import damage
from napari_glc.metrics import psnr
from napari_glc.models.registry import FOLDER_VARIABLE

DATA = Path(__file__).parents[1] / "data"
MANIFEST = Path(napari_glc.__file__).parent / "napari.yaml"


@pytest.fixture(autouse=True)
def _napari_logs_nothing(caplog) -> Iterator[None]:
    """Whatever is opened or saved: no warning of inconsistent units, of options that were guessed, of anything."""
    yield
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def viewer() -> ViewerModel:
    npe2.PluginManager.instance().discover()
    return ViewerModel()


@pytest.fixture(scope="module")
def parrots_file(tmp_path_factory, encoded_parrots) -> Path:
    path = tmp_path_factory.mktemp("files") / "parrots.glc"
    path.write_bytes(encoded_parrots)
    return path


def _commands() -> list[str]:
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    return [command.python_name for command in manifest.contributions.commands]


@pytest.mark.parametrize("name", _commands())
def test_everything_the_manifest_names_exists(name):
    module, attribute = name.split(":")
    assert callable(getattr(importlib.import_module(module), attribute))


def test_the_manifest_is_the_installed_one():
    manager = npe2.PluginManager.instance()
    manager.discover()
    assert manager.get_manifest("napari-glc").display_name == "GLC codec"


def test_the_manifest_has_no_keys_that_napari_ignores():
    contributions = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]
    assert "keybindings" not in contributions
    for widget in contributions["widgets"]:
        assert set(widget) <= {"command", "display_name", "autogenerate"}


def test_the_reader_claims_by_name_alone(tmp_path):
    # no such file: what is claimed has not been opened, however large or damaged it is
    assert get_reader(path=str(tmp_path / "absent.glc")) is not None
    assert get_reader(path=str(tmp_path / "x.GLC")) is not None
    assert get_reader(path="x.tif") is None
    assert get_reader(path=["a.glc", "b.glc"]) is not None
    assert get_reader(path=["a.glc", "b.tif"]) is None
    assert get_reader(path=[]) is None


@pytest.mark.parametrize("plugin", ["napari-glc", None])
def test_opening_gives_a_fully_described_layer(viewer, parrots_file, plugin):
    (layer,) = viewer.open(parrots_file, plugin=plugin)
    assert layer.name == "parrots"
    assert layer.rgb
    assert layer.data.shape == (512, 768, 3)
    assert layer.source.reader_plugin == "napari-glc"
    facts = layer.metadata["glc"]
    assert facts["bytes"] == parrots_file.stat().st_size
    assert "invents" in facts["warning"]


def test_two_files_become_two_layers(viewer, parrots_file):
    assert len(viewer.open([parrots_file, parrots_file], plugin="napari-glc")) == 2
    assert len(viewer.open([parrots_file, parrots_file], plugin="napari-glc", stack=True)) == 2


def test_a_grey_layer_keeps_everything(viewer, embryo, tmp_path):
    layer = viewer.add_image(
        embryo,
        name="embryo 0",
        scale=(0.65, 0.325),
        translate=(10, -4),
        units=("micrometer", "micrometer"),
        axis_labels=("y", "x"),
        contrast_limits=(20, 180),
        colormap="magma",
    )
    (path,) = layer.save(tmp_path / "embryo.glc")
    (again,) = viewer.open(path, plugin="napari-glc")
    assert again.data.shape == embryo.shape
    assert again.data.dtype == np.uint8
    assert again.name == "embryo 0 [1]"
    np.testing.assert_allclose(again.scale, layer.scale)
    np.testing.assert_allclose(again.translate, layer.translate)
    assert again.units == layer.units
    assert again.axis_labels == layer.axis_labels
    assert again.contrast_limits == [20, 180]
    assert again.colormap.name == "magma"
    assert not again.rgb


def test_a_custom_colormap_survives(viewer, embryo, tmp_path):
    from napari.utils.colormaps import Colormap

    colours = Colormap([[0, 0, 0, 1], [1, 0.5, 0, 1], [1, 1, 1, 1]], name="[unnamed colormap 0]")
    layer = viewer.add_image(embryo[:64, :64], colormap=colours)
    (path,) = layer.save(tmp_path / "a.glc")
    (again,) = viewer.open(path, plugin="napari-glc")
    np.testing.assert_allclose(again.colormap.colors, layer.colormap.colors)


def test_an_rgb_layer_keeps_everything(viewer, parrots, tmp_path):
    layer = viewer.add_image(parrots, name="birds", rgb=True, scale=(2, 2), units="mm", translate=(1, 2))
    (path,) = viewer.layers.save(tmp_path / "birds.glc", selected=True, plugin="napari-glc")
    (again,) = viewer.open(path, plugin="napari-glc")
    assert again.rgb
    np.testing.assert_allclose(again.scale, (2, 2))
    np.testing.assert_allclose(again.translate, (1, 2))
    assert again.units == layer.units
    assert again.data.shape == parrots.shape


def test_a_plain_layer_costs_only_its_name(viewer, parrots, encoded_parrots, tmp_path):
    layer = viewer.add_image(parrots, name="x", rgb=True)
    (path,) = layer.save(tmp_path / "x.glc")
    assert Path(path).stat().st_size - len(encoded_parrots) < 20


def test_multiscale_saves_the_finest_level(viewer, parrots, tmp_path):
    layer = viewer.add_image([parrots, parrots[::2, ::2]], multiscale=True, rgb=True)
    (path,) = layer.save(tmp_path / "a.glc")
    assert napari_glc.open(path).shape == parrots.shape


def test_the_suffix_is_put_right(viewer, embryo, tmp_path):
    from napari_glc._napari.writer import write_image

    layer = viewer.add_image(embryo[:64, :64])
    data, meta, _ = layer.as_layer_data_tuple()
    assert write_image(str(tmp_path / "b"), data, meta) == [str(tmp_path / "b.glc")]
    assert write_image(str(tmp_path / "c.png"), data, meta) == [str(tmp_path / "c.png.glc")]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.glc", "c.png.glc"]


@pytest.mark.parametrize(
    ("data", "words"),
    [(np.zeros((64, 64), np.int64), "int64"), (np.zeros((64, 64), np.float64), "float64")],
)
def test_layers_that_cannot_be_saved_say_why_and_leave_the_old_file(viewer, data, words, tmp_path):
    path = tmp_path / "a.glc"
    path.write_bytes(b"precious")
    layer = viewer.add_image(data)
    with pytest.raises(UnsupportedArrayError, match=words):
        layer.save(path)
    assert path.read_bytes() == b"precious"


def test_a_stack_opens_lazily_with_a_layer_for_each_channel(viewer, tmp_path):
    stack = tifffile.imread(DATA / "worms_crop_uint16.tif")
    frames = np.stack([stack, stack[:, ::-1], stack[:, :, ::-1]])
    path = tmp_path / "worms.glc"
    channels = [{"name": n, "colormap": c} for n, c in (("DNA", "blue"), ("GFP", "green"), ("RFP", "red"))]
    metadata = {"scale": [60, 1, 0.5, 0.5], "units": ["second", "pixel", "um", "um"], "channels": channels}
    napari_glc.imwrite(path, frames, axes="TCYX", metadata=metadata)
    layers = viewer.open(path, plugin="napari-glc")
    assert [layer.name for layer in layers] == ["worms DNA", "worms GFP", "worms RFP"]
    assert [layer.colormap.name for layer in layers] == ["blue", "green", "red"]
    whole = napari_glc.imread(path)
    for channel, layer in enumerate(layers):
        assert isinstance(layer.data, dask.array.Array)
        assert layer.data.shape == (3, 128, 160)
        np.testing.assert_array_equal(layer.data, whole[:, channel])
        np.testing.assert_array_equal(layer.scale, (60, 0.5, 0.5))
        assert layer.axis_labels == ("t", "y", "x")
        assert [str(u) for u in layer.units] == ["second", "micrometer", "micrometer"]
        assert layer.contrast_limits == [frames[:, channel].min(), frames[:, channel].max()]
        assert layer.blending == "additive"


def _looks(layer) -> tuple:
    return (
        layer.name.removesuffix(" [1]"),
        layer.data.shape,
        str(layer.dtype),
        tuple(layer.scale),
        tuple(layer.translate),
        layer.units,
        layer.axis_labels,
        tuple(layer.contrast_limits),
        layer.colormap.name,
        str(layer.blending),
        layer.gamma,
        layer.metadata.get("dye"),
        np.round(layer.rotate, 6).tolist(),
        np.round(layer.affine.affine_matrix, 6).tolist(),
    )


@pytest.mark.parametrize("axes", ["TCYX", "CYX", "CZYX", "TZCYX"])
def test_channels_that_are_opened_and_saved_open_as_they_were(viewer, tmp_path, axes):
    plane = tifffile.imread(DATA / "worms_crop_uint16.tif")[0, :64, :64]
    stack = np.stack([plane] * 2 ** (len(axes) - 2)).reshape(*[2] * (len(axes) - 2), 64, 64)
    channels = [{"name": n, "colormap": c} for n, c in (("DNA", "blue"), ("GFP", "magma"))]
    metadata = {"scale": [*range(2, len(axes)), 0.5, 0.5], "units": ["pixel"] * (len(axes) - 2) + ["um", "um"]}
    first = tmp_path / "worms.glc"
    napari_glc.imwrite(first, stack, axes=axes, metadata=metadata | {"channels": channels})
    layers = viewer.open(first, plugin="napari-glc")
    layers[1].contrast_limits = (200, 900)
    layers[0].name, layers[0].gamma = "nuclei", 0.75
    layers[0].metadata = {**layers[0].metadata, "dye": "DAPI"}
    turned = np.eye(layers[0].ndim + 1)
    turned[-3:-1, -3:-1] = [[0.8, -0.6], [0.6, 0.8]]
    for layer in layers:
        layer.affine = turned
    before = [_looks(layer) for layer in layers]
    assert len(before) == 2
    viewer.layers.selection = set(layers)
    (path,) = viewer.layers.save(tmp_path / "again.glc", selected=True, plugin="napari-glc")
    viewer.layers.clear()
    again = viewer.open(path, plugin="napari-glc")
    assert [_looks(layer) for layer in again] == before
    assert sorted(napari_glc.open(path).axes) == sorted(axes)
    span = int(stack.max()) - int(stack.min())
    assert np.abs(layers[0].data.compute().astype(float) - again[0].data.compute()).mean() < span / 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": np.zeros((64, 65), np.uint8)}, "'b' has 64 x 65 samples, 'a' 64 x 64"),
        ({"data": np.zeros((64, 64), np.uint16)}, "'b' is uint16, 'a' is uint8"),
        ({"scale": (2, 1)}, "'b' has another scale than 'a'"),
        ({"rotate": 30}, "'b' has another rotate than 'a'"),
        ({"units": ("um", "um")}, "'b' has another units than 'a'"),
        ({"data": np.zeros((64, 64, 3), np.uint8), "rgb": True}, "'b' is RGB"),
    ],
)
def test_layers_that_are_no_channels_of_one_file_say_why(viewer, tmp_path, change, words):
    options = {"data": np.zeros((64, 64), np.uint8), "name": "b", "contrast_limits": (0, 9)} | change
    viewer.add_image(np.zeros((64, 64), np.uint8), name="a", contrast_limits=(0, 9))
    viewer.add_image(options.pop("data"), **options)
    with pytest.raises(UnsupportedArrayError, match=words):
        viewer.layers.save(tmp_path / "both.glc", plugin="napari-glc")
    assert not list(tmp_path.iterdir())


def test_a_stack_is_saved_with_its_axes(viewer, tmp_path):
    stack = tifffile.imread(DATA / "worms_crop_uint16.tif")[:, :64, :64]
    layer = viewer.add_image(stack, scale=(3, 1, 1), axis_labels=("time", "y", "x"), name="worms")
    (path,) = layer.save(tmp_path / "worms.glc")
    assert napari_glc.open(path).axes == "TYX"
    (again,) = viewer.open(path, plugin="napari-glc")
    assert again.data.shape == stack.shape
    assert again.data.dtype == np.uint16
    np.testing.assert_array_equal(again.scale, layer.scale)
    assert again.axis_labels == layer.axis_labels
    assert again.contrast_limits == layer.contrast_limits


def test_moving_a_slider_decodes_each_plane_once(viewer, tmp_path):
    stack = tifffile.imread(DATA / "worms_crop_uint16.tif")
    path = tmp_path / "worms.glc"
    napari_glc.imwrite(path, stack, axes="ZYX")
    (layer,) = viewer.open(path, plugin="napari-glc")
    source = next(v for v in layer.data.dask.values() if hasattr(v, "file"))
    for _ in range(2):
        for z in range(3):
            viewer.dims.set_current_step(0, z)
            assert np.asarray(layer.data[z]).shape == (128, 160)
    assert source.file.decoded_tiles == 3


def test_a_large_plane_opens_at_every_level(viewer, embryo, tmp_path):
    path = tmp_path / "a.glc"
    napari_glc.imwrite(path, embryo, levels=3)
    (layer,) = viewer.open(path, plugin="napari-glc")
    assert layer.multiscale
    assert [level.shape for level in layer.data] == [(264, 542), (132, 271), (66, 136)]


def test_damaged_files_say_what_is_wrong(viewer, encoded_parrots, tmp_path):
    bad = tmp_path / "bad.glc"
    bad.write_bytes(encoded_parrots[:40] + bytes(60) + encoded_parrots[100:])
    with pytest.raises(DamagedFileError, match=r"bad\.glc: tile 0 of 1 .* is damaged"):
        viewer.open(bad, plugin="napari-glc")
    bad.write_bytes(b"GIF89a")
    with pytest.raises(NotAGlcFileError, match=r"bad\.glc"):
        viewer.open(bad, plugin="napari-glc")


def test_a_file_that_lost_packets_opens_recovered_and_is_reported(viewer, motocross, tmp_path):
    path = tmp_path / "lossy.glc"
    metadata = {"scale": [0.5, 0.5], "translate": [3.0, 4.0], "units": ["um", "um"]}
    picture = motocross[128:320, 200:488]
    whole = napari_glc.encode(picture, codec="vqgan", quality=60, packets=6, metadata=metadata)
    path.write_bytes(damage(whole, 0.4, seed=1))
    with pytest.warns(UserWarning, match=r"lossy\.glc: 2 of 6 packets are lost, 33\.\d % of the indices"):
        image, lost = viewer.open(path, plugin="napari-glc")
    assert image.data.shape == picture.shape
    assert psnr(napari_glc.decode(whole), image.data) > 15
    assert "2 of 6 packets" in image.metadata["glc"]["recovered"]
    assert isinstance(lost, Labels)
    assert lost.name == "lossy (lost)"
    assert lost.data.mean() == pytest.approx(1 / 3, abs=0.01)
    np.testing.assert_allclose(lost.extent.world, image.extent.world)
    assert lost.units == image.units


def _toy_file(tmp_path: Path, picture: np.ndarray) -> Path:
    path = tmp_path / "birds.glc"
    metadata = {"name": "birds", "scale": [0.5, 0.5], "units": ["um", "um"]}
    napari_glc.imwrite(path, picture, codec="toy", metadata=metadata)
    return path


@pytest.mark.parametrize("lacking", ["codec", "model", "library"])
def test_what_cannot_be_decoded_opens_empty_and_says_what_is_missing(
    toy, viewer, parrots, tmp_path, monkeypatch, lacking
):
    path = _toy_file(tmp_path, parrots[:64, :96])
    if lacking == "codec":
        monkeypatch.delitem(registry._entries, "toy")
        words = "codec number 4242, which this version lacks: update napari-glc"
    elif lacking == "model":
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "nowhere"))
        words = f"is not installed.*Put its .safetensors file into {tmp_path / 'nowhere'}"
    else:
        monkeypatch.setitem(registry._entries, "toy", replace(toy, needs=("no_such_library",), extra="toys"))
        words = r"codec 'toy' needs no_such_library: pip install 'napari-glc\[toys\]'"
    with pytest.warns(UserWarning, match=f"birds.glc: .*{words}.*The layer is empty"):
        (layer,) = viewer.open(path, plugin="napari-glc")
    assert layer.name == "birds (not decoded)"
    assert (layer.data.shape, layer.rgb) == ((64, 96, 3), True)
    assert not layer.data.any()
    np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    facts = layer.metadata["glc"]
    assert facts["bytes"] == path.stat().st_size
    assert facts["codec"] == ("codec 4242" if lacking == "codec" else "toy")
    assert "birds.glc" in facts["not decoded"]


def test_a_large_stack_that_cannot_be_decoded_takes_no_memory(toy, viewer, embryo, tmp_path, changed_toy):
    path = tmp_path / "stack.glc"
    napari_glc.imwrite(path, np.stack([embryo] * 3).astype(np.uint16), codec="toy", axes="CYX")
    changed_toy.delitem(registry._entries, "toy")
    with pytest.warns(UserWarning, match="codec number 4242"):
        (layer,) = viewer.open(path, plugin="napari-glc")
    assert (layer.data.shape, layer.data.dtype) == ((3, *embryo.shape), np.uint16)
    assert layer.data.strides == (0, 0, 0)


@pytest.mark.parametrize(
    "metadata",
    [
        {"name": 7, "scale": ["x", 1], "units": [1, 2], "axis_labels": "zz", "translate": [1], "unknown": {}},
        {"scale": [0, 1], "units": ["parsec per wink", "(("], "colormap": "no such map", "contrast_limits": [9, 1]},
        {"scale": [10**400, 1], "units": ["__import__('os')", "m"], "colormap": {"colors": "x"}},
        {"scale": [True, 1], "colormap": {"colors": [[0, 0, 0, 1]], "controls": [5, 6]}, "units": ["m", "kg"]},
    ],
)
def test_hostile_metadata_is_ignored(viewer, embryo, tmp_path, metadata):
    path = tmp_path / "a.glc"
    napari_glc.imwrite(path, embryo[:64, :64], metadata=metadata)
    (layer,) = viewer.open(path, plugin="napari-glc")
    assert layer.name == "a"
    np.testing.assert_array_equal(layer.scale, (1, 1))
    assert layer.colormap.name == "gray"
    assert layer.contrast_limits == [0, 255]


@pytest.mark.parametrize(
    ("key", "coded_key", "shape"), [("parrots", "coded", (512, 768, 3)), ("tissue", "coded_tissue", (512, 512, 3))]
)
def test_samples_open(viewer, key, coded_key, shape):
    (plain,) = viewer.open_sample("napari-glc", key)
    assert plain.data.shape == shape
    original, coded = viewer.open_sample("napari-glc", coded_key)
    np.testing.assert_array_equal(original.data, plain.data)
    assert coded.data.shape == shape
    assert "bytes" in coded.name
    assert 15 < psnr(plain.data, coded.data) < 40


def test_the_sample_of_tissue_comes_with_scikit_image():
    """Nothing is downloaded: the file lies in the installed package."""
    assert (Path(skimage.__file__).parent / "data" / "ihc.png").is_file()


def test_every_menu_is_one_that_napari_shows():
    """napari drops items in other menus without a word."""
    from napari._app_model.constants import MenuId

    contributions = npe2.PluginManifest.from_file(MANIFEST).contributions
    shown = {menu.value for menu in MenuId.contributables()}
    submenus = {submenu.id for submenu in contributions.submenus}
    placed = [item for items in contributions.menus.values() for item in items]
    assert set(contributions.menus) <= shown | submenus
    assert {item.submenu for item in placed if hasattr(item, "submenu")} == submenus
    widgets = {widget.command for widget in contributions.widgets}
    assert {item.command for item in placed if hasattr(item, "command")} == widgets | {
        "napari-glc.debug",
        "napari-glc.flip",
    }


def test_the_effort_of_the_preferences_is_used_when_saving(motocross, tmp_path, monkeypatch):
    from napari_glc._napari import settings, writer

    picture = np.ascontiguousarray(motocross[190:254, 380:444])
    meta = {"name": "moto", "rgb": True}
    wishes = {("writer", "quality"): 30.0, ("writer", "effort"): 2, ("runtime", "device"): "cpu"}
    monkeypatch.setattr(settings, "plugin_setting", lambda group, name: wishes[group, name])
    (worked,) = writer.write_image(str(tmp_path / "a.glc"), picture, meta)
    wishes["writer", "effort"] = 0
    (plain,) = writer.write_image(str(tmp_path / "b.glc"), picture, meta)
    assert Path(worked).read_bytes() != Path(plain).read_bytes()


@pytest.fixture
def absent_device(monkeypatch) -> str:
    """A device that is not here, set in the preferences."""
    from napari_glc._napari import settings
    from napari_glc.codecs.loading import device_obstacles

    absent = next(name for name, obstacle in device_obstacles().items() if obstacle)
    said = settings.plugin_setting
    monkeypatch.setattr(settings, "plugin_setting", lambda *of: absent if of == ("runtime", "device") else said(*of))
    return absent


def test_a_device_of_the_preferences_that_is_not_here_gives_way_with_a_notice(
    viewer, absent_device, parrots_file, embryo, tmp_path
):
    notice = f"Device {absent_device} is not here: using "
    with pytest.warns(UserWarning, match=notice):
        (layer,) = viewer.open(parrots_file, plugin="napari-glc")
    np.testing.assert_array_equal(layer.data, napari_glc.imread(parrots_file))
    layer = viewer.add_image(embryo[:64, :64])
    with pytest.warns(UserWarning, match=notice):
        (path,) = layer.save(tmp_path / "a.glc")
    assert napari_glc.open(path).shape == (64, 64)


def test_an_old_napari_is_refused_in_one_line():
    from napari_glc._napari.requirements import LEAST_NAPARI, check_napari
    from napari_glc.errors import MissingDependencyError

    with pytest.raises(MissingDependencyError, match=r"needs napari 0\.9 or newer, and this is napari 0\.6\.5: pip "):
        check_napari("0.6.5")
    for enough in ("0.9.0", "0.10", "0.9rc1", "1.0.dev3", None):
        check_napari(enough)
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert f"napari>={LEAST_NAPARI}" in extras["optional-dependencies"]["gui"]


def test_napari_asks_before_anything_of_the_plugin_is_used(viewer, parrots_file, monkeypatch):
    from napari_glc._qt import plugin
    from napari_glc.errors import MissingDependencyError

    def refuse() -> None:
        raise MissingDependencyError("napari-glc needs a newer napari")

    monkeypatch.setattr(plugin, "check_napari", refuse)
    manager = npe2.PluginManager.instance()
    manager.deactivate("napari-glc")
    with pytest.raises(MissingDependencyError, match="needs a newer napari"):
        viewer.open(parrots_file, plugin="napari-glc")
    monkeypatch.undo()
    assert viewer.open(parrots_file, plugin="napari-glc")
