"""The entry to name where a rule disagrees with differences.

That it does is known: the entry is looked for with few evaluations, and only the one that is named is measured.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.core.errors import GradientMismatch, RegistrationError
from minigrad.core.types import Array, IndexArray
from minigrad.verify.checks.projection import line, project, projected, scales_along
from minigrad.verify.finite_differences import FIRST_STEP, central
from minigrad.verify.refusal import refuse, worst_entry
from minigrad.verify.subject import EvaluatedCase, OpUnderTest

_MOST_SUSPECTS = 24
_STEPS = (FIRST_STEP, 2.0**-12)
"""The second where the first crosses a kink."""


def locate_error(
    subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], rule_alone: bool = False
) -> RegistrationError:
    """Find the guilty argument and its worst entry (one direction each), and say so."""
    case, grads = e.case, e.grads
    suspected = [i for i in grads if i in u]
    if len(suspected) > 1:
        suspected = [i for i in suspected if not project(subject, e, {i: u[i]}, rule_alone=rule_alone).verified]
    i = (suspected or list(grads))[0]
    k = _worst(subject, e, i, u[i])
    entry = project(subject, e, {i: _alone(u[i], np.array([k]))}, rule_alone=rule_alone)
    numeric, error, step = grads[i].copy(), np.ones(grads[i].shape), u[i].flat[k]
    if np.isfinite(entry.numeric) and np.isfinite(entry.error):
        numeric.flat[k], error.flat[k] = float(entry.numeric) / step, float(entry.error) / abs(step)
    return refuse(
        GradientMismatch, subject.op, "its rule disagrees with finite differences", case=case,
        argument=subject.name(i), worst=worst_entry(subject.name(i), case.arrays[i], grads[i], numeric, error),
        remedy=f"mend the rule for {subject.name(i)!r}, or declare kinks= if the function has a corner there",
    )  # fmt: skip


def _worst(subject: OpUnderTest, e: EvaluatedCase, index: int, u: Array) -> int:
    """The entry that is furthest off in units of its error bar, of those that halving leaves."""
    remaining = np.flatnonzero(u)
    while remaining.size > _MOST_SUSPECTS:
        halves = np.array_split(remaining, 2)
        remaining = max(halves[::-1], key=lambda half: _bars_apart(subject, e, index, _alone(u, half)))
    return int(max(remaining, key=lambda k: _bars_apart(subject, e, index, _alone(u, np.array([k]))), default=0))


def _alone(u: Array, places: IndexArray) -> Array:
    part = np.zeros(u.shape)
    part.flat[places] = u.flat[places]
    return part


def _bars_apart(subject: OpUnderTest, e: EvaluatedCase, index: int, u: Array) -> float:
    """How many error bars the rule is from differences; 0 where these decide nothing."""
    analytic, weights, roundoff = scales_along(e, {index: u})
    phi, at_zero = line(subject, e, {index: u}), np.array(projected(e.cotangents, e.outputs))
    for h in _STEPS:
        estimate = central(phi, at_zero, np.array(h), np.array(roundoff + 2.0 * h * weights))
        if not estimate.kink:
            gap, bar = abs(analytic - float(estimate.value)), max(float(estimate.error), 1e-300)
            return 0.0 if gap <= bar else gap / bar
    return 0.0
