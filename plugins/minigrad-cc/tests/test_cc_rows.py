"""Reductions along rows, short and long: softmax, with its maxima and sums, against NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minigrad.engines import ElementwiseCall, FusionGroup, Input, Output
from minigrad.typing import Array
from minigrad_cc import Engine
from minigrad_cc.translate import translated
from minigrad_cc.writers.short_rows import has_short_rows
from support.compiled_at_once import compiled_at_once as compiled_at_once  # in use in all tests


def softmax(x: Array, y: Array, sums: Array, largest: Array) -> FusionGroup:
    s, one, d, last = x.shape, (*x.shape[:-1], 1), x.dtype, (x.ndim - 1,)
    calls = (
        ElementwiseCall(np.maximum, (0,), one, d, last),
        ElementwiseCall(np.subtract, (0, 1), s, d),
        ElementwiseCall(np.exp, (2,), s, d),
        ElementwiseCall(np.add, (3,), one, d, last),
        ElementwiseCall(np.divide, (3, 4), s, d),
        ElementwiseCall(np.minimum, (5,), one, d, last),
        ElementwiseCall(np.subtract, (5, 6), s, d),
    )
    return FusionGroup(s, (Input.of(x),), calls, (Output(7, y), Output(4, sums), Output(1, largest)), "softmax")


def expected(x: Array) -> tuple[Array, Array, Array]:
    largest: Array = x.max(-1, keepdims=True)
    e = np.exp(x - largest)
    sums: Array = e.sum(-1, keepdims=True)
    y = e / sums
    return y - y.min(-1, keepdims=True), sums, largest


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    return Engine(workers=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gap", [1, 2])
def test_rows_of_any_length(dtype: type, gap: int, engine: Engine) -> None:
    rng = np.random.default_rng(0)
    eps = float(np.finfo(dtype).eps)
    for shape in [(4, 2), (16, 10), (33, 10), (3, 17, 32), (2, 3, 10), (3, 10), (5, 33), (1, 200), (40, 100)]:
        wide: Array = rng.normal(size=(*shape[:-1], shape[-1] * gap)).astype(dtype)
        x = wide[..., ::gap]
        y: Array = np.empty(shape, dtype)
        sums: Array = np.empty((*shape[:-1], 1), dtype)
        largest = np.empty_like(sums)
        group = softmax(x, y, sums, largest)
        assert has_short_rows(translated(group).kernel) == (shape[-1] <= 32 and np.prod(shape[:-1]) >= 4)
        bound = engine.bind(group)
        assert bound is not None
        for _ in range(2):
            bound.calls[0]()
            for ours, theirs in zip((y, sums, largest), expected(x), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=40 * eps, atol=eps)
            wide *= -2


@pytest.mark.parametrize("width", [10, 100])
def test_nan_stays_in_its_row_and_results_may_lie_over_operands(width: int, engine: Engine) -> None:
    x: Array = np.random.default_rng(0).normal(size=(37, width))
    wanted, _, _ = expected(x)
    y = x.copy()
    largest: Array = np.empty((37, 1))
    bound = engine.bind(softmax(y, y, np.empty((37, 1)), largest))
    assert bound is not None
    bound.calls[0]()
    np.testing.assert_allclose(y, wanted, rtol=1e-14, atol=1e-16)
    y[...] = x
    y[5, 3] = np.nan
    bound.calls[0]()
    assert np.isnan(y[5]).all()
    np.testing.assert_array_equal(np.isnan(largest[:, 0]), np.arange(37) == 5)
    np.testing.assert_allclose(np.delete(y, 5, 0), np.delete(wanted, 5, 0), rtol=1e-14, atol=1e-16)
