"""Third order: what a rule gives, differentiated twice, against differences.

A rule that keeps a statistic as a constant can be right at second order at the one point where the statistic was
taken, and lose the third derivative; what the tape promises is gradients of any order.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from minigrad.core.backward import gradients
from minigrad.core.errors import GradientMismatch, RegistrationError
from minigrad.core.mode import mode_override
from minigrad.core.rules import argument_positions, call_rule, unbroadcast
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.verify.checks.projection import directions, longest_step, stepped
from minigrad.verify.declare import declaration_of
from minigrad.verify.finite_differences import compare, drowned
from minigrad.verify.refusal import CheckCase, refuse, told_apart
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, natural_scale

_SHORT = 2.0**-12
"""Step of the difference that lost derivatives are looked for with first."""

_NEAR = 1e-4
_TINY = 0.25


def check_third_order(subject: OpUnderTest, examined: Iterable[EvaluatedCase], rng: SeededRandom) -> int:
    """Refuse a rule whose third derivatives are wrong; returns how many cases were compared.

    Only a contradiction counts: where second derivatives jump, or drown in round-off, nothing is decided.
    """
    compared = 0
    for e in examined:
        if subject.op.claims.piecewise_constant or declaration_of(subject.op).samples is not None or not e.grads:
            continue
        if all(np.isfinite(g).all() for g in e.grads.values()):
            _compare(subject, subject.run(e.case, rng), rng)
            compared += 1
            if subject.is_entrywise:  # beside 2 / x^3 at a tiny x the others drown
                usual = np.all([np.abs(a) >= _TINY for a in e.case.arrays], axis=0)
                if usual.any():
                    case = e.case.on(tuple(frozen(a[usual]) for a in e.case.arrays))
                    _compare(subject, subject.run(case, rng), rng)
    return compared


def _compare(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom) -> None:
    case = e.case
    w = {i: rng.signed_magnitudes(g.shape) for i, g in e.grads.items()}
    second = {i: rng.signed_magnitudes(g.shape) for i, g in e.grads.items()}
    u = directions(subject.op, case, rng, list(e.grads))

    def phi(steps: Array) -> Array:
        values = []
        for t in steps.ravel():
            try:
                moved = case.on(tuple(frozen(np.asarray(a)) for a in stepped(case, u, float(t))))
                dx = _second(subject, moved, e.cotangents, w, second)[0]
                values.append(sum(float(np.sum(second[i] * d)) for i, d in dx.items()))
            except RegistrationError:
                raise
            except Exception:
                values.append(np.nan)  # off the domain
        return np.array(values).reshape(steps.shape)

    dx, third = _second(subject, case, e.cotangents, w, second)
    terms = [third[i] * u[i] for i in third]
    analytic = sum(float(np.sum(t)) for t in terms)
    weights = sum(float(np.sum(np.abs(t))) for t in terms)
    at_zero = sum(float(np.sum(second[i] * d)) for i, d in dx.items())
    roundoff = sum(float(np.sum(np.abs(second[i] * d))) for i, d in dx.items())
    roundoff += sum(float(np.sum(np.abs(t * case.arrays[i]))) for i, t in third.items())
    ahead, behind = phi(np.array([_SHORT, -_SHORT]))
    gap = abs((ahead - behind) / (2.0 * _SHORT) - analytic)
    if gap <= _NEAR * weights + drowned(roundoff, _SHORT) or not np.isfinite(analytic):
        return
    verdict = compare(
        phi, np.array(at_zero), np.array(analytic), np.array(weights), np.array(roundoff),
        natural=lambda: natural_scale(case, e.cotangents, u), longest=longest_step(subject.op), far=True,
    )  # fmt: skip
    if verdict.mismatch and abs(float(verdict.analytic) - float(verdict.numeric)) > _NEAR * float(verdict.scale):
        raise _wrong_third_derivative(subject, case, float(verdict.analytic), float(verdict.numeric))


def _wrong_third_derivative(
    subject: OpUnderTest, case: CheckCase, analytic: float, numeric: float
) -> RegistrationError:
    given, due = told_apart(analytic, numeric)
    return refuse(
        GradientMismatch, subject.op,
        "its rule and the gradient of it are right, but the gradient of that is not: a third derivative would be wrong "
        f"(differentiating twice gives {given}, differences {due})",
        case=case, remedy="keep no statistic of the arguments as a constant: compute it from them with library ops",
    )  # fmt: skip


def _second(
    subject: OpUnderTest, case: CheckCase, v: tuple[Array, ...], w: dict[int, Array], second: dict[int, Array]
) -> tuple[dict[int, Array], dict[int, Array]]:
    """Derivatives of <w, rule>, and the gradient of <second, these>, through the tape."""
    op = subject.op
    with mode_override(grad=True):
        xs = tuple(Tensor(a, requires_grad=True) if i in w else a for i, a in enumerate(case.arrays))
        gs = tuple(Tensor(c) for c in v)
        y: object = op.apply(*xs, **case.kwargs)
        g: object = gs if subject.several else gs[0]
        loss: list[Tensor] = []
        seeds: list[Array] = []
        for rule in op.rules:
            indices = argument_positions(rule, len(xs))
            if not set(indices) & set(w):
                continue
            for i, r in zip(indices, call_rule(op, rule, g, y, xs, case.kwargs), strict=True):
                if i in w:
                    conformed = unbroadcast(op, subject.name(i), r, case.arrays[i])
                    assert isinstance(conformed, Tensor)
                    loss.append(conformed)
                    seeds.append(w[i])
        targets = [x for i, x in enumerate(xs) if i in w and isinstance(x, Tensor)]
        first = gradients(loss, seeds, targets, create_graph=True)
        known = [(i, d, x) for i, d, x in zip(w, first, targets, strict=True) if isinstance(d, Tensor)]
        last = gradients([d for _, d, _ in known], [second[i] for i, _, _ in known], targets, create_graph=False)
    dx = {i: np.asarray(d.data) for i, d, _ in known}
    last_derivatives = {i: np.asarray(d) for i, d in zip(w, last, strict=True) if d is not None}
    return dx, last_derivatives
