"""Slopes and curvatures of pinv, lstsq and qr along curves of matrices of one rank, beside mpmath at 50 digits.

A curve of matrices of rank r is a product of factors (m, r) and (r, n) that move in lines. Its pseudo-inverse is made
of inverses of small Gram matrices alone, which is another way than the one through singular values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import minigrad as mg
from minigrad.linalg.errors import SingularMatrix
from minigrad.typing import Array

DIGITS = 50
SHAPES = [(3, 3, 3), (4, 2, 2), (2, 4, 2), (3, 3, 2), (4, 3, 1), (3, 5, 2), (5, 4, 3), (1, 3, 1), (3, 1, 1)]
"""Rows, columns, rank."""

Curve = Callable[[Any], Any]


def matrix(array: Array) -> mp.matrix:
    return mp.matrix(array.tolist())


def weighted(value: Any, weights: Array) -> Any:
    return mp.fsum(mp.mpf(float(w)) * v for w, v in zip(weights.ravel(), value, strict=True))


def derivatives(function: Curve) -> tuple[float, float]:
    """First and second derivative at 0, from differences whose error is below 1e-20."""
    h = mp.mpf(10) ** -12
    before, at, after = function(-h), function(mp.mpf(0)), function(h)
    return float((after - before) / (2 * h)), float((after - 2 * at + before) / h**2)


def our_derivatives(function: Curve) -> tuple[float, float]:
    t = mg.tensor(0.0, requires_grad=True)
    first: Curve = mg.grad(function)
    second: Curve = mg.grad(first)
    return float(first(t)), float(second(t))


def close(ours: tuple[float, float], exact: tuple[float, float]) -> bool:
    return np.allclose(ours[0], exact[0], rtol=1e-9, atol=1e-10) and np.allclose(
        ours[1], exact[1], rtol=1e-7, atol=1e-8
    )


class Factors:
    """Two factors that move in lines, and weights for what is made of their product."""

    def __init__(self, rows: int, columns: int, rank: int) -> None:
        rng = np.random.default_rng([rows, columns, rank])
        self.left, self.left_speed = rng.normal(size=(2, rows, rank))
        self.right, self.right_speed = rng.normal(size=(2, rank, columns))
        self.weights = rng.normal(size=(columns, rows))
        self.target = rng.normal(size=rows)
        self.few_weights = rng.normal(size=columns)

    def product(self, t: Any) -> Any:
        return mg.matmul(self.left + t * self.left_speed, self.right + t * self.right_speed)

    def exact_factors(self, t: Any) -> tuple[mp.matrix, mp.matrix]:
        return matrix(self.left) + t * matrix(self.left_speed), matrix(self.right) + t * matrix(self.right_speed)

    def exact_inverse(self, t: Any) -> mp.matrix:
        left, right = self.exact_factors(t)
        return right.T * (right * right.T) ** -1 * (left.T * left) ** -1 * left.T


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pinv(shape: tuple[int, int, int]) -> None:
    factors = Factors(*shape)
    with mp.workdps(DIGITS):
        exact = derivatives(lambda t: weighted(factors.exact_inverse(t), factors.weights))
    ours = our_derivatives(lambda t: mg.sum(mg.linalg.pinv(factors.product(t), 1e-10) * factors.weights))
    assert close(ours, exact), (ours, exact)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_least_solution_of_lstsq_and_its_residual(shape: tuple[int, int, int]) -> None:
    factors = Factors(*shape)
    target = matrix(factors.target[:, None])

    def solution(t: Any) -> Any:
        return weighted(factors.exact_inverse(t) * target, factors.few_weights)

    def residual(t: Any) -> Any:
        left, right = factors.exact_factors(t)
        gap = left * (right * (factors.exact_inverse(t) * target)) - target
        return mp.fsum(x * x for x in gap)

    with mp.workdps(DIGITS):
        exact = derivatives(solution), derivatives(residual)
    ours = (
        our_derivatives(
            lambda t: mg.sum(mg.linalg.lstsq(factors.product(t), factors.target, 1e-10)[0] * factors.few_weights)
        ),
        our_derivatives(lambda t: mg.sum(mg.linalg.lstsq(factors.product(t), factors.target, 1e-10)[1])),
    )
    assert close(ours[0], exact[0]), (ours[0], exact[0])
    assert close(ours[1], exact[1]), (ours[1], exact[1])


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (4, 2), (5, 3), (2, 4), (1, 3), (3, 1)])
def test_qr(rows: int, columns: int, output: int) -> None:
    """Of matrices of full rank, tall and wide, by Gram and Schmidt at 50 digits."""
    rng = np.random.default_rng([rows, columns])
    a, speed = rng.normal(size=(2, rows, columns))
    few = min(rows, columns)
    signs = np.sign(np.diag(np.linalg.qr(a)[1]))
    weights = rng.normal(size=((rows, few), (few, columns))[output])

    def exact(t: Any) -> Any:
        moved = matrix(a) + t * matrix(speed)
        basis: list[mp.matrix] = []
        for k in range(few):
            column = moved[:, k]
            for vector in basis:
                column = column - vector * (vector.T * moved[:, k])[0]
            basis.append(column * (float(signs[k]) / mp.norm(column)))
        q = mp.matrix(rows, few)
        for k, vector in enumerate(basis):
            for i in range(rows):
                q[i, k] = vector[i]
        return weighted((q, q.T * moved)[output], weights)

    with mp.workdps(DIGITS):
        expected = derivatives(exact)
    ours = our_derivatives(lambda t: mg.sum(mg.linalg.qr(a + t * speed)[output] * weights))
    assert close(ours, expected), (ours, expected)


SINGULAR = {
    "zeros": np.zeros((2, 2)),
    "diagonal": np.diag([4.0, 0.0, 9.0]),
    "symmetric": np.array([[2.0, 2.0], [2.0, 2.0]]),
    "not symmetric": np.array([[1.0, 2.0], [0.0, 0.0]]),
    "large": np.diag([1e300, 0.0]),
    "among others": np.stack([np.eye(2), np.zeros((2, 2)), np.array([[4.0, 1.0], [0.0, 9.0]])]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_matrices_have_a_square_root_where_eigenvectors_give_it(name: str) -> None:
    a = SINGULAR[name]
    root = np.asarray(mg.linalg.sqrtm(a))
    np.testing.assert_allclose(root @ root, a, rtol=1e-12, atol=1e-12)
    assert np.linalg.eigvals(root).real.min() >= -1e-12


def test_no_root_is_nan_and_the_slope_at_zeros_is_refused_by_name() -> None:
    for a in (np.array([[0.0, 1.0], [0.0, 0.0]]), np.diag([0.0, -1.0])):
        assert np.isnan(np.asarray(mg.linalg.sqrtm(a))).all()
    with pytest.raises(SingularMatrix, match="solve_sylvester") as caught:
        mg.grad(lambda t: mg.sum(mg.linalg.sqrtm(t)))(np.zeros((2, 2)))
    assert len(str(caught.value)) < 300
