"""The prior in fixed point: the same integers from float64, which any machine has, or from narrow integers.

:class:`FixedPrior` is what the entropy coder asks. It holds the prior twice: as the network whose leaf modules are
those of :mod:`.fixed_point`, which defines the integers, and as :class:`IntegerPrior`, which computes
them several times faster where the processor multiplies 8-bit numbers well. Which of the two works is decided by
:func:`~.fixed_products.best_products`, once in a process, and is no part of a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor, nn

from .._base.threads import side_by_side, threads
from .fixed_arithmetic import SIXTEEN_BITS, FixedFormat, to_fixed
from .fixed_blocks import integer_blocks
from .fixed_point import FixedConv2d, to_fixed_point
from .fixed_products import Digits, Kind, Linear, TooLargeError, products
from .prior import MIN_QUANT_STEP, Prior, PriorParameters
from .quadtree import STEPS, scatter_step, step_quarters

__all__ = ["FixedPrior", "IntegerPrior", "StepCoder"]


class StepCoder(Protocol):
    """What is done with the symbols of one coding step: written, read or left out."""

    def __call__(self, step: int, scale: Tensor, mean: Tensor) -> Tensor:
        """Return the symbols, given their fixed-point scales and means; all three ``(1, N/4, H, W)``."""
        ...


class _Stages(Protocol):
    """The three parts of the prior, on int32 ``(1, C, H, W)``, channels last in memory; each keeps some rows."""

    def hyper(self, words: Tensor, kept: slice = ...) -> tuple[Tensor]:
        """Features of the hyper decoder; `kept` counts rows of these."""
        ...

    def fuse(self, features: Tensor, kept: slice = ...) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Fusion and reduction: quantisation step, scale, mean and context."""
        ...

    def spatial(self, y_hat: Tensor, context: Tensor, step: int, kept: slice = ...) -> tuple[Tensor, Tensor]:
        """Scales and means of what is coded in a step from the second on, ``(1, N/4, H, W)`` each."""
        ...


_ALL = slice(None)
_LEAST_BAND = 4
"""A band is at least so many times as high as its stage reaches: what it sees beyond itself is computed twice."""


class _FloatStages:
    """The definition: float64."""

    def __init__(self, twin: Prior) -> None:
        self.twin = twin

    def hyper(self, words: Tensor, kept: slice = _ALL) -> tuple[Tensor]:
        return (_integers(self.twin.hyper_dec(words.double()), kept),)

    def fuse(self, features: Tensor, kept: slice = _ALL) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        found = self.twin.parameters_from_features(features.double())
        step, scale, mean = (_integers(x, kept) for x in (found.quant_step, found.scale, found.mean))
        return step, scale, mean, _integers(found.context, kept)

    def spatial(self, y_hat: Tensor, context: Tensor, step: int, kept: slice = _ALL) -> tuple[Tensor, Tensor]:
        adaptor = self.twin.get_submodule(f"y_spatial_prior_adaptor_{step}")
        seen = torch.cat((y_hat, context), dim=1).double()
        scale, mean = self.twin.y_spatial_prior(adaptor(seen)).chunk(2, dim=1)
        return step_quarters(_integers(scale, kept), step), step_quarters(_integers(mean, kept), step)


def _integers(x: Tensor, kept: slice) -> Tensor:
    return x[:, :, kept].round().int().contiguous(memory_format=torch.channels_last)


