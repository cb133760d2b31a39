"""The laws that an optimizer may claim, D1 to D10.

A false claim keeps the plugin out; a true one is a licence.
Tolerances allow for rounding only. Where a denominator's eps breaks an invariance in principle (Adam's 1e-8 against
gradients of size 0.1), the law is understood up to 1e-5.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import HyperparameterError
from minigrad.optim.hyperparameters import may_be_decay, role_of
from minigrad.optim.laws.landscape import landscape, tape
from minigrad.optim.laws.report import LawViolated
from minigrad.optim.laws.required import Check
from minigrad.optim.laws.rule_under_test import STEPS, RuleUnderTest, across, differ, show
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Need
from minigrad.optim.schedule import Schedule
from minigrad.optim.state import leaves

__all__ = ["DECLARED", "elementwise"]


def elementwise(s: RuleUnderTest, n: int) -> None:
    """D1: each coordinate goes its own way, so the vector may be cut into tiles."""
    if s.needs != Need.GRAD:
        raise LawViolated("the law is a licence to tile, for rules that need gradients and nothing else")
    steps = s.run_length - 2
    w, g = s.start(n), s.gradients(steps, n)
    g[1] -= w * (w @ g[1]) / (w @ w)  # across the weights, where projections set in
    together = s.runner(w)
    whole = [w, *s.iterates(together, tape(g), range(1, steps + 1))]
    apart = []
    for i in range(n):
        single = s.runner(w[i : i + 1])
        apart.append([w[i : i + 1], *s.iterates(single, tape(g[:, i : i + 1]), range(1, steps + 1))])
        for name, leaf in leaves(together.state).items():
            if isinstance(leaf, np.ndarray) and leaf.shape != w.shape:
                raise LawViolated(
                    f"state {name!r} has shape {leaf.shape} for {n} parameters: it cannot be cut into tiles"
                )
            if not isinstance(leaf, np.ndarray) and leaf != leaves(single.state)[name]:
                raise LawViolated(f"state {name!r} depends on how many parameters there are")
    # NumPy's vector loops and their tails may round transcendental functions differently in the last place.
    separate = np.concatenate([np.array(a) for a in apart], axis=1)
    differ(separate, np.array(whole), "each coordinate alone", rtol=1e-15, atol=1e-16)
    others = np.arange(n) != n // 2
    for wild, word in ((np.nan, "NaN"), (-1e6, "-1e6")):
        spoilt = g.copy()
        spoilt[1, n // 2] = wild
        with np.errstate(all="ignore"):
            after = s.run(w, tape(spoilt), steps)
        differ(after[:, others], np.array(whole)[:, others], f"{word} in coordinate {n // 2} at step 2 spread")


def translation(s: RuleUnderTest, n: int) -> None:
    """D2: it makes no difference where the origin is."""
    ground = s.ground(n)
    w = s.start(n)
    shift = np.round(s.start(n + 1)[1:] * 64.0) / 16.0
    moved = s.run(w + shift, ground.shifted(shift).environment(s.needs), STEPS) - shift
    differ(moved, s.plain(n), "origin shifted", rtol=_slack(s, 1e-9), atol=_slack(s, 1e-11))
    if s.needs == Need.GRAD:
        g = np.array([across(g, w) for g in s.gradients(3, n)])
        here, there = s.run(w, tape(g), 3), s.run(w + shift, tape(g), 3) - shift
        differ(there, here, "origin shifted, gradients across the weights", rtol=1e-9, atol=1e-11)


def negation(s: RuleUnderTest, n: int) -> None:
    """D3: mirroring the function mirrors the path."""
    ground = s.ground(n)
    w = s.start(n)
    mirrored = -s.run(-w, ground.mapped(-np.eye(n)).environment(s.needs), STEPS)
    differ(mirrored, s.plain(n), "mirrored", rtol=1e-11, atol=1e-13)


def scale_invariant(s: RuleUnderTest, n: int) -> None:
    """D4: 1024 f leads along the same path as f."""
    ground = s.ground(n)
    w = s.start(n)
    plain = s.plain(n)
    steeper = s.run(w, ground.scaled(1024.0).environment(s.needs), STEPS)
    differ(steeper, plain, "f multiplied by 1024", rtol=1e-5, atol=1e-5 * float(np.abs(plain - w).max()))


def homogeneous(s: RuleUnderTest, n: int) -> None:
    """D5: gradients 1024 times as large make steps 1024 times as large."""
    if s.needs != Need.GRAD:
        raise LawViolated("the law is about sequences of gradients, and this rule needs more")
    w, g = s.start(n), s.gradients(STEPS, n)
    small, large = s.run(w, tape(g), STEPS) - w, s.run(w, tape(1024.0 * g), STEPS) - w
    size = float(np.abs(small).max()) + float(np.abs(w).max())
    differ(large / 1024.0, small, "gradients multiplied by 1024", rtol=1e-9, atol=1e-12 * size)


class _Jump(Schedule):
    """From 0.5 to 0.95 at t = 3."""

    def __call__(self, t: int) -> float:
        return 0.5 if t < 3 else 0.95


def constant_step(s: RuleUnderTest, n: int) -> None:
    """D6: a constant gradient makes constant steps, also while decay rates are scheduled."""
    if s.needs != Need.GRAD:
        raise LawViolated("the law is about sequences of gradients, and this rule needs more")
    steps = 10
    g = np.repeat(s.gradients(1, n), steps, axis=0)
    decays = [name for name, field in s.fields.items() if may_be_decay(field) and _acts_as_decay(s, name, g)]
    scheduled: dict[str, Schedule] = {name: _Jump() for name in decays}
    for schedules, what in (({}, "constant gradient"), (scheduled, f"{' and '.join(decays)} from 0.5 to 0.95 at t=3")):
        if schedules or what == "constant gradient":
            path = s.run(np.zeros(n), tape(g), steps, schedules=schedules)
            lengths = np.diff(path, axis=0, prepend=path[:1])
            steady = np.repeat(lengths[1:2], steps + 1, axis=0)
            differ(lengths[1:], steady[1:], f"length of each step, {what}", 1e-10, since=1)


def _acts_as_decay(s: RuleUnderTest, name: str, g: Array) -> bool:
    """Tell whether a field is a decay rate.

    It is declared as one, or has no say in the steps along a constant gradient.
    """
    if role_of(s.fields[name]) == "decay":
        return True
    try:
        low, high = (s.run(np.zeros(g.shape[1]), tape(g), 3, s.rule(**{name: value})) for value in (0.5, 0.95))
    except HyperparameterError:
        return False
    return bool(np.allclose(low, high, rtol=1e-8, atol=0.0))


def affine(s: RuleUnderTest, n: int) -> None:
    """D7: any change of coordinates x = T y + c changes the path in the same way."""
    ground = s.ground(n)
    rng = np.random.default_rng([s.seed, n, 3])
    t = np.eye(n) + 0.3 * rng.standard_normal((n, n)) / np.sqrt(n)
    w = s.start(n)
    mapped = s.run(np.linalg.solve(t, w - 0.5), ground.mapped(t, np.full(n, 0.5)).environment(s.needs), STEPS)
    straight = s.plain(n)
    differ(mapped @ t.T + 0.5, straight, "in other coordinates x = T y + c", rtol=1e-7, atol=1e-9)


def one_step_quadratic(s: RuleUnderTest, n: int) -> None:
    """D8: the first step ends at the minimum of a quadratic."""
    ground = landscape(n, s.seed, quartic=0.0)
    path = s.run(s.start(n), ground.environment(s.needs), 1)
    differ(path[1:], ground.minimum()[None], "minimum of a quadratic", rtol=1e-9, atol=1e-11, since=1)


def monotone(s: RuleUnderTest, n: int) -> None:
    """D9: f never rises, on a convex function and on Rosenbrock's."""
    if not s.needs & (Need.VALUE | Need.RESIDUAL):
        raise LawViolated("a rule that never looks at the value of f cannot promise it")
    ground = s.ground(n)
    _never_rises([ground.value(w) for w in s.run(s.start(n), ground.environment(s.needs), 12)], "a convex function")
    start = np.array([-1.2, 1.0])
    _never_rises([_rosenbrock(w) for w in s.run(start, lambda w, t: _valley(w), 12)], "Rosenbrock's function")


