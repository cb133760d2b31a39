"""NumPy's whole namespace on Tensors: each function answers as on arrays, with a gradient, or refuses by name."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.errors import UnsupportedFunction
from minigrad.core.registry import REGISTRY
from minigrad.ops.numpy.dispatch import IN_PLACE, PLAIN_FUNCTIONS, PLAIN_UFUNCS
from support.ops_numpy_calls import INTEGERS, MATRIX, REFUSED, A, Call

UNANSWERED = {
    "busday_count", "busday_offset", "datetime_as_string", "is_busday", "isnat",  # dates
    "bitwise_count", "nextafter",  # the bits of numbers
    "i0", "polydiv", "roots", "sort_complex",  # no gradient here: quotients and complex numbers
    "printoptions",  # no function of arrays
}  # fmt: skip


def _parts(answer: Any) -> list[Any]:
    return list(answer) if isinstance(answer, list | tuple) else [answer]


def _slope(f: Call, x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Central differences of the weighted sum of all answers."""
    slope, step = np.zeros_like(x), 1e-6

    def total(x: np.ndarray) -> float:
        return sum(float(np.sum(w * np.asarray(y))) for y, w in zip(_parts(f(x)), weights, strict=True))

    for at in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[at] = step
        slope[at] = (total(x + moved) - total(x - moved)) / (2 * step)
    return slope


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", MATRIX)
def test_values_are_numpys(name: str, dtype: type[np.floating]) -> None:
    x = A.astype(dtype)
    theirs, ours = _parts(MATRIX[name](x)), _parts(MATRIX[name](mg.tensor(x, dtype=dtype)))
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours, strict=True):
        assert np.shape(a) == np.shape(b)
        rtol = 1e-12 if dtype is np.float64 else 2e-3 if "polyfit" in name else 2e-5
        np.testing.assert_allclose(np.asarray(b), np.asarray(a), rtol=rtol, atol=rtol)
        assert dtype is np.float32 or np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize("name", MATRIX)
def test_slopes_are_those_of_finite_differences(name: str) -> None:
    f = MATRIX[name]
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=np.shape(y)) for y in _parts(f(A))]
    x = mg.tensor(A, requires_grad=True)
    numbers = [(y, w) for y, w in zip(_parts(f(x)), weights, strict=True) if isinstance(y, mg.Tensor)]
    sum((mg.sum(y * w) for y, w in numbers), mg.tensor(0.0) * mg.sum(x)).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), _slope(f, A, weights), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("name", INTEGERS)
def test_whole_numbers_promote_as_numpys(name: str, dtype: type[np.integer]) -> None:
    k = np.array([[0, 3, -2, 0], [5, 1, 1, -7], [2, 4, 0, 6]], dtype)
    theirs, ours = _parts(INTEGERS[name](k)), _parts(INTEGERS[name](mg.tensor(k, dtype=dtype)))
    for a, b in zip(theirs, ours, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(np.asarray(b), np.asarray(a), rtol=1e-14)


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_gradient_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedFunction) as caught:
        REFUSED[name](mg.tensor(A))
    assert name.split()[0].split(".")[0] in str(caught.value)


def test_every_function_of_numpy_is_decided() -> None:
    undecided = set()
    for name in dir(np):
        f = getattr(np, name)
        if name.startswith("_") or isinstance(f, type | ModuleType) or not callable(f):
            continue
        if isinstance(f, np.ufunc):
            answered = REGISTRY.ufunc(f) or REGISTRY.function(f) or f in PLAIN_UFUNCS
        elif "dispatcher" in repr(f) or hasattr(f, "__wrapped__") or hasattr(f, "_implementation"):
            answered = REGISTRY.function(f) or f in PLAIN_FUNCTIONS or f in IN_PLACE
        else:
            continue  # NumPy does not ask Tensors
        if not answered:
            undecided.add(name)
    assert undecided <= UNANSWERED


def test_new_entries_along_an_axis() -> None:
    x, values = mg.tensor(A, requires_grad=True), mg.tensor(np.array([[10.0], [20.0], [30.0]]), requires_grad=True)
    index = np.array([[2], [0], [3]])
    expected = A.copy()
    np.put_along_axis(expected, index, values.numpy(), axis=1)
    y = mg.put_along_axis(x, index, values, axis=1)
    np.testing.assert_array_equal(y.numpy(), expected)
    y.sum().backward()
    assert x.grad is not None
    assert values.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), expected < 9.0)
    np.testing.assert_array_equal(values.grad.numpy(), np.ones((3, 1)))


def test_nan_in_quantiles() -> None:
    x = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, -1.0], [np.nan, np.nan, np.nan]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for f in (np.median, np.nanmedian, lambda a, axis: np.quantile(a, [0.25, 0.5], axis=axis),
                  lambda a, axis: np.nanquantile(a, [0.25, 0.5], axis=axis)):  # fmt: skip
            for axis in (0, 1):
                np.testing.assert_array_equal(np.asarray(f(mg.tensor(x), axis=axis)), f(x, axis=axis))


def test_blocks_on_a_diagonal_and_running_integrals() -> None:
    blocks: list[Any] = [mg.tensor(A), np.array([1.0, 2.0])]
    y = mg.block_diag(*blocks)
    assert y.shape == (4, 6)
    np.testing.assert_array_equal(y.numpy()[:3, :4], A)
    np.testing.assert_array_equal(y.numpy()[3], [0, 0, 0, 0, 1, 2])
    scipy_integrate = pytest.importorskip("scipy.integrate")
    for options in ({}, {"dx": 0.5, "initial": 0}, {"x": np.array([0.0, 1.0, 3.0, 4.0])}):
        theirs = scipy_integrate.cumulative_trapezoid(A, axis=1, **options)
        np.testing.assert_allclose(np.asarray(mg.cumulative_trapezoid(A, axis=1, **options)), theirs, rtol=1e-13)
