"""Numbers in sentences."""

from __future__ import annotations

__all__ = ["percent"]

_WHOLE = 99.5


def percent(share: float) -> str:
    """A share, 0 to 1, in percent with two digits, and ``100`` where these would be an exponent.

    Examples
    --------
    >>> percent(0.123), percent(0.0001), percent(1)
    ('12', '0.01', '100')
    """
    hundredths = 100 * share
    return f"{hundredths:.0f}" if hundredths >= _WHOLE else f"{hundredths:.2g}"
