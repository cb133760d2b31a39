"""How far minigrad is from the oracle on rows at the edge, and what it answers where there is nothing to be right.

Errors are counted as in oracle_table, in units in the last place of the largest term of a result, or of the largest
entry of the row's gradient. Reasons are those, and the letters of `CONDUCT`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

import attrs
import numpy as np

import minigrad
from minigrad.core.types import Array, BoolArray
from support.oracle_edges import (
    CERTAIN,
    DIRECTION,
    EDGES,
    LENGTHS,
    NO_LIMIT,
    PATH,
    RIGHT,
    UNKNOWN,
    WEIGHTS,
    Answer,
    key,
    rows,
    sections,
    unpack,
)
from support.oracle_rows import RowFunction
from support.oracle_table import ALLOWED, README, REASONS, Compared, Line, read_table

mg: Any = minigrad
BEGIN, END = "<!-- edges -->", "<!-- end of edges -->"

CONDUCT: Mapping[str, str] = {
    "x": "as IEEE: inf - inf or 0 * inf on the way is NaN, though there is a limit",
    "q": "quiet: an entry is NaN, and so is what would be one number for all entries",
    "i": "equal infinities count as equal numbers, though one might be larger",
    "z": "zero: where a result is NaN, or without limit, its part of the slope is 0",
    "d": "documented: nothing but -inf has probability 0, logarithm -inf, an infinite loss and slope 0",
    "n": "NaN is the largest number, as NumPy sorts, and has the slope of its place",
    "v": "the length of the row, or a square, is beyond the largest number: what is divided by it is 0",
}
_ORDERED = frozenset({"sort", "median", "quantile 0.3"})
_SHARES = frozenset(
    {
        "softmax",
        "log_softmax",
        "softmin",
        "logsumexp",
        "special.logsumexp",
        "logcumsumexp",
        "cross_entropy",
        "cross_entropy smoothed",
        "cross_entropy of shares",
        "softmax_focal_loss",
    }
)
_LENGTHS = frozenset({
    "norm", "std", "nanstd", "std ddof 1", *(f"linalg.norm {p}" for p in (2, 3, 1.5, 0.5)),
    *(f"pairwise_distance {p}" for p in (1.5, 2.0, 3.0)), "normalize", "cosine_similarity", "cosine_embedding_loss",
    "local_response_norm",
})  # fmt: skip


@attrs.frozen
class Block:
    """What minigrad answers for the rows of one set and length.

    Attributes:
        x: the rows, in a dtype.
        got: (rows, results + 2 entries), as `Answer.numbers`.
        answer: what is right.
    """

    x: Array
    got: Array
    answer: Answer

    @property
    def order(self) -> Array:
        """0, 1 and 2 for the columns of results, gradients and curvatures."""
        n = self.x.shape[1]
        return np.repeat([0, 1, 2], [self.got.shape[1] - 2 * n, n, n])


def blocks(function: RowFunction, dtype: Any, stored: Mapping[str, Array]) -> Iterator[Block]:
    """Call minigrad on all rows, and its gradient and Hessian."""
    for section in sections(dtype):
        for n in LENGTHS:
            x = rows(section, n).astype(dtype)
            answer = unpack(stored[key(function, section, n)], n)
            with np.errstate(all="ignore"):
                yield Block(x, evaluate(function, x, answer.numbers.shape[1] - 2 * n), answer)


def evaluate(function: RowFunction, x: Array, results: int) -> Array:
    """Results, gradient and Hessian times DIRECTION of the results' weighted sum, for each row."""
    n = x.shape[1]
    weights, direction = np.array(WEIGHTS, x.dtype), np.array(DIRECTION[:n], x.dtype)

    def whole(t: Any) -> Any:
        y = mg.reshape(function.call(t), (t.shape[0], -1))
        return mg.sum(y * weights[: y.shape[1]])

    slope = mg.grad(whole)
    product = mg.grad(lambda t: mg.sum(slope(t) * direction))
    values = np.asarray(function.call(x)).reshape(len(x), -1)
    if not values.shape[1]:  # no neighbours, say: the oracle has a 0
        values = np.zeros((len(x), results))
    return np.concatenate([values, slope(x), product(x)], axis=1).astype(np.float64)


