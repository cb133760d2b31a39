"""Rules that are not linear in the output gradient, or keep something: each way by itself, and how little is seen."""

# Rules are untyped: they are wrong on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.core.types import BoolArray
from minigrad.typing import Array
from minigrad.verify.checks.purity import (
    check_cotangents,
    check_memory,
    check_purity,
    check_purity_by_entry,
    refuse_not_finite,
)
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen
from support.gate_case import REAL, made
from support.gate_checks import evaluated, refused

X = np.array([1.5, -2.25, 0.75, 2.0, -1.25, 1.0, -0.5, 1.75, 2.5, -3.0])
FIRST = SeededRandom(5).signed_magnitudes((10,))  # which `of` draws as output gradient
Rule: TypeAlias = Callable[[Array, Array, Array], object]


def of(rule: Rule, x: Array = X, elementwise: bool = False) -> tuple[OpUnderTest, EvaluatedCase]:
    """x^2 with some rule, and what it gives on a case."""
    return evaluated(made(lambda x: x * x, {"x": rule}, {"x": REAL}, elementwise=elementwise), x)


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        (lambda g, y, x: g * 2.0 * x, True),
        (lambda g, y, x: g * 2.0 * x + 1e-8 * np.abs(g), False),
        (lambda g, y, x: g * 2.0 * x + 1e-15 * np.abs(g), True),  # round-off of a rule
        (lambda g, y, x: g * 2.0 * x + 1.0, False),
        (lambda g, y, x: g * 2.0 * x * (1.0 + 1e-9 * (np.abs(g) > 1.6)), False),
        (lambda g, y, x: np.clip(g, -1.6, 1.6) * 2.0 * x, False),
        (lambda g, y, x: np.where(np.arange(10) == 7, g * np.abs(g), g) * 2.0 * x, False),
    ],
)
def test_twice_the_output_gradient_with_another_sign(rule: Rule, passes: bool) -> None:
    subject, e = of(rule)
    message = refused(lambda: check_purity(subject, e))
    assert bool(message) is not passes
    assert passes or "its rule is not linear in the output gradient: vjp(-2 g) is not -2 vjp(g)" in message


def test_an_array_that_the_next_call_overwrites() -> None:
    buffer = np.zeros(10)

    def rule(g, y, x):
        buffer[...] = g * 2.0 * x
        return buffer

    for elementwise, check in ((False, check_purity), (True, check_purity_by_entry)):
        subject, e = of(rule, elementwise=elementwise)
        assert "returns an array that its next call overwrites" in refused(lambda s=subject, e=e, c=check: c(s, e))  # type: ignore[misc]


def bent(where: Callable[[Array], BoolArray]) -> Rule:
    """A rule that gives a thousandth more for some entries of g."""
    return lambda g, y, x: np.asarray(g * 2.0 * x * (1.0 + 1e-3 * where(g)))


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        (lambda g, y, x: g * 2.0 * x, False),
        (bent(lambda g: g > 1e9), True),
        (bent(lambda g: g < -1e9), True),
        (bent(lambda g: (np.abs(g) < 1e-9) & (g != 0.0)), True),
        (bent(lambda g: (np.abs(g) != np.abs(FIRST)) & (np.abs(g) < 4.0) & (g != 0.0)), True),
        (lambda g, y, x: g * 2.0 * x + (g == 0.0), True),
        (lambda g, y, x: g * 2.0 * x + 1e-20 * (g == 0.0), True),  # nothing is nothing
        (lambda g, y, x: g * 2.0 * x * (1.0 + 1e-13 * (np.abs(g) > 1e9)), True),
        (lambda g, y, x: g * 2.0 * x * (1.0 + 1e-15 * (np.abs(g) > 1e9)), False),
    ],
)
def test_output_gradients_of_all_sizes_entry_by_entry(rule: Rule, seen: bool) -> None:
    for with_nan in (False, True):
        subject, e = of(rule, elementwise=True)
        message = refused(lambda s=subject, e=e, n=with_nan: check_purity_by_entry(s, e, n))  # type: ignore[misc]
        assert bool(message) is seen
        assert not seen or "do not give as many times what g gives" in message


