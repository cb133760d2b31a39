"""The public names of minigrad.optim, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.optim.clip_chain import ClipChain as ClipChain
from minigrad.optim.errors import (
    HyperparameterError as HyperparameterError, LawError as LawError, MissingGradient as MissingGradient,
    NeedError as NeedError, NonFiniteGradient as NonFiniteGradient, NonFiniteParameters as NonFiniteParameters,
    NonFiniteWarning as NonFiniteWarning, OptimizerError as OptimizerError, ParameterError as ParameterError,
    PluginError as PluginError, SlowPluginWarning as SlowPluginWarning, StateError as StateError,
    UnknownOptimizer as UnknownOptimizer, UpdateError as UpdateError,
)
from minigrad.optim.gradient_transforms import (
    Clip as Clip, ClipAdaptive as ClipAdaptive, ClipNorm as ClipNorm, ClipValue as ClipValue,
)
from minigrad.optim.hyperparameters import (
    choice as choice, count as count, decay as decay, flag as flag, number as number, share as share,
)
from minigrad.optim.laws import examine as examine
from minigrad.optim.loading import Entry as Entry, available as available, load as load, rescan as rescan
from minigrad.optim.moment import Moment as Moment
from minigrad.optim.objective import Objective as Objective
from minigrad.optim.protocol import (
    API as API, Averages as Averages, Need as Need, NeedsMore as NeedsMore, NoState as NoState, Optimizer as Optimizer,
    Segment as Segment,
)
from minigrad.optim.schedule import Constant as Constant, ReduceOnPlateau as ReduceOnPlateau, Schedule as Schedule
from minigrad.optim.schedules import (
    Chain as Chain, Cosine as Cosine, Exponential as Exponential, InverseTime as InverseTime, Linear as Linear,
    OneCycle as OneCycle, Piecewise as Piecewise, Stair as Stair, WarmUp as WarmUp,
)
from minigrad.optim.stateful.factory import Group as Group, optimizer as optimizer
from minigrad.optim.stateful.optimizer import StatefulOptimizer as StatefulOptimizer
from minigrad.optim.stateful.param_groups import Hyper as Hyper, StepResult as StepResult
from minigrad.optim.stateful.shadow_weights import Average as Average, Ema as Ema, LookAhead as LookAhead, Swa as Swa

__all__: list[str]
