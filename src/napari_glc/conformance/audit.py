"""Does this machine reproduce the published symbols? Every vector is decoded in every setting and encoded anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from .. import GlcFile, encode
from ..errors import GlcError
from ..networks.fixed_products import products, using
from .vectors import PLANS, Vector, read_vectors, source_picture

__all__ = ["Finding", "audit", "symbol_digest"]


@dataclass(frozen=True)
class Finding:
    """What became of one vector in one setting.

    Attributes
    ----------
    vector, setting
        Which.
    symbols
        Whether the symbols are the published ones.
    difference
        Greatest difference of a sample to the published picture, in grey levels; -1 if there is no picture.
    within
        Whether that is within the vector's tolerance; for a file encoded here that is not the published one, byte by
        byte, whether its picture is as near to the source.
    problem
        The error, or an empty text.
    """

    vector: str
    setting: str
    symbols: bool
    difference: int = -1
    within: bool = False
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether a decoder may do what this machine did."""
        return self.symbols and self.within


def symbol_digest(file: GlcFile) -> str:
    """SHA-256 of all that entropy decoding yields, in hexadecimal.

    Of each tile in turn, what :meth:`napari_glc.codecs.base.Codec.symbols` gives, integers little-endian.

    Raises
    ------
    GlcError
        If the file is damaged or its model not installed.
    """
    digest = hashlib.sha256()
    for tile in range(len(file.container.grid)):
        for symbols in file.symbols(0, 0, tile):
            digest.update(symbols.astype(symbols.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def audit(device: str = "cpu") -> Iterator[Finding]:
    """Decode and encode all vectors; yields each finding as it is made.

    Parameters
    ----------
    device
        Where the networks outside the entropy path run; see :func:`napari_glc.codecs.loading.choose_device`.
    """
    for vector in read_vectors():
        for name, setting in _settings().items():
            with setting:
                yield _decoded(vector, name, device)
        yield _encoded(vector, device)


def _settings() -> dict[str, AbstractContextManager[None]]:
    """What must make no difference to symbols."""
    now = torch.get_num_threads()
    settings: dict[str, AbstractContextManager[None]] = {
        f"{now} thread(s)": nullcontext(),
        f"{1 if now > 1 else 2} thread(s)": _threads(1 if now > 1 else 2),
    }
    if torch.backends.mkldnn.is_available():
        settings["without oneDNN"] = _without_onednn()
    if products() != "float64":
        settings["in float64"] = using("float64")
    return settings


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_onednn() -> Iterator[None]:
    # one of torch's properties, typed as the descriptor behind it
    before: bool = torch.backends.mkldnn.enabled  # type: ignore[assignment]
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before  # type: ignore[assignment]


def _decoded(vector: Vector, setting: str, device: str) -> Finding:
    try:
        file = GlcFile(vector.data, device=device)
        same = symbol_digest(file) == vector.symbols
        difference = int(np.abs(file.read().astype(np.int16) - vector.picture).max())
    except GlcError as error:
        return Finding(vector.name, setting, symbols=False, problem=str(error))
    return Finding(vector.name, setting, same, difference, difference <= vector.tolerance)


def _encoded(vector: Vector, device: str) -> Finding:
    """A file made here must decode here to the symbols its encoder wrote; its own checks say so.

    Whether it is the published file, byte by byte, is for the encoder's floating point to say and no defect if not. But
    it must be as near to the picture that was encoded: its mean squared error may be a tenth larger at most.
    """
    options = {name: value for name, value in PLANS[vector.name].items() if name not in ("crop", "grey")}
    try:
        source = source_picture(vector.name).astype(np.int16)
        data = encode(source_picture(vector.name), device=device, **options)
        file = GlcFile(data, device=device)
        file.verify()
        decoded = file.read().astype(np.int16)
        difference = int(np.abs(decoded - vector.picture).max())
    except GlcError as error:
        return Finding(vector.name, "encoded here", symbols=False, problem=str(error))
    if data == vector.data:
        return Finding(vector.name, "encoded here", True, difference, difference <= vector.tolerance)
    within = bool(np.square(decoded - source).mean() <= 1.1 * np.square(vector.picture - source).mean())
    return Finding(vector.name, "encoded here", True, difference, within, "other bytes than published")
