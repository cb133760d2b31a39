"""Finite differences and their error bars, against derivatives and bars that are known beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from minigrad.core.types import Array
from minigrad.verify.finite_differences import (
    INCONCLUSIVE,
    MISMATCH,
    VERIFIED,
    Phi,
    Verdict,
    _smallest_move,
    agreement,
    central,
    compare,
    drowned,
    measured_noise,
    one_sided,
    quantization_step,
    slope_at_some_step,
)

EPS = 2.0**-52
NOTHING = np.zeros(1)


def of(function: Callable[[Array], Array]) -> Phi:
    """F of one entry."""
    return lambda steps: np.asarray(function(steps)).reshape(steps.shape)


def power_of(exponent: float) -> Callable[[Array], Array]:
    return lambda t: np.asarray(t**exponent)


def table(*rows: float) -> Phi:
    """What F is at the steps asked for, whatever they are."""
    return lambda steps: np.array(rows).reshape(-1, 1) * np.ones(steps.shape)


@pytest.mark.parametrize("h", [0.25, 0.5, 2.0**-6])
def test_central_differences_are_exact_up_to_the_sixth_power(h: float) -> None:
    """Of t^7 they leave h^6 / 64, and the bar is four times the last correction, 21/1024 h^6."""
    for power in range(7):
        e = central(of(power_of(power)), np.array([float(power == 0)]), np.array([h]), NOTHING)
        assert e.value == pytest.approx([float(power == 1)], abs=1e-14)
        assert not e.kink.any()
        assert e.error == pytest.approx([0.0], abs=1e-12 + (h**4 if power == 5 else h**2 if power == 3 else 0.0))
    e = central(of(lambda t: t**7), NOTHING, np.array([h]), NOTHING)
    assert e.value == pytest.approx([h**6 / 64.0])
    assert e.error == pytest.approx([84.0 / 1024.0 * h**6])
    assert not e.noisy.any()
    alone = central(of(lambda t: t**7), np.array(0.0), np.array(h), np.array(0.0))
    assert float(alone.value) == float(e.value[0])


def test_the_bar_of_central_differences_allows_32_ulps_at_the_smallest_step() -> None:
    e = central(of(np.zeros_like), np.zeros(2), np.array([0.5, 0.25]), np.array([3.0, 1.0]))
    assert e.error == pytest.approx([32.0 * EPS * 3.0 / 0.125, 32.0 * EPS / 0.0625], rel=1e-12, abs=0.0)
    assert e.noisy.all()
    assert e.still.all()


def even(s1: float, s2: float, s3: float, h: float, at_zero: float) -> tuple[float, ...]:
    """F at h, -h, h/2, -h/2, h/4, -h/4 of a function with these second differences over the step."""
    sums = (s1 * h, s2 * h / 2.0, s3 * h / 4.0)
    return tuple(at_zero + half / 2.0 for half in sums for _ in range(2))


@pytest.mark.parametrize("at_zero", [0.0, -3.0])
@pytest.mark.parametrize("h", [1.0, 0.25])
@pytest.mark.parametrize(
    ("s1", "s2", "s3", "noise", "kink"),
    [
        (1.0, 0.5, 0.25, 0.0, False),
        (1.0, 0.5, 0.345, 0.0, False),
        (1.0, 0.5, 0.355, 0.0, True),  # more than 0.7 of the one before
        (1.0, 0.695, 0.1, 0.0, False),
        (1.0, 0.705, 0.1, 0.0, True),
        (1.0, 0.5, 0.0126, 0.0, False),
        (1.0, 0.5, 0.0124, 0.0, True),  # which the smallest step does not reach
        (1.0, 0.5, 0.389, 0.01, False),
        (1.0, 0.5, 0.391, 0.01, True),  # and 4 times the noise
        (1.0, 0.739, 0.1, 0.01, False),
        (1.0, 0.741, 0.1, 0.01, True),
        (1.0, 0.5, 0.0086, 0.001, False),
        (1.0, 0.5, 0.0084, 0.001, True),
    ],
)
def test_a_kink_is_a_second_difference_that_does_not_halve(
    s1: float, s2: float, s3: float, noise: float, kink: bool, h: float, at_zero: float
) -> None:
    slack = np.array([noise * h / (128.0 * EPS)])
    e = central(table(*even(s1, s2, s3, h, at_zero)), np.array([at_zero]), np.array([h]), slack)
    assert e.kink.tolist() == [kink]
    assert e.value == pytest.approx([0.0], abs=1e-13)
    assert not e.still.any()


@pytest.mark.parametrize("place", range(6))
def test_what_is_not_finite_counts_as_a_kink_and_what_moves_is_not_still(place: int) -> None:
    for value, kink in ((np.nan, True), (np.inf, True), (2.0 + 1e-15, None)):
        rows = [2.0] * 6
        rows[place] = value
        with np.errstate(all="ignore"):  # as the gate has it
            e = central(table(*rows), np.array([2.0]), np.ones(1), NOTHING)
        assert not e.still.any()
        assert kink is None or e.kink.all()
    odd = central(of(lambda t: t), NOTHING, np.ones(1), NOTHING)
    assert not odd.still.any()


def test_one_sided_derivatives_are_exact_up_to_the_fourth_power() -> None:
    def sides(t: Array) -> Array:
        return np.where(t > 0.0, 2.0 * t + 3.0 * t**2 - t**3 + 5.0 * t**4, -7.0 * t + t**2 - 4.0 * t**3 + t**4) + 1.5

    h, slack = 0.125, np.array([2.0])
    left, right, bar = one_sided(lambda steps: sides(steps)[:, None], np.array([1.5]), h, slack)
    assert (float(left[0]), float(right[0])) == pytest.approx((-7.0, 2.0), abs=1e-10)
    assert bar[0] >= 4.0 * 32.0 * EPS * 2.0 / (0.125 * h)
    _, right, bar = one_sided(lambda t: np.where(t > 0.0, t**5, 0.0)[:, None], NOTHING, h, NOTHING)
    assert right == pytest.approx([-(h**4) / 64.0])
    assert bar == pytest.approx([4.0 * (1.0 / 64.0 + 7.0 / 512.0) * h**4])
    left, _, again = one_sided(lambda t: np.where(t < 0.0, -(t**5), 0.0)[:, None], NOTHING, h, NOTHING)
    assert left == pytest.approx([h**4 / 64.0])
    assert again == pytest.approx(bar)
    noise = one_sided(lambda t: np.zeros((8, 1)), NOTHING, h, np.array([3.0]))[2]
    assert noise == pytest.approx([4.0 * 32.0 * EPS * 3.0 / (0.125 * h)], abs=0.0)


def test_a_slope_that_grows_with_every_halving_is_infinite() -> None:
    for power, steep in ((0.5, True), (0.6, True), (0.65, False), (0.9, False)):
        rise = power_of(power)
        _, right, _ = one_sided(lambda t, f=rise: f(np.maximum(t, 0.0))[:, None], NOTHING, 0.25, NOTHING)  # type: ignore[misc]
        left, _, _ = one_sided(lambda t, f=rise: f(np.maximum(-t, 0.0))[:, None], NOTHING, 0.25, NOTHING)  # type: ignore[misc]
        assert np.isinf(right).tolist() == [steep]
        assert np.isinf(left).tolist() == [steep]
    last = np.array([1.0, 1.0, 1.0, 9.0]) * [1.0, 0.5, 0.25, 0.125]  # at one halving only
    left, right, _ = one_sided(lambda t: np.concatenate([last, -last])[:, None], NOTHING, 1.0, NOTHING)
    assert np.isfinite([left, right]).all()


def test_round_off_of_one_difference() -> None:
    assert drowned(3.0, 0.25) == pytest.approx(4.0 * EPS * 3.0 / 0.25, rel=1e-15, abs=0.0)


@pytest.mark.parametrize(
    ("rows", "level"),
    [
        ([1, -1, 1, -1, 1, -1, 1, -1, 1], 32.0 / math.sqrt(252.0)),
        ([1, 0, 0, 0, 0, 0, 0, 0, 0], 1.0 / math.sqrt(20.0)),
        ([0, 0, 0, 0, 1, 0, 0, 0, 0], 6.0 / math.sqrt(70.0)),
        ([0, 0, 0, 0, np.inf, 0, 0, 0, 0], 0.0),
        ([16, 9, 4, 1, 0, 1, 4, 9, 16], 0.0),
    ],
)
def test_noise_is_what_a_difference_table_leaves(rows: list[float], level: float) -> None:
    """The variance of a k-th difference of noise is (2k)! / k!^2 that of the noise."""
    assert measured_noise(table(*rows), (1,)) == pytest.approx([level])


def test_noise_is_measured_at_three_fine_spacings() -> None:
    asked: list[Array] = []

    def cosine(t: Array) -> Array:
        asked.append(t)
        return np.cos(t)

    assert measured_noise(cosine, (2,)) == pytest.approx([0.0, 0.0], abs=1e-15)
    for steps in asked:
        assert steps.shape == (9, 2)
        assert steps == pytest.approx(np.arange(-4.0, 5.0)[:, None] * steps[5])
        assert (steps[5] > 1e-6).all()
        assert (steps[5] < 3e-6).all()
    assert len({float(steps[5, 0]) for steps in asked}) == 3
    only = [float(steps[5, 0]) for steps in asked]
    signs = np.array([1.0, -1.0] * 4 + [1.0])[:, None]
    for fine in only:  # noise at one of them is enough
        level = measured_noise(lambda t, f=fine: signs * (t[5] == f), (1,))  # type: ignore[misc]
        assert level == pytest.approx([32.0 / math.sqrt(252.0)])


def test_the_height_of_stairs_is_what_a_polynomial_of_degree_five_leaves() -> None:
    """Against NumPy's own fit through the points that are asked for."""
    asked: list[Array] = []

    def stairs(t: Array) -> Array:
        asked.append(t[:, 0])
        return np.floor(t * 1e4) / 1e4

    (step,) = quantization_step(stairs, (1,))
    (points,) = asked
    y = np.floor(points * 1e4) / 1e4
    residual = np.polynomial.Polynomial.fit(points, y, 5)(points) - y
    assert step == pytest.approx(np.max(np.abs(residual)), rel=1e-9)
    assert len(set(points)) == 16
    assert np.max(np.abs(points)) <= 1.0 / 128.0
    assert np.min(points) < -0.88 / 128.0
    assert np.max(points) > 0.88 / 128.0
    assert np.max(np.diff(np.sort(points))) < 0.25 / 128.0
    assert quantization_step(of(lambda t: 1.0 + t - (128.0 * t) ** 5), (3,)) == pytest.approx([0.0] * 3, abs=1e-14)
    assert quantization_step(of(lambda t: (128.0 * t) ** 6), (1,))[0] > 0.01
    assert quantization_step(of(lambda t: np.full_like(t, np.nan)), (1,)) == [0.0]


