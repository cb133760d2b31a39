"""Equal eigenvalues and singular values: slopes that are determined are right, all others are NaN, none is wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.types import Array

RNG = np.random.default_rng(5)
TURN = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
BESIDE = RNG.normal(size=(4, 4))
CORNER = np.zeros((4, 4))
CORNER[0, 1] = CORNER[1, 0] = 1.0
SPECTRA = {"two": [2.0, 2.0, 3.0, 5.0], "three": [1.0, 2.0, 2.0, 2.0], "all": [3.0, 3.0, 3.0, 3.0]}
BASES = {"turned": TURN, "axes": np.eye(4)}


def matrix(spectrum: str, basis: str) -> Array:
    turned: Array = BASES[basis] @ np.diag(SPECTRA[spectrum]) @ BASES[basis].T
    return (turned + turned.T) / 2.0


def by_differences(f: Callable[[Array], float], a: Array, step: float = 1e-6) -> Array:
    """Central differences along symmetric directions, where the function of the matrix alone is smooth."""
    slope = np.zeros_like(a)
    for i in range(4):
        for j in range(4):
            e = np.zeros_like(a)
            e[i, j] += 0.5
            e[j, i] += 0.5
            slope[i, j] = (f(a + step * e) - f(a - step * e)) / (2.0 * step)
    return slope


def power_of(a: mg.Tensor, beside: Array) -> mg.Tensor:
    w, v = mg.linalg.eigh(a)
    return (mg.matmul(v * w**2.0, v.T) * beside).sum()


def projection_of(a: mg.Tensor, beside: Array) -> mg.Tensor:
    """On the vectors of the equal values 2, or of the two smaller ones."""
    _, v = mg.linalg.eigh(a)
    return (mg.matmul(v[:, :2], v[:, :2].T) * beside).sum()


def rebuilt(a: mg.Tensor, beside: Array) -> mg.Tensor:
    u, s, vt = mg.linalg.svd(a)
    return (mg.matmul(u * s, vt) * beside).sum()


FUNCTIONS: dict[str, tuple[Callable[[mg.Tensor, Array], mg.Tensor], Callable[[Array, Array], float]]] = {
    "square": (power_of, lambda a, beside: float((a @ a * beside).sum())),
    "svd and back": (rebuilt, lambda a, beside: float((a * beside).sum())),
}


@pytest.mark.parametrize("beside", [BESIDE + BESIDE.T, CORNER, np.eye(4)], ids=["any", "corner", "trace"])
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_slope_is_right_or_nan(name: str, spectrum: str, basis: str, beside: Array) -> None:
    through, plain = FUNCTIONS[name]
    a = matrix(spectrum, basis)
    with np.errstate(all="ignore"):
        slope = np.asarray(mg.grad(lambda m: through(m, beside))(a))
    slope = (slope + slope.T) / 2.0
    expected = by_differences(lambda m: plain(m, beside), a)
    if np.isfinite(slope).all():
        np.testing.assert_allclose(slope, expected, atol=1e-6)
    else:
        assert not np.array_equal(beside, np.eye(4)), "functions of the values alone are determined"


@pytest.mark.parametrize("basis", BASES)
def test_the_projection_on_all_vectors_of_a_value(basis: str) -> None:
    a, beside = matrix("two", basis), BESIDE + BESIDE.T
    slope = np.asarray(mg.grad(lambda m: projection_of(m, beside))(a))

    def plain(m: Array) -> float:
        v = np.linalg.eigh((m + m.T) / 2.0)[1][:, :2]
        return float((v @ v.T * beside).sum())

    np.testing.assert_allclose(slope, by_differences(plain, a), atol=1e-6)
