"""A run that is interrupted at a given batch."""

from __future__ import annotations

from minigrad.train import Callback, Run, Step


class StopAt(Callback):
    """Pulls the plug after so many batches."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def on_step(self, run: Run, step: Step) -> None:
        """Raise KeyboardInterrupt when the batch has come."""
        if len(run.history.batch_losses) == self.batches:
            raise KeyboardInterrupt