@pytest.mark.parametrize("where", [1.0, -1.0, 2.0, -2.0, 4.0, -4.0])
@pytest.mark.parametrize(
    ("at_zero", "move", "seen"),
    [
        (0.0, 2.0**-40, True),
        (0.5, 1.01 * 2.0**-40, False),
        (4.0, 2.0**-38, True),
        (-4.0, -(2.0**-39), True),
        (4.0, 1.5 * 2.0**-38, False),
        (0.0, 0.0, False),
    ],
)
def test_the_smallest_move_is_found_at_any_of_six_steps(where: float, at_zero: float, move: float, seen: bool) -> None:
    moves = _smallest_move(of(lambda t: at_zero + np.where(t == where, move, 0.0)), np.array([at_zero]))
    assert moves == [abs(move) if seen else 0.0]


def test_of_several_moves_the_smallest_counts() -> None:
    assert _smallest_move(of(lambda t: t * 2.0**-45), NOTHING) == [2.0**-45]


@pytest.mark.parametrize(
    ("name", "function", "analytic", "noise", "agrees"),
    [
        ("a saw", lambda t: np.mod(t + 3e-10, 1e-9), 1.0, 1e-25, True),
        ("its rule is wrong", lambda t: np.mod(t + 3e-10, 1e-9), 1.5, 1e-25, False),
        ("a rule that says 0", lambda t: np.mod(t + 3e-10, 1e-9), 0.0, 1e-25, False),
        ("a jump", lambda t: np.where(t > 0.0, 1.0, 0.0), 2.0, 0.0, True),
        ("a jump under a rule that says 0", lambda t: np.where(t > 0.0, 1.0, 0.0), 0.0, 0.0, False),
        ("half as steep", lambda t: 0.5 * t, 1.0, 0.0, False),
        ("nearly right", lambda t: t, 1.001, 1e-17, False),
        ("nothing", lambda t: 0.0 * t, 1.0, 0.0, False),
        ("a root", lambda t: np.sign(t) * np.sqrt(np.abs(t)), 1.0, 0.0, False),
        ("one step within noise", lambda t: np.where(np.abs(t) == 2.0**-30, t, 0.0), 1.0, 1e-13, False),
        ("one step in silence", lambda t: np.where(np.abs(t) == 2.0**-30, t, 0.0), 1.0, 1e-16, True),
        ("the first step", lambda t: np.where(np.abs(t) == 2.0**-8, t, 0.0), 1.0, 0.0, True),
        ("the last step", lambda t: np.where(np.abs(t) == 2.0**-44, t, 0.0), 1.0, 0.0, True),
        ("one step between", lambda t: np.where(np.abs(t) == 2.0**-9, t, 0.0), 1.0, 0.0, False),
        ("two steps within noise", lambda t: np.where(np.abs(t) <= 2.0**-40, t, 0.0), 1.0, 1.0, True),
        ("a thousandth off", lambda t: np.where(np.abs(t) <= 2.0**-40, 1.0009 * t, 0.0), 1.0, 1.0, True),
        ("two thousandths off", lambda t: np.where(np.abs(t) <= 2.0**-40, 1.002 * t, 0.0), 1.0, 1.0, False),
    ],
)
def test_a_slope_at_small_steps_only(
    name: str, function: Callable[[Array], Array], analytic: float, noise: float, agrees: bool
) -> None:
    slope = np.array([analytic])
    gap = np.abs(slope - (function(np.array([2.0**-6])) - function(np.array([-(2.0**-6)]))) * 2.0**5)
    assert slope_at_some_step(of(function), slope, gap, np.array([noise])).tolist() == [agrees], name


