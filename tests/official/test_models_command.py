"""``glc models``: import, show, list, pull, remove."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

import fakes
from napari_glc.cli import main
from napari_glc.codecs import importing
from napari_glc.errors import ModelError, OptionError
from napari_glc.models.downloading import DownloadError, download
from napari_glc.models.measuring import NETWORKS
from napari_glc.models.published import PublishedModel
from napari_glc.models.registry import FOLDER_VARIABLE


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    return tmp_path


def test_import_show_list_and_remove(folder, capsys):
    torch.save({"params_ema": fakes.narrow_codeformer()}, folder / "faces.pth")
    assert main(["models", "import", str(folder / "faces.pth"), "--as", "faces", "--url", "https://a.b/c"]) == 0
    told = capsys.readouterr()
    assert "faces" in told.out
    assert "not for commercial use" in told.err
    assert main(["models", "show", "faces"]) == 0
    assert "source url      https://a.b/c" in capsys.readouterr().out
    assert main(["models", "show", "faces", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["source"]["file"] == "faces.pth"
    assert facts["source"]["sha256"] == hashlib.sha256((folder / "faces.pth").read_bytes()).hexdigest()
    assert facts["config"]["codebooks"] == [64]
    assert main(["models", "show", "glc-small", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"] is None
    assert main(["models", "list"]) == 0
    assert "faces" in capsys.readouterr().out
    assert main(["models", "remove", "faces"]) == 0
    capsys.readouterr()
    assert main(["models", "list"]) == 0
    assert "faces" not in capsys.readouterr().out
    assert main(["models", "remove", "glc-small"]) == 2
    assert main(["models", "import", str(folder / "none.pth")]) == 1
    assert "none.pth" in capsys.readouterr().err


def test_the_page_leads_from_the_download_to_a_picture(folder, monkeypatch, parrots):
    """Its commands as written, with a small checkpoint in the place of the authors'."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "official-weights.md").read_text(encoding="utf-8")
    commands = re.findall(r"^   glc (.*)$", page, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["models", "encode", "decode"]
    monkeypatch.chdir(folder)
    torch.save({"state_dict": {"net": {"net_g": fakes.narrow_glc()}}}, "GLC_image")
    iio.imwrite("picture.png", parrots[:128, :128])
    for command in commands:
        assert main(command.split()) == 0
    assert iio.imread("restored.png").shape == (128, 128, 3)


def test_published_models_are_listed_with_their_terms(capsys):
    assert main(["models", "list", "--published"]) == 0
    told = capsys.readouterr().out
    models = [*importing.published_models(), *(kind.published for kind in NETWORKS)]
    for model in models:
        assert model.name in told
        assert model.page in told
        assert model.licence in told
    assert main(["models", "list", "--published", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(models)


class _Site:
    """A web server of one file that can break off, forget ranges, and change what it serves."""

    def __init__(self, content: bytes) -> None:
        self.content, self.tag = content, '"one"'
        self.breaks_after: int | None = None
        self.ranges = True
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range", "")
                site.asked.append(wanted)
                data, status = site.content, 200
                if wanted and site.ranges and self.headers.get("If-Range") == site.tag:
                    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                    if start >= len(data):
                        self.send_error(416)
                        return
                    status, data = 206, data[start:]
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("ETag", site.tag)
                if status == 206:
                    self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
                self.end_headers()
                self.wfile.write(data[: site.breaks_after])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/last.ckpt"


@pytest.fixture
def site(tmp_path) -> Iterator[_Site]:
    torch.save({"params_ema": fakes.narrow_codeformer()}, tmp_path / "served.pth")
    site = _Site((tmp_path / "served.pth").read_bytes())
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()


def test_a_broken_download_goes_on_where_it_stopped(folder, site):
    target, seen = folder / "a" / "last.ckpt", []
    site.breaks_after = 3_000_000
    with pytest.raises(DownloadError, match="run it again"):
        download(site.url, target)
    assert not target.exists()
    site.breaks_after = None
    download(site.url, target, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == site.content
    assert site.asked == ["", "bytes=3000000-"]
    assert seen[0] == (3_000_000, len(site.content))
    assert seen[-1] == (len(site.content), len(site.content))
    assert [path.name for path in target.parent.iterdir()] == ["last.ckpt"]
    download(site.url, target)
    assert len(site.asked) == 2


@pytest.mark.parametrize("change", ["another file", "no ranges", "too much", "unknown part"])
def test_what_cannot_be_continued_begins_again(folder, site, change):
    target = folder / "last.ckpt"
    site.breaks_after = 3_000_000
    with pytest.raises(DownloadError):
        download(site.url, target)
    site.breaks_after = None
    if change == "another file":
        site.content, site.tag = site.content[::-1], '"two"'
    elif change == "no ranges":
        site.ranges = False
    elif change == "too much":
        (folder / "last.ckpt.part").write_bytes(bytes(len(site.content)))
    else:
        (folder / "last.ckpt.version").unlink()
    download(site.url, target)
    assert target.read_bytes() == site.content


def test_checksums_and_addresses_are_checked(folder, site):
    right = hashlib.sha256(site.content).hexdigest()
    download(site.url, folder / "a", sha256=right)
    with pytest.raises(ModelError, match="not what it was"):
        download(site.url, folder / "b", sha256="0" * 64)
    assert not (folder / "b").exists()
    for url in ("ftp://a.b/c", "file:///etc/passwd", "http://example.org/a"):
        with pytest.raises(OptionError, match="https"):
            download(url, folder / "c")
    assert all(model.url.startswith("https://") for model in importing.published_models() if model.url)


def test_pull_fetches_and_imports(folder, site, monkeypatch, capsys):
    there = PublishedModel(name="faces", title="", file="f.pth", page="https://a.b/page", url=site.url, licence="none")
    monkeypatch.setattr(importing, "published_models", lambda: (there,))
    assert main(["models", "pull", "faces"]) == 0
    assert "faces" in capsys.readouterr().out
    assert sorted(path.name for path in (folder / "models").rglob("*") if path.is_file()) == [
        "faces.safetensors",
        "faces.source.json",
    ]
    assert main(["models", "pull", "faces"]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["models", "pull", "nobody"]) == 2
    assert "there are faces" in capsys.readouterr().err


def test_without_a_connection_pull_says_what_to_do_by_hand(folder, site, monkeypatch, capsys):
    site.server.shutdown()
    site.server.server_close()
    gone = PublishedModel(
        name="faces", title="", file="ckpts/last.ckpt", saved_as="f.ckpt", page="https://a.b/page", url=site.url,
        megabytes=12, licence="none",
    )  # fmt: skip
    monkeypatch.setattr(importing, "published_models", lambda: (gone,))
    assert main(["models", "pull", "faces"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "fetch ckpts/last.ckpt (about 12 MB) by hand from https://a.b/page" in told
    assert "glc models import f.ckpt --as faces" in told


def test_where_authors_give_no_address_pull_says_so(folder, capsys):
    assert main(["models", "pull", "glc-image"]) == 1
    told = capsys.readouterr().err
    assert "https://github.com/jzyustc/GLC/releases" in told
    assert "glc models import GLC_image --as glc-image" in told
