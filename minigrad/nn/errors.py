"""Errors of layers and losses."""

from __future__ import annotations

from minigrad.core.errors import MinigradError
from minigrad.ops.network.loss_checks import LabelError

__all__ = ["LabelError", "ModuleError", "StateMismatch", "UnknownLoss", "UnknownOption"]


class ModuleError(MinigradError, ValueError):
    """A layer or model is built wrongly: a size out of range, an unknown initializer."""


class StateMismatch(ModuleError):
    """Saved weights do not fit the model; it was left unchanged.

    Names what is missing, unexpected or misshapen.
    """


class UnknownOption(ModuleError, TypeError):
    """A layer has no option of that name.

    The message names the nearest, or what to write instead.
    """


class UnknownLoss(MinigradError, LookupError):
    """No loss of that name."""
