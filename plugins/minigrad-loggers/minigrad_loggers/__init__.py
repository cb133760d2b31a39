"""Callbacks that write a run for other tools."""

from minigrad_loggers.figures import MissingTool
from minigrad_loggers.mlflow_logger import MLflowLogger
from minigrad_loggers.tables import CsvLogger, JsonLinesLogger
from minigrad_loggers.tensorboard_logger import TensorBoardLogger

__all__ = ["CsvLogger", "JsonLinesLogger", "MLflowLogger", "MissingTool", "TensorBoardLogger"]
