"""Comparing the rules of one case with differences.

One joint random direction; the guilty argument is looked for only where it fails.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs
import numpy as np

from minigrad.core.errors import GradientMismatch, InconclusiveCheck, InvalidRule, RegistrationError
from minigrad.core.op import Op
from minigrad.core.types import Array, IndexArray
from minigrad.verify.cases import draw
from minigrad.verify.checks.purity import check_purity
from minigrad.verify.declare import declaration_of
from minigrad.verify.domains import real
from minigrad.verify.finite_differences import EPS, INCONCLUSIVE, TOLERANCE, Verdict, agreement, compare
from minigrad.verify.refusal import CheckCase, refuse, worst_entry
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, natural_scale

REDRAWS = 6
ENOUGH = 1e-5
"""Relative error of a gradient that some case of each argument must be able to reveal."""

_MOST_SUSPECTS = 24
NEARER = (2.0**-10, 2.0**-18)
"""Lengths of directions for samples that may lie a millionth from where the function ends."""

_DROWNED = 1e-6
"""Share of the largest output below which others are asked about on their own."""

_FAINT = 1e-7
"""Share of the largest gradient below which entries are asked about on their own."""

_SHORT = 2.0**-12
_NEAR = 2e-7
_SILENT = 1e-8
"""Share of sum |g u| that round-off may have in one difference that acquits."""
LONGEST_MATRIX_STEP = 2.0**-5


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


def directions(op: Op, case: CheckCase, rng: SeededRandom, indices: list[int]) -> dict[int, Array]:
    """A random direction for each differentiable argument, inside its domain."""
    u = {}
    for i in indices:
        domain = declaration_of(op).domain(i) or real()
        u[i] = domain.direction(rng, case.arrays[i])
    return u


def longest_step(op: Op) -> float:
    """The largest step that no domain of `op` is left with."""
    return LONGEST_MATRIX_STEP if any(d is not None and d.matrix for d in declaration_of(op).domains) else 0.5


def stepped(case: CheckCase, u: Mapping[int, Array], t: float | Array) -> tuple[Array, ...]:
    """Arguments of the case moved by t along u."""
    return tuple(np.asarray(a + t * u[i]) if i in u else a for i, a in enumerate(case.arrays))


def absolute(a: Array, b: Array) -> float:
    """sum |a b|."""
    return float(np.vdot(np.abs(a), np.abs(b)))


def projected(v: tuple[Array, ...], outputs: tuple[Array, ...]) -> float:
    """<v, outputs> over the real outputs."""
    return sum(float(np.vdot(w, o)) for w, o in zip(v, outputs, strict=True) if o.dtype.kind == "f")


def project(
    subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], far: bool = False, rule_alone: bool = False
) -> Verdict:
    """Differences of F(t) = <v, f(x + t u)> against <g, u>.

    With `rule_alone` the round-off of the rule is not measured at neighbouring numbers: it is asked about these alone.
    """
    case, outputs, v, grads = e.case, e.outputs, e.cotangents, e.grads

    def phi(steps: Array) -> Array:
        values = []
        for t in steps.ravel():
            try:
                values.append(projected(v, subject.evaluate(case, stepped(case, u, float(t)))))
            except (RegistrationError, MemoryError):
                raise
            except Exception:
                values.append(np.nan)  # off the domain: the step shrinks, and the case is never skipped
        return np.array(values).reshape(steps.shape)

    analytic = sum(float(np.vdot(grads[i], u[i])) for i in u)
    weights = sum(absolute(grads[i], u[i]) for i in u)
    roundoff = sum(absolute(w, o) for w, o in zip(v, outputs, strict=True) if o.dtype.kind == "f")
    roundoff += sum(absolute(grads[i], case.arrays[i]) for i in u)

    def analytic_phi(steps: Array) -> Array:
        values = []
        for t in steps.ravel():
            moved = case.on(stepped(case, u, float(t)))
            g = subject.pull(moved, subject.forward(moved), v)
            values.append(sum(float(np.sum(g[i] * u[i])) for i in u))
        return np.array(values).reshape(steps.shape)

    return compare(
        phi, np.array(projected(v, outputs)), np.array(analytic), np.array(weights), np.array(roundoff),
        natural=lambda: natural_scale(case, v, u),
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


def locate_error(
    subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], rule_alone: bool = False
) -> RegistrationError:
    """Find the guilty argument and its worst entry (one direction each), and say so."""
    case, grads = e.case, e.grads
    guilty = [i for i in grads if not project(subject, e, {i: u[i]}, rule_alone=rule_alone).verified] or list(grads)
    i = guilty[0]
    numeric, error = grads[i].copy(), np.ones(grads[i].shape)
    for k in _suspects(subject, e, i, u[i]):
        one = np.zeros(grads[i].shape)
        one.flat[k] = step = u[i].flat[k]
        entry = project(subject, e, {i: one}, rule_alone=rule_alone)
        numeric.flat[k], error.flat[k] = float(entry.numeric) / step, float(entry.error) / abs(step)
    return refuse(
        GradientMismatch, subject.op, "its rule disagrees with finite differences", case=case,
        argument=subject.name(i), worst=worst_entry(subject.name(i), case.arrays[i], grads[i], numeric, error),
        remedy=f"mend the rule for {subject.name(i)!r}, or declare kinks= if the function has a corner there",
    )  # fmt: skip


def _suspects(subject: OpUnderTest, e: EvaluatedCase, index: int, u: Array) -> IndexArray:
    """The entries to look at one by one.

    The half of the direction that disagrees more, halved until few remain.
    """
    remaining = np.arange(u.size)
    while remaining.size > _MOST_SUSPECTS:
        halves = np.array_split(remaining, 2)
        gaps = []
        for half in halves:
            part = np.zeros(u.shape)
            part.flat[half] = u.flat[half]
            verdict = project(subject, e, {index: part})
            gap = abs(float(verdict.analytic) - float(verdict.numeric)) / max(float(verdict.error), 1e-300)
            gaps.append(0.0 if verdict.verified or np.isnan(gap) else gap)
        remaining = halves[int(gaps[1] > gaps[0])]
    return remaining


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
