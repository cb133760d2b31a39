"""The built-in engine: any group, cut into any tiles, gives what NumPy computes on whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.core.types import Array
from minigrad.engines import ElementwiseCall, FusionGroup, Input, NumpyEngine, Output, convert, select, sum_squares

UNARY = [np.negative, np.square, np.absolute, np.tanh]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.minimum]
SPACES = [(23,), (5, 7), (3, 4, 5), (1, 9), (2, 1, 6)]


class Drawn:
    """A group that grows, and what each of its values should be."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.space = self.draw(st.sampled_from(SPACES))
        self.rng = np.random.default_rng(self.draw(st.integers(0, 10_000)))
        shapes = [self.space, self.space[1:], (1,) * len(self.space), (), self.space]
        chosen = self.draw(st.lists(st.sampled_from(shapes), min_size=1, max_size=4))
        self.arrays: list[Array] = [self.rng.uniform(-1, 1, s) for s in (self.space, *chosen)]
        self.values: list[Array] = [a.copy() for a in self.arrays]
        self.inputs = [self.input(a) for a in self.arrays]
        self.calls: list[ElementwiseCall] = []

    def input(self, a: Array) -> Input:
        if self.draw(st.booleans()):
            return Input(a.shape, a.dtype, None, lambda: a)
        return Input.of(a, constant=a.ndim == 0 and self.draw(st.booleans()))

    def add(self, function: Any, operands: tuple[int, ...], value: Any, axes: tuple[int, ...] = ()) -> None:
        self.calls.append(ElementwiseCall(function, operands, value.shape, value.dtype, axes))
        self.values.append(value)

    def grow(self) -> None:
        """One more call, on operands that give it the whole length of the first axis."""
        v = self.values
        numbers = [k for k, value in enumerate(v) if value.dtype != bool]
        i, j = (self.draw(st.sampled_from(numbers)) for _ in range(2))
        whole = self.draw(st.sampled_from([k for k in numbers if v[k].shape == self.space]))
        kind = self.draw(st.sampled_from(["unary", "binary", "where", "reduce"]))
        if kind == "unary":
            f = self.draw(st.sampled_from(UNARY))
            self.add(f, (whole,), f(v[whole]))
        elif kind == "binary":
            g = self.draw(st.sampled_from(BINARY))
            self.add(g, (whole, i), g(v[whole], v[i]))
        elif kind == "where":
            test = v[whole] > v[i]
            self.add(np.greater, (whole, i), test)
            self.add(select, (len(v) - 1, whole, j), np.where(test, v[whole], v[j]))
        elif len(self.space) > 1:
            axes = self.draw(st.sampled_from([(len(self.space) - 1,), (1,), tuple(range(1, len(self.space)))]))
            self.add(np.add, (whole,), np.add.reduce(v[whole], axis=axes, keepdims=True), axes)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_group_in_any_tiles(data: st.DataObject) -> None:
    drawn = Drawn(data)
    for _ in range(data.draw(st.integers(1, 10))):
        drawn.grow()
    wanted: list[int] = data.draw(st.lists(st.integers(0, len(drawn.values) - 1), min_size=1, max_size=4))
    outputs: list[Output] = []
    taken: set[int] = set()
    for k in wanted:
        value = drawn.values[k]
        if k < len(drawn.inputs) and value.shape != drawn.space:
            continue
        array = np.full(value.shape, np.nan).astype(value.dtype)
        free = [
            n
            for n, i in enumerate(drawn.inputs)
            if i.array is not None
            and n not in taken
            and i.shape == value.shape == drawn.space
            and i.dtype == value.dtype
        ]
        if data.draw(st.booleans()) and free:
            taken.add(free[0])
            array = drawn.arrays[free[0]]
        outputs.append(Output(k, array))
    group = FusionGroup(drawn.space, tuple(drawn.inputs), tuple(drawn.calls), tuple(outputs))
    engine = NumpyEngine(tile_bytes=8 * data.draw(st.sampled_from([1, 2, 3, 7, 1000])))
    bound = engine.bind(group)
    for call in bound.calls:
        call()
    for output in outputs:
        np.testing.assert_array_equal(output.array, drawn.values[output.value])


