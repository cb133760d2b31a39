"""Trials that fall behind end early, by Optuna's pruners.

A trial is compared with trials that are settled before it begins, never with those that run beside it: which trials are
ended depends on the seed alone, not on how many run at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import attrs

from minigrad.core.errors import MinigradError
from minigrad.train import Callback, Epoch, Run

__all__ = ["PRUNERS", "MissingOptuna", "Pruning", "Rivals", "load_optuna", "score_of"]

_BEST_SHARE = 25.0


def _median(optuna: Any, first: int) -> Any:
    return optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=first)


def _percentile(optuna: Any, first: int) -> Any:
    return optuna.pruners.PercentilePruner(_BEST_SHARE, n_startup_trials=1, n_warmup_steps=first)


PRUNERS: Mapping[str, Callable[[Any, int], Any]] = MappingProxyType({"median": _median, "percentile": _percentile})
"""Name -> what makes the pruner.

Of the package and the first epoch in which it may end a trial.
"""


class MissingOptuna(MinigradError, ImportError):
    """Optuna is needed for this and is not installed."""


@attrs.frozen
class Rivals:
    """What a trial is measured by.

    Attributes:
        pruner: name of a pruner.
        curves: of each trial that is settled, its score after each epoch.
    """

    pruner: str
    curves: Sequence[Sequence[float]]


def load_optuna() -> Any:
    """Import Optuna, which then says errors only.

    Raises:
        MissingOptuna: it is not installed.
    """
    try:
        optuna = import_module("optuna")
    except ImportError as error:
        raise MissingOptuna("trials are ended early by Optuna's pruners: pip install optuna") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def score_of(epoch: Epoch) -> float:
    """Validation accuracy, or minus the validation loss: the larger the better.

    Of training rows where there are no others.
    """
    loss = epoch.train_loss if epoch.val_loss is None else epoch.val_loss
    accuracy = epoch.train_accuracy if epoch.val_loss is None else epoch.val_accuracy
    return -loss if accuracy is None else accuracy


class Pruning(Callback):
    """Ends a run that its rivals were ahead of at the same epoch.

    Args:
        rivals: what it is measured by.
        epochs: that the run may have; in the first quarter nothing is ended.

    Attributes:
        pruned: whether the run was ended.
    """

    def __init__(self, rivals: Rivals, epochs: int) -> None:
        optuna = load_optuna()
        pruner = PRUNERS[rivals.pruner](optuna, epochs // 4 + 1)
        study = optuna.create_study(direction="maximize", pruner=pruner)
        for curve in rivals.curves:
            study.add_trial(optuna.trial.create_trial(value=max(curve), intermediate_values=dict(enumerate(curve, 1))))
        self._trial = study.ask()
        self.pruned = False

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Report the score, and end the run if the pruner says so."""
        if epoch.epoch < 1:  # before the first update
            return
        self._trial.report(score_of(epoch), epoch.epoch)
        if self._trial.should_prune():
            self.pruned = True
            run.stop(f"pruned in epoch {epoch.epoch}")
