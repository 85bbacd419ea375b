"""A file that is written is the old one or the new one, and what goes wrong is said in one line."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_glc
from kill_writers import kill_writers
from napari_glc._base.atomic import _open_part, _part_prefix, write_atomically
from writer_process import content

OLD, NEW = content(1, 3000), content(2, 300_000)
posix = pytest.mark.skipif(os.name != "posix", reason="permissions, limits and mounts of POSIX")

# what a process without privileges runs into, printed as one line
_WRITE = """
import os, resource, signal, sys
from pathlib import Path
from napari_glc._base.atomic import write_atomically
{before}
try:
    write_atomically(Path(sys.argv[1]), bytes(300_000))
except OSError as error:
    print(type(error).__name__, error)
"""


def _write_elsewhere(path: Path, before: str) -> str:
    """The error a fresh process meets when it writes `path`, after the statements `before`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(napari_glc.__file__).parents[1])}
    script = _WRITE.format(before=before)
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, env=environment)
    return (done.stdout + done.stderr).strip()


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "picture.glc"
    write_atomically(path, OLD)
    return path


@posix
@pytest.mark.parametrize("writers", [1, 2])
def test_killed_writers_leave_a_whole_file_and_nothing_else(tmp_path, writers):
    outcome = kill_writers(tmp_path, 3, writers=writers, size=100_000)
    assert outcome.runs == 3


@posix
def test_a_full_disk_leaves_the_old_file(picture):
    said = _write_elsewhere(picture, "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))")
    assert said.startswith("OSError [Errno 27] File too large")
    assert said.endswith(f"'{picture}'")
    assert picture.read_bytes() == OLD
    assert _names(picture.parent) == [picture.name]


@pytest.mark.skipif(not (hasattr(os, "geteuid") and os.geteuid() == 0), reason="only root mounts file systems")
def test_a_file_system_without_room_leaves_the_old_file(tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        path = tmp_path / "picture.glc"
        write_atomically(path, OLD)
        with pytest.raises(OSError, match="No space left on device") as caught:
            write_atomically(path, NEW)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == OLD
        assert _names(tmp_path) == [path.name]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


# root may write anywhere, so a test as root drops its privileges
_UNPRIVILEGED = "os.geteuid() == 0 and (os.setgid(65534), os.setuid(65534))"


@pytest.fixture
def reachable(picture) -> Iterator[None]:
    """Folders above the picture let every user through; their modes come back afterwards."""
    folders = [folder for folder in picture.parents if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2]
    modes = [stat.S_IMODE(folder.stat().st_mode) for folder in folders]
    for folder in folders:
        folder.chmod(0o755)
    yield
    for folder, mode in zip(folders, modes, strict=True):
        folder.chmod(mode)


@posix
@pytest.mark.usefixtures("reachable")
def test_a_read_only_folder_is_refused(picture):
    picture.chmod(0o666)
    picture.parent.chmod(0o555)
    assert _write_elsewhere(picture, _UNPRIVILEGED) == f"PermissionError [Errno 13] Permission denied: '{picture}'"
    assert picture.read_bytes() == OLD
    assert _names(picture.parent) == [picture.name]


@posix
@pytest.mark.usefixtures("reachable")
def test_a_write_protected_file_is_not_replaced(picture):
    picture.chmod(0o444)
    picture.parent.chmod(0o777)
    said = _write_elsewhere(picture, _UNPRIVILEGED)
    assert said == f"PermissionError [Errno 13] the file is write-protected: '{picture}'"
    assert picture.read_bytes() == OLD


def test_a_folder_that_vanished_is_named(tmp_path):
    path = tmp_path / "gone" / "picture.glc"
    with pytest.raises(FileNotFoundError, match="gone"):
        write_atomically(path, NEW)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "name", ["two words.glc", "Zellkerne µm ü.glc", "細胞🔬.glc", "a" * 251 + ".glc", "-x'\"$(y).glc"]
)
def test_any_name_the_file_system_takes(tmp_path, name):
    path = tmp_path / "ordner ö 雪" / name
    path.parent.mkdir()
    for data in (OLD, NEW):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert _names(path.parent) == [name]


def test_writers_at_once_leave_the_file_of_one_of_them(picture):
    contents = [content(number, 50_000) for number in range(4)]
    start = threading.Barrier(len(contents))

    def write(data: bytes) -> None:
        start.wait()
        for _ in range(10):
            write_atomically(picture, data)
            assert picture.read_bytes() in contents

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert picture.read_bytes() in contents
    assert _names(picture.parent) == [picture.name]


@posix
def test_a_part_file_is_removed_only_after_its_writer_is_gone(picture):
    handle, part = _open_part(picture.parent, _part_prefix(picture.name))
    write_atomically(picture, NEW)
    assert part.exists()
    os.close(handle)
    write_atomically(picture, OLD)
    assert _names(picture.parent) == [picture.name]


@posix
def test_a_link_stays_a_link_and_a_mode_a_mode(picture):
    link = picture.with_name("link.glc")
    link.symlink_to(picture.name)
    picture.chmod(0o640)
    write_atomically(link, NEW)
    assert link.is_symlink()
    assert picture.read_bytes() == NEW
    assert stat.S_IMODE(picture.stat().st_mode) == 0o640


def test_a_folder_is_not_replaced(tmp_path):
    target = tmp_path / "folder.glc"
    target.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(target, NEW)
    assert _names(tmp_path) == [target.name]
