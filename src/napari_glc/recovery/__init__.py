"""Lost indices of index maps: patterns of loss, and ways of predicting what was there.

Works on index maps and networks; knows nothing of files.
"""

from .baselines import most_frequent, nearest
from .metrics import index_accuracy
from .patterns import PATTERNS, lost_positions
from .sampling import Sampling
from .transformer import predict_both_sides, predict_by_windows, predict_in_order

__all__ = [
    "PATTERNS",
    "Sampling",
    "index_accuracy",
    "lost_positions",
    "most_frequent",
    "nearest",
    "predict_both_sides",
    "predict_by_windows",
    "predict_in_order",
]
