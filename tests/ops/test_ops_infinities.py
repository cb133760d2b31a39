"""Infinite entries: what they do not touch stays as it is, and slopes and curvatures there are their limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import linalg

mg: Any = minigrad
INF = np.inf


def _slopes(f: Callable[..., Any], *x: float) -> list[float]:
    """Both slopes of a function of two numbers."""
    arrays = [np.array([v]) for v in x]
    with np.errstate(all="ignore"):
        slopes = mg.grad(lambda a, b: mg.sum(f(a, b)), argnums=(0, 1))(*arrays)
    return [float(s[0]) for s in slopes]


@pytest.mark.parametrize(
    ("f", "at", "right"),
    [
        (mg.hypot, (INF, 1.0), [1.0, 0.0]),
        (mg.hypot, (-INF, 2.0), [-1.0, 0.0]),
        (mg.hypot, (-3.0, -INF), [0.0, -1.0]),
        (mg.arctan2, (INF, 1.0), [0.0, 0.0]),
        (mg.arctan2, (1.0, -INF), [0.0, 0.0]),
        (mg.logaddexp, (INF, 1.0), [1.0, 0.0]),
        (mg.maximum, (INF, -INF), [1.0, 0.0]),
    ],
)
def test_slopes_of_two_numbers_at_infinity(f: Any, at: tuple[float, float], right: list[float]) -> None:
    assert _slopes(f, *at) == right


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["arctan", "arcsinh", "arccot", "arccsch", "arccosh", "arcsec", "arccsc", "cbrt"])
def test_what_levels_off_has_no_curvature_at_infinity(name: str, dtype: type) -> None:
    function = getattr(mg, name)
    places = [INF] if name == "arccosh" else [INF, -INF]

    def bend(t: Any) -> Any:
        return mg.grad(lambda u: mg.sum(mg.grad(lambda v: mg.sum(function(v)))(u)))(t)

    x: Any = np.array(places, dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(bend(x), 0.0)
        np.testing.assert_array_equal(mg.define(bend)(x).numpy(), 0.0)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_a_convolution_adds_no_zeros_times_infinity(mode: Any) -> None:
    a, v = np.array([1.0, 2.0, INF, 4.0, 5.0, 6.0]), np.array([1.0, 3.0, 2.0])
    np.testing.assert_array_equal(np.asarray(mg.convolve(a, v, mode)), np.convolve(a, v, mode))
    np.testing.assert_array_equal(np.asarray(mg.convolve(v, a, mode)), np.convolve(v, a, mode))


def test_a_bin_is_the_mean_of_its_own_entries() -> None:
    x = np.arange(30.0).reshape(1, 2, 3, 5)
    x[0, 0, 0, 0] = INF
    y = mg.adaptive_avg_pool(x, (2, 3))
    assert np.isinf(y).sum() == 1
    assert y[0, 0, 1, 2] == np.mean([8.0, 9.0, 13.0, 14.0])
    gradient = mg.grad(lambda t: mg.sum(mg.adaptive_avg_pool(t, (2, 3))))(x)
    assert np.isfinite(gradient).all()
    assert gradient.sum() == pytest.approx(2 * 2 * 3)


def test_the_running_logarithm_of_nothing_is_flat() -> None:
    x = np.array([-INF, -INF, 0.0, 1.0])
    h = mg.hessian(lambda t: mg.sum(mg.cumlogsumexp(t) * np.arange(1.0, 5.0)))(x)
    share = np.exp(1.0) / (1.0 + np.exp(1.0))
    np.testing.assert_allclose(h[2:, 2:], 4.0 * share * (1 - share) * np.array([[1, -1], [-1, 1]]), rtol=1e-14)
    assert not h[:2].any()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "row",
    [[1e200, 1e-200, 1e200, 3.0, 1e-200], [1e300, 1e300, 1e-300, 1e-300], [1e300, 0.0, 1e300, 1e-300], [2.0, 3.0]],
)
def test_second_derivatives_of_products_whose_parts_overflow(row: list[float], compiled: bool) -> None:
    x, n = np.array(row), len(row)
    with np.errstate(over="ignore"):
        pairs = [[0 if i == k else np.prod(np.delete(x.astype(np.longdouble), [i, k])) for k in range(n)]
                 for i in range(n)]  # fmt: skip
        right = np.array(pairs).astype(float)
    hessian = mg.define(mg.hessian(mg.prod)) if compiled else mg.hessian(mg.prod)
    last = mg.hessian(lambda t: mg.cumprod(t)[-1])
    with np.errstate(all="ignore"):
        h = hessian(x)
        np.testing.assert_allclose(h.numpy() if compiled else h, right, rtol=1e-14)
        np.testing.assert_allclose(last(x), right, rtol=1e-14)


def test_p_norms_bend_beside_entries_of_0() -> None:
    def norm(t: Any) -> Any:
        return linalg.norm(t, ord=1.5)

    whole = np.asarray(mg.hessian(norm)(np.array([0.0, 2.0, -3.0])))
    np.testing.assert_allclose(whole[1:, 1:], mg.hessian(norm)(np.array([2.0, -3.0])), rtol=1e-12)
    assert not whole[0].any()


def test_an_entry_of_a_number_may_be_assigned() -> None:
    def f(t: Any) -> Any:
        y = t * 2.0
        y[...] = t * t
        return y

    assert mg.grad(f)(3.0) == 6.0


NORMS: dict[str, Callable[[Any], Any]] = {
    "layer": mg.layer_norm,
    "rms": mg.rms_norm,
    "group": lambda t: mg.group_norm(t, 1),
    "instance": lambda t: mg.reshape(mg.instance_norm(mg.reshape(t, (1, 2, 5))), (2, 5)),
    "response": lambda t: mg.reshape(mg.local_response_norm(mg.reshape(t, (2, 5, 1)), 3), (2, 5)),
}


@pytest.mark.parametrize("size", [1e-3, 1e20, 1e25])
@pytest.mark.parametrize("name", NORMS)
def test_slopes_of_norms_of_large_numbers_in_programs(name: str, size: float) -> None:
    norm, rng = NORMS[name], np.random.default_rng(0)
    x, w = (rng.normal(size=(2, 5)).astype(np.float32) * np.float32(size) for _ in range(2))

    def slope(t: Any, w: Any = w) -> Any:
        return mg.grad(lambda u: mg.sum(norm(u) * w))(t)

    right = slope(x.astype(float), w.astype(float))
    with np.errstate(all="ignore"):
        eager, compiled = slope(x), mg.define(slope)(x).numpy()
    for got in (eager, compiled):
        np.testing.assert_allclose(got, right, rtol=2e-5, atol=2e-6 * np.abs(right).max())
