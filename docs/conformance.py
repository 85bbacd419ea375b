"""Make the conformance vectors, or test a decoder with them.

::

    python docs/conformance.py                                      this implementation
    python docs/conformance.py --decoder "my-decoder {in} {out}"    another one: it reads a .glc, writes a PNG or PPM
    python docs/conformance.py --symbols "my-dumper {in}"           it prints the SHA-256 of the symbols
    python docs/conformance.py --write                              make the vectors anew, after a change of models
    python docs/conformance.py --write perco glc-low                only those whose names begin so

What is hashed is said by ``napari_glc.conformance.symbol_digest``. Exit code 0 if all vectors are met.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from napari_glc import GlcFile, encode
from napari_glc.conformance import Vector, audit, read_vectors, symbol_digest
from napari_glc.conformance.vectors import DATA, PLANS, source_picture

TOLERANCE = 2
"""Grey levels: float32 networks on other machines differ by one in our tests."""


def write(beginnings: list[str]) -> None:
    """Make all vectors with the embedded models, or those whose names begin with one of these."""
    stated = DATA / "vectors.json"
    kept = {vector["name"]: vector for vector in json.loads(stated.read_text())["vectors"]} if beginnings else {}
    for old in (*DATA.glob("*.glc"), *DATA.glob("*.png")):
        if old.stem not in kept or old.stem.startswith(tuple(beginnings)):
            old.unlink()
    vectors = []
    for name, plan in PLANS.items():
        if name in kept and not name.startswith(tuple(beginnings)):
            vectors.append(kept[name])
            continue
        options = {key: value for key, value in plan.items() if key not in ("crop", "grey")}
        data = encode(source_picture(name), device="cpu", **options)
        file = GlcFile(data, device="cpu")
        pixels = file.read()
        (DATA / f"{name}.glc").write_bytes(data)
        iio.imwrite(DATA / f"{name}.png", pixels, plugin="pillow", optimize=True)
        vector = Vector(
            name=name,
            sha256=hashlib.sha256(data).hexdigest(),
            model=file.model.sha256,
            symbols=symbol_digest(file),
            pixels=hashlib.sha256(pixels.tobytes()).hexdigest(),
            tolerance=TOLERANCE,
        )
        vectors.append(asdict(vector) | {"bytes": len(data), "shape": list(pixels.shape)})
    stated.write_text(json.dumps({"version": 1, "vectors": vectors}, indent=1) + "\n")
    print(f"{len(vectors)} vectors written to {DATA}")


def check_decoder(command: str) -> bool:
    """Pixels of another decoder against the published ones."""
    met = True
    with tempfile.TemporaryDirectory() as folder:
        for vector in read_vectors():
            out = Path(folder) / f"{vector.name}.png"
            words = [word.format(**{"in": DATA / f"{vector.name}.glc", "out": out}) for word in shlex.split(command)]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode or not out.exists():
                print(f"{vector.name}: failed: {done.stderr.strip()[-200:]}")
                met = False
                continue
            found, wanted = iio.imread(out), vector.picture
            same_shape = found.shape == wanted.shape
            difference = int(np.abs(found.astype(np.int16) - wanted).max()) if same_shape else -1
            within = same_shape and difference <= vector.tolerance
            print(f"{vector.name}: {'met' if within else 'NOT MET'}, greatest difference {difference}")
            met &= within
    return met


def check_symbols(command: str) -> bool:
    """Symbol hashes printed by another decoder against the published ones."""
    met = True
    for vector in read_vectors():
        words = [word.format(**{"in": DATA / f"{vector.name}.glc"}) for word in shlex.split(command)]
        printed = subprocess.run(words, capture_output=True, text=True).stdout.split()
        same = bool(printed) and printed[0] == vector.symbols
        print(f"{vector.name}: {'met' if same else 'NOT MET'}")
        met &= same
    return met


def check_here() -> bool:
    """This implementation."""
    findings = list(audit())
    for finding in findings:
        print(f"{finding.vector}, {finding.setting}: {'met' if finding.passed else 'NOT MET'} {finding.problem}")
    return all(finding.passed for finding in findings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", nargs="*", metavar="BEGINNING")
    parser.add_argument("--decoder", metavar="COMMAND")
    parser.add_argument("--symbols", metavar="COMMAND")
    options = parser.parse_args()
    if options.write is not None:
        write(options.write)
        return
    checks = [check_decoder(options.decoder)] if options.decoder else []
    checks += [check_symbols(options.symbols)] if options.symbols else []
    sys.exit(not all(checks or [check_here()]))


if __name__ == "__main__":
    main()
