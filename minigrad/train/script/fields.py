"""The fields of a model script.

What each must be, and which of them a misspelt name is meant to be.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches

import attrs
import numpy as np

from minigrad.data import Dataset, Loader
from minigrad.nn import Module
from minigrad.optim import StatefulOptimizer
from minigrad.text import clip_middle
from minigrad.train.callbacks import Callback
from minigrad.train.splits import Split

__all__ = ["FIELDS", "REQUIRED", "Field", "problem", "suggest_field"]


@attrs.frozen
class Field:
    """One field: what it must be, in words and as a test, and other names that people give it."""

    what: str
    fits: Callable[[object], bool]
    aliases: tuple[str, ...] = ()


def _whole(least: int) -> Callable[[object], bool]:
    def fits(value: object) -> bool:
        return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least

    return fits


def _number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _or_none(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or fits(value)


def _is_word(value: object) -> bool:
    return isinstance(value, str)


def _is_callbacks(value: object) -> bool:
    return isinstance(value, Sequence) and all(isinstance(v, Callback) for v in value)


def _is_metrics(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and (isinstance(v, str) or callable(v)) for k, v in value.items())
    return isinstance(value, list | tuple) and all(isinstance(v, str) or callable(v) for v in value)


REQUIRED = ("model", "data", "loss")
FIELDS: Mapping[str, Field] = {
    "model": Field(
        "a minigrad.nn.Module, such as nn.mlp(784, [128], 10)",
        lambda v: isinstance(v, Module),
        ("net", "network", "module"),
    ),
    "data": Field(
        "the name of an embedded set, a Dataset, arrays (x, y) or (x_train, y_train, x_val, y_val), a Loader, "
        "(loader, x_val, y_val), or a Split",
        lambda v: isinstance(v, str | Dataset | Loader | Split | tuple),
        ("dataset", "train_data", "rows"),
    ),
    "loss": Field(
        "'softmax', 'svm', 'mse', or a function of outputs and targets that returns a Tensor",
        lambda v: isinstance(v, str) or callable(v),
        ("criterion", "objective", "loss_fn", "loss_function"),
    ),
    "regularization": Field(
        "a function of the model that returns a Tensor, such as nn.L2(1e-3)",
        _or_none(callable),
        ("regularisation", "regularizer", "penalty", "weight_decay", "l2"),
    ),
    "optimizer": Field(
        "the name of an installed optimizer, such as 'adam', or what mg.optimizer(...) returns",
        lambda v: isinstance(v, str | StatefulOptimizer),
        ("optimiser", "opt"),
    ),
    "hyperparameters": Field(
        "a dict of names and values, such as {'momentum': 0.95}",
        lambda v: isinstance(v, Mapping) and all(isinstance(k, str) for k in v),
        ("hyper", "optimizer_options", "options"),
    ),
    "class_weight": Field(
        "'balanced', or a weight for each class",
        lambda v: v is None or isinstance(v, str | Mapping | list | tuple | np.ndarray),
        ("class_weights",),
    ),
    "lr": Field("a learning rate, a number", _or_none(_number), ("learning_rate", "rate", "step_size")),
    "schedule": Field(
        "a name such as 'cosine', a minigrad.optim schedule, or a function of the step that gives the learning rate",
        lambda v: v is None or isinstance(v, str) or callable(v),
        ("scheduler", "lr_schedule", "lr_scheduler"),
    ),
    "warmup": Field("a whole number of updates, at least 0", _whole(0), ("warm_up",)),
    "clip": Field("a bound on the norm of the gradient, a number", _or_none(_number), ("clip_norm", "max_norm")),
    "accumulate": Field("a whole number of batches, at least 1", _whole(1), ("accumulation",)),
    "epochs": Field("a whole number, at least 1", _whole(1), ("epoch", "num_epochs", "n_epochs")),
    "batch_size": Field("a whole number, at least 1", _whole(1), ("batch", "batchsize", "bs")),
    "patience": Field("a whole number of epochs, at least 1", _or_none(_whole(1))),
    "seed": Field("a whole number, at least 0", _whole(0), ("random_state",)),
    "metrics": Field(
        "names of metrics such as ['f1'], or a dict of names and functions of outputs and targets (arrays) that return "
        "a number",
        _is_metrics,
        ("metric",),
    ),
    "monitor": Field("the name of a figure or metric that chooses the best epoch", _or_none(_is_word), ("watch",)),
    "mode": Field("'max' or 'min', which way that figure is better", lambda v: v in ("max", "min", None)),
    "callbacks": Field("a list of minigrad.train.Callback objects", _is_callbacks, ("callback",)),
}
"""Everything a model script may define; `REQUIRED` are the ones it must."""


def problem(name: str, value: object) -> str:
    """Why a value cannot be the field, or an empty text."""
    if isinstance(value, type) and name in ("model", "loss", "regularization"):
        return f"it is the class {value.__name__}, not an object of it (is '()' missing?)"
    if FIELDS[name].fits(value):
        return ""
    if value is None or isinstance(value, int | float | str):
        return f"it is {clip_middle(repr(value), 100)}"
    if isinstance(value, list | tuple | dict) and name != "data":  # the kind is right, what is in it is not
        return f"it is {clip_middle(reprlib.repr(value), 100)}"
    return f"it is of type {type(value).__name__}"


def suggest_field(name: str, fields: Iterable[str]) -> str:
    """Return the one of `fields` that a name stands for, or an empty text.

    By a known alias or because it looks like it.
    """
    names = list(fields)
    plain = name.lower()
    for field in names:
        if plain in FIELDS[field].aliases:
            return field
    return next(iter(get_close_matches(plain, names, n=1, cutoff=0.75)), "")
