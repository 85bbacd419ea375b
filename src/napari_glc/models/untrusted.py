"""Checks of model files before their content is used: they may come from anywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..errors import ModelError

__all__ = ["check_config", "check_named_hash"]

_MAX_CONFIG = 1 << 16
"""Longest configuration, in characters."""
_MAX_NUMBER = 1 << 17
"""Largest number a configuration holds: codewords, channels, tokens."""
_MAX_REPEATS = 256
"""Largest number that says how often something is built or how far it reaches."""
_REPEATS = re.compile("depth|layers|blocks|heads|reach|multipliers|window")
_LONGEST_LIST = 64
_NAMED_HASH = re.compile(r"(?:^|-)(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])([0-9a-f]{8,64})$")
"""Eight hexadecimal digits or more, letters and digits among them: a date is no hash, nor is a word."""


def check_named_hash(path: Path, sha256: str) -> None:
    """Refuse a file whose name promises another hash than it has.

    Raises
    ------
    ModelError
        If the last part of the name is a hash and not a beginning of `sha256`.
    """
    named = _NAMED_HASH.search(path.name.removesuffix(".safetensors"))
    if named is not None and not sha256.startswith(named[1]):
        raise ModelError(f"{path} is not what its name says: its hash is {sha256[:12]}, not {named[1][:12]}")


def check_config(text: str) -> None:
    """Refuse a configuration that would take forever to build.

    No tensor is allocated from a configuration alone (networks are laid out on torch's ``meta`` device and take the
    file's tensors), but every block is an object.

    Raises
    ------
    ModelError
        If it is too long, or one of its numbers is beyond any network.
    ValueError, RecursionError
        If it is no JSON.
    """
    if len(text) > _MAX_CONFIG:
        raise ModelError(f"a configuration of {len(text)} characters is beyond the limit of {_MAX_CONFIG}")
    _check_value(json.loads(text), "configuration", _MAX_NUMBER)


def _check_value(value: Any, name: str, most: int) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_value(inner, key, _MAX_REPEATS if _REPEATS.search(key) else most)
    elif isinstance(value, list):
        if len(value) > _LONGEST_LIST:
            raise ModelError(
                f"{name} lists {len(value)} values in its configuration; at most {_LONGEST_LIST} make sense"
            )
        for inner in value:
            _check_value(inner, name, most)
    elif isinstance(value, (int, float)) and not 0 <= value <= most:
        raise ModelError(f"{name} is {value} in its configuration; 0 to {most} makes sense")
