"""NumPy's functions keep the gradients of weights, edges, fill values and means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from support.ops_numpy_weights import CALLS, X


def _parts(answer: Any) -> list[Any]:
    if isinstance(answer, list | tuple):
        return [p for a in answer for p in _parts(a)]
    return [answer]


def _slope(name: str, weights: list[np.ndarray]) -> np.ndarray:
    """Central differences of the weighted sum of all answers."""
    slope, step = np.zeros_like(X), 1e-6

    def total(x: np.ndarray) -> float:
        return sum(float(np.sum(w * np.asarray(y))) for y, w in zip(_parts(CALLS[name](x)), weights, strict=True))

    for at in np.ndindex(X.shape):
        moved = np.zeros_like(X)
        moved[at] = step
        slope[at] = (total(X + moved) - total(X - moved)) / (2 * step)
    return slope


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys(name: str, dtype: type[np.floating]) -> None:
    x = X.astype(dtype)
    theirs, ours = _parts(CALLS[name](x)), _parts(CALLS[name](mg.tensor(x, requires_grad=True)))
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours, strict=True):
        value = b.numpy() if isinstance(b, mg.Tensor) else b
        assert np.shape(a) == np.shape(value)
        tolerance = 1e-12 if dtype is np.float64 else 1e-4
        np.testing.assert_allclose(value, a, rtol=tolerance, atol=tolerance)
        assert dtype is np.float32 or np.asarray(a).dtype == np.asarray(value).dtype


@pytest.mark.parametrize("name", CALLS)
def test_slopes_are_those_of_finite_differences(name: str) -> None:
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=np.shape(y)) for y in _parts(CALLS[name](X))]
    x = mg.tensor(X, requires_grad=True)
    numbers = [(y, w) for y, w in zip(_parts(CALLS[name](x)), weights, strict=True) if isinstance(y, mg.Tensor)]
    sum((mg.sum(y * w) for y, w in numbers), mg.tensor(0.0) * mg.sum(x)).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), _slope(name, weights), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("call", [np.bincount, np.histogram])
def test_weights_are_as_many_as_entries(call: Any) -> None:
    with pytest.raises(ValueError, match="weights"):
        call([0, 1, 1, 2], weights=mg.tensor([1.0, 2.0, 3.0], requires_grad=True))


def test_counts_of_constants_are_arrays() -> None:
    x = mg.tensor([0, 3, 1, 1])
    assert isinstance(np.bincount(x), np.ndarray)
    assert all(isinstance(y, np.ndarray) for y in np.histogram(x))
    assert isinstance(np.full_like(x, 2), np.ndarray)


@pytest.mark.parametrize("axis", [0, -1])
def test_steps_between_whole_numbers_are_not_cut_off(axis: int) -> None:
    start = np.array([0, 1, -5])
    expected = np.linspace(start, 3, 6, axis=axis)
    t: Any = mg.tensor(start)
    np.testing.assert_allclose(np.linspace(t, 3, 6, axis=axis), expected, rtol=1e-14)
    np.testing.assert_allclose(np.logspace(t, 3, 6, axis=axis), np.power(10.0, expected), rtol=1e-13)
