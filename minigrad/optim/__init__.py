"""Optimizers: the contract for plugins, the driver that runs them, and the door through which they come in.

Rules themselves are found through entry points of the group `minigrad.optimizers`; this package knows none by name.
Its names are loaded when they are first used, so that `import minigrad` does not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minigrad.optim.errors import HyperparameterError as HyperparameterError
    from minigrad.optim.errors import LawError as LawError
    from minigrad.optim.errors import MissingGradient as MissingGradient
    from minigrad.optim.errors import NeedError as NeedError
    from minigrad.optim.errors import NonFiniteGradient as NonFiniteGradient
    from minigrad.optim.errors import NonFiniteParameters as NonFiniteParameters
    from minigrad.optim.errors import NonFiniteWarning as NonFiniteWarning
    from minigrad.optim.errors import OptimizerError as OptimizerError
    from minigrad.optim.errors import ParameterError as ParameterError
    from minigrad.optim.errors import PluginError as PluginError
    from minigrad.optim.errors import StateError as StateError
    from minigrad.optim.errors import UnknownOptimizer as UnknownOptimizer
    from minigrad.optim.errors import UpdateError as UpdateError
    from minigrad.optim.gradient_transforms import Clip as Clip
    from minigrad.optim.gradient_transforms import ClipAdaptive as ClipAdaptive
    from minigrad.optim.gradient_transforms import ClipNorm as ClipNorm
    from minigrad.optim.gradient_transforms import ClipValue as ClipValue
    from minigrad.optim.hyperparameters import choice as choice
    from minigrad.optim.hyperparameters import count as count
    from minigrad.optim.hyperparameters import flag as flag
    from minigrad.optim.hyperparameters import number as number
    from minigrad.optim.laws import examine as examine
    from minigrad.optim.moment import Moment as Moment
    from minigrad.optim.objective import Objective as Objective
    from minigrad.optim.plugins.discovery import Entry as Entry
    from minigrad.optim.plugins.discovery import available as available
    from minigrad.optim.plugins.discovery import rescan as rescan
    from minigrad.optim.plugins.loading import load as load
    from minigrad.optim.protocol import API as API
    from minigrad.optim.protocol import Averages as Averages
    from minigrad.optim.protocol import Need as Need
    from minigrad.optim.protocol import NeedsMore as NeedsMore
    from minigrad.optim.protocol import NoState as NoState
    from minigrad.optim.protocol import Optimizer as Optimizer
    from minigrad.optim.protocol import Segment as Segment
    from minigrad.optim.schedules import Chain as Chain
    from minigrad.optim.schedules import Constant as Constant
    from minigrad.optim.schedules import Cosine as Cosine
    from minigrad.optim.schedules import Exponential as Exponential
    from minigrad.optim.schedules import InverseTime as InverseTime
    from minigrad.optim.schedules import Linear as Linear
    from minigrad.optim.schedules import OneCycle as OneCycle
    from minigrad.optim.schedules import Piecewise as Piecewise
    from minigrad.optim.schedules import Schedule as Schedule
    from minigrad.optim.schedules import Stair as Stair
    from minigrad.optim.schedules import WarmUp as WarmUp
    from minigrad.optim.stateful.factory import Group as Group
    from minigrad.optim.stateful.make import optimizer as optimizer
    from minigrad.optim.stateful.optimizer import Driver as Driver
    from minigrad.optim.stateful.param_groups import Hyper as Hyper
    from minigrad.optim.stateful.param_groups import Step as Step
    from minigrad.optim.stateful.shadow_weights import Average as Average
    from minigrad.optim.stateful.shadow_weights import Ema as Ema
    from minigrad.optim.stateful.shadow_weights import LookAhead as LookAhead
    from minigrad.optim.stateful.shadow_weights import Swa as Swa

_HOMES = {
    "stateful.factory": ("Group",),
    "plugins.discovery": ("Entry", "available", "rescan"),
    "stateful.optimizer": ("Driver",),
    "errors": (
        "HyperparameterError",
        "LawError",
        "MissingGradient",
        "NeedError",
        "NonFiniteGradient",
        "NonFiniteParameters",
        "NonFiniteWarning",
        "OptimizerError",
        "ParameterError",
        "PluginError",
        "StateError",
        "UnknownOptimizer",
        "UpdateError",
    ),
    "stateful.shadow_weights": ("Average", "Ema", "LookAhead", "Swa"),
    "hyperparameters": ("choice", "count", "flag", "number"),
    "laws": ("examine",),
    "plugins.loading": ("load",),
    "stateful.make": ("optimizer",),
    "moment": ("Moment",),
    "objective": ("Objective",),
    "stateful.param_groups": ("Hyper", "Step"),
    "protocol": ("API", "Averages", "Need", "NeedsMore", "NoState", "Optimizer", "Segment"),
    "schedules": (
        "Chain",
        "Constant",
        "Cosine",
        "Exponential",
        "InverseTime",
        "Linear",
        "OneCycle",
        "Piecewise",
        "Schedule",
        "Stair",
        "WarmUp",
    ),
    "gradient_transforms": ("Clip", "ClipAdaptive", "ClipNorm", "ClipValue"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "API",
    "Average",
    "Chain",
    "Clip",
    "ClipAdaptive",
    "ClipNorm",
    "ClipValue",
    "Constant",
    "Cosine",
    "Driver",
    "Ema",
    "Entry",
    "Exponential",
    "Group",
    "Hyper",
    "HyperparameterError",
    "InverseTime",
    "LawError",
    "Linear",
    "LookAhead",
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
    "Swa",
    "UnknownOptimizer",
    "UpdateError",
    "WarmUp",
    "available",
    "choice",
    "count",
    "examine",
    "flag",
    "load",
    "number",
    "optimizer",
    "rescan",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
