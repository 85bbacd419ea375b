"""More time at the encoder, fewer bytes at the same look; the decoder is the same."""

from .optimise import Goal, Report, Standing, optimise
from .schedule import EFFORTS

__all__ = ["EFFORTS", "Goal", "Report", "Standing", "optimise"]
