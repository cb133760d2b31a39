"""What hyperparameters accept and say, the defaults of the reference, and schedules written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import attrs
import numpy as np
import pytest

from minigrad.optim import (
    Chain,
    ClipAdaptive,
    ClipNorm,
    ClipValue,
    Constant,
    Cosine,
    Ema,
    Exponential,
    HyperparameterError,
    InverseTime,
    Linear,
    LookAhead,
    OneCycle,
    Piecewise,
    ReduceOnPlateau,
    Stair,
    Swa,
    WarmUp,
    choice,
    count,
    decay,
    flag,
    number,
    share,
)
from minigrad.optim.hyperparameters import may_be_decay, range_of, role_of, words_of
from minigrad.optim.schedule import Following

INF, NAN = math.inf, math.nan


# -- fields ------------------------------------------------------------------------------------------------------------
@attrs.frozen
class Fields:
    """One of each kind."""

    free: float = number(0.5)
    closed: float = number(0.5, ge=0.25, le=0.75)
    open: float = number(0.5, gt=0.25, lt=0.75)
    fading: float = decay(0.9)
    part: float = share(0.5)
    several: int = count(3, ge=2)
    any_count: int = count(0)
    switch: bool = flag(False)
    word: str = choice("a", ("a", "b"))


UP, DOWN = float(np.nextafter(0.75, 1.0)), float(np.nextafter(0.25, 0.0))
TAKEN: dict[str, tuple[list[Any], list[Any], str]] = {
    "free": ([-1e300, 0, 7, np.float32(0.5), np.int64(3)], [NAN, INF, -INF, True, "1", None, 10**400, -(10**400), 1j],
             "a finite number"),
    "closed": ([0.25, 0.75], [DOWN, UP], "a finite number >= 0.25 and <= 0.75"),
    "open": ([0.3, 0.7], [0.25, 0.75], "a finite number > 0.25 and < 0.75"),
    "fading": ([0.0, 0.999], [-1e-9, 1.0], "a finite number >= 0 and < 1"),
    "part": ([0.0, 1.0], [-1e-9, 1.001], "a finite number >= 0 and <= 1"),
    "several": ([2, 9, np.int32(2)], [1, 2.0, True, "2", None], "an integer >= 2"),
    "any_count": ([0], [-1, False], "an integer >= 0"),
    "switch": ([True, False, np.True_], [1, 0, None, "yes"], "True or False"),
    "word": (["b"], ["c", "", None], "one of 'a', 'b'"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_a_field_takes_what_it_says(name: str) -> None:
    good, bad, words = TAKEN[name]
    assert range_of(attrs.fields_dict(Fields)[name]) == words
    for value in good:
        now = getattr(Fields(**{name: value}), name)
        assert now == value
        assert type(now) is type(getattr(Fields(), name))
    for value in bad:
        with pytest.raises(HyperparameterError) as error:
            Fields(**{name: value})
        shown = {10**400: "inf", -(10**400): "-inf"}.get(value, repr(value)) if isinstance(value, int) else repr(value)
        assert str(error.value).startswith(f"Fields.{name} must be {words}, got {shown}")


def test_fields_tell_what_they_are_for() -> None:
    fields = attrs.fields_dict(Fields)
    assert {n: role_of(f) for n, f in fields.items() if role_of(f)} == {"fading": "decay", "part": "share"}
    assert [n for n, f in fields.items() if may_be_decay(f)] == ["closed", "open", "fading"]
    assert {n: words_of(f) for n, f in fields.items() if words_of(f)} == {"word": ("a", "b")}
    (other,) = attrs.fields(attrs.make_class("Other", {"x": attrs.field(default=0.5)}))
    assert (range_of(other), role_of(other), words_of(other), may_be_decay(other)) == ("", "", (), False)
    with pytest.raises(HyperparameterError, match=r"or a Schedule such as minigrad.optim.Cosine \(a class of your own"):
        Fields(free=cast(float, abs))
    with pytest.raises(HyperparameterError) as plain:
        Fields(several=cast(int, abs))
    assert "Schedule" not in str(plain.value)
    with pytest.raises(HyperparameterError) as long:
        Fields(word="x" * 500)
    assert len(str(long.value)) < 150


DEFAULTS: dict[type, dict[str, Any]] = {
    Constant: {"value": 0.0}, Linear: {"initial": 1.0, "final": 0.0, "steps": 1},
    Stair: {"initial": 1.0, "factor": 0.5, "every": 1}, Exponential: {"initial": 1.0, "factor": 0.99},
    InverseTime: {"initial": 1.0, "decay": 0.0}, Cosine: {"initial": 1.0, "steps": 1, "final": 0.0},
    OneCycle: {"peak": 1.0, "steps": 100, "up": 0.3, "divide": 25.0, "finish": 1e4},
    ReduceOnPlateau: {"initial": 1.0, "factor": 0.1, "patience": 10, "threshold": 1e-4, "cooldown": 0, "least": 0.0},
    ClipValue: {"bound": 1.0}, ClipNorm: {"bound": 1.0}, ClipAdaptive: {"ratio": 0.01, "floor": 0.001},
    Ema: {"rate": 0.999, "start": 1, "every": 1}, Swa: {"start": 1, "every": 1}, LookAhead: {"every": 5, "pull": 0.5},
}  # fmt: skip
"""As the reference has them: other libraries' defaults, and those of the papers."""
LEAST: list[tuple[Callable[..., Any], str, Any, Any]] = [
    (Linear, "steps", 1, 0), (Stair, "every", 1, 0), (Stair, "factor", 0.0, -0.1), (Exponential, "factor", 0.0, -0.1),
    (InverseTime, "decay", 0.0, -0.1), (Cosine, "steps", 1, 0), (OneCycle, "steps", 2, 1), (OneCycle, "up", 0.01, 0.0),
    (OneCycle, "up", 0.99, 1.0), (OneCycle, "divide", 0.1, 0.0), (OneCycle, "finish", 0.1, 0.0),
    (ReduceOnPlateau, "initial", 0.0, -1.0), (ReduceOnPlateau, "factor", 0.01, 0.0),
    (ReduceOnPlateau, "factor", 0.99, 1.0), (ReduceOnPlateau, "patience", 0, -1),
    (ReduceOnPlateau, "threshold", 0.0, -0.1), (ReduceOnPlateau, "threshold", 0.9, 1.0),
    (ReduceOnPlateau, "cooldown", 0, -1), (ReduceOnPlateau, "least", 0.0, -0.1), (ClipValue, "bound", 0.1, 0.0),
    (ClipNorm, "bound", 0.1, 0.0), (ClipAdaptive, "ratio", 0.1, 0.0), (ClipAdaptive, "floor", 0.1, 0.0),
    (Ema, "rate", 0.0, -0.1), (Ema, "rate", 0.9, 1.0), (Ema, "start", 1, 0), (Ema, "every", 1, 0), (Swa, "start", 1, 0),
    (Swa, "every", 1, 0), (LookAhead, "every", 1, 0), (LookAhead, "pull", 0.1, 0.0), (LookAhead, "pull", 1.0, 1.1),
]  # fmt: skip


