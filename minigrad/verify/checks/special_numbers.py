"""Numbers that are never drawn by chance.

Zero arrays and rows, equal rows and arguments, numbers of full length.

Only a contradiction counts: at a corner or an undefined point differences decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from minigrad.core.errors import InvalidRule, RegistrationError
from minigrad.core.types import Array
from minigrad.verify.cases import draw
from minigrad.verify.checks.corners import check_between
from minigrad.verify.checks.entrywise_check import entrywise, locate_entry_error
from minigrad.verify.checks.locate import locate_error
from minigrad.verify.checks.neighbours import slopes_of_pieces
from minigrad.verify.checks.projection import directions, is_near, project
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, raised_by_rule

_ROUGH = 1e-7
"""Share of sum |g u| up to which a gap may be round-off in the rule."""

_TIED = ("equal", "of zeros", "of ones", "of minus ones")
"""What the labels of cases say in which numbers are equal."""

_SPARE = 1e-3
"""Share of the slopes around a point that they may differ by where there is no corner."""

_UNSEEN = 0.5
"""Share of the slopes' range by which those of pieces that were not met may exceed it."""


def check_special_numbers(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> list[EvaluatedCase]:
    """Compare the rules with differences at special numbers; returns what was compared."""
    if subject.op.claims.piecewise_constant or declaration_of(subject.op).samples is not None:
        return []
    compared = []
    for case in _special_cases(subject, examined, rng):
        e = evaluated_if_possible(subject, case, rng, finite=False)
        if e is None:
            continue
        if not all(np.isfinite(g).all() for g in e.grads.values()):
            check_between(subject, e, rng)  # a corner of the function is answered as one; NaN answers nothing
            subject.notes.append(f"{case.label}: the gradient is not a number")
            continue
        u = _directions(subject, e, rng)
        if not _refuse_contradiction(subject, e, u, rng):  # by chance a mistake is nearly none along one direction
            _refuse_contradiction(subject, e, _directions(subject, e, rng), rng)
        if any(word in case.label for word in _TIED):  # entries that move together stay tied, and share a gradient
            positive = tuple(frozen(np.abs(w)) for w in e.cotangents)
            together = {i: np.full_like(d, np.min(np.abs(d))) for i, d in u.items() if d.size}
            _refuse_contradiction(subject, subject.answer(case, e.outputs, positive), together, rng)
        compared.append(e)
    return compared


def _directions(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom) -> dict[int, Array]:
    u = directions(subject.op, e.case, rng, list(e.grads))
    for i, a in enumerate(e.case.arrays):  # where numbers are 0, directions relative to them would be 0 as well
        domain = declaration_of(subject.op).domain(i)
        if i in u and domain is not None and not domain.matrix:
            u[i] = np.where(a == 0.0, rng.signed_magnitudes(a.shape), u[i])
    return u


def _refuse_contradiction(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], rng: SeededRandom) -> bool:
    """Refuse gradients that differences contradict, unless the point is a corner.

    There the rule may give a mixture of the slopes that the function has on different sides: among equal numbers a
    median has no gradient, though it is smooth along each line through them.

    Returns:
        Whether that settles it: False where differences contradict by little, and no corner is to be seen.
    """
    if is_near(subject, e, u):
        return True
    verdict = project(subject, e, u, rule_alone=True)
    apart = np.abs(verdict.analytic - verdict.numeric) > _ROUGH * verdict.scale
    if not verdict.mismatch or not apart:
        return True
    least, most = (float(s.sum()) for s in slopes_of_pieces(subject, e, u, rng))
    spare = _SPARE * (abs(least) + abs(most))
    unseen = spare + _UNSEEN * (most - least)
    if not least - unseen <= float(verdict.analytic) <= most + unseen:
        raise locate_error(subject, e, u, rule_alone=True)
    return most - least > spare


