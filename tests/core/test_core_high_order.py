"""Derivatives of high order of whole nets: numbers that PyTorch gave (tests/data/derivatives.npz), closed forms."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import gradients
from minigrad.typing import Tensor
from support.core_nets import FIVE_HUNDRED, THREE_LAYERS, probes

REFERENCE = np.load(Path(__file__).parents[1] / "data" / "derivatives.npz")


def test_hessian_of_500_parameters() -> None:
    found = np.asarray(mg.hessian(FIVE_HUNDRED.loss)(FIVE_HUNDRED.w))
    largest = np.abs(found).max()
    np.testing.assert_allclose(found, found.T, atol=1e-13 * largest)
    np.testing.assert_allclose(np.diag(found), REFERENCE["diagonal"], rtol=0, atol=1e-10 * largest)
    products = found @ probes(FIVE_HUNDRED, 3).T
    np.testing.assert_allclose(products, REFERENCE["products"], rtol=0, atol=1e-10 * np.abs(products).max())
    product = np.asarray(mg.hvp(FIVE_HUNDRED.loss, (FIVE_HUNDRED.w,), (probes(FIVE_HUNDRED, 3)[1],)))
    np.testing.assert_allclose(product, REFERENCE["products"][:, 1], rtol=0, atol=1e-10 * np.abs(products).max())


def test_third_derivative_of_a_three_layer_net() -> None:
    v = probes(THREE_LAYERS, 1)[0]
    found = np.asarray(mg.jvp(mg.hessian(THREE_LAYERS.loss), (THREE_LAYERS.w,), (v,))[1])
    np.testing.assert_allclose(found, REFERENCE["third"], rtol=0, atol=1e-10 * np.abs(found).max())


def test_third_derivatives_in_closed_form() -> None:
    x = np.array([0.5, -1.0, 2.0, 1.5, 0.7])

    def f(t: Tensor) -> Tensor:
        return mg.sum(t) ** 3 / 6.0 + mg.sum(t**4)

    found = np.asarray(mg.jacobian(mg.hessian(f))(x))
    expected = np.ones((5, 5, 5))
    expected[np.arange(5), np.arange(5), np.arange(5)] += 24 * x
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("order", [8, 12])
def test_a_tower_of_forward_or_reverse_derivatives(order: int) -> None:
    def power(x: Tensor) -> Tensor:
        return x**14

    def slope(g: Callable[..., object]) -> Callable[..., object]:
        return lambda x: mg.jvp(g, (x,), (1.0,))[1]

    f: Callable[..., object] = power
    g: Callable[..., object] = power
    for k in range(order):
        f = mg.grad(f)
        g = slope(g) if k < 3 else g
    assert float(np.asarray(f(1.1))) == pytest.approx(factorial(14) / factorial(14 - order) * 1.1 ** (14 - order))
    assert float(np.asarray(g(1.1))) == pytest.approx(14 * 13 * 12 * 1.1**11)


def test_an_op_with_two_outputs_differentiates_twice_when_both_are_used() -> None:
    """The rule sees its outputs through items of its own: what flows into both must add up."""

    @mg.op(x=mg.positive())
    def root_and_cube(x):  # type: ignore[no-untyped-def]
        return np.sqrt(x), x * x * x

    @root_and_cube.vjp("x")
    def _(g, y, x):  # type: ignore[no-untyped-def]
        return g[0] * 0.5 / y[0] + g[1] * 3.0 * (y[0] * y[0]) ** 2

    mg.register(root_and_cube)

    def f(x: Tensor) -> Tensor:
        root, cube = root_and_cube.call_multi(x)
        return root * mg.sin(root) * cube  # x**3.5 sin(sqrt(x))

    x = 1.7
    found = [float(np.asarray(d(x))) for d in (mg.grad(f), mg.grad(mg.grad(f)))]
    s, c = np.sin(np.sqrt(x)), np.cos(np.sqrt(x))
    assert found[0] == pytest.approx(3.5 * x**2.5 * s + 0.5 * x**3 * c, rel=1e-12)
    assert found[1] == pytest.approx(8.75 * x**1.5 * s + 3.25 * x**2 * c - 0.25 * x**2.5 * s, rel=1e-12)
    t = mg.tensor(x, requires_grad=True)
    slope = gradients([f(t)], [np.ones(())], [t], create_graph=True)[0]
    assert isinstance(slope, Tensor)
    slope.backward()  # the everyday walk
    assert t.grad is not None
    assert t.grad.item() == pytest.approx(found[1], rel=1e-12)
