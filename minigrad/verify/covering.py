"""A covering array: every pair of values of two factors stands in some row, in few rows.

Mistakes escape where an option meets a shape, or another option, that it was never tried with. Trying all combinations
is out of the question; trying all pairs finds nearly all such mistakes (Kuhn, Wallace and Gallo, 2004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations, product

Row = tuple[int, ...]

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


@lru_cache(maxsize=256)
def pairwise_rows(sizes: Row, most: int) -> tuple[Row, ...]:
    """Rows of value numbers, one for each factor, that cover all pairs of values.

    The first row is all zeros, then each value alone beside zeros, then pairs: what is cut off by `most` are pairs
    of two values that have been tried alone.

    Args:
        sizes: how many values each factor has; value 0 is the usual one.
        most: the largest number of rows.
    """
    zeros = (0,) * len(sizes)
    alone = [(*zeros[:f], v, *zeros[f + 1 :]) for f, size in enumerate(sizes) for v in range(1, size)]
    rows = [zeros, *alone][:most]
    uncovered = {
        ((f, v), (h, w))
        for f, h in combinations(range(len(sizes)), 2)
        for v, w in product(range(1, sizes[f]), range(1, sizes[h]))
    }
    for _ in range(most - len(rows)):
        if not uncovered:
            break
        row = _fullest_row(sizes, uncovered)
        uncovered -= {*combinations(enumerate(row), 2)}
        rows.append(row)
    return tuple(rows)


def _fullest_row(sizes: Sequence[int], uncovered: set[tuple[tuple[int, int], tuple[int, int]]]) -> Row:
    """A row with one uncovered pair, filled up greedily with values that cover others."""
    first, second = min(uncovered)
    row = dict((first, second))
    for f, size in enumerate(sizes):
        if f not in row:
            gains = [sum(((min((f, v), q)), max((f, v), q)) in uncovered for q in row.items()) for v in range(size)]
            row[f] = max(range(size), key=lambda v: gains[v])
    return tuple(row[f] for f in range(len(sizes)))


def neighbours(name: str, listed: Sequence[object], ndim: int) -> list[object]:
    """Values of an option to try.

    Those listed, the first of them first, and what a user passes beside them.

    Args:
        name: of the option; one that begins with "axis" counts axes.
        listed: its values in the declaration, and its default.
        ndim: the number of axes of the first argument.
    """
    values = list(listed)
    if name.startswith(("axis", "axes")):
        values += _axes(listed, ndim)
    else:
        for value in listed:
            if isinstance(value, bool):
                values.append(not value)
            elif isinstance(value, int):
                values += [value + 1, value - 1, 0, 1]
            elif isinstance(value, float):
                values += [value * 1.375 if value else 0.375, 0.0, 1.0]
            elif isinstance(value, tuple) and value and all(type(v) is int for v in value):
                values += [tuple(v + 1 for v in value), value[::-1]]
    whole = [v for v in listed if type(v) is int]
    if whole and (min(whole) < 0 or not name.startswith((*_COUNTS, "axis", "axes"))):
        values.append(-1)
    elif not name.startswith(("axis", "axes")):
        values = [v for v in values if type(v) is not int or v >= 0]
    distinct: dict[str, object] = {}
    for value in values:
        distinct.setdefault(repr(value), value)
    return list(distinct.values())


def _axes(listed: Sequence[object], ndim: int) -> list[object]:
    values: list[object] = []
    if any(type(v) is int or v is None for v in listed):
        values += [*range(ndim), *range(-ndim, 0)]
    sizes = {len(v) for v in listed if isinstance(v, tuple)}
    for size in sorted(sizes):
        for axes in combinations(range(ndim), size):
            values += [axes, tuple(a - ndim for a in axes)]
        values += [tuple(axes[::-1]) for axes in combinations(range(ndim), size)][:1]
    return values


def option_values(
    options: Sequence[Mapping[str, object]], defaults: Mapping[str, object], ndim: int
) -> dict[str, list[object]]:
    """For each option, the values to try, the one of the first listed combination first."""
    return {
        name: neighbours(name, [*(m[name] for m in options), *([defaults[name]] if name in defaults else [])], ndim)
        for name in options[0]
    }
