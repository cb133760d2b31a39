"""What an op may answer with an error where its author did not look: the gate takes that for loud, so it has to be."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array, V
from minigrad.verify import verify


def lower_triangle() -> Op:
    """Right for every square matrix; for a column the gradient is as wide as the square."""

    @mg.op(x=mg.real(), shapes=[((3, 3),)], linear=True, name="lower_of_three")
    def op(x: Array) -> Array:
        return np.tril(x)

    @op.vjp("x")
    def _(g: V, y: V, x: V) -> V:
        return g * np.tril(np.ones((3, 3), dtype=x.dtype))

    return op


def test_a_gradient_wider_than_the_only_argument_is_refused_not_summed() -> None:
    op = lower_triangle()
    assert any("WrongShape" in why for why in verify(op).refused)
    mg.register(op)
    x = mg.tensor(np.ones((3, 1)), requires_grad=True)
    loss = op(x).sum()
    with pytest.raises(mg.InvalidRule, match=r"\(3, 3\) for an argument of shape \(3, 1\)"):
        loss.backward()


def test_gradients_of_broadcast_arguments_are_summed() -> None:
    a, b = mg.tensor(np.ones((3, 1)), requires_grad=True), mg.tensor(np.ones((3, 4)))
    (a * b).sum().backward()
    assert a.grad is not None
    assert np.array_equal(a.grad.numpy(), np.full((3, 1), 4.0))
