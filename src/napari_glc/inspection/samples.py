"""Several pictures decoded from the same bytes: where they agree and where they are made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spread", "spread"]


@dataclass(frozen=True, eq=False)
class Spread:
    """What some samples have in common.

    Attributes
    ----------
    mean
        Of the samples, float32, of the shape of one of them.
    deviation
        Standard deviation over the samples, float32, in their units; of RGB the root mean square over the colours, so
        its last axis is gone. Large where the bytes say little and the decoder invents.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


def spread(samples: NDArray[np.generic], *, rgb: bool) -> Spread:
    """Mean and deviation of samples.

    Parameters
    ----------
    samples
        ``(count, ...)``, as from :meth:`napari_glc.GlcFile.samples`; one sample deviates by nothing.
    rgb
        Whether the last axis is colours.

    Examples
    --------
    >>> import numpy as np
    >>> found = spread(np.array([[[1, 5]], [[3, 5]]]), rgb=False)
    >>> found.mean.tolist(), found.deviation.tolist()
    ([[2.0, 5.0]], [[1.0, 0.0]])
    """
    values = samples.astype(np.float32)
    mean = values.mean(0)
    variance = values.var(0)
    if rgb:
        variance = variance.mean(-1)
    return Spread(mean, np.sqrt(variance))
