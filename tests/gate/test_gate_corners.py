"""Corners, ties and numbers that stand out: which are made, and which gradients are accepted there."""

# Rules are untyped: they are wrong on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.verify import verify
from minigrad.verify.checks.corners import check_between, refuse_outside
from minigrad.verify.checks.extreme_scales import sizes_to_try
from minigrad.verify.checks.kinks import _pairs, check_kinks, check_pairs, check_zeros, with_zeros
from minigrad.verify.checks.locate import locate_error
from minigrad.verify.checks.neighbours import neighbours, slopes_of_pieces
from minigrad.verify.checks.projection import (
    absolute,
    is_near,
    line,
    longest_step,
    project,
    projected,
    scales_along,
    stepped,
)
from minigrad.verify.declare import Domain, Kinks
from minigrad.verify.refusal import CheckCase, GateFinding
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import frozen, natural_scale
from support.gate_case import DISTINCT, POSITIVE, REAL, UNIT, made
from support.gate_checks import evaluated, refused


def cornered(slope: float, elementwise: bool, kinks: Kinks = ()) -> Op:
    """max(x, 0) - 2 min(x, 0) (slopes 1 and -2... of both sides of 0), whose rule gives `slope` at 0."""
    return made(
        lambda x: np.where(x > 0.0, x, -2.0 * x),
        {"x": lambda g, y, x: g * np.where(x > 0.0, 1.0, np.where(x < 0.0, -2.0, slope)).astype(x.dtype)},
        {"x": REAL}, elementwise=elementwise, kinks=kinks,
    )  # fmt: skip


@pytest.mark.parametrize("elementwise", [False, True])
@pytest.mark.parametrize(
    ("slope", "passes"),
    [
        (1.0, True),
        (-2.0, True),
        (0.0, True),
        (-0.3, True),
        (1.001, False),
        (-2.001, False),
        (5.0, False),
        (np.nan, False),
    ],
)
def test_at_a_corner_any_mixture_of_the_two_slopes_is_right(slope: float, passes: bool, elementwise: bool) -> None:
    x = np.array([1.5, 0.0, -2.5]) if elementwise else np.array([0.0])
    subject, e = evaluated(cornered(slope, elementwise), x)
    message = refused(lambda: check_between(subject, e, SeededRandom(4)))
    if not elementwise and np.isnan(slope):
        return  # a single number whose author may have left its corner out of the domain
    assert bool(message) is not passes
    if not passes and elementwise:
        assert "x[1] = 0" in message
    if not passes:
        words = "it gives NaN where" if np.isnan(slope) else "lies outside the one-sided derivatives"
        assert words in message


def test_a_smooth_point_has_one_slope() -> None:
    for share, passes in ((0.0, True), (1e-9, True), (1e-4, False), (-1e-4, False)):
        op = made(
            lambda x: np.sin(x),
            {"x": lambda g, y, x, s=share: g * np.cos(x) * (1.0 + s)},
            {"x": REAL},
            elementwise=True,
        )
        subject, e = evaluated(op, np.array([0.5, -1.25, 2.0]))
        assert bool(refused(lambda s=subject, e=e: check_between(s, e, SeededRandom(4)))) is not passes  # type: ignore[misc]


@pytest.mark.parametrize(
    ("power", "passes"), [(0.4, True), (2.0 / 3.0, True), (1.0, False), (1.4, False), (2.0, False)]
)
def test_where_slopes_end_nowhere_nothing_is_decided(power: float, passes: bool) -> None:
    """|x|^p at 0 under a rule that says 3: slopes grow without end below p = 1, are 1 at 1, and end at 0 above it."""
    op = made(lambda x: np.abs(x) ** power, {"x": lambda g, y, x: g * 3.0 + 0.0 * x}, {"x": REAL}, elementwise=True)
    subject, e = evaluated(op, np.zeros(2))
    with np.errstate(all="ignore"):  # as the gate has it
        assert bool(refused(lambda: check_between(subject, e, SeededRandom(4)))) is not passes


