"""Errors of layers and losses."""

from __future__ import annotations

from minigrad.core.errors import MinigradError

__all__ = ["LabelError", "ModuleError", "StateMismatch", "UnknownLoss"]


class ModuleError(MinigradError, ValueError):
    """A layer or model is built wrongly: a size out of range, an unknown initializer."""


class StateMismatch(ModuleError):
    """Saved weights do not fit the model; it was left unchanged.

    Names what is missing, unexpected or misshapen.
    """


class LabelError(MinigradError, ValueError):
    """Targets that the loss cannot use: a label out of range, a wrong shape or dtype."""


class UnknownLoss(MinigradError, LookupError):
    """No loss of that name."""
