"""Checks that repeat a gradient in another form, each by itself: what is refused, by how little, and what passes."""

# Rules are untyped: they are wrong on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from minigrad.verify.checks.metamorphic import (
    check_float32_bias,
    check_linear,
    repeat_expanded,
    repeat_float32,
    repeat_integers,
    repeat_layouts,
    repeat_mixed,
    repeat_shared,
)
from minigrad.verify.declare import Domain
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen
from support.gate_case import REAL, made
from support.gate_checks import evaluated, refused

Hit: TypeAlias = Callable[[Array, Array], object]


def squares(hit: Hit, share: float, forward_too: bool = False, domain: Domain = REAL, **more: object) -> Op:
    """x^2, whose rule (or forward function) is off by a share where something holds of g and x."""

    def forward(x):
        return x * x * (1.0 + share * np.asarray(hit(x, x)).astype(x.dtype)) if forward_too else x * x

    def rule(g, y, x):
        return g * 2.0 * x if forward_too else g * 2.0 * x * (1.0 + share * np.asarray(hit(g, x))).astype(g.dtype)

    return made(forward, {"x": rule}, {"x": domain}, **more)  # type: ignore[arg-type]


X = np.array([[1.5, -2.25, 0.75, 2.0], [-1.25, 1.0, -0.5, 1.75], [2.5, -3.0, 1.125, -0.625]])

LAYOUTS: dict[str, Hit] = {
    "arguments and g in Fortran order": lambda g, x: x.flags.f_contiguous and not x.flags.c_contiguous,
    "arguments with reversed strides": lambda g, x: x.strides[0] < 0 and x.strides[1] < 0 < g.strides[0],
    "g with reversed strides": lambda g, x: g.strides[0] < 0 and g.strides[1] < 0 < x.strides[0],
    "g in Fortran order": lambda g, x: g.flags.f_contiguous and not g.flags.c_contiguous and x.flags.c_contiguous,
    "arguments and g that are parts of wider arrays": lambda g, x: x.strides[0] == g.strides[0] == 56,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_gradient_that_changes_with_the_layout(layout: str) -> None:
    subject, e = evaluated(squares(LAYOUTS[layout], 4e-9), X)
    message = refused(lambda: repeat_layouts(subject, e, thorough=True), mg.GradientMismatch)
    assert "its gradient changes with the memory layout of the arguments" in message
    assert f"base, {layout}" in message
    assert "argument 'x'" in message
    subject, e = evaluated(squares(LAYOUTS[layout], 5e-10), X)
    assert repeat_layouts(subject, e, thorough=True) == 5
    subject, e = evaluated(squares(LAYOUTS[layout], 1e-2), X)
    assert bool(refused(lambda: repeat_layouts(subject, e, thorough=False))) == (layout == next(iter(LAYOUTS)))


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name[0] == "a"])
def test_an_output_that_changes_with_the_layout(layout: str) -> None:
    def hit(g: Array, x: Array) -> object:
        return LAYOUTS[layout](np.ones(x.shape) if "reversed" in layout else x, x)

    subject, e = evaluated(squares(hit, 1e-3, forward_too=True), X)
    assert "its output changes with the memory layout" in refused(
        lambda: repeat_layouts(subject, e, thorough=True), mg.InvalidRule
    )


def test_layouts_of_vectors_and_of_numbers() -> None:
    for hit in (lambda g, x: x.strides[0] < 0, lambda g, x: g.strides[0] < 0, lambda g, x: x.base is not None):
        subject, e = evaluated(squares(hit, 1e-3), X[0].copy())
        assert refused(lambda s=subject, e=e: repeat_layouts(s, e, thorough=True))  # type: ignore[misc]
    subject, e = evaluated(squares(lambda g, x: False, 1.0), np.array(1.5))
    assert repeat_layouts(subject, e, thorough=False) == 1


