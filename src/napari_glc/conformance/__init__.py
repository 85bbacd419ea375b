"""Published files with the symbols and pixels they stand for, and the audit that decodes them on this machine."""

from .audit import Finding, audit, symbol_digest
from .vectors import Vector, read_vectors

__all__ = ["Finding", "Vector", "audit", "read_vectors", "symbol_digest"]