def test_a_corner_of_several_arguments() -> None:
    for share, passes in ((0.5, True), (1.0, True), (0.0, True), (1.3, False), (-0.2, False)):
        op = made(
            lambda a, b: np.maximum(a, b),
            {
                "a": lambda g, y, a, b, s=share: g * np.where(a > b, 1.0, np.where(a < b, 0.0, s)),
                "b": lambda g, y, a, b, s=share: g * np.where(b > a, 1.0, np.where(b < a, 0.0, 1.0 - s)),
            },
            {"a": REAL, "b": REAL}, elementwise=True,
        )  # fmt: skip
        a = np.array([1.5, 2.0, -0.5])
        subject, e = evaluated(op, a, a)
        u = {0: np.array([1.0, 0.5, 1.0]), 1: np.array([-0.5, -1.0, 0.25])}
        found = refused(lambda s=subject, e=e, u=u: refuse_outside(s, e, u, SeededRandom(4)))  # type: ignore[misc]
        assert bool(found) is not passes
        together = refused(lambda s=subject, e=e: refuse_outside(s, e, {0: np.ones(3), 1: np.ones(3)}, SeededRandom(4)))  # type: ignore[misc]
        assert not together  # the two shares make up one


def test_slopes_of_the_pieces_around_a_point() -> None:
    op = made(lambda x: np.array([np.abs(x[0]) + 3.0 * x[1], 2.0 * np.max(x)]), {"x": lambda g, y, x: x}, {"x": REAL})
    subject, e = evaluated(op, np.zeros(2))
    u = {0: np.array([1.0, -1.0])}
    least, most = slopes_of_pieces(subject, e, u, SeededRandom(3))
    v = e.cotangents[0]
    assert least == pytest.approx([min(v[0] * s for s in (-4.0, -2.0)), -2.0 * abs(v[1])], rel=1e-6)
    assert most == pytest.approx([max(v[0] * s for s in (-4.0, -2.0)), 2.0 * abs(v[1])], rel=1e-6)

    def nowhere(x):
        if x.any():
            raise ValueError("only at zero")
        return x * 1.0

    subject, e = evaluated(made(nowhere, {"x": lambda g, y, x: g}, {"x": REAL}), np.zeros(2))
    least, most = slopes_of_pieces(subject, e, u, SeededRandom(3))
    assert (least == np.inf).all()
    assert (most == -np.inf).all()


def test_neighbours_lie_about_as_far_as_asked_each_its_own_way() -> None:
    case = CheckCase((frozen(np.zeros(200)), frozen(np.ones(3))), {"k": 1}, "base", 3)
    found = list(neighbours(case, {0}, SeededRandom(2), count=5, distance=2.0**-10))
    assert len(found) == 5
    assert len(list(neighbours(case, {0}, SeededRandom(2)))) == 4
    for other in found:
        size = np.abs(other.arrays[0]) * 2.0**10
        assert 0.5 <= np.min(size) < 0.6
        assert 1.4 < np.max(size) <= 1.5
        assert other.arrays[1] is case.arrays[1]
        assert (other.arrays[0] < 0.0).any()
        assert (other.arrays[0] > 0.0).any()
    assert len({other.arrays[0].tobytes() for other in found}) == 5


