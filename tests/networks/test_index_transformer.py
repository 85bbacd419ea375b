"""The index transformer: what it sees, that waves equal the whole, and that its integers are exact."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

import napari_glc
from napari_glc.codecs.vqgan.codec import VqganCodec
from napari_glc.codecs.vqgan.index_coders import TransformerCoder
from napari_glc.codecs.vqgan.packets import packet_map
from napari_glc.networks import fixed_attention
from napari_glc.networks.fixed_attention import MASKED
from napari_glc.networks.fixed_point import from_fixed
from napari_glc.networks.fixed_waves import FixedWaveLayer
from napari_glc.networks.index_waves import IndexWaves

LEVEL = 7


@pytest.fixture(scope="module")
def indices(vqgan: VqganCodec, motocross: np.ndarray) -> np.ndarray:
    """20 x 28: further each way than the transformer sees."""
    return vqgan.index_map(motocross[64:384, 128:576], 87.5, lambda done, total: None)


@torch.inference_mode()
def test_a_position_sees_its_window_and_only_what_is_before_it(vqgan, indices):
    transformer, (row, column) = vqgan.transformer, (11, 13)
    plain = torch.from_numpy(indices[:18, :26])
    i, j = torch.meshgrid(torch.arange(18) - row, torch.arange(26) - column, indexing="ij")
    window = ((i < 0) | ((i == 0) & (j < 0))) & (i >= -8) & (j >= -8) & (j <= 7)
    # everything it must not see is changed at once, in two ways; what it must see, one position at a time
    unseen = [torch.where(window, plain, (plain + shift) % 1024) for shift in (400, 733)]
    seen = []
    for near in ((0, -1), (-1, 0), (-1, 1), (-5, 0), (0, -5)):
        other = plain.clone()
        other[row + near[0], column + near[1]] = (other[row + near[0], column + near[1]] + 400) % 1024
        seen.append(other)
    found = transformer.map_features(torch.stack([plain, *unseen, *seen]), LEVEL)[:, row, column]
    assert [torch.equal(features, found[0]) for features in found[1:]] == [True] * 2 + [False] * 5


@torch.inference_mode()
def test_waves_equal_the_whole_map(vqgan, indices):
    maps = torch.from_numpy(np.stack([indices, indices[:, ::-1]]))
    maps[0, 3:6, 4:20] = -1
    floating = vqgan.transformer
    whole = floating.logits(floating.map_features(maps, LEVEL), LEVEL).flatten(1, 2)
    for positions, logits in IndexWaves(floating, maps, LEVEL):
        torch.testing.assert_close(logits, whole[:, positions], rtol=1e-4, atol=1e-3)
    fixed = vqgan.coder("transformer").fixed
    exact = fixed.logits(fixed.map_features(maps, LEVEL, masked=MASKED), LEVEL).flatten(1, 2)
    visited = []
    for positions, logits in IndexWaves(fixed, maps, LEVEL):
        visited += positions.tolist()
        assert torch.equal(logits, exact[:, positions])
    assert sorted(visited) == list(range(20 * 28))
    assert float((from_fixed(exact) - whole).abs().mean()) < 0.02


@pytest.fixture(scope="module")
def stream(vqgan: VqganCodec, indices: np.ndarray) -> bytes:
    return vqgan.coder("transformer").write(indices, packet_map(20, 28, 1), 1, LEVEL, lambda: None)[0]


def _read(coder: TransformerCoder, stream: bytes) -> np.ndarray:
    return coder.read([stream], packet_map(20, 28, 1), LEVEL, lambda: None)


def test_indices_come_back_under_other_threads_and_libraries(vqgan, indices, stream, two_threads, without_onednn):
    coder = vqgan.coder("transformer")
    np.testing.assert_array_equal(_read(coder, stream), indices)
    with two_threads():
        np.testing.assert_array_equal(_read(coder, stream), indices)
    with without_onednn():
        np.testing.assert_array_equal(_read(coder, stream), indices)


@torch.inference_mode()
def test_noise_of_1e_10_on_every_layer_changes_nothing(vqgan, indices, jitter):
    fixed = vqgan.coder("transformer").fixed
    maps = torch.from_numpy(indices[None, :16, :24])

    def logits() -> torch.Tensor:
        return fixed.logits(fixed.map_features(maps, LEVEL, masked=MASKED), LEVEL).round()

    exact = logits()
    with jitter(fixed, 1e-10):
        assert torch.equal(logits(), exact)
    with jitter(fixed, 1e-2):
        assert not torch.equal(logits(), exact)


def test_a_machine_that_computes_otherwise_is_noticed(vqgan, stream):
    other = copy.deepcopy(vqgan.coder("transformer").fixed)
    other.tok_emb.rows[:, ::2] += 400
    with pytest.raises(napari_glc.GlcError):
        _read(TransformerCoder(other), stream)


@torch.inference_mode()
def test_waves_give_what_is_asked_for(vqgan, indices):
    """Logits of some positions are those of all, in floating point and to the bit in fixed point."""
    maps = torch.from_numpy(indices[:14, :19]).unsqueeze(0)
    wanted = torch.rand(14, 19, generator=torch.Generator().manual_seed(4)) < 0.1
    wanted[5:9] = False
    for transformer in (vqgan.transformer, vqgan.coder("transformer").fixed):
        everything = dict.fromkeys(range(14 * 19))
        for positions, logits in IndexWaves(transformer, maps, LEVEL, 1):
            everything |= dict(zip(positions.tolist(), logits[0], strict=True))
        visited = []
        for positions, logits in IndexWaves(transformer, maps, LEVEL, 1, wanted):
            visited += positions.tolist()
            for position, found in zip(positions.tolist(), logits[0], strict=True):
                torch.testing.assert_close(
                    found, everything[position], rtol=1e-4, atol=1e-3 * (found.dtype == torch.float32)
                )
        assert sorted(visited) == wanted.flatten().nonzero().flatten().tolist()


@torch.inference_mode()
def test_layers_of_few_operations_are_those_of_many(vqgan):
    """Each part of a layer, at numbers within and beyond what they may be."""
    transformer = vqgan.coder("transformer").fixed
    generator = torch.Generator().manual_seed(5)
    for block in transformer.blocks:
        layer = FixedWaveLayer(block)
        x = (torch.randn(500, 224, generator=generator, dtype=torch.float64) * 3000).round()
        x[:20] *= 5000
        q, k, v = (part(block.ln1(x)) for part in (block.attn.query, block.attn.key, block.attn.value))
        assert torch.equal(layer.project(x), torch.cat((q, k, v), dim=1))
        within = x.clamp(-(2**23) + 1, 2**23 - 1)
        assert torch.equal(layer.gelu(within), block.mlp[1](within))
        heads = [part.unflatten(-1, (7, 32)) for part in (q, k, v)]
        query, key, value = heads[0], *(part[torch.randint(500, (500, 13), generator=generator)] for part in heads[1:])
        bias = (torch.randn(500, 13, 7, generator=generator, dtype=torch.float64) * 4000).round()
        bias[:, 3] = MASKED
        turned = (query.unsqueeze(2), key.transpose(1, 2), value.transpose(1, 2), bias.transpose(1, 2).unsqueeze(2))
        attended = block.attn.attend(*turned)
        kept = [part.transpose(0, 1)[None, :, :, None] for part in (key, value)]
        found = layer.attend(query.unsqueeze(1), *kept, bias.transpose(0, 1).unsqueeze(2))
        assert torch.equal(found, attended.transpose(1, 2))
        assert torch.equal(layer.finish(x, attended.flatten(1)), block.finish(x.unsqueeze(1), attended).squeeze(1))


def test_tables_are_the_same_whatever_the_mathematics_library():
    """No entry lies so near a rounding boundary that an error of the library's last bits could move it."""
    for bits in (15, 20):
        exact = np.array([math.exp(-k / 4096) * (1 << bits) for k in range(16 << 12)])
        assert np.abs(exact % 1 - 0.5).min() > 1e-9
        np.testing.assert_array_equal(fixed_attention.exponentials(bits)[:-1].numpy(), np.round(exact))
    arguments = np.arange(-(8 << 12), 8 << 12) / 4096
    gelu = np.array([x * 0.5 * (1 + math.erf(x / math.sqrt(2))) * 4096 for x in arguments])
    assert np.abs(gelu % 1 - 0.5).min() > 1e-9
    np.testing.assert_array_equal(fixed_attention._gelu().numpy(), np.round(gelu))
