"""The published vectors mean the same here as where they were made."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass, fields, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import napari_glc
from napari_glc import GlcFile
from napari_glc.cli import main
from napari_glc.conformance import Finding, audit, read_vectors, symbol_digest
from napari_glc.conformance.vectors import DATA, PLANS, Vector, source_picture
from napari_glc.models import embedded_models

SCRIPT = Path(__file__).parents[2] / "docs" / "conformance.py"


def test_this_machine_reproduces_the_published_symbols():
    findings = list(audit())
    assert len({finding.vector for finding in findings}) == len(PLANS)
    assert [finding for finding in findings if not finding.passed] == []


def test_the_vectors_are_those_of_the_embedded_models():
    """After a change of models: python docs/conformance.py --write."""
    embedded = {model.sha256 for model in embedded_models()}
    vectors = read_vectors()
    assert {vector.name for vector in vectors} == set(PLANS)
    assert {vector.model for vector in vectors} == embedded
    for vector in vectors:
        assert hashlib.sha256(vector.data).hexdigest() == vector.sha256
        assert vector.picture.shape == GlcFile(vector.data).shape


def test_other_symbols_have_another_digest():
    by_name = {vector.name: vector for vector in read_vectors()}
    digests = {symbol_digest(GlcFile(vector.data, device="cpu")) for vector in by_name.values()}
    assert len(digests) == len(by_name)


def test_the_doctor_finds_a_wrong_symbol(monkeypatch, capsys):
    wrong = replace(read_vectors()[0], symbols="0" * 64)
    monkeypatch.setattr(sys.modules[audit.__module__], "read_vectors", lambda: [wrong])
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "OTHER SYMBOLS" in said
    assert "does NOT reproduce" in said


@dataclass(frozen=True, kw_only=True)
class _Republished(Vector):
    """A vector published with other bytes or another picture."""

    other_data: bytes | None = None
    other_picture: np.ndarray | None = None

    @property
    def data(self) -> bytes:
        return super().data if self.other_data is None else self.other_data

    @property
    def picture(self) -> np.ndarray:
        return super().picture if self.other_picture is None else self.other_picture


def _encoded_here(monkeypatch, **others: object) -> Finding:
    published = read_vectors()[0]
    changed = _Republished(**{field.name: getattr(published, field.name) for field in fields(Vector)}, **others)
    monkeypatch.setattr(sys.modules[audit.__module__], "read_vectors", lambda: [changed])
    (finding,) = (finding for finding in audit("cpu") if finding.setting == "encoded here")
    return finding


def test_what_is_encoded_here_must_look_as_published(monkeypatch):
    first = read_vectors()[0]
    assert _encoded_here(monkeypatch).passed
    assert not _encoded_here(monkeypatch, other_picture=255 - first.picture).passed
    # another encoder's file of the same picture: what matters is that ours is as near to it
    other = napari_glc.encode(source_picture(first.name), quality=3, device="cpu")
    same_quality = _encoded_here(monkeypatch, other_data=other)
    assert same_quality.passed
    assert same_quality.problem == "other bytes than published"
    assert not _encoded_here(monkeypatch, other_data=other, other_picture=source_picture(first.name)).passed


def test_the_doctor_speaks_json(monkeypatch, capsys):
    first = read_vectors()[:1]
    monkeypatch.setattr(sys.modules[audit.__module__], "read_vectors", lambda: first)
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["passed"] is True
    assert set(facts["models"].values()) == {model.sha256 for model in embedded_models()}
    assert {finding["setting"] for finding in facts["findings"]} >= {"1 thread(s)", "2 thread(s)", "encoded here"}


@pytest.fixture
def script() -> ModuleType:
    """The script as a module."""
    found = spec_from_file_location("conformance_script", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("wrong", "code"), [("", 0), ("; sys.exit(3)", 1)])
def test_the_script_judges_another_decoder(script, tmp_path, monkeypatch, capsys, wrong, code):
    decoder = tmp_path / "decoder.py"
    # it knows the answers; what is tested is the judge
    decoder.write_text("import shutil, sys; shutil.copyfile(sys.argv[1][:-3] + 'png', sys.argv[2])" + wrong)
    # without what is installed, since it starts once for each vector
    command = f"{sys.executable} -I -S {decoder} {{in}} {{out}}"
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--decoder", command])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == code
    said = capsys.readouterr().out
    assert said.count("greatest difference 0" if code == 0 else "failed") == len(list(DATA.glob("*.glc")))
