"""Rows one by one, second results of differentiated functions, and a softmax that draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import GradientError, ShapeError

mg: Any = minigrad
X, W = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0])


def loss(w: Any, x: Any) -> Any:
    return mg.sum(mg.sin(w * x))


def test_gradients_of_single_examples() -> None:
    each = mg.vmap(mg.grad(loss), (None, 0))
    np.testing.assert_allclose(each(W, X), X * np.cos(W * X), rtol=1e-14)
    tensors = each(mg.tensor(W), mg.tensor(X))
    np.testing.assert_allclose(tensors.numpy(), X * np.cos(W * X), rtol=1e-14)


def test_rows_along_any_axis_of_containers() -> None:
    doubled, total = mg.vmap(lambda d, k: (d["x"] * k, mg.sum(d["x"])), (-1, None), out_axes=-1)({"x": X.T}, 2.0)
    np.testing.assert_array_equal(doubled, 2.0 * X.T)
    np.testing.assert_array_equal(total, X.sum(axis=1))


def test_derivatives_of_any_order_pass() -> None:
    def f(t: Any) -> Any:
        return mg.sum(mg.vmap(lambda r: mg.sum(r**3))(t))

    np.testing.assert_array_equal(mg.grad(f)(X), 3 * X**2)
    np.testing.assert_array_equal(mg.hessian(f)(X).reshape(6, 6), np.diag(6 * X.ravel()))
    np.testing.assert_array_equal(mg.define(mg.vmap(lambda r: mg.sum(r**3)))(X).numpy(), (X**3).sum(axis=1))


def test_rows_that_do_not_match() -> None:
    with pytest.raises(ShapeError, match=r"\[2, 3\] rows"):
        mg.vmap(loss)(W, X)
    with pytest.raises(GradientError, match="no argument an axis"):
        mg.vmap(loss, None)(W, X)
    with pytest.raises(GradientError, match="name 1 arguments, and 2"):
        mg.vmap(loss, (0,))(W, X)


def test_what_a_function_returns_beside_its_value() -> None:
    def f(w: Any, x: Any) -> Any:
        return mg.sum(w["a"] * x) ** 2, {"seen": w["a"] * x, "count": 3, "name": "f"}

    (value, more), gradient = mg.value_and_grad(f, has_aux=True)({"a": W}, np.array([3.0, 4.0]))
    assert (float(value), more["count"], more["name"]) == (121.0, 3, "f")
    np.testing.assert_array_equal(more["seen"], [3.0, 8.0])
    assert isinstance(more["seen"], np.ndarray)
    np.testing.assert_array_equal(gradient["a"], [66.0, 88.0])
    np.testing.assert_array_equal(mg.grad(f, has_aux=True)({"a": W}, np.array([3.0, 4.0]))[0]["a"], gradient["a"])
    with pytest.raises(GradientError, match="a pair"):
        mg.grad(lambda w: mg.sum(w), has_aux=True)(W)


def test_classes_are_drawn_as_often_as_they_should_be() -> None:
    rng, scores = np.random.default_rng(0), np.log([0.1, 0.2, 0.7])
    drawn = np.mean([mg.gumbel_softmax(scores, hard=True, rng=rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(drawn, [0.1, 0.2, 0.7], atol=0.02)


def test_a_drawn_class_has_the_slope_of_the_softmax() -> None:
    scores, weights = np.log([0.1, 0.2, 0.7]), np.array([1.0, 2.0, 3.0])

    def expected(t: Any, hard: bool) -> Any:
        return mg.sum(mg.gumbel_softmax(t, 0.5, hard, rng=np.random.default_rng(1)) * weights)

    np.testing.assert_array_equal(mg.grad(expected)(scores, True), mg.grad(expected)(scores, False))
    noise = np.random.default_rng(1).gumbel(size=3)
    soft = np.exp((scores + noise) / 0.5) / np.exp((scores + noise) / 0.5).sum()
    np.testing.assert_allclose(expected(scores, False), soft @ weights, rtol=1e-14)
    assert expected(scores, True) == weights[np.argmax(soft)]
    with pytest.raises(ValueError, match="temperature"):
        mg.gumbel_softmax(scores, 0.0, rng=np.random.default_rng(1))
