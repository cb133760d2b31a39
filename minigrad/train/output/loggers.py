"""Loggers by name: callbacks that plugins offer for other tools."""

from __future__ import annotations

from pathlib import Path

from minigrad.plugins.contract import chosen
from minigrad.plugins.isolation import ImportFailure, imported, summary
from minigrad.train.callbacks import Callback
from minigrad.train.errors import TrainError

__all__ = ["GROUP", "create_logger"]

GROUP = "minigrad.callbacks"
"""Entry points: what takes the folder of a run and returns a `Callback`."""

_HINT = "; `tensorboard`, `mlflow`, `wandb`, `csv`, `jsonl` come with `pip install ./plugins/minigrad-loggers`"


def create_logger(name: str, folder: Path) -> Callback:
    """The logger of that name, for a run in `folder`.

    Raises:
        TrainError: no plugin offers it, or it cannot be used; the message says how to get the usual ones.
    """
    try:
        entry = chosen(GROUP, name, "logger", TrainError)
    except TrainError as error:
        raise TrainError(f"{error}{_HINT}") from None
    try:
        factory = imported(entry)
        logger: object = factory(folder) if callable(factory) else factory
    except ImportFailure as failure:
        raise TrainError(f"logger {entry} cannot be used: {failure}") from failure
    except Exception as raised:
        raise TrainError(f"logger {entry} cannot be used: {summary(raised)}") from raised
    if not isinstance(logger, Callback):
        raise TrainError(f"logger {entry} cannot be used: it gives a {type(logger).__name__}, not a Callback")
    return logger
