"""Values and slopes where the obvious formula loses everything: tails, infinities, rows of very different size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.core.types import Array

mg: Any = minigrad  # called with arrays of any kind and with Tensors alike
INF, NAN = np.inf, np.nan


def f32(numbers: Any) -> Any:
    """In single precision."""
    return np.asarray(numbers, np.float32)


def slope(f: Callable[[Any], Any], x: Any) -> Array:
    """The gradient of sum f at x."""
    with np.errstate(all="ignore"):
        found: Array = mg.grad(lambda t: mg.sum(f(t)))(np.asarray(x))
    return found


def bend(f: Callable[[Any], Any], x: Any) -> Array:
    """The Hessian of a scalar function at x."""
    with np.errstate(all="ignore"):
        found: Array = np.asarray(mg.hessian(f)(np.asarray(x, dtype=float)))
    return found


E20, E40 = 2.0611536224385578e-09, 4.248354255291589e-18
"""e ** -20 and e ** -40."""


# -- slopes that an output rounded to 1 would lose
@pytest.mark.parametrize(
    ("f", "at", "right"),
    [
        (mg.sigmoid, [40.0, -40.0], [E40, E40]),
        (mg.tanh, [20.0, -20.0], [4 * E40, 4 * E40]),
        (mg.expm1, [-40.0], [E40]),
        (mg.coth, [20.0], [-4 * E40]),
        (mg.sech, [400.0], [-2 * np.exp(-400.0)]),
        (mg.csch, [400.0], [-2 * np.exp(-400.0)]),
        (lambda t: mg.softmax(t)[1], [0.0, 40.0], [-E40, E40]),
        (lambda t: mg.log_softmax(t)[1], [0.0, 40.0], [-E40, E40]),
        (lambda t: mg.cross_entropy(t[None], np.array([1])), [0.0, 40.0], [E40, -E40]),
        (lambda t: mg.logaddexp(t, 0.0), [1e5, -40.0], [1.0, E40]),
        (lambda t: mg.arctan2(t, 1e-200), [1e-200], [5e199]),
        (lambda t: mg.arctan2(t, 1e200), [1e200], [5e-201]),
        (mg.arccosh, [1e200], [1e-200]),
        (mg.arccsch, [1e-200], [-1e200]),
        (mg.arccot, [1e-200], [-1.0]),
        (mg.arctan, [1e160], [1e-320]),
        (mg.arccoth, [1e160, 1.0, -1.0], [-1e-320, -INF, -INF]),
        (mg.sech, [720.6], [-2.2306238232e-313]),
        (mg.csch, [720.6], [-2.2306238232e-313]),
        (mg.softsign, [1e160, 300.1, INF, 0.0], [1e-320, 1 / 301.1**2, 0.0, 1.0]),
        (mg.tanhshrink, [1e-16, 1e-5], [1e-32, np.tanh(1e-5) ** 2]),
        (mg.log10, [1e308], [1 / np.log(10.0) * 1e-308]),
        (lambda t: t**-2, [1e103], [-2e-309]),
        (mg.erf, [25.6], [2.7115861013597377e-285]),
        (mg.normal_pdf, [-36.3], [1.0667650074467566e-285]),
        (mg.hardsigmoid, [2.9999999999999996, 3.0], [1 / 6, 0.0]),
        (mg.hardswish, [3.0000000000000004, 3.0, -3.0], [1.0, 1.0, 0.0]),
        (mg.gelu, [INF, -INF], [1.0, 0.0]),
        (lambda t: mg.gelu(t, approximate="tanh"), [INF, 1e308, -INF, -1e200], [1.0, 1.0, 0.0, 0.0]),
        (mg.silu, [INF, -INF, 1e308], [1.0, 0.0, 1.0]),
        (mg.mish, [INF, -INF, 1e308], [1.0, 0.0, 1.0]),
    ],
)
def test_slopes_in_the_tails(f: Any, at: list[float], right: Any) -> None:
    np.testing.assert_allclose(slope(f, at), right, rtol=1e-12, atol=1e-323)


def test_slopes_in_the_tails_in_single_precision() -> None:
    np.testing.assert_allclose(slope(mg.sigmoid, f32([20.0])), [E20], rtol=1e-6)
    np.testing.assert_allclose(slope(mg.tanh, f32([10.0])), [4 * E20], rtol=1e-6)
    np.testing.assert_allclose(slope(mg.logsumexp, f32([1000.0, 999.0])), [0.7310585786, 0.2689414214], rtol=1e-6)


@pytest.mark.parametrize(
    ("f", "at", "right"),
    [
        (lambda t: mg.sum(mg.softplus(t)), [40.0], [[E40]]),
        (lambda t: mg.sum(mg.sigmoid(t)), [40.0], [[-E40]]),
        (lambda t: mg.sum(mg.tanh(t)), [20.0], [[-8 * E40]]),
        (lambda t: mg.sum(mg.sigmoid(t)), [1e-9], [[-1e-9 / 8]]),
        (lambda t: mg.sum(mg.arcsin(t)), [1e-20], [[1e-20]]),
        (lambda t: mg.sum(mg.arccos(t)), [1.0], [[-INF]]),
        (lambda t: mg.sum(mg.arctanh(t)), [1e-20], [[2e-20]]),
        (lambda t: mg.sum(mg.arctanh(t)), [-1.0], [[-INF]]),
        (lambda t: mg.sum(mg.arctan(t)), [1e100], [[-2e-300]]),
        (lambda t: mg.sum(mg.cot(t)), [1e-290], [[INF]]),
        (lambda t: mg.sum(mg.softsign(t)), [1e5], [[-2 / 100001.0**3]]),
        (lambda t: mg.sum(t**0), [1e-200], [[0.0]]),
        (lambda t: mg.sum(mg.gelu(t, approximate="tanh")), [1e200], [[0.0]]),
        (lambda t: mg.sum(mg.gelu(t)), [-INF], [[0.0]]),
        (lambda t: mg.sum(mg.silu(t)), [INF], [[0.0]]),
        (lambda t: mg.sum(mg.mish(t)), [INF], [[0.0]]),
        (lambda t: mg.logsumexp(t), [0.0, 40.0], [[E40, -E40], [-E40, E40]]),
        (lambda t: mg.cross_entropy(t[None], np.array([1])), [0.0, 40.0], [[E40, -E40], [-E40, E40]]),
    ],
)
def test_curvature_in_the_tails(f: Any, at: list[float], right: Any) -> None:
    np.testing.assert_allclose(bend(f, at), right, rtol=1e-9)


def test_values_next_to_certainty() -> None:
    certain = np.array([[0.0, 40.0]])
    np.testing.assert_allclose(mg.cross_entropy(certain, np.array([1])), E40, rtol=1e-12)
    np.testing.assert_allclose(mg.log_softmax(certain)[0, 1], -E40, rtol=1e-12)
    np.testing.assert_allclose(mg.logsumexp(certain - 40.0), E40, rtol=1e-12)
    np.testing.assert_allclose(mg.sigmoid(np.array([-745.0, -INF, INF])), [5e-324, 0.0, 1.0])


# -- rows of very different size
def test_each_row_has_its_own_scale() -> None:
    rows = np.array([[3e200, 4e200], [3.0, 4.0], [3e-200, 4e-200], [0.0, 0.0], [INF, 1.0]])
    right = [5e200, 5.0, 5e-200, 0.0, INF]
    np.testing.assert_allclose(mg.norm(rows, axis=1), right, rtol=1e-15)
    np.testing.assert_allclose(mg.norm(rows.T, axis=0, keepdims=True), [right], rtol=1e-15)
    np.testing.assert_allclose(mg.normalize(rows[:2], axis=1), [[0.6, 0.8], [0.6, 0.8]], rtol=1e-15)
    single = f32([[3e16, 4e16], [3e-6, 4e-6], [3e30, 4e30], [3e-35, 4e-35]])
    np.testing.assert_allclose(mg.norm(single, axis=1), [5e16, 5e-6, 5e30, 5e-35], rtol=1e-6)
    np.testing.assert_allclose(slope(lambda t: mg.norm(t, axis=1), single), np.tile([0.6, 0.8], (4, 1)), rtol=1e-6)


# -- what is cut off stays cut off, however steep it is there
CUT: dict[str, tuple[Callable[[Any], Any], list[float], list[float]]] = {
    "relu": (lambda t: mg.sqrt(mg.relu(t)), [-1.0, 4.0], [0.0, 0.25]),
    "clip": (lambda t: mg.sqrt(mg.clip(t, 0.0, 9.0)), [-1.0, 4.0], [0.0, 0.25]),
    "maximum": (lambda t: mg.sqrt(mg.maximum(t, 0.0)), [-1.0, 4.0], [0.0, 0.25]),
    "minimum": (lambda t: mg.sqrt(-mg.minimum(t, 0.0)), [1.0, -4.0], [0.0, -0.25]),
    "fmax": (lambda t: mg.sqrt(mg.fmax(t, 0.0)), [-1.0, 4.0], [0.0, 0.25]),
    "fmin": (lambda t: mg.sqrt(-mg.fmin(t, 0.0)), [1.0, -4.0], [0.0, -0.25]),
    "abs": (lambda t: mg.sqrt(mg.abs(t)), [0.0, 4.0], [0.0, 0.25]),
    "max": (lambda t: mg.sqrt(mg.max(mg.stack([mg.tensor(np.zeros(2)), t]), axis=0)), [-1.0, 4.0], [0.0, 0.25]),
    "max_pool": (
        lambda t: mg.sqrt(mg.max_pool(mg.pad(t[None, None], [(0, 0), (0, 0), (0, 1)]), 3)), [-1.0, -4.0], [0.0, 0.0]
    ),
    "hardshrink": (lambda t: mg.sqrt(mg.hardshrink(t)), [0.25, 4.0], [0.0, 0.25]),
    "relu6": (lambda t: mg.sqrt(6.0 - mg.relu6(t)), [7.0, 2.0], [0.0, -0.25]),
    "nan_to_num": (lambda t: mg.sqrt(mg.nan_to_num(t)), [NAN, 4.0], [0.0, 0.25]),
    "mod": (lambda t: mg.sqrt(mg.mod(0.0, t)), [2.0], [0.0]),
    "power 0": (lambda t: mg.log(mg.integer_power(t, n=0) - 1.0), [2.0], [0.0]),
}  # fmt: skip


@pytest.mark.parametrize("case", CUT)
def test_nothing_comes_back_through_what_is_cut_off(case: str) -> None:
    f, at, right = CUT[case]
    np.testing.assert_allclose(slope(f, at), right, rtol=1e-15)


def test_programs_cut_off_as_eager_does() -> None:
    for case in ("relu", "clip", "maximum", "abs"):
        f, at, right = CUT[case]
        program = mg.define(lambda t, f=f: mg.grad(lambda s: mg.sum(f(s)))(t))
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(program(np.array(at)).numpy(), right, rtol=1e-12)


# -- infinite arguments
def test_slopes_at_infinity() -> None:
    np.testing.assert_array_equal(slope(mg.hardswish, [INF, -INF]), [1.0, 0.0])
    np.testing.assert_array_equal(slope(mg.logsumexp, [INF, 0.0]), [1.0, 0.0])
    np.testing.assert_array_equal(slope(mg.logsumexp, [-INF, -INF]), [0.0, 0.0])
    np.testing.assert_array_equal(slope(mg.softmax, [-INF, -INF]), [0.0, 0.0])
    np.testing.assert_array_equal(slope(lambda t: mg.logaddexp(t, INF), [INF, 0.0]), [0.5, 0.0])
    np.testing.assert_array_equal(mg.softmax(np.full((2, 3), -INF)), np.zeros((2, 3)))
    np.testing.assert_array_equal(mg.softmax(np.zeros((2, 0))), np.zeros((2, 0)))
    np.testing.assert_array_equal(slope(mg.relu6, [0.0, 6.0]), [0.0, 0.0])


# -- smooth functions of what is not smooth
@pytest.mark.parametrize(
    ("f", "size"),
    [
        (lambda t: mg.norm(t) ** 2, 2),
        (lambda t: mg.norm(t) * mg.norm(t), 2),
        (lambda t: mg.square(mg.norm(t - 1.0 + 1.0)), 3),
        (lambda t: mg.sum(mg.abs(t) ** 2), 2),
        (lambda t: mg.hypot(t[0], t[1]) ** 2, 2),
        (lambda t: mg.sum(mg.norm(t.reshape((2, 2)), axis=1) ** 2), 4),
    ],
)
def test_squares_of_lengths_bend_at_zero(f: Any, size: int) -> None:
    np.testing.assert_allclose(bend(f, np.zeros(size)), 2.0 * np.eye(size), rtol=1e-15)


def test_fourth_powers_are_flat_at_zero() -> None:
    np.testing.assert_array_equal(bend(lambda t: mg.norm(t) ** 4, [0.0, 0.0]), np.zeros((2, 2)))


# -- arguments that a branch must not forget
def test_xlogy_where_x_is_0() -> None:
    np.testing.assert_allclose(slope(lambda t: mg.xlogy(t, 2.0), [0.0]), [np.log(2.0)], rtol=1e-15)
    mixed = bend(lambda t: mg.xlogy(t[0], t[1]), [0.0, 2.0])
    np.testing.assert_allclose(mixed, [[0.0, 0.5], [0.5, 0.0]], rtol=1e-15)
    assert slope(lambda t: mg.xlogy(t, 0.0), [0.0]) == 0.0
    assert mg.xlogy(np.array(0.0), np.array(INF)) == 0.0
    assert np.isnan(mg.xlogy(np.array(0.0), np.array(NAN)))


def test_the_quotient_in_the_slope_of_a_remainder_is_the_one_that_was_taken() -> None:
    np.testing.assert_array_equal(slope(lambda m: mg.mod(np.array([1.0]), m), [0.1]), [-9.0])
    np.testing.assert_array_equal(slope(lambda m: mg.mod(np.array([-1.0]), m), [0.1]), [10.0])
    np.testing.assert_array_equal(slope(lambda m: mg.fmod(f32([0.6]), m), f32([0.2])), [-3.0])
    x, y = f32([0.6, -0.6, 5.0]), f32([0.2, 0.2, -0.1])
    expected = -np.rint((x.astype(float) - np.mod(x, y).astype(float)) / y.astype(float))
    np.testing.assert_array_equal(slope(lambda m: mg.mod(x, m), y), expected)


def test_activations_in_the_tails_in_single_precision() -> None:
    np.testing.assert_allclose(mg.gelu(f32([-6.0, -12.0])), [-5.919525898e-09, -2.1317785e-32], rtol=1e-5)
    np.testing.assert_array_equal(mg.celu(f32([3e38]), 0.5), f32([3e38]))
    np.testing.assert_array_equal(mg.gelu(f32([-INF, INF])), f32([0.0, INF]))


def test_the_sum_of_no_exponentials_is_minus_infinity() -> None:
    for x in (np.full((2, 3), -np.inf), np.full((2, 3), -np.inf, np.float32)):
        assert np.array_equal(np.asarray(mg.logsumexp(x, axis=1)), [-np.inf, -np.inf])
    mixed = np.array([[-np.inf, -np.inf], [-np.inf, 0.25]])
    np.testing.assert_array_equal(np.asarray(mg.logsumexp(mixed, axis=1)), [-np.inf, 0.25])


LARGE_AND_EQUAL = [[1e16, 1e16, 1e16], [1e200, 1e200, 1e200], [0.0, 0.0, 5e30]]


@pytest.mark.parametrize("row", LARGE_AND_EQUAL)
def test_running_logarithms_of_rows_of_any_size(row: list[float]) -> None:
    shares = [11 / 6, 5 / 6, 1 / 3] if row[2] == row[0] else [1.5, 0.5, 1.0]
    np.testing.assert_allclose(slope(mg.cumlogsumexp, row), shares, rtol=1e-14)


@pytest.mark.parametrize("number", [0.1, 1e-10, 1e5])
def test_equal_numbers_have_no_spread_where_nan_is_left_out(number: float) -> None:
    equal = np.append(np.full(7, number, np.float32), f32(NAN))
    assert mg.nanstd(equal) == 0.0
    assert mg.nanvar(equal) == 0.0


@pytest.mark.parametrize("compiled", [False, True])
def test_curvature_where_a_length_is_0(compiled: bool) -> None:
    def curvature(f: Callable[[Any], Any]) -> Any:
        hessian = mg.hessian(f)
        return np.asarray((mg.define(hessian) if compiled else hessian)(np.zeros(2))).tolist()

    nothing, twice = [[0.0, 0.0], [0.0, 0.0]], [[2.0, 0.0], [0.0, 2.0]]
    assert curvature(mg.norm) == nothing
    assert curvature(mg.std) == nothing
    assert curvature(lambda t: mg.sum(mg.abs(t))) == nothing
    assert curvature(lambda t: mg.norm(t) ** 2) == twice
    assert curvature(lambda t: mg.sum(mg.abs(t) ** 2)) == twice
    assert curvature(lambda t: mg.sum(mg.hypot(t, t * 0.0) ** 2)) == twice
    np.testing.assert_allclose(curvature(lambda t: mg.std(t) ** 2), [[0.5, -0.5], [-0.5, 0.5]], rtol=1e-15)


def test_curvature_of_hypotenuses() -> None:
    x, y = 743.0, 0.3
    size = np.hypot(x, y)
    h = bend(lambda t: mg.hypot(t[0], t[1]), [x, y])
    np.testing.assert_allclose(h, np.array([[y * y, -x * y], [-x * y, x * x]]) / size**3, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cross_entropy_of_certain_probabilities(dtype: Any) -> None:
    def loss(p: Any, target: float) -> Any:
        return mg.sum(mg.binary_cross_entropy(p, np.array([target], dtype)))

    for p, target, slope in ((0.0, 0.0, 1.0), (1.0, 1.0, -1.0)):
        x = np.array([p], dtype)
        assert loss(x, target) == 0.0
        assert np.asarray(mg.grad(lambda t, target=target: loss(t, target))(x)) == slope
        assert np.asarray(mg.hessian(lambda t, target=target: loss(t, target))(x)) == 1.0
    for p, target in ((0.0, 1.0), (1.0, 0.0)):
        x = np.array([p], dtype)
        with np.errstate(divide="ignore"):
            assert loss(x, target) == np.inf
            assert np.asarray(mg.grad(lambda t, target=target: loss(t, target))(x)) == (np.inf if p else -np.inf)


def test_cross_entropy_of_probabilities_has_the_mixed_derivative() -> None:
    for p, target in ((0.3, 0.0), (0.3, 1.0), (0.9, 0.4)):
        slope_by_target = mg.grad(
            lambda t, p=p: mg.sum(mg.grad(lambda x: mg.sum(mg.binary_cross_entropy(x, t)))(np.array([p])))
        )
        np.testing.assert_allclose(np.asarray(slope_by_target(np.array([target]))), -1.0 / (p * (1.0 - p)), rtol=1e-12)


def test_layer_norm_without_eps_of_small_numbers() -> None:
    x = np.array([[1.0, 2.0, 4.0]], np.float32) * np.float32(2e-38)
    expected = (np.array([1.0, 2.0, 4.0]) - 7.0 / 3.0) / np.std([1.0, 2.0, 4.0])
    np.testing.assert_allclose(mg.layer_norm(x, eps=0.0)[0], expected, rtol=1e-5)
    np.testing.assert_allclose(mg.rms_norm(x, eps=0.0)[0], np.array([1, 2, 4]) / np.sqrt(7), rtol=1e-5)


def test_matrix_roots_at_their_own_scale_and_none_of_negative_numbers() -> None:
    root = np.array([[2.0, 1.0], [0.5, 3.0]])
    batch = np.stack([root @ root * s for s in (1e200, 1.0, 1e-200)])
    expected = np.stack([root * s for s in (1e100, 1.0, 1e-100)])
    np.testing.assert_allclose(mg.linalg.sqrtm(batch), expected, rtol=1e-12)
    turned = np.array([[0.6, -0.8], [0.8, 0.6]])
    without = turned @ np.diag([-2.0, 3.0]) @ turned.T
    assert np.isnan(mg.linalg.sqrtm(np.stack([without, root]))).tolist() == [[[True] * 2] * 2, [[False] * 2] * 2]


def test_times_of_a_differential_equation_have_slopes() -> None:
    def last(t: Any) -> Any:
        return mg.odeint(lambda y, now: -now * y, np.array([1.0]), t)[-1]

    t = np.array([0.1, 0.4, 0.9])
    slope = np.asarray(mg.grad(lambda times: mg.sum(last(times)))(t))
    expected = np.array([0.1, 0.0, -0.9]) * np.exp((0.1**2 - 0.9**2) / 2.0)  # of exp((t0^2 - t1^2) / 2)
    np.testing.assert_allclose(slope, expected, atol=2e-5)


def test_rollaxis_takes_its_place_by_keyword() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    assert np.array_equal(np.asarray(np.rollaxis(mg.tensor(x), 2, start=1)), np.rollaxis(x, 2, start=1))
