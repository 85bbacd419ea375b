"""Which of two codecs looks better, asked of people who do not know which is which.

A page shows pairs in an order and on sides drawn anew whenever it is opened, takes keys 1 and 2, and gives the answers
as a file; several people's files together are one result, with the confidence of a binomial test.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OptionError, UnsupportedArrayError
from .equal_bytes import shown_part
from .folders import pairs_of, picture_at
from .report.page import self_contained

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Pair", "Verdict", "blind_page", "pairs_in", "read_answers", "verdict"]

_FORMAT = "glc-blind-1"
_MOST_BYTES = 1 << 24
_CHANCE = 0.05


@dataclass(frozen=True, eq=False)
class Pair:
    """An original and what two codecs made of it, uint8 of equal shape."""

    name: str
    original: NDArray[np.uint8]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]


@dataclass(frozen=True)
class Verdict:
    """What people said.

    Attributes
    ----------
    names
        Of the first and the second.
    first
        Answers that prefer the first.
    answers
        All answers.
    p
        How probable it is that answers as one-sided as these, or more, come by chance (binomial test, two-sided).
    low, high
        Within which the share of those who prefer the first lies with a confidence of 95 % (Clopper and Pearson).
    judges
        Name, answers that prefer the first, and answers, of each file.
    """

    names: tuple[str, str]
    first: int
    answers: int
    p: float
    low: float
    high: float
    judges: tuple[tuple[str, int, int], ...]

    @property
    def sentence(self) -> str:
        """For people."""
        better, worse = self.names if 2 * self.first >= self.answers else self.names[::-1]
        count, low, high = self.first, self.low, self.high
        if better != self.names[0]:
            count, low, high = self.answers - count, 1 - high, 1 - low
        share = 100 * count / self.answers
        said = (
            f"{better} was preferred to {worse} in {count} of {self.answers} answers ({share:.1f} %, "
            f"95 % confidence {100 * low:.1f} to {100 * high:.1f} %; binomial test, two-sided: p = {self.p:.2g})"
        )
        return said + ("" if self.p < _CHANCE else "; that may well be chance")


def pairs_in(first: Path, second: Path, originals: Path) -> list[Pair]:
    """The pictures of three folders, matched by their names without suffixes.

    Parameters
    ----------
    first, second
        Decoded pictures, or ``.glc`` files.
    originals
        What they were made of.

    Raises
    ------
    OptionError
        If one is not a folder, or lacks a picture another one has.
    UnsupportedArrayError
        If sizes differ.
    OSError
        If a picture cannot be read.
    """
    for folder in (first, second, originals):
        if not folder.is_dir():
            raise OptionError(f"{folder} is not a folder")
    others = pairs_of(originals, second)
    pairs = []
    for name, (path, place) in pairs_of(originals, first).items():
        original, one, other = picture_at(path), picture_at(place), picture_at(others[name][1])
        for folder, pixels in ((first, one), (second, other)):
            if pixels.shape != original.shape:
                sizes = [f"{p.shape[1]} x {p.shape[0]}" + " grey" * (p.ndim == 2) for p in (original, pixels)]
                raise UnsupportedArrayError(f"{name}: the original is {sizes[0]} pixels, that of {folder} {sizes[1]}")
        pairs.append(Pair(path.name, original, one, other))
    return pairs


def blind_page(pairs: Sequence[Pair], names: tuple[str, str]) -> str:
    """The page that asks. Of large pictures it shows the middle, without loss.

    Parameters
    ----------
    pairs
        At least one.
    names
        Of the first and the second; nobody sees them before the last answer.
    """
    listed = [
        {
            "image": pair.name,
            "original": _lossless(pair.original),
            "a": _lossless(pair.first),
            "b": _lossless(pair.second),
        }
        for pair in pairs
    ]
    # answers say which pictures they are about
    page = hashlib.sha256(json.dumps([names, listed]).encode()).hexdigest()[:16]
    body = (
        "<header><h1>Which looks better?</h1></header><main>"
        f'<section id="begin"><p>You will see {len(pairs)} picture{"s" if len(pairs) > 1 else ""}, each as two codecs '
        "show it, with the original between them. Press <kbd>1</kbd> if the left one looks better beside the original, "
        "<kbd>2</kbd> if it is the right one. If you cannot tell, guess. <kbd>Backspace</kbd> takes the last answer "
        'back.</p><p><label>Your name, if you like <input id="judge" maxlength="60"></label></p>'
        '<p><button type="button" id="start">Begin</button></p></section>'
        '<section id="ask" hidden><p id="place" role="status"></p><div class="three">'
        '<figure><img id="one" alt="left"><figcaption><button type="button" data-key="1">1: this one</button>'
        '</figcaption></figure><figure><img id="original" alt="original"><figcaption>original</figcaption></figure>'
        '<figure><img id="two" alt="right"><figcaption><button type="button" data-key="2">2: this one</button>'
        "</figcaption></figure></div></section>"
        '<section id="end" hidden><h2>Thank you</h2><p id="result"></p><p><a id="answers">Save the answers</a> '
        '<button type="button" id="print">Print</button></p><p><small>Files of several people together: '
        "<code>glc compare --answers FILE ...</code></small></p><table><thead><tr><th>picture</th><th>preferred</th>"
        '</tr></thead><tbody id="list"></tbody></table></section></main>'
    )
    told = {"format": _FORMAT, "page": page, "names": names, "pairs": listed}
    return self_contained("Which looks better?", body, "blind", told)


def read_answers(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Answers of the same page.

    Raises
    ------
    OptionError
        If a file holds no answers, or they are of another page, or the same file is there twice.
    OSError
        If one cannot be read.
    """
    found: list[dict[str, Any]] = []
    for path in paths:
        if path.stat().st_size > _MOST_BYTES:
            raise OptionError(f"{path} holds no answers")
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            names = told["names"]
            answers = [str(answer["chosen"]) for answer in told["answers"]]
            well = told["format"] == _FORMAT and len(names) == 2 and set(answers) <= {"a", "b"} and answers
            told = {**told, "page": str(told["page"]), "judge": str(told["judge"])}
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise OptionError(f"{path} holds no answers of glc compare --blind") from error
        if not well:
            raise OptionError(f"{path} holds no answers of glc compare --blind")
        if found and (told["page"], told["names"]) != (found[0]["page"], found[0]["names"]):
            raise OptionError(f"{path} answers another page than {paths[0]}")
        if told in found:
            raise OptionError(f"{path} holds the same answers as {paths[found.index(told)]}")
        found.append(told)
    return found


def verdict(answers: Sequence[dict[str, Any]]) -> Verdict:
    """What all answers together say.

    Parameters
    ----------
    answers
        From :func:`read_answers`. Each counts alike, whoever gave it.
    """
    from scipy.stats import binomtest

    judges = []
    for number, told in enumerate(answers, 1):
        chosen = [answer["chosen"] for answer in told["answers"]]
        judges.append((told["judge"] or f"judge {number}", chosen.count("a"), len(chosen)))
    first, count = sum(judge[1] for judge in judges), sum(judge[2] for judge in judges)
    test = binomtest(first, count)
    interval = test.proportion_ci(0.95)
    one, other = map(str, answers[0]["names"])
    return Verdict((one, other), first, count, float(test.pvalue), interval.low, interval.high, tuple(judges))


def fewest_pairs() -> int:
    """How many answers, all alike, are more than chance."""
    count = 1
    while 2 * 0.5**count >= _CHANCE:
        count += 1
    return count


def _lossless(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(shown_part(pixels)).save(stream, "WEBP", lossless=True, method=2)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