@pytest.mark.parametrize("cls", DEFAULTS, ids=lambda c: c.__name__)
def test_defaults_are_those_of_the_reference(cls: type) -> None:
    assert attrs.asdict(cls()) == DEFAULTS[cls]
    for make, name, good, bad in (row for row in LEAST if row[0] is cls):
        assert getattr(make(**{name: good}), name) == good
        with pytest.raises(HyperparameterError, match=f"{cls.__name__}.{name}"):
            make(**{name: bad})


# -- schedules, written out --------------------------------------------------------------------------------------------
def cosine(a: float, b: float, share: float) -> float:
    """Half a cosine from `a` to `b`."""
    return b + (a - b) * (1.0 + math.cos(math.pi * share)) / 2.0


def one_cycle(t: int) -> float:
    low, peak, end, turn = 0.04, 1.0, 4e-6, 2.0
    at = min(t, 10) - 1
    return cosine(low, peak, at / turn) if at <= turn else cosine(peak, end, (at - turn) / (9.0 - turn))


FORMULAS: list[tuple[Any, Callable[[int], float]]] = [
    (Constant(0.3), lambda t: 0.3),
    (Linear(2.0, 0.5, 4), lambda t: 2.0 - 0.375 * min(t - 1, 4)),
    (Stair(2.0, 0.5, 3), lambda t: 2.0 * 0.5 ** ((t - 1) // 3)),
    (Exponential(2.0, 0.9), lambda t: 2.0 * 0.9 ** (t - 1)),
    (InverseTime(2.0, 0.5), lambda t: 2.0 / (1.0 + 0.5 * (t - 1))),
    (Cosine(2.0, 5, 0.5), lambda t: cosine(2.0, 0.5, min((t - 1) / 5, 1.0))),
    (Piecewise((3, 6), (1.0, 0.5, 0.1)), lambda t: 1.0 if t < 3 else 0.5 if t < 6 else 0.1),
    (WarmUp(2.0, 3, start=0.1), lambda t: 2.0 * (0.1 + 0.9 * t / 4) if t <= 3 else 2.0),
    (WarmUp(Exponential(2.0, 0.5), 3), lambda t: 2.0 * t / 4 if t <= 3 else 2.0 * 0.5 ** (t - 4)),
    (OneCycle(1.0, 10), one_cycle),
    (OneCycle(1.0, 2, up=0.1), lambda t: cosine(1.0, 4e-6, (min(t, 2) - 1 + 0.8) / 1.8)),
    (Chain((Exponential(1.0, 0.5), 3.0, Linear(1.0, 0.0, 2)), (2, 3)),
     lambda t: 0.5 ** (t - 1) if t <= 2 else 3.0 if t <= 5 else max(1.0 - (t - 6) / 2, 0.0)),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "formula"), FORMULAS, ids=lambda v: type(v).__name__)
def test_schedules_are_their_formulas(schedule: Any, formula: Callable[[int], float]) -> None:
    expected = [formula(t) for t in range(1, 14)]
    np.testing.assert_allclose(schedule.values(13), expected, rtol=1e-13, atol=1e-18)
    assert schedule(7) == schedule.values(7)[-1]


_Piecewise: Any = Piecewise
_WarmUp: Any = WarmUp


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: _Piecewise((3, 3), (1.0, 2.0, 3.0)), r"increasing boundaries .* got \(3, 3\) and"),
        (lambda: _Piecewise((3,), (1.0,)), "one level more than boundaries"),
        (lambda: _Piecewise((3,), (1.0, INF)), "finite numbers, got"),
        (lambda: _Piecewise((3,), (1.0, "2")), "finite numbers, got"),
        (lambda: _Piecewise((3.0,), (1.0, 2.0)), "whole numbers, got"),
        (lambda: _Piecewise((True,), (1.0, 2.0)), "whole numbers, got"),
        (lambda: _Piecewise("3", (1.0, 2.0)), "several values here, such as .* got '3'"),
        (lambda: _Piecewise(3, (1.0, 2.0)), "several values here, such as .* got 3"),
        (
            lambda: Chain((1.0, 2.0), (0,)),
            r"positive length for each part but the last, got 2 parts and lengths \(0,\)",
        ),
        (lambda: Chain((1.0,), (1,)), "positive length for each part but the last"),
        (lambda: Chain((1.0, True), (1,)), "expected a Schedule of steps, or a number for a constant one, got True"),
        (lambda: _WarmUp(ReduceOnPlateau(), 3), "expected a Schedule of steps"),
        (lambda: _WarmUp("fast", 3), "expected a Schedule of steps, .* got 'fast'"),
    ],
)
def test_impossible_schedules_say_why(make: Callable[[], object], words: str) -> None:
    with pytest.raises(HyperparameterError, match=words):
        make()


