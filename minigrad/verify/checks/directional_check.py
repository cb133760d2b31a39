"""Comparing the rules of one case with differences.

One joint random direction; the guilty argument is looked for only where it fails.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs
import numpy as np

from minigrad.core.errors import InconclusiveCheck, InvalidRule, RegistrationError
from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.verify.cases import draw
from minigrad.verify.checks.locate import locate_error
from minigrad.verify.checks.projection import absolute, directions, project, projected, stepped
from minigrad.verify.checks.purity import check_purity
from minigrad.verify.declare import declaration_of
from minigrad.verify.finite_differences import INCONCLUSIVE, TOLERANCE, Verdict, agreement
from minigrad.verify.refusal import CheckCase, refuse
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen

REDRAWS = 6
ENOUGH = 1e-5
"""Relative error of a gradient that some case of each argument must be able to reveal."""

NEARER = (2.0**-10, 2.0**-18)
"""Lengths of directions for samples that may lie a millionth from where the function ends."""

_DROWNED = 1e-6
"""Share of the largest output below which others are asked about on their own."""

_FAINT = 1e-7
"""Share of the largest gradient below which entries are asked about on their own."""


def examine(
    subject: OpUnderTest,
    case: CheckCase,
    rng: SeededRandom,
    redraw: bool,
    quick: bool = False,
    known: EvaluatedCase | None = None,
) -> EvaluatedCase:
    """Compare the rules with differences on `case`.

    Raises a `RegistrationError` unless they agree.

    With `redraw`, fresh numbers of the same shapes are drawn when a draw is inconclusive or some argument has no
    gradient at it. `quick` is for further cases of an op whose first case has been
    through everything: vjp(-2 v) is not asked for, and a linear function has its slope from two points. `known` is what
    op and rules gave on the case, if they have been asked.
    """
    best: EvaluatedCase | None = None
    verdict: Verdict | None = None
    sharp: set[int] = set()
    for attempt in range(REDRAWS):
        if attempt:
            if not redraw:
                break
            case = resample(subject.op, case, rng, attempt, sharp)
        outputs = known.outputs if known is not None and not attempt else subject.forward(case)
        refuse_unusable(subject, case, outputs)
        e = known if known is not None and not attempt else subject.run(case, rng, outputs)
        grads = e.grads
        if not quick:
            check_purity(subject, e)
        if not any(g.size for g in grads.values()):
            return e  # nothing to differ in: shape and dtype have been checked
        u = directions(subject.op, case, rng, list(grads))
        verdict = _secant(subject, e, u) if quick and subject.op.claims.linear else None
        if verdict is None:
            verdict = project(subject, e, u)
        if not redraw and not verdict.verified and not verdict.mismatch:
            u, verdict = _nearer(subject, e, u, verdict)
        if verdict.mismatch:
            raise locate_error(subject, e, u)
        if not verdict.verified:
            continue
        if verdict.late or _are_uneven(outputs):
            _refuse_small_outputs(subject, e, u)
        _refuse_faint_entries(subject, e, u)
        power = {i: _power(verdict, absolute(grads[i], u[i])) for i in grads}
        for i in [i for i, p in power.items() if p > ENOUGH and len(grads) > 1]:
            # Drowned by the other arguments in the joint direction: give it a direction of its own.
            alone = project(subject, e, {i: u[i]})
            if alone.mismatch:
                raise locate_error(subject, e, u)
            if alone.verified:
                power[i] = _power(alone, absolute(grads[i], u[i]))
        best = best_of(best, e, power)
        sharp = {i for i, p in best.power.items() if p <= ENOUGH}
        if len(sharp) == len(grads):
            break
    if best is None:
        assert verdict is not None
        raise undecided(subject.op, case, verdict)
    return best


def _nearer(
    subject: OpUnderTest, e: EvaluatedCase, u: dict[int, Array], verdict: Verdict
) -> tuple[dict[int, Array], Verdict]:
    """Short directions, for samples that may lie close to where the function ends."""
    for scale in NEARER:
        short = {i: scale * d for i, d in u.items()}
        nearer = project(subject, e, short)
        if nearer.verified or nearer.mismatch:
            return short, nearer
    return u, verdict


def _are_uneven(outputs: tuple[Array, ...]) -> bool:
    """Whether some outputs are so small that others drown what is wrong with them."""
    sizes = np.concatenate([np.abs(o).ravel() for o in outputs if o.dtype.kind == "f"] or [np.zeros(1)])
    largest = np.max(sizes, initial=0.0)
    return bool(((sizes > 0.0) & (sizes < _DROWNED * largest)).any())


def _refuse_faint_entries(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array]) -> None:
    """Refuse what is wrong in entries whose gradients others drown.

    Along those alone differences tell.
    """
    sizes = {i: np.abs(g) for i, g in e.grads.items()}
    loudest = max(float(np.max(s, initial=0.0)) for s in sizes.values())
    faint = {i: (s > 0.0) & (s < _FAINT * loudest) for i, s in sizes.items()}
    if any(f.any() for f in faint.values()):
        alone = {i: u[i] * f for i, f in faint.items()}
        if project(subject, e, alone).mismatch:
            raise locate_error(subject, e, alone)


def _refuse_small_outputs(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array]) -> None:
    """Refuse what is wrong for outputs that are small beside others.

    All are made to weigh as much.

    A rule that is off by a billionth everywhere is so then, too.
    """
    v = tuple(
        frozen((w / np.where(o == 0.0, 1.0, np.abs(o))).astype(w.dtype)) if w.dtype.kind == "f" else w
        for w, o in zip(e.cotangents, e.outputs, strict=True)
    )
    alike = subject.answer(e.case, e.outputs, v)
    if all(np.isfinite(g).all() for g in alike.grads.values()) and project(subject, alike, u).mismatch:
        raise locate_error(subject, alike, u)


def _power(verdict: Verdict, weight: float) -> float:
    return float(verdict.error) / weight if weight > 0 else np.inf


def resample(op: Op, case: CheckCase, rng: SeededRandom, attempt: int, sharp: Collection[int] = ()) -> CheckCase:
    """Other numbers of the same shapes.

    After a few attempts smaller ones, since large ones may only be saturated.
    """
    arrays = with_small_checked_args(op, draw(op, rng, tuple(a.shape for a in case.arrays)), sharp, attempt)
    if attempt > 2 and not sharp:
        arrays = with_small_checked_args(op, arrays, set(range(len(arrays))), attempt - 1, 1)
    return case.on(arrays)


def with_small_checked_args(
    op: Op, arrays: tuple[Array, ...], loud: Collection[int], attempt: int, octaves: int = 12
) -> tuple[Array, ...]:
    """Shrink arguments that were checked, so that their round-off does not drown the rest."""
    return tuple(
        frozen(a * 2.0 ** (-octaves * attempt))
        if attempt and i in loud and getattr(declaration_of(op).domain(i), "kind", "") == "real"
        else a
        for i, a in enumerate(arrays)
    )


def best_of(best: EvaluatedCase | None, new: EvaluatedCase, power: Mapping[int, float]) -> EvaluatedCase:
    """Join the first draw with the best power that any draw had for each argument.

    `power` is that of the new one.
    """
    if best is None:
        return attrs.evolve(new, power=power)
    return attrs.evolve(best, power={i: min(p, power[i]) for i, p in best.power.items()})


def refuse_unusable(subject: OpUnderTest, case: CheckCase, outputs: tuple[Array, ...]) -> None:
    """Outputs of the samples must be finite, and of the arguments' dtype."""
    op = subject.op
    floats = [a.dtype for a in case.arrays if a.dtype.kind == "f"]
    for o in outputs:
        if o.dtype.kind != "f":
            continue
        if not np.isfinite(o).all():
            raise refuse(
                InconclusiveCheck, op, "its forward function gives NaN or infinity on a sample", case=case,
                remedy="declare the domain of each argument: positive(), unit(), nonzero(), ... or samples=",
            )  # fmt: skip
        if floats and not subject.casts and o.dtype != floats[0] and o.dtype != np.result_type(*floats):
            raise refuse(
                InvalidRule, op, f"its forward function turns {np.result_type(*floats)} into {o.dtype}", case=case,
                remedy="keep the dtype of the arguments",
            )  # fmt: skip


