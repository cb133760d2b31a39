"""Second order for elementwise ops, entry by entry: at zero, and far from and near to it.

In a sum over entries a wrong second derivative drowns beside large ones, and one corner leaves all undecided.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import GradientMismatch, RegistrationError
from minigrad.core.types import Array, BoolArray
from minigrad.verify.cases import draw
from minigrad.verify.checks.extreme_scales import sizes_to_try
from minigrad.verify.checks.projection import directions
from minigrad.verify.checks.second_order import differentiated
from minigrad.verify.checks.special_numbers import evaluated_if_possible
from minigrad.verify.declare import declaration_of
from minigrad.verify.finite_differences import EPS, MISMATCH, Verdict, compare
from minigrad.verify.refusal import CheckCase, refuse, worst_entry
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, raised_by_rule

_MOST = 1e100
_ZEROS = 8
_SETTLED = 1e-3
"""Share of a gradient that the last digits of the output may change."""


def check_second_order_by_entry(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> int:
    """Compare second derivatives where an argument is 0, tiny or large."""
    checks = 0
    for i in examined.grads:
        domain = declaration_of(subject.op).domain(i)
        if domain is None:
            continue
        places = [("far from and near to zero", sizes_to_try(domain, rng))]
        if domain.contains_zero:
            places.append(("0", np.zeros(_ZEROS)))
        for label, x in places:
            if not x.size:
                continue
            arrays = list(draw(subject.op, rng, (x.shape,) * len(examined.case.arrays)))
            arrays[i] = frozen(x)
            case = CheckCase(
                tuple(arrays), examined.case.kwargs, f"second order, {subject.name(i)} {label}", examined.case.seed
            )
            checks += _check(subject, case, i, rng)
    return checks


def _check(subject: OpUnderTest, case: CheckCase, index: int, rng: SeededRandom) -> int:
    usable = _usable(subject, case, rng)
    if not usable.any():
        return 0
    case = case.on(tuple(frozen(a[usable]) for a in case.arrays))
    e = evaluated_if_possible(subject, case, rng)
    if e is None:
        return 0
    verdict = _compare(subject, e, rng)
    if verdict.mismatch:
        name = subject.name(index)
        bad = verdict.state == MISMATCH
        analytic, numeric = (np.where(bad, a, 0.0) for a in (verdict.analytic, verdict.numeric))
        raise refuse(
            GradientMismatch, subject.op,
            "its rule is right, but the gradient of the rule is not: a second derivative would be wrong",
            case=case, argument=name,
            worst=worst_entry(name, case.arrays[index], analytic, numeric, np.where(bad, verdict.error, 1.0)),
            remedy="no special case in the rule that is a constant there, and no branch that drops to raw arrays",
        )  # fmt: skip
    return 1


def _usable(subject: OpUnderTest, case: CheckCase, rng: SeededRandom) -> BoolArray:
    """Entries at which output and gradients are numbers that differences can be taken of.

    Where y rounds to 1, a rule that multiplies by 1 - y gives round-off: the last digits of y decide what it gives.
    """
    try:
        outputs = subject.forward(case)
        e = subject.run(case, rng, outputs)
        shorter = tuple(frozen(np.asarray(o * (1.0 - 2.0 * EPS))) for o in outputs)
        other = subject.answer(case, shorter, e.cotangents).grads
    except RegistrationError as error:
        if not raised_by_rule(error):
            raise
        return np.zeros(0, dtype=bool)
    except Exception:  # numbers that the op refuses
        return np.zeros(0, dtype=bool)
    held = np.ones(case.arrays[0].shape, dtype=bool)
    for a in (*outputs, *e.grads.values()):
        held &= np.abs(a) < _MOST
    for i, g in e.grads.items():
        held &= np.abs(other[i] - g) <= _SETTLED * np.abs(g)
    return held


def _compare(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom) -> Verdict:
    case, v = e.case, e.cotangents[0]
    w = {i: rng.signed_magnitudes(g.shape) for i, g in e.grads.items()}
    u = directions(subject.op, case, rng, list(e.grads))
    u = {i: np.where(case.arrays[i] == 0.0, rng.signed_magnitudes(d.shape), d) for i, d in u.items()}
    q = rng.signed_magnitudes(v.shape)

    def phi(steps: Array) -> Array:
        rows = []
        for t in steps.reshape(len(steps), *np.broadcast_shapes(steps.shape[1:], v.shape)):
            moved = case.on(tuple(frozen(a + t * u[i]) if i in u else a for i, a in enumerate(case.arrays)))
            r = subject.pull(moved, subject.forward(moved), (frozen(v + t * q),))
            rows.append(sum((w[i] * r[i] for i in w), np.zeros(v.shape)))
        return np.array(rows)

    dx, dv = differentiated(subject, e, w)
    terms = [dx[i] * u[i] for i in u] + [d * q for d in dv if d is not None]
    zero = np.zeros(v.shape)
    at_zero = sum((w[i] * e.grads[i] for i in w), zero)
    weights = sum((np.abs(t) for t in terms), zero)
    roundoff = sum((np.abs(w[i] * e.grads[i]) for i in w), zero)
    roundoff = roundoff + sum((np.abs(dx[i] * case.arrays[i]) for i in u), zero)
    largest = np.max(np.abs([case.arrays[i] for i in u]), axis=0)
    return compare(
        phi, at_zero, sum(terms, zero), weights, roundoff, natural=lambda: np.abs(v) * largest, far=True,
        floor=np.abs(v),
    )  # fmt: skip
