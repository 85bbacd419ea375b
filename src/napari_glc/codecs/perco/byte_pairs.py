"""CLIP's tokens of a text (Radford et al. 2021): words of bytes, joined by the pairs that were most frequent.

The pairs alone are all a vocabulary holds: tokens are the 256 byte values within a word, in an order of their own, the
same at the end of a word, one for each pair in the order of the pairs, begin and end. Written here and not taken from a
library, since the picture depends on the tokens and libraries tidy texts in different ways.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from ...errors import ModelError

__all__ = ["BytePairs", "byte_tokens", "pairs_of"]

_SHORT = re.compile("'(?:s|t|re|ve|m|ll|d)")
"""Endings that are words of their own."""
_END = "</w>"
_ASCII, _PRINTABLE = 94, 188
"""Tokens of bytes that are printable characters of ASCII, and of Latin-1."""


def byte_tokens() -> list[int]:
    """The byte of each of the first 256 tokens: those with a printable character first."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return printable + [byte for byte in range(256) if byte not in printable]


class BytePairs:
    """Splits texts.

    Parameters
    ----------
    pairs
        Tokens each further token is made of, the most frequent first.
    pad
        The token that fills texts up. If it is that of a character (``!`` of Stable Diffusion 2), the character is
        always this token and a word of its own.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]], pad: int) -> None:
        self.pad = pad
        self._filler = chr(byte_tokens()[pad]) if pad < _ASCII else ""
        self._ranks = {pair: rank for rank, pair in enumerate(pairs)}
        self._of_byte = {byte: token for token, byte in enumerate(byte_tokens())}
        self.begin = 512 + len(pairs)
        self.end = self.begin + 1

    def tokens(self, text: str) -> list[int]:
        """Tokens of a text, without begin and end."""
        tokens: list[int] = []
        parts = text.split(self._filler) if self._filler else [text]
        for place, part in enumerate(parts):
            tidy = " ".join(unicodedata.normalize("NFC", part).lower().split())
            tokens += [self.pad] * (place > 0)
            tokens += [token for word in _words(tidy) for token in self._joined(word.encode())]
        return tokens

    def framed(self, text: str, length: int) -> list[int]:
        """The same between begin and end, filled up to a length.

        Raises
        ------
        ValueError
            If there are more.
        """
        tokens = self.tokens(text)
        if len(tokens) + 2 > length:
            raise ValueError(f"{len(tokens) + 2} tokens, its begin and end counted, are more than {length}")
        return [self.begin, *tokens, self.end, *[self.pad] * (length - 2 - len(tokens))]

    def _joined(self, word: bytes) -> list[int]:
        tokens = [self._of_byte[byte] for byte in word]
        tokens[-1] += 256
        while len(tokens) > 1:
            ranks = [self._ranks.get(pair, len(self._ranks)) for pair in zip(tokens, tokens[1:], strict=False)]
            best = min(ranks)
            if best == len(self._ranks):
                break
            joined, place = [], 0
            while place < len(tokens):
                both = place < len(ranks) and ranks[place] == best
                joined.append(512 + best if both else tokens[place])
                place += 2 if both else 1
            tokens = joined
        return tokens


def _words(text: str) -> list[str]:
    """Runs of letters, single digits, runs of anything else, without the spaces between; endings apart."""
    words: list[str] = []
    place = 0
    while place < len(text):
        short = _SHORT.match(text, place)
        if short is not None:
            words.append(short[0])
            place = short.end()
            continue
        kind, start = _kind(text[place]), place
        place += 1
        if kind in "LO":
            while place < len(text) and _kind(text[place]) == kind:
                place += 1
        if kind != " ":
            words.append(text[start:place])
    return words


def _kind(character: str) -> str:
    """``L`` a letter, ``N`` a digit, a space, ``O`` another."""
    if character.isspace():
        return " "
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "O"


def pairs_of(merges: str, vocabulary: Mapping[str, int]) -> list[tuple[int, int]]:
    """The pairs that a published tokenizer states.

    Parameters
    ----------
    merges
        Text of ``merges.txt``: two strings a line, behind a line of its version.
    vocabulary
        ``vocab.json``: token by string.

    Raises
    ------
    ModelError
        If it is not CLIP's kind of vocabulary, whose tokens the pairs determine.
    """
    letters = {token: chr(byte) for token, byte in enumerate(byte_tokens())}
    spare = iter(range(256, 512))
    letters |= {token: chr(next(spare)) for token in range(_PRINTABLE, 256)}
    known = letters | {256 + token: letter + _END for token, letter in letters.items()}
    tokens = {string: token for token, string in known.items()}
    found: list[tuple[int, int]] = []
    for line in merges.split("\n"):
        first, gap, second = line.strip("\r").partition(" ")
        if not gap or line.startswith("#version"):
            continue
        if first not in tokens or second not in tokens:
            raise ModelError("its merges.txt joins what it has not made")
        tokens[first + second] = 512 + len(found)
        found.append((tokens[first], tokens[second]))
    tokens |= {"<|startoftext|>": 512 + len(found), "<|endoftext|>": 513 + len(found)}
    if tokens != dict(vocabulary):
        raise ModelError("its vocab.json and merges.txt are not those of a CLIP tokenizer")
    return found
