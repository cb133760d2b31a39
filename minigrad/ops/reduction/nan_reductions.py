"""Reductions with NumPy's further options.

`where=`, `initial=`, and the forms that leave NaN out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad import lazy
from minigrad.core.types import Axis, BoolArray
from minigrad.ops import functions
from minigrad.ops.elementwise.arithmetic import where as select
from minigrad.ops.elementwise.piecewise_constant import equal, greater, rint
from minigrad.ops.elementwise.piecewise_linear import maximum, minimum
from minigrad.ops.reduction import variance
from minigrad.runtime.effects import current_tracer
from minigrad.typing import V

Mask = BoolArray | bool


def _masked(x: V, where: Mask, neutral: float) -> V:
    return x if where is True else select(np.asarray(where), x, neutral)


def _counted(x: V, where: Mask, axis: Axis) -> V:
    """How many entries `where` keeps, for each result, with the reduced axes kept."""
    counted: V = select(np.broadcast_to(np.asarray(where), x.shape), greater(x, np.inf) + 1.0, 0.0)
    return functions.sum(counted, axis, keepdims=True)


def sum(x: V, axis: Axis = None, keepdims: bool = False, initial: float = 0.0, where: Mask = True) -> V:
    """Sum over `axis` of the entries where `where` holds, plus `initial`."""
    y: V = functions.sum(_masked(x, where, 0), axis, keepdims)
    return y if initial == 0.0 else y + initial


def prod(x: V, axis: Axis = None, keepdims: bool = False, initial: float = 1.0, where: Mask = True) -> V:
    """Product over `axis` of the entries where `where` holds, times `initial`."""
    product: Callable[..., V] = lazy.load("minigrad.ops.reduction.cumulative", "prod")
    y = product(_masked(x, where, 1), axis, keepdims)
    return y if initial == 1.0 else y * initial


def max(x: V, axis: Axis = None, keepdims: bool = False, initial: float | None = None, where: Mask = True) -> V:
    """Largest of `initial` and the entries where `where` holds."""
    if where is not True and initial is None:
        raise ValueError("max with where= needs initial=, the result where nothing is left")
    if initial == -np.inf and where is True and x.size:
        initial = None  # an entry of -inf would share its slope with it
    y: V = functions.max(_masked(x, where, -np.inf), axis, keepdims)
    return y if initial is None else maximum(y, initial)


def min(x: V, axis: Axis = None, keepdims: bool = False, initial: float | None = None, where: Mask = True) -> V:
    """Smallest of `initial` and the entries where `where` holds."""
    if where is not True and initial is None:
        raise ValueError("min with where= needs initial=, the result where nothing is left")
    if initial == np.inf and where is True and x.size:
        initial = None
    y: V = functions.min(_masked(x, where, np.inf), axis, keepdims)
    return y if initial is None else minimum(y, initial)


def mean(x: V, axis: Axis = None, keepdims: bool = False, where: Mask = True) -> V:
    """Mean over `axis` of the entries where `where` holds."""
    if where is True or not x.size:
        return functions.mean(x, axis, keepdims)
    share: V = _masked(x, where, 0.0) / _counted(x, where, axis)
    return functions.sum(share, axis, keepdims)


def var(x: V, axis: Axis = None, ddof: float = 0, keepdims: bool = False, where: Mask = True,
        correction: float | None = None, mean: V | None = None) -> V:  # fmt: skip
    """Compute the variance over `axis` of the entries where `where` holds.

    Divided by their number less `ddof`, around `mean` (by default their own; it keeps the axes).
    """
    less = ddof if correction is None else correction
    if mean is None and (where is True or not x.size):
        return variance.var(x, axis, less, keepdims)
    centred: V = _centred(x, axis, where) if mean is None else _masked(x - mean, where, 0.0)
    return functions.sum(centred * centred / (_counted(x, where, axis) - less), axis, keepdims)


def _centred(x: V, axis: Axis, where: Mask) -> V:
    """x less its mean, and once more for what rounding has left of it; 0 where left out."""
    for _ in range(2):
        x = _masked(x - mean(x, axis, True, where), where, 0.0)
    return x


def std(x: V, axis: Axis = None, ddof: float = 0, keepdims: bool = False, where: Mask = True,
        correction: float | None = None, mean: V | None = None) -> V:  # fmt: skip
    """Standard deviation over `axis` of the entries where `where` holds.

    Around `mean`, as for `var`. Where it is 0 the gradient is 0.
    """
    less = ddof if correction is None else correction
    if mean is None and (where is True or not x.size):
        return variance.std(x, axis, less, keepdims)
    centred = _centred(x, axis, where) if mean is None else _masked(x - mean, where, 0.0)
    return functions.norm(centred / (_counted(x, where, axis) - less) ** 0.5, axis, keepdims)


def ptp(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Largest less smallest entry over `axis`."""
    top: V = functions.max(x, axis, keepdims)
    return top - functions.min(x, axis, keepdims)