def verdict(function: Callable[[Array], Array], slope: float, size: float = 1.0) -> Verdict:
    """Of one number, which goes the same way as an array of one."""
    at_zero = function(np.zeros(1))
    alone = compare(
        lambda t: function(t.ravel()).reshape(t.shape),
        np.array(at_zero[0]),
        np.array(slope),
        np.array(abs(slope)),
        np.array(size),
    )
    array = compare(of(function), at_zero, np.array([slope]), np.array([abs(slope)]), np.array([size]))
    assert int(alone.state) == int(array.state[0])
    return alone


SMOOTH: dict[str, tuple[Callable[[Array], Array], float]] = {
    "exp": (np.exp, 1.0),
    "sin": (np.sin, 1.0),
    "a parabola": (lambda t: (t + 3.0) ** 2, 6.0),
    "1 / (1 + t)": (lambda t: 1.0 / (1.0 + t), -1.0),
    "1 / (1 + 30 t)": (lambda t: 1.0 / (1.0 + 30.0 * t), -30.0),
    "sin(50 t)": (lambda t: np.sin(50.0 * t), 50.0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_right_slopes_are_verified_and_wrong_ones_refused(name: str) -> None:
    function, slope = SMOOTH[name]
    right = verdict(function, slope)
    assert right.verified
    assert not right.mismatch
    assert abs(float(right.numeric) - slope) <= float(right.error) <= 1e-6 * abs(slope)
    for factor in (-1.0, 0.5, 2.0, 1.001, 1.0 + 1e-5):
        wrong = verdict(function, factor * slope)
        assert wrong.mismatch, factor
        assert not wrong.verified
        assert float(wrong.numeric) == pytest.approx(slope, rel=1e-6)


def test_entries_are_decided_one_by_one() -> None:
    slopes = np.array([1.0, 3.0, -1.0, 2.0])
    found = compare(
        lambda t: np.sin(t) * np.array([1.0, 3.0, 1.0, 2.0]), np.zeros(4), slopes, np.abs(slopes), np.ones(4)
    )
    assert found.state.tolist() == [VERIFIED, VERIFIED, MISMATCH, VERIFIED]
    assert found.mismatch
    assert not found.verified
    assert found.numeric == pytest.approx([1.0, 3.0, 1.0, 2.0], rel=1e-7)


def test_a_corner_is_neither_verified_nor_a_mismatch() -> None:
    for slope in (1.0, 0.3, -1.0):
        at_corner = verdict(np.abs, slope)
        assert int(at_corner.state) == INCONCLUSIVE
        assert not at_corner.mismatch
    one = np.ones(1)
    flat = compare(of(np.abs), 0.0 * one, 0.0 * one, one, one)  # the differences of both sides agree with a slope of 0
    assert flat.state.tolist() == [INCONCLUSIVE]
    near = verdict(lambda t: np.abs(t - 2.0**-9), -1.0)  # smaller steps do not reach it
    assert near.verified
    assert float(near.h) < 2.0**-9
    assert verdict(lambda t: np.abs(t - 2.0**-9), 1.0).mismatch


def test_round_off_hides_nothing_that_is_larger() -> None:
    """sin(t) beside a million: 1e-10 of round-off, so that a larger step is taken, and a rule off by 1e-4 refused."""
    assert verdict(lambda t: np.sin(t) + 1e6, 1.0, 1e6).state != MISMATCH
    assert verdict(lambda t: np.sin(t) + 1e6, 1.0 + 1e-4, 1e6).mismatch
    quiet = verdict(lambda t: 2.0 * t + 1e8, 2.0, 1e8)
    assert quiet.verified
    assert float(quiet.h) > 2.0**-6


@pytest.mark.parametrize(("slope", "size"), [(3.0, 2.0), (-0.5, 7.0)])
def test_the_bar_of_a_straight_line_is_the_round_off_of_its_numbers(slope: float, size: float) -> None:
    """32 ulps of |F| and of what the slope makes of the step there and back, over the smallest step."""
    h = 2.0**-6
    found = verdict(lambda t: slope * t, slope, size)
    assert float(found.error) == pytest.approx(
        32.0 * EPS * (size + 2.0 * h * abs(slope)) / (h / 4.0), rel=1e-12, abs=0.0
    )
    assert float(found.h) == h
    assert float(found.scale) == abs(slope)


def test_a_difference_over_a_step_of_one() -> None:
    bar = 64.0 * EPS * 8.0
    found = agreement(3.0, 3.0, 1.0, 8.0)
    assert found is not None
    assert found.verified
    assert float(found.error) == pytest.approx(bar, rel=1e-12, abs=0.0)
    assert (float(found.numeric), float(found.analytic), float(found.h)) == (3.0, 3.0, 1.0)
    assert agreement(3.0, 3.0 + 0.9 * bar, 1.0, 8.0) is not None
    assert agreement(3.0, 3.0 + 1.2 * bar, 1.0, 8.0) is None
    assert agreement(3.0, 3.0, bar * 1.01e6, 8.0) is not None
    assert agreement(3.0, 3.0, bar * 0.99e6, 8.0) is None  # a bar that earns no verdict
    assert agreement(math.nan, 3.0, 1.0, 8.0) is None


@pytest.mark.parametrize(("gap", "late"), [(3.9, False), (4.1, True)])
def test_late_is_what_passed_beyond_four_bars(gap: float, late: bool) -> None:
    one = np.ones(2)
    found = Verdict(np.array([VERIFIED, MISMATCH]), one * gap, np.array([0.0, -99.0]), one, one, one)
    assert found.late is late
    assert found.mismatch
    assert not Verdict(np.full(2, INCONCLUSIVE), one * 99.0, 0.0 * one, one, one, one).late