def test_an_output_gradient_that_is_not_a_number_must_show() -> None:
    def hides(g, y, x):
        return np.nan_to_num(g) * 2.0 * x

    subject, e = of(hides, elementwise=True)
    assert not refused(lambda: check_purity_by_entry(subject, e))
    assert "hides that the output gradient is NaN" in refused(lambda: check_purity_by_entry(subject, e, with_nan=True))
    subject, e = of(hides)
    assert "hides that the output gradient is NaN" in refused(lambda: check_cotangents(subject, e, thorough=False))
    entry, case = of(lambda g, y, x: np.where(np.arange(10) == 4, np.nan_to_num(g), g) * 2.0 * x)
    assert "hides" in refused(lambda: check_cotangents(entry, case, thorough=True))
    subject, e = of(lambda g, y, x: np.where(x < 0.0, 0.0, g))  # no gradient there: nothing to hide
    assert check_cotangents(subject, e, thorough=True) == 3
    subject, e = of(hides, elementwise=True)
    assert check_cotangents(subject, e, thorough=False) == 0


def special(where: Callable[[Array], bool]) -> Rule:
    """A rule that is off by a thousandth for output gradients of some kind as a whole."""
    return lambda g, y, x: g * 2.0 * x * (1.001 if where(g) else 1.0)


WAYS: dict[str, Callable[[Array], bool]] = {
    "ones": lambda g: bool((g == 1.0).all()),
    "one number expanded": lambda g: g.strides == (0,),
    "all positive": lambda g: bool((g > 0.0).all() and np.ptp(g) > 0.0),
    "all negative": lambda g: bool((g < 0.0).all()),
    "a single one": lambda g: np.count_nonzero(g) == 1,
    "a huge half": lambda g: np.max(np.abs(g)) > 1e9 and bool((g == 0.0).any()),
    "a tiny half": lambda g: 0.0 < np.max(np.abs(g)) < 1e-9,
}


@pytest.mark.parametrize("way", WAYS)
def test_output_gradients_that_stand_out(way: str) -> None:
    subject, e = of(special(WAYS[way]))
    message = refused(lambda: check_cotangents(subject, e, thorough=True))
    assert "not linear in the output gradient" in message
    halves = way.endswith("half")
    assert ("two halves of g" in message) is halves
    assert bool(refused(lambda: check_cotangents(subject, e, thorough=False))) is halves


def test_zeros_must_give_zeros_and_small_misfits_are_seen() -> None:
    subject, e = of(lambda g, y, x: g * 2.0 * x if g.any() else np.full(10, 1e-6))
    assert "of zeros" in refused(lambda: check_cotangents(subject, e, thorough=True))
    for share, seen in ((1e-8, True), (1e-12, False)):
        for way in ("ones", "all negative"):
            subject, e = of(lambda g, y, x, w=way, s=share: g * 2.0 * x * (1.0 + s * WAYS[w](g)))  # type: ignore[misc]
            assert bool(refused(lambda s=subject, e=e: check_cotangents(s, e, thorough=True))) is seen  # type: ignore[misc]


def test_digits_that_are_lost_to_a_norm_are_no_mistake() -> None:
    """Scaling by the largest entry of g and back loses what is tiny beside it, but by chance."""

    def scaled(g, y, x):
        top = np.max(np.abs(g), initial=0.0)
        return g * 2.0 * x + top * 1e-9 * np.sin(1e6 * (g / (top or 1.0)) + 7.0 * np.arange(10) * (top > 1e9) * top)

    subject, e = of(lambda g, y, x: g * 2.0 * x)
    assert check_cotangents(subject, e, thorough=True) == 3
    subject, e = of(scaled)
    assert refused(lambda: check_cotangents(subject, e, thorough=True))


def test_two_outputs_are_tried_one_by_one() -> None:
    def both(x):
        return x * x, x * 3.0

    def rule(g, y, x):
        lost = not g[1].any()
        return g[0] * 2.0 * x * (1.001 if lost and g[0].any() else 1.0) + g[1] * 3.0

    subject = OpUnderTest(made(both, {"x": rule}, {"x": REAL}))
    e = subject.run(CheckCase((frozen(X),), {}, "base", 3), SeededRandom(5))
    assert "for one output alone" in refused(lambda: check_cotangents(subject, e, thorough=True))


def test_a_gradient_is_a_number_where_the_function_is() -> None:
    for value in (np.nan, np.inf, -np.inf):
        subject, e = of(lambda g, y, x, v=value: np.where(np.arange(10) == 6, v, g * 2.0 * x))  # type: ignore[misc]
        message = refused(lambda s=subject, e=e: refuse_not_finite(s, e))  # type: ignore[misc]
        assert "gives NaN or infinity where the function is finite" in message
        assert "x[6] = -0.5" in message
    subject, e = of(lambda g, y, x: g * 2.0 * x)
    refuse_not_finite(subject, e)


def memory(op: Op, thorough: bool = True, x: Array = X) -> str:
    """What the check of what is kept says of an op."""
    subject, e = evaluated(op, x)
    return refused(lambda: check_memory(subject, e, SeededRandom(6), thorough))