def check_low_bits(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> int:
    """Compare the rules at numbers that are not exact in float32.

    Rounding through it must show.
    """
    op = subject.op
    domains = [declaration_of(op).domain(i) for i in range(len(examined.case.arrays))]
    if op.claims.piecewise_constant or any(d is None or d.matrix for d in domains):
        return 0
    drawn = draw(op, rng, tuple(a.shape for a in examined.case.arrays))
    arrays = tuple(frozen(rng.with_low_bits(a)) if a.dtype.kind == "f" else a for a in drawn)
    case = examined.case.on(arrays, f"{examined.case.label}, numbers of full length")
    try:
        outputs = subject.forward(case)
    except RegistrationError:
        raise
    except Exception:  # a draw that the op refuses
        return 0
    if not all(np.isfinite(o).all() for o in outputs):
        return 0
    v = tuple(frozen(rng.with_low_bits(w)) if w.dtype.kind == "f" else w for w in subject.cotangents(rng, outputs))
    e = subject.answer(case, outputs, v)
    u = directions(op, case, rng, list(e.grads))
    if subject.is_entrywise:
        if entrywise(subject, e, u).mismatch and entrywise(subject, e, u, far=True).mismatch:
            raise locate_entry_error(subject, e, u)
    elif project(subject, e, u).mismatch:
        raise locate_error(subject, e, u)
    return 1


def evaluated_if_possible(
    subject: OpUnderTest, case: CheckCase, rng: SeededRandom, finite: bool = True
) -> EvaluatedCase | None:
    """Outputs and gradients, or None where the op refuses the case or outputs are not finite.

    With `finite`, gradients must be finite too.
    """
    try:
        outputs = subject.forward(case)
        if not all(np.isfinite(o).all() for o in outputs):
            return None
        e = subject.run(case, rng, outputs)
    except InvalidRule as error:
        if not raised_by_rule(error):
            raise
        return None
    except RegistrationError:
        raise
    except Exception:  # numbers that are not in the op's domain
        return None
    return e if not finite or all(np.isfinite(g).all() for g in e.grads.values()) else None


def _special_cases(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> Iterator[CheckCase]:
    case = examined.case
    for i in examined.grads:
        domain = declaration_of(subject.op).domain(i)
        if domain is None or not case.arrays[i].ndim:
            continue
        x = case.arrays[i]
        for label, a in (
            _matrices(x, domain.kind) if domain.matrix else _variants(x, domain.contains_zero, domain.kind == "unit")
        ):
            arrays = tuple(frozen(a) if k == i else b for k, b in enumerate(case.arrays))
            yield case.on(arrays, f"{subject.name(i)} {label}")
    for i, j in combinations(examined.grads, 2):
        a, b = case.arrays[i], case.arrays[j]
        if a.shape == b.shape and declaration_of(subject.op).domain(i) == declaration_of(subject.op).domain(j):
            arrays = tuple(frozen(a.copy()) if k == j else c for k, c in enumerate(case.arrays))
            yield case.on(arrays, f"equal numbers in {subject.name(i)} and {subject.name(j)}")


def _variants(x: Array, zeros: bool, fixed: bool) -> Iterator[tuple[str, Array]]:
    if zeros:
        yield "of zeros", np.zeros_like(x)
        if x.ndim > 1:
            row = x.copy()
            row[(0,) * (x.ndim - 1)] = 0.0
            yield "with a row of zeros", row
    yield "of equal numbers", np.full_like(x, x.flat[0]) if x.size else x
    if x.size and not fixed:
        yield "of ones", np.ones_like(x)
        yield "of whole numbers", np.sign(x) * np.ceil(np.abs(x))
        yield "in rising order", np.sort(x, axis=-1)
        yield "in falling order", np.sort(x, axis=-1)[..., ::-1].copy()
        if zeros:
            yield "of minus ones", -np.ones_like(x)
            one = x.copy()
            one.flat[-1] = 0.0
            yield "with a single zero", one
    if x.ndim > 1 and x.size:
        yield "with equal rows", np.broadcast_to(x[:1], x.shape).copy()
        yield "with rows of equal numbers", np.broadcast_to(x[..., :1], x.shape).copy()
        length = np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
        yield "with rows of length one", x / np.where(length > 0.0, length, 1.0)


def _matrices(x: Array, kind: str) -> Iterator[tuple[str, Array]]:
    """Matrices that a short cut may be meant for, each as well conditioned as `x`."""
    diagonal = x * np.eye(x.shape[-1])
    yield "a diagonal matrix", diagonal
    if kind != "spd":
        turned = x.copy()
        turned[..., 0, :] *= -1.0
        yield "with a row of other sign", turned
        yield "with its rows in another order", x[..., ::-1, :].copy()
        yield "a triangular matrix", np.triu(x)
        yield "a symmetric matrix", (x + np.swapaxes(x, -1, -2)) * 0.5
