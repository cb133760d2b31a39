"""Callbacks that write a run for other tools."""

from minigrad_loggers.figures import MissingTool
from minigrad_loggers.mlflow_logger import MLflowLogger
from minigrad_loggers.optuna_pruning import OptunaPruning
from minigrad_loggers.tables import CsvLogger, JsonLinesLogger
from minigrad_loggers.tensorboard_logger import TensorBoardLogger
from minigrad_loggers.wandb_logger import WandbLogger

__all__ = [
    "CsvLogger",
    "JsonLinesLogger",
    "MLflowLogger",
    "MissingTool",
    "OptunaPruning",
    "TensorBoardLogger",
    "WandbLogger",
]
