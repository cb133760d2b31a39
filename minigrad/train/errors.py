"""Errors of a training run. Those that end a run carry the history so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minigrad.core.errors import MinigradError
from minigrad.text import clip_middle

__all__ = ["NonFiniteError", "NonFiniteLoss", "TrainError", "name_unwritable"]


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


@contextmanager
def name_unwritable(path: Path, advice: str = "Make room, or name another place") -> Iterator[None]:
    """Say which file cannot be written inside the block, such as on a full disk.

    Args:
        path: of the file.
        advice: what to do, at the end of the message.

    Raises:
        TrainError: the system, or the path, allows no file there. Errors of minigrad, such as of rows that are read
            while the file is written, pass as they are.
    """
    try:
        yield
    except MinigradError:
        raise
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise TrainError(f"{clip_middle(path, 120)}: cannot be written ({reason}). {advice}") from error
