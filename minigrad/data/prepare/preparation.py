"""`Preparation`: how rows become numbers for a model, and its outputs answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.data.arrays import AnyDtypeArray, Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.columns import Column, column_fields, column_from
from minigrad.data.prepare.fields import text_of, texts_of
from minigrad.data.prepare.npy import read_rows
from minigrad.data.prepare.pictures import PictureFormat, picture_paths, read_pictures
from minigrad.data.prepare.table import Table
from minigrad.data.prepare.table_sources import TableSource, table_chunks
from minigrad.data.prepare.targets import Target, target_fields, target_from
from minigrad.data.prepare.text import TextInputs
from minigrad.data.scaling import Scaling

__all__ = ["ArrayInputs", "Inputs", "Preparation", "TableInputs"]

VERSION = 1
"""Of `as_dict`; another one is refused."""
_TOO_LARGE = "is too far from the rows that were trained on to be computed with"


@attrs.frozen
class TableInputs:
    """Columns of a table, side by side.

    Attributes:
        columns: those that are used, in the order of the table.
        left_out: column -> why it is not used.
    """

    columns: tuple[Column, ...]
    left_out: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the numbers of a row."""
        return tuple(name for column in self.columns for name in column.features)

    def encode(self, table: Table) -> Array:
        """The rows as `(N, features)` float32.

        Raises:
            DataError: a column is missing, or a cell cannot be encoded; names row and column.
        """
        missing = [c.name for c in self.columns if c.name not in table.columns]
        if missing:
            raise DataError(
                f"{table.source}: {len(missing)} of {len(self.columns)} columns that the model needs are missing: "
                f"{', '.join(missing[:8])}. There are: {', '.join(table.names[:12])}"
            )
        encoded = np.concatenate([column.encode(table) for column in self.columns], axis=1)
        with np.errstate(over="ignore"):
            narrow: Array = encoded.astype(np.float32)
        if not np.isfinite(narrow).all():
            row, feature = (int(k) for k in np.argwhere(~np.isfinite(narrow))[0])
            ends = np.cumsum([len(column.features) for column in self.columns])
            name = self.columns[int(np.searchsorted(ends, feature, side="right"))].name
            raise DataError(f"{table.place(row, name)}: {str(table.column(name)[row])!r:.40} {_TOO_LARGE}")
        return narrow

    def decode(self, rows: Array) -> list[tuple[str, ...]]:
        """The cells of each row `(N, features)` as texts, a cell for each column."""
        ends = np.cumsum([len(column.features) for column in self.columns])
        parts = np.split(rows, ends[:-1], axis=1)
        return [tuple(c.decode(part[k]) for c, part in zip(self.columns, parts, strict=True)) for k in range(len(rows))]


@attrs.frozen(eq=False)
class ArrayInputs:
    """Rows of one shape, scaled and laid out.

    Attributes:
        shape: of a row as it is given.
        scaling: to numbers around 0, float32.
        layout: shape of a row as the model takes it.
        picture: how files of pictures become rows; None where rows are no pictures.
    """

    shape: tuple[int, ...]
    scaling: Scaling
    layout: tuple[int, ...]
    picture: PictureFormat | None = None

    def encode(self, rows: AnyDtypeArray, first: int = 0) -> Array:
        """The rows `(N, *shape)` as `(N, *layout)` float32.

        Args:
            rows: as they are given.
            first: number of the first of them, for errors.

        Raises:
            DataError: rows of another shape, or values that are not finite; names the row.
        """
        if rows.ndim == 4 and rows.shape[1:] != self.shape and (rows.shape[3], *rows.shape[1:3]) == self.shape:
            rows = np.moveaxis(rows, 3, 1)  # as files are read: channels may come last
        if rows.shape[1:] != self.shape:
            raise DataError(f"a row has shape {rows.shape[1:]}, and the model was trained on rows of {self.shape}")
        if rows.dtype.kind not in "biuf":
            raise DataError(f"rows are of dtype {rows.dtype}: give numbers")
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            raise DataError(f"row {first + _first_bad(rows)}: a value is NaN or infinite")
        with np.errstate(over="ignore"):
            scaled = self.scaling(rows).reshape(len(rows), *self.layout)
        if not np.isfinite(scaled).all():
            raise DataError(f"row {first + _first_bad(scaled)}: a value {_TOO_LARGE}")
        return scaled


Inputs: TypeAlias = TableInputs | ArrayInputs | TextInputs
Rows: TypeAlias = "TableSource | AnyDtypeArray | Sequence[str]"


