"""Group normalisation against double precision, and against torch's where gradients are wanted."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_glc.networks.normalisation import GroupNorm


@pytest.fixture
def norm() -> GroupNorm:
    torch.manual_seed(7)
    norm = GroupNorm(32, 64, eps=1e-6)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    return norm


@pytest.mark.parametrize("shape", [(1, 64, 1, 1), (3, 64, 7, 5), (1, 64, 400, 300)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_large_pictures_with_an_offset_are_normalised_exactly(norm, shape, layout):
    x = (2 * torch.randn(shape) + 20).contiguous(memory_format=layout)
    wanted = F.group_norm(x.double(), 32, norm.weight.double(), norm.bias.double(), norm.eps)
    # a single position has next to no variance, which magnifies the input's own rounding
    tolerance = 1e-5 if shape[-1] > 1 else 1e-2
    with torch.inference_mode():
        found = norm(x)
        assert (found - wanted).abs().max() <= tolerance * wanted.abs().max()
        again = x.clone(memory_format=torch.preserve_format)
        assert norm.overwrite(again).data_ptr() == again.data_ptr()
        assert (again - wanted).abs().max() <= tolerance * wanted.abs().max()


def test_gradients_are_those_of_torch(norm):
    x = torch.randn(2, 64, 6, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    norm(x).square().sum().backward()
    other = x.detach().clone().requires_grad_()
    F.group_norm(other, 32, norm.weight, norm.bias, norm.eps).square().sum().backward()
    torch.testing.assert_close(x.grad, other.grad)
