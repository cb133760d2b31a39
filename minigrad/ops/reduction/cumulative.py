"""Running sums, products and recurrences along an axis. Registered on first use.

All rest on one linear recurrence s[k] = a[k] s[k - 1] + b[k], whose gradient is the same recurrence backwards. No rule
divides, so products that meet zeros have exact gradients of every order.
"""

from __future__ import annotations

from math import prod as lengths_product

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.core.types import Array, Axis, IndexArray
from minigrad.ops.arrangement.gather import pick
from minigrad.ops.elementwise.arithmetic import finite_part, masked_multiply, where
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.elementwise.piecewise_linear import clip
from minigrad.ops.elementwise.transcendental import exp
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import moveaxis, ravel, reshape
from minigrad.ops.index import getitem
from minigrad.ops.reduce import keepdims_shape
from minigrad.ops.reduce import sum as total
from minigrad.ops.shape import concatenate
from minigrad.runtime.effects import current_tracer
from minigrad.runtime.numpy_fast import silent
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import distinct, real

family = OpFamily()
_LONG = 256
"""Length from which an axis is scanned by doubling instead of step by step.

It must also be longer than what runs beside it.
"""

_FEW = 24
"""So many factors may be multiplied in all pairs."""

_DIRECTIONS: list[dict[str, object]] = [{"axis": 0}, {"axis": -1, "reverse": True}]


def _steps(axis: int, ndim: int, steps: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * normalize_axis_index(axis, ndim), steps)


@op(x=real(), linear=True, params=_DIRECTIONS, shapes=[((2, 3, 4),), ((5,),)], name="cumsum")
def cumsum_along(x: Array, *, axis: int = -1, reverse: bool = False) -> Array:
    """y[k] = x[0] + ... + x[k] along `axis`; `reverse`: y[k] = x[k] + ... + x[-1]."""
    if not reverse:
        return np.add.accumulate(x, axis=axis)
    return np.flip(np.add.accumulate(np.flip(x, axis), axis=axis), axis)


@cumsum_along.vjp("x")
def _(g: V, y: V, x: V, *, axis: int, reverse: bool) -> V:
    return cumsum_along(g, axis=axis, reverse=not reverse)


@op(a=real(), b=real(), params=_DIRECTIONS, shapes=[((2, 3, 4), (2, 3, 4)), ((5,), (5,))])
def linear_recurrence(a: Array, b: Array, *, axis: int = -1, reverse: bool = False) -> Array:
    """Compute s[k] = a[k] s[k - 1] + b[k] along `axis`, with s[-1] = 0.

    So a[0] is not used; `reverse` runs from the end.

    a and b have one shape.
    """
    a, s = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0).astype(np.result_type(a, b), copy=True)
    if reverse:
        a, s = a[::-1], s[::-1]
    if len(s) >= _LONG and len(s) * 8 > s.size // len(s):
        _double(a, s)
    else:
        for k in range(1, len(s)):
            s[k] += a[k] * s[k - 1]
    return np.moveaxis(s[::-1] if reverse else s, 0, axis)


def _double(a: Array, s: Array) -> None:
    """Run the recurrence in log2(n) passes (Hillis and Steele, 1986).

    Each pass doubles how far back a place has looked.
    """
    a = a.copy()
    reach = 1
    while reach < len(s):
        s[reach:] += a[reach:] * s[:-reach].copy()
        a[reach:] *= a[:-reach].copy()
        reach *= 2


def _shifted(x: V, axis: int, reverse: bool, fill: float) -> V:
    """Move x by one place along `axis`, with `fill` coming in.

    Towards the end; `reverse`: towards the start.
    """
    shape = tuple(1 if i == normalize_axis_index(axis, x.ndim) else n for i, n in enumerate(x.shape))
    edge = np.full(shape, fill, dtype=x.dtype)
    if reverse:
        return concatenate(getitem(x, key=_steps(axis, x.ndim, slice(1, None))), edge, axis=axis)
    return concatenate(edge, getitem(x, key=_steps(axis, x.ndim, slice(None, -1))), axis=axis)