@attrs.frozen(eq=False)
class Preparation:
    """A recipe that was fitted on training rows alone, and is saved with the model.

    Attributes:
        inputs: how rows become numbers.
        target: what outputs mean.
    """

    inputs: Inputs
    target: Target

    def chunks(self, rows: Rows, size: int = 4096) -> Iterator[tuple[Array, Table | None]]:
        """Encoded rows in pieces of up to `size`, each with the table it came from, if it was one.

        Args:
            rows: for a table: a path, a data frame or name -> cells. For arrays: `(N, ...)` as they were before
                `scaled`; for pictures also paths of files, or of a folder.

        Raises:
            DataError: rows are of another kind or shape, or a cell cannot be encoded; names row and column.
        """
        inputs = self.inputs
        if isinstance(inputs, TableInputs):
            if isinstance(rows, np.ndarray):
                raise DataError(
                    f"the model was trained on a table of {len(inputs.columns)} columns: give a path, a data frame, or "
                    "a dict of columns, not an array"
                )
            for table in table_chunks(rows, size):  # type: ignore[arg-type]  # a list of paths is refused inside
                yield inputs.encode(table), table
        elif isinstance(inputs, TextInputs):
            if not isinstance(rows, str | os.PathLike):
                raise DataError(f"the model was trained on text: give the path of a file, got {type(rows).__name__}")
            for windows, _ in inputs.windows(rows, size):
                yield windows, None  # type: ignore[misc]  # numbers of characters are no floats
        elif inputs.picture is not None and not isinstance(rows, np.ndarray) and not _is_array_file(rows):
            files = picture_paths(rows)
            for start in range(0, len(files), size):
                yield inputs.encode(read_pictures([str(f) for f in files[start : start + size]], inputs.picture)), None
        else:
            array = rows if isinstance(rows, np.ndarray) else _read_rows(inputs, rows)
            for start in range(0, max(len(array), 1), size):
                yield inputs.encode(array[start : start + size], start), None

    def describe(self) -> list[str]:
        """Lines that say what happens to every column, and what is predicted."""
        inputs = self.inputs
        if isinstance(inputs, TableInputs):
            wide = max(len(name) for name in (*(c.name for c in inputs.columns), *inputs.left_out))
            lines = [f"{c.name:<{wide}}  {c.describe()}" for c in inputs.columns]
            lines += [f"{name:<{wide}}  not used: {reason}" for name, reason in inputs.left_out.items()]
        elif isinstance(inputs, TextInputs):
            shown = inputs.alphabet if len(inputs.alphabet) <= 40 else f"{inputs.alphabet[:40]}..."
            lines = [f"windows of {inputs.window} characters of {len(inputs.alphabet)}: {shown!r}"]
            return [*lines, "predicts the next character"]
        else:
            shape, layout = ("x".join(map(str, s)) for s in (inputs.shape, inputs.layout))
            lines = [f"rows of {shape}, scaled, as {layout}"]
        return [*lines, f"predicts {self.target.describe()}"]

    def as_dict(self) -> dict[str, object]:
        """The recipe as JSON values, exact to the last bit; `from_dict` reads it."""
        inputs = self.inputs
        if isinstance(inputs, TableInputs):
            fields: dict[str, object] = {
                "kind": "table",
                "columns": [column_fields(c) for c in inputs.columns],
                "left_out": dict(inputs.left_out),
            }
        elif isinstance(inputs, TextInputs):
            fields = {"kind": "text", "alphabet": inputs.alphabet, "window": inputs.window}
        else:
            fields = {
                "kind": "array",
                "shape": list(inputs.shape),
                "layout": list(inputs.layout),
                "offset": inputs.scaling.offset.tolist(),
                "factor": inputs.scaling.factor.tolist(),
                "picture": None if inputs.picture is None else attrs.asdict(inputs.picture),
            }
        return {"version": VERSION, "inputs": fields, "target": target_fields(self.target)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, object]) -> Preparation:
        """The recipe that `as_dict` wrote.

        Raises:
            DataError: it is none, or of another version.
        """
        try:
            if fields["version"] != VERSION:
                raise DataError(f"a preparation of version {fields['version']}, and this minigrad reads {VERSION}")
            inputs, target = fields["inputs"], fields["target"]
            if not isinstance(inputs, Mapping) or not isinstance(target, Mapping):
                raise TypeError("inputs and target should be objects")
            read = _inputs_from(inputs)
            if isinstance(read, TableInputs) and not read.columns:
                raise ValueError("a table without columns")
            return cls(read, target_from(target))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"holds no preparation of rows ({type(error).__name__}: {error})") from None


def _first_bad(rows: AnyDtypeArray) -> int:
    return int(np.argwhere(~np.isfinite(rows))[0][0])


def _is_array_file(rows: object) -> bool:
    return isinstance(rows, str | os.PathLike) and Path(rows).suffix.lower() in (".npy", ".npz")


def _read_rows(inputs: ArrayInputs, rows: object) -> AnyDtypeArray:
    if isinstance(rows, str | os.PathLike) and _is_array_file(rows):
        return read_rows(Path(rows))
    shape = "x".join(map(str, inputs.shape)) or "one number"
    raise DataError(f"the model was trained on arrays with rows of {shape}: give such an array, .npy or .npz")


def _inputs_from(fields: Mapping[str, object]) -> Inputs:
    if fields["kind"] == "table":
        columns, left_out = fields["columns"], fields["left_out"]
        if not isinstance(columns, list) or not isinstance(left_out, Mapping):
            raise TypeError("columns should be a list")
        reasons = dict(zip(texts_of(list(left_out)), texts_of(list(left_out.values())), strict=True))
        return TableInputs(tuple(column_from(c) for c in columns), reasons)
    if fields["kind"] == "text":
        window = fields["window"]
        if not isinstance(window, int) or window < 1:
            raise TypeError(f"{window!r:.40} where a number of characters should be")
        return TextInputs(text_of(fields["alphabet"]), window)
    if fields["kind"] != "array":
        raise TypeError(f"inputs of kind {fields['kind']!r}")
    scaling = Scaling(*(np.asarray(fields[n], dtype=np.float64) for n in ("offset", "factor")))
    picture = fields["picture"]
    form = None if picture is None else PictureFormat.from_dict(picture)
    return ArrayInputs(_shape(fields["shape"]), scaling, _shape(fields["layout"]), form)


def _shape(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(isinstance(n, int) and n >= 0 for n in value):
        raise TypeError(f"{value!r:.40} where a shape should be")
    return tuple(value)
