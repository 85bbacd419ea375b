"""A part for a model: another encoder or another decoder, in a file of its own.

Safetensors like a model; the header's ``__metadata__`` holds ``part`` (its kind), ``codec``, ``base`` (the identity of
the model it was made for), ``name``, ``description`` and ``effect`` (what it does to pictures, in a phrase). Its
tensors take the places of the model's own of the same keys.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .._base.atomic import write_parts_atomically
from ..errors import ModelError
from .hashes import check_named_hash
from .head import checked_tensors, digest_of, read_head
from .int8 import SCALE_SUFFIX
from .streaming import safetensors_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


__all__ = ["KINDS", "PartFile", "read_part", "write_part"]

KINDS = ("encoder", "decoder")
_SHA256 = re.compile("[0-9a-f]{64}")
_MOST_TEXT = 200


class _Model(Protocol):
    """What a part asks of a :class:`~napari_glc.models.ModelFile`."""

    @property
    def name(self) -> str: ...

    @property
    def codec(self) -> str: ...

    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True)
class PartFile:
    """A part on disk.

    Attributes
    ----------
    name
        Short name, as in ``denoise``.
    kind
        ``"encoder"`` or ``"decoder"``.
    codec
        Codec of its model.
    base
        Identity of its model.
    path
        The safetensors file.
    sha256
        Hexadecimal digest of the file.
    description
        One line for people.
    effect
        What an encoder takes away, or how a decoder paints.
    keys
        Of the tensors it replaces.
    ramp
        Levels of noise, in grey levels of 0 to 255, below which an encoder is not taken and above which it is taken as
        a whole; ``None`` takes it always.
    strength
        Share of it in the mixture with the model's own, 0 to 1.
    """

    name: str
    kind: str
    codec: str
    base: str
    path: Path
    sha256: str
    description: str
    effect: str
    keys: tuple[str, ...]
    ramp: tuple[float, float] | None = None
    strength: float = 1.0

    @property
    def key(self) -> str:
        """What tells it from other parts and other strengths of it."""
        return self.sha256 if self.strength == 1 else f"{self.sha256}*{self.strength}"

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def fits(self, model: _Model) -> bool:
        """Whether it was made for a model."""
        return self.codec == model.codec and self.base == model.sha256

    def check_fits(self, model: _Model) -> None:
        """Refuse another model than the one it was made for.

        Raises
        ------
        ModelError
            If it was made for another.
        """
        if not self.fits(model):
            raise ModelError(
                f"{self.kind} {self.name!r} was made for model {self.base[:6]} of codec {self.codec!r} and does not "
                f"fit {model.name!r} ({model.sha256[:6]})"
            )

    def tensors_for(self, model: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Its tensors, mixed with a model's by its strength; they take the places of the model's.

        Between none and all of it, weights are mixed (network interpolation, Wang et al. 2019, *Deep network
        interpolation for continuous imagery effect transition*, eq. 1): parts are trained from the model's own.

        Parameters
        ----------
        model
            The model's tensors.

        Raises
        ------
        ModelError
            If the file is damaged, or has tensors of other keys or shapes than the model, or values that are no
            numbers.
        """
        tensors = checked_tensors(self.path, self.sha256)
        for key, value in tensors.items():
            if key not in model or model[key].shape != value.shape:
                raise ModelError(f"{self.path}: the model has no tensor {key!r} of shape {tuple(value.shape)}")
            if not value.isfinite().all():
                raise ModelError(f"{self.path}: tensor {key!r} holds values that are no numbers")
        if self.strength == 1:
            return tensors
        return {key: model[key].lerp(value.to(model[key]), self.strength) for key, value in tensors.items()}


def read_part(path: Path) -> PartFile | None:
    """Read the head of a part and hash it; ``None`` if the file is a model.

    Raises
    ------
    ModelError
        If it is neither, or its name promises another hash.
    """
    try:
        with open(path, "rb") as stream:
            head = read_head(stream)
            metadata = head.metadata
            if "part" not in metadata:
                return None
            if metadata["part"] not in KINDS or not _SHA256.fullmatch(metadata["base"]):
                raise ModelError(f"no part is of kind {metadata['part'][:20]!r} for model {metadata['base'][:20]!r}")
            digest = digest_of(stream)
        check_named_hash(path, digest)
        return PartFile(
            name=metadata["name"][:_MOST_TEXT],
            kind=metadata["part"],
            codec=metadata["codec"],
            base=metadata["base"],
            path=path,
            sha256=digest,
            description=metadata.get("description", "")[:_MOST_TEXT],
            effect=metadata.get("effect", "")[:_MOST_TEXT],
            keys=tuple(key for key in head.tensors if not key.endswith(SCALE_SUFFIX)),
            ramp=_ramp(metadata.get("ramp", "")),
        )
    except ModelError as error:
        raise ModelError(f"{path} is not a part of napari-glc: {error}") from error
    except (OSError, struct.error, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is not a part of napari-glc: {error!r}") from error


def _ramp(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    low, high = (float(word) for word in text.split())
    if not 0 <= low < high < 256:
        raise ValueError(f"no levels of noise rise from {low} to {high}")
    return low, high


def write_part(
    path: Path,
    tensors: dict[str, Tensor],
    *,
    kind: str,
    name: str,
    codec: str,
    base: str,
    description: str,
    effect: str,
    ramp: tuple[float, float] | None = None,
) -> None:
    """Write a part, atomically; parameters are those of :class:`PartFile`.

    Parameters
    ----------
    path
        Where; replaced as a whole if it exists.
    tensors
        Stored in the types they have.
    kind, name, codec, base, description, effect, ramp
        See :class:`PartFile`.
    """
    metadata = {
        "part": kind,
        "name": name,
        "codec": codec,
        "base": base,
        "description": description,
        "effect": effect,
    }
    if ramp is not None:
        metadata["ramp"] = f"{ramp[0]:g} {ramp[1]:g}"
    write_parts_atomically(path, safetensors_parts(tensors, metadata))
