"""Optimizers: the contract for plugins, the driver that runs them, and how they are found.

Rules themselves are found through entry points of the group `minigrad.optimizers`; this package knows none by name.
Its names are loaded when they are first used, so that `import minigrad` does not pay for them.
"""

from minigrad import lazy
from minigrad.text import nearest

_PUBLIC = {
    "errors": """HyperparameterError LawError MissingGradient NeedError NonFiniteGradient NonFiniteParameters
        NonFiniteWarning OptimizerError ParameterError PluginError SlowPluginWarning StateError UnknownOptimizer
        UpdateError""",
    "clip_chain": "ClipChain",
    "gradient_transforms": "Clip ClipAdaptive ClipNorm ClipValue",
    "hyperparameters": "choice count decay flag number share",
    "laws": "examine",
    "loading": "Entry available load rescan",
    "moment": "Moment",
    "objective": "Objective",
    "protocol": "API Averages Need NeedsMore NoState Optimizer Segment",
    "schedule": "Constant ReduceOnPlateau Schedule",
    "schedules": "Chain Cosine Exponential InverseTime Linear OneCycle Piecewise Stair WarmUp",
    "stateful.factory": "Group optimizer",
    "stateful.optimizer": "StatefulOptimizer",
    "stateful.param_groups": "Hyper StepResult",
    "stateful.shadow_weights": "Average Ema LookAhead Swa",
}

_OTHER_WORDS = {
    "SGD": "mg.optimizer('sgd', model.named_parameters(), lr=0.1), with momentum 'momentum' or 'nesterov'",
    "lr_scheduler": "lr= takes a schedule: optim.Cosine(0.1, steps), optim.WarmUp(...), optim.ReduceOnPlateau(...)",
    "CosineAnnealingLR": "lr=optim.Cosine(0.1, steps); schedules count updates, not epochs",
    "CosineAnnealingWarmRestarts": "lr=optim.Chain((optim.Cosine(0.1, 500), optim.Cosine(0.1, 1000)), (500,))",
    "StepLR": "lr=optim.Stair(0.1, factor=0.1, every=steps); schedules count updates, not epochs",
    "MultiStepLR": "lr=optim.Piecewise((300, 800), (0.1, 0.01, 0.001)); schedules count updates, not epochs",
    "ExponentialLR": "lr=optim.Exponential(0.1, factor=0.999), after each update",
    "LinearLR": "lr=optim.Linear(0.1, 0.01, steps); a rise at the start is optim.WarmUp(then, steps)",
    "CyclicLR": "lr=optim.OneCycle(peak, steps), or a subclass of optim.Schedule",
    "SequentialLR": "lr=optim.Chain(schedules, lengths)",
    "LambdaLR": "a subclass of optim.Schedule, whose __call__(t) is the rate at update t = 1, 2, ...",
    "swa_utils": "mg.optimizer(..., average=optim.Swa(...)) or optim.Ema(...)",
    "LBFGS": "mg.optimizer('l-bfgs', model.named_parameters()), after pip install ./plugins/minigrad-newton",
}


def _find_rule(name: str) -> object:
    """Say how a rule is made whose class people know from elsewhere.

    Raises:
        AttributeError: always; names what to use.
    """
    lower = name.lower()
    if lower in ("adam", "adamw", "adagrad", "rmsprop", "nadam", "radam", "adamax", "adadelta", "lamb", "lion"):
        raise AttributeError(
            f"module {__name__!r} has no {name!r}: optimizers are made by name: "
            f"mg.optimizer({lower!r}, model.named_parameters(), lr=1e-3); 'minigrad optimizers' lists them"
        )
    raise AttributeError(f"module {__name__!r} has no {name!r}.{nearest(name, lazy.parse(__name__, _PUBLIC))}")


__getattr__, __dir__, __all__ = lazy.names(
    __name__,
    _PUBLIC,
    renamed={"Driver": "StatefulOptimizer", "Step": "StepResult"},
    other_words=_OTHER_WORDS,
    otherwise=_find_rule,
)
