"""What a cell of a table means: nothing, a number, a day, or a word."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

import numpy as np

from minigrad.text import finite_or_none

__all__ = [
    "NUMBER_STYLES",
    "NumberStyle",
    "as_days",
    "as_number",
    "as_word",
    "find_number_style",
    "is_missing",
    "is_missing_number",
    "style_of",
    "word_key",
]

NumberStyle: TypeAlias = Literal["point", "comma", "grouped"]
"""How numbers are written: 1234.5; 1234,5 or 1.234,5; 1,234.5."""
NUMBER_STYLES: tuple[NumberStyle, ...] = get_args(NumberStyle)

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>", "nat", "?", "#n/a", "#na"})
_DASHES = frozenset({"-", "--", "---", "\u2013", "\u2014", ".", "..", "..."})
_PATTERNS = {
    "comma": re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d{1,3}([ '\u2019\u00a0\u202f]\d{3})+|\d+)(,\d+)?([eE][-+]?\d+)?"),
    "grouped": re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d{1,3}([ '\u2019\u00a0\u202f]\d{3})+|\d+)?(\.\d*)?([eE][-+]?\d+)?"),
}
_GROUPS = str.maketrans("", "", " '\u2019\u00a0\u202f")
_MINUS = str.maketrans({"\u2212": "-"})
_WHOLE = re.compile(r"([-+]?\d+)\.0*")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?( ?[-+]\d{2}:?\d{2})?Z?")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_YEAR_FIRST, _DOTTED = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})"), re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_DAY = 86_400.0


def is_missing(cell: object) -> bool:
    """Whether a cell holds no value: None, NaN, an empty text, or a word such as NA."""
    if isinstance(cell, str):
        return cell.strip().lower() in _MISSING
    if isinstance(cell, float | np.floating):
        return math.isnan(cell)
    if isinstance(cell, Decimal):
        return cell.is_nan()
    return cell is None or str(cell) in ("<NA>", "NaT")


def is_missing_number(cell: object) -> bool:
    """Whether a cell among numbers or dates holds no value.

    That is as `is_missing`, or a dash or dots.
    """
    return is_missing(cell) or (isinstance(cell, str) and cell.strip() in _DASHES)


# -- numbers -----------------------------------------------------------------------------------------------------------
def as_number(cell: object, style: NumberStyle = "point") -> float | None:
    """A cell as a finite number; None if it is none.

    Args:
        cell: a text, a number of any kind, or a span of time, which is taken in days.
        style: how texts write numbers.
    """
    if isinstance(cell, str):
        text = _plain(cell, style)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            return None
    elif isinstance(cell, bool | int | float | Decimal | np.bool_ | np.integer | np.floating):
        try:
            value = float(cell)
        except (OverflowError, ValueError):  # 10**400, or a signalling NaN of decimal
            return None
    elif isinstance(cell, timedelta):
        value = cell.total_seconds() / _DAY
    else:
        return None
    number = finite_or_none(value)
    return number if isinstance(number, float) else None


def _plain(text: str, style: NumberStyle) -> str | None:
    """A number as Python writes it; None if the text is not of that style."""
    if "_" in text:  # Python's own reading, 1_000, is not what people write in tables
        return None
    if not text.isascii():
        text = text.translate(_MINUS)
    if style == "point":
        return text
    text = text.strip()
    if not _PATTERNS[style].fullmatch(text):
        return None
    text = text.translate(_GROUPS)
    return text.replace(".", "").replace(",", ".") if style == "comma" else text.replace(",", "")


def find_number_style(cells: Sequence[object], comma: bool = False) -> NumberStyle | None:
    """The style in which all cells are numbers; None where there is none.

    Args:
        cells: without those that are missing.
        comma: whether a comma is the decimal point where that is open, as in files with semicolons.

    Raises:
        ValueError: two styles give different numbers; holds the first such cell.
    """
    fitting: list[NumberStyle] = [s for s in NUMBER_STYLES if all(as_number(cell, s) is not None for cell in cells)]
    if "comma" in fitting and "grouped" in fitting and "point" not in fitting:
        odd = next((c for c in cells if as_number(c, "comma") != as_number(c, "grouped")), None)
        if odd is not None and not comma:
            raise ValueError(str(odd).strip())
        return "comma"
    return fitting[0] if fitting else None


def style_of(cells: Sequence[object], usual: NumberStyle, comma: bool) -> NumberStyle:
    """The style of a piece of a column: the usual one, or another where only that fits."""
    if all(type(cell) is not str for cell in cells):
        return usual
    present = [cell for cell in cells if not is_missing_number(cell)]
    for style in dict.fromkeys((usual, "comma" if comma else "point", *NUMBER_STYLES)):
        if all(as_number(cell, style) is not None for cell in present):
            return style
    return usual


# -- days --------------------------------------------------------------------------------------------------------------
def as_days(cell: object) -> float | None:
    """A date as days since 1970-01-01, in UTC where it names an offset; None if it is none.

    Texts are read in the forms 2024-05-31, with a time or not, 2024/05/31 and 31.05.2024, which mean one day each, and
    2024-05, which is the first day of the month.
    """
    if isinstance(cell, str):
        cell = _moment(cell.strip())
    if isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[us]").item()
    if isinstance(cell, datetime):
        if cell.tzinfo is not None:
            cell = cell.astimezone(UTC).replace(tzinfo=None)
        return (cell - datetime(1970, 1, 1)).total_seconds() / _DAY
    return float((cell - date(1970, 1, 1)).days) if isinstance(cell, date) else None


def _moment(text: str) -> datetime | date | None:
    try:
        if _ISO.fullmatch(text):
            return datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
        if _MONTH.fullmatch(text):
            return date.fromisoformat(f"{text}-01")
        if parts := _YEAR_FIRST.fullmatch(text):
            return date(int(parts[1]), int(parts[2]), int(parts[3]))
        if parts := _DOTTED.fullmatch(text):
            return date(int(parts[3]), int(parts[2]), int(parts[1]))
    except (ValueError, OverflowError):
        return None
    return None


# -- words -------------------------------------------------------------------------------------------------------------
def as_word(cell: object) -> str:
    """A cell as a word.

    Whole numbers have no point and accents one form, so that frames and files agree.
    """
    if isinstance(cell, float) and math.isfinite(cell) and cell == int(cell):
        return str(int(cell))
    text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def word_key(word: str) -> str:
    """What words are compared by: `True` is `true`, and `1.0` is `1`."""
    whole = _WHOLE.fullmatch(word)
    if whole:
        return whole[1]
    return word.lower() if word.lower() in ("true", "false") else word
