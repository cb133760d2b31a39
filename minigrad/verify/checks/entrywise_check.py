"""The gate for ops that claim to be elementwise.

One draw decides many entries, each with an error bar of its own.

Since entries do not depend on each other, all steps of all entries go through the forward function in one call, a
wrong entry cannot hide in a sum, and every other shape, stride and broadcast only has to repeat, to rounding, what was
compared with differences once. The claim itself is checked by exactly that repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np

from minigrad.core.errors import GradientMismatch, InvalidRule, RegistrationError
from minigrad.core.types import Array, Shape
from minigrad.verify.cases import BROADCASTS, broadcasts, draw
from minigrad.verify.checks.directional_check import (
    ENOUGH,
    REDRAWS,
    best_of,
    refuse_unusable,
    undecided,
    with_small_checked_args,
)
from minigrad.verify.checks.projection import directions
from minigrad.verify.checks.purity import check_purity_by_entry
from minigrad.verify.finite_differences import MISMATCH, Verdict, compare
from minigrad.verify.refusal import CheckCase, WorstEntry, refuse, told_apart
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, identical

_SHARP = 0.1
"""Share of entries that must be able to reveal an error.

A saturated tanh or the loser of a maximum cannot.
"""


def examine_entries(
    subject: OpUnderTest,
    kwargs: Mapping[str, object],
    rng: SeededRandom,
    seed: int,
    thorough: bool = True,
    more: int = 0,
) -> EvaluatedCase:
    """Compare every entry of a 1-d draw with differences.

    Raises a `RegistrationError` unless all agree.

    Without `thorough` the claim itself is left to the other arrangements, and tested here only if something is amiss.
    `more` is how many arrays beside the first a variadic argument gets.
    """
    op = subject.op
    count = len(op.arguments) + more
    verdict: Verdict | None = None
    best: EvaluatedCase | None = None
    sharp: set[int] = set()
    for attempt in range(REDRAWS):
        arrays = with_small_checked_args(op, draw(op, rng, ((subject.entries,),) * count), sharp, attempt)
        case = CheckCase(arrays, kwargs, "elementwise", seed)
        outputs = subject.forward(case)
        refuse_unusable(subject, case, outputs)
        if outputs[0].shape != (subject.entries,) or len(outputs) != 1:
            raise not_elementwise(subject, case, f"its output has shape {outputs[0].shape} for 1-d arguments")
        if thorough:
            _refuse_false_claim(subject, case, outputs[0], slice(None, subject.entries // 2))
        e = subject.run(case, rng, outputs)
        grads = e.grads
        check_purity_by_entry(subject, e, with_nan=not thorough)
        u = directions(op, case, rng, list(grads))
        verdict = entrywise(subject, e, u)
        if not verdict.verified:
            for half in (slice(None, subject.entries // 2), slice(subject.entries // 2, None)):
                _refuse_false_claim(subject, case, outputs[0], half)
        if verdict.mismatch:
            # Before accusing: a saw whose teeth the steps skipped shows its slope at far smaller ones.
            verdict = entrywise(subject, e, u, far=True)
        if verdict.mismatch:
            raise locate_entry_error(subject, e, u)
        if not verdict.verified:
            continue
        power = {i: _resolution(verdict, grads[i] * u[i]) for i in grads}
        for i in [i for i, p in power.items() if p > ENOUGH and len(grads) > 1]:
            alone = entrywise(subject, e, {i: u[i]})
            if alone.mismatch:
                raise locate_entry_error(subject, e, u)
            power[i] = min(power[i], _resolution(alone, grads[i] * u[i]))
        best = best_of(best, e, power)
        sharp = {i for i, p in best.power.items() if p <= ENOUGH}
        if op.claims.piecewise_constant or len(sharp) == len(grads) or (best.case is not case and not sharp):
            return best
    assert verdict is not None
    if best is None:
        raise undecided(op, case, verdict)
    return best


def _refuse_false_claim(subject: OpUnderTest, case: CheckCase, output: Array, half: slice) -> None:
    """Refuse an output that changes when half of the entries come alone and in reverse.

    It depends on other entries or on its place.
    """
    part = case.on(tuple(frozen(a[half][::-1]) for a in case.arrays))
    actual, expected = _attempt(subject, part)[0], output[half][::-1]
    if actual.shape != expected.shape or not np.allclose(actual, expected, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise not_elementwise(subject, part, "its output at an entry changes with the other entries or with its place")


def entrywise(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], far: bool = False) -> Verdict:
    """Differences for each entry on its own."""
    case, outputs, v, grads = e.case, e.outputs, e.cotangents, e.grads

    def phi(steps: Array) -> Array:
        arrays = [a + steps * u[i] if i in u else a for i, a in enumerate(case.arrays)]
        try:
            y = np.asarray(subject.evaluate(case, arrays)[0])
        except RegistrationError:
            raise
        except Exception as error:
            raise not_elementwise(subject, case, f"it cannot take 2-d arguments: {error}") from error
        if y.shape != steps.shape:
            raise not_elementwise(subject, case, f"its output has shape {y.shape} for arguments of shape {steps.shape}")
        scaled: Array = v[0] * y
        return scaled

    zero = np.zeros(case.arrays[0].shape)
    analytic = sum((grads[i] * u[i] for i in u), zero)
    weights = sum((np.abs(grads[i] * u[i]) for i in u), zero)
    roundoff = np.abs(v[0] * outputs[0]) + sum((np.abs(grads[i] * case.arrays[i]) for i in u), zero)

    def natural() -> Array:
        largest: Array = np.max(np.abs([a for i, a in enumerate(case.arrays) if i in u]), axis=0) if u else zero
        return np.abs(v[0]) * largest

    def analytic_phi(steps: Array) -> Array:
        shape = np.broadcast_shapes(*(a.shape for a in case.arrays))
        rows = []
        for t in steps.reshape(len(steps), *shape):
            moved = case.on(tuple(frozen(a + t * u[i]) if i in u else a for i, a in enumerate(case.arrays)))
            g = subject.pull(moved, subject.forward(moved), v)
            rows.append(sum((g[i] * u[i] for i in u), zero))
        return np.array(rows)

    return compare(
        phi, v[0] * outputs[0], analytic, weights, roundoff, natural=natural,
        analytic_phi=analytic_phi, far=far,
        # Near zero, what is added to 1 inside rounds as 1 does: (sqrt(x^2 + 1) - 1) / 2 + x.
        floor=np.abs(v[0]) if far else 0.0, keen=far,
    )  # fmt: skip


def _resolution(verdict: Verdict, contribution: Array) -> float:
    """The relative error that a tenth of the entries would have revealed.

    Infinite if fewer have a gradient.
    """
    size = np.abs(contribution)
    relative = np.where(size > 0, verdict.error / np.where(size > 0, size, 1.0), np.inf)
    ordered: Array = np.sort(relative)
    return float(ordered[int(_SHARP * (relative.size - 1))])


def locate_entry_error(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array]) -> RegistrationError:
    """Find the guilty argument and its worst entry, and say so."""
    case, grads = e.case, e.grads
    each = {i: entrywise(subject, e, {i: u[i]}) for i in grads}
    i = next((i for i, verdict in each.items() if verdict.mismatch), next(iter(each)))
    verdict = each[i]
    wrong = np.flatnonzero(verdict.state == MISMATCH)
    gap = np.abs(verdict.analytic - verdict.numeric) / np.maximum(np.abs(u[i]), 1e-300)
    k = int(wrong[np.argmax(gap[wrong])]) if wrong.size else int(np.argmax(gap))
    step = u[i][k]
    worst = WorstEntry(
        subject.name(i), (k,), float(case.arrays[i][k]), float(grads[i][k]), float(verdict.numeric[k] / step),
        float(verdict.error[k] / abs(step)),
    )  # fmt: skip
    signs = np.sign(case.arrays[i][wrong])
    count = case.arrays[i].size
    only = "" if wrong.size in (0, count) else f", at {wrong.size} of {count} samples"
    if only and wrong.size > 1 and np.all(signs == signs[0]):
        only += f" ({'negative' if signs[0] < 0 else 'positive'} {subject.name(i)} only)"
    return refuse(
        GradientMismatch, subject.op, f"its rule disagrees with finite differences{only}", case=case,
        argument=subject.name(i), worst=worst,
        remedy=f"mend the rule for {subject.name(i)!r}, or declare kinks= if the function has a corner there",
    )  # fmt: skip


def not_elementwise(subject: OpUnderTest, case: CheckCase, why: str) -> RegistrationError:
    """The refusal of a false claim."""
    return refuse(
        InvalidRule, subject.op, f"it claims elementwise=True, but {why}", case=case,
        remedy="drop the claim, or compute each output entry from the entries at its place only",
    )  # fmt: skip


_REPEATS = 53
"""40 entries become 2120: longer than a block of 1024 or 2048, and no multiple of either."""

Arrange = Callable[[Array], Array]


def _grid(a: Array) -> Array:
    return a.reshape(8, -1).T


def _square(a: Array) -> Array:
    return a[:-37:-1].reshape(6, 6).T[None]  # as many rows as columns: a transposed gradient has the right shape


def _entry(a: Array) -> Array:
    return a[7:8].reshape(())


def _cube(a: Array) -> Array:
    return a.reshape(2, 4, -1)


def _many(a: Array) -> Array:
    return np.tile(a, _REPEATS)


def _one(a: Array) -> Array:
    return a[3:4].reshape(1, 1, 1)


def _none(a: Array) -> Array:
    return a[:0].reshape(2, 0, 3)


ARRANGEMENTS: tuple[tuple[str, Arrange], ...] = (
    ("square in Fortran order, reversed strides", _square),
    ("0-d", _entry),
    ("empty", _none),
)


def _shaped(*shape: int) -> Arrange:
    return lambda a: a[: prod(shape)].reshape(shape)


THOROUGH: tuple[tuple[str, Arrange], ...] = (
    *ARRANGEMENTS,
    ("3 x 3", _shaped(3, 3)),
    ("20 x 2", _shaped(20, 2)),
    ("3 x 12", _shaped(3, 12)),
    ("one row", _shaped(1, 40)),
    ("one column", _shaped(40, 1)),
    ("two axes of one", _shaped(1, 9, 1)),
    ("4-d", _shaped(2, 1, 5, 4)),
    ("5-d", _shaped(2, 1, 2, 2, 5)),
    ("6-d", _shaped(1, 2, 2, 1, 2, 5)),
    ("2-d Fortran order", _grid),
    ("every other entry", lambda a: a[::2]),
    ("one element", _one),
    ("3-d", _cube),
    ("many entries", _many),
)


FEW: tuple[tuple[str, Arrange], ...] = tuple(
    a for a in THOROUGH if a[0] in (*dict(ARRANGEMENTS), "3 x 3", "many entries")
)
"""What is tried where each shape costs much."""


def check_relayouts(subject: OpUnderTest, examined: EvaluatedCase, thorough: bool) -> int:
    """Refuse outputs and gradients that change with the shape and strides of the entries."""
    case = examined.case
    arrangements = (FEW if subject.few_shapes else THOROUGH) if thorough else ARRANGEMENTS
    for label, arrange in arrangements:
        arrays = tuple(frozen(arrange(a)) for a in case.arrays)
        other = case.on(arrays, label)
        outputs = _attempt(subject, other)
        same(subject, other, "output", outputs[0], arrange(examined.outputs[0]), None)
        v = (frozen(arrange(examined.cotangents[0])),)
        for i, g in subject.pull(other, outputs, v).items():
            same(subject, other, "gradient", g, arrange(examined.grads[i]), i)
    return len(arrangements)


def _attempt(subject: OpUnderTest, case: CheckCase) -> tuple[Array, ...]:
    try:
        return subject.forward(case)
    except RegistrationError:
        raise
    except Exception as error:
        raise not_elementwise(subject, case, f"it cannot take these shapes: {type(error).__name__}: {error}") from error


def same(subject: OpUnderTest, case: CheckCase, what: str, actual: Array, expected: Array, index: int | None) -> None:
    """Refuse an output or gradient that is another than for the same numbers in a 1-d array."""
    argument = "" if index is None else subject.name(index)
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        raise refuse(
            InvalidRule, subject.op,
            f"its {what} is {actual.shape} {actual.dtype} where {expected.shape} {expected.dtype} is due",
            case=case, argument=argument, remedy="the shape and layout of the arguments must not matter",
        )  # fmt: skip
    if identical(actual, expected):
        return
    size = np.where(np.isfinite(expected), np.abs(expected), 0.0)
    allowed = 1e-9 * size + 1e-12 * np.max(size, initial=0.0)
    gap = np.where((actual == expected) | (np.isnan(actual) & np.isnan(expected)), 0.0, np.abs(actual - expected))
    if np.any(~(gap <= allowed)):
        k = np.unravel_index(int(np.argmax(np.where(np.isnan(gap), np.inf, gap - allowed))), gap.shape)
        at = "" if index is None else f" at {argument} = {float(case.arrays[index][k]):.6g}"
        here, due = told_apart(float(actual[k]), float(expected[k]))
        raise refuse(
            InvalidRule if index is None else GradientMismatch, subject.op,
            f"its {what}{at} is {here} for this layout, but {due} for the same "
            "numbers in a 1-d array, where it was compared with differences",
            case=case, argument=argument, remedy="the shape and layout of the arguments must not matter",
        )  # fmt: skip


def check_broadcasts(
    subject: OpUnderTest, rng: SeededRandom, kwargs: Mapping[str, object], seed: int, thorough: bool
) -> int:
    """Refuse what differs from the result for arguments that are broadcast beforehand."""
    variadic = subject.op.arguments[-1].variadic
    counts = [len(subject.op.arguments) + more for more in ((1, 2) if thorough and variadic else (int(variadic),))]
    checks = 0
    for shapes in (s for count in counts if count > 1 for s in broadcasts(count, thorough)):
        checks += 1
        case = CheckCase(draw(subject.op, rng, shapes), kwargs, "broadcast", seed)
        full = np.broadcast_shapes(*shapes)
        wide = case.on(tuple(frozen(np.broadcast_to(a, full).copy()) for a in case.arrays))
        outputs, expected = _attempt(subject, case), _attempt(subject, wide)
        same(subject, case, "output", outputs[0], expected[0], None)
        v = subject.cotangents(rng, outputs)
        beforehand = subject.pull(wide, expected, v)
        for i, g in subject.pull(case, outputs, v).items():
            same(subject, case, "gradient", g, _summed(beforehand[i], g.shape), i)
    return checks


def broadcast_case(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> EvaluatedCase:
    """Gradients for arguments that broadcast, for the check of second order."""
    one, rest = BROADCASTS[1]
    shapes = (one, *(rest for _ in subject.op.arguments[1:]))
    case = CheckCase(draw(subject.op, rng, shapes), examined.case.kwargs, "broadcast", examined.case.seed)
    return subject.run(case, rng)


def _summed(g: Array, shape: Shape) -> Array:
    lead = g.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + k for k, n in enumerate(shape) if n == 1 and g.shape[lead + k] != 1)
    total: Array = np.sum(g, axis=axes).reshape(shape)
    return total
