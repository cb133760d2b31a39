"""A batch on its way through a training step, and what became of it."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.tensor import from_array
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
        weight: what each row counts `(N,)`; None where all count alike.
        share: what the batch counts among those that make one update together.
    """

    x: Tensor
    y: Array
    epoch: int
    index: int
    weight: Tensor | None = None
    share: float = 1.0

    @property
    def extras(self) -> tuple[Tensor, ...]:
        """Weight and share, where they are not as usual: what a step needs besides."""
        weight = () if self.weight is None else (self.weight,)
        return weight if self.share == 1.0 else (*weight, from_array(np.asarray(self.share, dtype=self.x.dtype)))


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
