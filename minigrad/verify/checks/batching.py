"""Batching and accumulation rules.

Against one value after the other, and against the vector-Jacobian rule.

Both are short cuts that the engine takes in the place of something that is checked already, so they must give the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np

from minigrad.core.errors import InconclusiveCheck, InvalidRule, RegistrationError
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array
from minigrad.runtime.batch_rules import has_batch_rule
from minigrad.verify.cases import difference_cases
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase, refuse
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, is_plain_array

_COUNTS = (3, 5, 2, 7, 11, 13)
"""Lengths of stacks, of which a case takes the first that none of its axes has.

So a mistaken axis shows.
"""

_MOST_PATTERNS = 7
"""Choices of arguments that are stacks: all of them for up to three arguments."""

_REMEDY = "return the outputs of all values stacked along a first axis, or None where there is no better way"


def check_batching(subject: OpUnderTest, cases: Iterable[CheckCase], seed: int) -> int | None:
    """Compare the batching rule with the op applied to one value after the other.

    Args:
        subject: the op.
        cases: shapes and keyword arguments to try; the numbers of a stack are drawn anew.
        seed: of these numbers.

    Returns:
        The number of stacks compared; None for an op without a batching rule of its own.

    Raises:
        InvalidRule: the rule raises, gives another shape, dtype or value, or something else on Tensors than on arrays.
        InconclusiveCheck: the rule was not met by any case.
    """
    op = subject.op
    if not has_batch_rule(op):
        return None
    rng = SeededRandom(seed ^ 0x1F123BB5)
    compared = 0
    for case in cases:
        lengths = {n for a in case.arrays for n in a.shape}
        count = next(n for n in _COUNTS if n not in lengths)
        values = _other_values(op, case, count, rng)
        if values is None:
            continue
        patterns = [p for p in product((True, False), repeat=len(case.arrays)) if any(p)][:_MOST_PATTERNS]
        for batched in patterns:
            compared += _compare(subject, case, batched, values)
        narrow = case.on(_narrowed(case.arrays), f"{case.label}, float32")
        for batched in patterns[:1] if case.derived else patterns:
            compared += _compare(subject, narrow, batched, [_narrowed(arrays) for arrays in values])
    if not compared:
        raise refuse(
            InconclusiveCheck, op, "no case meets its batching rule: it returned None, or samples differ in shape",
            remedy="declare params= and shapes= (or samples= of equal shapes) that the rule is for, or drop the rule",
        )  # fmt: skip
    return compared


def batching_cases(op: Op, seed: int) -> Iterator[CheckCase]:
    """The declared cases of an op, which are those that its rule is for."""
    return difference_cases(op, seed, thorough=False)


def _narrowed(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(frozen(a.astype(np.float32)) if a.dtype == np.float64 else a for a in arrays)


def _other_values(op: Op, case: CheckCase, count: int, rng: SeededRandom) -> list[tuple[Array, ...]] | None:
    """Draw `count` sets of arguments of the shapes and dtypes of a case.

    None where samples of other seeds have others.
    """
    declaration = declaration_of(op)
    if declaration.samples is None:
        drawn = [[_draw(op, i, a, rng) for i, a in enumerate(case.arrays)] for _ in range(count)]
        return [tuple(arrays) for arrays in drawn]
    sets: list[tuple[Array, ...]] = []
    shapes = [a.shape for a in case.arrays]
    for k in range(1, 4 * count):
        for sample in declaration.samples(np.random.default_rng(case.seed + k)):
            alike = [np.shape(a) for a in sample.arrays] == shapes
            if alike and len(sets) < count and op.bind_kwargs(sample.metadata) == case.kwargs:
                pairs = zip(sample.arrays, case.arrays, strict=True)
                sets.append(tuple(frozen(np.array(a, dtype=b.dtype)) for a, b in pairs))
    return sets if len(sets) == count else None


def _draw(op: Op, index: int, like: Array, rng: SeededRandom) -> Array:
    domain = declaration_of(op).domain(index)
    assert domain is not None  # an op without samples has one for each argument
    return frozen(domain.draw(rng, like.shape).astype(like.dtype))


def _compare(subject: OpUnderTest, case: CheckCase, batched: tuple[bool, ...], values: list[tuple[Array, ...]]) -> int:
    op, first = subject.op, values[0]
    calls = [tuple(v if b else a for v, a, b in zip(vs, first, batched, strict=True)) for vs in values]
    try:
        outputs = [subject.forward(case, arrays) for arrays in calls]
    except RegistrationError:
        raise
    except Exception:  # these numbers the op itself refuses
        return 0
    operands = [frozen(np.stack([arrays[i] for arrays in values])) if b else first[i] for i, b in enumerate(batched)]
    case = case.on(tuple(operands), f"batching, {case.label}, stacks {[i for i, b in enumerate(batched) if b]}")
    result = _call(op, case, batched, operands)
    if result is None:
        return 0
    results = result if isinstance(result, tuple) else (result,)
    expected = [np.stack(parts) for parts in zip(*outputs, strict=True)]
    if len(results) != len(expected):
        raise _refused(op, f"returns {len(results)} outputs in the place of {len(expected)}", case)
    for y, due in zip(results, expected, strict=True):
        _same(op, case, y, due)
    if not any(a.dtype.kind == "f" for a in operands):
        return 1
    with mode_override(grad=True, interceptor=False):
        tensors = _call(op, case, batched, [Tensor(a) if a.dtype.kind == "f" else a for a in operands])
    for y, due in zip(tensors if isinstance(tensors, tuple) else (tensors,), expected, strict=True):
        if not isinstance(y, Tensor):
            raise _refused(op, f"returns {type(y).__name__} for Tensors: use library ops on them", case)
        _same(op, case, as_array(y), due)
    return 1


def _call(op: Op, case: CheckCase, batched: tuple[bool, ...], operands: Sequence[Array | Tensor]) -> object:
    alone = len(op.arguments) == 1 and not op.arguments[0].variadic
    rule = op.batch_rule or op
    try:
        return rule(*(() if alone else (batched,)), *operands, **case.kwargs)
    except RegistrationError:
        raise
    except Exception as error:
        raise _refused(op, f"raises {type(error).__name__}: {error}", case) from error


def _same(op: Op, case: CheckCase, y: object, expected: Array) -> None:
    if not is_plain_array(y):
        raise _refused(op, f"returns {type(y).__name__}, not an array", case)
    if y.shape != expected.shape:
        raise _refused(op, f"returns shape {y.shape}; one value after the other gives {expected.shape}", case)
    if y.dtype != expected.dtype:
        raise _refused(op, f"returns dtype {y.dtype}; one value after the other gives {expected.dtype}", case)
    if expected.dtype.kind != "f":
        agree = np.array_equal(y, expected)
    else:
        close = 64.0 * float(np.finfo(expected.dtype).eps) * max(1, expected.size) ** 0.5
        largest = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
        agree = np.allclose(y, expected, rtol=close, atol=close * largest, equal_nan=True)
    if not agree:
        gap = np.abs(np.asarray(y, dtype=np.float64) - expected)
        place = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.nan_to_num(gap, nan=np.inf))), gap.shape))
        values = f"gives {float(y[place]):.8g} at {list(place)}; one value after the other {float(expected[place]):.8g}"
        raise _refused(op, values, case)


def _refused(op: Op, problem: str, case: CheckCase) -> RegistrationError:
    return refuse(InvalidRule, op, f"its batching rule {problem}", case=case, remedy=_REMEDY)


def check_accumulation(subject: OpUnderTest, examined: Iterable[EvaluatedCase], seed: int) -> int:
    """Compare the accumulation rule with adding what the vector-Jacobian rule gives.

    Returns how often.

    Raises:
        InvalidRule: it adds something else, or touches the array and says that it has not.
        InconclusiveCheck: it was not met by any case.
    """
    op = subject.op
    if op.accumulate_rule is None:
        return 0
    rng, met, compared = SeededRandom(seed ^ 0x3C6EF372), 0, 0
    for e in examined:
        before = rng.signed_magnitudes(e.case.arrays[0].shape)
        total = before.copy()
        try:
            done = op.accumulate_rule(total, e.cotangents[0], **e.case.kwargs)
        except Exception as error:
            raise _wrong_sum(op, f"raises {type(error).__name__}: {error}", e.case) from error
        if not isinstance(done, bool):
            raise _wrong_sum(op, f"returns {type(done).__name__}, not True or False", e.case)
        expected = before + e.grads[0] if done else before
        if not np.allclose(total, expected, rtol=1e-12, atol=1e-12 * np.max(np.abs(expected), initial=0.0)):
            what = "adds something else than the vector-Jacobian rule gives" if done else "adds, and returns False"
            raise _wrong_sum(op, what, e.case)
        met, compared = met + done, compared + 1
    if not met:
        raise refuse(
            InconclusiveCheck, op, "its accumulation rule returned False in all cases",
            remedy="declare params= that it is for, or drop it",
        )  # fmt: skip
    return compared


def _wrong_sum(op: Op, problem: str, case: CheckCase) -> RegistrationError:
    return refuse(
        InvalidRule, op, f"its accumulation rule {problem}", case=case,
        remedy="add the gradient of the argument in place and return True, or return False and touch nothing",
    )  # fmt: skip
