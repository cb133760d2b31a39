"""Options of layers: PyTorch's words for them, and the answer to a misspelt one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, signature
from types import FunctionType, MappingProxyType
from typing import TypeVar

import numpy as np

from minigrad.core.errors import MinigradError, nearest
from minigrad.nn.errors import ModuleError, UnknownOption
from minigrad.ops.option_values import is_checked, limit_of, problem_with

__all__ = ["NEUTRAL_OPTIONS", "SYNONYMS", "check_options", "named_options"]

C = TypeVar("C", bound=type)

# fmt: off
SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "bias": ("use_bias",),
    "dim": ("axis",),
    "elementwise_affine": ("affine",),
    "d_model": ("embed_dim",),
    "nhead": ("num_heads",),
    "dim_feedforward": ("hidden",),
    "min_val": ("low",),
    "max_val": ("high",),
    "init": ("initial",),
    "mode": ("interpolation", "combine"),
    "start_dim": ("start_axis",),
    "end_dim": ("end_axis",),
    "unflattened_size": ("sizes",),
    "layer_norm_eps": ("eps",),
})
"""PyTorch's name of an option -> names here, of which a layer has one at most.

Both are taken.
"""

NEUTRAL_OPTIONS: Mapping[str, tuple[tuple[object, ...], str]] = MappingProxyType({
    "inplace": ((False,), "Tensors do not change, so there is nothing to save: leave it out"),
    "device": ((None, "cpu"), "there is one device, main memory: leave it out"),
    "dtype": ((None, np.float32, np.dtype(np.float32), "float32"), "layers begin in float32: use layer.astype(dtype)"),
    "batch_first": ((True,), "sequences are (N, time, ...) always: swap the first two axes of the input"),
    "track_running_stats": ((False,), "this layer has no running statistics: leave it out"),
    "sparse": ((False,), "gradients are dense: leave it out"),
    "size_average": ((None,), "use reduction="),
    "reduce": ((None,), "use reduction="),
    **{f"{layer}.{option}": answer
       for layer in ("Embedding", "EmbeddingBag")
       for option, answer in {
           "max_norm": ((None,), "shorten the rows that come out: "
                        "y * mg.minimum(1.0, max_norm / mg.linalg.norm(y, axis=-1, keepdims=True))"),
           "norm_type": ((2, 2.0), "it belongs to max_norm, which is not here: leave it out"),
           "scale_grad_by_freq": ((False,), "divide layer.weight.grad by np.bincount(symbols) before the step"),
       }.items()},
    "EmbeddingBag.include_last_offset": ((False,), "bags are rows of an array (N, bag), filled up with padding_idx"),
    **{f"MaxPool{n}d.return_indices": ((False,), "positions are for MaxUnpool, which is not here: nn.Upsample and "
                                                 "nn.ConvTranspose make images larger") for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d.return_indices": ((False,), "MaxUnpool is not here: nn.Upsample and nn.ConvTranspose "
                                                         "make images larger") for n in (1, 2, 3)},
    "LSTM.proj_size": ((0,), "use nn.Linear(hidden_size, proj_size) behind it"),
    "MultiHeadAttention.is_causal": ((False,), "use causal=True, or is_causal=True in the call"),
})
"""Option of PyTorch that means nothing here -> values it may have, and a hint for others.

An option of one layer stands behind its name.
"""
# fmt: on


def named_options(cls: C) -> C:
    """Decorate a class, no module, so that its constructor names misspelt options, too."""
    construct = vars(cls)["__init__"]
    setattr(cls, "__init__", check_options(cls, construct))  # noqa: B010
    return cls


def check_options(cls: type, construct: FunctionType) -> Callable[..., None]:
    """Wrap the `__init__` of a layer, so that it knows PyTorch's words and names others.

    Args:
        cls: the class, for messages.
        construct: its `__init__`.

    Returns:
        The wrapped function. It raises UnknownOption for a keyword that the class does not have.
    """
    parameters = signature(construct).parameters
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values()):
        return construct
    known = [name for name in parameters if name != "self"]
    own = cls.__module__.startswith("minigrad.nn.")  # what other layers' annotations mean is not known
    checked = {n: str(parameters[n].annotation) for n in known if own and is_checked(str(parameters[n].annotation))}

    @wraps(construct)
    def __init__(self: object, *args: object, **kwargs: object) -> None:
        if not kwargs.keys() <= parameters.keys():
            kwargs = _translate(cls.__name__, known, kwargs)
        if not checked:
            construct(self, *args, **kwargs)
            return
        values = {**dict(zip(known, args, strict=False)), **kwargs}
        try:
            construct(self, *args, **kwargs)
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            if not isinstance(error, MinigradError):
                _require(cls.__name__, checked, values, error)
            raise
        _require(cls.__name__, checked, values, None)

    return __init__


def _require(layer: str, checked: Mapping[str, str], values: Mapping[str, object], error: Exception | None) -> None:
    """Raise ModuleError where an option is not what its annotation and name say."""
    for name, annotation in checked.items():
        if name in values:
            problem = problem_with(values[name], annotation, limit_of(layer, name))
            if problem is not None:
                raise ModuleError(f"{layer}.{name} must be {problem}, got {values[name]!r:.60}") from error


def _translate(layer: str, known: list[str], kwargs: dict[str, object]) -> dict[str, object]:
    options: dict[str, object] = {}
    words = [*known, *(word for word, names in SYNONYMS.items() if any(n in known for n in names))]
    for name, value in kwargs.items():
        word = name if name in known else next((s for s in SYNONYMS.get(name, ()) if s in known), None)
        if word is not None:
            if word in options:
                synonyms = " and ".join(n for n in kwargs if n == word or word in SYNONYMS.get(n, ()))
                raise UnknownOption(f"{layer}: {synonyms} are one option; give {word} only")
            options[word] = value
        elif (neutral := NEUTRAL_OPTIONS.get(f"{layer}.{name}") or NEUTRAL_OPTIONS.get(name)) is not None:
            values, hint = neutral
            if not any(value is v or (type(value) is type(v) and value == v) for v in values):
                raise UnknownOption(f"{layer} has no option {name}={value!r}: {hint}")
        else:
            has = f" It has {', '.join(known)}" if known else " It has none"
            raise UnknownOption(f"{layer} has no option {name!r}.{nearest(name, words)}{has}")
    return options
