"""``glc``: the library's verbs for the shell."""

from .main import main

__all__ = ["main"]
