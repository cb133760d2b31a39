"""A batch on its way through a training step, and what became of it."""

from __future__ import annotations

import attrs

from minigrad.core import Tensor
from minigrad.core.types import Array

__all__ = ["Batch", "BatchResult"]


@attrs.frozen(eq=False)
class Batch:
    """The rows of one step, and which step of the run it is.

    Attributes:
        x: inputs `(N, ...)`.
        y: targets `(N, ...)`.
        epoch: number of the epoch, from 1.
        index: number of the batch in its epoch, from 1.
    """

    x: Tensor
    y: Array
    epoch: int
    index: int


@attrs.frozen(eq=False)
class BatchResult:
    """A batch as it went through the model.

    Attributes:
        total: what is minimised, the sum of the next two.
        data: the data loss.
        term: the regularisation, None where there is none.
        outputs: of the model.
    """

    total: Tensor
    data: Tensor
    term: Tensor | None
    outputs: Tensor

    @property
    def loss(self) -> float:
        """The minimised value as a number."""
        return self.total.item()
