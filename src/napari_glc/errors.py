"""Every error a user of the package can meet, one class for each remedy.

None of them is a ``ValueError``: napari swallows that one when a writer raises it.
"""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "DamagedFileError",
    "EmptyFileError",
    "GlcError",
    "LimitError",
    "MissingDependencyError",
    "MissingModelError",
    "ModelError",
    "NotAGlcFileError",
    "OptionError",
    "SymbolMismatchError",
    "TargetError",
    "TruncatedFileError",
    "UnsupportedArrayError",
    "UnsupportedVersionError",
]


class GlcError(Exception):
    """Base of all errors raised on purpose by napari-glc."""


class EmptyFileError(GlcError):
    """The file has no bytes at all."""


class NotAGlcFileError(GlcError):
    """The file does not begin with the magic number of GLC."""


class UnsupportedVersionError(GlcError):
    """The file was written by a newer version of the format."""


class TruncatedFileError(GlcError):
    """The file ends before the length its index states."""


class DamagedFileError(GlcError):
    """A checksum does not match or a field holds a value no writer produces."""


class SymbolMismatchError(DamagedFileError):
    """The bytes are intact but the decoded symbols are not those of the encoder."""


class LimitError(GlcError):
    """A size in the file or array is beyond what this program is willing to allocate."""


class MissingModelError(GlcError):
    """No installed model has the name or hash asked for."""


class ModelError(GlcError):
    """A model file is damaged, of an unknown kind or not the one its hash promises."""


class UnsupportedArrayError(GlcError):
    """The array's shape, axes or type cannot be coded."""


class OptionError(GlcError):
    """An argument is out of its range or two arguments contradict each other."""


class TargetError(OptionError):
    """No quality of the model gives what is wanted: so few bytes, so small a distance, this rate."""


class MissingDependencyError(GlcError):
    """An optional package is needed; the message says which extra installs it."""


class Cancelled(GlcError):
    """Raised by a progress callback to stop a long computation."""
