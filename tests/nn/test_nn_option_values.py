"""Layers and losses refuse options of another kind, NaN, and numbers out of range: by name, when they are built.

Which options there are, and what they may be, is read from the signatures.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from minigrad import nn
from minigrad.nn.errors import ModuleError
from minigrad.ops.option_values import is_checked
from support.nn_cases import CASES as PLAIN
from support.nn_loss_cases import CASES as LOSSES
from support.nn_named_cases import CASES as NAMED

WRONG: dict[str, list[Any]] = {
    "bool": ["yes", None, 2, 0.5, (True,), np.array([1, 2])],
    "int": [1.5, np.nan, np.inf, "1", True, (1.5,), object(), np.array([1.5, 2.5])],
    "float": [np.nan, "1.0", True, object(), np.array([1.0, 2.0])],
    "str": [3, object(), ("mean",), np.array(["mean", "sum"])],
}
OUT_OF_RANGE: dict[str, list[Any]] = {
    **{
        name: [0, -1, (0,) * 9]
        for name in ("kernel_size", "stride", "dilation", "groups", "output_size", "divisor_override")
    },
    **{name: [-1e-3, np.inf] for name in ("eps", "lambd", "dropout")},
    **{name: [-0.5, 1.5] for name in ("label_smoothing", "dropout")},
    "momentum": [-0.5, 1.5],
    **{name: [0.0, -1.0] for name in ("delta", "scale_factor")},
    "margin": [np.inf],
}


def _constructors() -> dict[str, tuple[Callable[..., object], dict[str, Any]]]:
    """Class -> itself and arguments that it can be built from."""
    found: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {}
    for case in NAMED:
        if case.nested is None:
            cls = getattr(nn, case.layer)
            found.setdefault(cls.__name__, (cls, dict(zip(_options(cls), case.args, strict=False))))
    for plain in PLAIN:
        layer = plain.build()
        required = [n for n, p in _options(type(layer)).items() if p.default is p.empty and p.kind == 1]
        found.setdefault(type(layer).__name__, (type(layer), {n: getattr(layer, n) for n in required}))
    for loss in LOSSES:
        found.setdefault(loss.name.split(" ")[0], (getattr(nn, loss.name.split(" ")[0]), {}))
    return found


def _options(cls: Any) -> dict[str, inspect.Parameter]:
    return {n: p for n, p in inspect.signature(cls.__init__).parameters.items() if n != "self"}


CONSTRUCTORS = _constructors()


def _wrong_values(name: str, annotation: str) -> Iterator[Any]:
    words = annotation.split(" | ")
    for value in (*WRONG.get(words[0], ()), *OUT_OF_RANGE.get(name, ())):
        if (value is None and "None" in words) or (isinstance(value, str) and "str" in words):
            continue
        if isinstance(value, np.ndarray) and "Sequence[float]" in words:
            continue
        yield value


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_options_of_another_kind_or_out_of_range_are_refused(name: str) -> None:
    cls, arguments = CONSTRUCTORS[name]
    cls(**arguments)
    for option, parameter in _options(cls).items():
        if is_checked(str(parameter.annotation)):
            for value in _wrong_values(option, str(parameter.annotation)):
                with pytest.raises(ModuleError) as raised:
                    cls(**{**arguments, option: value})
                text = str(raised.value)
                assert len(text) < 300
                assert option in text or option in ("num_heads", "embed_dim", "num_groups", "groups", "hidden"), text


def test_the_layers_are_nearly_all() -> None:
    layers = {n for n in nn.__all__ if isinstance(getattr(nn, n), type) and issubclass(getattr(nn, n), nn.Module)}
    built_of_others = {"Ensemble", "Layer", "Module", "ModuleDict", "ModuleList", "Sequential"}
    same_as_others = {"Dropout", "Dropout1d", "Dropout3d", "FeatureAlphaDropout", "LPPool3d", "MultiheadAttention"}
    tried = {cls.__name__ for cls, _ in CONSTRUCTORS.values() if isinstance(cls, type)}
    assert layers - tried <= built_of_others | same_as_others | {"Residual", "TransformerEncoder", "TransformerDecoder"}


@pytest.mark.parametrize("wrong", [1.5, None, 3, object()])
def test_initializers_and_activations_are_names_or_functions(wrong: Any) -> None:
    for build in (lambda: nn.Linear(2, 2, weight_init=wrong), lambda: nn.GRU(2, 2, state_init=wrong)):
        with pytest.raises(ModuleError, match="an initializer is a name or a function"):
            build()
    with pytest.raises(ModuleError, match="activation must be"):
        nn.TransformerEncoderLayer(4, 2, activation=wrong)
