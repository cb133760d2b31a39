"""What the processes add up at a step.

Row counts, the loss, running figures of the model and all gradients, flat.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.optim import StatefulOptimizer
from minigrad.parallel.errors import ParallelError
from minigrad.parallel.protocol import Communicator

__all__ = ["GradientAllReduce", "Totals"]

_HEAD = 3
_DIGIT = 4096
"""Base of the two digits as which row counts travel.

float32 adds up whole numbers below 2^24 without rounding.
"""


@attrs.frozen
class Totals:
    """Number of rows of the joined batch, and their mean loss."""

    rows: int
    loss: float


@attrs.define(eq=False)
class _Part:
    """One dtype's message, each entry times this process's rows.

    It is `[head] + [what each buffer moved by] + [gradients]`.
    """

    flat: Array
    gradients: list[tuple[Array, Array]]
    buffers: list[tuple[Array, Tensor, Array]]


class GradientAllReduce:
    """Averages the gradients and floating buffers of all processes, weighted by rows.

    This gives those of the joined batch.

    A batch's mean gradient is sum_r n_r g_r / sum_r n_r, with g_r the mean over the n_r rows of process r. The division
    comes after the sum, which `Communicator.allreduce` adds up in order of rank. Buffers (running figures of batch
    normalisation) move by the same mean of what each process moved them by, so one that stays keeps its bits.

    Args:
        driver: its gradient buffers are averaged in place.
        buffers: Tensors that no optimizer trains; others than floating ones are left alone.

    Raises:
        ParallelError: a dtype is too narrow to count rows in.
    """

    def __init__(self, communicator: Communicator, driver: StatefulOptimizer, buffers: Sequence[Tensor]) -> None:
        self._communicator = communicator
        floating = [t for t in buffers if t.dtype.kind == "f"]
        gradients = [cell.grads for cell in driver.buckets]
        kinds = dict.fromkeys([g.dtype for g in gradients] + [t.dtype for t in floating])
        narrow = [str(kind) for kind in kinds if np.finfo(kind).nmant < 23]
        if narrow:
            raise ParallelError(f"parameters of dtype {', '.join(narrow)} cannot be summed exactly: use float32")
        self._parts = [
            _part(
                kind,
                _HEAD if first else 0,
                [g for g in gradients if g.dtype == kind],
                [t for t in floating if t.dtype == kind],
            )
            for kind, first in zip(kinds, (True, *[False] * len(kinds)), strict=False)
        ]

    @property
    def nbytes(self) -> int:
        """Size of the messages of one step."""
        return sum(part.flat.nbytes for part in self._parts)

    def run(self, rows: int, loss: float) -> Totals:
        """Replace gradients and buffers by the joined batch's.

        `rows` and mean `loss` are this process's share.

        With 0 rows nothing of this process counts, not even NaN.
        """
        head = self._parts[0].flat[:_HEAD]
        head[:] = rows // _DIGIT, rows % _DIGIT, rows * loss if rows else 0.0
        for part in self._parts:
            _fill(part, rows)
            self._communicator.allreduce(part.flat)
        total = int(head[0]) * _DIGIT + int(head[1])
        for part in self._parts:
            _scatter(part, total)
        return Totals(total, float(head[2]) / total)


def _part(kind: np.dtype[np.generic], head: int, gradients: list[Array], buffers: list[Tensor]) -> _Part:
    flat: Array = np.zeros(head + sum(g.size for g in gradients) + sum(t.size for t in buffers), kind)
    start = head
    moved = []
    for t in buffers:
        moved.append((flat[start : start + t.size].reshape(t.shape), t, t.numpy().copy()))
        start += t.size
    places = []
    for g in gradients:
        places.append((flat[start : start + g.size], g))
        start += g.size
    return _Part(flat, places, moved)


def _fill(part: _Part, rows: int) -> None:
    for place, t, before in part.buffers:
        np.subtract(t.numpy(), before, out=place)
        place *= rows
    for place, g in part.gradients:
        if rows:
            np.multiply(g, rows, out=place)
        else:
            place[...] = 0.0


def _scatter(part: _Part, total: int) -> None:
    for place, g in part.gradients:
        np.divide(place, total, out=g)
    for place, t, before in part.buffers:
        before += place / total
        t[...] = before