def test_small_entries_may_carry_the_round_off_of_large_ones() -> None:
    """Beside 2,000 an entry of 2e-9 may be off by 1e-11 of the largest gradient, and the round-off of |v| max |x|."""
    for share, passes in ((1.0, True), (100.0, False)):
        x = np.array([[1000.0, 1e-9], [1.0, 1.0]])
        op = squares(lambda g, x: (x < 1e-6) & x.flags.f_contiguous & (not x.flags.c_contiguous), share)
        subject, e = evaluated(op, x)
        assert bool(refused(lambda s=subject, e=e: repeat_layouts(s, e, thorough=True))) is not passes  # type: ignore[misc]


def test_equal_rows_as_one_row_expanded() -> None:
    def hit(g: Array, x: Array) -> bool:
        return 0 in x.strides

    subject, e = evaluated(squares(hit, 4e-9), X)
    message = refused(lambda: repeat_expanded(subject, e), mg.GradientMismatch)
    assert "arguments that are one row expanded" in message
    assert "changes with the memory layout" in message
    subject, e = evaluated(squares(hit, 5e-10), X)
    assert repeat_expanded(subject, e) == 1
    for op in (
        squares(hit, 1.0, domain=mg.spd(3)),
        squares(hit, 1.0, samples=lambda rng: [mg.Sample(rng.normal(size=3))]),
    ):
        subject, e = evaluated(op, X[:, :3])
        assert repeat_expanded(subject, e) == 0

    def raises(x):
        if (x == x[:1]).all():
            raise ZeroDivisionError
        return x * x

    subject, e = evaluated(made(raises, {"x": lambda g, y, x: g * 2.0 * x}, {"x": REAL}), X)
    assert repeat_expanded(subject, e) == 0

    def loud(g, y, x):
        if 0 in x.strides:
            raise ValueError("not for me")
        return g * 2.0 * x

    subject, e = evaluated(made(lambda x: x * x, {"x": loud}, {"x": REAL}), X)
    assert repeat_expanded(subject, e) == 0
    large = np.concatenate([X[:1] * 1e7, X])
    subject, e = evaluated(squares(hit, 1.0), large)
    assert repeat_expanded(subject, e) == 1  # gradients beyond a million are not compared: matrices may be singular


def single(g: Array, x: Array) -> bool:
    return x.dtype == np.float32


@pytest.mark.parametrize(
    ("share", "hit", "passes"),
    [
        (1.9e-3, lambda g, x: x.dtype == np.float32, True),
        (2.2e-3, lambda g, x: x.dtype == np.float32, False),
        (1.9e-2, lambda g, x: (x.dtype == np.float32) & (np.arange(12).reshape(3, 4) < 3), True),  # a quarter of them
        (1.9e-2, lambda g, x: (x.dtype == np.float32) & (np.arange(12).reshape(3, 4) < 4), False),
        (2.2e-2, lambda g, x: (x.dtype == np.float32) & (np.arange(12).reshape(3, 4) == 5), False),
        (-2.2e-2, lambda g, x: (x.dtype == np.float32) & (np.arange(12).reshape(3, 4) == 5), False),
        (np.nan, lambda g, x: (x.dtype == np.float32) & (np.arange(12).reshape(3, 4) == 5), False),
    ],
)
def test_single_precision_gives_about_the_same(share: float, hit: Hit, passes: bool) -> None:
    subject, e = evaluated(squares(hit, share), X)
    message = refused(lambda: repeat_float32(subject, e), mg.GradientMismatch)
    assert bool(message) is not passes
    assert passes or "its float32 gradient is not near its float64 gradient" in message
    assert not passes or repeat_float32(subject, e) == 1


def test_single_precision_may_lose_what_the_function_loses() -> None:
    """A sine, and a difference of squares: the gradient moves as much with the last bits of its argument."""
    for forward, rule in (
        (lambda x: np.sin(x), lambda g, y, x: g * np.cos(x)),
        (lambda x: (x * x - 1e6) ** 2, lambda g, y, x: g * 4.0 * x * (x * x - 1e6)),
    ):
        subject, e = evaluated(made(forward, {"x": rule}, {"x": REAL}), X + 1000.0)
        assert repeat_float32(subject, e) == 1