class IntegerPrior(nn.Module):
    """The prior in narrow integers, made of its twin in float64.

    Raises
    ------
    TooLargeError
        If its weights are so large that numbers might not fit; while it works, if numbers do not fit.
    """

    def __init__(self, twin: Prior) -> None:
        super().__init__()
        self.hyper_dec = integer_blocks(twin.hyper_dec)
        self.fusion = integer_blocks(twin.y_prior_fusion)
        reduction = twin.y_spatial_prior_reduction
        assert isinstance(reduction, FixedConv2d)
        self.reduction = Linear(reduction)
        self.steps = nn.ModuleList(
            nn.ModuleList([*integer_blocks(twin.get_submodule(f"y_spatial_prior_adaptor_{step}"))])
            for step in range(1, STEPS)
        )
        self.shared = integer_blocks(twin.y_spatial_prior)

    def hyper(self, words: Tensor, kept: slice = _ALL) -> tuple[Tensor]:
        """See :class:`_Stages`."""
        height, width = words.shape[2:]
        x = _matrix(words).clone()
        for block in self.hyper_dec:
            x = block(x, height, width)
            factor = 2 if len(x) > height * width else 1
            height, width = factor * height, factor * width
        return (_plane(x, height, width)[:, :, kept],)

    def fuse(self, features: Tensor, kept: slice = _ALL) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See :class:`_Stages`."""
        height, width = features.shape[2:]
        x = _matrix(features).clone()
        for block in self.fusion:
            x = block(x, height, width)
        context = self.reduction(Digits(x, self.reduction.form), "a").clone()
        quant_step, scale, mean = _plane(x, height, width)[:, :, kept].chunk(3, dim=1)
        return quant_step, scale, mean, _plane(context, height, width)[:, :, kept]

    def spatial(self, y_hat: Tensor, context: Tensor, step: int, kept: slice = _ALL) -> tuple[Tensor, Tensor]:
        """See :class:`_Stages`."""
        height, width = y_hat.shape[2:]
        x = torch.cat((_matrix(y_hat), _matrix(context)), dim=1)
        for block in (*self.steps[step - 1], *self.shared):  # type: ignore[misc]
            x = block(x, height, width)
        scale, mean = _plane(x, height, width)[:, :, kept].chunk(2, dim=1)
        return step_quarters(scale, step), step_quarters(mean, step)


def _matrix(plane: Tensor) -> Tensor:
    """``(1, C, H, W)`` to ``(H W, C)``, without a copy where channels are last in memory."""
    return plane[0].permute(1, 2, 0).flatten(0, 1)


def _plane(matrix: Tensor, height: int, width: int) -> Tensor:
    return matrix.view(1, height, width, -1).permute(0, 3, 1, 2)


def _joined(bands: Sequence[Tensor]) -> Tensor:
    return torch.cat([band.permute(0, 2, 3, 1) for band in bands], dim=1).permute(0, 3, 1, 2)


class FixedPrior(nn.Module):
    """Probabilities of symbols to the last bit.

    Parameters
    ----------
    net
        A network whose prior is copied.
    form
        What the integers stand for.
    """

    def __init__(self, net: Prior, form: FixedFormat = SIXTEEN_BITS) -> None:
        super().__init__()
        self.form, self.config = form, net.config
        # rows beyond a band that change it: the hyper decoder sees half a row of words and two quarters of one
        self._reaches = {"hyper": 1, "fuse": 2, "spatial": 1 + net.config.prior_blocks}
        prior = Prior(net.config)
        wanted = prior.state_dict().keys()
        prior.load_state_dict({k: v for k, v in net.state_dict().items() if k in wanted})
        self.codebook = to_fixed(prior.z_vq.embedding.weight.detach(), form).int()
        self.gains = to_fixed(prior.q_prior.detach(), form) if net.config.rate_conditioned_prior else None
        del prior.z_vq
        twin = to_fixed_point(prior, form)
        assert isinstance(twin, Prior)
        self.twin = twin.requires_grad_(False).eval()
        self.integers: IntegerPrior | None = None
        with suppress(TooLargeError):
            self.integers = IntegerPrior(self.twin)

    @cached_property
    def agrees(self) -> bool:
        """Whether narrow integers are those of float64, as they must be; tried on a small plane of random words."""
        if self.integers is None:
            return False
        generator = torch.Generator().manual_seed(3)
        indices = torch.randint(len(self.codebook), (1, 2), generator=generator)
        words = self._words(indices)
        y_hat = torch.randint(-4, 5, (1, self.config.channels, 4, 8), generator=generator).int() * int(self.form.one)
        y_hat = y_hat.contiguous(memory_format=torch.channels_last)
        narrow, exact = self.integers, _FloatStages(self.twin)
        with suppress(TooLargeError):  # no disagreement: float64 takes over whenever that happens
            (features,) = exact.hyper(words)
            known = exact.fuse(features)
            pairs = [*zip(narrow.hyper(words), (features,), strict=True)]
            pairs += zip(narrow.fuse(features), known, strict=True)
            for step in range(1, STEPS):
                steps = (stages.spatial(y_hat, known[-1], step) for stages in (narrow, exact))
                pairs += zip(*steps, strict=True)
            return all(torch.equal(one, other) for one, other in pairs)
        return True

    @property
    def arithmetic(self) -> Kind:
        """What multiplies."""
        kind = products()
        known: tuple[Kind, ...] = ("int8",) if self.form.weight_bits == 16 else ("int8", "float32")
        return kind if self.integers is not None and kind in known else "float64"

    def _words(self, indices: Tensor) -> Tensor:
        return self.codebook[indices].permute(2, 0, 1).unsqueeze(0)

    @torch.inference_mode()
    def parameters_of(self, hyper_indices: Tensor, rate: int, rate_steps: int) -> PriorParameters:
        """First answers of the prior, int32, its quantisation step bounded.

        Parameters
        ----------
        hyper_indices
            Int64 ``(h/4, w/4)``.
        rate, rate_steps
            Rate position as a fraction of the way from the first to the last rate point.
        """
        (features,) = self._run("hyper", self._words(hyper_indices), factor=4)
        if self.gains is not None:
            low, fraction = divmod(rate * (self.config.rate_points - 1), rate_steps)
            high = min(low + 1, self.config.rate_points - 1)
            gain = self.gains[low] * (rate_steps - fraction) + self.gains[high] * fraction
            # integers below 2**53 throughout; the added half unit keeps the quotient off rounding borders
            scaled = features.double().mul_(gain).add_(0.5).div_(self.form.one * rate_steps)
            features = scaled.floor_().int()
        quant_step, scale, mean, context = self._run("fuse", features)
        return PriorParameters(quant_step.clamp_min(round(MIN_QUANT_STEP * self.form.one)), scale, mean, context)

    @torch.inference_mode()
    def code_steps(self, parameters: PriorParameters, code: StepCoder) -> Tensor:
        """Run the four coding steps; returns y_hat, int32 ``(1, N, H, W)``, before the quantisation step."""
        y_hat = torch.zeros_like(parameters.context)
        for step in range(STEPS):
            if step == 0:
                scale, mean = (step_quarters(x, 0) for x in (parameters.scale, parameters.mean))
            else:
                scale, mean = self._run("spatial", y_hat, parameters.context, step=step)
            symbols = code(step, scale, mean)
            scatter_step(symbols.int() * int(self.form.one) + mean, step, y_hat)
        return y_hat

    def _run(self, stage: str, *planes: Tensor, factor: int = 1, **options: int) -> tuple[Tensor, ...]:
        """A stage in bands of rows side by side; `factor` is how much higher its output is than its input."""
        height, reach = planes[0].shape[2], self._reaches[stage]
        # stages of eight-bit products are so short that waiting for one another takes longer than they do
        alone = self.form.weight_bits == 8 and self.arithmetic == "int8"
        count = 1 if alone else max(1, min(threads(), height // (_LEAST_BAND * reach)))
        # bands begin on even rows, so that each has the cells of the coding steps as the plane has them
        borders = [height * number // count // 2 * 2 for number in range(count)] + [height]

        def band(number: int) -> tuple[Tensor, ...]:
            top, bottom = borders[number], borders[number + 1]
            above, below = max(0, top - reach), min(height, bottom + reach)
            kept = slice(factor * (top - above), factor * (bottom - above))
            return self._compute(stage, [plane[:, :, above:below] for plane in planes], kept, options)

        found = side_by_side(band, range(count))
        return found[0] if count == 1 else tuple(_joined(parts) for parts in zip(*found, strict=True))

    def _compute(self, stage: str, planes: list[Tensor], kept: slice, options: dict[str, int]) -> tuple[Tensor, ...]:
        """In narrow integers if they are quick here and the numbers fit, else in float64."""
        found: tuple[Tensor, ...]
        with torch.autocast("cpu", enabled=False):
            if self.arithmetic != "float64" and self.agrees:
                with suppress(TooLargeError):
                    found = getattr(self.integers, stage)(*planes, kept=kept, **options)
                    return found
            found = getattr(_FloatStages(self.twin), stage)(*planes, kept=kept, **options)
            return found
