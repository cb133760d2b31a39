"""A data set from a table of one's own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from minigrad.data.arrays import Array, Labels
from minigrad.data.dataset import Dataset, Task
from minigrad.data.errors import DataError
from minigrad.data.prepare.columns import CategoryColumn, Column, DateColumn, NumberColumn, as_number, fit_column
from minigrad.data.prepare.preparation import Preparation, TableInputs
from minigrad.data.prepare.table import Table, TableSource, read_table
from minigrad.data.prepare.targets import ClassTarget, LabelTarget, NumberTarget, Target, fit_target
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
    table = read_table(source)
    targets = (target,) if isinstance(target, str) else tuple(target) if target else (_usual_target(table),)
    if len(table) < _LEAST:
        raise DataError(f"{table.source}: {len(table)} rows are too few to train and to validate on")
    row_weights = None if weights is None else _read_weights(table, weights, targets)
    used = (*targets, *(() if weights is None else (weights,)))
    whole = fit_target(table, targets, task)
    y = whole.read(table) if isinstance(whole, NumberTarget) else whole.encode(table)
    train, held = (np.sort(rows).tolist() for rows in split_rows(_keys(table, used), y, val, seed))
    inputs = _fit_inputs(table, table.take(train), used)
    # Scales are those of the training rows, classes those of all: one may be rare.
    fitted: Target = whole
    if isinstance(whole, NumberTarget):
        fitted = fit_target(table.take(train), targets, "regression")
    x = inputs.encode(table)
    classes = fitted.classes if isinstance(fitted, ClassTarget) else ()
    title = name or (Path(source).stem if isinstance(source, str | os.PathLike) else "table")
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
    values = [as_number(cell) for cell in table.column(name)]
    for row, value in enumerate(values):
        if value is None or value < 0.0:
            cell = table.column(name)[row]
            raise DataError(f"{table.place(row, name)}: {cell!r:.40} is no weight: give a number of 0 or more")
    return np.array(values, dtype=np.float64)


def _usual_target(table: Table) -> str:
    usual = [name for name in table.names if name.lower() in _USUAL]
    if len(usual) != 1:
        shown = ", ".join(table.names[:12]) + (" ..." if len(table.names) > 12 else "")
        raise DataError(f"{table.source}: which column is to be predicted? Name it: --target NAME. Columns: {shown}")
    return usual[0]


def _keys(table: Table, targets: Sequence[str]) -> Labels:
    """Number rows alike that have the same inputs, so that they stay on one side."""
    columns = [cells for name, cells in table.columns.items() if name not in targets]
    first: dict[tuple[object, ...], int] = {}
    keys = [first.setdefault(row, k) for k, row in enumerate(zip(*(map(str, c) for c in columns), strict=True))]
    return np.array(keys, dtype=np.int64)[:, None]


def _fit_inputs(table: Table, train: Table, targets: Sequence[str]) -> TableInputs:
    columns: list[Column] = []
    left_out: dict[str, str] = {}
    for name in table.names:
        if name in targets:
            continue
        whole, column = fit_column(table, name), fit_column(train, name)
        if isinstance(whole, str) or isinstance(column, str):
            left_out[name] = whole if isinstance(whole, str) else str(column)
        else:
            columns.append(_widened(column, whole))
    if not columns:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise DataError(f"{table.source}: no column can serve as an input ({reasons:.150})")
    return TableInputs(tuple(columns), left_out)


def _widened(column: Column, whole: Column) -> Column:
    """A column that knows the words and gaps of the held-out rows too, but not their figures."""
    if isinstance(column, CategoryColumn) and isinstance(whole, CategoryColumn):
        return whole
    if isinstance(column, NumberColumn | DateColumn) and isinstance(whole, NumberColumn | DateColumn):
        return attrs.evolve(column, indicator=whole.indicator)
    return whole  # numbers in the training rows alone are categories like those that are not