def test_small_gradients_may_be_lost_beside_large_ones() -> None:
    """(x - 1)^2 at 3 and beside 1: float32 holds no number between 1 and the next, and its gradient there is 0."""
    op = made(lambda x: (x - 1.0) ** 2, {"x": lambda g, y, x: g * 2.0 * (x - 1.0)}, {"x": REAL})
    subject, e = evaluated(op, np.array([3.0, 1.0 + 2.0**-30]))
    assert repeat_float32(subject, e) == 1


def test_single_precision_stays_single() -> None:
    wide = made(lambda x: x * np.ones(1), {"x": lambda g, y, x: g * 1.0}, {"x": REAL})
    subject, e = evaluated(wide, X)
    assert "turns float32 into float64" in refused(lambda: repeat_float32(subject, e), mg.InvalidRule)

    def cast(x, *, dtype=np.float64):
        return x.astype(dtype)

    subject, e = evaluated(made(cast, {"x": lambda g, y, x, dtype: g.astype(x.dtype)}, {"x": REAL}), X)
    assert repeat_float32(subject, e) == 0
    subject, e = evaluated(made(lambda x: x * 1.0, {"x": lambda g, y, x: g * 1.0}, {"x": REAL}), X)
    assert repeat_float32(subject, e) == 1


@pytest.mark.parametrize(
    ("share", "hit", "passes"),
    [
        (2e-4, single, False),
        (-2e-4, single, False),
        (2e-5, single, True),
        (2e-4, lambda g, x: (x.dtype == np.float32) & (np.arange(12).reshape(3, 4) == 5), False),
        (2e-4, lambda g, x: (x.dtype == np.float32) & (np.abs(x) * 2.0**20 % 2.0 < 1.0), True),  # as rounding goes
    ],
)
def test_single_precision_is_not_off_by_one_share_everywhere(share: float, hit: Hit, passes: bool) -> None:
    subject, e = evaluated(squares(hit, share), X)
    message = refused(lambda: check_float32_bias(subject, e, SeededRandom(2)), mg.GradientMismatch)
    assert bool(message) is not passes
    assert passes or ("0.02 %" in message and "argument 'x'" in message)
    assert not passes or check_float32_bias(subject, e, SeededRandom(2)) == 1


Two: TypeAlias = Callable[[Array, Array], object]


def products(hit: Two, share: float, domains: Mapping[str, Domain] | None = None) -> Op:
    """a b + b, whose rule for a is off by a share where something holds of both arguments."""

    def rule(g, y, a, b):
        return g * b * (1.0 + share * np.asarray(hit(a, b))).astype(g.dtype)

    return made(
        lambda a, b: a * b + b, {"a": rule, "b": lambda g, y, a, b: g * (a + 1.0)}, domains or {"a": REAL, "b": REAL}
    )


def test_one_argument_in_single_precision() -> None:
    for hit in (lambda a, b: a.dtype == np.float32, lambda a, b: b.dtype == np.float32):
        subject, e = evaluated(products(hit, 0.1), X, X[::-1].copy())
        message = refused(lambda s=subject, e=e: repeat_mixed(s, e), mg.GradientMismatch)  # type: ignore[misc]
        assert "in float32" in message
        subject, e = evaluated(products(hit, 1e-4), X, X[::-1].copy())
        assert repeat_mixed(subject, e) == 2
    subject, e = evaluated(squares(single, 1.0), X)
    assert repeat_mixed(subject, e) == 0


def test_one_argument_in_integers() -> None:
    for hit in (lambda a, b: a.dtype.kind == "i", lambda a, b: b.dtype.kind == "i"):
        subject, e = evaluated(products(hit, 1e-3), X, X[::-1].copy())
        message = refused(lambda s=subject, e=e: repeat_integers(s, e), mg.GradientMismatch)  # type: ignore[misc]
        if hit(np.zeros(1, int), np.zeros(1)):
            assert not message  # no gradient is due for integers
        else:
            assert "when an argument comes as integers of the same values" in message
        bounded = products(hit, 1e-3, {"a": mg.unit(), "b": mg.unit()})
        subject, e = evaluated(bounded, X / 4.0, X / 4.0)
        assert repeat_integers(subject, e) == (2, [])
    for domain, tried in ((mg.positive(), True), (mg.nonzero(), True), (mg.distinct(), False), (REAL, True)):
        op = products(lambda a, b: b.dtype.kind == "i", 1e-3, {"a": REAL, "b": domain})
        subject, e = evaluated(op, X, np.abs(X))
        assert bool(refused(lambda s=subject, e=e: repeat_integers(s, e))) is tried  # type: ignore[misc]

    def picky(a, b):
        if a.dtype.kind == "i":
            raise OverflowError("no")
        return a * b

    def loud(g, y, a, b):
        if b.dtype.kind == "i":
            raise KeyError("b")
        return g * b

    op = made(picky, {"a": loud, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL})
    subject, e = evaluated(op, X, X)
    assert repeat_integers(subject, e) == (
        2,
        ["a in integers: OverflowError: no", "b in integers: the rule raises KeyError"],
    )
    subject, e = evaluated(squares(lambda g, x: x.dtype.kind == "i", 1.0), X)
    assert repeat_integers(subject, e) == (1, [])


