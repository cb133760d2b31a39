"""Finding hyperparameters: a range of learning rates with its reason, and a search that survives being killed."""

from minigrad.tune.lr_find import RateRange, find_rate
from minigrad.tune.space import Space, SpaceError, parse_space
from minigrad.tune.sweep import Sweep, Trial, sweep

__all__ = ["RateRange", "Space", "SpaceError", "Sweep", "Trial", "find_rate", "parse_space", "sweep"]
