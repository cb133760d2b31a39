"""Windows in C: pooling, its gradient and windows added up, whole and in parts, beside loops over entries."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.engines import ArrayCall, Operand
from minigrad.typing import Array
from minigrad_cc.chain import Entries
from minigrad_cc.compiler import compiler
from minigrad_cc.library import PlanLibrary, plan_library
from minigrad_cc.routines import entries_of

Shape = tuple[int, ...]
Key = Any


@pytest.fixture(scope="module")
def library() -> PlanLibrary:
    return plan_library(compiler())


@st.composite
def windows(draw: st.DrawFn) -> tuple[Shape, Shape, Shape, Shape, Shape]:
    """Shape of what is beside the image, then kernel, stride, dilation and number of places of each of its axes."""
    n = draw(st.integers(1, 3))
    beside = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    axis = st.tuples(*([st.integers(1, 3)] * n))
    return beside, draw(axis), draw(axis), draw(axis), draw(axis)


def _size(kernel: Shape, stride: Shape, dilation: Shape, count: Shape, spare: int) -> Shape:
    return tuple(
        d * (k - 1) + s * (c - 1) + 1 + spare for k, s, d, c in zip(kernel, stride, dilation, count, strict=True)
    )


def _key(*parts: Any) -> Key:
    return parts


def _at(place: Shape, inside: Shape, stride: Shape, dilation: Shape) -> Key:
    """Where in the image an entry of a window lies."""
    return _key(..., *(p * s + i * d for p, s, i, d in zip(place, stride, inside, dilation, strict=True)))


def _call(library: PlanLibrary, call: ArrayCall, parts: int) -> None:
    entries = entries_of(call)
    assert entries is not None, f"C should make {call.name}"
    table = Entries(library, entries).table
    table.rows[-1, 2] = parts
    assert table.run()


@given(windows(), st.integers(0, 2), st.integers(1, 4), st.sampled_from("fd"), st.integers(0, 99), st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_largest_of_each_window_and_its_gradient(
    library: PlanLibrary, drawn: tuple[Shape, ...], spare: int, parts: int, code: str, seed: int, nan: bool
) -> None:
    beside, kernel, stride, _, count = drawn
    stride = tuple(max(k, s) for k, s in zip(kernel, stride, strict=True))  # the gradient is of windows apart
    dilation = (1,) * len(kernel)
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 3, (*beside, *_size(kernel, stride, dilation, count, spare))).astype(code)  # with ties
    if nan:
        x.flat[0] = np.nan
    g = rng.normal(size=(*beside, *count)).astype(code)
    y, gradient = np.empty_like(g), np.zeros_like(x)
    for place in product(*map(range, count)):
        entries = [_at(place, i, stride, dilation) for i in product(*map(range, kernel))]
        window = np.stack([x[at] for at in entries])
        y[_key(..., *place)] = window.max(axis=0)
        won = window == y[_key(..., *place)]
        for at, mine in zip(entries, won, strict=True):
            gradient[at] = g[_key(..., *place)] / np.maximum(won.sum(axis=0), 1).astype(code) * mine
    options = {"kernel": kernel, "stride": stride, "dilation": dilation}
    out, back = np.full_like(y, 7.0), np.full_like(x, 7.0)
    _call(library, ArrayCall("max_pool", (Operand(x),), out, options), parts)
    np.testing.assert_array_equal(out, y)
    _call(library, ArrayCall("max_pool_backward", (Operand(g), Operand(x), Operand(y)), back, options), parts)
    np.testing.assert_array_equal(back, gradient)


@given(windows(), st.integers(0, 2), st.integers(1, 4), st.sampled_from("fd"), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_windows_added_up_and_rows_to_the_last_bit(
    library: PlanLibrary, drawn: tuple[Shape, ...], spare: int, parts: int, code: str, seed: int
) -> None:
    beside, kernel, stride, dilation, count = drawn
    rng = np.random.default_rng(seed)
    size = _size(kernel, stride, dilation, count, spare)
    axes = (*kernel, *beside, *count)
    order = tuple(rng.permutation(len(axes)))
    g: Array = np.ascontiguousarray(rng.normal(size=axes).astype(code).transpose(order)).transpose(np.argsort(order))
    g.flat[:: 1 + seed % 3] *= 0.0  # of either sign
    apart = kernel == stride and set(dilation) == {1}  # NumPy copies these, and -0 stays -0
    expected: Array = np.zeros((*beside, *size), code)
    for inside in product(*map(range, kernel)):
        for place in product(*map(range, count)):
            at, entries = _at(place, inside, stride, dilation), g[_key(*inside, ..., *place)]
            expected[at] = entries if apart else expected[at] + entries
    out = np.full_like(expected, 7.0)
    options = {"size": size, "stride": stride, "dilation": dilation}
    _call(library, ArrayCall("overlap_add", (Operand(g),), out, options), parts)
    assert out.tobytes() == expected.tobytes()
    rows = rng.normal(size=(1 + seed % 5, 2 + seed)).astype(code)
    rows[:, : seed % 3] *= 0.0
    total = np.full(rows.shape[1], 7.0, code)
    reduce = {"name": "add", "axis": 0, "keepdims": False}
    _call(library, ArrayCall("reduce", (Operand(rows),), total, reduce), 1)
    assert total.tobytes() == np.add.reduce(rows, axis=0).tobytes()


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4), st.data(), st.integers(1, 4), st.sampled_from("fd"),
    st.integers(0, 99), st.booleans(),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_sums_over_neighbouring_axes_to_the_last_bit(
    library: PlanLibrary, shape: list[int], data: st.DataObject, parts: int, code: str, seed: int, keepdims: bool
) -> None:
    first = data.draw(st.integers(0, len(shape) - 1))
    last = data.draw(st.integers(first, len(shape) - 1))
    axes = tuple(range(first, last + 1))
    numbers = np.random.default_rng(seed).normal(size=shape).astype(code)
    numbers[numbers < -1.0] *= 0.0  # of either sign
    expected: Array = numbers.sum(axis=axes, keepdims=keepdims)
    if expected.size == 1:
        return  # a sum over everything is another routine
    total = np.full_like(expected, 7.0)
    options = {"name": "add", "axis": axes, "keepdims": keepdims}
    _call(library, ArrayCall("reduce", (Operand(numbers),), total, options), parts)
    assert total.tobytes() == expected.tobytes(), (shape, axes)


@pytest.mark.parametrize("axis", [(), (0, 2)])
def test_sums_over_no_axis_or_over_axes_apart_are_left_to_numpy(axis: tuple[int, ...]) -> None:
    numbers: Array = np.ones((3, 4, 5), np.float32)
    total = np.zeros_like(numbers.sum(axis=axis, keepdims=True))
    options = {"name": "add", "axis": axis, "keepdims": True}
    assert entries_of(ArrayCall("reduce", (Operand(numbers),), total, options)) is None
