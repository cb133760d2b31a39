"""Matrices without entries, transforms of few points, weights of a logsumexp: values and slopes to second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import fft, linalg
from minigrad.core.errors import ShapeError
from support.missing_plugins import import_plugin

mg: Any = minigrad
la: Any = linalg

SQUARE: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(la, name) for name in (
        "inv", "det", "slogdet", "cholesky", "qr", "eigh", "eigvalsh", "svdvals", "pinv", "expm", "sqrtm", "eigvals",
        "eig", "trace", "norm", "matrix_norm",
    )},
    "svd": lambda a: la.svd(a, full_matrices=False),
    "nuclear norm": lambda a: la.matrix_norm(a, ord="nuc"),
    "matrix_power": lambda a: la.matrix_power(a, 3),
    "solve": lambda a: la.solve(a, a),
    "solve_triangular": lambda a: la.solve_triangular(a, a),
    "solve_sylvester": lambda a: la.solve_sylvester(a, a, a),
}  # fmt: skip
OBLONG = ("svd", "svdvals", "qr", "pinv", "norm", "matrix_norm", "nuclear norm")


def _total(y: Any) -> Any:
    if isinstance(y, tuple):
        return sum(_total(part) for part in y)
    return mg.sum(y.real) + mg.sum(y.imag) if hasattr(y, "abs2") else mg.sum(y)


CASES = [
    *((name, shape) for name in SQUARE for shape in ((0, 0), (2, 0, 0), (0, 2, 2), (1, 1))),
    *((name, shape) for name in OBLONG for shape in ((3, 0), (0, 3))),
]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_matrices_of_no_and_one_entry_have_slopes(name: str, shape: tuple[int, ...]) -> None:
    a = np.full(shape, 2.0)
    slope = mg.grad(lambda t: _total(SQUARE[name](t)))
    bend = mg.grad(lambda t: mg.sum(slope(t)))
    for part in (slope(a), bend(a)):
        assert part.shape == shape
        assert np.isfinite(part).all()


def test_the_condition_of_nothing_is_refused() -> None:
    with pytest.raises(ShapeError, match="no condition number"):
        la.cond(np.empty((0, 0)))


@pytest.mark.parametrize("shape", [(1,), (3,), (5,), (0, 4), (2, 1)])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_transforms_of_few_points(name: str, shape: tuple[int, ...]) -> None:
    x: Any = np.random.default_rng(0).normal(size=shape)
    transform: Any = getattr(fft, name)
    if name in ("irfft", "hfft") and shape[-1] == 1:
        with pytest.raises(ValueError, match="make no points"):
            transform(x)
        return
    y, right = transform(x), getattr(np.fft, name)(x)
    np.testing.assert_allclose(y.real + 1j * y.imag if hasattr(y, "abs2") else y, right, atol=1e-14)
    # The transforms are linear: the slope along x is the transform itself.
    gradient = mg.grad(lambda t: _total(transform(t)))(x)
    np.testing.assert_allclose(np.sum(gradient * x), np.sum(right.real) + np.sum(right.imag), atol=1e-13)


def test_points_at_0_have_a_line() -> None:
    np.testing.assert_allclose(la.polyfit(np.zeros(3), np.ones(3), 1), [0.0, 1.0], atol=1e-15)
    slope = mg.grad(lambda y: mg.sum(la.polyfit(np.zeros(3), y, 1)))(np.ones(3))
    np.testing.assert_allclose(slope, np.full(3, 1.0 / 3.0), atol=1e-15)


def test_weights_of_a_logsumexp() -> None:
    x, b = np.array([[1000.0, 1001.0, 2000.0], [-3.0, 0.5, 2.0]]), np.array([0.25, 2.0, 0.0])
    right = [1001.0 + np.log(0.25 * np.exp(-1.0) + 2.0), np.log(np.exp(x[1]) @ b)]
    np.testing.assert_allclose(mg.logsumexp(x, axis=1, b=b), right, rtol=1e-15)
    np.testing.assert_allclose(mg.logsumexp(x, axis=1, keepdims=True, b=mg.tensor(b)).numpy()[:, 0], right, rtol=1e-15)
    row = x[1]
    by_x, by_b = mg.grad(lambda s, w: mg.logsumexp(s, b=w), argnums=(0, 1))(row, b)
    whole = np.exp(row) @ b
    np.testing.assert_allclose(by_x, np.exp(row) * b / whole, rtol=1e-14)
    np.testing.assert_allclose(by_b, np.exp(row) / whole, rtol=1e-14)
    share = np.exp(row) * b / whole
    hessian = mg.hessian(lambda s: mg.logsumexp(s, b=b))(row)
    np.testing.assert_allclose(hessian, np.diag(share) - np.outer(share, share), atol=1e-15)


def test_a_logsumexp_of_no_weight() -> None:
    with np.errstate(all="ignore"):
        for x, b in (([1.0, 2.0], [0.0, 0.0]), ([-np.inf, -np.inf], [1.0, 2.0])):
            assert mg.logsumexp(np.array(x), b=np.array(b)) == -np.inf
            assert not np.any(mg.grad(lambda t, b=b: mg.logsumexp(t, b=np.array(b)))(np.array(x)))
        assert mg.logsumexp(np.array([np.inf, 1.0]), b=2.0) == np.inf
        assert np.isnan(mg.logsumexp(np.array([1.0, 0.0]), b=np.array([-1.0, 1.0])))


def test_the_sign_of_a_logsumexp() -> None:
    special: Any = import_plugin("minigrad_special")
    x, b = np.array([[1.0, 3.0], [2.0, -1.0]]), np.array([1.0, -2.0])
    size, sign = special.logsumexp(x, axis=1, b=b, return_sign=True)
    np.testing.assert_allclose(sign * np.exp(size), np.exp(x) @ b, rtol=1e-14)
    slope = mg.grad(lambda t: mg.sum(special.logsumexp(t, axis=1, b=b, return_sign=True)[0]))(x)
    np.testing.assert_allclose(slope, np.exp(x) * b / (np.exp(x) @ b)[:, None], rtol=1e-14)
