"""Normalisation and attention. Registered on first use."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt

import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.types import Array, Axis, BoolArray, Shape
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.arithmetic import square, where
from minigrad.ops.elementwise.piecewise_linear import maximum
from minigrad.ops.elementwise.transcendental import power
from minigrad.ops.elementwise.transcendental import sqrt as root
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import mean, norm, reshape, softmax
from minigrad.ops.reduce import mean as mean_over
from minigrad.ops.reduce import power_of_two_above
from minigrad.ops.shape import matrix_transpose
from minigrad.runtime.numpy_fast import add_reduce, may_hold_nan, silent
from minigrad.runtime.square_scale import square_scale
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily(lazy=True)
_SWEEP: list[dict[str, object]] = [
    {"axis": -1, "eps": 1e-5},
    {"axis": (0, 2), "eps": 0.1},
    {"axis": -1, "eps": 1e-5, "centre": False},
]
_NO_EPS = 1e-30
"""An eps beside which float32 squares that underflow could tell."""


@op(x=real(), params=_SWEEP, shapes=[((2, 3, 4),)])
def standardize(x: Array, *, axis: Axis = -1, eps: float = 1e-5, centre: bool = True) -> Array:
    """Compute (x - mean) / sqrt(variance + eps) over `axis`.

    Without `centre` x / sqrt(mean of squares + eps).
    """
    if centre:
        x = centred(x, axis)
    return x / spread_of(x, axis, eps)


@silent
def spread_of(x: Array, axis: Axis, eps: float) -> Array:
    """sqrt(mean of squares + eps) over `axis` (kept).

    Also where the squares overflow, or underflow beside no eps.
    """
    squares = _mean(x * x, axis)
    if eps > _NO_EPS and not may_hold_nan(squares):
        return np.sqrt(squares + eps)
    info = np.finfo(squares.dtype)
    least = float(info.tiny / info.eps)
    scale = power_of_two_above(x, axis)
    small = x / scale
    scaled = np.sqrt(_mean(small * small, axis) + eps / scale / scale) * scale
    fits = np.isfinite(squares) & (squares + eps >= least)  # else: eps / scale / scale may overflow, too
    return np.where(fits, np.sqrt(squares + eps), scaled)


def centred(x: Array, axis: Axis) -> Array:
    """x less its mean, and once more for what rounding left: equal numbers become 0."""
    x = x - _mean(x, axis)
    return x - _mean(x, axis)


def _mean(x: Array, axis: Axis) -> Array:
    count = prod(x.shape[a] for a in ((axis,) if isinstance(axis, int) else range(x.ndim) if axis is None else axis))
    return add_reduce(x, axis, keepdims=True) / (count or 1)


@standardize.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, eps: float, centre: bool) -> V:
    if centre:
        x = x - mean_over(x, axis=axis, keepdims=True)
        x = x - mean_over(x, axis=axis, keepdims=True)
        g = g - mean_over(g, axis=axis, keepdims=True)
    spread: V
    if isinstance(x, np.ndarray):
        spread = spread_of(x, axis, eps)
    else:
        shrink = square_scale(x.dtype, eps)
        squares: V = mean_over(square(x * shrink), axis=axis, keepdims=True)
        spread = root(squares + eps * shrink * shrink) * (1.0 / shrink)
    return (g - y * mean_over(g * y, axis=axis, keepdims=True)) / spread


family.add(standardize)
family.register()


def layer_norm(x: V, shape: int | Shape | None = None, weight: V | None = None, bias: V | None = None,
               eps: float = 1e-5) -> V:  # fmt: skip
    """Bring the last axes to mean 0 and variance 1, then apply weight and bias.

    The axes are those of `shape` (the last one by default).
    """
    last = (x.shape[-1],) if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
    if x.shape[x.ndim - len(last) :] != last:
        raise ShapeError(f"layer_norm: x {x.shape} does not end with the shape {last}")
    axes: Axis = -1 if len(last) == 1 else tuple(range(-len(last), 0))
    return _affine(standardize(x, axis=axes, eps=eps), weight, bias)


def rms_norm(x: V, shape: int | Shape | None = None, weight: V | None = None, eps: float = 1e-5) -> V:
    """Bring the last axes to mean square 1, then apply weight (Zhang, Sennrich).

    The axes are those of `shape` (the last one by default).
    """
    count = 1 if shape is None or isinstance(shape, int) else len(shape)
    axes: Axis = -1 if count == 1 else tuple(range(-count, 0))
    return _affine(standardize(x, axis=axes, eps=eps, centre=False), weight, None)


def batch_norm(x: V, weight: V | None = None, bias: V | None = None, eps: float = 1e-5,
               running_mean: V | None = None, running_var: V | None = None) -> V:  # fmt: skip
    """Bring all axes but the channels (axis 1) to mean 0 and variance 1.

    Then apply weight and bias for each channel.

    With `running_mean` and `running_var`, of shape (channels,), these take the place of the batch's own.
    """
    along = (x.shape[1], *(1,) * (x.ndim - 2))
    if running_mean is not None and running_var is not None:
        y: V = (x - reshape(running_mean, along)) / root(reshape(running_var, along) + eps)
    else:
        y = standardize(x, axis=(0, *range(2, x.ndim)), eps=eps)
    return _affine(y, _along(weight, along), _along(bias, along))


def group_norm(x: V, groups: int, weight: V | None = None, bias: V | None = None, eps: float = 1e-5) -> V:
    """Bring each of `groups` groups of channels of each sample to mean 0 and variance 1.

    Channels are axis 1 (Wu and He, 2018).
    """
    if x.shape[1] % groups:
        raise ShapeError(f"group_norm: {x.shape[1]} channels do not divide into {groups} groups")
    y: V = standardize(reshape(x, (x.shape[0], groups, -1)), axis=-1, eps=eps)
    along = (x.shape[1], *(1,) * (x.ndim - 2))
    return _affine(reshape(y, x.shape), _along(weight, along), _along(bias, along))


def instance_norm(x: V, weight: V | None = None, bias: V | None = None, eps: float = 1e-5) -> V:
    """Mean 0 and variance 1 over each channel of each sample."""
    return group_norm(x, x.shape[1], weight, bias, eps)


def _along(x: V | None, shape: Shape) -> V | None:
    return None if x is None else reshape(x, shape)


def _affine(y: V, weight: V | None, bias: V | None) -> V:
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def normalize(x: V, axis: int = -1, eps: float = 1e-12) -> V:
    """x divided by its Euclidean length along `axis`, or by `eps` if that is larger."""
    return x / maximum(norm(x, axis, keepdims=True), eps)


def local_response_norm(x: V, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> V:
    """Divide x by a power of the mean square of `size` neighbouring channels.

    x / (k + alpha times that mean square) ** beta (Krizhevsky et al., 2012).
    """
    if not x.size:
        return x * 1.0
    sliding_window_view: Callable[..., V] = lazy.load("minigrad.ops.network.windows", "sliding_window_view")
    widths = [(0, 0), (size // 2, (size - 1) // 2), *((0, 0),) * (x.ndim - 2)]
    shrink = square_scale(x.dtype, k)
    windows: V = sliding_window_view(pad(square(x * shrink), widths), size, axis=1)
    back: float = shrink ** (2.0 * beta)
    return x / power(mean(windows, axis=-1) * alpha + k * shrink * shrink, beta) * back


def scaled_dot_product_attention(query: V, key: V, value: V, mask: V | BoolArray | None = None,
                                 causal: bool = False, scale: float | None = None) -> V:  # fmt: skip
    """Compute softmax(query key^T * scale) value, batched over the leading axes.

    Source: Vaswani et al., 2017.

    Args:
        query: (..., targets, width).
        key: (..., sources, width).
        value: (..., sources, width of the result).
        mask: what is added to the scores, (..., targets, sources); booleans tell where attention is allowed.
        causal: target i sees sources 0 to i only.
        scale: 1 / sqrt(width) by default.
    """
    scores: V = matmul(query * (1.0 / sqrt(query.shape[-1]) if scale is None else scale), matrix_transpose(key))
    if causal:
        scores = where(np.tril(np.ones(scores.shape[-2:], dtype=bool)), scores, -np.inf)
    if mask is not None:
        scores = where(mask, scores, -np.inf) if mask.dtype == np.bool_ else scores + mask
    return matmul(softmax(scores, -1), value)