def compare(function: RowFunction, block: Block) -> Iterator[Compared]:
    """The comparisons of a block, order by order, where there is a right answer."""
    x, answer, order = block.x, block.answer, block.order
    info = np.finfo(x.dtype)
    with np.errstate(all="ignore"):
        exact = answer.numbers.astype(x.dtype).astype(np.float64)
        right = np.where(answer.kinds == RIGHT, exact, np.nan)
        values, gradient = (np.nan_to_num(np.abs(right[:, order == k]), posinf=0.0) for k in (0, 1))
        size = np.where(np.isfinite(x), np.abs(x), 0.0).max(1).astype(np.float64)
        smallest = np.where((x == 0) | np.isnan(x), np.inf, np.abs(x)).min(1).astype(np.float64)
    steep = gradient.max(1, initial=0.0)[:, None]
    scales = answer.sizes[:, :-1], steep, answer.sizes[:, -1:]
    lowers = np.zeros((len(x), 1)), values.max(1, initial=0.0)[:, None], steep
    for k in (0, 1, 2):
        at = order == k
        terms = np.zeros(len(x)) if function.degree is None else _floored(size, function, info) ** (function.degree - k)
        scale, lower, wide, least = (
            np.broadcast_to(np.nan_to_num(a, posinf=0.0) if i < 2 else a, right[:, at].shape)
            for i, a in enumerate((scales[k], lowers[k], terms[:, None], smallest[:, None]))
        )
        yield Compared(function.name, k, block.got[:, at], right[:, at], scale, lower, wide, least,
                       np.zeros(right[:, at].shape), float(info.eps), float(info.tiny))  # fmt: skip


def _floored(size: Array, function: RowFunction, info: Any) -> Array:
    return np.maximum(size, 3e-3 if function.degree == 0 else float(info.tiny))  # eps = 1e-5 of normalisations


