"""Numbers far from and near to zero, beyond those the domains are sampled from.

Guards against overflow, epsilons and caps sit there: a rule that clips its argument at 10, or adds 1e-8 to a divisor,
is right at all moderate numbers. Only a contradiction counts here; that a function is saturated or noisy far out is
not the rule's fault.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.core.errors import GradientMismatch, RegistrationError
from minigrad.core.types import Array
from minigrad.verify.cases import base_shapes, draw
from minigrad.verify.checks.entrywise_check import entrywise, locate_entry_error
from minigrad.verify.checks.locate import locate_error
from minigrad.verify.checks.projection import directions, project
from minigrad.verify.checks.purity import refuse_not_finite
from minigrad.verify.declare import Domain, declaration_of
from minigrad.verify.refusal import CheckCase, refuse, worst_entry
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen

_SIZES = (*(2.0**k for k in range(-30, -9)), *(2.0 ** (k / 8) for k in range(24, 81)))
"""Sizes without gaps: an eighth of an octave apart where numbers are large."""

_BELOW_OVERFLOW = (84.875, 85.0, 85.125)
"""Where exp of a number can be held in float32, and exp times the number cannot."""

_SPREAD = 2.0**-20 * 0.75
"""Share of a size that it is moved by, times up to 2**17: to the next one at most."""

_SCALES = (2.0**-26, 2.0**-20, 2.0**-13)
_OCTAVES = range(3, 10)
"""Octaves of large numbers, from 8 to 1024, that arrays are drawn from without gaps."""

_HUGE = 2.0**900
"""Where values are larger, slopes that are right may overflow.

