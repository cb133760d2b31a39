"""What a model is to predict: names of classes, or numbers in their own units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.errors import nearest
from minigrad.data.arrays import Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.columns import as_number, real_of, text_of, texts_of
from minigrad.data.prepare.table import Table, is_missing

__all__ = ["ClassTarget", "LabelTarget", "NumberTarget", "Target", "fit_target", "target_fields", "target_from"]

FEW = 20
"""Whole numbers of at most so many different values, ten rows for each, are classes."""


@attrs.frozen
class ClassTarget:
    """Classes, numbered in the order of their names.

    Attributes:
        name: of the column; empty where the targets are no column.
        classes: names.
    """

    name: str
    classes: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """Numbers that the model gives for a row: a score for each class."""
        return len(self.classes)

    def encode(self, table: Table) -> NDArray[np.int64]:
        """Class numbers `(N,)`.

        Raises:
            DataError: a cell is empty, or no class that was trained on; names row and column.
        """
        index = {word: k for k, word in enumerate(self.classes)}
        numbers = np.empty(len(table), dtype=np.int64)
        for row, cell in enumerate(table.column(self.name)):
            word = _class_name(cell)
            if word not in index:
                problem = "no class is given" if is_missing(cell) else f"{word!r:.40} is no class that was trained on."
                known = ", ".join(self.classes[:8]) + (", ..." if len(self.classes) > 8 else "")
                raise DataError(
                    f"{table.place(row, self.name)}: {problem}{nearest(word, self.classes)} Classes: {known:.120}"
                )
            numbers[row] = index[word]
        return numbers

    def decode(self, outputs: Array) -> NDArray[np.str_]:
        """The name of the class with the largest score of each row."""
        names: NDArray[np.str_] = np.array(self.classes)[outputs.argmax(axis=-1)]
        return names

    def describe(self) -> str:
        """What it is, in words."""
        shown = ", ".join(self.classes[:8]) + (", ..." if len(self.classes) > 8 else "")
        return f"{len(self.classes)} classes: {shown}"


@attrs.frozen
class NumberTarget:
    """Numbers, trained on with zero mean and unit variance, and predicted in their own units.

    Attributes:
        names: of the columns; empty where the targets are no columns.
        offsets: means of the training rows.
        factors: one over their standard deviations.
        flat: whether targets are `(N,)`, not `(N, count)`.
    """

    names: tuple[str, ...]
    offsets: tuple[float, ...]
    factors: tuple[float, ...]
    flat: bool = True

    @property
    def outputs(self) -> int:
        """Numbers that the model gives for a row."""
        return len(self.offsets)

    def read(self, table: Table) -> Array:
        """The targets in their own units, `(N,)` or `(N, count)` float64.

        Raises:
            DataError: a cell is no finite number; names row and column.
        """
        columns = []
        for name in self.names:
            values = [as_number(cell) for cell in table.column(name)]
            for row, value in enumerate(values):
                if value is None:
                    cell = table.column(name)[row]
                    raise DataError(f"{table.place(row, name)}: {cell!r:.40} is no finite number to be predicted")
            columns.append(np.array(values, dtype=np.float64))
        return columns[0] if self.flat else np.stack(columns, axis=1)

    def scale(self, values: Array) -> Array:
        """Targets in their own units -> what the model is trained on, float32."""
        offsets, factors = self._arrays
        return ((values - offsets) * factors).astype(np.float32)

    def decode(self, outputs: Array) -> Array:
        """Outputs of the model -> numbers in the units of the targets, float64."""
        offsets, factors = self._arrays
        shaped = outputs.reshape(len(outputs)) if self.flat else outputs.reshape(len(outputs), self.outputs)
        return shaped.astype(np.float64) / factors + offsets

    @property
    def _arrays(self) -> tuple[Array, Array]:
        offsets, factors = np.array(self.offsets, dtype=np.float64), np.array(self.factors, dtype=np.float64)
        return (offsets[0], factors[0]) if self.flat else (offsets, factors)

    def describe(self) -> str:
        """What it is, in words."""
        figures = zip(self.names or ("target",) * self.outputs, self.offsets, self.factors, strict=True)
        return "; ".join(f"{n}: number, mean {m:.6g}, deviation {1.0 / f:.6g}" for n, m, f in figures)


@attrs.frozen
class LabelTarget:
    """Several questions that are answered yes or no, each by itself.

    Attributes:
        names: of the columns.
        words: of each column the word for no, then the word for yes.
    """

    names: tuple[str, ...]
    words: tuple[tuple[str, str], ...]

    @property
    def outputs(self) -> int:
        """Numbers that the model gives for a row: a score for each label."""
        return len(self.names)

    def encode(self, table: Table) -> Array:
        """The answers `(N, labels)`, 0 or 1 as float32.

        Raises:
            DataError: a cell is neither of the two words; names row and column.
        """
        answers = np.empty((len(table), len(self.names)), dtype=np.float32)
        for k, (name, words) in enumerate(zip(self.names, self.words, strict=True)):
            for row, cell in enumerate(table.column(name)):
                word = _class_name(cell)
                if word not in words:
                    raise DataError(f"{table.place(row, name)}: {word!r:.40} is neither {words[0]!r} nor {words[1]!r}")
                answers[row, k] = float(word == words[1])
        return np.asarray(answers)

    def decode(self, outputs: Array) -> NDArray[np.str_]:
        """The word for each label, `(N, labels)`: yes where the score is above 0."""
        words: NDArray[np.str_] = np.array(self.words)
        return np.where(outputs > 0.0, words[:, 1], words[:, 0])

    def describe(self) -> str:
        """What it is, in words."""
        return f"{len(self.names)} labels: {', '.join(self.names[:8])}{', ...' if len(self.names) > 8 else ''}"


Target: TypeAlias = ClassTarget | NumberTarget | LabelTarget
_FLAGS = ({"0", "1"}, {"false", "true"}, {"no", "yes"}, {"n", "y"}, {"f", "t"})


def fit_target(table: Table, names: Sequence[str], task: str | None = None) -> Target:
    """What is to be predicted, from the cells of its columns.

    Args:
        table: the training rows.
        names: columns; several are several numbers.
        task: "classification", "regression" or "multilabel" where the cells leave it open, such as grades from 1 to 6.

    Raises:
        DataError: a cell is empty or of no use, a class is alone, or several columns are no numbers.
    """
    for name in names:
        for row, cell in enumerate(table.column(name)):
            if is_missing(cell):
                raise DataError(f"{table.place(row, name)}: no value to learn from. Fill it in, or leave the row out")
    if task == "multilabel" or (task is None and len(names) > 1 and all(_is_flag(table.column(n)) for n in names)):
        return LabelTarget(tuple(names), tuple(_two_words(table, name) for name in names))
    if task == "classification" and len(names) > 1:
        raise DataError(f"{len(names)} columns are no single class: for answers of yes or no the task is multilabel")
    if task == "regression" or len(names) > 1 or (task is None and not _are_classes(table.column(names[0]))):
        target = NumberTarget(tuple(names), (0.0,) * len(names), (1.0,) * len(names), len(names) == 1)
        values = target.read(table).reshape(len(table), len(names))
        deviations = values.std(axis=0)
        factors = 1.0 / np.where(deviations > 0.0, deviations, 1.0)
        return attrs.evolve(target, offsets=tuple(values.mean(axis=0).tolist()), factors=tuple(factors.tolist()))
    words = {_class_name(cell) for cell in table.column(names[0])}
    if len(words) < 2:
        raise DataError(f"{table.source}: column {names[0]!r} has the same class in every row: nothing to learn")
    if len(words) > max(2, len(table) // 2):
        raise DataError(
            f"{table.source}: column {names[0]!r} has {len(words)} different texts in {len(table)} rows, which are no "
            "classes. Name another column by target="
        )
    return ClassTarget(names[0], tuple(sorted(words, key=_in_order)))


def _is_flag(cells: Sequence[object]) -> bool:
    """Whether cells hold two words that mean no and yes."""
    return {_class_name(cell).lower() for cell in cells} in _FLAGS


def _two_words(table: Table, name: str) -> tuple[str, str]:
    words = sorted({_class_name(cell) for cell in table.column(name)}, key=_in_order)
    if len(words) != 2:
        shown = ", ".join(words[:4]) + (", ..." if len(words) > 4 else "")
        raise DataError(f"{table.source}: column {name!r} holds {len(words)} words ({shown:.60}), and a label has two")
    return words[0], words[1]


def _are_classes(cells: Sequence[object]) -> bool:
    """Whether cells are words, or few whole numbers that come again and again."""
    if all(isinstance(cell, bool) for cell in cells):
        return True
    numbers = [as_number(cell) for cell in cells]
    if any(n is None for n in numbers):
        return True
    distinct = {n for n in numbers if n is not None}
    return all(n == int(n) for n in distinct) and len(distinct) <= min(FEW, max(2, len(cells) // 10))


def _class_name(cell: object) -> str:
    """Name a class: whole numbers without a point, so that frames and files agree."""
    if isinstance(cell, float) and math.isfinite(cell) and cell == int(cell):
        return str(int(cell))
    return str(cell).strip()


def _in_order(word: str) -> tuple[int, float, str]:
    number = as_number(word)
    return (1, 0.0, word) if number is None else (0, number, word)


def target_fields(target: Target) -> dict[str, object]:
    """A target as JSON values."""
    if isinstance(target, ClassTarget):
        return {"kind": "classes", "name": target.name, "classes": list(target.classes)}
    if isinstance(target, LabelTarget):
        return {"kind": "labels", "names": list(target.names), "words": [list(pair) for pair in target.words]}
    fields: dict[str, object] = {n: list(getattr(target, n)) for n in ("names", "offsets", "factors")}
    return {"kind": "numbers", **fields, "flat": target.flat}


def _pair(words: tuple[str, ...]) -> tuple[str, str]:
    if len(words) != 2:
        raise TypeError(f"{len(words)} words where there should be two")
    return words[0], words[1]


def target_from(fields: Mapping[str, object]) -> Target:
    """The target that `target_fields` described.

    Raises:
        KeyError: a field is missing.
        TypeError: a field is of another kind.
    """
    if fields["kind"] == "classes":
        return ClassTarget(text_of(fields["name"]), texts_of(fields["classes"]))
    if fields["kind"] == "labels":
        pairs = fields["words"]
        if not isinstance(pairs, list):
            raise TypeError("words should be a list of pairs")
        return LabelTarget(texts_of(fields["names"]), tuple(_pair(texts_of(pair)) for pair in pairs))
    if fields["kind"] != "numbers":
        raise TypeError(f"a target of kind {fields['kind']!r}")
    offsets, factors = fields["offsets"], fields["factors"]
    if not isinstance(offsets, list) or not isinstance(factors, list) or not offsets or len(offsets) != len(factors):
        raise TypeError("offsets and factors of a target should be lists of one length")
    names = texts_of(fields["names"])
    centers, scales = (tuple(real_of(v) for v in values) for values in (offsets, factors))
    return NumberTarget(names, centers, scales, fields["flat"] is True)
