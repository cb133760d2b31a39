"""Columns of a table as numbers: what each is, and how its cells are encoded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import nearest
from minigrad.data.arrays import Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.table import Table, is_missing

__all__ = [
    "CategoryColumn",
    "Column",
    "DateColumn",
    "NumberColumn",
    "as_number",
    "column_fields",
    "column_from",
    "fit_column",
    "real_of",
    "text_of",
    "texts_of",
]

CATEGORIES = 50
"""A column of more different texts than this is left out: names, remarks, tickets."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?Z?$")
_DAY, _YEAR = 86_400.0, 365.2425


@attrs.frozen
class NumberColumn:
    """A column of numbers: zero mean and unit variance on the training rows.

    Attributes:
        name: of the column.
        offset: mean of the training rows.
        factor: one over their standard deviation.
        fill: stands in the place of a missing value: the median.
        indicator: whether another number says where values are missing.
    """

    name: str
    offset: float
    factor: float
    fill: float
    indicator: bool

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the numbers that a cell becomes."""
        return (self.name, f"{self.name} missing") if self.indicator else (self.name,)

    def encode(self, table: Table) -> Array:
        """The cells as `(N, 1)` or, with the indicator, `(N, 2)`.

        Raises:
            DataError: a cell is no number, or missing where no training row was; names row and column.
        """
        values, missing = _numbers(table, self.name, self.fill, allow_missing=self.indicator)
        scaled = (values - self.offset) * self.factor
        return np.stack([scaled, missing], axis=1) if self.indicator else scaled[:, None]

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
        index = {word: k for k, word in enumerate(self.categories)}
        encoded = np.zeros((len(table), len(self.features)))
        for row, cell in enumerate(table.column(self.name)):
            if is_missing(cell):
                if not self.gaps:
                    raise DataError(f"{table.place(row, self.name)}: no value, and no training row lacked one")
                encoded[row, -1] = 1.0
                continue
            word = str(cell).strip()
            if word not in index:
                known = ", ".join(self.categories[:8]) + (", ..." if len(self.categories) > 8 else "")
                raise DataError(
                    f"{table.place(row, self.name)}: {word!r:.40} is no category that was trained on."
                    f"{nearest(word, self.categories)} Known: {known:.120}"
                )
            encoded[row, index[word]] = 1.0
        return encoded

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
            if is_missing(cell):
                if not self.indicator:
                    raise DataError(f"{table.place(row, self.name)}: no date, and no training row lacked one")
                days[row], missing[row] = self.fill, 1.0
                continue
            value = _days(cell)
            if value is None:
                raise DataError(f"{table.place(row, self.name)}: {cell!r:.40} is no date such as 2024-05-31")
            days[row] = value
        angle = 2.0 * np.pi * (days / _YEAR)
        columns = [(days - self.offset) * self.factor, np.sin(angle), np.cos(angle)]
        return np.stack([*columns, missing] if self.indicator else columns, axis=1)

    def describe(self) -> str:
        """What it is, in words."""
        return f"date, around {date.fromordinal(date(1970, 1, 1).toordinal() + round(self.offset))}"


Column: TypeAlias = NumberColumn | CategoryColumn | DateColumn
_KINDS = {NumberColumn: "number", CategoryColumn: "category", DateColumn: "date"}


def fit_column(table: Table, name: str) -> Column | str:
    """What a column is, from its cells; a text says why it cannot be used.

    Raises:
        DataError: all but a few cells are numbers; names the first that is none.
    """
    cells = table.column(name)
    present = [cell for cell in cells if not is_missing(cell)]
    gaps = len(present) < len(cells)
    if not present:
        return "no row has a value"
    numbers = [as_number(cell) for cell in present]
    # Words such as true and false are categories, also where a frame gives them as booleans.
    if all(n is not None for n in numbers) and not all(isinstance(cell, bool) for cell in present):
        return _fit_number(name, np.array(numbers, dtype=np.float64), gaps)
    days = [_days(cell) for cell in present]
    if all(d is not None for d in days):
        fitted = _fit_number(name, np.array(days, dtype=np.float64), gaps)
        return fitted if isinstance(fitted, str) else DateColumn(*attrs.astuple(fitted))
    words = sorted({str(cell).strip() for cell in present})
    if len(words) == 1 and not gaps:
        return "the same word in every row"
    if len(words) > CATEGORIES or (len(words) > 10 and 2 * len(words) > len(present)):
        _refuse_typo(table, name, numbers)
        return f"{len(words)} different texts in {len(present)} rows: too many for categories"
    return CategoryColumn(name, tuple(words), gaps)


def _refuse_typo(table: Table, name: str, numbers: Sequence[float | None]) -> None:
    """Raise where all but a few cells are numbers: leaving the column out would hide that."""
    odd = sum(n is None for n in numbers)
    if odd and odd <= 0.05 * len(numbers):
        cells = table.column(name)
        row = next(k for k, cell in enumerate(cells) if not is_missing(cell) and as_number(cell) is None)
        raise DataError(
            f"{table.place(row, name)}: {cells[row]!r:.40} is no number, and {len(numbers) - odd} other cells of the "
            "column are. Mend it, or leave it empty"
        )


def _fit_number(name: str, values: Array, gaps: bool) -> NumberColumn | str:
    mean, deviation = float(values.mean()), float(values.std())
    if not gaps and _counts_rows(values):
        return "a running number of the rows"
    if deviation <= 1e-12 * max(abs(mean), 1e-300):
        if not gaps:
            return "the same number in every row"
        deviation = 1.0
    return NumberColumn(name, mean, 1.0 / deviation, float(np.median(values)), gaps)


def _counts_rows(values: Array) -> bool:
    """Whether numbers are those of rows: whole, no two equal, and with few gaps between them."""
    if len(values) < 50 or not np.array_equal(values, np.rint(values)):
        return False
    return np.unique(values).size == len(values) and float(np.ptp(values)) < 1.5 * len(values)


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
        return NumberColumn(name, *figures, fields["indicator"] is True)
    if kind == "date":
        return DateColumn(name, *figures, fields["indicator"] is True)
    raise TypeError(f"a column of kind {kind!r}")


def column_fields(column: Column) -> dict[str, object]:
    """A column as JSON values."""
    fields: dict[str, object] = attrs.asdict(column)
    return {"kind": _KINDS[type(column)], **{n: list(v) if isinstance(v, tuple) else v for n, v in fields.items()}}


def as_number(cell: object) -> float | None:
    """A cell as a finite number; None if it is none."""
    if isinstance(cell, str):
        if "_" in cell:  # Python's own reading, 1_000, is not what people write in tables
            return None
        try:
            value = float(cell)
        except ValueError:
            return None
    elif isinstance(cell, bool | int | float | np.bool_ | np.integer | np.floating):
        value = float(cell)
    else:
        return None
    if not math.isfinite(value):
        return None
    return value


def text_of(value: object) -> str:
    """A JSON value that must be a text."""
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where a text should be")
    return value


def texts_of(value: object) -> tuple[str, ...]:
    """A JSON value that must be a list of texts."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"a {type(value).__name__} where a list of texts should be")
    return tuple(text_of(v) for v in value)


def real_of(value: object) -> float:
    """A JSON value that must be a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} where a number should be")
    return float(value)


def _numbers(table: Table, name: str, fill: float, *, allow_missing: bool) -> tuple[Array, Array]:
    """The numbers of a column, and 1 where there was none."""
    values, missing = np.empty(len(table)), np.zeros(len(table))
    for row, cell in enumerate(table.column(name)):
        number = as_number(cell)
        if number is not None:
            values[row] = number
        elif is_missing(cell):
            if not allow_missing:
                raise DataError(f"{table.place(row, name)}: no value, and no training row lacked one. Fill it in")
            values[row], missing[row] = fill, 1.0
        else:
            raise DataError(f"{table.place(row, name)}: {cell!r:.40} is no finite number")
    return values, missing


def _days(cell: object) -> float | None:
    """A date as days since 1970-01-01."""
    if isinstance(cell, str) and _DATE.match(cell.strip()):
        try:
            cell = datetime.fromisoformat(cell.strip().removesuffix("Z"))
        except ValueError:
            return None
    if isinstance(cell, datetime):
        return (cell.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds() / _DAY
    return float((cell - date(1970, 1, 1)).days) if isinstance(cell, date) else None
