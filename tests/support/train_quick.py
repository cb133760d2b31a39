"""Digits, a short quiet run on them, and a callback that writes down what it is told."""

from __future__ import annotations

import numpy as np

from minigrad import data, nn
from minigrad.train import Callback, Check, Epoch, History, Run, Step, fit

DIGITS = data.load("digits").scaled()
_RNG = np.random.default_rng(0)
X, Y = _RNG.normal(size=(40, 5)), _RNG.integers(0, 3, 40)


def quick(model: nn.Module, *callbacks: Callback, epochs: int = 3, seed: int = 0, lr: float = 1e-2) -> History:
    """A run without checks and without output."""
    return fit(model, DIGITS, epochs=epochs, seed=seed, lr=lr, callbacks=callbacks, checks=False, quiet=True)


class Recorder(Callback):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_start(self, run: Run) -> None:
        self.events.append("start")

    def on_check(self, run: Run, check: Check) -> None:
        self.events.append("check")

    def on_train(self, run: Run) -> None:
        self.events.append("train")

    def on_step(self, run: Run, step: Step) -> None:
        assert step.batches == 2
        self.events.append(f"step {step.epoch}.{step.batch}")

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        self.events.append(f"epoch {epoch.epoch}")
        if epoch.epoch == 2:
            run.stop("enough")

    def on_end(self, run: Run) -> None:
        self.events.append("end")
