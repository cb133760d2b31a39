"""What a model is to predict: names of classes, or numbers in their own units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.errors import nearest
from minigrad.data.arrays import Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.cells import NumberStyle, as_word, is_missing
from minigrad.data.prepare.fields import real_of, style_from, text_of, texts_of
from minigrad.data.prepare.read_columns import WordIndex, read_numbers
from minigrad.data.prepare.table import Table

__all__ = ["ClassTarget", "LabelTarget", "NumberTarget", "Target", "target_fields", "target_from"]


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
        index = WordIndex(self.classes)
        numbers = np.empty(len(table), dtype=np.int64)
        for row, cell in enumerate(table.column(self.name)):
            number = index.get(cell)
            if number is None:
                word = as_word(cell)
                unknown = f"{word!r:.40} is no class that was trained on.{nearest(word, self.classes)}"
                problem = "no class is given." if is_missing(cell) else unknown
                known = ", ".join(self.classes[:8]) + (", ..." if len(self.classes) > 8 else "")
                raise DataError(f"{table.place(row, self.name)}: {problem} Classes: {known:.120}")
            numbers[row] = number
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
        style: how texts of the training rows wrote numbers.
    """

    names: tuple[str, ...]
    offsets: tuple[float, ...]
    factors: tuple[float, ...]
    flat: bool = True
    style: NumberStyle = "point"

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
            values = read_numbers(table, name, self.style)
            gaps = np.isnan(values)
            if gaps.any():
                row = int(gaps.argmax())
                cell = str(table.column(name)[row])
                raise DataError(f"{table.place(row, name)}: {cell!r:.40} is no finite number to be predicted")
            columns.append(values)
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
            index = WordIndex(words)
            for row, cell in enumerate(table.column(name)):
                number = index.get(cell)
                if number is None:
                    word = as_word(cell)
                    raise DataError(f"{table.place(row, name)}: {word!r:.40} is neither {words[0]!r} nor {words[1]!r}")
                answers[row, k] = float(number)
        return np.asarray(answers)

    def decode(self, outputs: Array) -> NDArray[np.str_]:
        """The word for each label, `(N, labels)`: yes where the score is above 0."""
        words: NDArray[np.str_] = np.array(self.words)
        return np.where(outputs > 0.0, words[:, 1], words[:, 0])

    def describe(self) -> str:
        """What it is, in words."""
        return f"{len(self.names)} labels: {', '.join(self.names[:8])}{', ...' if len(self.names) > 8 else ''}"


Target: TypeAlias = ClassTarget | NumberTarget | LabelTarget


def target_fields(target: Target) -> dict[str, object]:
    """A target as JSON values."""
    if isinstance(target, ClassTarget):
        return {"kind": "classes", "name": target.name, "classes": list(target.classes)}
    if isinstance(target, LabelTarget):
        return {"kind": "labels", "names": list(target.names), "words": [list(pair) for pair in target.words]}
    fields: dict[str, object] = {n: list(getattr(target, n)) for n in ("names", "offsets", "factors")}
    return {"kind": "numbers", **fields, "flat": target.flat, "style": target.style}


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
    return NumberTarget(names, centers, scales, fields["flat"] is True, style_from(fields))
