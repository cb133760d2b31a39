"""Large products, shared by threads; the matrix library's own threads rest meanwhile.

The library's threads gain nothing on many small products, and go on spinning after any product, which slows whatever
comes next. Here each thread multiplies its part of a stack, of the rows or of the columns, and the library works on
one. A product is cut only where the parts have the bits of the whole, so that answers do not depend on how many threads
there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import attrs
import numpy as np

from minigrad.core.types import Array, Shape
from minigrad.engines.blas import blas_thread_functions, one_blas_thread
from minigrad.engines.group import FusionGroup
from minigrad.engines.plan import PlannedCall
from minigrad.engines.protocol import Thunk
from minigrad.engines.threads import ParallelFor, thread_count

__all__ = ["OneBlasThread", "SharedProduct", "keeps_blas_busy", "linked", "sums_keep_blas_busy"]

Product = Callable[..., object]
WORTH = 10_000_000
"""Additions and multiplications from which threads are tried: some 150 microseconds."""
_BUSY = 250_000
"""Multiplications from which the library may use threads for a product of matrices."""
_BUSY_ROWS = 9_000
"""Entries from which it may for the product of a matrix with a vector, or of two vectors."""
KERNEL_TILES = (16, 12)
"""Rows or columns that the library's kernels take at once: for AVX-512, and for AVX2."""
_NOTHING: tuple[Array, Array, Array] = (np.empty(0), np.empty(0), np.empty(0))


@attrs.frozen
class Cut:
    """How the result of a product is cut in parts.

    Attributes:
        along: "stack", "rows" or "columns".
        tile: parts begin at multiples of this.
    """

    along: str
    tile: int

    def length(self, out: Array) -> int:
        """Entries of the axis that is cut."""
        length: int = out.shape[1 if self.along == "columns" else 0]
        return length

    def part(self, out: Array, worker: int, of: int) -> slice:
        """What a worker computes: whole tiles, but for the last one's."""
        n = self.length(out)
        low, high = ((n * k // of + self.tile // 2) // self.tile * self.tile for k in (worker, worker + 1))
        return slice(low, n if worker == of - 1 else high)


class SharedProduct:
    """A product of matrices or stacks of them, `whole(a, b, out=out)`, of one shape each.

    With the same bits on one thread and on several: the first product is made as a whole and in parts, and one whose
    parts have other bits is never cut.
    """

    def __init__(self, whole: Product, cuts: Sequence[Cut], threads: int) -> None:
        self._whole = whole
        self._cuts = cuts
        self._cut: Cut | None = None
        self._settled = False
        self._operands = _NOTHING
        self._shared = ParallelFor(self._multiply, threads)

    @classmethod
    def of(cls, whole: Product, a: Shape, b: Shape, out: Array) -> SharedProduct | None:
        """The product; None where sharing it is no use.

        It is small, there is one thread, or the library cannot be kept on one.
        """
        threads = thread_count()
        if threads == 1 or len(a) < 2 or len(b) < 2 or 2 * prod(out.shape) * a[-1] < WORTH:
            return None
        if blas_thread_functions() is None:
            return None
        if out.ndim > 2:
            cuts = [Cut("stack", 1)]
        else:
            longest = ("rows", "columns") if out.shape[0] >= out.shape[1] else ("columns", "rows")
            cuts = [Cut(along, tile) for along in longest for tile in KERNEL_TILES]
        cuts = [cut for cut in cuts if cut.length(out) >= cut.tile * threads]
        return cls(whole, cuts, threads) if cuts else None

    def __call__(self, a: Array, b: Array, out: Array) -> None:
        """One run."""
        if not self._settled:
            self._settle(a, b, out)
        elif self._cut is None:
            self._whole(a, b, out=out)
        else:
            self._operands = a, b, out
            self._shared()
            self._operands = _NOTHING

    def _settle(self, a: Array, b: Array, out: Array) -> None:
        """Multiply, and find out how the product may be cut."""
        self._whole(a, b, out=out)
        expected = out.copy()
        self._operands = a, b, out
        of = self._shared.workers
        for cut in self._cuts:
            self._cut = cut
            out.fill(np.nan)
            for k in range(of):
                self._multiply(k, of)
            if out.tobytes() == expected.tobytes():
                break
        else:
            self._cut = None
            out[...] = expected
        self._settled = True
        self._operands = _NOTHING

    def _multiply(self, worker: int, of: int) -> None:
        a, b, out = self._operands
        if of == 1 or self._cut is None:
            self._whole(a, b, out=out)
            return
        part = self._cut.part(out, worker, of)
        if self._cut.along == "stack":
            np.matmul(_of_stack(a, part, out), _of_stack(b, part, out), out=out[part])
        elif self._cut.along == "rows":
            self._whole(a[part], b, out=out[part])
        else:
            np.matmul(a, b[:, part], out=out[:, part])


def _of_stack(x: Array, part: slice, out: Array) -> Array:
    return x[part] if x.ndim == out.ndim and x.shape[0] > 1 else x


class OneBlasThread:
    """Calls one after another, with the matrix library on one thread."""

    def __init__(self, calls: Sequence[Thunk]) -> None:
        self.calls = tuple(calls)

    def __call__(self) -> None:
        with one_blas_thread():
            for call in self.calls:
                call()


def keeps_blas_busy(routine: str, operands: Sequence[Shape], out: Shape) -> bool:
    """Whether the matrix library might make a call (`ArrayCall.name`) with threads of its own."""
    if routine == "column_sums" or (routine == "matmul" and min(map(len, operands)) < 2):
        return max(map(prod, operands)) >= _BUSY_ROWS
    return routine == "matmul" and prod(out) * operands[0][-1] >= _BUSY


def sums_keep_blas_busy(group: FusionGroup) -> bool:
    """Whether a group adds up rows, as products with ones, that the library might share."""
    return group.size >= _BUSY_ROWS and any(call.axes for call in group.calls)


def linked(plan: Sequence[PlannedCall]) -> list[Thunk]:
    """What runs planned calls, those from product to product within one block.

    A call that has the library's threads to itself stands outside.
    """
    thunks: list[Thunk] = []
    waiting: list[Thunk] = []  # since the latest product
    for planned in plan:
        run = planned.run
        if isinstance(run, OneBlasThread):
            before = thunks[-1] if thunks else None
            if isinstance(before, OneBlasThread):
                thunks[-1] = OneBlasThread((*before.calls, *waiting, *run.calls))
            else:
                thunks += [*waiting, run]
            waiting = []
        elif planned.uses_blas_threads:
            thunks += [*waiting, run]
            waiting = []
        else:
            waiting.append(run)
    return thunks + waiting
