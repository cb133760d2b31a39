"""Gradients at corners: a mixture of the derivatives on all sides.

At a smooth point both sides agree, and so must the gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from minigrad.core.errors import GradientMismatch, RegistrationError
from minigrad.core.types import Array, BoolArray
from minigrad.verify.checks.neighbours import slopes_of_pieces
from minigrad.verify.checks.projection import directions, stepped
from minigrad.verify.declare import declaration_of
from minigrad.verify.finite_differences import EPS, FIRST_STEP, measured_noise, one_sided
from minigrad.verify.refusal import WorstEntry, refuse, told_apart
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, natural_scale

_SMOOTH = 0.02
"""Share by which the slopes on both sides of a smooth point may differ."""

_ARRIVED = 0.9
"""Share of its distance that a contradicted rule keeps from step to step."""

_STEEPENING = 1.25
"""Factor by which a slope grows from step to step where there is none."""

_NOTHING = 16.0
"""Error bars up to which slopes are none that could grow."""

_SPARE = 1e-6
"""Share of the slopes around a corner that differences of them may be off."""

_STEPS = (FIRST_STEP, FIRST_STEP / 16.0, FIRST_STEP / 256.0)


def check_between(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom) -> None:
    """Refuse gradients that lie outside of the one-sided derivatives."""
    u = directions(subject.op, e.case, rng, list(e.grads))
    for i in u:  # where numbers are 0, directions relative to them would be 0 as well
        u[i] = np.where(e.case.arrays[i] == 0.0, rng.signed_magnitudes(u[i].shape), u[i])
    refuse_outside(subject, e, u, rng)


def _is_smooth(low: Array, high: Array, was: tuple[Array, Array], bar: Array) -> BoolArray:
    """Whether both sides have about one slope, and had it at the step before.

    A gradient that is not a number is then the rule's fault. At the corner of an array, as of a standard deviation of
    equal numbers, it can be its author's choice of a domain; at a number, as at 0 for |x|, it is none.
    """
    size = np.abs(low) + np.abs(high)
    steady = ~np.isfinite(was[0]) | (np.abs(low - was[0]) + np.abs(high - was[1]) <= _SMOOTH * size + 4.0 * bar)
    smooth: BoolArray = (high - low <= _SMOOTH * size + 4.0 * bar) & steady
    return smooth


def refuse_outside(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], rng: SeededRandom) -> None:
    """Refuse a gradient along `u` that is none of the function's at this point."""
    case, outputs, v, grads = e.case, e.outputs, e.cotangents, e.grads
    elementwise = subject.op.claims.elementwise and all(a.shape == outputs[0].shape for a in case.arrays)

    def phi(steps: Array) -> Array:
        if elementwise and outputs[0].ndim == 1:
            return v[0] * subject.evaluate(case, stepped(case, u, steps[:, None]))[0]
        values = []
        for t in steps:
            y = subject.evaluate(case, stepped(case, u, float(t)))
            values.append(np.concatenate([(w * o).ravel() for w, o in zip(v, y, strict=True) if o.dtype.kind == "f"]))
        return np.array(values)

    at_zero = np.concatenate([(w * o).ravel() for w, o in zip(v, outputs, strict=True) if o.dtype.kind == "f"])
    # A gradient that is not finite must meet a finite bar, or it would excuse itself.
    weights = [
        np.where(np.isfinite(grads[i]), np.abs(grads[i]), 0.0) * (np.abs(u[i]) + np.abs(case.arrays[i])) for i in u
    ]
    scale = (
        sum(weights, np.zeros(case.arrays[0].shape)).ravel() if elementwise else sum(float(w.sum()) for w in weights)
    )
    slack = np.abs(at_zero) + scale + natural_scale(case, v, u)
    if elementwise:
        analytic = sum((grads[i] * u[i] for i in u), np.zeros(case.arrays[0].shape)).ravel()
    else:
        analytic = np.array([sum(float(np.sum(grads[i] * u[i])) for i in u)])
    outside = np.ones(analytic.shape, dtype=bool)
    declared = bool(declaration_of(subject.op).kinks)
    noise_known = False
    before = np.full(analytic.shape, -np.inf)
    was = (before, before)
    sizes: list[Array] = []
    # Another corner inside the stencil falsifies the slopes: a contradiction must survive smaller steps.
    for h in _STEPS:
        left, right, bar = one_sided(phi, at_zero, h, slack)
        low, high = np.minimum(left, right) - bar, np.maximum(left, right) + bar
        if not elementwise:
            low, high = np.array([low.sum()]), np.array([high.sum()])
        slopes_exist = np.isfinite(low) & np.isfinite(high)
        outside &= slopes_exist & ~((analytic >= low) & (analytic <= high))
        # Slopes that come nearer with every step, as those of |x|^1.4 at 0 do, have not arrived.
        distance = np.maximum(low - analytic, analytic - high)
        outside &= ~(distance < _ARRIVED * before)
        told = np.isfinite(analytic) | declared | (elementwise & np.isnan(analytic))
        outside &= told | _is_smooth(low, high, was, np.asarray(np.max(bar)))
        bars = bar if elementwise else np.array([bar.sum()])
        sizes.append(np.maximum(np.abs(low) + np.abs(high) - _NOTHING * bars, 0.0))
        before, was = distance, (low, high)
        if not outside.any():
            break
        if not noise_known:  # the bar rested on a model of the round-off: measure it before accusing
            noise_known = True
            slack = slack + measured_noise(lambda t: phi(t + FIRST_STEP / 4.0), ()) / EPS  # off the corner itself
    if outside.any():
        # Slopes that grow by as much with every step, as those of |x|^(2/3) do at 0, end nowhere.
        outside &= ~np.all([b > _STEEPENING * a for a, b in pairwise(sizes)], axis=0)
    if outside.any():
        least, most = slopes_of_pieces(subject, e, u, rng)
        if not elementwise:
            least, most = np.array([least.sum()]), np.array([most.sum()])
        size = np.abs(least) + np.abs(most)
        spare = _SPARE * size
        if not (elementwise or declared):  # the tip of a cone is smooth along each line through it
            outside &= ~(np.isnan(analytic) & (most - least > _SMOOTH * size))
        outside &= ~((analytic >= np.minimum(low, least - spare)) & (analytic <= np.maximum(high, most + spare)))
    if outside.any():
        furthest = np.where(outside, np.nan_to_num(distance, nan=np.inf), 0.0)
        raise _outside(subject, e, u, analytic, low, high, int(np.argmax(furthest)))


