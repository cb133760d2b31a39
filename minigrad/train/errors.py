"""Errors of a training run. Those that end a run carry the history so far."""

from __future__ import annotations

from minigrad.core.errors import MinigradError

__all__ = ["NonFiniteError", "NonFiniteLoss", "TrainError"]


class TrainError(MinigradError):
    """A run cannot start or go on.

    Attributes:
        history: the `History` of the run, where it had begun; None elsewhere. (Typed as object, since a history holds
            figures whose tables raise these errors: narrow it by `isinstance`.)
    """

    history: object | None = None


class NonFiniteError(TrainError, ArithmeticError):
    """A loss, gradient or update is NaN or infinite.

    The model holds its weights from before that step.
    """


class NonFiniteLoss(NonFiniteError):
    """The loss of a batch is NaN or infinite; the message names the first op whose result was."""
