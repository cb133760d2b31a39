"""Recorded numbers and vectors do what Python's and NumPy's do, and say what they have done."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigrad.engines import FusionGroup, NumpyEngine, Output
from minigrad.optim.compiled.traced_scalar import ScalarProgram, TracedScalar
from minigrad.optim.compiled.traced_vector import NotElementwise, TracedVector, UpdateTracer
from minigrad.typing import Array

TWO: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
    "power": operator.pow, "equal": operator.eq, "not_equal": operator.ne, "less": operator.lt,
    "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge,
}  # fmt: skip
UNNAMED: dict[str, Callable[[Any, Any], Any]] = {"//": operator.floordiv, "%": operator.mod, "hypot": np.hypot}
ONE: dict[str, Callable[[Any], Any]] = {
    "negative": operator.neg, "positive": operator.pos, "absolute": abs, "truth": bool,
}  # fmt: skip
PAIRS: list[tuple[Any, Any]] = [(2.5, 4.0), (4.0, 2.5), (3.0, 3.0), (-2.0, 3.0), (2, 5.0), (7.0, 2), (0.5, -1.5)]


def cell(value: Any) -> int:
    """Where a recorded number lies; -1 for a truth."""
    return value.index if isinstance(value, TracedScalar) else -1


@pytest.mark.parametrize("name", [*TWO, *UNNAMED])
def test_two_numbers_are_computed_as_in_python_and_again_for_others(name: str) -> None:
    function = {**TWO, **UNNAMED}[name]
    for a, b in PAIRS:
        for form in range(3):  # both recorded, or one of them a plain number, on either side
            tape = ScalarProgram([a, b])
            x, y = tape.inputs
            made = function(x if form != 1 else a, y if form != 2 else b)
            right = function(a, b)
            k = cell(made)
            assert type(tape.cells[k] if k >= 0 else made) is type(right)
            assert (tape.cells[k] if k >= 0 else made) == right
            assert len(tape.steps) == 1
            assert tape.exact
            for c, d in PAIRS:
                now = [a if form == 1 else c, b if form == 2 else d]
                again = function(*now)
                holds = tape.replay([c, d])
                assert holds == (k >= 0 or again == right)
                if k >= 0:
                    assert tape.cells[k] == again
            tape.replay([a, b])
            named = tape.arithmetic()
            if name in UNNAMED or (name == "power" and all(type(n) is int for n in (a, b))):
                assert named is None
            else:
                assert named is not None
                ((word, i, j, out, truth),) = named
                assert word == name or k < 0  # Python turns comparisons round
                assert (out, truth) == (k, k < 0 and bool(right))
                assert TWO[word](tape.cells[i], tape.cells[j]) == right


@pytest.mark.parametrize("name", ONE)
def test_one_number_too(name: str) -> None:
    function = ONE[name]
    for a in (2.5, -2.5, 0.0, 3, -4):
        tape = ScalarProgram([a])
        made = function(tape.inputs[0])
        k = cell(made)
        assert (tape.cells[k] if k >= 0 else made) == function(a)
        for b in (1.5, -0.5, 0.0, 2):
            assert tape.replay([b]) == (k >= 0 or function(b) == function(a))
            assert k < 0 or tape.cells[k] == function(b)
        tape.replay([a])
        assert tape.arithmetic() == [(name, 0, cell_of_none(tape), k, k < 0 and bool(a))]


def cell_of_none(tape: ScalarProgram) -> int:
    return tape.cells.index(None)


def test_numbers_that_doubles_do_not_hold_are_no_arithmetic() -> None:
    for value, is_exact in (((1 << 53) - 1, True), (1 << 53, False), (-(1 << 53), False), (True, False), (0.5, True)):
        tape = ScalarProgram([value])
        _ = tape.inputs[0] + 1.0
        assert (tape.arithmetic() is not None) == is_exact
    tape = ScalarProgram([2, 3])
    _ = tape.inputs[0] ** tape.inputs[1]
    assert tape.arithmetic() is None
    assert not tape_of(lambda x: 1.0 / x).replay([0.0])
    assert not tape_of(lambda x: 10.0**x).replay([400.0])


def tape_of(formula: Callable[[Any], Any]) -> ScalarProgram:
    tape = ScalarProgram([2.0])
    formula(tape.inputs[0])
    return tape


@pytest.mark.parametrize(
    ("look", "right"),
    [(float, 2.0), (int, 2), (lambda x: round(x, 1), 2.0), (lambda x: round(x), 2)],
)
def test_what_is_looked_at_holds_for_that_number_only(look: Callable[[Any], Any], right: object) -> None:
    tape = ScalarProgram([2.0, 5.0])
    assert look(tape.inputs[0]) == right
    assert not tape.exact
    assert tape.replay([2.0, 6.0])
    assert not tape.replay([2, 6.0])  # not the same kind of number
    assert not tape.replay([3.0, 6.0])
    counted = ScalarProgram([2])
    assert [10, 20, 30][counted.inputs[0]] == 30
    assert not counted.exact


def test_ufuncs_of_numbers_are_recorded_and_others_are_not() -> None:
    tape = ScalarProgram([2.0, 0.5])
    x: Any
    y: Any
    x, y = tape.inputs
    root, power = np.sqrt(x), np.float_power(x, y)
    assert tape.replay([9.0, 2.0])
    assert (tape.cells[root.index], tape.cells[power.index]) == (3.0, 81.0)
    wrong: list[Callable[[], object]] = [
        lambda: np.add.reduce(x), lambda: np.add(x, y, dtype=float), lambda: np.add(x, "a"), lambda: x + "a"
    ]  # fmt: skip
    for attempt in wrong:
        with pytest.raises(TypeError):
            attempt()
    with pytest.raises(TypeError):
        hash(x)


# -- vectors -----------------------------------------------------------------------------------------------------------
FORMULAS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "arithmetic": lambda w, g, t: (w + 2.0 * g - w / 3.0) * -g + 1,
    "with numbers that change": lambda w, g, t: w * t - g / (t + 1.0),
    "short powers": lambda w, g, t: w**2 + abs(g) ** 0.5 + w**-1,
    "powers": lambda w, g, t: abs(w) ** 1.5 + abs(g) ** 3,
    "a power of vectors": lambda w, g, t: abs(w) ** g,
    "where": lambda w, g, t: np.where(w > g, w, 0.25 * t),
    "clip": lambda w, g, t: np.clip(w, -0.5, g),
    "ufuncs": lambda w, g, t: np.maximum(np.sign(w), np.exp(-g)) + np.hypot(w, 3.0),
    "a copy": lambda w, g, t: w.copy() - g,
    "as it is": lambda w, g, t: g,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORMULAS)
def test_a_recorded_formula_gives_the_bits_of_the_formula(name: str, dtype: type) -> None:
    formula, rng = FORMULAS[name], np.random.default_rng(0)
    w: Array = rng.standard_normal(5).astype(dtype)
    g: Array = rng.standard_normal(5).astype(dtype)
    for spread in (False, True):
        tape = ScalarProgram([2.0])
        recorder = UpdateTracer([w, g], spread)
        traced_w, traced_g = recorder.traced
        made = formula(traced_w, traced_g, tape.inputs[0])
        assert isinstance(made, TracedVector)
        assert made.dtype == formula(w, g, 2.0).dtype
        out: Array = np.empty(5, made.dtype)
        calls = recorder.calls()
        group = FusionGroup((5,), recorder.inputs(), calls, (Output(recorder.value(made.index), out),))
        for t in (2.0, 3.5):
            tape.replay([t])
            for array, source in zip(recorder.numbers, recorder.sources, strict=True):
                if not spread and source is not None:
                    array.fill(tape.cells[source])
            if spread and t != 2.0:
                assert all(source == -1 for source in recorder.sources)
                continue
            for call in NumpyEngine().bind(group).calls:
                call()
            np.testing.assert_array_equal(out, formula(w, g, t))


def test_equal_numbers_are_kept_once_unless_they_may_come_apart() -> None:
    for spread, count in ((False, 2), (True, 4)):
        recorder = UpdateTracer([np.ones(3), np.ones(3, np.float32)], spread)
        w, g = recorder.traced
        _ = (w * 2.0) + 2.0, g * 2.0, w - 2.0  # a float32 of its own
        assert len(recorder.numbers) == count
    recorder = UpdateTracer([np.ones(3)])
    _ = recorder.traced[0] * 2.0, recorder.traced[0] * 2, recorder.traced[0] * ScalarProgram([2.0]).inputs[0]
    assert recorder.sources == [None, None, 0]
    assert [i.constant for i in recorder.inputs()] == [False, True, True, False]


REFUSED: dict[str, Callable[[Any], Any]] = {
    "bool": lambda w: bool(w > 0),
    "float": float,
    "int": int,
    "index": lambda w: [1][w],
    "len": len,
    "iter": list,
    "getitem": lambda w: w[0],
    "asarray": np.asarray,
    "sum": np.sum,
    "reduce": np.add.reduce,
    "out": lambda w: np.add(w, 1.0, out=np.ones(3)),
    "two results": np.modf,
    "where with options": lambda w: np.where(w > 0),
    "clip with options": lambda w: np.clip(w, 0.0, 1.0, dtype=float),
    "a constant vector": lambda w: w + np.ones(3),
    "a longer sample": lambda w: np.where(w > 0, np.ones((2, 1)), w),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_part_has_not_is_refused(name: str) -> None:
    (w,) = UpdateTracer([np.ones(3)]).traced
    with pytest.raises(NotElementwise) as refused:
        REFUSED[name](w)
    assert str(refused.value)
