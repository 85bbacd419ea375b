"""Standard input and output, whole folders, and what else people know from other encoders."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import napari_glc
from napari_glc import batch
from napari_glc.cli import main

SAMPLE = Path(napari_glc.__file__).parent / "samples" / "kodim23.png"
WORMS = Path(__file__).parents[1] / "data" / "worms_crop_uint16.tif"


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    """A small colour picture."""
    return iio.imread(SAMPLE)[200:264, 300:396]


@pytest.fixture
def picture(tmp_path, crop) -> Path:
    """The same in a file."""
    path = tmp_path / "crop.png"
    iio.imwrite(path, crop)
    return path


class _Pipe:
    """Standard input and output as pipes."""

    def __init__(self, monkeypatch, data: bytes = b"") -> None:
        self.out = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdout", self.out)

    @property
    def bytes(self) -> bytes:
        self.out.flush()
        return self.out.buffer.getvalue()


def test_pictures_and_files_go_through_pipes(picture, crop, monkeypatch, capsys):
    pipe = _Pipe(monkeypatch, picture.read_bytes())
    assert main(["encode", "-", "-", "-q", "30"]) == 0
    coded = pipe.bytes
    assert coded == napari_glc.encode(crop, quality=30)
    assert f"{len(coded)} bytes" in capsys.readouterr().err

    pipe = _Pipe(monkeypatch, coded)
    assert main(["decode", "-", "-"]) == 0
    np.testing.assert_array_equal(iio.imread(pipe.bytes), napari_glc.decode(coded))

    pipe = _Pipe(monkeypatch, coded)
    assert main(["info", "-", "--json"]) == 0
    assert json.loads(pipe.bytes)["bytes"] == len(coded)

    pipe = _Pipe(monkeypatch, coded)
    assert main(["verify", "-"]) == 0
    assert b"intact" in pipe.bytes


def test_a_stack_goes_through_a_pipe_and_comes_out_as_tiff(monkeypatch, tmp_path):
    stack = tifffile.imread(WORMS)[:, :64, :64]
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack", metadata={"axes": "CYX"})
    pipe = _Pipe(monkeypatch, (tmp_path / "s.tif").read_bytes())
    assert main(["encode", "-", "-", "--quiet"]) == 0
    pipe = _Pipe(monkeypatch, pipe.bytes)
    assert main(["decode", "-", "-"]) == 0
    with tifffile.TiffFile(io.BytesIO(pipe.bytes)) as tiff:
        assert (tiff.series[0].axes, tiff.series[0].shape, tiff.series[0].dtype) == ("CYX", stack.shape, np.uint16)


def test_what_comes_through_a_pipe_is_called_standard_input(monkeypatch, capsys):
    _Pipe(monkeypatch)
    assert main(["encode", "-", "-"]) == 1
    assert "nothing came through standard input" in capsys.readouterr().err
    _Pipe(monkeypatch, b"some words")
    assert main(["encode", "-", "-"]) == 1
    assert capsys.readouterr().err == "glc: standard input cannot be read as a picture: it is text\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_named_pipes_are_read_and_written(picture, crop, tmp_path):
    pipes = tmp_path / "in", tmp_path / "out.glc"
    found = []
    ends = [
        threading.Thread(target=lambda: pipes[0].write_bytes(picture.read_bytes())),
        threading.Thread(target=lambda: found.append(pipes[1].read_bytes())),
    ]
    for pipe, end in zip(pipes, ends, strict=True):
        os.mkfifo(pipe)
        end.start()
    assert main(["encode", *map(str, pipes), "-q", "0"]) == 0
    for end in ends:
        end.join(20)
    assert found == [napari_glc.encode(crop, quality=0)]


def test_a_reader_that_goes_away_is_no_error():
    run = [sys.executable, "-c", "import sys; from napari_glc.cli import main; sys.exit(main())"]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ended = subprocess.run([*run, "models", "list"], stdout=closed, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_describing_a_file_loads_no_torch(tmp_path, crop):
    napari_glc.imwrite(tmp_path / "a.glc", crop)
    code = "import sys; from napari_glc.cli import main; main(['info', sys.argv[1]]); print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code, tmp_path / "a.glc"], check=True, capture_output=True, text=True)
    assert ended.stdout.endswith("False\n")


def test_folders_are_named_for_what_they_are(tmp_path, picture, capsys):
    folder, text = tmp_path / "folder", tmp_path / "text.png"
    folder.mkdir()
    text.write_text("This is no picture.")
    for words, code, reason in [
        (["encode", folder, tmp_path / "a.glc"], 2, "is a folder: use glc batch"),
        (["encode", picture, folder], 2, "is a folder: name the file to write"),
        (["info", folder], 2, "is a folder, not a file"),
        (["encode", picture, tmp_path / "none" / "a.glc"], 1, "there is no folder"),
        (["encode", text, tmp_path / "a.glc"], 1, "text.png cannot be read as a picture: it is text"),
        (["batch", folder, tmp_path / "out"], 1, "folder holds no pictures"),
        (["decode", folder, tmp_path / "out"], 1, "folder holds no .glc files"),
        (["evaluate", folder], 2, "folder holds no picture"),
        (["batch", picture, tmp_path / "out"], 2, "is not a folder"),
    ]:
        assert main(list(map(str, words))) == code, words
        assert reason in capsys.readouterr().err


def test_no_clobber_quiet_and_json(picture, tmp_path, capsys):
    file = tmp_path / "a.glc"
    assert main(["encode", str(picture), str(file), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    before = file.read_bytes()
    assert main(["encode", str(picture), str(file), "--no-clobber", "-q", "0"]) == 1
    assert "is there already and is kept" in capsys.readouterr().err
    assert file.read_bytes() == before
    assert main(["encode", str(picture), str(file), "--json", "-q", "30.3"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert main(["info", str(file), "--json"]) == 0
    assert said == json.loads(capsys.readouterr().out)
    assert main(["encode", str(picture), str(file), "-q", "30.3"]) == 0
    # as the file has it
    assert f"quality {said['quality']:g}\n" in capsys.readouterr().out
    assert said["quality"] == 30.5


def test_a_missed_target_is_an_error_if_one_is_strict(picture, tmp_path, capsys):
    file = tmp_path / "a.glc"
    assert main(["encode", str(picture), str(file), "--bpp", "9", "--strict"]) == 1
    assert "9 bpp is outside what the model can do" in capsys.readouterr().err
    assert not file.exists()
    assert main(["encode", str(picture), str(file), "--bytes", "20"]) == 1
    assert "too few" in capsys.readouterr().err


def test_threads_are_those_asked_for(picture, tmp_path, monkeypatch):
    import torch

    before, seen = torch.get_num_threads(), []
    monkeypatch.setattr(
        torch, "set_num_threads", lambda count, keep=torch.set_num_threads: (seen.append(count), keep(count))
    )
    assert main(["encode", str(picture), str(tmp_path / "a.glc"), "-j", "1"]) == 0
    assert seen[0] == 1
    assert torch.get_num_threads() == before


def test_folders_of_folders_there_and_back(picture, crop, tmp_path, capsys, monkeypatch):
    # in this process: others encode a folder in test_arrays.py
    monkeypatch.setattr(batch, "ProcessPoolExecutor", lambda workers, *_: ThreadPoolExecutor(workers))
    source, coded, back = tmp_path / "in", tmp_path / "in" / "coded", tmp_path / "back"
    (source / "sub").mkdir(parents=True)
    shutil.copy(picture, source / "a.png")
    iio.imwrite(source / "sub" / "b.jpg", crop)
    tifffile.imwrite(source / "sub" / "c.tif", np.stack([crop[..., 0]] * 2).astype(np.float32))
    (source / "sub" / "d.png").write_text("not a picture")
    words = ["batch", str(source), str(coded), "--recursive", "--bpp", "0.05", "--device", "cpu", "--retries", "0"]
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.out == "3 encoded, 0 skipped, 1 failed\n"
    assert "sub/d.png" in said.err.replace(os.sep, "/")
    assert napari_glc.open(coded / "a.png.glc").bpp == pytest.approx(0.05, rel=0.1)
    # what was written into the source is not taken for more of it
    assert main(words) == 1
    assert capsys.readouterr().out == "0 encoded, 3 skipped, 1 failed\n"

    (coded / "broken.glc").write_bytes(b"GLC")
    assert main(["decode", str(coded), str(back), "-r"]) == 1
    said = capsys.readouterr()
    assert said.out == "3 decoded, 0 skipped, 1 failed\n"
    assert "broken.glc" in said.err
    found = sorted(path.relative_to(back).as_posix() for path in back.rglob("*.*"))
    assert found == ["a.png", "sub/b.jpg.png", "sub/c.tif"]
    np.testing.assert_array_equal(iio.imread(back / "a.png"), napari_glc.imread(coded / "a.png.glc"))
    assert tifffile.imread(back / "sub" / "c.tif").shape == (2, 64, 96)
    assert main(["decode", str(coded), str(back), "--no-clobber"]) == 1
    assert capsys.readouterr().out == "0 decoded, 1 skipped, 1 failed\n"


def _with_extras(path: Path, crop: np.ndarray) -> tuple[bytes, bytes]:
    """A photograph with a profile and a camera, lying on its side."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    profile = profile[:16] + b"RGB " + profile[20:]
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "Camera", 6
    Image.fromarray(crop).save(path, icc_profile=profile, exif=exif)
    return profile, exif.tobytes()