def _adjoint(g: V, a: V, axis: int, reverse: bool) -> V:
    """Compute the gradient for b: the recurrence run the other way.

    Its factors are moved by one place.
    """
    moved: V = a if a.shape[axis] == 0 else _shifted(a, axis, not reverse, 0.0)
    return linear_recurrence(moved, g, axis=axis, reverse=not reverse)


@linear_recurrence.vjp("a", "b")
def _(g: V, s: V, a: V, b: V, *, axis: int, reverse: bool) -> tuple[V, V]:
    back: V = _adjoint(g, a, axis, reverse)
    return back * (s if s.shape[axis] == 0 else _shifted(s, axis, reverse, 0.0)), back


@op(x=real(), params=_DIRECTIONS, shapes=[((2, 3, 4),), ((5,),)], name="cumprod")
def cumprod_along(x: Array, *, axis: int = -1, reverse: bool = False) -> Array:
    """y[k] = x[0] * ... * x[k] along `axis`; `reverse`: y[k] = x[k] * ... * x[-1]."""
    if not reverse:
        return np.multiply.accumulate(x, axis=axis)
    return np.flip(np.multiply.accumulate(np.flip(x, axis), axis=axis), axis)


@cumprod_along.vjp("x")
def _(g: V, y: V, x: V, *, axis: int, reverse: bool) -> V:
    if _leaves_range(x, axis):
        return _products_of_starts(g, x, axis, reverse)
    # y[k] for k >= j holds x[j] once, between y[j - 1] and the factors after j.
    before: V = y if y.shape[axis] == 0 else _shifted(y, axis, reverse, 1.0)
    return masked_multiply(_adjoint(g, x, axis, reverse), before)


def _products_of_starts(g: V, x: V, axis: int, reverse: bool) -> V:
    """Gradient of `cumprod_along`, each running product by itself.

    So no product of a part overflows on the way.
    """
    n = x.shape[axis]
    within = np.tril(np.ones((n, n), dtype=x.dtype)).T if reverse else np.tril(np.ones((n, n), dtype=x.dtype))
    last: V = moveaxis(x, axis, -1)
    starts: V = where(within, reshape(last, (*last.shape[:-1], 1, n)), 1.0)
    others: V = masked_multiply(other_products(starts), within)
    due: V = reshape(moveaxis(g, axis, -1), (*last.shape, 1))
    return moveaxis(total(masked_multiply(others, due), axis=-2), -1, axis)


def diff(x: V, n: int = 1, axis: int = -1) -> V:
    """Differences of neighbours along `axis`, taken n times."""
    for _ in range(n):
        ahead: V = getitem(x, key=_steps(axis, x.ndim, slice(1, None)))
        x = ahead - getitem(x, key=_steps(axis, x.ndim, slice(None, -1)))
    return x


@op(x=distinct(), piecewise_constant=True, params=[{"axis": 1}], shapes=[((2, 3, 4),)], name="argcummax")
def largest_so_far(x: Array, *, axis: int = -1) -> Array:
    """The positions of the largest entries up to each place along `axis`."""
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    places = np.arange(x.shape[axis]).reshape(shape)
    new = np.equal(x, np.maximum.accumulate(x, axis=axis))
    positions: Array = np.maximum.accumulate(np.where(new, places, 0), axis=axis)
    return positions


@op(x=real(), params=[{"axis": 0}, {"axis": -1}], shapes=[((2, 3, 4),), ((5,),), ((0, 2),)])
def logcumsumexp(x: Array, *, axis: int = -1) -> Array:
    """y[k] = log(exp(x[0]) + ... + exp(x[k])) along `axis`, without overflow."""
    return np.logaddexp.accumulate(x, axis=axis)