6**b has one at b = 396 that no float64 can hold.
"""

_HUGE32 = 1e37
_UNBOUNDED = frozenset(("real", "positive", "nonzero", "distinct"))
_SIGNED = frozenset(("real", "nonzero", "distinct"))


def check_far(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom, thorough: bool = True) -> int:
    """Compare the rules with differences at numbers of other sizes.

    Args:
        subject: the op.
        examined: what its rules were compared on, whose shapes and options are kept.
        rng: source of the numbers.
        thorough: whether arrays are drawn from each scale and octave, or from every third, another at each call.

    Returns:
        How many comparisons were made.
    """
    op = subject.op
    if op.claims.piecewise_constant or declaration_of(op).samples is not None or not examined.grads:
        return 0
    far = [i for i in examined.grads if _kind(subject, i) in _UNBOUNDED]
    if subject.is_entrywise:
        return sum(_entries(subject, examined.case, i, rng) for i in far)
    if not far or any(d is not None and d.matrix for d in declaration_of(op).domains):
        return 0
    start, every = (0, 1) if thorough else (int(rng.permutation(3)[0]), 3)
    small = sum(_scaled(subject, examined.case, far, scale, rng) for scale in _SCALES[start::every])
    return small + sum(_octave(subject, examined.case, far, octave, rng) for octave in _OCTAVES[start::every])


def _kind(subject: OpUnderTest, index: int) -> str:
    domain = declaration_of(subject.op).domain(index)
    return "" if domain is None else domain.kind


def sizes_to_try(domain: Domain, rng: SeededRandom) -> Array:
    """Numbers of a domain that are smaller and larger than its samples.

    None where it is bounded.
    """
    if domain.kind not in _UNBOUNDED:
        return np.zeros(0)
    # Not whole multiples of one another, or a remainder would stand on the edge of its jump; small ones fit float32.
    sizes = np.array(_SIZES) * (1.0 + np.floor(2.0**17 * rng.uniform((len(_SIZES),))) * _SPREAD)
    sizes = np.append(sizes, _BELOW_OVERFLOW)
    return np.concatenate([sizes, -sizes]) if domain.kind in _SIGNED else sizes


def _entries(subject: OpUnderTest, case: CheckCase, index: int, rng: SeededRandom) -> int:
    domain = declaration_of(subject.op).domain(index)
    assert domain is not None
    x = sizes_to_try(domain, rng)
    arrays = list(draw(subject.op, rng, (x.shape,) * len(case.arrays)))
    arrays[index] = frozen(x)
    outputs = _outputs(subject, case, arrays)
    if outputs is None:
        return 0
    moderate = np.abs(outputs[0]) < _HUGE
    arrays = [frozen(a[moderate]) for a in arrays]
    here = case.on(tuple(arrays), f"{subject.name(index)} far from and near to zero")
    if not moderate.any():
        return 0
    e = subject.run(here, rng)
    refuse_not_finite(subject, e)
    u = directions(subject.op, here, rng, list(e.grads))
    if entrywise(subject, e, u, far=True).mismatch:
        raise locate_entry_error(subject, e, u)
    _refuse_overflow(subject, e)
    return 1


def _refuse_overflow(subject: OpUnderTest, e: EvaluatedCase) -> None:
    """Refuse NaN and infinity in float32 where float64 gives what float32 can hold."""
    if subject.casts:
        return
    arrays = tuple(frozen(a.astype(np.float32)) if a.dtype == np.float64 else a for a in e.case.arrays)
    case = e.case.on(arrays, f"{e.case.label}, float32")
    outputs = _outputs(subject, case, arrays)
    if outputs is None:
        return
    largest = np.max(np.abs(e.case.arrays), axis=0, initial=1.0)  # expm1(x) / x carries x times its value
    held = np.isfinite(outputs[0]) & (np.abs(e.outputs[0]) * largest < _HUGE32)
    v = tuple(frozen(c.astype(o.dtype)) for c, o in zip(e.cotangents, outputs, strict=True))
    for i, g in subject.pull(case, outputs, v).items():
        lost = held & ~np.isfinite(g) & (np.abs(e.grads[i]) < _HUGE32)
        if lost.any():
            name = subject.name(i)
            due = np.where(lost, e.grads[i], 0.0)
            raise refuse(
                GradientMismatch, subject.op, "in float32 its rule gives NaN or infinity where the function is finite",
                case=case, argument=name,
                worst=worst_entry(name, case.arrays[i], np.where(lost, g, 0.0), due, np.ones(due.shape), "due is"),
                remedy="find what overflows beyond 3e38: exp of 89 and more does",
            )  # fmt: skip


def _scaled(subject: OpUnderTest, case: CheckCase, far: list[int], scale: float, rng: SeededRandom) -> int:
    drawn = draw(subject.op, rng, _shapes(subject, case))
    arrays = [frozen(a * scale) if i in far else a for i, a in enumerate(drawn)]
    return _compared(subject, case.on(tuple(arrays), f"numbers times 2**{int(np.log2(scale))}"), rng)


def _octave(subject: OpUnderTest, case: CheckCase, far: list[int], octave: int, rng: SeededRandom) -> int:
    """Numbers spread evenly over an octave, with the signs of a usual draw."""
    drawn = draw(subject.op, rng, _shapes(subject, case))
    arrays = []
    for i, a in enumerate(drawn):
        if i in far:
            spread = (rng.permutation(a.size) + rng.uniform((a.size,))) / max(a.size, 1)
            a = frozen(
                (np.sign(a).ravel() * np.exp2(octave + spread)).astype(np.float32).astype(a.dtype).reshape(a.shape)
            )
        arrays.append(a)
    return _compared(subject, case.on(tuple(arrays), f"numbers of {2**octave} to {2 ** (octave + 1)}"), rng)


def _compared(subject: OpUnderTest, here: CheckCase, rng: SeededRandom) -> int:
    outputs = _outputs(subject, here, here.arrays)
    if outputs is None or not all((np.abs(o) < _HUGE).all() for o in outputs):
        return 0
    e = subject.run(here, rng, outputs)
    refuse_not_finite(subject, e)
    u = directions(subject.op, here, rng, list(e.grads))
    if project(subject, e, u, far=True).mismatch:
        raise locate_error(subject, e, u)
    return 1


def _shapes(subject: OpUnderTest, case: CheckCase) -> tuple[tuple[int, ...], ...]:
    return base_shapes(subject.op)[0] if declaration_of(subject.op).shapes else tuple(a.shape for a in case.arrays)


def _outputs(subject: OpUnderTest, case: CheckCase, arrays: Sequence[Array]) -> tuple[Array, ...] | None:
    try:
        return subject.forward(case, arrays)
    except RegistrationError:
        raise
    except Exception:  # numbers that the op refuses are not in its domain
        return None