def test_zeros_are_put_among_the_numbers() -> None:
    x = np.arange(1.0, 201.0)
    subject, e = evaluated(made(lambda x: x * 2.0, {"x": lambda g, y, x: g * 2.0}, {"x": REAL}, elementwise=True), x)
    case = with_zeros(subject, e, SeededRandom(4))
    assert case is not None
    zeros = case.arrays[0] == 0.0
    assert zeros[:2].all()
    assert 0.15 < np.mean(zeros) < 0.35
    assert (case.arrays[0] == np.where(zeros, 0.0, x)).all()
    assert (case.label, case.seed) == ("with zeros", 3)
    single, one = evaluated(made(lambda x: x * 2.0, {"x": lambda g, y, x: g * 2.0}, {"x": REAL}), x.reshape(20, 10))
    for seed in range(5):
        case = with_zeros(single, one, SeededRandom(seed))
        assert case is not None
        assert np.count_nonzero(case.arrays[0] == 0.0) == 1  # two zeros can be a tie
    few = [
        with_zeros(
            *evaluated(made(lambda x: x * 2.0, {"x": lambda g, y, x: g * 2.0}, {"x": REAL}), x[:1]), SeededRandom(k)
        )
        for k in range(4)
    ]
    assert all(c is not None and c.arrays[0].tolist() == [0.0] for c in few)
    for domain in (POSITIVE, mg.nonzero()):
        op = made(lambda x: x * 2.0, {"x": lambda g, y, x: g * 2.0}, {"x": domain}, elementwise=True)
        assert with_zeros(*evaluated(op, x), SeededRandom(4)) is None
    assert (
        with_zeros(
            *evaluated(made(lambda x: x * 2.0, {"x": lambda g, y, x: g}, {"x": REAL}), np.array(2.0)), SeededRandom(4)
        )
        is None
    )


def test_rules_at_zeros() -> None:
    x = np.linspace(-2.0, 2.0, 12)
    for rule, passes in (
        (lambda g, y, x: g * 2.0 * x, True),
        (lambda g, y, x: g * y * 2.0 / x, False),
        (lambda g, y, x: g * (2.0 * x + (x == 0.0)), False),
    ):
        for elementwise in (True, False):
            subject, e = evaluated(made(lambda x: x * x, {"x": rule}, {"x": REAL}, elementwise=elementwise), x)
            with np.errstate(all="ignore"):
                assert bool(refused(lambda s=subject, e=e: check_zeros(s, e, SeededRandom(4)))) is not passes  # type: ignore[misc]
                assert not passes or check_zeros(subject, e, SeededRandom(4)) == 1
    with np.errstate(all="ignore"):
        for op in (
            made(lambda x: np.sign(x), {}, {"x": REAL}, piecewise_constant=True),
            made(lambda x: 1.0 / x, {"x": lambda g, y, x: -g * y * y}, {"x": REAL}),
        ):
            assert check_zeros(*evaluated(op, x), SeededRandom(4)) == 0


def test_rules_at_declared_kinks() -> None:
    x = np.linspace(-2.0, 2.1, 12)
    for slope, passes in ((0.5, True), (1.5, False)):
        for kinks in ([0.0], lambda rng, x: (np.where(np.arange(12) % 2, x, 0.0),)):
            subject, e = evaluated(cornered(slope, True, kinks), x)
            assert bool(refused(lambda s=subject, e=e: check_kinks(s, e, SeededRandom(4)))) is not passes  # type: ignore[misc]
            assert not passes or check_kinks(subject, e, SeededRandom(4), draws=2) == 24
    assert check_kinks(*evaluated(cornered(9.0, True, ()), x), SeededRandom(4)) == 0
    assert check_kinks(*evaluated(cornered(9.0, True, []), x), SeededRandom(4)) == 0


def test_ties_and_pairs_of_zeros() -> None:
    x = np.array([[3.0, 1.0, 2.0, 5.0], [8.0, 6.0, 7.0, 4.0]])
    made_of_rows = dict(_pairs(x, 1, zeros=True))
    assert made_of_rows["tie at the top"].tolist() == [[5.0, 1.0, 2.0, 5.0], [8.0, 8.0, 7.0, 4.0]]
    assert made_of_rows["tie at the bottom"].tolist() == [[3.0, 1.0, 1.0, 5.0], [4.0, 6.0, 7.0, 4.0]]
    assert made_of_rows["tie in the middle"].tolist() == [[3.0, 1.0, 3.0, 5.0], [8.0, 7.0, 7.0, 4.0]]
    assert made_of_rows["two zeros"].tolist() == [[0.0, 0.0, 2.0, 5.0], [8.0, 6.0, 7.0, 4.0]]
    assert list(dict(_pairs(x, 0, zeros=False))) == ["tie at the top", "tie at the bottom", "tie in the middle"]
    assert dict(_pairs(x, 0, zeros=False))["tie at the top"].tolist() == [[8.0, 6.0, 7.0, 5.0], [8.0, 6.0, 7.0, 5.0]]


