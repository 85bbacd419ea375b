"""What of a ``glc`` model only encoding uses, and what only painting uses: the parts that can be exchanged."""

from __future__ import annotations

__all__ = ["DECODER", "ENCODER"]

ENCODER = ("vqgan.encoder.", "enc.", "hyper_enc.", "q_enc")
"""Beginnings of keys: from a picture to coefficients and hyper indices."""

DECODER = ("vqgan.generator.",)
"""From the decoded latent to a picture."""
