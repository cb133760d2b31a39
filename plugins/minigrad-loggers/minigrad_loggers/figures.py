"""What loggers write, and how they find the tool they write for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minigrad.core.errors import MinigradError
from minigrad.train import Epoch, Run

__all__ = ["MissingTool", "figures_of", "load_tool", "settings_of"]

_FIGURES = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


class MissingTool(MinigradError, ImportError):
    """The tool that a logger writes for is not installed."""


def load_tool(module: str, package: str) -> Any:
    """Import a module of a tool.

    Args:
        module: to import.
        package: what to install for it.

    Raises:
        MissingTool: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingTool(f"this logger needs {package}: pip install {package}") from error


def figures_of(epoch: Epoch) -> dict[str, float]:
    """Every figure and metric of an epoch that there is, by name."""
    figures = {name: getattr(epoch, name) for name in _FIGURES} | dict(epoch.metrics)
    return {name: float(value) for name, value in figures.items() if value is not None}


def settings_of(run: Run) -> dict[str, str | int | float]:
    """What a run was begun with, as plain values."""
    settings: dict[str, str | int | float] = {
        "model": repr(run.model)[:250],
        "optimizer": type(run.optimizer.rule).__name__ if hasattr(run.optimizer, "rule") else repr(run.optimizer)[:80],
        "epochs": run.epochs,
        "batch_size": run.batch_size,
        "seed": run.seed,
    }
    return settings
