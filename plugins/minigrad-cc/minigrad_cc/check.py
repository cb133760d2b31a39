"""A compiled kernel against NumPy, on the numbers of its first run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from minigrad.typing import Array, IndexArray
from minigrad_cc.compiler import Function
from minigrad_cc.kernel import TYPES, KernelIR, Operand
from minigrad_cc.reference import compared, expected
from minigrad_cc.translate import Translated

__all__ = ["checked", "packed"]

_VALUES = 1 << 21
"""Values that are compared at each end of the grid, those of all steps together.

A limit on memory.
"""


def checked(what: Translated, function: Function, workers: int) -> tuple[str, bool]:
    """Compare a kernel with NumPy.

    Returns what is wrong with it ("" if nothing), and whether enough could be seen to be certain.

    The kernel reads what the program reads, but writes to memory of its own.
    """
    reads = [r if isinstance(r, np.ndarray) else r() for r in what.reads]
    grids = [_grid(a, what.kernel.shape, s) for a, s in zip(reads, what.strides, strict=False)]
    certain = True
    for low, high in _blocks(what.kernel):
        kernel = attrs.evolve(what.kernel, shape=(high - low, *what.kernel.shape[1:]))
        parts = [g[low:high] for g in grids]
        writes = [_memory(w, kernel.shape) for _, w in kernel.writes]
        totals: list[Array] = [np.empty((), TYPES[w.type]) for _, _, w in kernel.totals]
        addresses = [a.ctypes.data for a in (*parts, *writes, *totals)]
        own = [tuple(0 if n == 1 else s for s, n in zip(w.strides, w.shape, strict=True)) for w in writes]
        strides = (*what.strides[: len(reads)], *own)
        arguments = packed(attrs.evolve(what, strides=strides), kernel.shape, addresses)
        if function(int(arguments.ctypes.data), workers):
            raise MemoryError("no memory for a row of intermediate results")
        wrong, seen = compared([*writes, *totals], expected(kernel, parts))
        if wrong is not None:
            return str(wrong), True
        certain = certain and seen
    return "", certain


def packed(what: Translated, shape: Sequence[int], addresses: Sequence[int]) -> IndexArray:
    """Pack the arguments of a call.

    Sizes, then address and strides of each array (totals have none).
    """
    none = (0,) * len(shape)
    strides = [*what.strides, *(none for _ in what.totals)]
    rest = [number for address, s in zip(addresses, strides, strict=True) for number in (address, *s)]
    return np.array([*shape, *rest], np.int64)


def _memory(operand: Operand, shape: Sequence[int]) -> Array:
    """Fresh memory for a result, with one entry where numbers are repeated."""
    samples: Array = np.empty([n if s else 1 for s, n in zip(operand.strides, shape, strict=True)], TYPES[operand.type])
    return samples


def _grid(a: Array, shape: Sequence[int], strides: Sequence[int]) -> Array:
    view: Array = np.lib.stride_tricks.as_strided(a, shape, strides, writeable=False)
    return view


def _blocks(kernel: KernelIR) -> Iterator[tuple[int, int]]:
    """Parts of axis 0: all of it, or a first and a last part."""
    n = kernel.shape[0]
    values = len(kernel.reads) + len(kernel.steps)
    step = max(1, _VALUES // values // max(1, kernel.size // n))
    if n <= 2 * step or (kernel.rows and len(kernel.shape) == 1):
        yield 0, n
    else:
        yield 0, step
        yield n - step, n
