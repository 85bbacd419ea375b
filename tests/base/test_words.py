"""Numbers in sentences."""

from __future__ import annotations

import doctest

from napari_glc._base import words


def test_shares_are_short_and_without_exponents():
    assert [words.percent(share) for share in (1, 0.9999, 0.5, 0.0123, 0)] == ["100", "100", "50", "1.2", "0"]
    assert doctest.testmod(words).failed == 0
