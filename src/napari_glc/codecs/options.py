"""Options of a codec, declared once as a typed dataclass.

What a user may choose beyond quality is a field of the codec's own subclass of :class:`CodecOptions`; its annotation
says range, choices and words. From there it becomes an argument of :func:`napari_glc.encode`, an option of the
shell, a field in napari, an entry of a Zarr configuration, and bytes of the file. What a user may choose of a file
that is there already, how it is decoded, is a field of a subclass of :class:`OptionSet`, and becomes an argument of
:func:`napari_glc.decode` and :func:`napari_glc.open`, an option of ``glc decode`` and a field in napari::

    @dataclass(frozen=True, kw_only=True)
    class Options(CodecOptions):
        grain: Annotated[int, Knob("strength of the film grain", least=0, most=9)] = 3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast, get_args, get_origin, get_type_hints

from ..errors import OptionError, UnsupportedVersionError

if TYPE_CHECKING:
    from ..models import ModelFile

__all__ = [
    "EFFORT",
    "FAST_DECODING",
    "FAST_ENCODING",
    "MOST_EFFORT",
    "CodecOptions",
    "Knob",
    "OptionField",
    "OptionSet",
]


@dataclass(frozen=True)
class Knob:
    """What a type cannot say of an option.

    Attributes
    ----------
    help
        A phrase for help texts and tooltips.
    least, most
        Bounds of a number, both allowed; ``None`` for none.
    label
        Words in a form; made from the name if empty.
    stored
        Whether a file says it; otherwise it is a matter of the encoder alone.
    offered
        What lists offer at the moment, where that depends on what is installed. Another text (a path) may do as well.
    slider
        Whether a number is better dragged than typed; it needs both bounds.
    """

    help: str
    least: float | None = None
    most: float | None = None
    label: str = ""
    stored: bool = True
    offered: Callable[[], tuple[str, ...]] | None = None
    slider: bool = False


MOST_EFFORT = 9
"""The most of the option ``effort``."""

EFFORT = Knob(
    "time spent on fewer bytes for the same look: 0 is a single pass, 9 about a minute for 512 x 768 pixels",
    least=0,
    most=MOST_EFFORT,
    stored=False,
)
"""Declares the option ``effort`` of a codec that can optimise; every decoder reads what it writes."""

FAST_DECODING = Knob(
    "imported models: half the digits, where the processor multiplies those fast; several times as fast, pixels move "
    "by some grey levels. Embedded models are fast already",
    label="Fast decoding",
)
FAST_ENCODING = Knob(
    "imported models: half the digits, where the processor multiplies those fast; several times as fast, some symbols "
    "differ. Embedded models are fast already",
    label="Fast encoding",
    stored=False,
)
"""Declare the option ``fast`` of a codec of imported models, for decoding and for encoding."""


@dataclass(frozen=True)
class OptionField:
    """One option of a codec, as forms and parsers see it.

    Attributes
    ----------
    name, default
        As in Python.
    type
        ``int``, ``float``, ``str`` or ``bool``.
    choices
        All allowed values, or empty.
    knob
        Bounds and words.
    """

    name: str
    default: Any
    type: type
    choices: tuple[Any, ...]
    knob: Knob

    @property
    def label(self) -> str:
        """Words in a form."""
        return self.knob.label or self.name.replace("_", " ").capitalize()

    def checked(self, value: Any) -> Any:
        """A value of this option.

        Raises
        ------
        OptionError
            If it is of another type, none of the choices or out of range.
        """
        name = self.name.replace("_", " ")
        if self.choices:
            if value not in self.choices:
                raise OptionError(f"{name} {value!r} is unknown; choose from {', '.join(map(str, self.choices))}")
            return value
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not self.type:
            raise OptionError(f"{name} must be of type {self.type.__name__}, not {value!r}")
        low, high = self.knob.least, self.knob.most
        # written so that a NaN is refused
        if (low is not None and not cast("float", value) >= low) or (
            high is not None and not cast("float", value) <= high
        ):
            raise OptionError(f"{name} must lie within {low} to {high}, not {value!r}")
        return value


@dataclass(frozen=True, kw_only=True)
class OptionSet:
    """Options that belong together; by itself, none."""

    @classmethod
    def fields(cls) -> tuple[OptionField, ...]:
        """The options in the order of their declaration."""
        return _fields(cls)  # type: ignore[arg-type]  # mypy takes __hash__ of the instances for that of the class

    @classmethod
    def made(cls, codec: str, given: Mapping[str, Any]) -> Self:
        """Options from names and values.

        Parameters
        ----------
        codec
            For messages.
        given
            Any of the options.

        Raises
        ------
        OptionError
            If the codec has no option of a name, or a value is not allowed.
        """
        known = {field.name: field for field in cls.fields()}
        for name in given:
            if name not in known:
                theirs = ", ".join(known) if known else "none"
                raise OptionError(f"codec {codec!r} has no option {name!r}; its options: {theirs}")
        return cls(**{name: known[name].checked(value) for name, value in given.items()})

    def check_model(self, model: ModelFile) -> None:
        """Say what is missing for the options with a model, as far as that is known without loading it.

        Raises
        ------
        OptionError, ModelError
            If something is.
        """

    def measured(self) -> Self:
        """The options with which pictures are measured: without what is not meant to be true to anything."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """All options as JSON values."""
        return {field.name: getattr(self, field.name) for field in self.fields()}


@dataclass(frozen=True, kw_only=True)
class CodecOptions(OptionSet):
    """Base of all codecs' options for encoding; by itself, those of a codec that has none.

    Two kinds of instances occur: wishes, which may leave a choice to the encoder, and what an encoder made of them,
    which is what a file holds. A subclass with options to store overrides :meth:`pack` and :meth:`unpack`.
    """

    @property
    def packets(self) -> int:
        """Chunks each tile is divided into. The container stores it; a codec of lossy packets makes it a field."""
        return 1

    @property
    def plane_streams(self) -> bool:
        """Whether planes have streams, of a codec that can have them (capability ``plane_stream``)."""
        return True

    def settled(self, model: ModelFile) -> Self:
        """The same, with choices made that depend on the model.

        Raises
        ------
        OptionError
            If the model cannot do what is asked for.
        """
        return self

    @property
    def encoder(self) -> str:
        """The encoder that takes the place of the model's own (:mod:`napari_glc.codecs.parts`); ``"none"`` for none."""
        return "none"

    @property
    def noise_level(self) -> float:
        """The noise that encoder is to take out, in grey levels of 0 to 255; 0 for as much as is found."""
        return 0.0

    def facts(self) -> dict[str, Any]:
        """Those a file says."""
        return {field.name: getattr(self, field.name) for field in self.fields() if field.knob.stored}

    def asked(self) -> dict[str, Any]:
        """Those for the encoder alone that are not what they are by themselves."""
        alone = (field for field in self.fields() if not field.knob.stored)
        return {f.name: value for f in alone if (value := getattr(self, f.name)) != f.default}

    def pack(self) -> bytes:
        """The option bytes of a file; empty if all stored options have the value a decoder takes without any."""
        return b""

    @classmethod
    def unpack(cls, data: bytes, packets: int) -> Self:
        """Options from a file.

        Parameters
        ----------
        data
            The option bytes, of any origin.
        packets
            Chunks a tile, which the container keeps.

        Raises
        ------
        UnsupportedVersionError
            If a later version of the codec wrote them.
        """
        cls.refuse(bool(data) or packets != 1)
        return cls()

    @staticmethod
    def refuse(unknown: bool) -> None:
        """Say that options are newer than this program, if they are.

        Raises
        ------
        UnsupportedVersionError
            If `unknown`.
        """
        if unknown:
            raise UnsupportedVersionError(
                "it was written with options of its codec that this version does not know: update napari-glc"
            )


@cache
def _fields(kind: type[OptionSet]) -> tuple[OptionField, ...]:
    # looked at once: evaluating annotations leaves something behind in the module typing every time
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_field(field.name, hints[field.name], field.default) for field in fields(kind))


def _field(name: str, hint: Any, default: Any) -> OptionField:
    knob = Knob("")
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        knob = next((note for note in notes if isinstance(note, Knob)), knob)
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return OptionField(name, default, type(choices[0]) if choices else hint, choices, knob)
