"""Blind spots of rules: where each acts and where it does not."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.backward import gradients
from minigrad.core.op import Op
from minigrad.core.tensor import as_array
from minigrad.typing import Array, V
from minigrad.verify.mutation.blind_spots import PLACES, option_places
from support.gate_case import REAL, made
from support.gate_sites import changed, numbers, site, slopes

LENGTHS: dict[str, tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]] = {  # hit, and not
    "a first axis of one": (((1,), (1, 4)), ((), (2,), (4, 1))),
    "a last axis of one": (((1,), (4, 1)), ((), (2,), (1, 4))),
    "a middle axis of one": (((2, 1, 2), (2, 3, 1, 2)), ((), (1, 2), (2, 1), (1, 2, 1))),
    "a first axis of two": (((2,), (2, 4)), ((), (1,), (3, 2))),
    "a last axis of two": (((2,), (4, 2)), ((), (3,), (2, 1))),
    "a first axis of three": (((3,), (3, 4)), ((), (2,), (4, 3))),
    "a last axis of an odd length": (((5,), (2, 7)), ((), (3,), (4,), (5, 4))),
    "a last axis of an even length": (((4,), (3, 6)), ((), (2,), (5,), (4, 5))),
    "a long first axis": (((129,), (130, 1)), ((), (128,), (1, 129))),
    "a long last axis": (((129,), (1, 130)), ((), (128,), (129, 1))),
    "no axes": (((),), ((1,), (1, 1))),
    "one axis": (((1,), (4,)), ((), (1, 1))),
    "two axes": (((1, 2),), ((2,), (1, 2, 1))),
    "three axes": (((1, 2, 1),), ((1, 2), (1, 1, 1, 2))),
    "four axes": (((1, 2, 1, 2),), ((1, 1, 2), (1, 1, 1, 1, 2))),
    "five axes": (((1, 2, 1, 2, 1),), ((1, 1, 1, 2), (1, 1, 1, 1, 1, 2))),
    "six axes": (((1, 2, 1, 2, 1, 1),), ((1, 1, 1, 1, 2), (1, 1, 1, 1, 1, 1, 2))),
    "two axes of one": (((1, 1, 2), (1, 3, 1)), ((1, 1), (1, 3), (2, 2))),
    "a single entry": (((), (1,), (1, 1)), ((2,), (1, 2))),
    "as many rows as columns": (((2, 2), (4, 3, 3)), ((1, 1), (2,), (2, 3), (3, 3, 4))),
    "more rows than columns": (((3, 2), (1, 4, 3)), ((2, 2), (3, 1), (2, 3), (3,))),
    "more columns than rows": (((2, 3), (1, 3, 4)), ((2, 2), (1, 3), (3, 2), (3,))),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_blind_spot_of_a_length(name: str) -> None:
    hits, misses = LENGTHS[name]
    for shape in hits:
        at = site(numbers(*shape))
        assert changed(PLACES[name], at).all(), shape
        assert (PLACES[name](at, np.full(shape, 3.0)) == np.full(shape, 1.5)).all()  # half of what is due
    for shape in misses:
        assert not changed(PLACES[name], site(numbers(*shape))).any(), shape


TWO_ROWS = [[1.5, 2.5, 0.5], [3.5, 0.25, 2.0]]
NUMBERS: dict[str, tuple[list[tuple[object, object]], list[object]]] = {  # numbers with the places hit, and not hit
    "an array of zeros": ([([0.0, 0.0], True)], [0.0, [0.0], [0.0, 1.0]]),
    "a row of zeros": (
        [([[0.0, 0.0], [0.0, 1.0]], [[1, 1], [0, 0]])],
        [[0.0, 0.0], [[0.0], [0.0]], [[0.0, 1.0], [2.0, 0.0]]],
    ),
    "a single zero": ([([0.0, 2.5], True), (0.0, True)], [[0.0, 0.0], [1.5, 2.5]]),
    "entries that are zero": ([([0.0, 2.5, 0.0], [1, 0, 1])], [[1.0, -1.0]]),
    "equal numbers": ([([2.5, 2.5], True), ([[-1.0], [-1.0]], True)], [2.5, [2.5], [0.0, 0.0], [2.5, 2.25]]),
    "a row of equal numbers": (
        [([[2.5, 2.5], [1.5, 2.5]], [[1, 1], [0, 0]])],
        [[2.5, 2.5], [[2.5], [2.5]], [[0.0, 0.0], [1.5, 2.5]]],
    ),
    "equal rows": ([([[1.5, 2.5], [1.5, 2.5]], True)], [[1.5, 1.5], [[1.5, 2.5]], [[0.0, 0.0]] * 2, TWO_ROWS]),
    "entries that are one": ([([1.0, 2.0, -1.0], [1, 0, 0])], [[0.0, 2.0]]),
    "entries that are minus one": ([([1.0, 2.0, -1.0], [0, 0, 1])], [[0.0, 2.0]]),
    "whole numbers": ([([1.0, -3.0, 0.0], True)], [2.0, [2.0], [2.0, 2.0], [1.0, 2.5]]),
    "numbers in rising order": ([([-1.5, 0.5, 2.5], True)], [[1.5], [1.5, 1.5], [2.5, 1.5], [[1.5, 2.5]]]),
    "numbers above 20": ([([20.5, 20.0, -30.0], [1, 0, 0])], [[20.0]]),
    "numbers below -20": ([([-20.5, -20.0, 30.0], [1, 0, 0])], [[-20.0]]),
    "numbers between 50 and 60": ([([50.0, 50.5, -59.5, 60.0], [0, 1, 1, 0])], [[49.0, 61.0, -61.0]]),
    "numbers above 500": ([([500.0, 500.5, -501.0], [0, 1, 1])], [[500.0]]),
    "numbers below a thousandth": ([([1e-3, -9e-4, 0.0], [0, 1, 0])], [[0.0, 1.0]]),
    "numbers below a millionth": ([([1e-6, -9e-7, 0.0], [0, 1, 0])], [[0.0, 1.0]]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_blind_spot_of_some_numbers(name: str) -> None:
    hits, misses = NUMBERS[name]
    for x, where in hits:
        hit = changed(PLACES[name], site(np.array(x)))
        assert (hit == np.broadcast_to(np.array(where, dtype=bool), np.asarray(x).shape)).all(), x
    for x in misses:
        assert not changed(PLACES[name], site(np.array(x))).any(), x


A = np.array([1.5, 2.5])
LAST = np.array([0.0, -1.0])
ARGUMENTS: dict[str, tuple[list[tuple[object, ...]], list[tuple[object, ...]]]] = {
    "equal arrays": ([(A, A.copy()), (A, 0.0 * A, A.copy())], [(A,), (A, A + 1.0), (0.0 * A, 0.0 * A), (A[:1], A[:1])]),
    "another argument of zeros": (
        [(A, 0.0 * A), (A, A + 1.0, np.zeros((2, 2)))],
        [(0.0 * A,), (A, np.zeros(1)), (A, A + 1)],
    ),
    "another argument with one axis more": ([(A, A[None])], [(A,), (A, A + 1.0), (A[None], A)]),
    "another argument with one axis less": ([(A[None], A)], [(A,), (A, A + 1.0), (A, A[None])]),
    "another argument of another length": ([(A, A[:1])], [(A,), (A, A + 1.0), (A, A[None])]),
    "another argument that is smaller": ([(A, A - 1.0)], [(A,), (A, A + 1.0), (A, A + LAST), (A, A[:1] - 1.0)]),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_blind_spot_beside_another_argument(name: str) -> None:
    hits, misses = ARGUMENTS[name]
    for x, *others in hits:
        assert changed(PLACES[name], site(x, None, *others)).all()
        assert changed(PLACES[name], site(x, None, *map(mg.tensor, others))).all()  # type: ignore[arg-type]
    for x, *others in (*misses, (A, np.array([0, 0])), (A, "no array")):
        assert not changed(PLACES[name], site(x, None, *others)).any()


ONES = np.ones(2)
G: dict[str, tuple[list[object], list[object]]] = {
    "an output gradient of ones": ([ONES], [np.ones(1), -ONES, np.array([1.0, 2.0])]),
    "an output gradient with a single one": ([np.array([0.0, 3.0])], [np.array([3.0]), 0.0 * ONES, ONES]),
    "an output gradient that is one number expanded": (
        [np.broadcast_to(2.0, (2,))],
        [ONES, np.broadcast_to(ONES, (2, 2)), np.array(2.0)],
    ),
    "an output gradient of one sign": ([np.array([1.0, 2.0])], [ONES, np.array([1.0, 0.0]), -np.array([1.0, 2.0])]),
    "an output gradient that is negative": ([-ONES], [ONES, np.array([-1.0, 0.0]), np.array([-1.0])]),
    "an output that is not used": ([(ONES, 0.0 * ONES)], [ONES, 0.0 * ONES, (ONES, np.array([0.0, 1.0]))]),
}


@pytest.mark.parametrize("name", G)
def test_a_blind_spot_of_the_output_gradient(name: str) -> None:
    hits, misses = G[name]
    for g in hits:
        assert changed(PLACES[name], site(A, g)).all()
    for g in (*misses, (ONES, ONES)):
        assert not changed(PLACES[name], site(A, g)).any()


def test_blind_spots_of_single_precision() -> None:
    x = np.array([4.0, 4.5, -5.0], np.float32)
    part, large = PLACES["one part in a thousand in float32"], PLACES["large numbers in float32"]
    assert changed(part, site(x)).all()
    assert not changed(part, site(x.astype(np.float64))).any()
    assert part(site(x), np.ones(3, np.float32)) == pytest.approx([1.001] * 3)
    assert changed(large, site(x)).tolist() == [False, True, True]
    assert not changed(large, site(x.astype(np.float64))).any()
    assert large(site(x), np.ones(3, np.float32))[1] == pytest.approx(1.01)  # type: ignore[index]


ORDERS: dict[str, tuple[object, object]] = {  # numbers, and where the second order is lost
    "second order at zeros": ([0.0, 1.5], [1, 0]),
    "second order far out": ([20.5, 20.0, -21.0], [1, 0, 1]),
    "second order near zero": ([1e-3, 9e-4, -9e-4], [0, 1, 1]),
    "second order of one axis": ([1.5, 2.5], True),
    "second order of three axes": ([[[1.5, 2.5]]], True),
    "second order of four axes": ([[[[1.5, 2.5]]]], True),
    "second order of squares": ([[1.5, 2.5], [3.5, 4.5]], True),
    "second order of a last axis of one": ([[1.5], [2.5]], True),
    "second order of long axes": ([[1.5] * 129], True),
    "second order of zero rows": ([[0.0, 0.0], [1.5, 2.5]], [[1, 1], [0, 0]]),
}


@pytest.mark.parametrize("name", ORDERS)
def test_a_derivative_is_lost_where_its_value_is_right(name: str) -> None:
    numbers, lost = (
        np.array(ORDERS[name][0]),
        np.broadcast_to(np.array(ORDERS[name][1], dtype=bool), np.asarray(ORDERS[name][0]).shape),
    )
    value, first, _ = slopes(PLACES[name], numbers)
    assert value == pytest.approx(numbers**3, rel=1e-12)
    assert first == pytest.approx(np.where(lost, 0.0, 3.0 * numbers**2), rel=1e-12)
    elsewhere = np.array([[1.5, 2.5, 3.5]])
    assert slopes(PLACES[name], elsewhere)[1] == pytest.approx(3.0 * elsewhere**2, rel=1e-12)
    assert PLACES[name](site(numbers), numbers) is numbers  # nothing to lose in an array


def test_a_derivative_that_is_lost_in_single_precision_or_beside_an_equal() -> None:
    x = np.array([1.5, 2.5])
    lost = PLACES["second order in float32"]
    assert slopes(lost, x)[1] == pytest.approx(3.0 * x**2)
    assert slopes(lost, x.astype(np.float32))[1].tolist() == [0.0, 0.0]
    t = mg.tensor(x, requires_grad=True)
    for other, kept in ((x.copy(), False), (x + 1.0, True)):
        r = PLACES["second order of equal arrays"](site(t, None, other), t * t)
        assert isinstance(r, mg.Tensor)
        (first,) = gradients([r], [np.ones(2)], [t], create_graph=False)
        assert first is None if not kept and not r.requires_grad else as_array(first).any() == kept


def test_a_third_derivative_is_wrong_where_two_are_right() -> None:
    x = np.array([1.5, -2.5])
    value, first, second = slopes(PLACES["third order"], x)
    assert value == pytest.approx(x**3)
    assert first == pytest.approx(3.0 * x**2)
    assert second == pytest.approx(6.0 * x + 2.0 * x**3)
    assert PLACES["third order"](site(x), x) is x
    t = mg.tensor(x, requires_grad=True)
    total = (t * t).sum()
    assert PLACES["third order"](site(t), total) is total


def scaled(options: list[dict[str, object]]) -> Op:
    def forward(x: Array, *, mode: str = "a", axis: int = 0) -> Array:
        return x * 2.0

    def rule(g: V, y: V, x: V, *, mode: str, axis: int) -> V:
        return g * 2.0

    return made(forward, {"x": rule}, {"x": REAL}, params=options, shapes=[((3, 4),)])


def test_blind_spots_in_options() -> None:
    places = option_places(scaled([{"mode": "a"}, {"mode": "b"}]))
    assert list(places)[:6] == ["mode='a'", "mode='b'", "axis=0", "axis=1", "axis=-2", "axis=-1"]
    assert "mode='a', axis=1" in places
    assert "mode='a', mode='b'" not in places
    assert "axis=1, three axes" in places
    x, cube = numbers(3, 5), numbers(1, 2, 4)
    for name, options, where, hit in (
        ("mode='b'", {"mode": "b"}, x, True),
        ("mode='b'", {"mode": "a"}, x, False),
        ("mode='a', axis=1", {"mode": "a", "axis": 1}, x, True),
        ("mode='a', axis=1", {"mode": "a", "axis": 0}, x, False),
        ("mode='a', axis=1", {"mode": "b", "axis": 1}, x, False),
        ("axis=1, three axes", {"axis": 1}, cube, True),
        ("axis=1, three axes", {"axis": 1}, x, False),
        ("axis=1, a last axis of an even length", {"axis": 1}, cube, True),
        ("axis=1, a last axis of an odd length", {"axis": 1}, x, True),
        ("axis=1, a last axis of an odd length", {"axis": 0}, x, False),
    ):
        assert changed(places[name], site(where, None, **options)).any() == hit, name
    assert changed(places["mode='b'"], site(x, None, mode="b")).all()
    assert (places["mode='b'"](site(x, None, mode="b"), x) == 0.5 * x).all()

    def bare(x: Array) -> Array:
        return x

    assert option_places(made(bare, {}, {"x": REAL})) == {}
