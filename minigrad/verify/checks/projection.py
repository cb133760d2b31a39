"""Differences along one direction of a whole case.

Where these are taken, what the rules give along it, and what the round-off scales with.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.verify.declare import declaration_of
from minigrad.verify.domains import real
from minigrad.verify.finite_differences import EPS, Phi, Verdict, compare
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, natural_scale

_SHORT = 2.0**-12
_NEAR = 2e-7
_SILENT = 1e-8
"""Share of sum |g u| that round-off may have in one difference that acquits."""

_LONGEST_MATRIX_STEP = 2.0**-5


def directions(op: Op, case: CheckCase, rng: SeededRandom, indices: list[int]) -> dict[int, Array]:
    """A random direction for each differentiable argument, inside its domain."""
    u = {}
    for i in indices:
        domain = declaration_of(op).domain(i) or real()
        u[i] = domain.direction(rng, case.arrays[i])
    return u


def longest_step(op: Op) -> float:
    """The largest step that no domain of `op` is left with."""
    return _LONGEST_MATRIX_STEP if any(d is not None and d.matrix for d in declaration_of(op).domains) else 0.5


def stepped(case: CheckCase, u: Mapping[int, Array], t: float | Array) -> tuple[Array, ...]:
    """Arguments of the case moved by t along u."""
    return tuple(np.asarray(a + t * u[i]) if i in u else a for i, a in enumerate(case.arrays))


def absolute(a: Array, b: Array) -> float:
    """sum |a b|."""
    return float(np.vdot(np.abs(a), np.abs(b)))


def projected(v: tuple[Array, ...], outputs: tuple[Array, ...]) -> float:
    """<v, outputs> over the real outputs."""
    return sum(float(np.vdot(w, o)) for w, o in zip(v, outputs, strict=True) if o.dtype.kind == "f")


def line(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array]) -> Phi:
    """F(t) = <v, f(x + t u)>."""

    def phi(steps: Array) -> Array:
        values = []
        for t in steps.ravel():
            try:
                values.append(projected(e.cotangents, subject.evaluate(e.case, stepped(e.case, u, float(t)))))
            except (RegistrationError, MemoryError):
                raise
            except Exception:
                values.append(np.nan)  # off the domain: the step shrinks, and the case is never skipped
        return np.array(values).reshape(steps.shape)

    return phi


def scales_along(e: EvaluatedCase, u: Mapping[int, Array]) -> tuple[float, float, float]:
    """<g, u>, sum |g u|, and what the round-off of `line` scales with."""
    analytic = sum(float(np.vdot(e.grads[i], u[i])) for i in u)
    weights = sum(absolute(e.grads[i], u[i]) for i in u)
    roundoff = sum(absolute(w, o) for w, o in zip(e.cotangents, e.outputs, strict=True) if o.dtype.kind == "f")
    return analytic, weights, roundoff + sum(absolute(e.grads[i], e.case.arrays[i]) for i in u)


def project(
    subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], far: bool = False, rule_alone: bool = False
) -> Verdict:
    """Differences of F(t) = <v, f(x + t u)> against <g, u>.

    With `rule_alone` the round-off of the rule is not measured at neighbouring numbers: it is asked about these alone.
    """
    case, v = e.case, e.cotangents
    analytic, weights, roundoff = scales_along(e, u)

    def analytic_phi(steps: Array) -> Array:
        values = []
        for t in steps.ravel():
            moved = case.on(stepped(case, u, float(t)))
            g = subject.pull(moved, subject.forward(moved), v)
            values.append(sum(float(np.sum(g[i] * u[i])) for i in u))
        return np.array(values).reshape(steps.shape)

    return compare(
        line(subject, e, u), np.array(projected(v, e.outputs)), np.array(analytic), np.array(weights),
        np.array(roundoff), natural=lambda: natural_scale(case, v, u),
        analytic_phi=None if rule_alone else analytic_phi, longest=longest_step(subject.op),
        far=far,
    )  # fmt: skip


def is_near(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array]) -> bool:
    """Whether one short difference along u agrees to seven digits.

    That is enough where each of the things that meet in the case was compared by itself.
    """
    case, v, grads = e.case, e.cotangents, e.grads
    weights = sum(absolute(grads[i], u[i]) for i in u)
    roundoff = sum(absolute(w, o) for w, o in zip(v, e.outputs, strict=True) if o.dtype.kind == "f")
    if not roundoff * EPS / _SHORT <= _SILENT * weights:
        return False
    try:
        ahead, behind = (projected(v, subject.evaluate(case, stepped(case, u, t))) for t in (_SHORT, -_SHORT))
    except RegistrationError:
        raise
    except Exception:  # off the domain
        return False
    analytic = sum(float(np.vdot(grads[i], u[i])) for i in u)
    return bool(abs((ahead - behind) / (2.0 * _SHORT) - analytic) <= _NEAR * weights)
