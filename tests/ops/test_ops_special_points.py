"""Documented values where functions have corners, poles, ties or infinities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad.typing import Array, Tensor

INF = np.inf


def slope(f: Callable[[Tensor], Tensor], x: Array | list[float]) -> Array:
    """The gradient of the sum of f at x."""
    t = mg.tensor(np.asarray(x, dtype=np.float64), requires_grad=True)
    with np.errstate(all="ignore"):
        f(t).sum().backward()
    assert t.grad is not None
    return t.grad.data


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        (lambda x: mg.norm(x), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: mg.linalg.norm(x, 3), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: mg.linalg.norm(x, 1), [0.0, -2.0], [0.0, -1.0]),
        (lambda x: mg.std(x), [1.5, 1.5], [0.0, 0.0]),
        (lambda x: mg.where(x > 0, mg.log(x), 0.0), [0.0, 2.0], [0.0, 0.5]),
        (lambda x: mg.where(x > 0, mg.sqrt(x), 0.0), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: mg.where(x > 0, mg.arcsin(x), 0.0), [-1.0, 0.0], [0.0, 0.0]),
        (lambda x: mg.where(x != 0, 1.0 / mg.where(x != 0, x, 1.0), 0.0), [0.0, 2.0], [0.0, -0.25]),
        (lambda x: mg.where(x != 0, 1.0 / x, 0.0), [0.0, 2.0], [np.nan, -0.25]),  # see minigrad/ops/README.md
        (lambda x: mg.sqrt(x), [0.0, 4.0], [INF, 0.25]),
        (lambda x: mg.log(x), [0.0, 4.0], [INF, 0.25]),
        (lambda x: mg.cbrt(x), [0.0, 8.0], [INF, 1.0 / 12.0]),
        (lambda x: mg.abs(x), [0.0, -2.0], [0.0, -1.0]),
        (lambda x: mg.relu(x), [0.0, -1.0, 1.0], [0.0, 0.0, 1.0]),
        (lambda x: mg.leaky_relu(x, slope=0.25), [0.0], [0.25]),
        (lambda x: mg.clip(x, 0.0, 1.0), [0.0, 1.0, 1.5], [1.0, 1.0, 0.0]),
        (lambda x: mg.maximum(x, 1.0), [1.0, 2.0], [0.5, 1.0]),
        (lambda x: mg.max(x), [3.0, 1.0, 3.0], [0.5, 0.0, 0.5]),
        (lambda x: mg.max_pool1d(x.reshape(1, 1, 4), 2), [3.0, 3.0, 1.0, 2.0], [0.5, 0.5, 0.0, 1.0]),
        (lambda x: mg.sinc(x), [0.0, 1.0], [0.0, -1.0]),
        (lambda x: x**2, [0.0, -3.0], [0.0, -6.0]),
        (lambda x: x**1, [0.0], [1.0]),
        (lambda x: x**0, [0.0, 2.0], [0.0, 0.0]),
        (lambda x: x**0.5, [0.0, 4.0], [INF, 0.25]),
        (lambda x: mg.hypot(x, x * 0.0), [0.0, -2.0], [0.0, -1.0]),
        (lambda x: mg.arctan2(x, x * 0.0), [0.0], [0.0]),
        (lambda x: mg.prod(x), [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (lambda x: mg.prod(x), [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
        (lambda x: mg.cumprod(x), [0.0, 2.0, 3.0], [1.0 + 2.0 + 6.0, 0.0, 0.0]),
        (lambda x: mg.logsumexp(x), [-INF, -INF], [0.0, 0.0]),
        (lambda x: mg.logsumexp(x), [-INF, 1.0], [0.0, 1.0]),
        (lambda x: mg.logaddexp(x, np.full(2, -INF)), [-INF, 1.0], [0.0, 1.0]),
        (lambda x: mg.cumlogsumexp(x), [-INF, -INF, 0.0], [0.0, 0.0, 1.0]),
        (lambda x: mg.nan_to_num(x), [np.nan, INF, 2.0], [0.0, 0.0, 1.0]),
        (lambda x: mg.nansum(x), [np.nan, 2.0], [0.0, 1.0]),
        (lambda x: mg.fmax(x, np.array([np.nan, 1.0])), [1.0, np.nan], [1.0, 0.0]),
        (lambda x: mg.xlogy(x, np.array([0.0, 2.0])), [0.0, 1.0], [0.0, np.log(2.0)]),
        (lambda x: mg.xlogy(np.array([0.0, 2.0]), x), [0.0, 1.0], [0.0, 2.0]),
        (lambda x: mg.softmax(x), [1000.0, -1000.0], [0.0, 0.0]),
        (lambda x: mg.sigmoid(x), [1000.0, -1000.0], [0.0, 0.0]),
        (lambda x: mg.softplus(x), [1000.0, -1000.0], [1.0, 0.0]),
        (lambda x: mg.cross_entropy(x.reshape(1, 2), np.array([0])), [1000.0, -1000.0], [0.0, 0.0]),
        (lambda x: mg.linalg.det(x.reshape(2, 2)), [1.0, 2.0, 2.0, 4.0], [4.0, -2.0, -2.0, 1.0]),
        (lambda x: mg.linalg.eigvalsh(x.reshape(2, 2)), [2.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 1.0]),
        (lambda x: mg.sort(x), [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]),
    ],
)  # fmt: skip
def test_gradient_has_its_documented_value(
    f: Callable[[Tensor], Tensor], at: list[float], expected: list[float]
) -> None:
    np.testing.assert_allclose(slope(f, at), expected, rtol=1e-12, atol=1e-15)


def test_the_exponent_has_gradient_zero_where_the_base_is_zero() -> None:
    y = mg.tensor([0.0, 1.0, 2.0], requires_grad=True)
    (np.zeros(3) ** y).sum().backward()
    assert y.grad is not None
    np.testing.assert_array_equal(y.grad.data, np.zeros(3))


def test_sinc_is_smooth_to_any_order_at_zero() -> None:
    third = mg.grad(mg.grad(mg.grad(lambda x: mg.sinc(x))))
    fourth = mg.grad(third)
    assert np.asarray(third(np.array(0.0))) == 0.0
    np.testing.assert_allclose(np.asarray(fourth(np.array(0.0))), np.pi**4 / 5.0, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(third(np.array(1e-9))), np.pi**4 / 5.0 * 1e-9, rtol=1e-9)


def test_products_with_zeros_have_exact_second_derivatives() -> None:
    hessian = mg.hessian(lambda x: mg.prod(x))(np.array([0.0, 0.0, 3.0]))
    expected = np.array([[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(np.asarray(hessian), expected)


def test_the_second_derivative_of_a_constant_power_is_zero_at_zero() -> None:
    for exponent in (0.0, 1.0):
        second = mg.grad(mg.grad(lambda x, n=exponent: mg.power(x, n)))
        assert np.asarray(second(np.array(0.0))) == 0.0


def test_long_recurrences_agree_with_the_step_by_step_ones() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1.0, 1.0, 1000), rng.normal(size=1000)
    s, expected = 0.0, np.empty(1000)
    for k in range(1000):
        s = a[k] * s + b[k]
        expected[k] = s
    np.testing.assert_allclose(mg.linear_recurrence(a, b, axis=0), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("p", [1.5, 3.0])
def test_norms_do_not_overflow(p: float) -> None:
    big = np.array([3e200, 4e200])
    assert np.isfinite(mg.linalg.norm(big, p))
    np.testing.assert_allclose(mg.norm(big), 5e200)
    np.testing.assert_allclose(slope(mg.norm, big), [0.6, 0.8])
    np.testing.assert_allclose(slope(mg.norm, big / 1e300), [0.6, 0.8])
