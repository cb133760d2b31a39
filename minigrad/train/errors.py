"""Errors of a training run. Those that end a run carry the history so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad.core.errors import MinigradError

if TYPE_CHECKING:
    from minigrad.train.history import History

__all__ = ["Interrupted", "NonFiniteError", "NonFiniteLoss", "TrainError"]


class TrainError(MinigradError):
    """A run cannot start or go on.

    Attributes:
        history: of the run, where it had begun.
    """

    history: History | None = None


class NonFiniteError(TrainError, ArithmeticError):
    """A loss, gradient or update is NaN or infinite. The model holds its weights from before that step."""


class NonFiniteLoss(NonFiniteError):
    """The loss of a batch is NaN or infinite; the message names the first op whose result was."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run, after callbacks were told and the best weights put back.

    Attributes:
        history: the epochs completed so far.
    """

    def __init__(self, history: History) -> None:
        super().__init__(f"interrupted after {len(history.epochs)} epochs")
        self.history = history
