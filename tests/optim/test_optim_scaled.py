"""Adam as in the book, at ten passes over memory: what lazily scaled values compute, and what they never change."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigrad.optim import Moment, Objective, OptimizerError, load
from minigrad.optim.compiled.compiled_runner import CompiledRunner
from minigrad.optim.moment import Scaled
from minigrad.typing import Array

BOOK = "w - self.lr * m.hat / (np.sqrt(v.hat) + self.eps)"


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_formula_is_that_of_the_book(name: str) -> None:
    assert BOOK in inspect.getsource(load(name).update)


@pytest.mark.parametrize(("name", "calls"), [("adam", 10), ("adamw", 11), ("rmsprop", 8)])
def test_and_takes_no_more_passes_than_the_rearranged_one(name: str, calls: int) -> None:
    rng, g = np.random.default_rng(0), np.empty(1000)
    runner = CompiledRunner(name, load(name)(), rng.normal(size=1000), {}, (), g)
    for t in range(1, 5):
        g[...] = rng.normal(size=1000)
        if runner.prepare(g, t, 0.0, 1.0):
            runner.execute(t)
        else:
            runner.step(Objective(g.copy()), t)
    assert [len(v.trace.group.calls) for v in runner._specializations] == [calls]


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "times a number": lambda s, y: 3.0 * s * -0.5,
    "a root": lambda s, y: np.sqrt(s),
    "a root of a negative multiple": lambda s, y: np.sqrt(-2.0 * -s),
    "plus a number": lambda s, y: 1e-3 + s + 2.0,
    "plus a number, of a multiple of zero": lambda s, y: 0.0 * s + 2.0,
    "over an array": lambda s, y: s / y,
    "under an array": lambda s, y: y / s,
    "under a number": lambda s, y: 2.0 / s,
    "under a zero multiple": lambda s, y: y / (0.0 * s),
    "over a number": lambda s, y: s / 4.0,
    "over itself": lambda s, y: s / (np.sqrt(s) + 1.0),
    "plus an array": lambda s, y: s + y,
    "minus itself": lambda s, y: s - s * 0.5,
    "a power": lambda s, y: s**2 - y,
    "the larger": lambda s, y: np.maximum(s, y),
    "where": lambda s, y: np.where(s > 1.0, s, y),
    "reduced": lambda s, y: np.add.reduce(s) + s.sum() + np.mean(s) + np.linalg.norm(s),
    "sliced": lambda s, y: s[1:] * len(s),
    "shaped": lambda s, y: s.reshape(2, -1).astype(np.float32) @ y.reshape(-1, 2),
    "through a list": lambda s, y: np.array([float(x) for x in s]),
    "into an array": lambda s, y: np.add(s, y, out=np.empty_like(y)),
}


@pytest.mark.parametrize("what", OPERATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_scaled_value_computes_like_its_product(what: str, dtype: type) -> None:
    rng = np.random.default_rng(3)
    x: Array = rng.uniform(0.5, 2.0, 6).astype(dtype)
    y: Array = rng.uniform(0.5, 2.0, 6).astype(dtype)
    operate = OPERATIONS[what]
    with np.errstate(all="ignore"):
        lazy = np.asarray(operate(Scaled(0.25, x, True), y))
        direct = np.asarray(operate(0.25 * x, y))
        unsure = np.asarray(operate(Scaled(0.25, x), y))
    assert lazy.dtype == direct.dtype == unsure.dtype
    np.testing.assert_allclose(lazy, direct, rtol=8 * float(np.finfo(dtype).eps))
    np.testing.assert_allclose(unsure, direct, rtol=8 * float(np.finfo(dtype).eps))


def test_a_number_of_numpy_promotes_as_it_does_in_an_array() -> None:
    single = Scaled(0.5, np.ones(3, np.float32), True)
    assert np.asarray(np.float64(2.0) * single).dtype == np.float64
    assert np.asarray(2.0 * single).dtype == np.float32


def test_moments_show_hat_and_value_lazily_and_the_older_names_as_arrays() -> None:
    m = Moment.zeros(np.zeros(4))
    with pytest.raises(OptimizerError, match="before its first update"):
        _ = m.hat
    for x in (1.0, 3.0, -2.0):
        m = m.update(np.full(4, x), 0.5)
    expected = ((1.0 * 0.5 + 3.0) * 0.5 - 2.0) * 0.5
    assert isinstance(m.hat, Scaled)
    assert isinstance(m.value, Scaled)
    for shown, true in ((m.value, expected), (m.biased, expected), (m.hat, expected / 0.875), (m.corrected, m.hat)):
        np.testing.assert_allclose(np.asarray(shown), np.broadcast_to(true, 4), rtol=1e-15)
    assert type(m.biased) is type(m.corrected) is np.ndarray
    np.testing.assert_array_equal(copy.copy(m.hat), m.corrected)
    np.testing.assert_array_equal(copy.deepcopy(m.hat), m.corrected)


def test_a_moment_of_a_value_shows_that_value() -> None:
    x = np.array([1.0, 2.0])
    for value in (x, Scaled(0.5, x, True), Scaled(-0.5, x)):
        made = Moment.of(value, 0.25)  # type: ignore[arg-type]  # a Scaled passes for an array
        np.testing.assert_allclose(np.asarray(made.value), np.asarray(value))
        np.testing.assert_allclose(np.asarray(made.hat), 4.0 * np.asarray(value))


LAZY: dict[str, tuple[Callable[[Any, Any], Any], bool, bool]] = {
    "c f": (lambda s, y: 3.0 * s, True, True), "f c": (lambda s, y: s * 3.0, True, True),
    "root": (lambda s, y: np.sqrt(s), True, False), "f + c": (lambda s, y: s + 2.0, True, False),
    "c + f": (lambda s, y: 2.0 + s, True, False), "f / y": (lambda s, y: s / y, True, True),
    "y / f": (lambda s, y: y / s, True, False), "c / f": (lambda s, y: 2.0 / s, True, False),
    "f / f": (lambda s, y: s / s, True, False), "f / c": (lambda s, y: s / 4.0, False, False),
    "f y": (lambda s, y: s * y, False, False), "f - c": (lambda s, y: s - 2.0, False, False),
    "f + y": (lambda s, y: s + y, False, False), "power": (lambda s, y: s**2, False, False),
}  # fmt: skip
"""What stays lazy: where the factor is certainly above 0, and where it may not be."""


@pytest.mark.parametrize("what", LAZY)
def test_what_stays_lazy_is_no_pass_over_memory(what: str) -> None:
    operate, positive, unsure = LAZY[what]
    y = np.array([1.0, 2.0])
    for is_positive, is_lazy in ((True, positive), (False, unsure)):
        made = operate(Scaled(0.25, np.array([4.0, 9.0]), is_positive), y)
        assert isinstance(made, Scaled) == is_lazy
        np.testing.assert_allclose(np.asarray(made), operate(np.array([1.0, 2.25]), y), rtol=1e-15)
    assert np.asarray(Scaled(0.5, y), np.float32).dtype == np.float32
    one = Scaled(0.5, np.array(3.0))
    assert (float(one), bool(one), bool(Scaled(0.0, np.array(3.0)))) == (1.5, True, False)
    assert list(Scaled(0.5, y)) == [0.5, 1.0]
    assert len(Scaled(0.5, y)) == 2
    assert Scaled(0.5, y)[1] == 1.0