def right(g: Array, y: Array, x: Array) -> Array:
    return g * 2.0 * x


def test_a_function_that_answers_otherwise_the_second_time() -> None:
    calls: list[int] = []

    def forward(x):
        calls.append(0)
        return x * x + 1e-15 * len(calls)

    op = made(forward, {"x": right}, {"x": REAL})
    for thorough in (True, False):
        assert "its forward function is not deterministic" in memory(op, thorough)
    assert not memory(made(lambda x: x * x, {"x": right}, {"x": REAL}), thorough=False)
    assert not memory(made(lambda x: x * x, {"x": right}, {"x": REAL}))
    assert not memory(made(lambda x: x * x, {"x": right}, {"x": REAL}), x=np.array(1.5))


def keeping(what: Callable[[Array], object]) -> Op:
    """x^2, whose rule uses what the last forward call has left behind."""
    kept: dict[object, Array] = {}

    def forward(x):
        kept[what(x)] = x.copy()
        return x * x

    return made(forward, {"x": lambda g, y, x: g * 2.0 * kept[what(x)]}, {"x": REAL})


def test_a_rule_that_uses_what_another_call_left_behind() -> None:
    for thorough in (True, False):
        assert "after it was called on something else" in memory(keeping(lambda x: x.shape), thorough)
    assert "after it was called on something else" in memory(keeping(lambda x: x.shape if x[0] == 2.0 or len(x) else 0))
    assert not memory(keeping(lambda x: x.tobytes()))


def test_a_rule_that_knows_arrays_by_where_they_lie() -> None:
    kept: dict[int, Array] = {}

    def rule(g, y, x):
        address = x.__array_interface__["data"][0]
        return g * 2.0 * kept.setdefault(address, x.copy()) if x.base is not None else g * 2.0 * x

    op = made(lambda x: x * x, {"x": rule}, {"x": REAL})
    assert "when new numbers stand in the memory of old ones" in memory(op)


def test_what_writes_where_it_can() -> None:
    def writes(x):
        y = x * x
        if x.flags.writeable:
            x[0] = 9.0
        return y

    assert "its forward function writes into an array that it is passed where it can" in memory(
        made(writes, {"x": right}, {"x": REAL})
    )

    def into_x(g, y, x):
        r = g * 2.0 * x
        if x.flags.writeable:
            x[...] = 0.0
        return r

    def into_g(g, y, x):
        r = g * 2.0 * x
        if g.flags.writeable:
            g *= 2.0
        return r

    for rule in (into_x, into_g):
        op = made(lambda x: x * x, {"x": rule}, {"x": REAL})
        assert "its rule writes into an array that it is passed where it can" in memory(op)
        assert not memory(op, thorough=False)


def test_what_touches_the_surroundings() -> None:
    def seeds(x):
        np.random.seed(3)
        return x * x

    def draws(g, y, x):
        np.random.random(3)
        return g * 2.0 * x

    def silences(x):
        np.seterr(all="ignore")
        return x * x

    for op, what in (
        (made(seeds, {"x": right}, {"x": REAL}), "NumPy's global random numbers"),
        (made(lambda x: x * x, {"x": draws}, {"x": REAL}), "NumPy's global random numbers"),
        (made(silences, {"x": right}, {"x": REAL}), "NumPy's error state (np.seterr)"),
    ):
        with np.errstate():
            assert f"it changes {what} for the rest of the program" in memory(op)
    before = repr(np.random.get_state())
    assert not memory(made(lambda x: x * x, {"x": right}, {"x": REAL}))
    assert repr(np.random.get_state()) == before  # the check seeds them, and puts them back


def test_how_many_comparisons_were_made() -> None:
    subject, e = of(right)
    assert check_memory(subject, e, SeededRandom(6), thorough=False) == 2
    assert check_memory(subject, e, SeededRandom(6), thorough=True) == 1 + 3 + 1 + 1

    def even(x):
        if x.shape[-1] % 2:
            raise ValueError("an even length is needed")
        return x * x

    subject = OpUnderTest(made(even, {"x": right}, {"x": REAL}))
    e = subject.run(CheckCase((frozen(X),), {}, "base", 3), SeededRandom(5))
    assert check_memory(subject, e, SeededRandom(6), thorough=True) == 1 + 2 + 1 + 1
    sampled = made(lambda x: x * x, {"x": right}, {"x": REAL}, samples=lambda rng: [mg.Sample(X)])
    subject = OpUnderTest(sampled)
    e = subject.run(CheckCase((frozen(X),), {}, "base", 3), SeededRandom(5))
    assert check_memory(subject, e, SeededRandom(6), thorough=True) == 1 + 2 + 0 + 1
