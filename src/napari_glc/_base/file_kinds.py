"""What a file is that was taken for something else, by how it begins."""

from __future__ import annotations

import codecs

__all__ = ["kind_in_words"]

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"II+\0", "a TIFF picture"),
    (b"MM\0+", "a TIFF picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GLC", "a .glc file"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"PK\x03\x04", "a ZIP archive, as PyTorch writes checkpoints"),
    (b"\x80\x02", "a pickle, as PyTorch wrote checkpoints"),
)
_CONTROLS = set(range(32)) - set(b"\t\n\r\f\x1b")


def kind_in_words(beginning: bytes) -> str:
    """What a file is, to go behind "it is"; empty if that is not known.

    Parameters
    ----------
    beginning
        Its first bytes; some hundred tell more than three.
    """
    if not beginning:
        return "empty"
    for magic, words in _BEGINNINGS:
        if beginning[: len(magic)] == magic[: len(beginning)]:
            return words
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "a WebP picture"
    if beginning[8:9] == b"{" and beginning[5:8] == b"\0\0\0":
        return "a file of weights (safetensors)"
    return "text" if _is_text(beginning) else ""


def _is_text(beginning: bytes) -> bool:
    try:
        # a character may be cut in two where the beginning ends
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return not _CONTROLS & set(beginning)
