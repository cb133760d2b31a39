"""What is wrong with a problem, or missing for it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minigrad.core.errors import MinigradError

__all__ = ["MissingSciPy", "ProblemError", "load_scipy"]


class ProblemError(MinigradError, ValueError):
    """A start, a bound, a constraint or a method does not fit the problem."""


class MissingSciPy(MinigradError, ImportError):
    """SciPy is needed for this and is not installed."""


def load_scipy(purpose: str) -> Any:
    """Import `scipy.optimize`.

    Args:
        purpose: what it is needed for, for the message.

    Raises:
        MissingSciPy: it is not installed.
    """
    try:
        return import_module("scipy.optimize")
    except ImportError as error:
        raise MissingSciPy(f"{purpose} needs SciPy: pip install scipy") from error