def test_profile_and_exif_are_kept_if_asked_for_and_else_said_to_be_lost(crop, tmp_path, capsys):
    source, file, back = tmp_path / "a.jpg", tmp_path / "a.glc", tmp_path / "b.png"
    profile, _ = _with_extras(source, crop)
    assert main(["encode", str(source), str(file)]) == 0
    assert f"not kept: colour profile ({len(profile)} bytes) and EXIF (" in capsys.readouterr().err
    assert not napari_glc.open(file).metadata
    assert main(["encode", str(source), str(file), "--keep-metadata"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["decode", str(file), str(back)]) == 0
    with Image.open(back) as decoded:
        assert decoded.size == (64, 96)  # upright, and not to be turned again
        assert decoded.info["icc_profile"] == profile
        assert dict(decoded.getexif()) == {0x0110: "Camera"}
    assert main(["decode", str(file), str(tmp_path / "b.tif")]) == 0
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        assert tiff.pages[0].iccprofile == profile


def test_metadata_that_is_no_profile_does_not_hinder_decoding(crop, tmp_path):
    file = tmp_path / "a.glc"
    for metadata in ({"icc": "?", "exif": [1, 2]}, {"icc": "AAAA", "exif": "A" * 100_000}):
        napari_glc.imwrite(file, crop, metadata=metadata)
        assert main(["decode", str(file), str(tmp_path / "a.jpg")]) == 0
        assert iio.imread(tmp_path / "a.jpg").shape == crop.shape


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_verbs_options_and_choices(capsys, tmp_path):
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "glc.bash"
    script.write_text(capsys.readouterr().out)
    for words, wanted in [
        (["enc"], "encode"),
        (["encode", "--keep"], "--keep-metadata"),
        (["encode", "--codec", "vq"], "vqgan"),
        (["models", "im"], "import"),
        (["decode", "pict"], "picture.glc"),
    ]:
        (tmp_path / "picture.glc").touch()
        typed = " ".join(words)
        code = (
            f'source glc.bash; COMP_WORDS=(glc {typed}); COMP_CWORD={len(words)}; _shtab_glc; echo "${{COMPREPLY[@]}}"'
        )
        ended = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert wanted in ended.stdout.split(), typed
