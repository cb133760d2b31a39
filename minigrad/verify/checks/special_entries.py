"""Numbers that stand out, for elementwise ops: by entry, and in arrays of nothing else.

One, two, a half and other round numbers, each several times: alone in an array, in rows of their own, in order, as the
smaller argument. What is right among random numbers has to be right there; corners are answered as corners are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.types import Array, IndexArray
from minigrad.verify.cases import draw
from minigrad.verify.checks.corners import check_between
from minigrad.verify.checks.entrywise_check import same
from minigrad.verify.declare import Domain, declaration_of
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen

_ROUND = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 0.5, 0.25, 0.1, 1.5, 2.5])
_TIMES = 3


def check_special_entries(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> int:
    """Compare the rules at numbers that stand out; returns how many comparisons were made."""
    checks = 0
    for i in examined.grads:
        domain = declaration_of(subject.op).domain(i)
        numbers = _numbers(domain) if domain is not None else np.zeros(0)
        if not numbers.size:
            continue
        x = np.repeat(numbers, _TIMES)
        arrays = list(draw(subject.op, rng, (x.shape,) * len(examined.case.arrays)))
        arrays[i] = frozen(x)
        e = _evaluated(subject, examined.case.on(tuple(arrays), f"{subject.name(i)} of round numbers"), rng)
        if e is None:
            continue
        check_between(subject, e, rng)
        checks += 1 + _repeated(subject, e, i)
    return checks


def _numbers(domain: Domain) -> Array:
    if domain.kind == "unit":
        return np.array([0.0, 0.5, -0.5, 0.25, -0.25, 0.75, -0.75])
    if domain.kind not in ("real", "distinct", "nonzero", "positive"):
        return np.zeros(0)
    signed = _ROUND if domain.kind == "positive" else np.concatenate([_ROUND, -_ROUND])
    return np.append(signed, [0.0, -0.0]) if domain.contains_zero else signed


def _evaluated(subject: OpUnderTest, case: CheckCase, rng: SeededRandom) -> EvaluatedCase | None:
    """Outputs and gradients where all are finite, or None."""
    try:
        outputs = subject.forward(case)
        good = np.isfinite(outputs[0])
        if not good.any():
            return None
        if not good.all():
            case = case.on(tuple(frozen(a[good]) for a in case.arrays))
            outputs = subject.forward(case)
    except RegistrationError:
        raise
    except Exception:  # numbers that the op refuses are not in its domain
        return None
    return subject.run(case, rng, outputs)


def _repeated(subject: OpUnderTest, e: EvaluatedCase, index: int) -> int:
    """Repeat the numbers in arrays that a special case may be meant for."""
    checks = 0
    for label, places in _selections(e, index):
        if subject.few_shapes and places.shape != e.case.arrays[index].shape:
            continue
        arrays = tuple(frozen(a[places]) for a in e.case.arrays)
        case = e.case.on(arrays, f"{subject.name(index)} {label}")
        outputs = subject.forward(case)
        same(subject, case, "output", outputs[0], e.outputs[0][places], None)
        for i, g in subject.pull(case, outputs, (frozen(e.cotangents[0][places]),)).items():
            same(subject, case, "gradient", g, e.grads[i][places], i)
        checks += 1
    return checks


def _selections(e: EvaluatedCase, index: int) -> Iterator[tuple[str, IndexArray]]:
    """Which entries to put together, as indices in the shape of the new array."""
    x = e.case.arrays[index]
    everything = np.arange(x.size)
    for value in (0.0, 1.0, -1.0):
        alone = everything[x == value]
        if alone.size:
            yield f"{value:g} throughout", alone
    zeros = everything[x == 0.0]
    if zeros.size:
        yield "with a single zero", np.concatenate([everything[x != 0.0], zeros[:1]])
    yield "of whole numbers", everything[x == np.rint(x)]
    yield "in rising order", np.argsort(x, kind="stable")
    yield "in falling order", np.argsort(-x, kind="stable")
    order, first = np.unique(x, return_index=True)
    yield "of unlike numbers in rising order", first
    yield "of unlike numbers in falling order", first[::-1]
    rows = [everything[x == value] for value in order]
    if min(map(len, rows)) >= _TIMES:
        table = np.array([row[:_TIMES] for row in rows])
        yield "in rows of equal numbers", table
        yield "in equal rows", table.T
    for k, other in enumerate(e.case.arrays):
        if k != index and other.shape == x.shape and other.dtype.kind == "f":
            yield "below another argument", everything[x < other]
            yield "above another argument", everything[x > other]
