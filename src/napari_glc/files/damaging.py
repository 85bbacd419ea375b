"""Damaging files on purpose, to see what survives."""

from __future__ import annotations

import numpy as np

from ..container import Container, parse
from ..errors import OptionError

__all__ = ["DAMAGES", "damage"]

DAMAGES = ("packet", "burst", "bits", "end")
"""Whole packets overwritten with zeros; one run of bytes; single bits; the end cut off."""


def damage(data: bytes, loss: float, pattern: str = "packet", *, seed: int = 0) -> bytes:
    """Damage the payload of a ``.glc`` file; its header and index stay whole.

    Parameters
    ----------
    data
        The whole file.
    loss
        Share of the packets (``packet``), of the payload's bytes (``burst``, ``end``) or of its bits (``bits``), 0
        to 1; at least one is hit if it is above 0.
    pattern
        One of :data:`DAMAGES`.
    seed
        Of the random choice.

    Returns
    -------
    bytes
        As long as `data`, but for ``end``.

    Raises
    ------
    OptionError
        If `loss` is outside 0 to 1 or the pattern unknown.
    GlcError
        If `data` is no intact ``.glc`` file.
    """
    if not 0 <= loss <= 1:
        raise OptionError(f"a loss lies within 0 to 1, not {loss}")
    if pattern not in DAMAGES:
        raise OptionError(f"damage {pattern!r} is unknown; choose from {', '.join(DAMAGES)}")
    container = parse(data)
    rng = np.random.default_rng(seed)
    start, end = container.offsets[0], container.offsets[-1]
    damaged = bytearray(data)
    if pattern == "packet":
        for first, last in _some_chunks(container, loss, rng):
            damaged[first:last] = bytes(last - first)
    elif pattern == "end":
        del damaged[end - _count(loss, end - start) :]
    elif pattern == "burst":
        length = _count(loss, end - start)
        first = int(rng.integers(start, end - length + 1))
        # every byte of the run changes
        for position, change in enumerate(rng.integers(1, 256, length), first):
            damaged[position] ^= int(change)
    else:
        for bit in rng.choice(8 * (end - start), _count(loss, 8 * (end - start)), replace=False):
            damaged[start + int(bit) // 8] ^= 1 << int(bit) % 8
    return bytes(damaged)


def _count(share: float, of: int) -> int:
    return max(round(share * of), share > 0)


def _some_chunks(container: Container, loss: float, rng: np.random.Generator) -> list[tuple[int, int]]:
    packets = [chunk for chunk in range(container.chunks) if container.place(chunk).kind == "tile"]
    chosen = rng.choice(packets, _count(loss, len(packets)), replace=False)
    return [(container.offsets[int(c)], container.offsets[int(c) + 1]) for c in chosen]
