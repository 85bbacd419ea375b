"""Safetensors written tensor by tensor: models of gigabytes need no memory of their size."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["safetensors_parts"]

_ALIGNMENT = 8


def safetensors_parts(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """The bytes of a safetensors file; equal content gives equal bytes.

    Parameters
    ----------
    tensors
        Of any layout; stored in the types they have, wide types first, then by name.
    metadata
        Goes into the header.
    """
    import torch

    codes = {
        torch.float64: "F64",
        torch.float32: "F32",
        torch.float16: "F16",
        torch.bfloat16: "BF16",
        torch.int64: "I64",
        torch.int32: "I32",
        torch.int16: "I16",
        torch.int8: "I8",
        torch.uint8: "U8",
        torch.bool: "BOOL",
    }
    order = sorted(tensors, key=lambda key: (-tensors[key].element_size(), key))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for key in order:
        start, end = end, end + tensors[key].numel() * tensors[key].element_size()
        shape = list(tensors[key].shape)
        header[key] = {"dtype": codes[tensors[key].dtype], "shape": shape, "data_offsets": [start, end]}
    head = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    head += b" " * (-len(head) % _ALIGNMENT)
    yield struct.pack("<Q", len(head)) + head
    for key in order:
        flat = tensors[key].detach().cpu().contiguous().reshape(-1)
        yield flat.view(torch.uint8).numpy().tobytes()