def test_one_array_for_two_arguments() -> None:
    subject, e = evaluated(products(lambda a, b: a is b, 4e-9), X, X[::-1].copy())
    message = refused(lambda: repeat_shared(subject, e), mg.GradientMismatch)
    assert "when one array is passed for two arguments" in message
    assert "base, same array twice" in message
    subject, e = evaluated(products(lambda a, b: a is b, 5e-10), X, X[::-1].copy())
    assert repeat_shared(subject, e) == 1
    for domains, other in (({"a": REAL, "b": mg.positive()}, X), ({"a": REAL, "b": REAL}, X[:1])):
        subject, e = evaluated(products(lambda a, b: a is b, 1.0, domains), X, other)
        assert repeat_shared(subject, e) == 0

    def total(*xs):
        return sum(xs[1:], xs[0])

    for count, pairs in ((2, 1), (3, 3), (5, 6)):
        op = made(total, {"xs": lambda g, y, *xs: tuple(g * 1.0 for _ in xs)}, {"xs": REAL})
        subject, e = evaluated(op, *(X + k for k in range(count)))
        assert repeat_shared(subject, e) == pairs


@pytest.mark.parametrize(
    ("forward", "passes"),
    [
        (lambda x: 2.0 * x[..., ::-1], True),
        (lambda x: 2.0 * x + 1.0, False),
        (lambda x: x + 1e-8 * np.abs(x), False),
        (lambda x: x + 1e-12 * np.abs(x), True),
        (lambda x: np.where(np.arange(4) == 2, np.abs(x), x), False),
        (lambda x: np.abs(x).astype(np.float64) * 0.0, True),
    ],
)
def test_a_claim_to_be_linear(forward: Callable[[Array], Array], passes: bool) -> None:
    subject, e = evaluated(made(forward, {"x": lambda g, y, x: g * 2.0}, {"x": REAL}, linear=True), X)
    message = refused(lambda: check_linear(subject, e), mg.InvalidRule)
    assert bool(message) is not passes
    assert passes or "it claims linear=True, but f(2x - 3z) is not 2 f(x) - 3 f(z)" in message
    assert not passes or check_linear(subject, e) == 1


def test_linear_is_in_all_differentiable_arguments_together() -> None:
    def forward(a, b, index):
        return a + 2.0 * b + index * 0.0 * a

    domains = {"a": REAL, "b": REAL, "index": mg.integer_index(3)}
    rules = {"a": lambda g, y, a, b, index: g, "b": lambda g, y, a, b, index: g * 2.0}
    subject, e = evaluated(made(forward, rules, domains, linear=True), X, X + 1.0, np.arange(4))
    assert check_linear(subject, e) == 1
    subject, e = evaluated(made(lambda a, b, index: a * b, rules, domains, linear=True), X, X + 1.0, np.arange(4))
    assert refused(lambda: check_linear(subject, e))
    picks = made(lambda a, b, index: a[index] + b[index], rules, domains, linear=True)
    subject = OpUnderTest(picks)
    case = CheckCase((frozen(X[0]), frozen(X[1]), frozen(np.array([2, 0]))), {}, "base", 3)
    e = EvaluatedCase(case, subject.forward(case), (), {})
    assert check_linear(subject, e) == 1
