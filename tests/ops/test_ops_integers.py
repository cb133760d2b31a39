"""Integer and boolean Tensors: dtypes and values as NumPy 2 gives them, weak Python numbers included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

CALLS: dict[str, Callable[[Any], Any]] = {
    "x + 1": lambda x: x + 1,
    "2 + x": lambda x: 2 + x,
    "x - 1": lambda x: x - 1,
    "x * 3": lambda x: x * 3,
    "x // 2": lambda x: x // 2,
    "7 // x": lambda x: 7 // (x + 1),
    "x % 2": lambda x: x % 2,
    "x / 2": lambda x: x / 2,
    "x + 1.5": lambda x: x + 1.5,
    "x + True": lambda x: x + True,
    "x + x": lambda x: x + x,
    "divmod": lambda x: divmod(x, 3)[0],
    "maximum": lambda x: np.maximum(x, 1),
    "where": lambda x: np.where(np.array([True, False, True]), x, 0),
    "clip": lambda x: np.clip(x, 1, 2),
    "sum": np.sum,
    "nansum": np.nansum,
    "mean": np.mean,
    "prod": np.prod,
    "cumsum": np.cumsum,
    "abs": abs,
    "square": np.square,
    "dot": lambda x: np.dot(x, x),
    "matmul": lambda x: x @ x,
    "round": np.round,
    "copy": np.copy,
    "tril": lambda x: np.tril(np.outer(x, x)),
    "max": np.max,
    "sqrt": np.sqrt,
    "repeat": lambda x: np.repeat(x, 2),
    "concatenate": lambda x: np.concatenate([x, x]),
    "sort": np.sort,
    "median": np.median,
    "pad": lambda x: np.pad(x, 1),
}
DTYPES = [np.int8, np.uint8, np.int32, np.int64, np.bool_]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_dtype_and_values_are_numpys(name: str, dtype: type[np.generic]) -> None:
    numbers = np.array([1, 0, 1] if dtype is np.bool_ else [7, 3, 100], dtype=dtype)
    with np.errstate(over="ignore"):
        expected = np.asarray(CALLS[name](numbers))
        ours = CALLS[name](mg.tensor(numbers, dtype=dtype)).numpy()
    assert ours.dtype == expected.dtype
    assert np.array_equal(ours, expected)


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OverflowError):
        mg.tensor(np.array([1], dtype=np.uint8)) + 300
    with pytest.raises(OverflowError):
        np.add(mg.tensor(np.array([1], dtype=np.uint8)), -1)


def test_floor_division_keeps_large_integers() -> None:
    large = np.array([2**62 + 1, -(2**62) - 1])
    assert np.array_equal((mg.tensor(large) // 3).numpy(), large // 3)


def test_floor_division_has_no_gradient() -> None:
    g = mg.grad(lambda t: mg.sum((t // 0.7) * t))(np.array([1.5, 2.5]))
    assert np.array_equal(np.asarray(g), [2.0, 3.0])


@pytest.mark.parametrize(
    "name", ["sech", "csch", "arccsch", "sinc", "erf", "erfc", "normal_cdf", "gelu", "silu", "mish", "tanh"]
)
def test_whole_numbers_and_plain_ones_are_floats_to_smooth_functions(name: str) -> None:
    function = getattr(mg, name)
    right = function(np.array([2.0]))
    for x in (np.array([2]), np.array([2], np.uint8), [2.0], [2], mg.tensor([2])):
        y = function(x)
        np.testing.assert_allclose(np.asarray(y.numpy() if isinstance(y, mg.Tensor) else y, float), right, rtol=1e-3)
    assert float(function(2.0)) == pytest.approx(float(right[0]), rel=1e-14)
