"""Functions of rows of numbers, and losses, beside their exact definitions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import attrs
import numpy as np
from mpmath import mp

import minigrad
from minigrad import linalg as _linalg
from support import oracle_jet as j
from support.oracle_jet import Jet

mg: Any = minigrad
linalg: Any = _linalg
Row = list[Jet]


@attrs.frozen
class RowFunction:
    """A function of a row, whose results are weighted and added up to one number.

    Attributes:
        name: unique.
        call: minigrad's, of an array (rows, entries), for each row on its own.
        exact: the results for one row.
        degree: d for functions of which scaled rows have results as if scaled by the power d: derivatives of order k
            are differences of terms of the size |x| ** (d - k).
    """

    name: str
    call: Callable[[Any], Any]
    exact: Callable[[Row], list[Jet]]
    degree: int | None = None


def total(xs: Sequence[Jet]) -> Jet:
    """The sum."""
    y = xs[0]
    for x in xs[1:]:
        y = y + x
    return y


def _mean(xs: Row) -> Jet:
    return total(xs) / len(xs)


def _product(xs: Row) -> Jet:
    y = xs[0]
    for x in xs[1:]:
        y = y * x
    return y


def _centred(xs: Row) -> Row:
    m = _mean(xs)
    return [x - m for x in xs]


def _squares(xs: Row) -> Jet:
    return total([x * x for x in xs])


def _var(ddof: int) -> Callable[[Row], list[Jet]]:
    return lambda xs: [_squares(_centred(xs)) / (len(xs) - ddof)]


def _root(x: Jet) -> Jet:
    """Square root; slope and curvature 0 at 0, as lengths have there."""
    return j.flat(x, 0) if x.value == 0 else j.sqrt(x)


def _length(xs: Row) -> Jet:
    return _root(_squares(xs))


def _extreme(best: Callable[..., Any]) -> Callable[[Row], list[Jet]]:
    def result(xs: Row) -> list[Jet]:
        top = best(x.value for x in xs)
        ties = [x for x in xs if x.value == top]
        return [total(ties) / len(ties)]

    return result


def _abs(x: Jet) -> Jet:
    return x if x.value > 0 else -x if x.value < 0 else j.flat(x, 0)


def _logsumexp(xs: Row) -> Jet:
    top = max(x.value for x in xs)
    result: Jet = j.log(total([j.exp(x - top) for x in xs])) + top
    return result


def _softmax(xs: Row) -> Row:
    top = max(x.value for x in xs)
    es = [j.exp(x - top) for x in xs]
    below = 1 / total(es)
    return [e * below for e in es]


def _log_softmax(xs: Row) -> Row:
    """Of each entry: -log(sum(exp(x - entry)))."""
    return [-j.log(total([j.exp(x - y) for x in xs])) for y in xs]


def _running(combine: Callable[[Row], Jet]) -> Callable[[Row], list[Jet]]:
    return lambda xs: [combine(xs[: k + 1]) for k in range(len(xs))]


def _sorted(xs: Row) -> Row:
    return sorted(xs, key=lambda x: x.value)


def _median(xs: Row) -> list[Jet]:
    s, n = _sorted(xs), len(xs)
    return [(s[(n - 1) // 2] + s[n // 2]) * 0.5]


def _quantile(q: float) -> Callable[[Row], list[Jet]]:
    def result(xs: Row) -> list[Jet]:
        s, place = _sorted(xs), q * (len(xs) - 1)
        low = int(place)
        return [s[low]] if low == place else [s[low] * (1 - mp.mpf(place - low)) + s[low + 1] * mp.mpf(place - low)]

    return result


def _p_norm(p: float) -> Callable[[Row], list[Jet]]:
    def result(xs: Row) -> list[Jet]:
        sizes = [x if x.value > 0 else -x for x in xs if x.value != 0]
        return [j.power(total([j.power(x, p) for x in sizes]), 1 / mp.mpf(p))] if sizes else [j.flat(xs[0], 0)]

    return result


def _standardize(eps: float, centre: bool = True) -> Callable[[Row], list[Jet]]:
    def result(xs: Row) -> list[Jet]:
        xs = _centred(xs) if centre else xs
        below = 1 / j.sqrt(_squares(xs) / len(xs) + mp.mpf(eps))
        return [x * below for x in xs]

    return result


def _normalize(xs: Row) -> list[Jet]:
    size = _length(xs)
    if size.value <= mp.mpf(1e-12):
        return [x / mp.mpf(1e-12) for x in xs]
    below = 1 / size
    return [x * below for x in xs]


def _cross_entropy(xs: Row) -> list[Jet]:
    return [-_log_softmax(xs)[0]]


def _smoothed(xs: Row) -> list[Jet]:
    logs = _log_softmax(xs)
    return [-(logs[0] * mp.mpf(0.75) + total(logs) / len(xs) * mp.mpf(0.25))]


def _hinge(xs: Row) -> list[Jet]:
    over = [x - xs[0] + 1 for x in xs[1:]]
    return [total([o for o in over if o.value > 0] or [j.flat(xs[0], 0)])]


def _focal(xs: Row) -> list[Jet]:
    log_p = _log_softmax(xs)[0]
    p = _softmax(xs)
    return [-(j.power(total(p[1:]), 2) * log_p)] if len(xs) > 1 else [j.flat(xs[0], 0)]


def _differences(xs: Row) -> list[Jet]:
    return [b - a for a, b in itertools.pairwise(xs)] or [j.flat(xs[0], 0)]


def _trapezoid(xs: Row) -> list[Jet]:
    return [total([(a + b) * 0.5 for a, b in itertools.pairwise(xs)] or [j.flat(xs[0], 0)])]


def _first(x: Any) -> Any:
    """The label 0 for each row."""
    return np.zeros(x.shape[0], int)


ROWS: list[RowFunction] = [
    RowFunction("sum", lambda x: mg.sum(x, axis=-1), lambda xs: [total(xs)]),
    RowFunction("mean", lambda x: mg.mean(x, axis=-1), lambda xs: [_mean(xs)]),
    RowFunction("prod", lambda x: mg.prod(x, axis=-1), lambda xs: [_product(xs)]),
    RowFunction("max", lambda x: mg.max(x, axis=-1), _extreme(max)),
    RowFunction("min", lambda x: mg.min(x, axis=-1), _extreme(min)),
    RowFunction("ptp", lambda x: np.ptp(x, axis=-1), lambda xs: [_extreme(max)(xs)[0] - _extreme(min)(xs)[0]]),
    RowFunction("var", lambda x: mg.var(x, axis=-1), _var(0)),
    RowFunction("std", lambda x: mg.std(x, axis=-1), lambda xs: [_root(_var(0)(xs)[0])], 1),
    RowFunction("norm", lambda x: mg.norm(x, axis=-1), lambda xs: [_length(xs)], 1),
    RowFunction("norm squared", lambda x: mg.norm(x, axis=-1) ** 2, lambda xs: [_squares(xs)]),
    RowFunction("logsumexp", lambda x: mg.logsumexp(x, axis=-1), lambda xs: [_logsumexp(xs)]),
    RowFunction("softmax", mg.softmax, _softmax),
    RowFunction("log_softmax", mg.log_softmax, _log_softmax),
    RowFunction("softmin", mg.softmin, lambda xs: _softmax([-x for x in xs])),
    RowFunction("cumsum", lambda x: mg.cumsum(x, axis=-1), _running(total)),
    RowFunction("cumprod", lambda x: mg.cumprod(x, axis=-1), _running(_product)),
    RowFunction("logcumsumexp", lambda x: mg.logcumsumexp(x, axis=-1), _running(_logsumexp)),
    RowFunction("sort", mg.sort, _sorted),
    RowFunction("median", lambda x: mg.median(x, axis=-1), _median),
    RowFunction("quantile 0.3", lambda x: mg.quantile(x, 0.3, axis=-1), _quantile(0.3)),
    RowFunction("nansum", lambda x: mg.nansum(x, axis=-1), lambda xs: [total(xs)]),
    RowFunction("nanmean", lambda x: mg.nanmean(x, axis=-1), lambda xs: [_mean(xs)]),
    RowFunction("nanvar", lambda x: mg.nanvar(x, axis=-1), _var(0)),
    RowFunction("nanstd", lambda x: mg.nanstd(x, axis=-1), lambda xs: [_root(_var(0)(xs)[0])], 1),
    RowFunction("diff", mg.diff, _differences),
    RowFunction("trapezoid", mg.trapezoid, _trapezoid),
    RowFunction("linalg.norm 3", lambda x: linalg.norm(x, ord=3, axis=-1), _p_norm(3), 1),
    RowFunction("linalg.norm 1.5", lambda x: linalg.norm(x, ord=1.5, axis=-1), _p_norm(1.5), 1),
    RowFunction("linalg.norm 1", lambda x: linalg.norm(x, ord=1, axis=-1), _p_norm(1)),
    RowFunction(
        "linalg.norm inf", lambda x: linalg.norm(x, ord=inf, axis=-1), lambda xs: _extreme(max)([_abs(x) for x in xs])
    ),
    RowFunction("layer_norm", mg.layer_norm, _standardize(1e-5), 0),
    RowFunction("rms_norm", mg.rms_norm, _standardize(1e-5, False), 0),
    RowFunction("batch_norm", lambda x: mg.swapaxes(mg.batch_norm(mg.swapaxes(x, 0, 1)), 0, 1), _standardize(1e-5), 0),
    RowFunction("group_norm", lambda x: mg.group_norm(x, 1), _standardize(1e-5), 0),
    RowFunction("instance_norm", lambda x: mg.instance_norm(mg.reshape(x, (x.shape[0], 1, -1))), _standardize(1e-5), 0),
    RowFunction("normalize", mg.normalize, _normalize, 0),
    RowFunction("cross_entropy", lambda x: mg.cross_entropy(x, _first(x), reduction="none"), _cross_entropy),
    RowFunction(
        "cross_entropy smoothed",
        lambda x: mg.cross_entropy(x, _first(x), label_smoothing=0.25, reduction="none"),
        _smoothed,
    ),
    RowFunction("nll_loss", lambda x: mg.nll_loss(x, _first(x), reduction="none"), lambda xs: [-xs[0]]),
    RowFunction("multiclass_hinge", lambda x: mg.multiclass_hinge(x, _first(x), reduction="none"), _hinge),
    RowFunction(
        "softmax_focal_loss", lambda x: mg.softmax_focal_loss(x, _first(x), gamma=2.0, reduction="none"), _focal
    ),
]

_SHAPES = (
    (1.0,), (1.0, 2.5), (1.0, 1.0, 1.0), (0.3, -1.7, 2.2), (3.0, 4.0, -12.0), (1.0, 1e-8, -1e-3),
    (1.0, 1.0 + 2**-20, 1.0),
    (0.0, 0.0), (0.0, 2.0, 3.0), (0.0, 0.0, 5.0), (7.1, 7.1, 7.1, 7.1), (-2.0, 5.0, 5.0, 1.5),
)  # fmt: skip
_SIZES = {
    "d": (1.0, 1e-320, 1e-300, 1e-200, 1e-160, 1e-100, 1e-30, 1e-8, 1e-3, 10.0, 30.0, 300.0, 1e4, 1e10, 1e30, 1e100,
          1e160, 1e200, 1e300),
    "f": (1.0, 1e-43, 1e-37, 1e-30, 1e-20, 1e-10, 1e-4, 1e-2, 10.0, 30.0, 300.0, 1e4, 1e10, 1e19, 1e25, 1e37),
}  # fmt: skip
_UNEVEN = {
    "d": ((1e200, 1.0), (1e-200, 1.0, 1e200), (1e300, 1e-300), (40.0, 0.0), (0.0, 40.0), (0.0, 800.0, 1.0),
          (1e16, 1.0, -1e16)),
    "f": ((1e25, 1.0), (1e-20, 1.0, 1e20), (1e38, 1e-38), (20.0, 0.0), (0.0, 20.0), (0.0, 110.0, 1.0),
          (1e8, 1.0, -1e8)),
}  # fmt: skip


def rows(dtype: Any) -> list[Any]:
    """Rows of one to four entries, equal ones, zeros, and rows with entries of very different size, by length."""
    char = np.dtype(dtype).char
    sizes = _SIZES[char]
    with np.errstate(all="ignore"):
        scaled = [
            np.array(shape, dtype) * np.array(size, dtype)
            for k, shape in enumerate(_SHAPES)
            for size in sizes[k % 3 :: 3]
        ]
    every = [r for r in (*scaled, *(np.array(u, dtype) for u in _UNEVEN[char])) if np.isfinite(r).all()]
    return [np.array([r for r in every if len(r) == n]) for n in (1, 2, 3, 4)]
