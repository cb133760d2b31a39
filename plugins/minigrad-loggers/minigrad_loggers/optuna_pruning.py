"""Optuna's pruners end trainings that promise little."""

from __future__ import annotations

from typing import Any

from minigrad.train import Callback, Epoch, Run
from minigrad_loggers.figures import figures_of, load_tool

__all__ = ["OptunaPruning"]


class OptunaPruning(Callback):
    """Reports a figure of each epoch to a trial, whose pruner may end the run.

    After the run, `raise_if_pruned` tells Optuna; the history up to then is that of any stopped run.

    Args:
        trial: what Optuna hands to the objective.
        figure: name of the figure, such as "val_loss", "val_accuracy" or a metric.

    Attributes:
        pruned: whether the pruner ended the run.

    Raises:
        MissingTool: Optuna is not installed.
    """

    def __init__(self, trial: Any, figure: str = "val_loss") -> None:
        self._optuna = load_tool("optuna", "optuna")
        self.trial = trial
        self.figure = figure
        self.pruned = False

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Report the figure, and end the run if it is to be pruned.

        Raises:
            KeyError: the run has no such figure; names those it has.
        """
        figures = figures_of(epoch)
        if self.figure not in figures:
            raise KeyError(f"there is no figure {self.figure!r} to prune by; this run has {', '.join(figures)}")
        self.trial.report(figures[self.figure], epoch.epoch)
        if self.trial.should_prune():
            self.pruned = True
            run.stop(f"pruned by Optuna: {self.figure} {figures[self.figure]:.4g} in epoch {epoch.epoch}")

    def raise_if_pruned(self) -> None:
        """Tell Optuna that the trial was pruned.

        Raises:
            optuna.TrialPruned: it was.
        """
        if self.pruned:
            raise self._optuna.TrialPruned(f"pruned by {self.figure}")