@logcumsumexp.vjp("x")
def _(g: V, y: V, x: V, *, axis: int) -> V:
    if x.shape[axis] == 0:
        return g
    # With m the largest entry so far, terms b[j] = exp(x[j] - m[j]) and a[j] = exp(m[j - 1] - m[j]), the sum so far is
    # s[j] = a[j] s[j - 1] + b[j], and dL/dx[j] = b[j] / s[j] S[j] with S[j] = g[j] + a[j + 1] s[j] / s[j + 1] S[j + 1].
    # Differences of y, which is rounded, would not do: b and a are right for rows of any size.
    top: V = finite_part(pick(x, largest_so_far(x, axis=axis), axis=axis))
    top = top if isinstance(top, np.ndarray) else top.detach()
    terms: V = exp(clip(x, high=float(np.finfo(x.dtype).max)) - top)
    kept: V = exp(-diff(top, axis=axis))
    edge = np.zeros_like(getitem(g, key=_steps(axis, g.ndim, slice(0, 1))))
    sums: V = linear_recurrence(concatenate(edge, kept, axis=axis), terms, axis=axis)
    sums = sums + equal(sums, 0.0)  # nothing but -inf so far: terms 0, whose slope must not be infinite
    before: V = getitem(sums, key=_steps(axis, g.ndim, slice(None, -1)))
    decay: V = kept * (before / getitem(sums, key=_steps(axis, g.ndim, slice(1, None))))
    due: V = linear_recurrence(concatenate(decay, edge, axis=axis), g, axis=axis, reverse=True)
    return terms / sums * due


def _leaves_range(x: V, axis: int) -> bool:
    """Tell whether products of a part of an axis may overflow or underflow.

    They must be few enough to form one by one. In programs, whose numbers are not known, any product of a short axis
    may.
    """
    length: int = x.shape[axis]
    if current_tracer() is not None:
        return length <= _FEW // 2
    return length <= _FEW and _is_wide(x if isinstance(x, np.ndarray) else x.detach().numpy(), axis)


def _is_wide(x: Array, axis: int) -> bool:
    size = np.sum(np.abs(np.frexp(x)[1]), axis=axis)
    return bool(x.size and np.max(size) >= _EXPONENTS.get(x.dtype.char, 0))


def _others_of_pairs(h: V, x: V) -> V:
    """Gradient of `other_products` from the products of all entries but two."""
    one = np.eye(x.shape[-1], dtype=x.dtype)
    rows: V = where(one, 1.0, reshape(x, (*x.shape[:-1], 1, x.shape[-1])))
    others: V = masked_multiply(other_products(rows), 1.0 - one)
    return total(masked_multiply(others, reshape(h, (*h.shape, 1))), axis=-2)


@op(x=real(), shapes=[((2, 3),), ((1, 1),), ((4,),), ((2, 0),)])
def product_last(x: Array) -> Array:
    """Product over the last axis."""
    return np.asarray(np.multiply.reduce(x, axis=-1))


@product_last.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return masked_multiply(reshape(g, (*g.shape, 1)), other_products(x))


@op(x=real(), shapes=[((2, 3),), ((1, 1),), ((4,),), ((2, 0),)])
def other_products(x: Array) -> Array:
    """For each entry the product of all others on the last axis, without division.

    Where products of a part may overflow or underflow, mantissas and exponents are multiplied apart.
    """
    if _is_wide(x, -1):
        return _others_of_any_size(x)
    before, after = np.ones_like(x), np.ones_like(x)
    np.multiply.accumulate(x[..., :-1], axis=-1, out=before[..., 1:])
    np.multiply.accumulate(x[..., :0:-1], axis=-1, out=after[..., -2::-1])
    return before * after


_EXPONENTS = {"f": 120, "d": 1000}
"""If binary exponents add up to less, no product of a part leaves the range of the dtype."""


@silent
def _others_of_any_size(x: Array) -> Array:
    rows = np.moveaxis(x, -1, 0)
    before, after = _running(rows), _running(rows[::-1])
    mantissa = before[0] * after[0][::-1]
    return np.moveaxis(np.ldexp(mantissa, before[1] + after[1][::-1]).astype(x.dtype), 0, -1)


