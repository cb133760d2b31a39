"""Numbers far from and near to zero, beyond those the domains are sampled from.

Guards against overflow, epsilons and caps sit there: a rule that clips its argument at 10, or adds 1e-8 to a divisor,
is right at all moderate numbers. Only a contradiction counts here; that a function is saturated or noisy far out is
not the rule's fault.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.types import Array
from minigrad.verify.cases import base_shapes, draw, fixed_shape
from minigrad.verify.declare import declaration_of
from minigrad.verify.directional_check import directions, locate_error, project
from minigrad.verify.entrywise_check import entrywise, locate_entry_error
from minigrad.verify.purity import refuse_not_finite
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen

_SIZES = (2.0**-30, 2.0**-20, 2.0**-14, 12.0, 20.0, 40.0, 100.0, 400.0, 1000.0)
_SCALES = (2.0**-26, 2.0**-13, 2.0**4, 2.0**8)
_HUGE = 2.0**900
"""Where values are larger, slopes that are right may overflow.

6**b has one at b = 396 that no float64 can hold.
"""

_UNBOUNDED = frozenset(("real", "positive", "nonzero", "distinct"))
_SIGNED = frozenset(("real", "nonzero", "distinct"))


def check_far(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> int:
    """Compare the rules with differences at numbers of other sizes.

    Returns how many comparisons were made.
    """
    op = subject.op
    if op.claims.piecewise_constant or declaration_of(op).samples is not None or not examined.grads:
        return 0
    far = [i for i in examined.grads if _kind(subject, i) in _UNBOUNDED]
    if subject.is_entrywise:
        return sum(_entries(subject, examined.case, i, rng) for i in far)
    if fixed_shape(op) or not far:
        return 0
    return sum(_whole(subject, examined.case, far, scale, rng) for scale in _SCALES)


def _kind(subject: OpUnderTest, index: int) -> str:
    domain = declaration_of(subject.op).domain(index)
    return "" if domain is None else domain.kind


def _entries(subject: OpUnderTest, case: CheckCase, index: int, rng: SeededRandom) -> int:
    sizes = np.array(_SIZES) * (1.0 + 0.125 * np.floor(4.0 * rng.uniform((len(_SIZES),))) / 4.0)
    x = np.concatenate([sizes, -sizes]) if _kind(subject, index) in _SIGNED else sizes
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
    return 1


def _whole(subject: OpUnderTest, case: CheckCase, far: list[int], scale: float, rng: SeededRandom) -> int:
    drawn = draw(subject.op, rng, _shapes(subject, case))
    arrays = [frozen(a * scale) if i in far else a for i, a in enumerate(drawn)]
    outputs = _outputs(subject, case, arrays)
    if outputs is None or not all((np.abs(o) < _HUGE).all() for o in outputs):
        return 0
    here = case.on(tuple(arrays), f"numbers times 2**{int(np.log2(scale))}")
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
