"""Training: the loop, sanity checks before it, history, pictures, and the folder of a run.

>>> from minigrad import data, nn, train
>>> history = train.fit(nn.mlp(784, [128], 10, rng=0), data.load("fashion").scaled(normalize="unit"), epochs=5)
>>> history.best
"""

from minigrad.nn.regularization import Regularization
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.checks.check import Check
from minigrad.train.checks.gradients import GradientCheck, check_gradients, check_term
from minigrad.train.checks.overfit import Overfit, overfit
from minigrad.train.checks.parameter_check import ParameterCheck
from minigrad.train.checks.sanity import sanity_checks
from minigrad.train.checks.step_size import StepCurve, step_curve
from minigrad.train.errors import Interrupted, NonFiniteError, NonFiniteLoss, TrainError
from minigrad.train.evaluate import Score, evaluate
from minigrad.train.fit import fit
from minigrad.train.history import Epoch, History
from minigrad.train.lr_schedules import SCHEDULES, named_schedule
from minigrad.train.metrics import Metric, Metrics
from minigrad.train.monitor.columns import Table
from minigrad.train.monitor.histograms import Histograms
from minigrad.train.monitor.layer_stats import LayerFigures
from minigrad.train.monitor.monitor import Monitor
from minigrad.train.monitor.run_metrics import Figures
from minigrad.train.output.console import Console
from minigrad.train.output.resume import Checkpoints
from minigrad.train.output.run_folder import RunFolder, new_folder
from minigrad.train.script.script import Script, ScriptError, load_script
from minigrad.train.splits import Rows, Source, Split, as_split

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
