"""Runs for MLflow, in a file beside the run."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from minigrad.train import Callback, Epoch, Run
from minigrad_loggers.figures import figures_of, load_tool, settings_of

__all__ = ["MLflowLogger"]


class MLflowLogger(Callback):
    """`mlflow.db`: settings and figures of epochs, as a run of the experiment "minigrad".

    Args:
        folder: of the run.
        tracking_uri: where MLflow keeps runs instead, such as a server's address.

    Raises:
        MissingTool: MLflow is not installed.
    """

    def __init__(self, folder: str | PathLike[str], tracking_uri: str = "") -> None:
        tracking = load_tool("mlflow.tracking", "mlflow-skinny")
        self.uri = tracking_uri or f"sqlite:///{(Path(folder) / 'mlflow.db').absolute()}"
        self._artifacts = (Path(folder) / "mlruns").absolute().as_uri()
        self._client: Any = tracking.MlflowClient(self.uri)
        self.run_id = ""

    def on_start(self, run: Run) -> None:
        """Begin a run with its settings."""
        experiment = self._client.get_experiment_by_name("minigrad")
        name = self._client.create_experiment("minigrad", self._artifacts) if experiment is None else None
        self.run_id = self._client.create_run(name or experiment.experiment_id).info.run_id
        for key, value in settings_of(run).items():
            self._client.log_param(self.run_id, key, value)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Write the figures."""
        for name, value in figures_of(epoch).items():
            self._client.log_metric(self.run_id, name, value, step=epoch.epoch)

    def on_end(self, run: Run) -> None:
        """End the run."""
        if self.run_id:
            self._client.set_terminated(self.run_id, "KILLED" if run.history.stopped else "FINISHED")
