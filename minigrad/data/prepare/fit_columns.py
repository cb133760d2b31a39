"""What a column of a table is: numbers, dates or categories, judged by its cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from minigrad.data.arrays import Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.cells import (
    NumberStyle,
    as_days,
    as_number,
    as_word,
    find_number_style,
    is_missing,
    is_missing_number,
    word_key,
)
from minigrad.data.prepare.columns import CategoryColumn, Column, DateColumn, NumberColumn
from minigrad.data.prepare.read_columns import read_numbers
from minigrad.data.prepare.table import Table

__all__ = ["RUNNING_NUMBER", "fit_column", "number_style", "refit"]

CATEGORIES = 50
"""A column of more different texts than this is left out: names, remarks, tickets."""
RUNNING_NUMBER = "a running number of the rows"
"""Why a column of numbers of rows is left out, where there are others."""
_DATE = re.compile(r"\d{1,4}([./ -])\d{1,2}\1\d{1,4}\b")
_INFINITE = frozenset({"inf", "infinity"})


def fit_column(table: Table, name: str, *, allow_running: bool = False) -> Column | str:
    """What a column is, from its cells; a text says why it cannot be used.

    Args:
        table: all rows.
        name: of the column.
        allow_running: use numbers that only count the rows, too.

    Raises:
        DataError: all but a few cells are numbers or dates, or numbers can be read in two ways; names the first.
    """
    cells = table.column(name)
    filled = [cell for cell in cells if not is_missing(cell)]
    if not filled:
        return "no row has a value"
    # Words such as true and false are categories, also where a frame gives them as booleans.
    if not all(isinstance(cell, bool | np.bool_) for cell in filled):
        present = [cell for cell in filled if not is_missing_number(cell)]
        gaps = len(present) < len(cells)
        style = number_style(table, name, present)
        if present and style is not None:
            numbers = np.array([as_number(cell, style) for cell in present], dtype=np.float64)
            if not gaps and not allow_running and _counts_rows(numbers):
                return RUNNING_NUMBER
            fitted = _fit_number(name, numbers, gaps)
            return fitted if isinstance(fitted, str) else attrs.evolve(fitted, style=style)
        days = [as_days(cell) for cell in present]
        if present and all(d is not None for d in days):
            fitted = _fit_number(name, np.array(days, dtype=np.float64), gaps)
            return fitted if isinstance(fitted, str) else DateColumn(*attrs.astuple(fitted)[:5])
        _refuse_typo(table, name, [as_number(cell) for cell in present], "number")
        _refuse_typo(table, name, days, "date")
    return _fit_words(name, filled, len(filled) < len(cells))


def refit(column: Column, rows: Table) -> Column | str:
    """A column with the figures of other rows, such as those for training.

    A text says why it cannot be used. Categories stay as they are: one may be rare.
    """
    if isinstance(column, CategoryColumn):
        return column
    if isinstance(column, NumberColumn):
        values = read_numbers(rows, column.name, column.style)
        values = values[~np.isnan(values)]
    else:
        days = [as_days(cell) for cell in rows.column(column.name) if not is_missing_number(cell)]
        values = np.array(days, dtype=np.float64)
    if not values.size:
        return "no training row has a value"
    fitted = _fit_number(column.name, values, column.indicator)
    if isinstance(fitted, str):
        return fitted
    return attrs.evolve(column, offset=fitted.offset, factor=fitted.factor, fill=fitted.fill)


def _fit_words(name: str, cells: Sequence[object], gaps: bool) -> CategoryColumn | str:
    """A column of words, from the cells that hold some."""
    odd = next((c for c in cells if isinstance(c, list | tuple | Mapping | np.ndarray | complex)), None)
    if odd is not None:
        return f"its cells are no numbers, dates or words but of type {type(odd).__name__}"
    by_key: dict[str, str] = {}
    for word in sorted({as_word(cell) for cell in cells}):
        by_key.setdefault(word_key(word), word_key(word) if as_number(word) is not None else word)
    words = sorted(by_key.values())
    if len(words) == 1 and not gaps:
        return "the same word in every row"
    if len(words) > CATEGORIES or (len(words) > 10 and 2 * len(words) > len(cells)):
        meant = _mostly_numbers(cells) or _looks_like(words)
        return f"{len(words)} different texts in {len(cells)} rows: too many for categories{meant}"
    return CategoryColumn(name, tuple(words), gaps)


def _mostly_numbers(cells: Sequence[object]) -> str:
    """What keeps cells from being numbers, where half of them or more are; else nothing."""
    others = [cell for cell in cells if as_number(cell) is None]
    if 2 * len(others) > len(cells):
        return ""
    count = len(cells) - len(others)
    return f". {count} cells are numbers, and such as {str(others[0])!r:.20} are none: leave these empty"


def _looks_like(words: Sequence[str]) -> str:
    """What texts could be meant as, for the reason why they are not used."""
    digits = [word for word in words if any(c.isdigit() for c in word)]
    if len(digits) < 0.9 * len(words):
        return ""
    dates = [word for word in digits if _DATE.match(word)]
    if 2 * len(dates) > len(digits):
        odd = next((word for word in dates if as_days(word) is None), dates[0])
        return f". Dates such as {odd!r:.20} are read in the form 2024-05-31"
    odd = next((word for word in digits if as_number(word) is None), "")
    few_letters = all(sum(c.isalpha() for c in word) <= 3 for word in digits)
    return f". To use numbers such as {odd!r:.20}, write them without signs" if odd and few_letters else ""


def number_style(table: Table, name: str, cells: Sequence[object]) -> NumberStyle | None:
    """How numbers are written in a column; None where cells are no numbers."""
    try:
        return find_number_style(cells, table.decimal_comma)
    except ValueError as odd:
        row = next(k for k, cell in enumerate(table.column(name)) if str(cell).strip() == str(odd))
        text = str(odd)
        raise DataError(
            f"{table.place(row, name)}: {text!r:.40} may mean {text.replace(',', '')} or {text.replace(',', '.')}: "
            "write numbers without commas between thousands, and with a decimal point"
        ) from None


def _refuse_typo(table: Table, name: str, values: Sequence[float | None], what: str) -> None:
    """Raise where all but a few cells are numbers or dates.

    Leaving the column out would hide that.
    """
    odd = sum(v is None for v in values)
    if not odd or not values:
        return
    cells = table.column(name)
    places = [k for k, cell in enumerate(cells) if not is_missing_number(cell)]
    wrong = [k for k, value in zip(places, values, strict=True) if value is None]
    infinite = what == "number" and all(str(cells[k]).strip().lower().lstrip("+-") in _INFINITE for k in wrong)
    if infinite or odd <= 0.05 * len(values):
        raise DataError(
            f"{table.place(wrong[0], name)}: {str(cells[wrong[0]])!r:.40} is no {'finite ' * infinite}{what}, and "
            f"{len(values) - odd} other cells of the column are. Mend it, or leave it empty"
        )


def _fit_number(name: str, values: Array, gaps: bool) -> NumberColumn | str:
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std())
    if not np.isfinite(mean) or not np.isfinite(deviation):
        return f"numbers as large as {np.abs(values).max():.2g} cannot be scaled"
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
