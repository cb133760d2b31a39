"""A data set from a table of one's own, or from a folder of pictures by class."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from minigrad.data.arrays import Labels
from minigrad.data.dataset import Dataset, Task
from minigrad.data.errors import DataError, DataFileError
from minigrad.data.prepare.columns import CategoryColumn, Column, DateColumn, NumberColumn, fit_column
from minigrad.data.prepare.pictures import picture_files, read_pictures
from minigrad.data.prepare.preparation import Preparation, TableInputs
from minigrad.data.prepare.table import Table, TableSource, read_table
from minigrad.data.prepare.targets import ClassTarget, Target, fit_target
from minigrad.data.split import split_rows

__all__ = ["load_pictures", "load_table"]

_USUAL = ("target", "label", "class", "y", "outcome")
_LEAST = 8


def load_table(
    source: TableSource,
    target: str | Sequence[str] | None = None,
    *,
    task: Task | None = None,
    val: float = 0.2,
    seed: int = 0,
    name: str = "",
) -> Dataset:
    """A data set from a CSV, TSV or Parquet file, a pandas or polars frame, or name -> cells.

    Every other column is an input: numbers are scaled, words become one number for each, dates days and season,
    missing values are filled and told apart. All of that is fitted on the training rows and stands in
    `Dataset.preparation`, which is saved with a run and serves again in prediction.

    Args:
        source: the table.
        target: column to be predicted, or several with numbers; by default the one called target, label, class, y or
            outcome.
        task: "classification" or "regression", where the cells leave it open.
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
    whole = fit_target(table, targets, task)
    y = whole.encode(table) if isinstance(whole, ClassTarget) else whole.read(table)
    train, held = (np.sort(rows).tolist() for rows in split_rows(_keys(table, targets), y, val, seed))
    inputs = _fit_inputs(table, table.take(train), targets)
    # Scales are those of the training rows, classes those of all: one may be rare.
    fitted: Target = whole if isinstance(whole, ClassTarget) else fit_target(table.take(train), targets, "regression")
    x = inputs.encode(table)
    classes = fitted.classes if isinstance(fitted, ClassTarget) else ()
    title = name or (Path(source).stem if isinstance(source, str | os.PathLike) else "table")
    return Dataset(
        title, x[train], y[train], x[held], y[held],
        task="classification" if classes else "regression", kind="table", class_names=classes,
        feature_names=inputs.features, source=f"{table.source}, predicting {', '.join(targets)}",
        preparation=Preparation(inputs, fitted),
    )  # fmt: skip


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


def load_pictures(path: str | os.PathLike[str], *, val: float = 0.2, seed: int = 0) -> Dataset:
    """A data set from a folder that holds a folder of pictures for each class.

    All pictures have one size; Pillow reads them.

    Args:
        path: of the folder; names of the folders inside are the classes.
        val: share of the pictures held out for validation, stratified by class.
        seed: of that choice.

    Raises:
        DataFileError: a picture cannot be read or has another size than the first.
    """
    folder = Path(path)
    by_class: Mapping[str, list[Path]] = {
        sub.name: picture_files(sub) for sub in sorted(folder.iterdir()) if sub.is_dir() and picture_files(sub)
    }
    if len(by_class) < 2:
        raise DataFileError(
            folder, f"{len(by_class)} folders with pictures", "a folder for each of two or more classes"
        )
    files = [file for group in by_class.values() for file in group]
    x = read_pictures(files)
    y = np.repeat(np.arange(len(by_class)), [len(group) for group in by_class.values()])
    train, held = split_rows(x, y, val, seed)
    return Dataset(
        folder.name, x[train], y[train], x[held], y[held], kind="image", class_names=tuple(by_class),
        source=f"{len(files)} pictures in {folder}",
    )  # fmt: skip
