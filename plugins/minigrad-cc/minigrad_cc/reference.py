"""What NumPy makes of a kernel, and how far a compiled one may be from it.

Arithmetic, square roots, comparisons and choices must give the same bits. The other functions are each within a few
units in the last place (`Function.ulp`); what becomes of such a difference in the steps that follow is computed beside
the numbers, as a running error bound: each step is repeated with its operands moved by their bounds (N. J. Higham,
"Accuracy and Stability of Numerical Algorithms", 2nd ed., section 3.3, with differences in place of derivatives).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from minigrad.typing import Array, BoolArray
from minigrad_cc.functions import FUNCTIONS, REDUCTIONS
from minigrad_cc.kernel import TYPES, KernelIR, KernelStep, Operand

__all__ = ["Difference", "Expected", "compared", "expected"]

_COMPARISONS = frozenset(("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"))
_SLACK = 2.0
"""Bounds are first order and taken one operand at a time."""
_NEAR_LARGEST = 1.0 - 2.0**-20


@attrs.frozen(eq=False)
class Expected:
    """A value by NumPy, and the bound on its distance from the compiled one.

    None where the bits must be the same.
    """

    value: Array
    bound: Array | None


@attrs.frozen
class Difference:
    """The entry that is furthest outside its bound.

    Attributes:
        write: number of the result.
        index: its place.
        ours: the number there.
        numpy: what NumPy computes.
        bound: how far apart the two may be.
    """

    write: int
    index: tuple[int, ...]
    ours: float
    numpy: float
    bound: float

    def __str__(self) -> str:
        allowed = f"{self.bound:.2g} apart at most" if self.bound else "the same bits"
        return f"result {self.write}{list(self.index)} is {self.ours!r}, NumPy says {self.numpy!r} ({allowed})"


def expected(kernel: KernelIR, arrays: Sequence[Array]) -> list[Expected]:
    """All results of a kernel, then its totals.

    `arrays`: what it reads, each broadcast to its grid.
    """
    ends = _ends(kernel)
    first = (
        Expected(a[..., :1] if operand.kind == "one" and kernel.rows else a, None)
        for operand, a in zip(kernel.reads, arrays, strict=True)
    )
    values_by_index = dict(enumerate(first))
    with np.errstate(all="ignore"):
        for n, step in enumerate(kernel.steps):
            values_by_index[len(kernel.reads) + n] = _step(step, [values_by_index[k] for k in step.operands])
            for k in ends.get(n, ()):
                del values_by_index[k]
        totals = [_total(function, values_by_index[k], kernel, where) for function, k, where in kernel.totals]
    return [*(values_by_index[k] for k, _ in kernel.writes), *totals]


def _ends(kernel: KernelIR) -> dict[int, list[int]]:
    """For each step the values that no step asks for after it."""
    last = {k: n for n, step in enumerate(kernel.steps) for k in step.operands}
    for k in (*(k for k, _ in kernel.writes), *(k for _, k, _ in kernel.totals)):
        last.pop(k, None)
    readers: dict[int, list[int]] = {}
    for k, n in last.items():
        readers.setdefault(n, []).append(k)
    return readers


def compared(ours: Sequence[Array], theirs: Sequence[Expected]) -> tuple[Difference | None, bool]:
    """Find the worst difference outside its bound, if any.

    And whether enough entries had a bound for this to mean much.
    """
    bounded = total = 0
    for n, (mine, e) in enumerate(zip(ours, theirs, strict=True)):
        actual, value, allowed = np.broadcast_arrays(mine, e.value, np.zeros(()) if e.bound is None else e.bound)
        free = ~np.isfinite(allowed)
        with np.errstate(all="ignore"):
            apart = np.abs(actual.astype(np.float64) - value.astype(np.float64))
            near = free | (apart <= allowed) | (actual == value) | ((actual != actual) & (value != value))
            if e.bound is not None:
                near = near | _both_huge(actual, value)
        if not near.all():
            index = np.unravel_index(int(np.argmin(near)), near.shape)
            place = tuple(int(i) for i in index)
            return Difference(n, place, float(actual[index]), float(value[index]), float(allowed[index])), True
        bounded, total = bounded + int(free.size - free.sum()), total + free.size
    return None, 2 * bounded >= total


def _both_huge(a: Array, b: Array) -> BoolArray:
    """Mark where one says infinity and the other a number next to the largest.

    The operands are one rounding apart.
    """
    if a.dtype.kind != "f":
        return np.zeros(a.shape, bool)
    edge = np.finfo(a.dtype).max * _NEAR_LARGEST
    huge: BoolArray = (np.abs(a) >= edge) & (np.abs(b) >= edge) & (np.sign(a) == np.sign(b))
    return huge


def _step(step: KernelStep, operands: Sequence[Expected]) -> Expected:
    if step.function in REDUCTIONS:
        return _reduction(step, operands[0])
    function = FUNCTIONS[step.function]
    operand_errors = [
        e.value if step.function == "where" and n == 0 else e.value.astype(TYPES[step.operand_type], copy=False)
        for n, e in enumerate(operands)
    ]
    value: Array = np.asarray(function.reference(*operand_errors)).astype(TYPES[step.type], copy=False)
    if not function.ulp and all(e.bound is None for e in operands):
        return Expected(value, None)
    bounds = [e.bound for e in operands]
    if step.function in _COMPARISONS:
        reach = sum(b for b in bounds if b is not None)
        unsure = np.abs(operand_errors[0].astype(np.float64) - operand_errors[1]) <= reach
        return Expected(value, np.where(unsure, 1.0, 0.0))
    wide = [g.astype(np.float64) if g.dtype.kind == "f" else g for g in operand_errors]
    middle = np.asarray(function.reference(*wide), np.float64)
    moved = [_moved(function.reference, wide, n, b, middle) for n, b in enumerate(bounds) if b is not None]
    rounding = np.abs(np.spacing(value)).astype(np.float64) * max(function.ulp, 1.0) if value.dtype.kind == "f" else 0.0
    bound = np.asarray(sum(moved, np.zeros(()))) * _SLACK + rounding
    infinite = ~np.isfinite(value) if moved else np.isnan(bound) & np.isfinite(value)
    return Expected(value, np.where(np.isnan(bound) | infinite, np.inf if moved else 0.0, bound))


def _moved(reference: Callable[..., Array], operands: list[Array], n: int, bound: Array, middle: Array) -> Array:
    """How far the result goes when operand n goes by its bound, up or down."""
    x = operands[n]
    ways = [np.logical_xor(x, bound > 0)] if x.dtype.kind == "b" else [x + bound, x - bound]
    far = [np.abs(reference(*operands[:n], way, *operands[n + 1 :]) - middle) for way in ways]
    return np.asarray(np.max(np.broadcast_arrays(*far), axis=0))


def _reduction(step: KernelStep, operand: Expected) -> Expected:
    value = REDUCTIONS[step.function](operand.value, axis=-1, keepdims=True)
    if step.function == "sum":
        return Expected(value, _sum_bound(operand, -1))
    return Expected(value, None if operand.bound is None else operand.bound.max(axis=-1, keepdims=True))


def _total(function: str, operand: Expected, kernel: KernelIR, where: Operand) -> Expected:
    x = np.broadcast_to(operand.value, kernel.shape)
    terms = Expected(x, operand.bound)
    if function == "sum_squares":
        own = operand.bound
        terms = Expected(np.square(x), None if own is None else (2.0 * np.abs(x) + own) * own)
    value = terms.value.astype(np.float64).sum().astype(TYPES[where.type])
    return Expected(np.asarray(value), _sum_bound(terms, None))


def _sum_bound(terms: Expected, axis: int | None) -> Array:
    """NumPy sums pairwise, the kernel in several running sums in double."""
    x = terms.value
    n = x.size if axis is None else x.shape[axis]
    units = float(np.finfo(x.dtype).eps) * (8.0 + np.log2(n)) + n * float(np.finfo(np.float64).eps)
    keep = axis is not None
    rounding = np.abs(x.astype(np.float64)).sum(axis=axis, keepdims=keep) * units
    own = 0.0 if terms.bound is None else np.broadcast_to(terms.bound, x.shape).sum(axis=axis, keepdims=keep)
    return np.asarray(rounding + own)
