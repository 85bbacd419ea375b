"""What a user may choose of ``clric``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal, Self

from ..options import MOST_EFFORT, CodecOptions, Knob

if TYPE_CHECKING:
    from ...models import ModelFile

__all__ = ["ClricOptions"]

_SHARED, _PUBLISHED = b"", b"\1"


@dataclass(frozen=True, kw_only=True)
class ClricOptions(CodecOptions):
    """What is sent, which a decoder must know, and the effort of the encoder, which no file holds.

    Attributes
    ----------
    mode
        ``"shared"``: grids, under networks that come with the model; ``"published"``: grids and all networks, as in the
        paper; ``"auto"``: shared, if the model has such networks.
    distortion
        ``"latent"``: the latent's squared error alone, as published; ``"picture"``: afterwards, through the decoder,
        what codec ``glc`` optimises as well (:mod:`napari_glc.codecs.clric.looking`).
    effort
        See :mod:`napari_glc.codecs.clric.descent`.
    """

    mode: Annotated[
        Literal["auto", "shared", "published"],
        Knob(
            "what files hold: grids under the model's own networks, or, as published, all networks too",
            label="Files &hold",
        ),
    ] = "auto"
    distortion: Annotated[
        Literal["latent", "picture"],
        Knob(
            "what a fit brings nearer: the latent, or in its last part the decoded picture, its structure and "
            "features; that takes several times as long and pays from effort 6 on",
            label="&Judged by",
            stored=False,
        ),
    ] = "latent"
    effort: Annotated[
        int,
        Knob("how long the function is fitted: 0 not at all, 9 some minutes", 0, MOST_EFFORT, "E&ffort", stored=False),
    ] = 5

    @property
    def plane_streams(self) -> bool:
        """Published functions of a plane share their networks."""
        return self.mode == "published"

    def settled(self, model: ModelFile) -> Self:
        """See :meth:`~napari_glc.codecs.options.CodecOptions.settled`.

        Raises
        ------
        OptionError
            If the model has no networks to share.
        """
        from ...errors import OptionError
        from ...networks.kl_config import KlConfig

        shares = model.network_config(KlConfig).function is not None
        if self.mode == "auto":
            return replace(self, mode="shared" if shares else "published")
        if self.mode == "shared" and not shares:
            raise OptionError(f"model {model.name!r} has no networks that functions share: take mode='published'")
        return self

    def pack(self) -> bytes:
        """See :meth:`~napari_glc.codecs.options.CodecOptions.pack`."""
        return _PUBLISHED if self.mode == "published" else _SHARED

    @classmethod
    def unpack(cls, data: bytes, packets: int) -> Self:
        """See :meth:`~napari_glc.codecs.options.CodecOptions.unpack`."""
        cls.refuse(data not in (_SHARED, _PUBLISHED) or packets != 1)
        return cls(mode="published" if data == _PUBLISHED else "shared")
