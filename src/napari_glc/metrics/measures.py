"""What pictures are judged by, each measure declared once for shell, report and widgets. No torch at import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import OptionError

__all__ = ["MEASURES", "Measure", "measure_named"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure.

    Attributes
    ----------
    name
        In results, options and Python.
    label
        On axes and in tables.
    explained
        One line for people.
    of
        ``"pair"``: a decoded picture and its original. ``"crowd"``: all patches of decoded pictures and all patches of
        their originals, whatever belongs together.
    higher_is_better
        False for distances.
    unit
        ``"dB"``, or nothing.
    digits
        After the decimal point, where it is shown.
    networks
        Names of the networks it looks through; see :mod:`.networks`.
    aliases
        What other people's tables call it.
    """

    name: str
    label: str
    explained: str
    of: Literal["pair", "crowd"] = "pair"
    higher_is_better: bool = False
    unit: str = ""
    digits: int = 4
    networks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def axis(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def better(self) -> str:
        """In words which direction is better."""
        return "higher is better" if self.higher_is_better else "lower is better"


MEASURES: tuple[Measure, ...] = (
    Measure(
        name="squeezenet",
        label="Feature distance (SqueezeNet)",
        explained="distance of features of SqueezeNet 1.1, which our codecs are trained and optimised by",
        digits=3,
        networks=("squeezenet",),
        aliases=("squeeze_distance",),
    ),
    Measure(
        name="darknet",
        label="Feature distance (Darknet)",
        explained="distance of features of the Darknet reference network, which nothing is trained by",
        digits=3,
        networks=("darknet",),
    ),
    Measure(
        name="ms_ssim",
        label="MS-SSIM",
        explained="structure over five scales (Wang et al. 2003), of pictures of 161 pixels a side or more",
        higher_is_better=True,
        aliases=("msssim",),
    ),
    Measure(
        name="psnr",
        label="PSNR",
        explained="peak signal-to-noise ratio over all channels",
        higher_is_better=True,
        unit="dB",
        digits=2,
    ),
)
"""All measures, those that codecs like ours are judged by first."""


def measure_named(name: str) -> Measure:
    """The measure of a name, or of what other people's tables call it.

    Raises
    ------
    OptionError
        If there is none, with those there are.
    """
    for measure in MEASURES:
        if name == measure.name or name in measure.aliases:
            return measure
    raise OptionError(f"measure {name!r} is unknown; choose from {', '.join(m.name for m in MEASURES)}")
