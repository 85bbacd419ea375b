"""Networks whose weights come from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["unfilled"]


class _NothingDrawn(TorchFunctionMode):
    """Leaves out what constructors draw at random: on that device alone it imports PyTorch's compiler, two seconds.

    So does a sign that is taken from what was drawn.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        if func is Tensor.abs_:
            return args[0]
        return func(*args, **kwargs)


@contextmanager
def unfilled() -> Iterator[None]:
    """Within it, networks are made whose tensors have shapes and types and no memory."""
    with torch.device("meta"), _NothingDrawn():
        yield