def average(x: V, axis: Axis = None, weights: V | None = None, keepdims: bool = False,
            returned: bool = False) -> V | tuple[V, V]:  # fmt: skip
    """Weighted mean over `axis`; 1-d weights belong to that axis.

    With `returned` the sum of the weights, too.
    """
    if weights is None:
        y = functions.mean(x, axis, keepdims)
        return (y, np.full(y.shape, x.size / (y.size or 1), y.dtype)) if returned else y  # type: ignore[return-value]
    if weights.shape != x.shape:
        if not isinstance(axis, int) or weights.ndim != 1:
            raise ValueError(f"average: weights {weights.shape} do not fit {x.shape} and axis {axis}")
        at = normalize_axis_index(axis, x.ndim)
        weights = functions.reshape(weights, tuple(n if i == at else 1 for i, n in enumerate(x.shape)))
        weights = functions.broadcast_to(weights, x.shape)
    total = functions.sum(weights, axis, keepdims)
    y = functions.sum(x * weights, axis, keepdims) / total
    return (y, total) if returned else y


def _present(x: V) -> BoolArray:
    return ~np.isnan(x if isinstance(x, np.ndarray) else x.data)


def nansum(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Sum over `axis`, NaN left out."""
    return sum(x, axis, keepdims, where=_present(x))


def nanprod(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Product over `axis`, NaN left out."""
    return prod(x, axis, keepdims, where=_present(x))


def nanmean(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Mean over `axis`, NaN left out."""
    return mean(x, axis, keepdims, where=_present(x))


def nanvar(x: V, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> V:
    """Variance over `axis`, NaN left out."""
    return var(x, axis, ddof, keepdims, where=_present(x))


def nanstd(x: V, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> V:
    """Standard deviation over `axis`, NaN left out."""
    return std(x, axis, ddof, keepdims, where=_present(x))


def nanmax(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Largest entry over `axis`, NaN left out."""
    return _extreme(x, axis, keepdims, functions.max, -np.inf)


def nanmin(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Smallest entry over `axis`, NaN left out."""
    return _extreme(x, axis, keepdims, functions.min, np.inf)


def _extreme(x: V, axis: Axis, keepdims: bool, reduce: Callable[..., V], neutral: float) -> V:
    """The largest or smallest of what is not NaN; NaN where there is nothing else."""
    present = _present(x)
    if current_tracer() is None and present.all():
        return reduce(x, axis, keepdims)
    y: V = reduce(_masked(x, present, neutral), axis, keepdims)
    # Where all are as far out as what stands for NaN they would share their slope with it: their mean is that number.
    count: V = _counted(x, present, axis)
    only: V = functions.sum(_masked(x, present, 0.0) / maximum(count, 1.0), axis, keepdims)
    none: V = equal(count if keepdims else functions.reshape(count, y.shape), 0.0)
    return select(none, np.nan, select(equal(y, neutral), only, y))


def clip(x: V, a_min: V | float | None = None, a_max: V | float | None = None, min: V | float | None = None,
         max: V | float | None = None) -> V:  # fmt: skip
    """numpy.clip: x moved into [a_min, a_max] (or [min, max])."""
    return functions.clip(x, a_min if min is None else min, a_max if max is None else max)


def round(x: V, decimals: int = 0) -> V:
    """x rounded to so many decimals; the derivative is 0."""
    if x.dtype.kind in "iu" and decimals >= 0:
        return x * 1
    return rint(x * 10.0**decimals) / 10.0**decimals if decimals else rint(x)
