"""A virtual environment that holds what some requirements ask for, and nothing else, without downloading it again.

What is installed where the tests run is linked into the new environment: each distribution that the requirements lead
to, followed through the metadata of all of them. What they do not lead to is absent, so importing it fails as it would
on somebody's machine.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Iterable
from importlib import metadata
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["make_environment", "needed_distributions"]


def needed_distributions(requirements: Iterable[str]) -> dict[str, Distribution]:
    """All installed distributions that the requirements lead to, by name.

    Raises
    ------
    LookupError
        If one of them is not installed here.
    """
    here = _installed()
    found: dict[str, Distribution] = {}
    wanted = [(Requirement(text), frozenset[str]()) for text in requirements]
    seen = set()
    while wanted:
        requirement, extras_of_parent = wanted.pop()
        if requirement.marker and not any(
            requirement.marker.evaluate({"extra": extra}) for extra in extras_of_parent or {""}
        ):
            continue
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in here:
            raise LookupError(f"{requirement} is needed and not installed")
        found[name] = here[name]
        wanted += [(Requirement(text), extras) for text in here[name].requires or ()]
    return found


def make_environment(folder: Path, distributions: Iterable[Distribution]) -> Path:
    """Make a virtual environment of these distributions; returns its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    target = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    content = {canonicalize_name(each.name): each for each in distributions}
    # programs, and what Python compiles by itself, are left out
    files = {
        name: [Path(file) for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")]
        for name, distribution in _installed().items()
    }
    owners = defaultdict(set)
    for name, owned in files.items():
        for file in owned:
            owners[file.parts[0]].add(name)
    for name, distribution in content.items():
        source = Path(str(distribution.locate_file("")))
        # a folder of which something belongs to others, such as a namespace package, is linked file by file
        for part in {Path(file.parts[0]) if owners[file.parts[0]] <= content.keys() else file for file in files[name]}:
            if not (target / part).is_symlink():
                (target / part).parent.mkdir(parents=True, exist_ok=True)
                (target / part).symlink_to(source / part)
    return python


def _installed() -> dict[str, Distribution]:
    # the first of a name is the one that is imported
    return {canonicalize_name(each.name): each for each in reversed(list(metadata.distributions())) if each.name}
