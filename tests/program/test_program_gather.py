"""Products of gathered rows, of small blocks and of packed weights: the same numbers, less work."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.registry import REGISTRY
from minigrad.core.types import Array, IndexArray
from minigrad.program.graph import Call, Value
from minigrad.program.kernels import kernel_of
from support.program_steps import with_gradients

Numbers = list[Array]


def check(value: Any, arrays: Numbers, *disable: str) -> Counter[str]:
    """Loss and gradients of a program are eager's; returns how often each op is called."""

    step = with_gradients(value, len(arrays))
    program = mg.define(step, disable=disable)
    program(*arrays)
    expected = [t.numpy() for t in step(*map(mg.tensor, arrays))]
    for got, right in zip(program(*arrays), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), right, rtol=1e-11, atol=1e-11)
    return Counter(c.op.name for c in program.graph.calls)


def rows_of(places: IndexArray, table: int, width: int = 6, columns: int = 5) -> tuple[Any, Numbers]:
    """tanh(take(E, places) @ W + b), weighted; and E, W, b."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((*places.shape, columns))

    def value(e: Any, w: Any, b: Any) -> Any:
        return (mg.tanh(mg.matmul(mg.take(e, places, axis=0), w) + b) * weights).sum()

    return value, [rng.standard_normal(s) for s in ((table, width), (width, columns), (columns,))]


@pytest.mark.parametrize(
    "places", [np.arange(12) % 4, np.arange(-4, 8).reshape(3, 4) % 4 - 4, np.zeros((2, 3, 2), int)]
)
def test_rows_are_taken_from_the_product(places: IndexArray) -> None:
    value, arrays = rows_of(places, 4)
    check(value, arrays, "gather_after_matmul")
    check(value, arrays)
    shapes = products(value, arrays)
    assert all(rows <= 6 for rows, *_ in shapes)  # nothing with a row for each place


def test_a_table_larger_than_the_text_is_gathered_first() -> None:
    value, arrays = rows_of(np.array([3, 1, 30]), 40)
    check(value, arrays)
    shapes = products(value, arrays)
    assert (3, 5) in shapes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("length", "shape", "rest"),
    [(5, (7,), (3,)), (1, (4,), ()), (300, (40, 20), (6,)), (40_000, (30,), (2, 2)), (50, (200,), (9, 16))],
)
def test_rows_are_added_up_by_place(length: int, shape: tuple[int, ...], rest: tuple[int, ...], dtype: Any) -> None:
    """Few rows by a product, many after sorting; with places that are empty, and negative ones."""
    rng = np.random.default_rng(5)
    meta = {"axis": 0, "length": length}
    values = (
        Value((*shape, *rest), np.dtype(dtype), "result"),
        Value(shape, np.dtype(np.int64), "input"),
        Value((length, *rest), np.dtype(dtype), "result"),
    )
    kernel = kernel_of(Call(REGISTRY["put_along"], (0, 1), meta, (2,)), values)
    assert kernel is not None
    for lowest in (0, -length):
        g, out = rng.standard_normal((*shape, *rest)).astype(dtype), np.full((length, *rest), np.nan, dtype)
        places = rng.integers(lowest, length, shape)
        kernel.function(g, places, out=out)
        expected = np.zeros((length, *rest))
        np.add.at(expected, places, g)
        np.testing.assert_allclose(out, expected, atol=1e3 * np.finfo(dtype).eps)


def test_rows_that_are_read_elsewhere_too_and_a_table_that_is_its_own_weights() -> None:
    places = np.arange(14).reshape(2, 7) % 5

    def value(e: Any, w: Any) -> Any:
        rows = mg.take(e, places, axis=0)
        return (mg.tanh(mg.matmul(rows, w)) @ mg.transpose(e)).sum() + (rows * rows).sum()

    rng = np.random.default_rng(1)
    check(value, [rng.standard_normal((5, 6)), rng.standard_normal((6, 6))])


def test_sums_of_two_gradients_at_the_same_places() -> None:
    places = np.arange(12) % 4
    (first, arrays), (second, more) = rows_of(places, 4), rows_of(places, 4, columns=7)

    def value(*given: Any) -> Any:
        return first(*given[:3]) + 2.0 * second(*given[3:])

    check(value, [*arrays, *more])


def products(value: Any, arrays: Numbers) -> set[tuple[int, ...]]:
    """The shapes of the matrix products of value and gradients."""
    program = mg.define(with_gradients(value, 3))
    program(*arrays)
    calls = [c for c in program.graph.calls if c.op.name == "matmul"]
    return {program.graph.values[c.outs[0]].shape for c in calls}


def test_recurrent_weights_are_packed_once_for_all_times() -> None:
    rng = np.random.default_rng(2)

    def value(w: Any, v: Any) -> Any:
        h = mg.tanh(v)
        for _ in range(6):
            h = mg.tanh(mg.matmul(h, w))
        return (h * h).sum()

    arrays = [rng.standard_normal((7, 7)), rng.standard_normal((3, 7))]
    assert check(value, arrays)["contiguous"] == 1
    assert check(value, arrays, "pack_transposed")["contiguous"] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "k", "n"), [(32, 128, 512), (30, 200, 260), (5, 7, 9), (128, 128, 63), (16, 1000, 64)])
@pytest.mark.parametrize("turned", [False, True])
def test_products_in_blocks_are_the_product(m: int, k: int, n: int, turned: bool, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    a = rng.standard_normal((m, k)).astype(dtype)
    b = rng.standard_normal((n, k)).astype(dtype).T if turned else rng.standard_normal((k, n)).astype(dtype)
    values = tuple(Value(x, np.dtype(dtype), "result") for x in ((m, k), (k, n), (m, n)))
    kernel = kernel_of(Call(REGISTRY["matmul"], (0, 1), {}, (2,)), values)
    assert kernel is not None
    out = np.empty((m, n), dtype)
    kernel.function(a, b, out=out)
    expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(out, expected, rtol=0, atol=200 * k**0.5 * np.finfo(dtype).eps)
