"""Rows at the edge: of no entries, one and two, with infinities, NaN, equal numbers, and numbers of every size.

What is right there, by mpmath:

- Finite rows have their exact results.
- An infinity is a number that grows: the limit for stand-ins of 1e340 and more, alike, ever larger, and ever smaller.
  Where these do not agree there is no limit, and a function answers NaN, or as for equal numbers (`NO_LIMIT`).
- NaN is a number that nobody knows: what is the same for all stand-ins is that (`CERTAIN`), all else is NaN
  (`UNKNOWN`). Functions that leave NaN out have the results of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf, nan
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from mpmath import mp

from minigrad.core.types import Array, IndexArray
from support.oracle_exact import as_float
from support.oracle_jet import variables
from support.oracle_more_rows import MORE
from support.oracle_rows import ROWS, RowFunction, total

PATH = Path(__file__).parents[1] / "data" / "oracle_edges.npz"
WEIGHTS = (1.0, -0.75, 0.5, 1.25)
"""Of the results of a row, whose sum is differentiated."""
DIRECTION = (0.75, -1.25, 0.5, 1.0)
EDGES: list[RowFunction] = [*ROWS, *MORE]

RIGHT, NO_LIMIT, UNKNOWN, CERTAIN, UNTRIED = range(5)
"""Kinds of numbers: exact or a limit; no limit (for equal stand-ins); any number; one number in spite of NaN."""

LENGTHS = (1, 2, 3, 4)
SETS = [(section, length) for section in ("", "d", "f") for length in LENGTHS]
"""Rows for both dtypes, for float64, for float32; of each length."""

_MARGIN = (50, 400, 450, 1500, 2200)
"""Digits beside those by which the numbers of a row differ in size."""
_UNKNOWN = (-3.7, 0.3, 1e3, -2e5, 1e60)

_COMMON: tuple[tuple[float, ...], ...] = (
    (0.0,), (-0.0,), (1.0,), (-2.5,), (inf,), (-inf,), (nan,),
    (0.0, -0.0), (-0.0, -0.0), (1.0, 1.0), (-0.0, 2.0), (3.0, -1.0), (0.3125, 0.3125),
    (inf, 1.0), (1.0, inf), (-inf, 1.0), (2.0, -inf), (inf, inf), (-inf, -inf), (inf, -inf), (0.0, inf), (-inf, 0.0),
    (nan, 1.0), (1.0, nan), (nan, inf), (-inf, nan), (nan, nan), (0.0, nan),
    (0.0, -0.0, 0.0), (-0.0, 1.0, -0.0), (2.0, 2.0, 2.0), (1.0, 2.0, 2.0), (-1.5, -1.5, 3.0),
    (1.0, inf, 2.0), (inf, 1.0, 2.0), (1.0, 2.0, inf), (-inf, 1.0, 2.0), (1.0, -inf, 2.0), (1.0, 2.0, -inf),
    (inf, inf, 1.0), (-inf, -inf, 1.0), (inf, -inf, 1.0), (0.0, inf, 0.0), (-inf, -inf, -inf), (inf, inf, inf),
    (nan, 1.0, 2.0), (1.0, nan, 2.0), (1.0, 2.0, nan), (inf, nan, 1.0), (1.0, nan, nan), (-1.0, nan, -inf),
    (1.0, -2.0, 3.0, -4.0), (0.0, 0.0, 0.0, 0.0), (inf, 1.0, -2.0, 0.0), (1.0, -inf, 0.0, 2.0), (nan, 1.0, -1.0, 2.0),
    (-inf, 3.0, -inf, 3.0),
)  # fmt: skip
_SIZED: dict[str, tuple[tuple[float, ...], ...]] = {
    "d": (
        (5e-324,), (-2.2250738585072014e-308,), (1.7976931348623157e308,), (-1.7976931348623157e308,), (1e-160,),
        (5e-324, 5e-324), (1e-310, -2e-310), (1.7976931348623157e308, 1.7976931348623157e308), (1e-300, 1e300),
        (1e300, -1e300), (5e-324, 1.0), (1e-300, 1.0), (-1e300, 1.0), (1e16, 1.0), (1.7976931348623157e308, -0.0),
        (1e-300, 1e300, 1.0), (1e300, 1e300, 1e300), (1e300, 1e-300, -1e300), (0.1, 0.1, 0.1), (1e-310, 1e-310, 1e-310),
        (1e200, -1e200, 1e-200), (1e-20, 1.0, 1e20), (1e160, 1e155, -1e150), (1e-170, 1e-165, -1e-160),
        (5e-324, -5e-324, 0.0), (740.0, -740.0, 0.0), (1e5, 1e5, 99999.0), (inf, 1e10, 1e-10), (-inf, 1e-20, 1e10),
        (0.1, 0.1, 0.1, 0.1), (1e300, 1.0, 1e-300, 0.0), (1e-300, 1e300, 1e-300, 1e300), (36.0, 0.0, -36.0, 1.0),
    ),
    "f": (
        (1e-45,), (-1.17549435e-38,), (3.4028235e38,), (-3.4028235e38,), (1e-25,),
        (1e-45, 1e-45), (1e-40, -2e-40), (3.4028235e38, 3.4028235e38), (1e-20, 1e20), (1e30, -1e30), (1e-45, 1.0),
        (1e-20, 1.0), (-1e20, 1.0), (1e8, 1.0), (3.4028235e38, -0.0),
        (1e-20, 1e20, 1.0), (1e20, 1e20, 1e20), (1e20, 1e-20, -1e20), (0.1, 0.1, 0.1), (1e-40, 1e-40, 1e-40),
        (1e25, -1e25, 1e-25), (1e-10, 1.0, 1e10), (1e20, 1e18, -1e17), (1e-22, 1e-21, -1e-20), (1e-45, -1e-45, 0.0),
        (100.0, -100.0, 0.0), (1e5, 1e5, 99999.0), (inf, 1e10, 1e-10), (-inf, 1e-20, 1e10),
        (0.1, 0.1, 0.1, 0.1), (1e38, 1.0, 1e-38, 0.0), (1e-20, 1e20, 1e-20, 1e20), (18.0, 0.0, -18.0, 1.0),
    ),
}  # fmt: skip


def sections(dtype: Any) -> tuple[str, str]:
    """Names of the sets of rows that a dtype is tried on."""
    return "", np.dtype(dtype).char


def rows(section: str, length: int) -> Array:
    """The rows of one length: those for both dtypes (""), or for one; float64 all."""
    if section:
        dtype = np.dtype(section)
        every: Sequence[Sequence[float]] = [np.array(r, dtype).astype(float).tolist() for r in _SIZED[section]]
    else:
        every = _COMMON
    return np.array([r for r in every if len(r) == length]).reshape(-1, length)


def key(function: RowFunction, section: str, length: int) -> str:
    """The name of an array in the file."""
    return f"{function.name}, {section or 'both'}, {length}"


@attrs.frozen
class Answer:
    """What is right for rows of one length: for each kind of number its array, and of which kind each number is.

    Attributes:
        numbers: (rows, results + 2 entries): the results, the gradient and the Hessian times DIRECTION of their
            weighted sum.
        kinds: the same shape.
        sizes: (rows, results + 1): of the terms of each result, and of the Hessian's.
    """

    numbers: Array
    kinds: IndexArray
    sizes: Array


def leaves_nan_out(function: RowFunction) -> bool:
    """Whether NaN counts as absent."""
    return function.name.startswith("nan")


def reference(function: RowFunction, section: str, length: int) -> Answer:
    """The numbers of a function, by mpmath: this takes seconds."""
    answers = [_row(function, row.tolist()) for row in rows(section, length)]
    return Answer(*(np.array(part) for part in zip(*answers, strict=True)))


def pack(answer: Answer) -> Array:
    """One array of an answer, for the file: the last columns are the kinds."""
    return np.concatenate([answer.numbers, answer.sizes, answer.kinds], axis=1)


def unpack(stored: Array, length: int) -> Answer:
    """Undo `pack`."""
    results = (stored.shape[1] - 4 * length - 1) // 3
    width = results + 2 * length
    numbers, sizes, kinds = np.split(stored, [width, width + results + 1], axis=1)
    return Answer(numbers, kinds.astype(int), sizes)


_Row = tuple[list[float], list[int], list[float]]


def _row(function: RowFunction, row: list[float]) -> _Row:
    unknown = [i for i, v in enumerate(row) if v != v]
    if not unknown:
        return _without_nan(function, row)
    if leaves_nan_out(function):
        return _left_out(function, row)
    every = [_without_nan(function, [_UNKNOWN[(k + i) % 5] if v != v else v for i, v in enumerate(row)])
             for k in range(len(_UNKNOWN))]  # fmt: skip
    numbers = np.array([numbers for numbers, _, _ in every])
    usual = np.array([kinds for _, kinds, _ in every]) == RIGHT
    certain = (numbers == numbers[0]).all(0) & usual.all(0)
    kinds = np.where(certain, CERTAIN, UNKNOWN).tolist()
    return numbers[0].tolist(), kinds, every[0][2]


def _left_out(function: RowFunction, row: list[float]) -> _Row:
    """The results of what is not NaN; slope 0 at NaN."""
    present = [i for i, v in enumerate(row) if v == v]
    n = len(row)
    if not present:
        return [nan] * (1 + 2 * n), [UNTRIED] * (1 + 2 * n), [0.0, 0.0]
    numbers, kinds, sizes = _without_nan(function, [row[i] for i in present], [DIRECTION[i] for i in present])
    full, full_kinds = np.zeros(1 + 2 * n), np.full(1 + 2 * n, RIGHT)
    at = [0, *(1 + i for i in present), *(1 + n + i for i in present)]
    full[at], full_kinds[at] = numbers, kinds
    return full.tolist(), full_kinds.tolist(), sizes


def _without_nan(function: RowFunction, row: list[float], direction: Sequence[float] = DIRECTION) -> _Row:
    if np.isfinite(row).all():
        numbers, sizes = _numbers(function, row, direction)
        return numbers, [UNTRIED if v != v else RIGHT for v in numbers], sizes
    every = [_numbers(function, stand_ins, direction) for stand_ins in _paths(row)]
    paths = np.array([numbers for numbers, _ in every])
    with np.errstate(all="ignore"):
        near = np.abs(paths - paths[0]) <= 1e-14 * np.abs(paths[0])
        grown = (
            (paths[1] / paths[0] > 1.0) & (np.abs(paths) > 1e100).all(0) & (np.sign(paths) == np.sign(paths[0])).all(0)
        )
    paths = np.where(grown, np.copysign(np.inf, paths), paths)
    limit = ((paths == paths[0]) | near).all(0)
    kinds = np.where(np.isnan(paths).any(0), UNTRIED, np.where(limit, RIGHT, NO_LIMIT))
    return paths[0].tolist(), kinds.tolist(), every[0][1]


def _paths(row: list[float]) -> Iterator[list[Any]]:
    """The row with finite numbers in place of infinities, in several ways; the first: all of one size."""
    at = [i for i, v in enumerate(row) if np.isinf(v)]
    with mp.workdps(50):
        large = mp.mpf(10) ** 340
        larger = mp.mpf(10) ** 420
        grows: list[Callable[[int], Any]] = [lambda k: large, lambda k: larger]
        if len(at) > 1:
            grows += [
                lambda k: large * mp.mpf(10) ** (30 * k),
                lambda k: large * mp.mpf(10) ** (90 - 30 * k),
                lambda k: large + k,
            ]
        for grow in grows:
            with mp.workdps(500):
                sized = {i: (1 if row[i] > 0 else -1) * grow(k) for k, i in enumerate(at)}
            yield [sized.get(i, v) for i, v in enumerate(row)]


def _numbers(function: RowFunction, row: list[Any], direction: Sequence[float]) -> tuple[list[float], list[float]]:
    """Results, gradient and Hessian times the direction; sizes of the results' terms, and of the Hessian's."""
    earlier: list[Any] = []
    for margin in _MARGIN:
        with mp.workdps(_spread(row) + margin):
            try:
                numbers, width = _parts(function, row, direction)
            except (ZeroDivisionError, ValueError):
                return [nan] * (1 + 2 * len(row)), [0.0, 0.0]
            settled = [_settle(a, b) for a, b in zip(earlier, numbers, strict=bool(earlier))]
            if earlier and None not in settled:
                values = [as_float(v) for v in settled]
                return values[:width], values[width:]
            earlier = numbers
    raise ArithmeticError(f"{function.name}: {_MARGIN[-1]} digits do not settle {[mp.nstr(x) for x in row]}")


def _settle(a: Any, b: Any) -> Any:
    """A number from two precisions: 0 if it shrinks as the precision grows; None if they are no answer yet."""
    if abs(a - b) <= mp.mpf("1e-30") * abs(b):
        return b
    return mp.zero if abs(b) <= mp.mpf("1e-25") * abs(a) else None


def _parts(function: RowFunction, row: list[Any], direction: Sequence[float]) -> tuple[list[Any], int]:
    """The numbers and the sizes, and how many numbers there are."""
    n = len(row)
    at = [mp.mpf(v) for v in row]
    ys = function.exact(variables(at))
    near = [mp.zero if abs(v) > mp.mpf("1e309") else abs(v) for v in at]
    terms = [max(abs(y.value), sum(v * abs(s) for v, s in zip(near, y.slope, strict=True))) for y in ys]
    whole = total([y * w for y, w in zip(ys, WEIGHTS, strict=False)])
    full = [[whole.bend[min(i, k)][abs(i - k)] for k in range(n)] for i in range(n)]
    moved = [[h * d for h, d in zip(line, direction, strict=False)] for line in full]
    largest = max(abs(m) for line in moved for m in line)
    numbers = [*(y.value for y in ys), *whole.slope, *(sum(line) for line in moved)]
    return [*numbers, *terms, largest], len(numbers)


def _spread(row: list[Any]) -> int:
    """By how many digits the numbers of a row, and 1, differ in size."""
    sizes = [mp.mag(v) for v in row if v] + [0]
    return int((max(sizes) - min(sizes)) * 0.302)


def _square(triangle: list[list[Any]], n: int) -> list[list[Any]]:
    return [[triangle[min(i, k)][abs(i - k)] for k in range(n)] for i in range(n)]
