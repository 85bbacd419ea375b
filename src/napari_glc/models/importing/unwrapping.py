"""State dicts in a checkpoint, however deep its authors put them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

__all__ = ["below", "state_dicts"]

_PREFERRED = ("params_ema", "ema", "state_dict", "net_g", "net", "generator", "model", "params")
"""Averaged weights before the last ones; the network before its optimiser."""
_DEEPEST = 8


def state_dicts(content: Any, depth: int = 0) -> Iterator[dict[str, Tensor]]:
    """All dictionaries of tensors by name in nested dictionaries, the most likely first."""
    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return
    own = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if own:
        yield own
    order = {name: rank for rank, name in enumerate(_PREFERRED)}
    children = [(k, v) for k, v in content.items() if isinstance(v, Mapping)]
    for _, child in sorted(children, key=lambda pair: order.get(pair[0], len(order))):
        yield from state_dicts(child, depth + 1)


def below(keys: Mapping[str, Any], signature: tuple[str, ...]) -> str | None:
    """The shortest prefix, such as ``module.``, under which all keys of a signature are found; ``None`` if none."""
    first = signature[0]
    prefixes = [key.removesuffix(first) for key in keys if key == first or key.endswith("." + first)]
    fitting = [p for p in prefixes if all(p + part in keys for part in signature)]
    return min(fitting, key=len, default=None)
