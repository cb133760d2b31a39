"""Event files for TensorBoard, by its own writer."""

from __future__ import annotations

import time
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.train import Callback, Epoch, Run, Step
from minigrad.typing import Array
from minigrad_loggers.figures import figures_of, load_tool
from minigrad_loggers.tensorboard_parts import graph_of, pictures_of

__all__ = ["TensorBoardLogger"]

_BINS = 30


class TensorBoardLogger(Callback):
    """`tensorboard/`: figures of epochs, the loss of each step, histograms of parameters.

    Also the model as a graph of ops, where it can be a program, and at the end pictures.

    Raises:
        MissingTool: tensorboard is not installed.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.path = Path(folder) / "tensorboard"
        self._writer_module = load_tool("tensorboard.summary.writer.event_file_writer", "tensorboard")
        self._event: Any = load_tool("tensorboard.compat.proto.event_pb2", "tensorboard").Event
        self._summary: Any = load_tool("tensorboard.compat.proto.summary_pb2", "tensorboard")
        self._writer: Any = None

    def on_start(self, run: Run) -> None:
        """Open an event file."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._writer = self._writer_module.EventFileWriter(str(self.path))

    def on_train(self, run: Run) -> None:
        """Write the graph of the model."""
        graph = graph_of(run)
        if graph is not None:
            self._writer.add_event(self._event(wall_time=time.time(), graph_def=graph))

    def on_step(self, run: Run, step: Step) -> None:
        """Write the loss of a step."""
        self._write([self._scalar("step/loss", step.loss)], (step.epoch - 1) * step.batches + step.batch)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Write the figures and a histogram of each parameter."""
        values = [self._scalar(f"epoch/{name}", value) for name, value in figures_of(epoch).items()]
        values += [self._histogram(name, p.numpy()) for name, p in run.model.named_parameters()]
        self._write(values, epoch.epoch)
        self._writer.flush()

    def on_end(self, run: Run) -> None:
        """Write pictures and close the event file."""
        if self._writer is None:
            return
        if run.history.epochs:
            values = [self._image(name, content) for name, content in pictures_of(run).items()]
            self._write(values, run.history.epochs[-1].epoch)
        self._writer.close()

    def _write(self, values: list[Any], step: int) -> None:
        summary = self._summary.Summary(value=values)
        self._writer.add_event(self._event(wall_time=time.time(), step=step, summary=summary))

    def _scalar(self, tag: str, value: float) -> Any:
        return self._summary.Summary.Value(tag=tag, simple_value=value)

    def _image(self, name: str, content: bytes) -> Any:
        width, height = (int.from_bytes(content[k : k + 4], "big") for k in (16, 20))  # of a PNG's first chunk
        image = self._summary.Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=content)
        return self._summary.Summary.Value(tag=f"pictures/{name}", image=image)

    def _histogram(self, name: str, numbers: Array) -> Any:
        finite = numbers[np.isfinite(numbers)].astype(np.float64)
        finite = finite if finite.size else np.zeros(1)
        counts, edges = np.histogram(finite, _BINS)
        histogram = self._summary.HistogramProto(
            min=finite.min(),
            max=finite.max(),
            num=finite.size,
            sum=finite.sum(),
            sum_squares=(finite**2).sum(),
            bucket_limit=edges[1:].tolist(),
            bucket=counts.astype(float).tolist(),
        )
        return self._summary.Summary.Value(tag=f"parameters/{name}", histo=histogram)