@pytest.mark.parametrize("tile", [8, 64, 1 << 20])
@pytest.mark.parametrize("space", [(40,), (5, 8)])
def test_sums_over_everything(tile: int, space: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(space)
    every = tuple(range(len(space)))
    one = (1,) * len(space)
    total, squares, twice = np.empty(one), np.empty(one), np.empty(space)
    calls = (
        ElementwiseCall(np.add, (0, 0), space, x.dtype),
        ElementwiseCall(np.add, (1,), one, x.dtype, every),
        ElementwiseCall(sum_squares, (1,), one, x.dtype, every),
    )
    outputs = (Output(1, twice), Output(2, total), Output(3, squares))
    bound = NumpyEngine(tile).bind(FusionGroup(space, (Input.of(x),), calls, outputs))
    for _ in range(2):
        for call in bound.calls:
            call()
        assert np.array_equal(twice, 2 * x)
        assert total.item() == pytest.approx(2 * x.sum(), rel=1e-14)
        assert squares.item() == pytest.approx(4 * (x * x).sum(), rel=1e-14)
        x *= 1.5


def test_relu_reads_a_row_of_zeros_and_numbers_may_change_between_runs() -> None:
    x, factor, y = np.linspace(-1, 1, 100), np.array(2.0), np.empty(100)
    calls = (
        ElementwiseCall(np.maximum, (0, 1), (100,), x.dtype),
        ElementwiseCall(np.multiply, (3, 2), (100,), x.dtype),
    )
    inputs = (Input.of(x), Input.of(np.zeros(()), constant=True), Input.of(factor))
    for tile in (88, 1 << 20):
        bound = NumpyEngine(tile).bind(FusionGroup((100,), inputs, calls, (Output(4, y),)))
        for number in (2.0, -3.0):
            factor[...] = number
            for call in bound.calls:
                call()
            assert np.array_equal(y, np.maximum(x, 0) * number)


def test_conversion_between_dtypes() -> None:
    x: Any = np.linspace(-2, 2, 50)
    y: Any = np.empty(50, np.float32)
    call = ElementwiseCall(convert, (0,), (50,), np.dtype(np.float32))
    for tile in (64, 1 << 20):
        bound = NumpyEngine(tile).bind(FusionGroup((50,), (Input.of(x),), (call,), (Output(1, y),)))
        y[...] = 0
        for c in bound.calls:
            c()
        assert np.array_equal(y, x.astype(np.float32))


def test_a_choice_does_not_overwrite_what_it_chooses_from() -> None:
    x, y = np.linspace(-1, 1, 30), np.empty(30)
    f8, b1 = x.dtype, np.dtype(bool)
    calls = (
        ElementwiseCall(np.square, (0,), (30,), f8),
        ElementwiseCall(np.greater, (0, 1), (30,), b1),
        ElementwiseCall(select, (2, 1, 0), (30,), f8),
        ElementwiseCall(np.negative, (3,), (30,), f8),
    )
    for tile in (64, 1 << 20):
        bound = NumpyEngine(tile).bind(FusionGroup((30,), (Input.of(x),), calls, (Output(4, y),)))
        for c in bound.calls:
            c()
        assert np.array_equal(y, -np.where(x > x * x, x * x, x))


def test_contiguous_groups_are_cut_along_one_axis() -> None:
    x, y = np.ones((3, 4)), np.empty((3, 4))
    call = ElementwiseCall(np.negative, (0,), (3, 4), x.dtype)
    assert FusionGroup((3, 4), (Input.of(x),), (call,), (Output(1, y),)).flattened().space == (12,)
    turned = Input.of(np.ones((4, 3)).T)
    assert FusionGroup((3, 4), (turned,), (call,), (Output(1, y),)).flattened().space == (3, 4)


def test_threads_share_the_tiles() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(1_000_001)
    y, total = np.empty_like(x), np.empty(1)
    f8, n = x.dtype, x.shape
    calls = (
        ElementwiseCall(np.multiply, (0, 0), n, f8),
        ElementwiseCall(np.tanh, (1,), n, f8),
        ElementwiseCall(np.add, (2,), (1,), f8, (0,)),
    )
    group = FusionGroup(n, (Input.of(x),), calls, (Output(2, y), Output(3, total)))
    bound = NumpyEngine(threads=3).bind(group)
    assert "3 threads" in bound.note
    for _ in range(20):
        y[...] = total[...] = 0.0
        for call in bound.calls:
            call()
        np.testing.assert_array_equal(y, np.tanh(x * x))
        assert total[0] == pytest.approx(y.sum(), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_quick_sign_is_the_sign(dtype: Any) -> None:
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    x: Any = np.array([0.0, -0.0, 1.0, -1.0, 0.3, -7.0, tiny, -tiny, huge, -huge, np.inf, -np.inf, np.nan], dtype)
    y = np.empty_like(x)
    call = ElementwiseCall(np.sign, (0,), x.shape, x.dtype)
    bound = NumpyEngine().bind(FusionGroup(x.shape, (Input.of(x),), (call,), (Output(1, y),)))
    with np.errstate(all="raise"):
        for c in bound.calls:
            c()
    np.testing.assert_array_equal(y, np.sign(x))


@pytest.mark.parametrize("shape", [(1, 1), (30, 10), (2, 7, 5), (3, 400)])
@pytest.mark.parametrize("tile_bytes", [1 << 7, 1 << 18])
@pytest.mark.parametrize("function", [np.add, np.maximum, np.minimum])
def test_rows_are_reduced_the_quick_way(function: Any, tile_bytes: int, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    if function is not np.add:
        x[0, 0] = np.nan
    axes = (x.ndim - 1,)
    kept = (*shape[:-1], 1)
    y = np.empty(kept)
    reduced = ElementwiseCall(function, (1,), kept, x.dtype, axes, "", any_order=function is np.add)
    calls = (ElementwiseCall(np.tanh, (0,), shape, x.dtype), reduced)
    expected = function.reduce(np.tanh(x), axis=axes, keepdims=True)
    for _ in range(2):
        for call in (
            NumpyEngine(tile_bytes, threads=1).bind(FusionGroup(shape, (Input.of(x),), calls, (Output(2, y),))).calls
        ):
            call()
        np.testing.assert_allclose(y, expected, rtol=0.0 if function is not np.add else 1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (20, 30)])
def test_choosing_bit_by_bit_is_choosing(dtype: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    a.flat[::3], b.flat[::4], b.flat[1::4] = np.nan, np.inf, -0.0
    condition: Any = rng.random(shape[-1:]) < 0.5
    for second in (b, np.asarray(-np.inf, dtype), b[..., :1]):
        out = np.empty(shape, dtype)
        select(condition, a, second, out)
        np.testing.assert_array_equal(out, np.where(condition, a, second))
        np.testing.assert_array_equal(np.signbit(out), np.signbit(np.where(condition, a, second)))
