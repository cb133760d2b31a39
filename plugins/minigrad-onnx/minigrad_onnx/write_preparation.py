"""How rows become inputs of a model, and its outputs answers, as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from minigrad.data.prepare.columns import CategoryColumn, Column, DateColumn, NumberColumn
from minigrad.data.prepare.preparation import ArrayInputs, Inputs, TableInputs
from minigrad.data.prepare.targets import ClassTarget, LabelTarget, NumberTarget, Target
from minigrad.data.prepare.text import TextInputs
from minigrad.data.scaling import Scaling
from minigrad_onnx.writer import Writer

__all__ = ["Port", "write_answers", "write_rows", "write_scaling"]

_YEAR = 365.2425


@attrs.frozen
class Port:
    """An input or an output of a file.

    Attributes:
        name: under which it is given or asked for.
        value: the name of what it is inside.
        dtype: of its entries; object for texts.
        shape: after the batch.
        about: what is meant, in words; kept in the file.
    """

    name: str
    value: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    about: str


# -- rows ------------------------------------------------------------------------------------------------------------
def write_rows(writer: Writer, inputs: Inputs) -> tuple[list[Port], str]:
    """Write what encodes rows, which come in as a column each, as pixels or as characters.

    A cell that training would have refused (an unknown word, no value where no training row lacked one) makes the file
    fail where it runs, at a node that is named after the column.

    Args:
        writer: takes the nodes.
        inputs: of the preparation. Rows that are arrays come in as float64, pictures as uint8.

    Returns:
        The inputs of the file, and the name of what the model takes.
    """
    if isinstance(inputs, TextInputs):
        port = Port("characters", "characters", np.dtype(object), (inputs.window,), "a text for each character")
        return [port], _characters(writer, port.name, inputs.alphabet)
    if isinstance(inputs, TableInputs):
        ports = [_port(writer, column) for column in inputs.columns]
        parts = [_WRITE[type(c)](writer, p.name, c) for c, p in zip(inputs.columns, ports, strict=True)]
        return ports, parts[0] if len(parts) == 1 else writer.node("Concat", *parts, axis=1)
    return _array(writer, inputs)


def write_scaling(writer: Writer, name: str, scaling: Scaling, raw: np.dtype[Any]) -> str:
    """Write `(x - offset) * factor` as float32.

    It is computed in float64 for all but small integers, as `Scaling` does.
    """
    wide = np.float32 if raw.itemsize <= 2 else np.float64
    moved = writer.node("Sub", writer.cast(name, wide), writer.constant(scaling.offset, wide))
    return writer.cast(writer.node("Mul", moved, writer.constant(scaling.factor, wide)), np.float32)


def _array(writer: Writer, inputs: ArrayInputs) -> tuple[list[Port], str]:
    dtype = np.dtype(np.float64 if inputs.picture is None else np.uint8)
    port = Port("rows", "rows", dtype, inputs.shape, "rows as they are before they are scaled")
    scaled = write_scaling(writer, port.name, inputs.scaling, dtype)
    if inputs.layout != inputs.shape:
        scaled = writer.node("Reshape", scaled, writer.integers([-1, *inputs.layout]))
    return [port], scaled


def _port(writer: Writer, column: Column) -> Port:
    if isinstance(column, CategoryColumn):
        gaps = "; an empty text where there is none" if column.gaps else ""
        return Port(column.name, column.name, np.dtype(object), (), f"{column.describe()}{gaps}")
    gaps = "; NaN where there is none" if column.indicator else ""
    days = ", as days since 1970-01-01" if isinstance(column, DateColumn) else ""
    return Port(column.name, column.name, np.dtype(np.float64), (), f"{column.describe()}{days}{gaps}")


def _upright(writer: Writer, name: str) -> str:
    """A column `(batch,)` as `(batch, 1)`."""
    return writer.node("Unsqueeze", name, writer.integers([1]))


def _refuse_unless(writer: Writer, truth: str, encoded: str, what: str) -> str:
    """`encoded`, which cannot be computed where `truth` does not hold.

    An index then lies outside of its array.
    """
    outside = writer.cast(writer.node("Not", truth), np.int64)
    ones = writer.node("Gather", writer.integers([1]), outside, axis=0)
    writer.nodes[-1].name = what  # which the runtime's error says
    return writer.node("Mul", encoded, writer.cast(ones, np.float32))


def _filled(writer: Writer, cells: str, column: NumberColumn | DateColumn) -> tuple[str, str]:
    """Cells with the fill where none is given, and where that is."""
    missing = writer.node("IsNaN", cells)
    return writer.node("Where", missing, writer.constant(column.fill, np.float64), cells), missing


def _scaled(writer: Writer, cells: str, column: NumberColumn | DateColumn) -> str:
    moved = writer.node("Sub", cells, writer.constant(column.offset, np.float64))
    return writer.node("Mul", moved, writer.constant(column.factor, np.float64))


def _number(writer: Writer, name: str, column: NumberColumn) -> str:
    cells = _upright(writer, name)
    return _with_gaps(writer, cells, column, lambda filled: [_scaled(writer, filled, column)])


def _date(writer: Writer, name: str, column: DateColumn) -> str:
    def features(filled: str) -> list[str]:
        years = writer.node("Div", filled, writer.constant(_YEAR, np.float64))
        angle = writer.node("Mul", years, writer.constant(2.0 * np.pi, np.float64))
        return [_scaled(writer, filled, column), writer.node("Sin", angle), writer.node("Cos", angle)]

    return _with_gaps(writer, _upright(writer, name), column, features)


def _with_gaps(writer: Writer, cells: str, column: NumberColumn | DateColumn, features: Any) -> str:
    """The features of a column.

    With the number that says where values are missing, or a refusal of those.
    """
    filled, missing = _filled(writer, cells, column)
    parts = [writer.cast(part, np.float32) for part in features(filled)]
    if column.indicator:
        parts.append(writer.cast(missing, np.float32))
    joined = parts[0] if len(parts) == 1 else writer.node("Concat", *parts, axis=1)
    infinite = writer.node("IsInf", cells)
    refused = infinite if column.indicator else writer.node("Or", missing, infinite)
    return _refuse_unless(writer, writer.node("Not", refused), joined, f"no number in column {column.name}")


def _category(writer: Writer, name: str, column: CategoryColumn) -> str:
    words = np.array([[*column.categories, *([""] if column.gaps else [])]], object)
    equal = writer.node("Equal", _upright(writer, name), writer.constant(words))
    return _one_of(writer, equal, f"unknown word in column {column.name}")


def _one_of(writer: Writer, equal: str, what: str) -> str:
    """Truth values as float32, of which one along the last axis must hold."""
    encoded = writer.cast(equal, np.float32)
    count = writer.node("ReduceSum", encoded, writer.integers([-1]), keepdims=1)
    return _refuse_unless(writer, writer.node("Greater", count, writer.constant(0.5, np.float32)), encoded, what)


def _characters(writer: Writer, name: str, alphabet: str) -> str:
    letters = writer.constant(np.array(list(alphabet), object))
    equal = writer.node("Equal", writer.node("Unsqueeze", name, writer.integers([2])), letters)
    return writer.node("ArgMax", _one_of(writer, equal, "unknown character"), axis=-1, keepdims=0)


_WRITE: dict[type, Any] = {NumberColumn: _number, DateColumn: _date, CategoryColumn: _category}


# -- answers -----------------------------------------------------------------------------------------------------------
def write_answers(writer: Writer, target: Target, scores: str, shape: Sequence[int]) -> list[Port]:
    """Write what makes answers of the model's outputs.

    Args:
        writer: takes the nodes.
        target: of the preparation.
        scores: the name of the outputs.
        shape: of the outputs, after the batch.

    Returns:
        The outputs of the file: `prediction`, and for classes and labels `probabilities`.
    """
    if isinstance(target, NumberTarget):
        return [_numbers(writer, target, scores)]
    wide = writer.cast(scores, np.float64)
    if isinstance(target, ClassTarget):
        names = writer.constant(np.array(target.classes, object))
        found = writer.node("Gather", names, writer.node("ArgMax", scores, axis=-1, keepdims=0), axis=0)
        shares, answered = writer.node("Softmax", wide, axis=-1), tuple(shape[:-1])
    else:
        found, shares, answered = _labels(writer, target, scores), writer.node("Sigmoid", wide), tuple(shape)
    about = target.describe()
    return [
        Port("prediction", found, np.dtype(object), answered, about),
        Port("probabilities", shares, np.dtype(np.float64), tuple(shape), about),
    ]


def _numbers(writer: Writer, target: NumberTarget, scores: str) -> Port:
    shape = () if target.flat else (target.outputs,)
    shaped = writer.node("Reshape", writer.cast(scores, np.float64), writer.integers([-1, *shape]))
    offsets, factors = (np.array(v[0] if target.flat else v) for v in (target.offsets, target.factors))
    divided = writer.node("Div", shaped, writer.constant(factors, np.float64))
    value = writer.node("Add", divided, writer.constant(offsets, np.float64))
    return Port("prediction", value, np.dtype(np.float64), shape, target.describe())


def _labels(writer: Writer, target: LabelTarget, scores: str) -> str:
    no, yes = (writer.constant(np.array([pair[k] for pair in target.words], object)) for k in (0, 1))
    return writer.node("Where", writer.node("Greater", scores, writer.constant(0.0, np.float32)), yes, no)