def _secant(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array]) -> Verdict | None:
    """The verdict from one step, without truncation, for an op that claims to be linear.

    The claim is checked apart.
    """
    case, outputs, v, grads = e.case, e.outputs, e.cotangents, e.grads
    moved = subject.evaluate(case, stepped(case, u, 1.0))
    size = sum(absolute(w, o) + absolute(w, m) for w, o, m in zip(v, outputs, moved, strict=True))
    return agreement(
        projected(v, moved) - projected(v, outputs),
        sum(float(np.vdot(grads[i], u[i])) for i in u),
        sum(absolute(grads[i], u[i]) for i in u),
        size + sum(absolute(grads[i], case.arrays[i]) for i in u),
    )


def undecided(op: Op, case: CheckCase, verdict: Verdict) -> RegistrationError:
    """Make the refusal of a case that no step decided.

    The error bar was too wide, or the gap one to four of it.
    """
    k = int(np.argmax(np.ravel(verdict.state) == INCONCLUSIVE))
    fields = (verdict.analytic, verdict.numeric, verdict.error, verdict.scale)
    analytic, numeric, error, scale = (float(np.broadcast_to(f, np.shape(verdict.state)).ravel()[k]) for f in fields)
    if error <= TOLERANCE * scale and abs(analytic - numeric) > error:
        problem = (
            f"the rule gives {analytic:.12g} and differences {numeric:.12g} +- {error:.1e}: too far apart to pass, "
            "and too near to call the rule wrong"
        )
        remedy = "look for a small constant in the rule that is not in the function, or for cancellation in either"
    else:
        problem = f"differences are inconclusive (value {numeric:.6g} +- {error:.1e}, needed 1e-6 of {scale:.3g})"
        remedy = "declare the domain the function is smooth on, its kinks=, or samples= with numbers of moderate size"
    return refuse(InconclusiveCheck, op, problem, case=case, remedy=remedy)
