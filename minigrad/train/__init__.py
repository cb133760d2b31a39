"""Training: the loop, sanity checks before it, history, pictures, and the folder of a run.

>>> from minigrad import data, nn, train
>>> history = train.fit(nn.mlp(784, [128], 10, rng=0), data.load("fashion").scaled(normalize="unit"), epochs=5)
>>> history.best
"""

from minigrad import lazy

_PUBLIC = {
    "callbacks": "Callback Run Step",
    "checks.check": "Check",
    "checks.gradient_report": "GradientCheck",
    "checks.gradients": "check_gradients check_term",
    "checks.overfit": "Overfit overfit",
    "checks.parameter_check": "ParameterCheck",
    "checks.sanity": "sanity_checks",
    "checks.step_size": "StepSizeCurve step_curve",
    "errors": "NonFiniteError NonFiniteLoss TrainError",
    "evaluation": "Score evaluate",
    "fitting": "fit",
    "history": "Criterion Epoch History Interrupted",
    "lr_schedules": "SCHEDULES named_schedule",
    "metric_functions": "METRICS",
    "metrics": "Metric MetricSet Metrics",
    "monitor.columns": "ColumnTable",
    "monitor.histograms": "Histograms",
    "monitor.layer_stats": "LayerStats",
    "monitor.monitor": "Monitor",
    "monitor.run_metrics": "RunMetrics",
    "output.console": "Console",
    "output.resume": "Checkpoints",
    "output.row_pictures": "RowTable show_batch",
    "output.run_folder": "RunFolder new_folder",
    "use.saved_run": "SavedRun load",
    "script.script": "Script ScriptError load_script",
    "splits": "Rows Source Split as_split",
}
_RENAMED = {
    "Figures": "RunMetrics",
    "LayerFigures": "LayerStats",
    "Regularization": "minigrad.nn.regularization:Regularization",
    "StepCurve": "StepSizeCurve",
    "Table": "ColumnTable",
}

_OTHER_WORDS = {
    "Trainer": "fit(model, data, epochs=20) trains, with checks, history and callbacks",
    "EarlyStopping": "fit(..., patience=5, monitor='val_loss')",
    "ModelCheckpoint": "Checkpoints(path) saves a run in progress, RunFolder(path) the best model",
    "LearningRateMonitor": "fit watches it: history.monitor.steps['lr']",
    "TensorBoard": "RunFolder(path) writes metrics.csv, steps.csv and pictures",
    "SummaryWriter": "RunFolder(path) writes metrics.csv, steps.csv and pictures",
    "DataLoader": "minigrad.data.Loader(x, y, batch_size, seed=0)",
    "train_test_split": "minigrad.data.split_rows(x, y, val=0.2)",
    "accuracy_score": "fit(..., metrics=['accuracy', 'f1']); METRICS lists them",
}


__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC, renamed=_RENAMED, other_words=_OTHER_WORDS)
