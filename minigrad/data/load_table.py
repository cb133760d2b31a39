"""A data set from a table of one's own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from minigrad.core.errors import nearest
from minigrad.data.arrays import Array, Labels
from minigrad.data.dataset import Dataset, Task
from minigrad.data.errors import DataError
from minigrad.data.prepare.cells import as_number
from minigrad.data.prepare.fit_columns import RUNNING_NUMBER, fit_column, number_style, refit
from minigrad.data.prepare.fit_targets import fit_target
from minigrad.data.prepare.preparation import Preparation, TableInputs
from minigrad.data.prepare.table import Table, listed
from minigrad.data.prepare.table_sources import TableSource, read_table, table_stem
from minigrad.data.prepare.targets import ClassTarget, LabelTarget, NumberTarget, Target
from minigrad.data.split import split_rows

__all__ = ["load_table"]

_USUAL = ("target", "label", "class", "y", "outcome")
_LEAST = 8
_TASKS: Mapping[type, Task] = {ClassTarget: "classification", NumberTarget: "regression", LabelTarget: "multilabel"}


def load_table(
    source: TableSource,
    target: str | Sequence[str] | None = None,
    *,
    task: Task | None = None,
    val: float = 0.2,
    seed: int = 0,
    name: str = "",
    weights: str | None = None,
) -> Dataset:
    """A data set from a CSV, TSV or Parquet file, a pandas or polars frame, or name -> cells.

    Every other column is an input: numbers are scaled, words become one number for each, dates days and season,
    missing values are filled and told apart. All of that is fitted on the training rows and stands in
    `Dataset.preparation`, which is saved with a run and serves again in prediction.

    Args:
        source: the table.
        target: column to be predicted, or several with numbers or answers of yes and no; by default the one called
            target, label, class, y or
            outcome.
        task: "classification", "regression" or "multilabel" (several columns of yes or no), where the cells leave it
            open.
        weights: column that says what each row counts in training.
        val: share of the rows held out for validation, stratified by class.
        seed: of that choice.
        name: of the data set; by default that of the file.

    Raises:
        DataFileError: the file is missing, or a row has another length than the head.
        DataError: there is no such column, no usable input, or a cell is of no use; names row and column.
    """
    if task is not None and task not in get_args(Task):
        raise DataError(
            f"there is no task {task!r:.30}.{nearest(str(task), get_args(Task))} Known: {', '.join(get_args(Task))}"
        )
    table = read_table(source)
    targets = (_usual_target(table),) if target is None else _names_of(table, target)
    if len(table) < _LEAST:
        raise DataError(f"{table.source}: {len(table)} rows are too few to train and to validate on")
    row_weights = None if weights is None else _read_weights(table, weights, targets)
    used = (*targets, *(() if weights is None else (weights,)))
    whole = fit_target(table, targets, task)
    y = whole.read(table) if isinstance(whole, NumberTarget) else whole.encode(table)
    if set(table.names) <= set(used):
        raise DataError(f"{table.source}: no column is left as an input besides {', '.join(used):.80}")
    train, held = (np.sort(rows).tolist() for rows in split_rows(_keys(table, used), y, val, seed))
    inputs = _fit_inputs(table, table.take(train), used)
    # Scales are those of the training rows, classes those of all: one may be rare.
    fitted: Target = whole
    if isinstance(whole, NumberTarget):
        fitted = fit_target(table.take(train), targets, "regression")
    x = inputs.encode(table)
    classes = fitted.classes if isinstance(fitted, ClassTarget) else ()
    title = name or (table_stem(Path(source)) if isinstance(source, str | os.PathLike) else "table")
    return Dataset(
        title, x[train], y[train], x[held], y[held],
        task=_TASKS[type(fitted)], kind="table", class_names=classes,
        feature_names=inputs.features, source=f"{table.source}, predicting {', '.join(targets)}",
        preparation=Preparation(inputs, fitted), sample_weight=None if row_weights is None else row_weights[train],
    )  # fmt: skip


def _read_weights(table: Table, name: str, targets: Sequence[str]) -> Array:
    """The weights in a column, none of them negative."""
    if name in targets:
        raise DataError(f"{table.source}: column {name!r} cannot be a weight and a target")
    style = number_style(table, name, table.column(name)) or "point"
    values = np.empty(len(table))
    for row, cell in enumerate(table.column(name)):
        value = as_number(cell, style)
        if value is None or value < 0.0:
            raise DataError(f"{table.place(row, name)}: {str(cell)!r:.40} is no weight: give a number of 0 or more")
        values[row] = value
    if not values.any():
        raise DataError(f"{table.source}: column {name!r:.40} gives every row a weight of 0: nothing to learn from")
    return values


def _names_of(table: Table, target: object) -> tuple[str, ...]:
    """Names of the columns to be predicted.

    A frame may call them by numbers, and a text may name several by commas.
    """
    if isinstance(target, str) and target not in table.columns and "," in target:
        return tuple(name.strip() for name in target.split(","))
    names = (target,) if isinstance(target, str | int) else target
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str | int) for name in names):
        raise DataError(f"target is the name of a column, or several, got {type(target).__name__}: {str(target)!r:.60}")
    return tuple(str(name) for name in names)


def _usual_target(table: Table) -> str:
    usual = [name for name in table.names if name.lower() in _USUAL]
    if len(usual) != 1:
        raise DataError(
            f"{table.source}: which column is to be predicted? Name it: --target NAME. Columns: {listed(table.names)}"
        )
    return usual[0]


def _keys(table: Table, targets: Sequence[str]) -> Labels:
    """Number rows alike that have the same inputs, so that they stay on one side.

    Where rows are few combinations of a few words, which come again and again, each stands for itself.
    """
    columns = [cells for name, cells in table.columns.items() if name not in targets]
    first: dict[tuple[object, ...], int] = {}
    keys = [first.setdefault(row, k) for k, row in enumerate(zip(*(map(str, c) for c in columns), strict=True))]
    if len(first) < len(keys) / 4:
        keys = list(range(len(keys)))
    return np.array(keys, dtype=np.int64)[:, None]


def _fit_inputs(table: Table, train: Table, targets: Sequence[str]) -> TableInputs:
    """Columns that are judged by all rows, with figures of the training rows alone."""
    names = [name for name in table.names if name not in targets]
    fitted = {name: fit_column(table, name) for name in names}
    if all(isinstance(column, str) for column in fitted.values()):  # then a running number is better than nothing
        fitted = {n: fit_column(table, n, allow_running=c == RUNNING_NUMBER) for n, c in fitted.items()}
    fitted = {name: column if isinstance(column, str) else refit(column, train) for name, column in fitted.items()}
    columns = tuple(column for column in fitted.values() if not isinstance(column, str))
    left_out = {name: column for name, column in fitted.items() if isinstance(column, str)}
    if not columns:
        reasons = "; ".join(f"{name:.24}: {reason}" for name, reason in left_out.items())
        raise DataError(f"{table.source}: no column can serve as an input ({reasons:.150})")
    return TableInputs(columns, left_out)