def largest(share: float, domain: Domain = REAL, **more: object) -> Op:
    """The largest of each row; entries that share it get `share` each."""

    def rule(g, y, x):
        top = x == y[..., None]
        return g[..., None] * np.where(top, np.where(top.sum(-1, keepdims=True) > 1, share, 1.0), 0.0)

    return made(lambda x: np.max(x, axis=-1), {"x": rule}, {"x": domain}, **more)  # type: ignore[arg-type]


def test_entries_that_share_a_maximum_share_its_gradient() -> None:
    x = np.array([[3.0, 1.0, 2.5], [4.0, 6.0, -7.0]])
    for share, passes in ((0.5, True), (1.0, False), (0.3, False)):
        for domain in (REAL, POSITIVE, DISTINCT):
            subject, e = evaluated(largest(share, domain), np.abs(x))
            assert bool(refused(lambda s=subject, e=e: check_pairs(s, e, SeededRandom(4)))) is not passes  # type: ignore[misc]
    subject, e = evaluated(largest(0.5), x)
    assert check_pairs(subject, e, SeededRandom(4)) == 8  # three ties and two zeros along each of two axes
    assert check_pairs(*evaluated(largest(0.5, POSITIVE), np.abs(x)), SeededRandom(4)) == 6
    assert check_pairs(*evaluated(largest(0.5), x[:1]), SeededRandom(4)) == 4
    assert check_pairs(*evaluated(largest(1.0, samples=lambda rng: [mg.Sample(x)]), x), SeededRandom(4)) == 0
    assert check_pairs(*evaluated(largest(1.0, mg.spd()), np.eye(3)), SeededRandom(4)) == 0


