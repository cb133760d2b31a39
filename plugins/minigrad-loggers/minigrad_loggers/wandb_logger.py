"""Runs for Weights & Biases, offline, in a folder that `wandb sync` sends on."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from minigrad.train import Callback, Epoch, Run
from minigrad_loggers.figures import figures_of, load_tool, settings_of

__all__ = ["WandbLogger"]


class WandbLogger(Callback):
    """`wandb/`: settings, and figures of epochs, as a run of the project "minigrad".

    Args:
        folder: of the run.
        project: of the run.
        mode: of W&B; nothing leaves the machine unless it is "online".

    Raises:
        MissingTool: W&B is not installed.
    """

    def __init__(self, folder: str | PathLike[str], project: str = "minigrad", mode: str = "offline") -> None:
        self._wandb = load_tool("wandb", "wandb")
        self._options = {"dir": str(Path(folder).absolute()), "project": project, "mode": mode}
        self._run: Any = None

    def on_start(self, run: Run) -> None:
        """Begin a run with its settings; W&B prints nothing and does not watch the machine."""
        quiet = self._wandb.Settings(silent=True, console="off", x_disable_stats=True)
        self._run = self._wandb.init(config=settings_of(run), settings=quiet, **self._options)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Write the figures."""
        self._run.log(figures_of(epoch), step=epoch.epoch)

    def on_end(self, run: Run) -> None:
        """End the run."""
        if self._run is not None:
            self._run.finish(exit_code=1 if run.history.stopped else 0)
