"""What makes files of pictures: our codecs, classical ones, encoders named by their command lines, tables of files.

All of them look alike to whoever measures: a name, settings to try, a file and its pixels for each picture.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .._base.quality import MAX_STEPS, checked_quality, from_steps
from .._version import __version__
from ..codecs.registry import all_codecs, codec_named, model_of
from ..codecs.signature import options_of
from ..errors import GlcError, OptionError
from .classical import ClassicalCodec, available_classical, classical_named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..codecs.options import OptionField

__all__ = ["EVERYTHING", "OURS", "Classical", "Coded", "Coder", "OurCodec", "Picture", "coder_named", "coders_named"]

OURS, EVERYTHING = "ours", "all"
"""Names for several codecs at once: all of ours that have a model, and those with all that Pillow can write."""

_CURVE = (0.0, 25.0, 50.0, 75.0, 100.0)
_CURVE_OF_FITS = (0.0, 50.0, 100.0)
"""Qualities of ours unless somebody names others; fewer where each is an optimisation."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An original.

    Attributes
    ----------
    name
        Of its file.
    path
        Its file.
    pixels
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    """

    name: str
    path: Path
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Coded:
    """A file and what it decodes to.

    Attributes
    ----------
    size
        Bytes of the file.
    pixels
        As the original's.
    encode_seconds, decode_seconds
        Wall time.
    data
        The file itself; empty if it was made elsewhere.
    """

    size: int
    pixels: NDArray[np.uint8]
    encode_seconds: float
    decode_seconds: float
    data: bytes = b""


@runtime_checkable
class Coder(Protocol):
    """What can be measured beside others; sent to other processes as it is."""

    @property
    def name(self) -> str:
        """In tables and curves; no two have the same."""

    @property
    def label(self) -> str:
        """For people."""

    @property
    def suffix(self) -> str:
        """Of its files."""

    @property
    def qualities(self) -> tuple[float, ...]:
        """Settings to try."""

    @property
    def all_qualities(self) -> Sequence[float]:
        """All settings there are, between which a file of a wanted size is looked for; rates rise or fall with them."""

    @property
    def facts(self) -> Mapping[str, str]:
        """What it is: versions, model, options."""

    @property
    def ours(self) -> bool:
        """Whether it is one of this package's."""

    def code(self, picture: Picture, quality: float) -> Coded:
        """Make a file of a picture and decode it."""


def identity(coder: Coder) -> str:
    """What results depend on beside picture and quality: the coder's name and facts, hashed."""
    told = json.dumps([coder.name, sorted(coder.facts.items())])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


# -- ours --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OurCodec:
    """One of this package's codecs, with a model and options.

    Attributes
    ----------
    name
        See :class:`Coder`.
    codec
        Name of the codec.
    model, device
        See :func:`napari_glc.encode`.
    options
        Of the codec, what is not by default.
    """

    name: str
    codec: str
    model: str | None = None
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ".glc"
    ours: bool = True

    @property
    def label(self) -> str:
        """See :class:`Coder`."""
        return self.name

    @cached_property
    def qualities(self) -> tuple[float, ...]:
        """Five, or three where each is an optimisation; those that give the same files are left out."""
        entry = codec_named(self.codec)
        wanted = _CURVE_OF_FITS if entry.capabilities.encode_cost == "fit" else _CURVE
        if entry.capabilities.rate == "continuous":
            return wanted
        # of levels, those nearest to the five
        levels = self.all_qualities
        return tuple(dict.fromkeys(min(levels, key=lambda level: abs(level - q)) for q in wanted))

    @cached_property
    def all_qualities(self) -> Sequence[float]:
        """Half steps, or a quality for each level."""
        if codec_named(self.codec).capabilities.rate == "continuous":
            return tuple(from_steps(step) for step in range(MAX_STEPS + 1))
        from ..codecs.loading import loaded_codec

        return tuple(loaded_codec(model_of(self.codec, self.model), self.device).qualities())

    @property
    def facts(self) -> Mapping[str, str]:
        """See :class:`Coder`."""
        model = model_of(self.codec, self.model)
        told = {
            "codec": self.codec,
            "version": f"napari-glc {__version__}",
            "model": model.name,
            "sha256": model.sha256,
        }
        if model.digest != model.sha256:
            told["sha256 of the file"] = model.digest
        return told | {name: str(value) for name, value in self.options.items()}

    def code(self, picture: Picture, quality: float) -> Coded:
        """See :class:`Coder`.

        Raises
        ------
        GlcError
            As :func:`napari_glc.encode`.
        """
        from ..api import decode, encode

        started = time.perf_counter()
        options = dict(self.options)
        data = encode(
            picture.pixels, codec=self.codec, model=self.model, device=self.device, quality=quality, **options
        )
        encoded = time.perf_counter()
        pixels = decode(data, device=self.device)
        return Coded(len(data), pixels, encoded - started, time.perf_counter() - encoded, data)


