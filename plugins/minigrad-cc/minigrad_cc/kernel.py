"""A kernel before it is C: steps on the numbers at one place, and sums along rows."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

__all__ = ["TYPES", "KernelIR", "KernelStep", "Operand", "collapsed", "type_of"]

TYPES = {"f4": np.float32, "f8": np.float64, "b1": np.bool_, "i4": np.int32, "i8": np.int64, "u1": np.uint8}
"""C's names for the dtypes that a kernel reads and writes."""


def type_of(dtype: np.dtype[np.generic]) -> str | None:
    """Return the C name of a dtype.

    None if kernels do not know it (another byte order, half precision, ...).
    """
    return next((name for name, known in TYPES.items() if np.dtype(known) == dtype and dtype.isnative), None)


@attrs.frozen
class Operand:
    """An array that is read or written.

    Attributes:
        type: C name of its dtype.
        strides: in elements, one for each axis of the loop; 0 where a number is repeated.
        never_nan: whether it is known to hold no NaN.
    """

    type: str
    strides: tuple[int, ...]
    never_nan: bool = False

    @property
    def kind(self) -> str:
        """How neighbours along the last axis lie.

        "one" number for all, "next" to each other, or "apart".
        """
        return {0: "one", 1: "next"}.get(self.strides[-1], "apart")


@attrs.frozen
class KernelStep:
    """One function of numbers computed before.

    Attributes:
        operands: numbers of values: first the arrays read, then the results of the steps.
        type: of the result.
        operand_type: what its operands are converted to.
        row: whether there is one result for a whole row: a reduction's, or what is computed from such.
    """

    function: str
    operands: tuple[int, ...]
    type: str
    operand_type: str
    row: bool = False


@attrs.frozen
class KernelIR:
    """For each place of a grid: read, compute, write.

    Attributes:
        shape: of the grid, outermost axis first. Reductions run along the last axis.
        reads: values 0, 1, ...
        steps: values that follow.
        writes: number of the value, and where it goes.
        totals: "sum" or "sum_squares" over the whole grid of a value, and the type and place of the one result.
    """

    shape: tuple[int, ...]
    reads: tuple[Operand, ...]
    steps: tuple[KernelStep, ...]
    writes: tuple[tuple[int, Operand], ...]
    totals: tuple[tuple[str, int, Operand], ...] = ()

    @property
    def rows(self) -> bool:
        """Whether it reduces."""
        return any(step.row for step in self.steps)

    @property
    def size(self) -> int:
        """Number of places."""
        return int(np.prod(self.shape))

    def type(self, k: int) -> str:
        """C type of value k."""
        return self.reads[k].type if k < len(self.reads) else self.steps[k - len(self.reads)].type

    def is_row(self, k: int) -> bool:
        """Whether value k is one number for each row."""
        return self.reads[k].kind == "one" if k < len(self.reads) else self.steps[k - len(self.reads)].row


def collapsed(
    shape: Sequence[int], strides: Sequence[Sequence[int]], keep_last: bool
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Join axes that lie one inside the other in every array.

    Axes of length 1 are left out; at least one is left.

    `keep_last`: the last axis is a row that is reduced, and stays as it is.
    """
    axes = [i for i, n in enumerate(shape) if n != 1 or (keep_last and i == len(shape) - 1)]
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for i in axes:
        inner = [s[i] for s in strides]
        row = keep_last and i == len(shape) - 1
        if sizes and not row and all(s[-1] == k * shape[i] for s, k in zip(steps, inner, strict=True)):
            sizes[-1] *= shape[i]
            for s, k in zip(steps, inner, strict=True):
                s[-1] = k
        else:
            sizes.append(shape[i])
            for s, k in zip(steps, inner, strict=True):
                s.append(k)
    if not sizes:
        return (1,), [(0,) for _ in strides]
    return tuple(sizes), [tuple(s) for s in steps]
