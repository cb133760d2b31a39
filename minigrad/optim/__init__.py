"""Optimizers: the contract for plugins, the driver that runs them, and the door through which they come in.

Rules themselves are found through entry points of the group `minigrad.optimizers`; this package knows none by name.
"""

from minigrad.optim.discovery import Entry, available, rescan
from minigrad.optim.driver import Driver, Hyper, Step
from minigrad.optim.errors import (
    HyperparameterError,
    LawError,
    MissingGradient,
    NeedError,
    NonFiniteGradient,
    NonFiniteWarning,
    OptimizerError,
    ParameterError,
    PluginError,
    StateError,
    UnknownOptimizer,
    UpdateError,
)
from minigrad.optim.hyper import choice, count, flag, number
from minigrad.optim.loading import load
from minigrad.optim.make import Group, optimizer
from minigrad.optim.moment import Moment
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import API, Need, NeedsMore, NoState, Optimizer, Segment
from minigrad.optim.schedules import (
    Chain,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Linear,
    OneCycle,
    Piecewise,
    Schedule,
    Stair,
    WarmUp,
)
from minigrad.optim.shaping import Clip, ClipAdaptive, ClipNorm, ClipValue

__all__ = [
    "API",
    "Chain",
    "Clip",
    "ClipAdaptive",
    "ClipNorm",
    "ClipValue",
    "Constant",
    "Cosine",
    "Driver",
    "Entry",
    "Exponential",
    "Group",
    "Hyper",
    "HyperparameterError",
    "InverseTime",
    "LawError",
    "Linear",
    "MissingGradient",
    "Moment",
    "Need",
    "NeedError",
    "NeedsMore",
    "NoState",
    "NonFiniteGradient",
    "NonFiniteWarning",
    "Objective",
    "OneCycle",
    "Optimizer",
    "OptimizerError",
    "ParameterError",
    "Piecewise",
    "PluginError",
    "Schedule",
    "Segment",
    "Stair",
    "StateError",
    "Step",
    "UnknownOptimizer",
    "UpdateError",
    "WarmUp",
    "available",
    "choice",
    "count",
    "flag",
    "load",
    "number",
    "optimizer",
    "rescan",
]
