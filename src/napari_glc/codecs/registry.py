"""Which codecs there are: a new one is a folder and one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import MissingModelError, ModelError, OptionError, UnsupportedVersionError
from ..models import ModelFile, find_model
from .clric.entry import ENTRY as _CLRIC
from .entry import CodecEntry
from .glc.entry import ENTRY as _GLC
from .perco.entry import ENTRY as _PERCO
from .vqgan.entry import ENTRY as _VQGAN

if TYPE_CHECKING:
    from .base import Codec

__all__ = [
    "DEFAULT_CODEC",
    "all_codecs",
    "codec_named",
    "codec_numbered",
    "config_of",
    "load_codec",
    "model_of",
    "register_codec",
    "sees_whole_planes",
    "when_codecs_change",
]

_watchers: list[Callable[[], None]] = []
_entries: dict[str, CodecEntry] = {entry.name: entry for entry in (_GLC, _VQGAN, _CLRIC, _PERCO)}

DEFAULT_CODEC = _GLC.name


def all_codecs() -> tuple[CodecEntry, ...]:
    """Every codec, the default first."""
    return tuple(_entries.values())


def register_codec(entry: CodecEntry) -> None:
    """Add a codec; it appears wherever codecs are chosen.

    Raises
    ------
    OptionError
        If another codec has its name or number.
    """
    for other in all_codecs():
        if entry != other and (entry.name == other.name or entry.number == other.number):
            raise OptionError(f"codec {other.name!r} has the name or the number {entry.number} already")
    _entries[entry.name] = entry
    for watcher in _watchers:
        watcher()


def when_codecs_change(then: Callable[[], None]) -> None:
    """Call `then` whenever a codec was added."""
    _watchers.append(then)


def codec_named(name: str) -> CodecEntry:
    """The codec of a name.

    Raises
    ------
    OptionError
        If there is none.
    """
    if name not in _entries:
        raise OptionError(f"this version of napari-glc has no codec {name!r}; it has {', '.join(_entries)}")
    return _entries[name]


def codec_numbered(number: int) -> CodecEntry:
    """The codec of a number in a file.

    Raises
    ------
    UnsupportedVersionError
        If this version has none.
    """
    for entry in all_codecs():
        if entry.number == number:
            return entry
    raise UnsupportedVersionError(f"it was made by codec number {number}, which this version lacks: update napari-glc")


def model_of(codec: str, wanted: str | Path | ModelFile | None) -> ModelFile:
    """The model a codec is to work with.

    Parameters
    ----------
    codec
        Name of the codec.
    wanted
        Name, hash prefix or path; ``None`` for the codec's default. One that is at hand already is not looked for.

    Raises
    ------
    OptionError
        If there is no such codec, or the model belongs to another.
    MissingModelError, ModelError
        If the model is not at hand.
    """
    entry = codec_named(codec)
    if wanted is None and not entry.default_model:
        raise MissingModelError(f"codec {codec!r} has no default model; name one with model=")
    wanted = entry.default_model if wanted is None else wanted
    model = wanted if isinstance(wanted, ModelFile) else find_model(wanted)
    if model.codec != codec:
        raise OptionError(f"model {model.name!r} belongs to codec {model.codec!r}, not to {codec!r}")
    return model


def sees_whole_planes(model: ModelFile) -> bool:
    """Whether a model's networks cannot work block by block, because they normalise over the whole picture.

    Raises
    ------
    OptionError
        If this version has no such codec.
    ModelError
        If the model's configuration cannot be read.
    """
    return bool(config_of(model).sees_whole_planes) if codec_named(model.codec).config else False


def config_of(model: ModelFile) -> Any:
    """The configuration of a model's networks, an instance of the class its codec names; imports no networks.

    Raises
    ------
    OptionError
        If this version has no such codec.
    ModelError
        If the model's configuration cannot be read.
    """
    entry = codec_named(model.codec)
    return model.network_config(entry.load(entry.config))


def load_codec(model: ModelFile, device: str) -> Codec:
    """Build the codec a model file belongs to.

    Parameters
    ----------
    model
        See :mod:`napari_glc.models`.
    device
        A torch device name.

    Raises
    ------
    OptionError
        If this version has no such codec.
    MissingDependencyError
        If the codec needs a library that is not installed.
    ModelError
        If the file does not hold what it promises.
    """
    entry = codec_named(model.codec)
    build = entry.load(entry.implementation)
    try:
        codec = build(model, device)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # a configuration may be well formed and still describe no network, or not the one whose tensors follow
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ModelError(
            f"{model.path}: its configuration and tensors make no network of {model.codec!r}: {reason}"
        ) from error
    return cast("Codec", codec)
