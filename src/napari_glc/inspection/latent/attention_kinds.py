"""Which attention a model has, told from its configuration alone; imports no networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ...codecs.registry import config_of

if TYPE_CHECKING:
    from ...models import ModelFile

__all__ = ["AttentionKind", "attention_kind"]


@dataclass(frozen=True)
class AttentionKind:
    """The attention of a model that can be shown.

    Attributes
    ----------
    where
        ``"encoder"``: inside windows of the latent; ``"transformer"``: over earlier indices; ``""``: none.
    layers
        A name for each layer.
    note
        In words, for people.
    """

    where: Literal["encoder", "transformer", ""]
    layers: tuple[str, ...]
    note: str


def attention_kind(model: ModelFile) -> AttentionKind:
    """What attention a model has; its autoencoder's if there is one, else its index transformer's."""
    config = config_of(model)
    inner = getattr(config, "autoencoder", None)
    if inner is None:
        return AttentionKind("", (), "This model has no attention that could be shown.")
    if inner.kind == "vqgan":
        count = inner.encoder_blocks + 1
        window = f"its window of {inner.window} x {inner.window} positions" if inner.window else "the whole latent"
        return AttentionKind(
            "encoder",
            tuple(f"Encoder, layer {i + 1} of {count}" for i in range(count)),
            f"Shown: attention of the autoencoder's encoder, from the picked position to {window}.",
        )
    without = "This model's autoencoder has no attention"
    transformer = getattr(config, "transformer", None)
    if transformer is None:
        return AttentionKind("", (), f"{without}, only convolutions.")
    if not transformer.reaches:
        return AttentionKind("", (), f"{without}, and its transformer sees all earlier indices, not a neighbourhood.")
    count = len(transformer.reaches)
    return AttentionKind(
        "transformer",
        tuple(f"Transformer, layer {i + 1} of {count} (reach {reach})" for i, reach in enumerate(transformer.reaches)),
        f"{without}. Shown instead: where its index transformer looks among earlier indices to predict the picked "
        "one, mean over heads.",
    )
