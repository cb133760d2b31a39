"""How far minigrad is from the oracle: the largest error of each function in ulp, and the reasons of larger ones.

An error is counted in units in the last place of the right result; for rows, of the largest entry of the row's
gradient, or of the largest term of what is added up. Places for which a reason of `REASONS` holds are left out, and the
reason is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import minigrad
from minigrad.core.types import Array, BoolArray
from support.oracle_data import DIRECTION, DTYPES, EVERY, PATH, WEIGHTS, AnyFunction, key, points
from support.oracle_functions import Function
from support.oracle_pairs import PairFunction, pairs
from support.oracle_rows import RowFunction, rows
from support.oracle_special import SPECIAL

mg: Any = minigrad
README = Path(__file__).parents[2] / "minigrad" / "ops" / "README.md"
BEGIN, END = "<!-- oracle -->", "<!-- end of oracle -->"
ALLOWED = 16.0
"""Units in the last place that need no reason."""

_SCIPY = frozenset(f.name for f in SPECIAL) | {"special.betaln", "special.xlog1py", "special.rel_entr"}
_OVERFLOWS = frozenset({
    "k0", "k1", "y0", "y1", "erfcinv", "special.rel_entr", "binary_cross_entropy",
    "exp2", "power", "hypot", "arctan2", "kl_div", "poisson_nll_loss", "gaussian_nll_loss", "prod", "cumprod", "norm",
    "norm squared", "std", "nanstd", "var", "nanvar", "linalg.norm 3", "linalg.norm 1.5", "power 1.5", "power 2.5",
    "mean", "nanmean", "trapezoid", "cumulative_trapezoid", "average", "std ddof 1", "var ddof 1", "nanprod",
    "cumulative_prod", "linalg.norm 0.5", "linalg.norm 2", "layer_norm", "batch_norm", "group_norm", "instance_norm",
    "multilabel_soft_margin_loss", "smooth_l1_loss of a row", "pairwise_distance 2.0", "pairwise_distance 1.5",
    "pairwise_distance 3.0",
})  # fmt: skip
_CORNERS = frozenset(
    {"huber_loss", "smooth_l1_loss", "multiclass_hinge", "margin_ranking_loss", "multilabel_margin_loss"}
)


@attrs.frozen
class Compared:
    """Results of one order beside the right ones, all of one shape.

    Attributes:
        name: of the function.
        order: 0 for values, 1 for slopes, 2 for curvatures.
        got: minigrad's.
        right: the oracle's.
        scale: size of which the last place counts.
        lower: the largest value or slope there, of which curvatures and slopes are differences.
        by_argument: for values of functions of one variable |x| times the slope, what an ulp of x makes; else 0.
        terms: size of the terms by the function's degree; 0 where that says nothing.
        smallest: the smallest argument that is not 0.
        eps: of the dtype.
        tiny: the smallest normal number of the dtype.
    """

    name: str
    order: int
    got: Array
    right: Array
    scale: Array
    lower: Array
    terms: Array
    smallest: Array
    by_argument: Array
    eps: float
    tiny: float

    @property
    def distance(self) -> Array:
        """|got - right|; infinite where one is not finite and they differ; 0 where the oracle has no answer."""
        same = (self.got == self.right) | np.isnan(self.right)
        apart = np.abs(self.got - self.right)
        return np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))

    @property
    def ulps(self) -> Array:
        """The distance in units in the last place of the scale."""
        last_place = np.maximum(np.exp2(np.floor(np.log2(np.maximum(self.scale, self.tiny)))) * self.eps, 5e-324)
        counted = np.where(np.isinf(self.distance), np.inf, self.distance / last_place)  # inf / inf would count nothing
        return np.where(self.distance == 0.0, 0.0, counted)


def _subnormal(c: Compared) -> BoolArray:
    few_digits = (np.abs(c.right) < c.tiny) | (c.smallest < c.tiny)
    return few_digits & (c.distance <= np.maximum(np.abs(c.right), ALLOWED * c.tiny * np.maximum(c.scale, 1.0)))


def _exponent(c: Compared) -> BoolArray:
    return np.isfinite(c.distance) & (c.ulps <= ALLOWED + 8.0 * np.abs(np.log(np.maximum(np.abs(c.right), 5e-324))))


def _absolute(c: Compared) -> BoolArray:
    return c.distance <= ALLOWED * c.eps * c.lower


def _terms(c: Compared) -> BoolArray:
    return c.distance <= 64.0 * c.eps * c.terms


def _pole(c: Compared) -> BoolArray:
    result: BoolArray = np.isinf(c.right) & np.isnan(c.got) & (c.smallest == np.inf) & (c.order == 2)
    return result


def _overflow(c: Compared) -> BoolArray:
    return np.logical_and(c.name in _OVERFLOWS, np.isinf(c.distance))


def _underflow(c: Compared) -> BoolArray:
    of_slope = np.logical_and(c.name in _SCIPY, c.lower < c.tiny)
    of_share = np.logical_and(c.name == "linalg.norm 1.5", c.smallest**2 < c.tiny)
    result: BoolArray = np.isfinite(c.distance) & (c.order == 2) & (of_slope | of_share)
    return result


def _corner(c: Compared) -> BoolArray:
    return np.full(c.got.shape, c.name in _CORNERS)


def _scipy(c: Compared) -> BoolArray:
    bar = max(1e-12, 64.0 * c.eps) * np.abs(c.right) + 4.0 * c.eps * c.by_argument
    result: BoolArray = np.logical_and(c.name in _SCIPY, c.distance <= bar)
    return result


REASONS: Mapping[str, tuple[str, Callable[[Compared], BoolArray]]] = {
    "s": ("subnormal: the result or an argument has few digits, or needs a number on the way that has", _subnormal),
    "a": ("absolute: 16 ulp at most of what has cancelled (values, slopes, arguments by slopes)", _absolute),
    "t": ("terms: scaled rows give scaled results; what is left of terms of that size is rounded as they are", _terms),
    "e": ("exponent: e ** y of a rounded y, whose error of 1 ulp is |y| ulp of the result", _exponent),
    "p": ("pole with two sides: the curvature at 0 is NaN", _pole),
    "o": ("overflow: a number on the way is beyond the largest, the result is not", _overflow),
    "c": ("corner: the arguments' difference is rounded onto the corner, with the slope of its other side", _corner),
    "u": ("underflow: a slope or share, of which the curvature is made, is below the smallest number", _underflow),
    "f": ("foreign: SciPy's function is off by 1e-12 of the value (64 ulp in float32), or by 4 ulp of the argument",
          _scipy),
}  # fmt: skip
"""Letters, what they stand for, and where they hold; the first that holds is taken."""


def comparisons(function: AnyFunction, dtype: Any, stored: Array) -> Iterator[Compared]:
    """Call minigrad on all places of a function, and its gradient and second derivatives."""
    right = stored.astype(np.float64)
    with np.errstate(all="ignore"):
        if isinstance(function, Function):
            yield from _of_one(function, dtype, right)
        elif isinstance(function, PairFunction):
            yield from _of_two(function, dtype, right)
        else:
            yield from _of_rows(function, dtype, right)


def _compared(name: str, order: int, got: list[Any], right: Array, scale: Array, lower: Array, terms: Array,
              smallest: Array, dtype: Any, by_argument: Array | None = None) -> Compared:  # fmt: skip
    info = np.finfo(dtype)
    numbers = np.array([np.asarray(g, np.float64) for g in got]).reshape(right.shape)
    scale, lower, terms, smallest = (np.broadcast_to(a, right.shape) for a in (scale, lower, terms, smallest))
    eps, tiny = float(info.eps), float(info.tiny)
    wide = np.zeros_like(right) if by_argument is None else by_argument
    return Compared(name, order, numbers, right, scale, lower, terms, smallest, wide, eps, tiny)


def _size(x: Array) -> Array:
    """|x|, infinite where x is 0."""
    return np.where(x == 0.0, np.inf, np.abs(x)).astype(np.float64)


def _of_one(f: Function, dtype: Any, right: Array) -> Iterator[Compared]:
    x = points(f, dtype)
    slope = mg.grad(lambda t: mg.sum(f.call(t)))
    bend = mg.grad(lambda t: mg.sum(slope(t)))
    lower = np.zeros(len(x))
    for order, call in enumerate((f.call, slope, bend)):
        steep = np.nan_to_num(np.abs(x * right[1]), posinf=0.0) if order == 0 else lower * 0.0
        size = np.abs(right[order])
        yield _compared(f.name, order, [call(x)], right[order], size, lower, lower * 0, _size(x), dtype, steep)
        lower = np.maximum(lower, np.nan_to_num(np.abs(right[order]), posinf=0.0))


def _of_two(f: PairFunction, dtype: Any, right: Array) -> Iterator[Compared]:
    x, y = pairs(f, dtype)

    def added(a: Any, b: Any) -> Any:
        return mg.sum(f.call(a, b))

    def by_x(a: Any, b: Any) -> Any:
        return mg.grad(lambda t: added(t, b))(a)

    def by_y(a: Any, b: Any) -> Any:
        return mg.grad(lambda t: added(a, t))(b)

    orders: list[list[Any]] = [
        [f.call(x, y)],
        [by_x(x, y), by_y(x, y)],
        [
            mg.grad(lambda t: mg.sum(by_x(t, y)))(x),
            mg.grad(lambda t: mg.sum(by_x(x, t)))(y),
            mg.grad(lambda t: mg.sum(by_y(x, t)))(y),
        ],
    ]
    smallest, at = np.minimum(_size(x), _size(y)), 0
    largest = np.maximum(np.abs(x), np.abs(y)).astype(np.float64)
    value, by_arguments, slopes = np.abs(right[0]), abs(x * right[1]) + abs(y * right[2]), np.abs(right[1:3])
    over = abs(right[1] / x) + abs(right[2] / y)
    most = float(np.finfo(np.float64).max)
    sizes = ((by_arguments, most), (value, 0.0), (value + slopes.max(0) + over, 0.0))
    lowers = [np.nan_to_num(a, posinf=b) for a, b in sizes]
    for order, got in enumerate(orders):
        block = right[at : at + len(got)]
        at += len(got)
        terms = np.zeros(len(x)) if f.degree is None else largest ** (f.degree - float(order))
        yield _compared(f.name, order, got, block, np.abs(block), lowers[order], terms, smallest, dtype)


def _of_rows(f: RowFunction, dtype: Any, right: Array) -> Iterator[Compared]:
    at = 0
    for x in rows(dtype):
        count, n = x.shape
        block = right[at : at + count * (2 * n + 3)].reshape(count, -1)
        at += block.size
        yield from _of_block(f, x, block, n, dtype)


def _of_block(f: RowFunction, x: Array, block: Array, n: int, dtype: Any) -> Iterator[Compared]:
    weights = np.array(WEIGHTS[:n], x.dtype)
    direction = np.array(DIRECTION[:n], x.dtype)

    def of_row(t: Any) -> Any:
        y = mg.reshape(f.call(t), (t.shape[0], -1))
        return mg.sum(y * weights[: y.shape[1]], axis=1)

    slope = mg.grad(lambda t: mg.sum(of_row(t)))
    product = mg.grad(lambda t: mg.sum(slope(t) * direction))
    settled = ~np.isnan(block).any(1) if n > 1 else np.ones(len(block), bool)
    x, block = x[settled], block[settled]
    size = np.maximum(np.abs(x).max(1, initial=0.0).astype(np.float64), np.finfo(dtype).tiny)
    if f.degree == 0:
        size = np.maximum(size, 3e-3)  # eps = 1e-5 of normalisations
    value, gradient, second = block[:, 0], block[:, 1 : n + 1], block[:, n + 1 : 2 * n + 1]
    largest = np.nan_to_num(np.abs(gradient), posinf=0.0).max(1)
    scales = block[:, -2], np.abs(gradient).max(1)[:, None], block[:, -1:]
    lowers = np.zeros(len(x)), np.abs(value)[:, None], largest[:, None]
    smallest = _size(x).min(1)
    for order, (call, right) in enumerate(((of_row, value), (slope, gradient), (product, second))):
        terms = np.zeros(len(x)) if f.degree is None else size ** (f.degree - float(order))
        wide = [a if order == 0 else a.reshape(-1, 1) for a in (terms, smallest)]
        yield _compared(f.name, order, [call(x)], right, scales[order], lowers[order], wide[0], wide[1], dtype)


@attrs.frozen
class Line:
    """One function in one dtype: the largest errors of value, slope and curvature, and the letters of reasons."""

    errors: tuple[float, float, float]
    letters: str


def measure(function: AnyFunction, dtype: Any, stored: Array) -> Line:
    """The line of a function in one dtype."""
    errors, letters = [0.0, 0.0, 0.0], set()
    with np.errstate(all="ignore"):
        for compared in comparisons(function, dtype, stored):
            ulps = compared.ulps
            left = ulps > ALLOWED
            for letter, (_, holds) in REASONS.items():
                excused = left & holds(compared)
                if excused.any():
                    letters.add(letter)
                    ulps, left = np.where(excused, 0.0, ulps), left & ~excused
            errors[compared.order] = max(errors[compared.order], float(ulps.max(initial=0.0)))
    return Line((errors[0], errors[1], errors[2]), "".join(letter for letter in REASONS if letter in letters))


def table() -> str:
    """The table as Markdown."""
    with np.load(PATH) as stored:
        lines = [[measure(f, d, stored[key(f, d)]) for d in DTYPES] for f in EVERY]
    text = [
        "| function | float64: value | slope | curvature | float32: value | slope | curvature | reasons |",
        "|" + "---|" * 8,
    ]
    for function, both in zip(EVERY, lines, strict=True):
        cells = [str(ceil(e)) if np.isfinite(e) else "inf" for line in both for e in line.errors]
        letters = "".join(r for r in REASONS if any(r in line.letters for line in both))
        text.append("| " + " | ".join([f"`{function.name}`", *cells, letters]) + " |")
    reasons = [f"- **{letter}** {what}." for letter, (what, _) in REASONS.items()]
    return "\n".join([*text, "", *reasons])


def written() -> dict[str, tuple[list[float], str]]:
    """What the README says: the six errors and the letters of each function."""
    return read_table(BEGIN, END)


def read_table(begin: str, end: str) -> dict[str, tuple[list[float], str]]:
    """The six errors and the letters of each function, from the table between two marks of the README."""
    part = README.read_text().split(begin)[1].split(end)[0]
    lines = re.findall(r"^\| `(.+?)` \| (.*) \| (\w*) \|$", part, re.M)
    return {name: ([float(c) for c in cells.split(" | ")], letters) for name, cells, letters in lines}


def write_table() -> None:
    """Replace the table in the README."""
    head, rest = README.read_text().split(BEGIN)
    README.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}")