def orthogonal(s: RuleUnderTest, n: int) -> None:
    """D10: rotated coordinates, rotated path."""
    ground = s.ground(n)
    q, _ = np.linalg.qr(np.random.default_rng([s.seed, n, 4]).standard_normal((n, n)))
    w = s.start(n)
    rotated = s.run(q.T @ w, ground.mapped(q).environment(s.needs), STEPS)
    differ(rotated @ q.T, s.plain(n), "rotated", rtol=_slack(s, 1e-8), atol=_slack(s, 1e-10))


DECLARED: dict[str, tuple[str, str, Check]] = {
    "elementwise": ("D1", "each coordinate goes its own way", elementwise),
    "translation": ("D2", "the origin makes no difference", translation),
    "negation": ("D3", "mirrored function, mirrored path", negation),
    "scale-invariant": ("D4", "1024 f has the same path as f", scale_invariant),
    "homogeneous": ("D5", "1024 times the gradients, 1024 times the steps", homogeneous),
    "constant-step": ("D6", "constant gradient, constant steps, under scheduled decay too", constant_step),
    "affine": ("D7", "the same path in any affine coordinates", affine),
    "one-step-quadratic": ("D8", "one step to the minimum of a quadratic", one_step_quadratic),
    "monotone": ("D9", "f never rises", monotone),
    "orthogonal": ("D10", "rotated function, rotated path", orthogonal),
}


def _slack(s: RuleUnderTest, tolerance: float) -> float:
    """Rules that compare values of f know the minimum to the square root of rounding only."""
    return 1e-6 if Need.VALUE in s.needs else tolerance


def _never_rises(values: list[float], what: str) -> None:
    for t, (before, after) in enumerate(pairwise(values), start=1):
        if not after <= before + 1e-14 * abs(before):
            raise LawViolated(f"on {what}, step {t} raises f from {show(before)} to {show(after)}")


def _rosenbrock(w: Array) -> float:
    return float((1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] ** 2) ** 2)


def _valley(w: Array) -> Objective:
    def grad(x: Array) -> Array:
        u = x[1] - x[0] ** 2
        return np.array([-2.0 * (1.0 - x[0]) - 400.0 * x[0] * u, 200.0 * u])

    def hessian(x: Array) -> Array:
        return np.array([[2.0 - 400.0 * (x[1] - 3.0 * x[0] ** 2), -400.0 * x[0]], [-400.0 * x[0], 200.0]])

    def residual(x: Array) -> Array:
        r: Array = 2.0**0.5 * np.array([1.0 - x[0], 10.0 * (x[1] - x[0] ** 2)])
        return r

    def jacobian(x: Array) -> Array:
        j: Array = 2.0**0.5 * np.array([[-1.0, 0.0], [-20.0 * x[0], 10.0]])
        return j

    value: Callable[[Array], float] = _rosenbrock
    return Objective.of(
        w,
        grad,
        value=value,
        hvp=lambda x, v: hessian(x) @ v,
        hessian=hessian,
        residual=residual,
        jacobian=jacobian,
    )
