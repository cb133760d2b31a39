"""What losses are, and what a loss may know about its own scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad import lazy
from minigrad.core.tensor import Tensor

__all__ = ["OLD_METHODS", "Loss", "LossWithBaseline", "Targets", "UninformedLoss", "find_baseline"]

Targets: TypeAlias = NDArray[np.generic] | Tensor
Loss: TypeAlias = Callable[[Tensor, Targets], Tensor]

OLD_METHODS = {"chance": "uninformed_loss", "solved_below": "fit_threshold"}
"""Old method -> new one, of all losses with a baseline."""


@attrs.frozen
class UninformedLoss:
    """The loss of a model that knows nothing.

    Attributes:
        value: the loss.
        formula: where it comes from, such as "ln 10".
    """

    value: float
    formula: str


@runtime_checkable
class LossWithBaseline(Protocol):
    """A loss that knows its own scale.

    Any callable is a loss; checks say more about one of this kind.
    """

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """The loss of a batch, a one-element Tensor."""
        ...

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """The loss when all scores of a row are equal (0 for regression), whatever the input."""
        ...

    def fit_threshold(self, targets: Targets) -> float:
        """A loss below which these targets count as learnt by heart."""
        ...


@runtime_checkable
class _OldBaseline(Protocol):
    """A loss written for the former names of the two methods."""

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor: ...

    def chance(self, outputs: int, targets: Targets) -> UninformedLoss: ...

    def solved_below(self, targets: Targets) -> float: ...


@attrs.frozen
class _Renamed:
    """A loss with the former methods under their new names."""

    loss: _OldBaseline

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        return self.loss(outputs, targets)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        return self.loss.chance(outputs, targets)

    def fit_threshold(self, targets: Targets) -> float:
        return self.loss.solved_below(targets)


def find_baseline(loss: Loss) -> LossWithBaseline | None:
    """Return the loss if it knows its scale, else None.

    The former names of the methods count, too, and warn.
    """
    if isinstance(loss, LossWithBaseline):
        return loss
    if isinstance(loss, _OldBaseline):
        for old, new in OLD_METHODS.items():
            lazy.warn_renamed(f"{type(loss).__name__}.{old}", new)
        return _Renamed(loss)
    return None
