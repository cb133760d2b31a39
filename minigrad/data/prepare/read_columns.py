"""Cells of a whole column, as numbers or as the numbers of known words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.data.arrays import Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.cells import NumberStyle, as_number, as_word, is_missing_number, style_of, word_key
from minigrad.data.prepare.table import Table

__all__ = ["WordIndex", "read_numbers"]


class WordIndex:
    """Numbers of words, found by cells of any kind: `1.0` is `1` and `True` is `true`.

    Args:
        words: each has its place as number.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._numbers = {word_key(word): k for k, word in enumerate(words)}
        self._texts: dict[str, int | None] = {}

    def get(self, cell: object) -> int | None:
        """The number of the word in a cell; None if it is none of them."""
        if type(cell) is not str:
            return self._numbers.get(word_key(as_word(cell)))
        if cell not in self._texts:  # texts come again and again
            if len(self._texts) > 10_000:
                self._texts.clear()
            self._texts[cell] = self._numbers.get(word_key(as_word(cell)))
        return self._texts[cell]


def read_numbers(table: Table, name: str, style: NumberStyle) -> Array:
    """The numbers of a column, float64, NaN where there is none.

    Args:
        table: a piece of the rows.
        name: of the column.
        style: how texts of the training rows wrote numbers; these rows may have another one.

    Raises:
        DataError: a cell is neither missing nor a number; names row and column.
    """
    cells = table.column(name)
    values = _plain_numbers(cells) if style == "point" and not table.decimal_comma else None
    if values is not None:
        return values
    style = style_of(cells, style, table.decimal_comma)
    values = np.empty(len(table))
    for row, cell in enumerate(cells):
        number = as_number(cell, style)
        if number is None and not is_missing_number(cell):
            raise DataError(f"{table.place(row, name)}: {str(cell)!r:.40} is no finite number")
        values[row] = np.nan if number is None else number
    return values


def _plain_numbers(cells: Sequence[object]) -> Array | None:
    """The cells, if Python reads all as finite numbers as they stand.

    This is the common case, and four times faster than cell by cell.
    """
    try:
        values = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    underscores = any("_" in cell for cell in cells if type(cell) is str)
    return values if not underscores and np.isfinite(values).all() else None
