"""gradcheck: agrees on right functions, names the entry on wrong ones, and says when it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.typing import Tensor

RNG = np.random.default_rng(3)
X, W = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3))


def network(x: Tensor, w: Tensor) -> Tensor:
    return mg.log_softmax(mg.tanh(x @ w), axis=-1)


def test_right_functions_pass_with_their_figures() -> None:
    for seed in range(50):
        found = mg.gradcheck(network, X, W, seed=seed)
        assert found
        assert found.relative_error < 1e-8
        assert abs(found.analytic - found.numeric) <= found.error
        assert all(p < 1e-6 for p in found.power)
    assert "agrees" in str(found)


def test_several_outputs_and_scalars() -> None:
    assert mg.gradcheck(lambda x: (mg.exp(x), x * 2.0), 0.3)
    assert mg.gradcheck(lambda x: x.sum(), [1.0, 2.0])


def test_an_unused_argument_has_no_power() -> None:
    assert mg.gradcheck(lambda x, y: mg.sin(x), X, W).power[1] == np.inf


def test_a_cut_gradient_is_found_and_placed() -> None:
    def cut(x: Tensor) -> Tensor:
        return x * x + mg.stack([x[0].detach(), *(x[i] * 0.0 for i in range(1, 5))])

    with pytest.raises(mg.GradientMismatch, match=r"argument 0\[0, \d\]"):
        mg.gradcheck(cut, X)


def test_what_it_says_when_it_cannot_tell() -> None:
    with pytest.raises(mg.InconclusiveCheck, match="kinks"):
        mg.gradcheck(lambda x: mg.relu(x), np.zeros(3))
    with pytest.raises(mg.InvalidRule, match="two values"):
        mg.gradcheck(lambda x: x * RNG.normal(), X)
    with pytest.raises(mg.GradientError, match="ndarray, not a Tensor"):
        mg.gradcheck(lambda x: x.detach().numpy(), X)
    with pytest.raises(mg.GradientError, match="does not depend"):
        mg.gradcheck(lambda x: x.detach() * 2.0, X)
    with pytest.raises(mg.GradientError, match="at least one"):
        mg.gradcheck(lambda: mg.tensor(1.0))
