"""A codec that is one entry appears wherever codecs are chosen; no other file knows of it."""

from __future__ import annotations

import argparse
import inspect
import json

import imageio.v3 as iio
import numpy as np
import pytest
import torch
import zarr

import napari_glc
from napari_glc.cli import main
from napari_glc.cli.main import build_parser
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.codecs.loading import release_models
from napari_glc.errors import (
    DamagedFileError,
    MissingDependencyError,
    MissingModelError,
    OptionError,
    UnsupportedVersionError,
)
from napari_glc.evaluation.coders import coders_named
from napari_glc.evaluation.running import evaluate
from napari_glc.inspection.rate.curves import rate_curve
from napari_glc.inspection.rate.session import RateSession
from napari_glc.interop import imageio_plugin
from napari_glc.interop.numcodecs_codec import GlcNumcodec
from napari_glc.interop.zarr_codec import GlcZarrCodec
from napari_glc.metrics import psnr
from toy_codec import ENTRY, SHARING_ENTRY


def test_it_encodes_and_decodes_with_its_option(toy, parrots):
    picture = parrots[:200, :300]
    plain, grained = (napari_glc.encode(picture, codec="toy", quality=90, grain=g) for g in (0, 5))
    assert len(grained) == len(plain) + 1
    file = napari_glc.GlcFile(grained)
    assert (file.codec, file.options.to_dict(), file.facts()["grain"]) == ("toy", {"grain": 5}, 5)
    assert psnr(picture, napari_glc.decode(plain)) > 20
    assert not np.array_equal(napari_glc.decode(plain), file.read())
    whole = file.read()
    np.testing.assert_array_equal(file.read((slice(60, 150), slice(7, 290))), whole[60:150, 7:290])
    assert psnr(picture, file.read(preview=True)) < psnr(picture, whole)
    assert sum(file.streams().values()) == len(grained)
    file.verify()


def test_its_option_for_decoding_reaches_every_reader(toy, tmp_path, parrots, capsys):
    picture = parrots[:128, :192] // 2 + 40
    path = tmp_path / "a.glc"
    napari_glc.imwrite(path, picture, codec="toy")
    plain = napari_glc.imread(path)
    file = napari_glc.open(path, brightness=20)
    bright = file.read()
    assert abs(bright.astype(float).mean() - plain.mean() - 20) < 1
    np.testing.assert_array_equal(napari_glc.decode(path.read_bytes(), brightness=20), bright)
    np.testing.assert_array_equal(napari_glc.imread(path, brightness=20), bright)
    np.testing.assert_array_equal(napari_glc.open(path).decoded_with(brightness=20.0).dask().compute(), bright)
    np.testing.assert_array_equal(file.decoded_with(brightness=0).read(), plain)
    imageio_plugin.register()
    np.testing.assert_array_equal(iio.imread(path, brightness=20), bright)
    assert main(["decode", str(path), str(tmp_path / "b.png"), "--brightness", "20"]) == 0
    np.testing.assert_array_equal(iio.imread(tmp_path / "b.png"), bright)
    assert main(["decode", str(path), str(tmp_path / "c.png"), "--brightness", "51"]) == 2
    assert "brightness must lie within -50 to 50" in capsys.readouterr().err
    for wrong, said in (
        ({"grain": 1}, "no option 'grain'; its options: brightness"),
        ({"brightness": 60}, "lie within"),
    ):
        with pytest.raises(OptionError, match=said):
            napari_glc.open(path, **wrong)
        with pytest.raises(OptionError, match=said):
            file.decoded_with(**wrong)
    assert inspect.signature(napari_glc.open).parameters["brightness"].default == 0
    assert "added to every sample, -50 to 50" in (napari_glc.decode.__doc__ or "")


def test_what_it_does_not_know_is_refused_by_name(toy, parrots):
    with pytest.raises(OptionError, match="codec 'toy' has no option 'packets'; its options: grain"):
        napari_glc.encode(parrots, codec="toy", packets=2)
    with pytest.raises(OptionError, match="grain must lie within 0 to 9, not 10"):
        napari_glc.encode(parrots, codec="toy", grain=10)
    with pytest.raises(OptionError, match="no packets to recover"):
        napari_glc.GlcFile(napari_glc.encode(parrots[:64, :64], codec="toy")).recover()


def test_it_stands_in_the_signature_and_the_documentation(toy):
    assert inspect.signature(napari_glc.encode).parameters["grain"].default == 0
    assert "strength of the film grain, 0 to 9" in (napari_glc.encode.__doc__ or "")


