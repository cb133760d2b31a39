"""Columns of a table as numbers: what each is, and how its cells are encoded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import nearest
from minigrad.data.arrays import Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.cells import NumberStyle, as_days, as_word, is_missing, is_missing_number
from minigrad.data.prepare.fields import real_of, style_from, text_of, texts_of
from minigrad.data.prepare.read_columns import WordIndex, read_numbers
from minigrad.data.prepare.table import Table

__all__ = ["CategoryColumn", "Column", "DateColumn", "NumberColumn", "column_fields", "column_from"]

_YEAR = 365.2425


@attrs.frozen
class NumberColumn:
    """A column of numbers: zero mean and unit variance on the training rows.

    Attributes:
        name: of the column.
        offset: mean of the training rows.
        factor: one over their standard deviation.
        fill: stands in the place of a missing value: the median.
        indicator: whether another number says where values are missing.
        style: how texts wrote the numbers of the training rows.
    """

    name: str
    offset: float
    factor: float
    fill: float
    indicator: bool
    style: NumberStyle = "point"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the numbers that a cell becomes."""
        return (self.name, f"{self.name} missing") if self.indicator else (self.name,)

    def encode(self, table: Table) -> Array:
        """The cells as `(N, 1)` or, with the indicator, `(N, 2)`.

        Raises:
            DataError: a cell is no number, or missing where no training row was; names row and column.
        """
        values = read_numbers(table, self.name, self.style)
        gaps = np.isnan(values)
        missing = gaps.astype(np.float64)
        if gaps.any():
            if not self.indicator:
                where = table.place(int(gaps.argmax()), self.name)
                raise DataError(f"{where}: no value, and no training row lacked one. Fill it in")
            values = np.where(gaps, self.fill, values)
        scaled = (values - self.offset) * self.factor
        return np.stack([scaled, missing], axis=1) if self.indicator else scaled[:, None]

    def decode(self, encoded: Array) -> str:
        """The cell that became these numbers, in six digits; empty for a missing one."""
        if self.indicator and encoded[1] > 0.5:
            return ""
        return f"{float(encoded[0]) / self.factor + self.offset:.6g}"

    def describe(self) -> str:
        """What it is, in words."""
        gaps = f", gaps filled with {self.fill:.6g} and told apart" if self.indicator else ""
        return f"number, mean {self.offset:.6g}, deviation {1.0 / self.factor:.6g}{gaps}"


@attrs.frozen
class CategoryColumn:
    """A column of a few words, of which each is a number: 1 for the one that stands there.

    Attributes:
        name: of the column.
        categories: the words of the training rows, sorted.
        gaps: whether nothing is one of them.
    """

    name: str
    categories: tuple[str, ...]
    gaps: bool

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the numbers that a cell becomes."""
        words = tuple(f"{self.name}={word}" for word in self.categories)
        return (*words, f"{self.name} missing") if self.gaps else words

    def encode(self, table: Table) -> Array:
        """The cells as `(N, categories)`.

        Raises:
            DataError: a word that no training row had, or a missing value where none was; names row and column.
        """
        index = WordIndex(self.categories)
        encoded = np.zeros((len(table), len(self.features)))
        for row, cell in enumerate(table.column(self.name)):
            number = index.get(cell)
            if number is None:
                if not is_missing(cell):
                    known = ", ".join(self.categories[:8]) + (", ..." if len(self.categories) > 8 else "")
                    word = as_word(cell)
                    raise DataError(
                        f"{table.place(row, self.name)}: {word!r:.40} is no category that was trained on."
                        f"{nearest(word, self.categories)} Known: {known:.120}"
                    )
                if not self.gaps:
                    raise DataError(f"{table.place(row, self.name)}: no value, and no training row lacked one")
                number = -1
            encoded[row, number] = 1.0
        return encoded

    def decode(self, encoded: Array) -> str:
        """The word that became these numbers; empty for a missing one."""
        return (*self.categories, "")[int(encoded.argmax())]

    def describe(self) -> str:
        """What it is, in words."""
        shown = ", ".join(self.categories[:6]) + (", ..." if len(self.categories) > 6 else "")
        return f"{len(self.categories)} categories{' and gaps' if self.gaps else ''}: {shown}"


@attrs.frozen
class DateColumn:
    """A column of ISO 8601 dates: scaled days, and the season as sine and cosine.

    Attributes:
        name: of the column.
        offset: mean of the training rows, in days since 1970-01-01.
        factor: one over their standard deviation.
        fill: stands in the place of a missing date.
        indicator: whether another number says where dates are missing.
    """

    name: str
    offset: float
    factor: float
    fill: float
    indicator: bool

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the numbers that a cell becomes."""
        own = (self.name, f"{self.name} sine of year", f"{self.name} cosine of year")
        return (*own, f"{self.name} missing") if self.indicator else own

    def encode(self, table: Table) -> Array:
        """The cells as `(N, 3)` or, with the indicator, `(N, 4)`.

        Raises:
            DataError: a cell is no date, or missing where no training row was; names row and column.
        """
        days, missing = np.empty(len(table)), np.zeros(len(table))
        for row, cell in enumerate(table.column(self.name)):
            if is_missing_number(cell):
                if not self.indicator:
                    raise DataError(f"{table.place(row, self.name)}: no date, and no training row lacked one")
                days[row], missing[row] = self.fill, 1.0
                continue
            value = as_days(cell)
            if value is None:
                raise DataError(f"{table.place(row, self.name)}: {cell!r:.40} is no date such as 2024-05-31")
            days[row] = value
        angle = 2.0 * np.pi * (days / _YEAR)
        columns = [(days - self.offset) * self.factor, np.sin(angle), np.cos(angle)]
        return np.stack([*columns, missing] if self.indicator else columns, axis=1)

    def decode(self, encoded: Array) -> str:
        """The day that became these numbers; empty for a missing one."""
        if self.indicator and encoded[3] > 0.5:
            return ""
        days = round(float(encoded[0]) / self.factor + self.offset)
        return str(date.fromordinal(date(1970, 1, 1).toordinal() + days))

    def describe(self) -> str:
        """What it is, in words."""
        return f"date, around {date.fromordinal(date(1970, 1, 1).toordinal() + round(self.offset))}"


Column: TypeAlias = NumberColumn | CategoryColumn | DateColumn
_KINDS = {NumberColumn: "number", CategoryColumn: "category", DateColumn: "date"}


def column_from(fields: Mapping[str, object]) -> Column:
    """The column that `column_fields` described.

    Raises:
        KeyError: a field is missing.
        TypeError: a field is of another kind.
    """
    kind, name = fields["kind"], text_of(fields["name"])
    if kind == "category":
        return CategoryColumn(name, texts_of(fields["categories"]), fields["gaps"] is True)
    figures = (real_of(fields["offset"]), real_of(fields["factor"]), real_of(fields["fill"]))
    if kind == "number":
        return NumberColumn(name, *figures, fields["indicator"] is True, style_from(fields))
    if kind == "date":
        return DateColumn(name, *figures, fields["indicator"] is True)
    raise TypeError(f"a column of kind {kind!r}")


def column_fields(column: Column) -> dict[str, object]:
    """A column as JSON values."""
    fields: dict[str, object] = attrs.asdict(column)
    return {"kind": _KINDS[type(column)], **{n: list(v) if isinstance(v, tuple) else v for n, v in fields.items()}}