def test_a_plateau_is_left_as_pytorch_leaves_it() -> None:
    """Patience, threshold, cooldown and least, at the reports where each decides."""
    following = Following(ReduceOnPlateau(1.0, 0.5, patience=1, threshold=0.1, cooldown=2, least=0.3))
    losses = [10.0, 9.5, 9.0, 9.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, -1.0, -1.05, -1.2, NAN, NAN, NAN]
    rates = []
    for loss in losses:
        following.report(loss)
        rates.append(following(1))
    # 9.5 and 9.0 are no fall by a tenth: the second of them reduces. Two reports rest, 8.0 falls within them.
    best, bad, wait, value = INF, 0, 0, 1.0
    expected = []
    for loss in losses:
        if loss < (best - 0.1 * abs(best) if math.isfinite(best) else best):
            best, bad = loss, 0
        else:
            bad += 1
        if wait:
            wait, bad = wait - 1, 0
        if bad > 1:
            bad, wait, value = 0, 2, max(0.5 * value, 0.3)
        expected.append(value)
    assert rates == expected
    assert min(rates) == 0.3
    assert ReduceOnPlateau(0.7)(99) == 0.7
    unlucky = Following(ReduceOnPlateau(1.0, 0.5, patience=1))
    values = []
    for _ in range(3):
        unlucky.report(NAN)
        values.append(unlucky(1))
    assert values == [1.0, 0.5, 0.5]
