"""The prior's weights as models hold them that were made for eight bits."""

from __future__ import annotations

from torch import Tensor, nn

from ...models.int8 import SCALE_SUFFIX
from ...networks.config import GlcConfig
from ...networks.fixed_arithmetic import EIGHT_BITS, power_of_two
from ...networks.fixed_point import integer_convolution
from ...networks.prior import Prior

__all__ = ["eight_bit_prior"]


def eight_bit_prior(weights: dict[str, Tensor], config: GlcConfig) -> dict[str, Tensor]:
    """Weights of the prior's convolutions as the integers they are evaluated with, each row's scale a power of two.

    Parameters
    ----------
    weights
        Of a network, as floating-point numbers.
    config
        Its configuration.

    Returns
    -------
    dict
        int8 tensors under the weights' names, and the scales; see :mod:`napari_glc.models.int8`. Empty if the
        configuration asks for 16 bits.
    """
    if config.prior_weight_bits != 8:
        return {}
    prior = Prior(config)
    # biases as models hold them: they are part of the sums that bound the scales
    prior.load_state_dict({key: weights[key].half().float() for key in prior.state_dict()})
    packed: dict[str, Tensor] = {}
    for name, layer in prior.named_modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = weights[f"{name}.weight"].float()
            found = integer_convolution(layer, EIGHT_BITS)
            packed[f"{name}.weight"] = found.weight.char()
            packed[f"{name}.weight{SCALE_SUFFIX}"] = power_of_two(-found.shift).float()
    return packed
