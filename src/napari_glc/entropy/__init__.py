"""Symbols to bytes and back: scale table, Gaussian coder, packed indices. Knows nothing of networks."""
