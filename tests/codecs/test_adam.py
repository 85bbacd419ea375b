"""Adam without the compiler of PyTorch: the same steps, at once."""

from __future__ import annotations

import subprocess
import sys

import torch

from napari_glc.codecs.optimising.adam import Adam


def test_its_steps_are_those_of_torch():
    wanted = [torch.linspace(-2, 2, 12).view(3, 4).requires_grad_(), torch.ones(5).requires_grad_()]
    found = [variable.detach().clone().requires_grad_() for variable in wanted]
    theirs = torch.optim.Adam(wanted, lr=0.1, betas=(0.9, 0.99))
    ours = Adam(found, 0.1, (0.9, 0.99))
    for step in range(12):
        theirs.param_groups[0]["lr"] = ours.rate = 0.1 if step < 8 else 0.03
        theirs.zero_grad()
        for first, second in (wanted, found):
            loss = first.sin().sum()
            # the second stays where it is now and then
            (loss if step % 3 == 1 else loss + (second - 3).square().sum()).backward()
        theirs.step()
        ours.step()
        assert all(torch.equal(a, b) for a, b in zip(wanted, found, strict=True))
        assert all(variable.grad is None for variable in found)


def test_no_compiler_is_loaded():
    code = (
        "import sys, torch; from napari_glc.codecs.optimising.adam import Adam; "
        "a = torch.ones(3, requires_grad=True); a.sum().backward(); Adam([a], 0.1).step(); "
        "print('torch._dynamo' in sys.modules, float(a[0].detach()) < 1)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == (
        "False True\n"
    )