def _outside(
    subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], analytic: Array, low: Array, high: Array, k: int
) -> RegistrationError:
    """The refusal of a gradient outside of what there is on both sides, worst at entry `k`."""
    entrywise = subject.op.claims.elementwise and analytic.size > 1
    nearest = float(low[k] if analytic[k] < low[k] else high[k])
    left, right = f"{float(low[k]):.8g}", f"{float(high[k]):.8g}"
    given = told_apart(float(analytic[k]), nearest)[0]
    what = e.case.label.split(" (")[0]
    if np.isnan(analytic[k]):
        problem = f"{what}, it gives NaN where the function has one-sided derivatives [{left}, {right}]"
    else:
        problem = f"{what}, its directional derivative {given} lies outside the one-sided derivatives [{left}, {right}]"
    i = next(iter(u))
    x = e.case.arrays[i].ravel()
    return refuse(
        GradientMismatch, subject.op, problem, case=e.case, argument=", ".join(subject.name(j) for j in u),
        worst=WorstEntry(subject.name(i), (k,), float(x[k]), float(analytic[k]), nearest, 0.0) if entrywise else None,
        remedy="at a corner any mixture of the two sides is right (ties share one gradient); "
        "elsewhere nothing may be divided by a number that can be 0",
    )  # fmt: skip
