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
        Names of the networks it looks through: ``squeezenet`` comes with the package, ``darknet`` lies in a folder of
        the user's choice, the others are imported (:data:`napari_glc.models.measuring.NETWORKS`).
    kernel
        Of crowds: whether their kernel distance is meant, not their Fréchet distance.
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
    kernel: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def axis(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def within(self) -> str:
        """The label within a sentence."""
        return self.label[0].lower() + self.label[1:] if self.label[1:2].islower() else self.label

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
    Measure(
        name="lpips",
        label="LPIPS (AlexNet)",
        explained="learned perceptual image patch similarity, version 0.1 (Zhang et al. 2018), as in most papers",
        networks=("alexnet", "lpips-alex"),
        aliases=("lpips_alex",),
    ),
    Measure(
        name="lpips_vgg",
        label="LPIPS (VGG)",
        explained="the same through VGG, which many codecs are trained by",
        networks=("vgg16", "lpips-vgg"),
    ),
    Measure(
        name="lpips_squeeze",
        label="LPIPS (SqueezeNet)",
        explained="the same through SqueezeNet",
        networks=("squeezenet1_1", "lpips-squeeze"),
    ),
    Measure(
        name="dists",
        label="DISTS",
        explained="deep image structure and texture similarity (Ding et al. 2020)",
        networks=("vgg16", "dists"),
    ),
    Measure(
        name="frechet",
        label="Patch Fréchet distance (SqueezeNet)",
        explained="Fréchet distance of features of patches through the SqueezeNet that comes along; it is not FID",
        of="crowd",
        digits=2,
        networks=("squeezenet",),
    ),
    Measure(
        name="kernel",
        label="Patch kernel distance (SqueezeNet)",
        explained="kernel distance of the same features; it is not KID",
        of="crowd",
        digits=4,
        networks=("squeezenet",),
        kernel=True,
    ),
    Measure(
        name="frechet_darknet",
        label="Patch Fréchet distance (Darknet)",
        explained="Fréchet distance of features of patches through the Darknet network, which nothing is trained by",
        of="crowd",
        digits=2,
        networks=("darknet",),
    ),
    Measure(
        name="kernel_darknet",
        label="Patch kernel distance (Darknet)",
        explained="kernel distance of the same features",
        of="crowd",
        digits=5,
        networks=("darknet",),
        kernel=True,
    ),
    Measure(
        name="fid",
        label="FID",
        explained="Fréchet Inception distance of patches (Heusel et al. 2017)",
        of="crowd",
        digits=2,
        networks=("inception",),
    ),
    Measure(
        name="kid",
        label="KID",
        explained="kernel Inception distance of patches (Binkowski et al. 2018)",
        of="crowd",
        digits=5,
        networks=("inception",),
        kernel=True,
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
