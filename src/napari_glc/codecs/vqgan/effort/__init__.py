"""Codewords chosen by what the generator makes of them and what they cost, not by nearness alone."""

from .optimise import optimised_map

__all__ = ["optimised_map"]
