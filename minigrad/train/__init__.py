"""Training: the loop, sanity checks before it, history, pictures, and the folder of a run.

>>> from minigrad import data, nn, train
>>> history = train.fit(nn.mlp(784, [128], 10, rng=0), data.load("fashion").scaled(normalize="unit"), epochs=5)
>>> history.best
"""

from minigrad.nn.regularize import Regularization
from minigrad.train.activations import LayerFigures
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.check import Check
from minigrad.train.console import Console
from minigrad.train.errors import Interrupted, NonFiniteError, NonFiniteLoss, TrainError
from minigrad.train.evaluate import Score, evaluate
from minigrad.train.figures import Figures
from minigrad.train.folder import RunFolder, new_folder
from minigrad.train.gradients import GradientCheck, check_gradients, check_term
from minigrad.train.histograms import Histograms
from minigrad.train.history import Epoch, History
from minigrad.train.loop import fit
from minigrad.train.metrics import Metric, Metrics
from minigrad.train.monitor import Monitor
from minigrad.train.overfit import Overfit, overfit
from minigrad.train.probe import ParameterCheck
from minigrad.train.progress import Checkpoints
from minigrad.train.rates import SCHEDULES, named_schedule
from minigrad.train.rows import Rows, Source, Split, as_split
from minigrad.train.sanity import sanity_checks
from minigrad.train.script import Script, ScriptError, load_script
from minigrad.train.steps import StepCurve, step_curve
from minigrad.train.tables import Table

__all__ = [
    "SCHEDULES",
    "Callback",
    "Check",
    "Checkpoints",
    "Console",
    "Epoch",
    "Figures",
    "GradientCheck",
    "Histograms",
    "History",
    "Interrupted",
    "LayerFigures",
    "Metric",
    "Metrics",
    "Monitor",
    "NonFiniteError",
    "NonFiniteLoss",
    "Overfit",
    "ParameterCheck",
    "Regularization",
    "Rows",
    "Run",
    "RunFolder",
    "Score",
    "Script",
    "ScriptError",
    "Source",
    "Split",
    "Step",
    "StepCurve",
    "Table",
    "TrainError",
    "as_split",
    "check_gradients",
    "check_term",
    "evaluate",
    "fit",
    "load_script",
    "named_schedule",
    "new_folder",
    "overfit",
    "sanity_checks",
    "step_curve",
]
