"""Loggers by name: callbacks that plugins offer for other tools."""

from __future__ import annotations

from pathlib import Path

from minigrad.plugins.contract import chosen
from minigrad.plugins.isolation import ImportFailure, imported, summary
from minigrad.plugins.own import OFFERS, how_to_get, owner_of
from minigrad.train.callbacks import Callback
from minigrad.train.errors import TrainError

__all__ = ["GROUP", "create_logger"]

GROUP = "minigrad.callbacks"
"""Entry points: what takes the folder of a run and returns a `Callback`."""


def create_logger(name: str, folder: Path) -> Callback:
    """The logger of that name, for a run in `folder`.

    Raises:
        TrainError: no plugin offers it, or it cannot be used; the message says how to get the usual ones.
    """
    try:
        entry = chosen(GROUP, name, "logger", TrainError)
    except TrainError as error:
        if owner_of(GROUP, name):
            raise
        usual = "; ".join(f"{', '.join(n.split())} are of {o}: {how_to_get(o)}" for o, n in OFFERS[GROUP].items())
        raise TrainError(f"{error}; {usual}") from None
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
