"""The public names of minigrad.train, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.nn.regularization import Regularization as _Regularization
from minigrad.train.callbacks import Callback as Callback, Run as Run, Step as Step
from minigrad.train.checks.check import Check as Check
from minigrad.train.checks.gradient_report import GradientCheck as GradientCheck
from minigrad.train.checks.gradients import check_gradients as check_gradients, check_term as check_term
from minigrad.train.checks.overfit import Overfit as Overfit, overfit as overfit
from minigrad.train.checks.parameter_check import ParameterCheck as ParameterCheck
from minigrad.train.checks.sanity import sanity_checks as sanity_checks
from minigrad.train.checks.step_size import StepSizeCurve as StepSizeCurve, step_curve as step_curve
from minigrad.train.errors import (
    NonFiniteError as NonFiniteError, NonFiniteLoss as NonFiniteLoss, TrainError as TrainError,
)
from minigrad.train.evaluation import Score as Score, evaluate as evaluate
from minigrad.train.fitting import fit as fit
from minigrad.train.history import (
    Criterion as Criterion, Epoch as Epoch, History as History, Interrupted as Interrupted,
)
from minigrad.train.lr_schedules import SCHEDULES as SCHEDULES, named_schedule as named_schedule
from minigrad.train.metric_functions import METRICS as METRICS
from minigrad.train.metrics import Metric as Metric, MetricSet as MetricSet, Metrics as Metrics
from minigrad.train.monitor.columns import ColumnTable as ColumnTable
from minigrad.train.monitor.histograms import Histograms as Histograms
from minigrad.train.monitor.layer_stats import LayerStats as LayerStats
from minigrad.train.monitor.monitor import Monitor as Monitor
from minigrad.train.monitor.run_metrics import RunMetrics as RunMetrics
from minigrad.train.output.console import Console as Console
from minigrad.train.output.resume import Checkpoints as Checkpoints
from minigrad.train.output.row_pictures import RowTable as RowTable, show_batch as show_batch
from minigrad.train.output.run_folder import RunFolder as RunFolder, new_folder as new_folder
from minigrad.train.script.script import Script as Script, ScriptError as ScriptError, load_script as load_script
from minigrad.train.splits import Rows as Rows, Source as Source, Split as Split, as_split as as_split
from minigrad.train.use.saved_run import SavedRun as SavedRun, load as load

Figures = RunMetrics
LayerFigures = LayerStats
Regularization = _Regularization
StepCurve = StepSizeCurve
Table = ColumnTable
__all__: list[str]
