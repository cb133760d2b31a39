"""A covering array: every pair of values of two factors stands in some row, in few rows.

Mistakes escape where an option meets a shape, or another option, that it was never tried with. Trying all combinations
is out of the question; trying all pairs finds nearly all such mistakes (Kuhn, Wallace and Gallo, 2004).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from math import isinf

import attrs
import numpy as np

Row = tuple[int, ...]
Pair = tuple[tuple[int, int], tuple[int, int]]

_COUNTS = (
    "n",
    "num",
    "count",
    "size",
    "stride",
    "width",
    "height",
    "kernel",
    "window",
    "dilation",
    "pad",
    "group",
    "block",
)
"""Beginnings of names of options that count, for which no negative number is tried."""

_PLACES = ("index", "idx", "axis")
"""Ends of names of options that point at a place, from the end where they are negative."""

_MOST_ALIASES = 2
"""Integers that are listed for an option and tried as such of NumPy, too."""

_AGAIN = 16
"""Rows for pairs that were refused beside other values."""


@attrs.frozen
class Coverage:
    """Which combinations of the covering array were compared.

    Attributes:
        factors: what was varied, with its values as text; the first value of each is the declared one.
        covered: how many pairs of values were compared.
        refused: pairs that the op itself refuses with an error, or that differences cannot decide, as text.
        left_out: pairs for which there was no room, as text.
    """

    factors: Mapping[str, tuple[str, ...]]
    covered: int
    refused: tuple[str, ...]
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        names = " x ".join(f"{name} ({len(values)})" for name, values in self.factors.items())
        return (
            f"{self.covered} pairs of {names} compared, {len(self.refused)} refused by the op, "
            f"{len(self.left_out)} left out"
        )


class CoveringArray:
    """Rows of value numbers, one for each factor, that cover all pairs of values.

    The first row is all zeros, then each value alone beside zeros, then pairs: what is cut off by `most` are pairs of
    two values that have been tried alone. A pair whose row is refused is tried again beside zeros only, and beside
    values that each of the two has been compared with, since another value of the row may be what was refused.

    Value number `telling` of the first factor, unless it is 0, meets each other value beside zeros.
    """

    def __init__(self, sizes: Row, most: int, telling: int = 0) -> None:
        self.sizes, self.most, self.telling = sizes, most, telling
        self._rows: list[Row] = []
        self._refused: set[Row] = set()
        self._unwelcome: set[Row] = set()

    def __iter__(self) -> Iterator[Row]:
        zeros = (0,) * len(self.sizes)
        alone = [(*zeros[:f], v, *zeros[f + 1 :]) for f, size in enumerate(self.sizes) for v in range(1, size)]
        for row in [zeros, *alone][: self.most]:
            self._rows.append(row)
            yield row
        for row in [(self.telling, *row[1:]) for row in alone if self.telling and not row[0]][: self.most]:
            self._rows.append(row)
            yield row
        lonely = {(f, v) for row in self._unwelcome for f, v in enumerate(row) if v}
        hopeful = {p for p in self._pairs() if not lonely.intersection(p)}
        for pairs in (hopeful, self._pairs() - hopeful):  # what is refused alone is seldom welcome in company
            uncovered = pairs - self._tried()
            allowed = {p[0] for p in pairs} | {p[1] for p in pairs} | {(f, 0) for f in range(len(self.sizes))}
            while uncovered and len(self._rows) < self.most:
                row = _fullest_row(self.sizes, uncovered, allowed)
                self._rows.append(row)
                yield row
                uncovered -= _pairs_of(row)
        for beside in (self._beside_zeros, self._beside_what_went):
            compared = self._compared()
            for pair in sorted(self._pairs() & self._tried() - compared):
                again = None if pair in compared else beside(pair)
                if again is not None and again not in self._rows and len(self._rows) < self.most + _AGAIN:
                    self._rows.append(again)
                    yield again
                    compared = self._compared()

    def refuse(self, row: Row, unwelcome: bool = True) -> None:
        """Note that the last row yielded could not be compared.

        Args:
            row: that one.
            unwelcome: whether the function itself refuses it. A rule that raises where its function does not may answer
                wrongly where shapes happen to fit.
        """
        self._refused.add(row)
        if unwelcome:
            self._unwelcome.add(row)

    def _tried(self) -> set[Pair]:
        return {p for row in self._rows for p in _pairs_of(row)}

    def _compared(self) -> set[Pair]:
        return {p for row in self._rows if row not in self._refused for p in _pairs_of(row)}

    def _beside_zeros(self, pair: Pair) -> Row:
        values = dict(pair)
        return tuple(values.get(f, 0) for f in range(len(self.sizes)))

    def _beside_what_went(self, pair: Pair) -> Row | None:
        """The pair beside values that each of its two has been compared with."""
        compared, values = self._compared(), dict(pair)
        for f, size in enumerate(self.sizes):
            if f not in values:
                fits = (v for v in range(size) if all(tuple(sorted(((f, v), q))) in compared for q in pair))
                value = next(fits, None)
                if value is None:
                    return None
                values[f] = value
        return tuple(values[f] for f in range(len(self.sizes)))

    def coverage(self, factors: Mapping[str, tuple[str, ...]]) -> Coverage:
        """What has become of all pairs."""
        pairs = self._pairs()
        compared, tried = self._compared() & pairs, self._tried() & pairs
        names, values = list(factors), list(factors.values())

        def text(chosen: set[Pair]) -> tuple[str, ...]:
            return tuple(", ".join(f"{names[f]}={values[f][v]}" for f, v in pair) for pair in sorted(chosen))

        return Coverage(factors, len(compared), text(tried - compared), text(pairs - tried))

    def is_pair(self, row: Row) -> bool:
        """Whether a row puts values together, each of which has a row of its own."""
        return sum(map(bool, row)) > 1

    def _pairs(self) -> set[Pair]:
        return {
            ((f, v), (h, w))
            for f, h in combinations(range(len(self.sizes)), 2)
            for v, w in product(range(1, self.sizes[f]), range(1, self.sizes[h]))
        }


def _pairs_of(row: Row) -> set[Pair]:
    return set(combinations(enumerate(row), 2))


def _fullest_row(sizes: Sequence[int], uncovered: set[Pair], allowed: set[tuple[int, int]]) -> Row:
    """A row with one uncovered pair, filled up greedily with values that cover others."""
    first, second = min(uncovered)
    row = dict((first, second))
    for f, size in enumerate(sizes):
        if f not in row:
            fitting = [v for v in range(size) if (f, v) in allowed]
            gains = {v: sum((min((f, v), q), max((f, v), q)) in uncovered for q in row.items()) for v in fitting}
            row[f] = max(fitting, key=lambda v: gains[v])
    return tuple(row[f] for f in range(len(sizes)))


def neighbours(name: str, listed: Sequence[object], ndim: int, words: Sequence[str] = ()) -> list[object]:
    """Values of an option to try.

    Those listed, the first of them first, and what a user passes beside them.

    Args:
        name: of the option; one that begins with "axis" counts axes.
        listed: its values in the declaration, and its default.
        ndim: the number of axes of the first argument.
        words: in the code of the op, which an option that is a word may be compared with.
    """
    values = list(listed)
    if any(isinstance(v, str) for v in listed):
        values += words
    if name.startswith(("axis", "axes")):
        values += _axes(listed, ndim)
    else:
        for value in listed:
            if isinstance(value, bool):
                values.append(not value)
            elif isinstance(value, int):
                values += [value + 1, value - 1, 0, 1]
            elif isinstance(value, float):
                values += [
                    value * 1.375 if value else 0.375,
                    0.0,
                    1.0,
                    value * 0.375,
                    -value if isinf(value) else value,
                ]
            elif isinstance(value, tuple) and value and all(type(v) is int for v in value):
                values += [tuple(v + 1 for v in value), value[::-1]]
                if len(value) > 2 and sorted(value) == list(range(len(value))):
                    values.append(_turn(len(value)))
                elif len(value) > 1:
                    values.append((value[0] + 1, *value[1:]))
    whole = [v for v in listed if type(v) is int and not isinstance(v, bool)]
    counts = name.startswith(_COUNTS) and not name.endswith(_PLACES)
    axes = name.startswith(("axis", "axes"))
    if whole and (min(whole) < 0 or not (counts or axes)):
        values.append(-1)
    elif not axes:
        values = [v for v in values if type(v) is not int or v >= 0]
    distinct: dict[str, object] = {}
    for value in values:
        distinct.setdefault(repr(value), value)
    return list(distinct.values())


def aliases(listed: Sequence[object]) -> list[object]:
    """Other spellings of values that are listed: a flag as 1, a count as NumPy's integer."""
    flags: list[object] = [1, np.bool_(True)] if any(isinstance(v, bool) for v in listed) else []
    whole = dict.fromkeys(v for v in listed if type(v) is int)
    return [*flags, *(np.int64(v) for v in list(whole)[:_MOST_ALIASES])]


