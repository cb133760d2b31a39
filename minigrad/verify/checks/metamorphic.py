"""The structure sweep for ops that are not elementwise.

Layouts, dtypes, shared arguments, claims.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, islice

import numpy as np

from minigrad.core.errors import GradientMismatch, InvalidRule, RegistrationError
from minigrad.core.types import Array
from minigrad.verify.cases import draw, structure_shapes
from minigrad.verify.checks.directional_check import examine
from minigrad.verify.declare import declaration_of
from minigrad.verify.derived_cases import whole_numbers
from minigrad.verify.refusal import CheckCase, refuse, worst_entry
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, identical, natural_scale, raised_by_rule

_F32 = 2e-2
"""Share by which a float32 gradient may differ from the float64 one.

A quarter of the entries may exceed a tenth of it.
"""

_EPS_FLOOR = 64.0 * float(np.finfo(np.float64).eps)
"""Round-off that a rule may carry whatever its value, in units of |v| max|x|."""

_TAME = 1e6
"""Gradients up to this are compared where rows are equal: matrices may be singular there."""

_NEIGHBOURS = 6
_EPS32 = float(np.finfo(np.float32).eps)


def repeat_layouts(subject: OpUnderTest, examined: EvaluatedCase, thorough: bool) -> int:
    """Refuse gradients that change with the memory layout of the arguments or of g."""
    case = examined.case
    layouts = _LAYOUTS if thorough else _LAYOUTS[:1]
    floor = _EPS_FLOOR * natural_scale(case, examined.cotangents, examined.grads)
    for label, relaid, relaid_g in layouts:
        other = case.on(tuple(frozen(relaid(a)) for a in case.arrays), f"{case.label}, {label}")
        outputs = subject.forward(other)
        for actual, expected in zip(outputs, examined.outputs, strict=True):
            _repeats(subject, other, actual, expected, None)
        v = tuple(frozen(relaid_g(c)) for c in examined.cotangents)
        for i, g in subject.pull(other, outputs, v).items():
            _repeats(subject, other, g, examined.grads[i], i, floor=floor)
    return len(layouts)


def repeat_expanded(subject: OpUnderTest, examined: EvaluatedCase) -> int:
    """Refuse gradients that change where equal rows are one row, expanded.

    Its axes step by 0 bytes, as those of `np.broadcast_to` do.
    """
    case = examined.case
    domains = [_domain(subject, i) for i in examined.grads]
    if declaration_of(subject.op).samples is not None or any(getattr(d, "matrix", False) for d in domains):
        return 0
    views = tuple(
        frozen(np.broadcast_to(a[:1], a.shape)) if i in examined.grads and a.ndim else a
        for i, a in enumerate(case.arrays)
    )
    whole = case.on(tuple(frozen(a.copy()) for a in views), "equal rows")
    other = case.on(views, f"{case.label}, arguments that are one row expanded")
    try:
        expected, outputs = subject.forward(whole), subject.forward(other)
        due, actual = (subject.pull(c, y, examined.cotangents) for c, y in ((whole, expected), (other, outputs)))
    except RegistrationError as error:
        if not raised_by_rule(error):
            raise
        return 0
    except Exception:  # equal rows are not in its domain
        return 0
    floor = _EPS_FLOOR * natural_scale(case, examined.cotangents, examined.grads)
    for i, g in actual.items():
        if np.isfinite(due[i]).all() and (np.abs(due[i]) < _TAME).all():
            _repeats(subject, other, g, due[i], i, floor=floor)
    return 1


def _same_layout(a: Array) -> Array:
    return a


def _fortran(a: Array) -> Array:
    return a.copy(order="F")


def _reversed(a: Array) -> Array:
    if a.ndim == 0:
        return a.copy()
    flipped: Array = np.ascontiguousarray(a[::-1, ..., ::-1] if a.ndim > 1 else a[::-1])
    return flipped[::-1, ..., ::-1] if a.ndim > 1 else flipped[::-1]


def _narrow(a: Array) -> Array:
    """A part of a wider array, as a concatenation passes on to each of its parts."""
    if a.ndim == 0:
        return a.copy()
    wide = np.full((*a.shape[:-1], a.shape[-1] + 3), 7, a.dtype)
    wide[..., 1:-2] = a
    return wide[..., 1:-2]


_LAYOUTS: tuple[tuple[str, Callable[[Array], Array], Callable[[Array], Array]], ...] = (
    ("arguments and g in Fortran order", _fortran, _fortran),
    ("arguments with reversed strides", _reversed, _same_layout),
    ("g with reversed strides", _same_layout, _reversed),
    ("g in Fortran order", _same_layout, _fortran),
    ("arguments and g that are parts of wider arrays", _narrow, _narrow),
)


_LAYOUT = ("with the memory layout of the arguments", "index by axis, not by position in memory (ravel, view)")
_INTEGERS = ("when an argument comes as integers of the same values", "cast what must be real: x.astype(g.dtype)")
_SHARED = ("when one array is passed for two arguments", "no comparison of arguments by identity (is, id)")


def _repeats(
    subject: OpUnderTest,
    case: CheckCase,
    actual: Array,
    expected: Array,
    index: int | None,
    cause: tuple[str, str] = _LAYOUT,
    floor: float = 0.0,
) -> None:
    if actual.shape == expected.shape and identical(actual, expected):
        return
    size = np.where(np.isfinite(expected), np.abs(expected), 0.0)
    allowed = 1e-9 * size + 1e-11 * np.max(size, initial=0.0) + floor
    if actual.shape == expected.shape and np.all(np.abs(actual - expected) <= allowed):
        return
    argument = "" if index is None else subject.name(index)
    worst = None
    if index is not None and actual.shape == expected.shape:
        worst = worst_entry(argument, case.arrays[index], actual, expected, allowed + 1e-300, "due is")
    raise refuse(
        GradientMismatch if index is not None else InvalidRule, subject.op,
        f"its {'gradient' if index is not None else 'output'} changes {cause[0]}",
        case=case, argument=argument, worst=worst, remedy=cause[1],
    )  # fmt: skip


def repeat_float32(subject: OpUnderTest, examined: EvaluatedCase) -> int:
    """float32 in must give float32 out and float32 gradients of about the same values."""
    case = examined.case
    if subject.casts or not any(a.dtype == np.float64 for a in case.arrays):
        return 0
    arrays = tuple(frozen(a.astype(np.float32)) if a.dtype == np.float64 else a for a in case.arrays)
    other = case.on(arrays, f"{case.label}, float32")
    outputs = subject.forward(other)
    for o, expected in zip(outputs, examined.outputs, strict=True):
        if expected.dtype == np.float64 and o.dtype != np.float32:
            raise refuse(
                InvalidRule, subject.op, f"its forward function turns float32 into {o.dtype}", case=other,
                remedy="Python scalars keep the dtype; np.float64 scalars and np.ones(...) do not",
            )  # fmt: skip
    v = tuple(frozen(c.astype(o.dtype)) for c, o in zip(examined.cotangents, outputs, strict=True))
    for i, g in subject.pull(other, outputs, v).items():
        _near_float64(subject, examined, other, i, np.asarray(g, dtype=np.float64))
    return 1


def _near_float64(subject: OpUnderTest, examined: EvaluatedCase, other: CheckCase, i: int, g: Array) -> None:
    """Refuse float32 gradients that are further from float64 than rounding explains.

    Samples are exact in float32, so a difference is rounding, times what the rule makes of it.
    """
    expected = examined.grads[i]
    size = np.abs(expected)
    if (np.abs(g - expected) <= 0.1 * _F32 * size).all():
        return
    floor = 64.0 * _EPS32 * (np.max(size, initial=0.0) + natural_scale(examined.case, examined.cotangents, [i]))

    def outside(slack: Array | float) -> Array:
        gap = np.where(size < 1e37, np.abs(g - expected), 0.0)
        allowed: Array = _F32 * size + floor + slack
        few = np.mean(~(gap <= 0.1 * _F32 * size + floor + slack)) > 0.25 if g.size else False
        return ~(gap <= allowed) | few

    if not np.any(outside(0.0)):
        return
    arrays = tuple(frozen(_nudged(a)) if a.dtype == np.float64 else a for a in examined.case.arrays)
    nudged = examined.case.on(arrays)
    sensitive = np.abs(subject.pull(nudged, subject.forward(nudged), examined.cotangents)[i] - expected)
    wrong = outside(16.0 * np.nan_to_num(sensitive))
    if np.any(wrong):
        raise refuse(
            GradientMismatch, subject.op, "its float32 gradient is not near its float64 gradient", case=other,
            argument=subject.name(i),
            worst=worst_entry(subject.name(i), other.arrays[i], g, expected, _F32 * size + floor, "due is"),
            remedy="the rule must not depend on the dtype of its arguments",
        )  # fmt: skip


def check_float32_bias(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> int:
    """Refuse a float32 gradient that is off by the same share at all neighbouring numbers.

    Rounding goes up and down as the arguments move; what it leaves in common is no more than a few ulps.
    """
    case = examined.case
    if subject.casts or not all(a.dtype in (np.float64, np.int64, np.bool_) for a in case.arrays):
        return 0
    shares: dict[int, list[Array]] = {i: [] for i in examined.grads}
    for _ in range(_NEIGHBOURS):
        factor = 1.0 + 2.0**-8 * float(rng.uniform((1,))[0])
        narrow = tuple(frozen((a * factor).astype(np.float32)) if a.dtype == np.float64 else a for a in case.arrays)
        wide = tuple(frozen(a.astype(np.float64)) if a.dtype == np.float32 else a for a in narrow)
        due = subject.pull(case.on(wide), subject.forward(case, wide), examined.cotangents)
        outputs = subject.forward(case, narrow)
        v = tuple(frozen(c.astype(o.dtype)) for c, o in zip(examined.cotangents, outputs, strict=True))
        for i, g in subject.pull(case.on(narrow), outputs, v).items():
            gap = np.asarray(g, dtype=np.float64) - due[i]
            scale = np.max(np.abs(due[i]), initial=0.0) + natural_scale(case, examined.cotangents, [i])
            told = np.isfinite(due[i]) & (np.abs(due[i]) < 1e37) & (np.abs(gap) > 64.0 * _EPS32 * scale)
            shares[i].append(np.where(told, gap / np.where(due[i] == 0.0, 1.0, due[i]), 0.0))
    for i, each in shares.items():
        low, high = np.min(each, axis=0), np.max(each, axis=0)
        least = np.where(low > 0.0, low, np.where(high < 0.0, -high, 0.0))
        wrong = (least > 256.0 * _EPS32) & (least > 8.0 * (high - low))
        if wrong.any():
            k = int(np.argmax(np.where(wrong, least, 0.0)))
            raise refuse(
                GradientMismatch, subject.op,
                f"in float32 its gradient is off by {100.0 * float(least.flat[k]):.2g} % wherever its arguments are "
                f"moved to near {subject.name(i)} = {float(case.arrays[i].flat[k]):.6g}: more than rounding is",
                case=case, argument=subject.name(i), remedy="the rule must not depend on the dtype of its arguments",
            )  # fmt: skip
    return 1


def repeat_mixed(subject: OpUnderTest, examined: EvaluatedCase) -> int:
    """Refuse another gradient for an argument in float32 beside float64 ones."""
    case = examined.case
    due = list(examined.grads)
    if len(due) < 2 or subject.casts:
        return 0
    for i in due:
        arrays = tuple(frozen(a.astype(np.float32)) if k == i else a for k, a in enumerate(case.arrays))
        other = case.on(arrays, f"{case.label}, {subject.name(i)} in float32")
        outputs = subject.forward(other)
        v = tuple(frozen(c.astype(o.dtype)) for c, o in zip(examined.cotangents, outputs, strict=True))
        for j, g in subject.pull(other, outputs, v).items():
            _near_float64(subject, examined, other, j, np.asarray(g, dtype=np.float64))
    return len(due)


def repeat_integers(subject: OpUnderTest, examined: EvaluatedCase) -> tuple[int, list[str]]:
    """Refuse other gradients where one argument comes as integers."""
    case = examined.case
    due = list(examined.grads)
    refused: list[str] = []
    # Whole numbers beside samples of the author's own may lie outside of what these stay inside.
    for i in due if len(due) > 1 and not subject.casts and declaration_of(subject.op).samples is None else ():
        if getattr(_domain(subject, i), "kind", "") not in ("real", "positive", "nonzero"):
            continue
        whole = whole_numbers(case.arrays[i])
        label = f"{subject.name(i)} in integers"
        one, two = (
            case.on(tuple(frozen(a) if k == i else b for k, b in enumerate(case.arrays)), label)
            for a in (whole, whole.astype(np.float64))
        )
        try:
            outputs, expected = subject.forward(one), subject.forward(two)
            v = subject.cotangents(SeededRandom(case.seed), expected)
            actual = subject.pull(one, outputs, v)
        except RegistrationError as error:
            if not raised_by_rule(error):
                raise
            refused.append(f"{label}: the rule raises {type(error.__cause__).__name__}")
            continue
        except Exception as error:
            refused.append(f"{label}: {type(error).__name__}: {error}")
            continue
        beforehand = subject.pull(two, expected, v)
        for k, g in actual.items():
            _repeats(subject, one, g, beforehand[k], k, _INTEGERS, _EPS_FLOOR * natural_scale(two, v, due))
    return len(due), refused


def _nudged(a: Array) -> Array:
    """Move entries by a few float32 ulps, alternately up and down.

    No invariance of the function hides it.
    """
    return a * (1.0 + 4.0 * _EPS32 * (1.0 - 2.0 * (np.arange(a.size) % 2).reshape(a.shape)))


def repeat_shared(subject: OpUnderTest, examined: EvaluatedCase) -> int:
    """Refuse other gradients where one array is passed for two arguments."""
    due = list(examined.grads)
    checks = 0
    for i, j in islice(combinations(due, 2), 6):
        a = examined.case.arrays[i]
        if examined.case.arrays[j].shape != a.shape or _domain(subject, i) != _domain(subject, j):
            continue
        shared = list(examined.case.arrays)
        shared[j] = a
        apart = [*shared]
        apart[j] = frozen(a.copy())
        one = examined.case.on(tuple(shared), f"{examined.case.label}, same array twice")
        two = one.on(tuple(apart))
        outputs = subject.forward(two)
        v = subject.cotangents(SeededRandom(examined.case.seed), outputs)
        expected = subject.pull(two, outputs, v)
        for k, g in subject.pull(one, subject.forward(one), v).items():
            _repeats(subject, one, g, expected[k], k, _SHARED, _EPS_FLOOR * natural_scale(two, v, due))
        checks += 1
    return checks


def _domain(subject: OpUnderTest, index: int) -> object:
    return declaration_of(subject.op).domain(index)


def sweep_shapes(
    subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom, thorough: bool
) -> tuple[list[EvaluatedCase], list[str]]:
    """Compare 0-d, one-element, empty and broadcast shapes with differences.

    Returns these cases, and those that the op itself refuses.
    """
    evaluated: list[EvaluatedCase] = []
    refused: list[str] = []
    for label, shapes in structure_shapes(subject.op, thorough):
        case = CheckCase(draw(subject.op, rng, shapes), examined.case.kwargs, label, examined.case.seed)
        try:
            outputs = subject.forward(case)
        except RegistrationError:
            raise
        except Exception as error:
            refused.append(f"{label}: {type(error).__name__}: {error}")
            continue
        if label == "empty" and not all(np.all(np.isfinite(o)) for o in outputs):
            refused.append("empty: the output is not finite")
            continue
        evaluated.append(examine(subject, case, rng, redraw=True, quick=not thorough))
    return evaluated, refused


def check_linear(subject: OpUnderTest, examined: EvaluatedCase) -> int:
    """The claim linear=True.

    f(2x - 3z) = 2 f(x) - 3 f(z) in all differentiable arguments together.
    """
    case = examined.case
    due = set(subject.differentiable(case))
    other = [frozen(a[..., ::-1] * 0.5 + 0.25) if i in due and a.ndim else a for i, a in enumerate(case.arrays)]
    pairs = zip(case.arrays, other, strict=True)
    mixed = [frozen(2.0 * a - 3.0 * z) if i in due else a for i, (a, z) in enumerate(pairs)]
    left = subject.forward(case, mixed)
    for actual, x, z in zip(left, examined.outputs, subject.forward(case, other), strict=True):
        expected = 2.0 * x - 3.0 * z
        if np.any(np.abs(actual - expected) > 1e-10 * (1.0 + np.max(np.abs(expected), initial=0.0))):
            raise refuse(
                InvalidRule, subject.op, "it claims linear=True, but f(2x - 3z) is not 2 f(x) - 3 f(z)", case=case,
                remedy="drop the claim",
            )  # fmt: skip
    return 1