def test_numbers_far_from_and_near_to_zero() -> None:
    for domain, signed in ((REAL, True), (mg.nonzero(), True), (DISTINCT, True), (POSITIVE, False)):
        x = sizes_to_try(domain, SeededRandom(3))
        assert x.size == (1 + signed) * (21 + 57 + 3)
        size = np.sort(np.abs(x[: x.size // (1 + signed)]))
        assert 2.0**-30 <= size[0] <= 1.1 * 2.0**-30
        assert 1024.0 <= size[-1] <= 1.1 * 1024.0
        assert (x.astype(np.float32) == x)[np.abs(x) < 1.0].all()
        assert not signed or (x[: x.size // 2] == -x[x.size // 2 :]).all()
        assert {84.875, 85.0, 85.125} <= set(size.tolist())
        assert np.max(size[size < 2.0**-9]) >= 2.0**-10
        assert not ((size > 2.0**-8.9) & (size < 8.0)).any()
    for bounded in (UNIT, mg.spd(), mg.integer_index(3)):
        assert not sizes_to_try(bounded, SeededRandom(3)).size


def test_what_goes_into_a_difference_along_a_direction() -> None:
    a, b = np.array([1.5, -2.0]), np.array([0.5, 3.0])
    op = made(
        lambda a, b: a * b, {"a": lambda g, y, a, b: g * b, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL}
    )
    subject, e = evaluated(op, a, b)
    (v,) = e.cotangents
    u = {0: np.array([0.25, -0.5]), 1: np.array([1.0, 0.5])}
    terms = [v * b * u[0], v * a * u[1]]
    analytic, weights, roundoff = scales_along(e, u)
    assert analytic == pytest.approx(sum(float(t.sum()) for t in terms))
    assert weights == pytest.approx(sum(float(np.abs(t).sum()) for t in terms))
    assert roundoff == pytest.approx(3.0 * float(np.abs(v * a * b).sum()))
    assert [m.tolist() for m in stepped(e.case, u, 2.0)] == [(a + 2.0 * u[0]).tolist(), (b + 2.0 * u[1]).tolist()]
    assert stepped(e.case, {0: u[0]}, 2.0)[1] is e.case.arrays[1]
    phi = line(subject, e, u)
    assert phi(np.array([[0.5], [-1.0]])) == pytest.approx(
        np.array([[float((v * (a + t * u[0]) * (b + t * u[1])).sum())] for t in (0.5, -1.0)])
    )
    assert absolute(a, b) == pytest.approx(6.75)
    assert projected((v, v), (a, np.array([1, 2]))) == pytest.approx(float(v @ a))
    assert natural_scale(e.case, e.cotangents, [0, 1]) == pytest.approx(3.0 * float(np.max(np.abs(v))))
    assert natural_scale(e.case, e.cotangents, [0]) == pytest.approx(2.0 * float(np.max(np.abs(v))))
    assert longest_step(op) == 0.5
    assert longest_step(made(lambda x: x, {}, {"x": mg.spd()})) == 2.0**-5
    assert project(subject, e, u).verified


@pytest.mark.parametrize(("share", "near"), [(1e-9, True), (1.5e-7, True), (3e-7, False), (-3e-7, False), (1.0, False)])
def test_one_short_difference_acquits_to_seven_digits(share: float, near: bool) -> None:
    x = np.array([1.5, -2.0])
    op = made(lambda x: x * x, {"x": lambda g, y, x: g * 2.0 * x * (1.0 + share)}, {"x": REAL})
    subject, e = evaluated(op, x)
    u = {0: np.abs(x) * np.sign(e.grads[0])}
    assert is_near(subject, e, u) is near
    large = made(lambda x: x * x + 1e9, {"x": lambda g, y, x: g * 2.0 * x}, {"x": REAL})
    assert not is_near(*evaluated(large, x), u)  # round-off says nothing

    def narrow(x):
        if x[0] != 1.5:
            raise ValueError("only there")
        return x * x

    assert not is_near(*evaluated(made(narrow, {"x": lambda g, y, x: g * 2.0 * x}, {"x": REAL}), x), u)


@pytest.mark.parametrize("place", [0, 7, 30, 59])
def test_the_entry_that_is_wrong_is_named(place: int) -> None:
    """Of 60 entries of the second argument one is off by a thousandth."""
    a, b = np.linspace(0.5, 2.0, 60), np.linspace(1.0, 3.0, 60)
    off = 1.0 + 1e-3 * (np.arange(60) == place)
    op = made(
        lambda a, b: np.sin(a) * b,
        {"a": lambda g, y, a, b: g * np.cos(a) * b, "b": lambda g, y, a, b: g * np.sin(a) * off},
        {"a": REAL, "b": REAL},
    )
    subject, e = evaluated(op, a, b)
    error = locate_error(subject, e, {0: 0.5 * np.ones(60), 1: 0.25 * np.ones(60)})
    finding = error.finding
    assert isinstance(finding, GateFinding)
    worst = finding.worst
    assert worst is not None
    assert (worst.argument, worst.index) == ("b", (place,))
    assert worst.x == b[place]
    assert worst.analytic == pytest.approx(e.grads[1][place])
    assert worst.numeric == pytest.approx(e.grads[1][place] / off[place], rel=1e-6)
    assert 0.0 < worst.error < 1e-6


def test_samples_a_millionth_from_where_a_function_ends() -> None:
    for share, passes in ((1.0, True), (1.001, False)):
        op = made(
            lambda x: np.sqrt(1.0 - x),
            {"x": lambda g, y, x, s=share: g * -0.5 / y * s},
            {"x": REAL},
            samples=lambda rng: [mg.Sample(np.array([1.0 - 2.0**-21, 1.0 - 2.0**-20]))],
        )
        assert bool(refused(lambda op=op: verify(op, 0, second_order=False))) is not passes  # type: ignore[misc]