def _turn(count: int) -> tuple[int, ...]:
    """An order of axes that is not its own inverse."""
    return (*range(1, count), 0)


def _axes(listed: Sequence[object], ndim: int) -> list[object]:
    values: list[object] = []
    if any(type(v) is int or v is None for v in listed):
        values += [*range(ndim), *range(-ndim, 0)]
    sizes = {len(v) for v in listed if isinstance(v, tuple)}
    if ndim in sizes and ndim > 2:
        values.append(_turn(ndim))
    for size in sorted(sizes):
        for axes in combinations(range(ndim), size):
            values += [axes, tuple(a - ndim for a in axes)]
        values += [tuple(axes[::-1]) for axes in combinations(range(ndim), size)][:1]
    for size in sorted({0, 1, ndim} - sizes) if sizes else ():
        values += combinations(range(ndim), size)
    return values


def option_values(
    options: Sequence[Mapping[str, object]], defaults: Mapping[str, object], ndim: int, words: Sequence[str] = ()
) -> dict[str, list[object]]:
    """For each option, the values to try, the one of the first listed combination first."""
    return {name: neighbours(name, listed, ndim, words) for name, listed in listed_values(options, defaults).items()}


def listed_values(options: Sequence[Mapping[str, object]], defaults: Mapping[str, object]) -> dict[str, list[object]]:
    """For each option, the values that the declaration lists, and the default."""
    return {n: [*(m[n] for m in options), *([defaults[n]] if n in defaults else [])] for n in options[0]}
