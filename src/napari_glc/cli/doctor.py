"""``glc doctor``."""

from __future__ import annotations

import argparse
import json
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..conformance import Finding

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    doctor = verbs.add_parser(
        "doctor",
        help="does this machine reproduce the published symbols?",
        description="Decode and encode built-in files in several settings and compare with what they stand for.",
    )
    doctor.add_argument("--device", default="cpu", metavar="D", help="cpu (default), cuda, mps or auto")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(run=_doctor)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    packages = ("torch", "numpy", "constriction", "safetensors")
    return {"napari-glc": _own_version(), "python": platform.python_version()} | {
        name: version(name) for name in packages
    }


def _own_version() -> str:
    from .._version import __version__

    return __version__


def _doctor(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ..codecs.loading import choose_device
    from ..conformance import audit
    from ..models import embedded_models
    from ..networks.fixed_products import best_products

    device = choose_device(options.device)
    machine = {"system": platform.platform(), "processor": platform.machine(), "device": device}
    models = {model.name: model.sha256 for model in embedded_models()}
    products = best_products()
    findings: list[Finding] = []
    if not options.json:
        print(f"{machine['system']}, {machine['processor']}, device {device}")
        print(", ".join(f"{name} {version}" for name, version in _versions().items()))
        print(", ".join(f"{name} ({digest[:6]})" for name, digest in models.items()))
        print(f"probabilities in {products.kind}: {products.reason}")
    for finding in audit(device):
        findings.append(finding)
        if not options.json:
            print(_line(finding))
    passed = all(finding.passed for finding in findings)
    if options.json:
        found = [asdict(finding) | {"passed": finding.passed} for finding in findings]
        facts = {"passed": passed, "machine": machine, "versions": _versions(), "models": models}
        facts |= {"products": asdict(products), "findings": found}
        print(json.dumps(facts, indent=2))
    elif passed:
        print("this machine reproduces the published symbols; files made here decode elsewhere and the other way round")
    else:
        print(
            "this machine does NOT reproduce the published symbols: files may not decode; please report the lines above"
        )
    return 0 if passed else 1


def _line(finding: Finding) -> str:
    symbols = "symbols as published" if finding.symbols else "OTHER SYMBOLS"
    if finding.setting == "encoded here":
        symbols = "symbols read as written" if finding.symbols else "NOT READ AS WRITTEN"
    pixels = f"samples within {finding.difference}" if finding.difference >= 0 else "no picture"
    wrong = "" if finding.passed else "  <-- "
    return f"  {finding.vector:<18} {finding.setting:<15} {symbols}, {pixels}{wrong} {finding.problem}".rstrip()