def conduct(function: RowFunction, block: Block) -> tuple[set[str], BoolArray, BoolArray]:
    """Letters of what is answered where nothing is right; answers that are wrong; and those that a letter excuses."""
    x, kinds, got, numbers, slopes = block.x, block.answer.kinds, block.got, block.answer.numbers, block.order > 0
    absent, unknown = np.isnan(got), np.isnan(x).any(1, keepdims=True)
    infinite = np.isinf(x).any(1, keepdims=True)
    one_sign = ~((x == np.inf).any(1, keepdims=True) & (x == -np.inf).any(1, keepdims=True))
    with np.errstate(all="ignore"):
        alike = np.isclose(got, numbers, rtol=16 * float(np.finfo(x.dtype).eps), atol=0.0, equal_nan=False)
    nowhere = (kinds == NO_LIMIT) | (kinds == UNKNOWN)
    results = np.isnan(got[:, ~block.order.astype(bool)]).any(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        partial = slopes & ((got == 0.0) | (results & (np.abs(got) <= np.abs(numbers) * 1.001)))
    letters: dict[str, BoolArray] = {
        "x": (kinds == RIGHT) & absent & infinite & ~np.isnan(numbers),
        "q": (kinds == CERTAIN) & absent,
        "i": (kinds == NO_LIMIT) & alike & (one_sign | slopes),
        "z": partial & (nowhere | ((kinds != RIGHT) & unknown) | (results & (kinds == RIGHT) & ~alike)),
        "d": _nothing(function, x) & _as_documented(got, slopes),
        "n": np.logical_and(function.name in _ORDERED, unknown) & _as_sorted(function, block),
        "v": np.isfinite(got) & ~alike & _too_long(function, x)[:, None],
    }
    excused = np.logical_or.reduce(list(letters.values()))
    wrong = (((kinds == CERTAIN) & ~alike) | (nowhere & ~absent)) & ~excused
    return {k for k, at in letters.items() if at.any()}, wrong, excused


def _nothing(function: RowFunction, x: Array) -> BoolArray:
    """Rows of which all entries, or (running) the first ones, are the -inf of nothing."""
    none: BoolArray = np.equal(x, np.inf if function.name == "softmin" else -np.inf)
    rows: BoolArray = none[:, :1] if function.name == "logcumsumexp" else np.asarray(none.all(1, keepdims=True))
    return rows & (function.name in _SHARES)


def _as_documented(got: Array, slopes: BoolArray) -> BoolArray:
    nothing: BoolArray = np.where(slopes, (got == 0.0) | np.isnan(got), (got == 0.0) | np.isinf(got))
    return nothing


def _too_long(function: RowFunction, x: Array) -> BoolArray:
    """Finite rows whose length (or, of neighbours, whose square) is beyond the largest number."""
    top = np.abs(x).max(1).astype(np.float64)
    power = {"linalg.norm 0.5": 2.0, "local_response_norm": 0.0}.get(function.name, 1.0)
    limit = float(np.finfo(x.dtype).max) / x.shape[1] ** power
    if function.name == "local_response_norm":
        limit = 1e204 if x.dtype == np.float64 else 3e25
    long: BoolArray = np.isfinite(x).all(1) & (top >= limit)
    return long & (function.name in _LENGTHS)


def _as_sorted(function: RowFunction, block: Block) -> BoolArray:
    """Values as NumPy's; slopes that add up to what has come in."""
    n, got = block.x.shape[1], block.got
    expected = np.sort(block.x, -1) if function.name == "sort" else np.full((len(got), 1), np.nan)
    values = np.isclose(got[:, : -2 * n], expected, rtol=0.0, atol=0.0, equal_nan=True).all(1)
    due = sum(WEIGHTS[: got.shape[1] - 2 * n])
    slopes = np.isclose(got[:, -2 * n : -n].sum(1), due, rtol=1e-6) & (got[:, -n:] == 0.0).all(1)
    return np.broadcast_to((values & slopes)[:, None], got.shape)


def measure(function: RowFunction, dtype: Any, stored: Mapping[str, Array]) -> Line:
    """The line of a function in one dtype; an error is infinite where an answer is wrong for which nothing is right."""
    errors, letters = [0.0, 0.0, 0.0], set()
    for block in blocks(function, dtype, stored):
        seen, wrong, excused = conduct(function, block)
        letters |= seen
        for compared in compare(function, block):
            at = block.order == compared.order
            with np.errstate(all="ignore"):
                ulps = np.where(excused[:, at], 0.0, np.where(wrong[:, at], np.inf, compared.ulps))
                left = (ulps > ALLOWED) & ~wrong[:, at]
                for letter, (_, holds) in REASONS.items():
                    reason = left & holds(compared)
                    if reason.any():
                        letters.add(letter)
                        ulps, left = np.where(reason, 0.0, ulps), left & ~reason
            errors[compared.order] = max(errors[compared.order], float(ulps.max(initial=0.0)))
    order = "".join((*REASONS, *CONDUCT))
    return Line((errors[0], errors[1], errors[2]), "".join(c for c in order if c in letters))


def table() -> str:
    """The table as Markdown."""
    with np.load(PATH) as file:
        stored = dict(file)
    text = [
        "| function | float64: value | slope | curvature | float32: value | slope | curvature | reasons |",
        "|" + "---|" * 8,
    ]
    for function in EDGES:
        both = [measure(function, d, stored) for d in (np.float64, np.float32)]
        cells = [str(ceil(e)) if np.isfinite(e) else "inf" for line in both for e in line.errors]
        letters = "".join(r for r in (*REASONS, *CONDUCT) if any(r in line.letters for line in both))
        text.append("| " + " | ".join([f"`{function.name}`", *cells, letters]) + " |")
    return "\n".join([*text, "", *(f"- **{letter}** {what}." for letter, what in CONDUCT.items())])


def write_table() -> None:
    """Replace the table in the README."""
    head, rest = README.read_text().split(BEGIN)
    README.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}")


def written() -> dict[str, tuple[list[float], str]]:
    """What the README says: the six errors and the letters of each function."""
    return read_table(BEGIN, END)
