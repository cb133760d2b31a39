"""Everything that an op is examined on at first order.

Declared cases and derived ones, and their repetitions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
import numpy as np

from minigrad.core.errors import InconclusiveCheck, InvalidRule, RegistrationError
from minigrad.core.types import Array
from minigrad.verify.cases import base_shapes, difference_cases, draw, fresh, metadata
from minigrad.verify.checks.directional_check import examine
from minigrad.verify.checks.entrywise_check import check_broadcasts, check_relayouts, examine_entries
from minigrad.verify.checks.locate import locate_error
from minigrad.verify.checks.metamorphic import (
    check_linear,
    repeat_expanded,
    repeat_float32,
    repeat_integers,
    repeat_layouts,
    repeat_mixed,
    repeat_shared,
    sweep_shapes,
)
from minigrad.verify.checks.projection import directions, is_near, project
from minigrad.verify.covering import Coverage
from minigrad.verify.declare import declaration_of
from minigrad.verify.derived_cases import DerivedCases, unlisted_metadata
from minigrad.verify.derived_shapes import LONG, STACK, STACKS, UNSTACKED, WIDENED
from minigrad.verify.refusal import CheckCase, refuse
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, raised_by_rule

_MOST_DRAWS = 8


def examine_all(
    subject: OpUnderTest, rng: SeededRandom, seed: int, thorough: bool
) -> tuple[list[EvaluatedCase], int, list[str], Coverage | None]:
    """Compare the rules with differences on all cases, in other layouts and dtypes too.

    Returns:
        What was compared, the number of other checks, the cases that the op itself refuses, as text, and which
        combinations of shapes and options were among them.

    Raises:
        RegistrationError: as `verify` does.
    """
    claims, samples = subject.op.claims, declaration_of(subject.op).samples
    if subject.is_entrywise:
        return *_examine_elementwise(subject, rng, seed, thorough), None
    cases = list(difference_cases(subject.op, seed, thorough))
    if thorough and samples is None:
        cases.append(fresh(subject.op, cases[0], rng))
    examined: list[EvaluatedCase] = []
    refused: list[str] = []
    coverage: Coverage | None = None
    for case in cases:
        quick = bool(examined) and not thorough
        examined.append(examine(subject, case, rng, samples is None, quick))
    if thorough and samples is None:
        derived = DerivedCases(subject.op, metadata(subject.op), rng, seed, subject.few_shapes)
        for case in derived:
            outputs = _outputs_or_why(subject, case, rng)
            why = outputs if isinstance(outputs, str) else ""
            e: EvaluatedCase | str = f"{case.label}: {why}"
            if not isinstance(outputs, str):
                e = _examine_derived(subject, case, rng, outputs, derived.in_company)
            if isinstance(e, str):
                refused.append(e)
                derived.refuse(bool(why))
            else:
                examined.append(e)
                derived.note(e)
        refused += derived.left_out
        coverage = derived.coverage()
    if thorough and samples is None:
        for e in [e for e in examined if not e.case.derived]:
            examined += _until_every_entry_counts(e, partial(_examine_afresh, subject, e.case, rng))
    if not examined:
        raise refuse(InconclusiveCheck, subject.op, "there is no sample to check", remedy="samples= must yield some")
    more, too = sweep_shapes(subject, examined[0], rng, thorough)
    refused += too
    checks = len(refused)
    for k, e in enumerate(examined):
        if k == 0 or (thorough and not e.case.derived):
            checks += repeat_layouts(subject, e, thorough)
        if k == 0 or samples is not None:
            checks += repeat_float32(subject, e)
        checks += repeat_shared(subject, e)
        if thorough and k == 0:
            checks += repeat_mixed(subject, e) + repeat_expanded(subject, e)
            tried, too = repeat_integers(subject, e)
            checks, refused = checks + tried, refused + too
        if claims.linear:
            checks += check_linear(subject, e)
    if claims.elementwise:
        _check_entries_independent(subject, examined[0])
    return examined + more, checks, refused, coverage


def _examine_afresh(subject: OpUnderTest, case: CheckCase, rng: SeededRandom) -> EvaluatedCase:
    return examine(subject, fresh(subject.op, case, rng), rng, redraw=True)


def _until_every_entry_counts(first: EvaluatedCase, another: Callable[[], EvaluatedCase]) -> list[EvaluatedCase]:
    """Draw until each entry of each argument has had a gradient, as far as that can be had.

    A maximum or a branch leaves entries without a gradient, and a rule that is wrong for one of them unseen.
    """
    drawn: list[EvaluatedCase] = []
    dark = {i: g == 0.0 for i, g in first.grads.items()}
    idle = 0
    while idle < 2 and len(drawn) < _MOST_DRAWS and any(d.any() for d in dark.values()):
        drawn.append(another())
        remaining = {i: d & (drawn[-1].grads[i] == 0.0) for i, d in dark.items()}
        idle = idle + 1 if all(np.array_equal(d, remaining[i]) for i, d in dark.items()) else 0
        dark = remaining
    return drawn


def _examine_derived(
    subject: OpUnderTest, case: CheckCase, rng: SeededRandom, outputs: tuple[Array, ...], rough: bool = False
) -> EvaluatedCase | str:
    """Compare a case that the author did not declare; returns a text where it is refused.

    It may be refused aloud, by forward function or rule; never answered wrongly. With `rough` one difference is
    enough if it agrees.
    """
    try:
        try:
            e = subject.run(case, rng, outputs)
            grads = e.grads
        except InvalidRule as error:
            if not raised_by_rule(error):
                raise
            # Where one rule raises, the others still answer whoever wants no gradient for that argument.
            for alone in subject.by_rule() if len(subject.op.rules) > 1 else ():
                _examine_derived(alone, case, rng, outputs)
            raise
        if not all(np.isfinite(a).all() for a in outputs):
            return f"{case.label}: output is not finite"
        if not all(np.isfinite(a).all() for a in grads.values()):
            return f"{case.label}: gradient is not finite"
        if case.label == LONG:
            _refuse_rounded(subject, e, rng)
        near = rough and is_near(subject, e, directions(subject.op, case, rng, list(grads)))
        return e if near else examine(subject, case, rng, redraw=True, known=e)
    except InvalidRule as error:
        if not raised_by_rule(error):
            raise
        return f"{case.label}: the rule raises {type(error.__cause__).__name__}: {error.__cause__}"
    except InconclusiveCheck:
        return f"{case.label}: inconclusive"


def _refuse_rounded(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom) -> None:
    """Refuse what rounds through float32 in long arrays.

    Along the gradient, errors of one sign add up.
    """
    v = tuple(frozen(rng.with_low_bits(w)) if w.dtype.kind == "f" else w for w in e.cotangents)
    longer = subject.answer(e.case, e.outputs, v)
    u = directions(subject.op, e.case, rng, list(longer.grads))
    along = {i: np.abs(d) * np.sign(longer.grads[i]) for i, d in u.items()}
    if project(subject, longer, along).mismatch:
        raise locate_error(subject, longer, along)


def _outputs_or_why(subject: OpUnderTest, case: CheckCase, rng: SeededRandom) -> tuple[Array, ...] | str:
    """The outputs on a derived case, or why it is none that the op is meant for."""
    try:
        outputs = subject.forward(case)
    except RegistrationError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if case.label.startswith(WIDENED):
        return outputs if _broadcasts(subject, case, outputs) else "the argument is not broadcast"
    if case.label.startswith(STACKS):
        return outputs if _stacks_broadcast(subject, case, outputs) else "stacks are not broadcast"
    if case.label.startswith(STACK) and not (
        _is_stack(subject, case, outputs) or _has_merged_axes(subject, case, outputs) or _counts_axes(subject, case)
    ):
        return "more axes are not taken for a stack"
    if case.label.startswith(UNSTACKED) and not (
        _is_stacked(subject, case, rng)
        or _has_merged_axes(subject, case, outputs)
        or _broadcasts(subject, case, outputs)
    ):
        return "the lost axes are not those of a stack"
    return outputs


def _broadcasts(subject: OpUnderTest, case: CheckCase, outputs: tuple[Array, ...]) -> bool:
    """Whether outputs are those for arguments that were broadcast beforehand.

    Only an argument of the output's own shape is broadcast by design; what others do then is an accident.
    """
    shapes = base_shapes(subject.op)[0]
    if any(a.shape != s and s != outputs[0].shape for a, s in zip(case.arrays, shapes, strict=True)):
        return False
    try:
        wide = [frozen(np.broadcast_to(a, s).copy()) for a, s in zip(case.arrays, shapes, strict=True)]
        expected = subject.forward(case, wide)
    except RegistrationError:
        raise
    except Exception:  # the op refuses them
        return False
    return all(a.shape == b.shape and np.allclose(a, b) for a, b in zip(outputs, expected, strict=True))


def _stacks_broadcast(subject: OpUnderTest, case: CheckCase, outputs: tuple[Array, ...]) -> bool:
    """Whether outputs for unlike stacks are those for stacks broadcast beforehand."""
    ranks = [len(s) for s in base_shapes(subject.op)[0]]
    pairs = list(zip(case.arrays, ranks, strict=True))
    lead = np.broadcast_shapes(*(a.shape[: a.ndim - rank] for a, rank in pairs))
    wide = [frozen(np.broadcast_to(a, (*lead, *a.shape[a.ndim - rank :])).copy()) for a, rank in pairs]
    try:
        expected = subject.forward(case, wide)
    except RegistrationError:
        raise
    except Exception:  # the op takes no stacks
        return False
    alike = all(a.shape == b.shape and np.allclose(a, b) for a, b in zip(outputs, expected, strict=True))
    return alike and _is_stack(subject, case.on(tuple(wide)), expected)


def _has_merged_axes(subject: OpUnderTest, case: CheckCase, outputs: tuple[Array, ...]) -> bool:
    """Whether the outputs hold the numbers of those for the declared number of axes.

    Those of a sum over everything do, and those of copies in a new first axis.
    """
    shapes = base_shapes(subject.op)[0]
    if any(a.ndim == len(s) or not s for a, s in zip(case.arrays, shapes, strict=True)):
        return False
    lead = [(-1, *a.shape[a.ndim + 1 - len(s) :]) for a, s in zip(case.arrays, shapes, strict=True) if a.ndim > len(s)]
    lead = lead or [(1,) * (len(s) - a.ndim) + a.shape for a, s in zip(case.arrays, shapes, strict=True)]
    if len(lead) < len(shapes) or not all(a.size for a in case.arrays):
        return False
    try:
        merged = subject.forward(case, [frozen(a.reshape(s)) for a, s in zip(case.arrays, lead, strict=True)])
    except RegistrationError:
        raise
    except Exception:  # the op refuses them
        return False
    return all(a.size == b.size and np.allclose(a.ravel(), b.ravel()) for a, b in zip(outputs, merged, strict=True))


def _is_stack(subject: OpUnderTest, case: CheckCase, outputs: tuple[Array, ...]) -> bool:
    """Whether outputs for a stack are those for its members."""
    ranks = [len(s) for s in base_shapes(subject.op)[0]]
    more = max(a.ndim - rank for a, rank in zip(case.arrays, ranks, strict=True))
    lead = next(a.shape[:more] for a, rank in zip(case.arrays, ranks, strict=True) if a.ndim > rank)
    for k in np.ndindex(*lead):
        pairs = zip(case.arrays, ranks, strict=True)
        member = [frozen(a[k]) if a.ndim > rank else a for a, rank in pairs]
        try:
            alone = subject.forward(case, member)
        except Exception:  # the op refuses a member with these options
            return False
        for whole, part in zip(outputs, alone, strict=True):
            if whole.shape != (*lead, *part.shape) or not np.allclose(whole[k], part, equal_nan=True):
                return False
    return True


def _counts_axes(subject: OpUnderTest, case: CheckCase) -> bool:
    """Whether a stack is taken for one where options count its axes, too."""
    more = max(a.ndim - len(s) for a, s in zip(case.arrays, base_shapes(subject.op)[0], strict=True))
    kwargs = {name: _later(v, more) if name.startswith(("axis", "axes")) else v for name, v in case.kwargs.items()}
    if kwargs == dict(case.kwargs):
        return False
    try:
        outputs = subject.forward(attrs.evolve(case, kwargs=kwargs))
    except RegistrationError:
        raise
    except Exception:  # it takes no such axes
        return False
    return _is_stack(subject, case, outputs)


def _later(axis: object, more: int) -> object:
    if isinstance(axis, tuple):
        return tuple(_later(a, more) for a in axis)
    return axis + more if type(axis) is int and axis >= 0 else axis


def _is_stacked(subject: OpUnderTest, case: CheckCase, rng: SeededRandom) -> bool:
    """Whether outputs for fewer axes are members of those for the declared number."""
    ranks = [len(s) for s in base_shapes(subject.op)[0]]
    lead = (1,) * max(rank - a.ndim for a, rank in zip(case.arrays, ranks, strict=True))
    other = draw(subject.op, rng, tuple(a.shape for a in case.arrays))
    try:
        members = [subject.forward(case), ()]
        stacked = [
            frozen(np.stack([a, b]).reshape(*lead[1:], 2, *a.shape)) if a.ndim < rank else a
            for a, b, rank in zip(case.arrays, other, ranks, strict=True)
        ]
        second = [b if a.ndim < r else a for a, b, r in zip(case.arrays, other, ranks, strict=True)]
        members[1] = subject.forward(case, second)
        whole = subject.forward(case, stacked)
    except RegistrationError:
        raise
    except Exception:  # the op refuses one of them
        return False
    for one, two, both in zip(*members, whole, strict=True):
        due = np.stack([one, two]).reshape(*lead[1:], 2, *one.shape)
        if both.shape != due.shape or not np.allclose(both, due, equal_nan=True):
            return False
    return True


def _examine_elementwise(
    subject: OpUnderTest, rng: SeededRandom, seed: int, thorough: bool
) -> tuple[list[EvaluatedCase], int, list[str]]:
    examined: list[EvaluatedCase] = []
    checks = 0
    refused: list[str] = []
    listed = metadata(subject.op)
    variadic = subject.op.arguments[-1].variadic
    for kwargs in listed:
        draw_again = partial(examine_entries, subject, kwargs, rng, seed, more=int(variadic))
        first = draw_again(thorough=thorough)
        examined.append(first)
        checks += _repeat_entries(subject, first, rng, thorough)
        if thorough and variadic:
            examined += [examine_entries(subject, kwargs, rng, seed, more=more) for more in (0, 2)]
        if thorough:
            examined += _until_every_entry_counts(first, draw_again)
    for label, kwargs in unlisted_metadata(subject.op, listed) if thorough else ():
        probe = CheckCase(
            draw(subject.op, SeededRandom(seed), ((5,),) * len(subject.op.arguments)), kwargs, label, seed
        )
        outputs = _outputs_or_why(subject, probe, rng)
        why = outputs if isinstance(outputs, str) else ""
        try:
            examined += [] if why else [examine_entries(subject, kwargs, rng, seed, thorough, more=int(variadic))]
        except InconclusiveCheck:
            why = "inconclusive"
        refused += [f"{label}: {why}"] if why else []
    if thorough:
        tried, too = repeat_integers(subject, examined[0])
        checks, refused = checks + tried, refused + too
    return examined, checks, refused


def _repeat_entries(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom, thorough: bool) -> int:
    checks = check_relayouts(subject, e, thorough) + check_broadcasts(
        subject, rng, e.case.kwargs, e.case.seed, thorough
    )
    checks += repeat_float32(subject, e) + repeat_shared(subject, e)
    checks += repeat_mixed(subject, e) if thorough else 0
    return checks + (check_linear(subject, e) if subject.op.claims.linear else 0)


def _check_entries_independent(subject: OpUnderTest, examined: EvaluatedCase) -> None:
    """The claim elementwise=True for an op with its own samples.

    Changing one entry changes that output entry only.
    """
    case = examined.case
    for i in examined.grads:
        x = case.arrays[i]
        if x.shape != examined.outputs[0].shape or x.size < 2:
            continue
        for place in {0, x.size // 2, x.size - 1}:
            moved = x.copy()
            moved.flat[place] += 2.0**-6
            arrays = [moved if k == i else a for k, a in enumerate(case.arrays)]
            changed = subject.forward(case, arrays)[0] != examined.outputs[0]
            if np.any(np.delete(changed.ravel(), place)):
                raise refuse(
                    InvalidRule, subject.op, "it claims elementwise=True, but one entry changes other outputs",
                    case=case, argument=subject.name(i), remedy="drop the claim",
                )  # fmt: skip
