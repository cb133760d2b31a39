"""Optimizers: the contract for plugins, the driver that runs them, and how they are found.

Rules themselves are found through entry points of the group `minigrad.optimizers`; this package knows none by name.
Its names are loaded when they are first used, so that `import minigrad` does not pay for them.
"""

from minigrad import lazy

_PUBLIC = {
    "errors": """HyperparameterError LawError MissingGradient NeedError NonFiniteGradient NonFiniteParameters
        NonFiniteWarning OptimizerError ParameterError PluginError SlowPluginWarning StateError UnknownOptimizer
        UpdateError""",
    "gradient_transforms": "Clip ClipAdaptive ClipNorm ClipValue",
    "hyperparameters": "choice count decay flag number share",
    "laws": "examine",
    "loading": "Entry available load rescan",
    "moment": "Moment",
    "objective": "Objective",
    "protocol": "API Averages Need NeedsMore NoState Optimizer Segment",
    "schedules": """Chain Constant Cosine Exponential InverseTime Linear OneCycle Piecewise ReduceOnPlateau Schedule
        Stair WarmUp""",
    "stateful.factory": "Group optimizer",
    "stateful.optimizer": "StatefulOptimizer",
    "stateful.param_groups": "Hyper StepResult",
    "stateful.shadow_weights": "Average Ema LookAhead Swa",
}

__getattr__, __dir__, __all__ = lazy.names(
    __name__, _PUBLIC, renamed={"Driver": "StatefulOptimizer", "Step": "StepResult"}
)
