"""The gradient of every layer, for its input and all its parameters, against finite differences."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor, tensor
from minigrad.core.errors import InvalidRule
from support.nn_cases import CASES, Case, with_parameters

MODES = [
    pytest.param(case, training, id=f"{case.name}-{'train' if training else 'eval'}")
    for case in CASES
    if case.name != "Embedding with padding"  # whose row has no gradient on purpose
    for training in ((True, False) if "BatchNorm" in case.name else (True,))
]


@pytest.mark.parametrize(("case", "training"), MODES)
def test_layer_gradients_agree_with_differences(case: Case, training: bool) -> None:
    layer = case.layer().train(training)
    names = [name for name, _ in layer.named_parameters()]
    values = [p.numpy() for p in layer.parameters()]
    x = case.input()

    def output(*inputs: Tensor) -> Tensor:
        given = (tensor(x),) if case.symbols else inputs[:1]
        with_parameters(layer, names, inputs if case.symbols else inputs[1:])
        return layer(*given)

    result = mg.gradcheck(output, *(values if case.symbols else [x, *values]))
    assert result.relative_error < 1e-6
    # For every argument a check that could have failed; from the state 0, one step does not use the state's weight.
    unused = {"state_weight"} if case.name == "LSTM one step" else set()
    given = [*([] if case.symbols else ["input"]), *names]
    assert all(power < 1e-3 for name, power in zip(given, result.power, strict=True) if name not in unused)


@attrs.define(eq=False)
class _Leaky(nn.Module):
    """A layer whose author dropped a gradient."""

    inner: nn.Linear

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * self.inner(x).detach()


def test_a_layer_that_loses_a_gradient_is_seen() -> None:
    layer = _Leaky(nn.Linear(3, 2, rng=0)).astype(np.float64)
    with pytest.raises(mg.GradientMismatch):
        mg.gradcheck(layer, np.random.default_rng(0).normal(size=(4, 3)))


def test_dropout_is_held_still_for_a_check() -> None:
    model = nn.Sequential(nn.Linear(6, 8, rng=0), nn.Dropout(0.4, rng=1), nn.Tanh(), nn.Dropout(0.2, rng=2))
    model = model.astype(np.float64)
    x = np.random.default_rng(0).normal(size=(5, 6))
    assert mg.gradcheck(model, x)
    other = np.random.default_rng(3)
    with pytest.raises(InvalidRule, match="Freeze its random numbers"):
        mg.gradcheck(lambda t: model(t) * other.random(), x)
    with nn.fixed_masks(model):
        assert mg.gradcheck(model, x)

    def reseeded(t: Tensor) -> Tensor:
        nn.reseed(model, 7)
        return model(t)

    assert mg.gradcheck(reseeded, x)
