"""Stacks of products, shared by threads.

The matrix library's own threads gain nothing on many small products, and go on spinning afterwards, which slows
whatever comes next. Here each thread multiplies its part of the stack, and the library works on one.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minigrad.core.types import Array
from minigrad.engines.blas import one_blas_thread
from minigrad.engines.threads import ParallelFor, thread_count

__all__ = ["StackedProduct"]

_WORTH = 10_000_000
"""Additions and multiplications that are worth a second thread: some 150 microseconds."""


class StackedProduct:
    """`np.matmul(a, b, out=out)` for stacks of matrices.

    With the same bits on one thread and on several.
    """

    def __init__(self, a: Array, b: Array, out: Array, threads: int) -> None:
        self._a, self._b, self._out = a, b, out
        self._shared = ParallelFor(self._multiply, threads)

    @classmethod
    def of(cls, a: Array, b: Array, out: Array) -> StackedProduct | None:
        """The product; None where it is no large stack, or there is one thread."""
        if out.ndim < 3 or a.ndim < 2 or b.ndim < 2:
            return None
        threads = min(thread_count(), out.shape[0])
        work = 2 * prod(out.shape) * a.shape[-1]
        return cls(a, b, out, threads) if threads > 1 and work >= _WORTH else None

    def __call__(self) -> None:
        """One run."""
        with one_blas_thread():
            self._shared()

    def _multiply(self, worker: int, of: int) -> None:
        n = len(self._out)
        part = slice(n * worker // of, n * (worker + 1) // of)
        np.matmul(self._part(self._a, part), self._part(self._b, part), out=self._out[part])

    def _part(self, x: Array, part: slice) -> Array:
        return x[part] if x.ndim == self._out.ndim and x.shape[0] > 1 else x