def _running(rows: Array) -> tuple[Array, IndexArray]:
    """Products of the rows before each, as mantissas and binary exponents."""
    mantissas, exponents = np.ones_like(rows), np.zeros(rows.shape, np.int64)
    parts, powers = np.frexp(rows)  # first: a product with a subnormal number is rounded to its few digits
    for k in range(1, len(rows)):
        mantissas[k], step = np.frexp(mantissas[k - 1] * parts[k - 1])
        exponents[k] = exponents[k - 1] + step + powers[k - 1]
    return mantissas, exponents


@other_products.vjp("x")
def _(h: V, y: V, x: V) -> V:
    if x.size == 0:
        return h
    if _leaves_range(x, -1):
        return _others_of_pairs(h, x)
    before: V = _shifted(cumprod_along(x, axis=-1), -1, False, 1.0)
    after: V = _shifted(cumprod_along(x, axis=-1, reverse=True), -1, True, 1.0)
    ahead: V = _adjoint(_shifted(masked_multiply(h, after), -1, True, 0.0), x, -1, False)
    behind: V = _adjoint(_shifted(masked_multiply(h, before), -1, False, 0.0), x, -1, True)
    return masked_multiply(ahead, before) + masked_multiply(behind, after)


for _op in (largest_so_far, cumsum_along, linear_recurrence, cumprod_along, logcumsumexp, product_last, other_products):
    family.add(_op)
family.register()


def cumsum(x: V, axis: int | None = None) -> V:
    """Running sum along `axis` (of the flattened x by default)."""
    return cumsum_along(ravel(x), axis=0) if axis is None else cumsum_along(x, axis=axis)


def cumprod(x: V, axis: int | None = None) -> V:
    """Running product along `axis` (of the flattened x by default).

    Zeros have exact gradients.
    """
    return cumprod_along(ravel(x), axis=0) if axis is None else cumprod_along(x, axis=axis)


def cumlogsumexp(x: V, axis: int | None = None) -> V:
    """Compute the log of the running sum of exp(x) along `axis`, without overflow.

    By default, of the flattened x.
    """
    return logcumsumexp(ravel(x), axis=0) if axis is None else logcumsumexp(x, axis=axis)


def prod(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Product over `axis` (all axes by default).

    Zeros have exact gradients: nothing is divided by x.
    """
    if x.ndim == 1 and axis in (None, 0, -1):
        whole: V = product_last(x)
        return reshape(whole, (1,)) if keepdims else whole
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    rest: list[int] = [i for i in range(x.ndim) if i not in axes]
    last: V = moveaxis(x, tuple(axes), tuple(range(x.ndim - len(axes), x.ndim))) if rest else x
    count = lengths_product(x.shape[a] for a in axes)
    y: V = product_last(reshape(last, (*(x.shape[i] for i in rest), count)))
    return reshape(y, keepdims_shape(x.shape, axis)) if keepdims else y


def ediff1d(x: V) -> V:
    """Differences of neighbours of the flattened x."""
    return diff(ravel(x))


def trapezoid(y: V, x: V | None = None, dx: float = 1.0, axis: int = -1) -> V:
    """Integrate along `axis` by the trapezoidal rule.

    Over the sample points x (or a spacing dx).
    """
    ahead: V = getitem(y, key=_steps(axis, y.ndim, slice(1, None)))
    means: V = (ahead + getitem(y, key=_steps(axis, y.ndim, slice(None, -1)))) * 0.5
    if x is None:
        return total(means * dx, axis=axis)
    step: V = diff(x, axis=-1 if x.ndim == 1 else axis)
    if x.ndim == 1:
        step = reshape(
            step, tuple(step.shape[0] if i == normalize_axis_index(axis, y.ndim) else 1 for i in range(y.ndim))
        )
    return total(means * step, axis=axis)
