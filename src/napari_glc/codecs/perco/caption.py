"""A caption as a file holds it: one byte that says how, then UTF-8, deflated where that is shorter.

Deflate (RFC 1951, raw) begins with a dictionary of words that captions are made of, so that a common word takes less
than three bytes. The dictionary is part of the format: another one would be another kind. Texts come from strangers, so
what they may hold is bounded before anything is made of them, and nothing in them can steer a terminal.
"""

from __future__ import annotations

import unicodedata
import zlib

from ...errors import DamagedFileError, OptionError

__all__ = ["DICTIONARY", "MOST_BYTES", "check_caption", "pack_caption", "unpack_caption"]

MOST_BYTES = 1024
"""Of a caption in UTF-8: more than 75 tokens of anything legible."""
_PLAIN, _DEFLATED = b"\0", b"\1"
_JOINERS = frozenset("\u200c\u200d")
"""Invisible, and without them several scripts cannot be written."""

DICTIONARY = (
    b"a photograph of microscope image showing cells nuclei tissue section fluorescence embryo neurons bacteria "
    b"an abstract painting, a cartoon, a drawing, a map, a plot, a screenshot, text, letters, numbers, sign, logo, "
    b"bicycle motorcycle bus train truck airplane boat ship car cars driving down a street traffic light fire hydrant "
    b"elephant giraffe zebra bear sheep cow cows grazing horse horses dog dogs cat bird birds flying butterfly "
    b"kitchen bathroom bedroom living room couch chair table with plates of food pizza sandwich cake fruit vegetables "
    b"bananas apples oranges broccoli glass bottle cup bowl knife fork spoon laptop computer keyboard cell phone clock "
    b"tennis baseball soccer player swinging a bat at a ball, riding a wave on a surfboard, snowboard skis skateboard "
    b"frisbee kite umbrella suitcase teddy bear toy stuffed animal wearing a hat shirt jacket dress tie helmet glasses "
    b"smiling looking at the camera standing sitting holding lying walking running jumping playing eating carrying "
    b"colorful wooden stone brick metal old large small big little young tall long empty bright dark close up view of "
    b"man men woman women boy girl child children people person group crowd couple lady baby face portrait hands "
    b"red blue green yellow orange purple pink brown black and white gray house houses building buildings tower church "
    b"door window windows roof wall bridge road path fence statue city village castle garden flowers "
    b"flower leaves tree trees forest field grass mountain mountains hill rocks beach sand ocean sea water waves "
    b"lake river pond shore island sky clouds cloudy sunset sunrise sun snow snowy rain fog night day "
    b"two three four several many some other another different each it its his her their this that there is are has "
    b"by for from into onto over under above below behind between near around along against across through while as "
    b"a man in a a woman in a a couple of a bunch of in a field of in the middle of standing next to each other "
    b"sitting on top of a standing in front of a on the side of the in front of the a close up of a and a with a on a "
    b"in the background"
)


def check_caption(text: str) -> str:
    """A text as it is, if it can be a caption.

    Raises
    ------
    OptionError
        If it is too long, or holds characters that are invisible or steer what shows them.
    """
    strange = next((c for c in text if _strange(c)), None)
    if strange is not None:
        raise OptionError(f"a caption cannot hold the character U+{ord(strange):04X}, which is no text")
    if len(text.encode()) > MOST_BYTES:
        raise OptionError(f"a caption of {len(text.encode())} bytes is longer than {MOST_BYTES}")
    return text


def _strange(character: str) -> bool:
    """Controls, overrides of direction, what has no meaning, ends of lines."""
    if character in _JOINERS:
        return False
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")


def pack_caption(text: str) -> bytes:
    """Bytes of a caption; none for an empty one.

    Raises
    ------
    OptionError
        As for :func:`check_caption`.
    """
    plain = check_caption(text).encode()
    if not plain:
        return b""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    deflated = coder.compress(plain) + coder.flush()
    return min(_PLAIN + plain, _DEFLATED + deflated, key=len)


def unpack_caption(data: bytes) -> str:
    """Undo :func:`pack_caption`.

    Raises
    ------
    DamagedFileError
        If that cannot have been written by it.
    """
    try:
        text = _inflated(data).decode()
        return check_caption(text)
    except UnicodeDecodeError as error:
        raise DamagedFileError("the caption is no UTF-8") from error
    except zlib.error as error:
        raise DamagedFileError("the caption does not inflate") from error
    except OptionError as error:
        raise DamagedFileError(str(error)) from error


def _inflated(data: bytes) -> bytes:
    kind, rest = data[:1], data[1:]
    if kind in (b"", _PLAIN):
        if bool(kind) != bool(rest):
            raise DamagedFileError("the caption is empty and says how it is written")
        return rest
    if kind != _DEFLATED:
        raise DamagedFileError(f"the caption is written in a way ({kind[0]}) that this version does not know")
    coder = zlib.decompressobj(-15, DICTIONARY)
    text = coder.decompress(rest, MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise DamagedFileError(f"the caption is longer than {MOST_BYTES} bytes")
    if not coder.eof or coder.unused_data:
        raise DamagedFileError("the caption does not end where it should")
    return text
