"""More time at the encoder, fewer bytes at the same look; the decoder is the same."""

from .optimise import optimise

__all__ = ["optimise"]
