"""CLIP's text transformer (Radford et al. 2021) as Stable Diffusion conditions on it: all its states, normalised.

Tensors have the names they have in files of transformers below ``text_model.``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .perco_published_config import PublishedPercoConfig

__all__ = ["ClipTextEncoder"]


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = self.out_proj(seen.transpose(1, 2).flatten(2))
        return out


class _FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, quick: bool) -> None:
        super().__init__()
        self.quick = quick
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        out: Tensor = self.fc2(x * torch.sigmoid(1.702 * x) if self.quick else F.gelu(x))
        return out


class _Layer(nn.Module):
    def __init__(self, config: PublishedPercoConfig) -> None:
        super().__init__()
        width = config.text_width
        self.layer_norm1 = nn.LayerNorm(width)
        self.self_attn = _Attention(width, config.text_heads)
        self.layer_norm2 = nn.LayerNorm(width)
        self.mlp = _FeedForward(width, config.text_inner, config.text_activation == "quick_gelu")

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        out: Tensor = x + self.mlp(self.layer_norm2(x))
        return out


class ClipTextEncoder(nn.Module):
    """Tokens int64 ``(B, text length)`` to states ``(B, text length, width)``."""

    def __init__(self, config: PublishedPercoConfig) -> None:
        super().__init__()
        if config.text_width % config.text_heads:
            raise ValueError(f"{config.text_heads} heads cannot share {config.text_width} channels")
        self.embeddings = nn.ModuleDict(
            {
                "token_embedding": nn.Embedding(config.vocabulary, config.text_width),
                "position_embedding": nn.Embedding(config.text_length, config.text_width),
            }
        )
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(_Layer(config) for _ in range(config.text_layers))})
        self.final_layer_norm = nn.LayerNorm(config.text_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class."""
        x = self.embeddings["token_embedding"](tokens)
        x = x + self.embeddings["position_embedding"](torch.arange(tokens.shape[1], device=tokens.device))
        layers = self.encoder["layers"]
        assert isinstance(layers, nn.ModuleList)
        for layer in layers:
            x = layer(x)
        out: Tensor = self.final_layer_norm(x)
        return out