# -- others ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Classical:
    """A codec that Pillow writes.

    Attributes
    ----------
    name
        See :class:`Coder`.
    codec
        With its options.
    """

    name: str
    codec: ClassicalCodec
    ours: bool = False

    @property
    def label(self) -> str:
        """See :class:`Coder`."""
        return self.codec.label + self.name.removeprefix(self.codec.name).replace(":", ", ", 1)

    @property
    def suffix(self) -> str:
        """See :class:`Coder`."""
        return self.codec.suffix

    @property
    def qualities(self) -> tuple[float, ...]:
        """See :class:`Coder`."""
        return tuple(map(float, self.codec.qualities))

    @property
    def all_qualities(self) -> Sequence[float]:
        """Whole numbers."""
        return tuple(map(float, range(self.codec.best + 1)))

    @property
    def facts(self) -> Mapping[str, str]:
        """See :class:`Coder`."""
        options = {k: v for k, v in self.codec.options.items() if k not in ("advanced", "max_threads")}
        options |= self.codec.options.get("advanced", {})
        return {"version": self.codec.version()} | {name: str(value) for name, value in options.items()}

    def code(self, picture: Picture, quality: float) -> Coded:
        """See :class:`Coder`.

        Raises
        ------
        OptionError
            If the encoder does not take it.
        """
        started = time.perf_counter()
        data = self.codec.encode(picture.pixels, quality)
        encoded = time.perf_counter()
        pixels = self.codec.decode(data, picture.pixels)
        return Coded(len(data), pixels, encoded - started, time.perf_counter() - encoded, data)


# -- by name -----------------------------------------------------------------------------------------------------------


def coders_named(
    names: Sequence[str],
    *,
    model: str | None = None,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
) -> list[Coder]:
    """Coders of several names; see :func:`coder_named`.

    Parameters
    ----------
    names
        Also :data:`OURS` and :data:`EVERYTHING`.
    model, device, options
        Of ours, where a name says no other. With several codecs each takes those options it has.

    Raises
    ------
    OptionError
        If a name is unknown or given twice, or an option belongs to none of the codecs.
    """
    wanted: list[str] = []
    for name in names:
        several = []
        if name in (OURS, EVERYTHING):
            several = [entry.name for entry in all_codecs() if _has_a_model(entry.name)]
        if name == EVERYTHING:
            several += [codec.name for codec in available_classical()]
        wanted += several or [name]
    if len(set(wanted)) < len(wanted):
        twice = next(name for name in wanted if wanted.count(name) > 1)
        raise OptionError(f"codec {twice!r} is named twice")
    common, used = dict(options or {}), set[str]()
    coders: list[Coder] = []
    for name in wanted:
        coder = coder_named(name)
        if isinstance(coder, OurCodec):
            own = {field.name for field in options_of(codec_named(coder.codec), "options")}
            # what one codec lacks is refused by itself, and is no matter beside another that has it
            fitting = {k: v for k, v in common.items() if k in own or len(wanted) == 1}
            used |= fitting.keys()
            coder = replace(coder, model=coder.model or model, device=device, options={**fitting, **coder.options})
            codec_named(coder.codec).options.made(coder.codec, coder.options)
        coders.append(coder)
    if unused := common.keys() - used:
        raise OptionError(f"none of the codecs has an option {sorted(unused)[0]!r}")
    return coders


def coder_named(name: str) -> Coder:
    """A coder from its name, with options if they are wanted: ``glc``, ``glc:effort=3``, ``avif:speed=4,tune=iq``.

    Parameters
    ----------
    name
        One of our codecs or of :data:`~napari_glc.evaluation.classical.CLASSICAL`, then ``:KEY=VALUE,...``: options of
        our codec, ``model`` among them, or of Pillow's encoder.

    Raises
    ------
    OptionError
        If there is no such codec or option.
    """
    codec, _, words = name.partition(":")
    given = {}
    for word in filter(None, words.split(",")):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise OptionError(f"{name!r}: {word!r} is not KEY=VALUE")
        given[key.replace("-", "_")] = value
    if any(codec == entry.name for entry in all_codecs()):
        model = given.pop("model", None)
        fields = {field.name: field for field in options_of(codec_named(codec), "options")}
        return OurCodec(name, codec, model, options={k: _parsed(fields.get(k), v) for k, v in given.items()})
    try:
        classical = classical_named(codec)
    except OptionError as error:
        ours = ", ".join(entry.name for entry in all_codecs())
        raise OptionError(f"{error}; ours are {ours}") from error
    return Classical(name, _with_options(classical, given))


def _has_a_model(codec: str) -> bool:
    try:
        codec_named(codec).check_libraries()
        model_of(codec, None)
    except GlcError:
        return False
    return True


def _parsed(option: OptionField | None, value: str) -> Any:
    if option is None:
        return value  # refused with the codec's own words later
    if option.type is bool:
        if value not in ("yes", "no", "true", "false"):
            raise OptionError(f"{option.name} must be yes or no, not {value!r}")
        return value in ("yes", "true")
    try:
        return option.checked(option.type(value))
    except ValueError as error:
        raise OptionError(f"{option.name} must be of type {option.type.__name__}, not {value!r}") from error


def _with_options(codec: ClassicalCodec, given: Mapping[str, str]) -> ClassicalCodec:
    options = dict(codec.options)
    for key, text in given.items():
        value: Any = int(text) if text.lstrip("-").isdigit() else text
        # what libavif does not know itself it hands to its encoder
        if codec.name == "avif" and key not in ("speed", "subsampling", "range", "codec", "max_threads", "autotiling"):
            options["advanced"] = {**options.get("advanced", {}), key: value}
        else:
            options[key] = value
    return replace(codec, options=options)


def checked_qualities(coder: Coder, qualities: Sequence[float]) -> tuple[float, ...]:
    """Qualities of a coder somebody asked for.

    Raises
    ------
    OptionError
        If one is out of its range.
    """
    return tuple(checked_quality(quality) for quality in qualities) if coder.ours else tuple(qualities)