def _help_of(parser: argparse.ArgumentParser, verb: str) -> str:
    actions = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return " ".join(actions.choices[verb].format_help().split())


def test_it_stands_in_the_shell(toy, tmp_path, parrots, capsys):
    for verb in ("encode", "batch", "evaluate"):
        text = _help_of(build_parser(), verb)
        assert "toy: means of blocks, for tests" in text
        assert "codec toy: strength of the film grain, 0 to 9; default 0" in text
    iio.imwrite(tmp_path / "a.png", parrots[:128, :192])
    given, out = tmp_path / "a.glc", tmp_path / "b.png"
    assert main(["encode", str(tmp_path / "a.png"), str(given), "--codec", "toy", "--grain", "3"]) == 0
    assert napari_glc.open(given).options.to_dict() == {"grain": 3}
    assert main(["decode", str(given), str(out), "--preview"]) == 0
    assert main(["verify", str(given)]) == 0
    capsys.readouterr()
    assert main(["info", str(given), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["grain"] == 3
    assert main(["encode", str(tmp_path / "a.png"), str(given), "--codec", "toy", "--bpp", "0.2"]) == 0
    assert abs(napari_glc.open(given).bpp - 0.2) < 0.01


def test_a_stack_of_several_levels_goes_through_it(toy, embryo):
    stack = np.stack([embryo, embryo[::-1], embryo[:, ::-1]]).astype(np.uint16) * 100
    file = napari_glc.GlcFile(napari_glc.encode(stack, codec="toy", axes="TYX", levels=2, grain=1))
    assert (file.shape, file.dtype, len(file.levels)) == (stack.shape, stack.dtype, 2)
    assert file.read((1,), level=1).shape == (132, 271)
    assert np.corrcoef(file.read().ravel(), stack.ravel())[0, 1] > 0.8


def test_streams_that_tiles_share_come_back_to_them(toy, changed_toy, embryo):
    """The film a stack is printed on, once a file; the middle of each level of each plane, once for its tiles."""
    from napari_glc.codecs import registry

    changed_toy.setitem(registry._entries, "toy", SHARING_ENTRY)
    release_models()
    stack = np.stack([embryo // 4, 255 - embryo])
    data = napari_glc.encode(stack, codec="toy", axes="TYX", tile=128, levels=2, quality=100)
    file = napari_glc.GlcFile(data)
    kinds = [file.container.place(index).kind for index in range(file.container.chunks)]
    assert (kinds.count("file"), kinds.count("plane")) == (1, 4)
    streams = file.streams()
    assert (streams["file streams"], streams["plane streams"]) == (4, 12)
    assert sum(streams.values()) == len(data)
    assert [file.coding(plane, 1).plane_stream[0] for plane in (0, 1)] == [
        round(float(plane.mean())) for plane in stack
    ]
    error = np.abs(file.read().astype(float) - stack).mean()
    file.verify()
    damaged = bytearray(data)
    damaged[file.container.offsets[1]] ^= 1
    with pytest.raises(DamagedFileError, match="the stream of plane 0 of 2 is damaged"):
        napari_glc.GlcFile(bytes(damaged)).read()
    release_models()
    changed_toy.setitem(registry._entries, "toy", ENTRY)
    plain = napari_glc.decode(napari_glc.encode(stack, codec="toy", axes="TYX", tile=128, levels=2, quality=100))
    assert error < np.abs(plain.astype(float) - stack).mean() + 1
    with pytest.raises(UnsupportedVersionError, match="streams that this version does not know"):
        napari_glc.decode(data)


def test_zarr_arrays_are_stored_with_it(toy, embryo, tmp_path):
    given = GlcZarrCodec(codec="toy", grain=2, quality=80)
    assert given.to_dict()["configuration"] == {"quality": 80.0, "codec": "toy", "rgb": False, "grain": 2}
    assert GlcZarrCodec.from_dict(given.to_dict()) == given
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=embryo.shape, chunks=embryo.shape, dtype="uint8", serializer=given, compressors=None
    )
    array[:] = embryo
    np.testing.assert_array_equal(
        zarr.open_array(tmp_path / "a.zarr")[:],
        napari_glc.decode(napari_glc.encode(embryo, codec="toy", grain=2, quality=80)),
    )
    assert GlcNumcodec(codec="toy", grain=2).get_config()["grain"] == 2
    with pytest.raises(OptionError, match="no option 'salt'"):
        GlcZarrCodec.from_dict({"configuration": {"codec": "toy", "salt": 1}})


def test_it_is_evaluated_and_has_a_curve(toy, tmp_path, parrots):
    iio.imwrite(tmp_path / "a.png", parrots[:192, :192])
    rows = evaluate(tmp_path, coders_named(["toy:grain=1"]), qualities=[10, 90]).results
    assert [row.quality for row in rows] == [10, 90]
    assert rows[0].measures["psnr"] < rows[1].measures["psnr"]
    session = RateSession(parrots[:192, :192], codec="toy")
    points = list(rate_curve(session, (0, 100)))
    assert [point.codec for point in points] == ["toy", "toy"]
    assert session.at(40).data == napari_glc.encode(parrots[:192, :192], codec="toy", quality=40)


def test_two_codecs_cannot_share_a_number(toy):
    from dataclasses import replace

    from napari_glc.codecs.registry import register_codec

    with pytest.raises(OptionError, match="'toy' has the name or the number 4242"):
        register_codec(replace(ENTRY, name="other"))


def test_without_it_the_file_still_says_what_it_is(toy, tmp_path, parrots, changed_toy, capsys):
    path = tmp_path / "a.glc"
    napari_glc.imwrite(path, parrots[:64, :96], codec="toy", metadata={"name": "birds", "scale": [2, 2]})
    from napari_glc.codecs import registry

    changed_toy.delitem(registry._entries, "toy")
    file = napari_glc.open(path)
    assert (file.codec, file.shape, file.metadata["name"]) == ("codec 4242", (64, 96, 3), "birds")
    with pytest.raises(UnsupportedVersionError, match="codec number 4242, which this version lacks: update"):
        file.read()
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr()
    assert "codec 4242" in said.out
    assert "64 x 96 x 3" in said.out
    assert said.err.count("\n") == 1
    assert "update napari-glc" in said.err


def test_newer_options_and_missing_libraries_are_one_line_each(toy, parrots, changed_toy):
    from dataclasses import replace

    from napari_glc.codecs import registry
    from napari_glc.container import Extension, pack, parse, read_chunk

    data = napari_glc.encode(parrots[:64, :96], codec="toy", grain=4)
    import io

    container = parse(data)
    chunk = read_chunk(io.BytesIO(data), container, 0)
    newer = napari_glc.GlcFile(pack(replace(container.header, options=b"\x04\x01"), [chunk]))
    assert newer.shape == (64, 96, 3)
    with pytest.raises(UnsupportedVersionError, match="options of its codec that this version does not know"):
        newer.read()
    needed = (Extension("hologram", b"", needed=True),)
    with pytest.raises(UnsupportedVersionError, match="it needs hologram"):
        napari_glc.GlcFile(pack(replace(container.header, extensions=needed), [chunk])).read()
    skipped = (Extension("note", b"for people"),)
    np.testing.assert_array_equal(
        napari_glc.GlcFile(pack(replace(container.header, extensions=skipped), [chunk])).read(), napari_glc.decode(data)
    )
    changed_toy.setitem(registry._entries, "toy", replace(ENTRY, needs=("no_such_library",), extra="toys"))
    with pytest.raises(MissingDependencyError, match=r"needs no_such_library: pip install 'napari-glc\[toys\]'"):
        napari_glc.GlcFile(data).read()
    changed_toy.setitem(registry._entries, "toy", replace(ENTRY, default_model="gone"))
    with pytest.raises(MissingModelError, match="gone"):
        napari_glc.encode(parrots[:64, :64], codec="toy")


def test_checkpoints_that_others_publish_become_models_of_it(toy, tmp_path, parrots, capsys, changed_toy):
    from dataclasses import replace

    from napari_glc.codecs import registry

    assert main(["models", "list", "--published"]) == 0
    assert "colour-8" in capsys.readouterr().out
    mean = torch.full((1, 3, 1, 1), 0.5)
    torch.save({"net": {"module.colour.mean": mean, "steps": torch.ones(1)}}, tmp_path / "a.pth")
    model = import_checkpoint(tmp_path / "a.pth")
    assert (model.name, model.codec, model.config) == ("colour-16", "toy", '{"block":16}')
    assert model.load()["middle"].tolist() == [127.5] * 3
    assert psnr(parrots, napari_glc.decode(napari_glc.encode(parrots, codec="toy", model="colour-16"))) > 18
    with pytest.raises(OptionError, match="is a mean colour; only a transformer has heads"):
        import_checkpoint(tmp_path / "a.pth", "b", heads=2)
    # listing and recognising take none of a codec's libraries
    changed_toy.setitem(registry._entries, "toy", replace(ENTRY, needs=("no_such_library",), extra="toys"))
    assert import_checkpoint(tmp_path / "a.pth", "again").sha256 == model.sha256
