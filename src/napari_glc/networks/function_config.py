"""Configuration of the networks that fitted functions share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .._base.config import Config, Count, Size

__all__ = ["FunctionConfig"]


class FunctionConfig(Config, frozen=True, kw_only=True):
    """Networks of a function that come with the model (:mod:`.function`).

    Parameters
    ----------
    grids
        Resolutions.
    nodes
        Places on the range of rates at which what depends on the rate is learned; in between it is interpolated.
    hidden
        Width of the autoregressive model, for each channel.
    parent
        Features it gets from the next coarser grid.
    width, depth
        Of the network that makes the latent of the sum of all grids: channels and residual blocks.
    guess
        Width of the network that guesses grids from a latent.
    """

    grids: Annotated[int, Meta(ge=2, le=12)] = 7
    nodes: Annotated[int, Meta(ge=2, le=64)] = 5
    hidden: Size = 24
    parent: Size = 16
    width: Size = 32
    depth: Count = 2
    guess: Size = 32
