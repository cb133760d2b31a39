"""Convolutions in any number of dimensions, channels first. Registered on first use.

`convolve` (output from image and kernel), `convolve_input` and `convolve_kernel` are the three faces of one trilinear
form: each one's rules are the other two. All are one matrix product over im2col columns of shape (channels * window,
images * places): of the layouts measured that one is quickest for all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.core.errors import ShapeError
from minigrad.core.types import Array, Shape
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import flip, reshape
from minigrad.ops.index import getitem
from minigrad.ops.network.windows import Pairs, each, last, offsets, places, require_places, unpadded, widened
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily(lazy=True)
_PLAIN: dict[str, object] = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
_ODD: dict[str, object] = {"stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2)}
_IMAGE, _KERNEL = (2, 2, 5, 4), (4, 1, 3, 2)
"""Two groups: their number is the channels of the image over those of the kernel."""


def _padded(x: Array, padding: Pairs) -> Array:
    if not any(before or after for before, after in padding):
        return x
    wide = np.zeros((*x.shape[:2], *widened(padding, x.shape[2:])), x.dtype)
    wide[unpadded(padding, x.shape[2:])] = x
    return wide


def _columns(x: Array, kernel: Shape, stride: Shape, padding: Pairs, dilation: Shape, groups: int) -> Array:
    """Lay the windows of images out as columns; return the places along each axis, too.

    The columns have shape (groups, channels of a group * window, images * places).
    """
    x = _padded(x, padding)
    count = places(x.shape[2:], kernel, stride, dilation)
    steps = x.strides[2:]
    inside = tuple(d * s for d, s in zip(dilation, steps, strict=True))
    between = tuple(t * s for t, s in zip(stride, steps, strict=True))
    view = as_strided(
        x, (x.shape[1], *kernel, x.shape[0], *count), (x.strides[1], *inside, x.strides[0], *between), writeable=False
    )
    return view.reshape(groups, x.shape[1] // groups * prod(kernel), x.shape[0] * prod(count))


def _by_group(g: Array, groups: int) -> Array:
    return np.swapaxes(g, 0, 1).reshape(groups, g.shape[1] // groups, g.shape[0] * prod(g.shape[2:]))


def _groups(channels: int, of_kernel: int, outputs: int) -> int:
    groups, rest = divmod(channels, of_kernel)
    if rest or not groups or outputs % groups:
        raise ShapeError(
            f"{channels} channels do not divide into groups of the kernel's {of_kernel}, or the {outputs} outputs "
            "do not divide into as many groups"
        )
    return groups


@op(x=real(), w=real(), params=[_PLAIN, _ODD], shapes=[(_IMAGE, _KERNEL)])
def convolve(x: Array, w: Array, *, stride: Shape, padding: Pairs, dilation: Shape) -> Array:
    """Cross-correlate images x (N, C, *size) with kernels w (O, C / groups, *window).

    The result has shape (N, O, *places).
    """
    groups = _groups(x.shape[1], w.shape[1], w.shape[0])
    kernel = w.shape[2:]
    y = w.reshape(groups, w.shape[0] // groups, -1) @ _columns(x, kernel, stride, padding, dilation, groups)
    wide = tuple(b + n + a for (b, a), n in zip(padding, x.shape[2:], strict=True))
    return np.swapaxes(y.reshape(w.shape[0], x.shape[0], *places(wide, kernel, stride, dilation)), 0, 1)


@convolve.vjp("x")
def _(g: V, y: V, x: V, w: V, *, stride: Shape, padding: Pairs, dilation: Shape) -> V:
    return convolve_input(g, w, shape=x.shape[1:], stride=stride, padding=padding, dilation=dilation)


@convolve.vjp("w")
def _(g: V, y: V, x: V, w: V, *, stride: Shape, padding: Pairs, dilation: Shape) -> V:
    return convolve_kernel(g, x, shape=w.shape[1:], stride=stride, padding=padding, dilation=dilation)


@op(
    g=real(),
    w=real(),
    params=[{**_PLAIN, "shape": (2, 5, 4)}],
    shapes=[((2, 4, 3, 3), _KERNEL)],
)
def convolve_input(g: Array, w: Array, *, shape: Shape, stride: Shape, padding: Pairs, dilation: Shape) -> Array:
    """Compute the gradient of `convolve` for its images, of shape (N, *shape).

    It is a transposed convolution.
    """
    groups = _groups(shape[0], w.shape[1], w.shape[0])
    kernel, images = w.shape[2:], g.shape[0]
    flat = w.reshape(groups, w.shape[0] // groups, -1)
    columns = (np.swapaxes(flat, 1, 2) @ _by_group(g, groups)).reshape(shape[0], *kernel, images, *g.shape[2:])
    by_place = np.moveaxis(columns, 0, len(kernel))
    wide = tuple(b + n + a for (b, a), n in zip(padding, shape[1:], strict=True))
    require_places(g.shape[2:], wide, kernel, stride, dilation)
    x = np.zeros((shape[0], images, *wide), dtype=columns.dtype)
    for at, part in offsets(kernel, stride, dilation, g.shape[2:]):
        x[last(part)] += by_place[at]
    return np.swapaxes(x[unpadded(padding, shape[1:])], 0, 1)


@convolve_input.vjp("g")
def _(h: V, y: V, g: V, w: V, *, shape: Shape, stride: Shape, padding: Pairs, dilation: Shape) -> V:
    return convolve(h, w, stride=stride, padding=padding, dilation=dilation)


@convolve_input.vjp("w")
def _(h: V, y: V, g: V, w: V, *, shape: Shape, stride: Shape, padding: Pairs, dilation: Shape) -> V:
    return convolve_kernel(g, h, shape=w.shape[1:], stride=stride, padding=padding, dilation=dilation)


@op(
    g=real(),
    x=real(),
    params=[{**_PLAIN, "shape": (1, 3, 2)}],
    shapes=[((2, 4, 3, 3), _IMAGE)],
)
def convolve_kernel(g: Array, x: Array, *, shape: Shape, stride: Shape, padding: Pairs, dilation: Shape) -> Array:
    """The gradient of `convolve` for its kernels, of shape (O, *shape)."""
    groups = _groups(x.shape[1], shape[0], g.shape[1])
    columns = _columns(x, shape[1:], stride, padding, dilation, groups)
    return (_by_group(g, groups) @ np.swapaxes(columns, 1, 2)).reshape(g.shape[1], *shape)


@convolve_kernel.vjp("g")
def _(h: V, y: V, g: V, x: V, *, shape: Shape, stride: Shape, padding: Pairs, dilation: Shape) -> V:
    return convolve(x, h, stride=stride, padding=padding, dilation=dilation)


@convolve_kernel.vjp("x")
def _(h: V, y: V, g: V, x: V, *, shape: Shape, stride: Shape, padding: Pairs, dilation: Shape) -> V:
    return convolve_input(g, h, shape=x.shape[1:], stride=stride, padding=padding, dilation=dilation)


for _op in (convolve, convolve_input, convolve_kernel):
    family.add(_op)
family.register()


def _with_bias(y: V, bias: V | None) -> V:
    if bias is None:
        return y
    lined: V = reshape(bias, (bias.size, *(1,) * (y.ndim - 2)))
    return y + lined


def conv(x: V, w: V, bias: V | None = None, stride: int | Sequence[int] = 1,
         padding: int | Sequence[int] | str = 0, dilation: int | Sequence[int] = 1) -> V:  # fmt: skip
    """Cross-correlate images x (N, C, *size) with kernels w (O, C / groups, *window).

    A bias (O,) is added.

    Args:
        x: images, channels first, with any number of axes after the channels.
        w: kernels; fewer channels than the images' mean as many groups.
        bias: added to each output channel.
        stride: distance between windows.
        padding: zeros at both ends of each axis; "same" keeps the size (for stride 1), "valid" adds none.
        dilation: distance between neighbours in a window.
    """
    n: int = x.ndim - 2
    if n < 1 or w.ndim != x.ndim:
        raise ShapeError(f"conv: images (N, C, *size) and kernels (O, C, *window) are needed, not {x.shape}, {w.shape}")
    apart = each(dilation, n)
    if isinstance(padding, str):
        pairs = _named_padding(padding, w.shape[2:], apart)
    else:
        pairs = tuple((p, p) for p in each(padding, n))
    y: V = convolve(x, w, stride=each(stride, n), padding=pairs, dilation=apart)
    return _with_bias(y, bias)


def _named_padding(name: str, kernel: Shape, dilation: Shape) -> Pairs:
    if name == "valid":
        return tuple((0, 0) for _ in kernel)
    if name != "same":
        raise ShapeError(f"conv: padding is 'same', 'valid' or numbers, not {name!r}")
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((t // 2, t - t // 2) for t in totals)


conv1d = conv2d = conv3d = conv_nd = conv


def conv_transpose(x: V, w: V, bias: V | None = None, stride: int | Sequence[int] = 1,
                   padding: int | Sequence[int] = 0, output_padding: int | Sequence[int] = 0,
                   dilation: int | Sequence[int] = 1, groups: int = 1) -> V:  # fmt: skip
    """Transposed convolution: apply the adjoint of `conv` in its images, as torch's.

    w has shape (C, O / groups, *window).
    """
    n: int = x.ndim - 2
    s, p, d, more = each(stride, n), each(padding, n), each(dilation, n), each(output_padding, n)
    size: Shape = tuple(
        (m - 1) * t - 2 * q + e * (k - 1) + o + 1
        for m, t, q, e, k, o in zip(x.shape[2:], s, p, d, w.shape[2:], more, strict=True)
    )
    shape = (w.shape[1] * groups, *size)
    y: V = convolve_input(x, w, shape=shape, stride=s, padding=tuple((q, q) for q in p), dilation=d)
    return _with_bias(y, bias)


conv_transpose1d = conv_transpose2d = conv_transpose3d = conv_transpose


def convolve1d(a: V, v: V, mode: str = "full") -> V:
    """Compute the sum over m of a[m] v[k - m] for 1-d arrays, as numpy.convolve.

    The mode is "full", "same" or "valid".
    """
    if a.ndim != 1 or v.ndim != 1 or mode not in ("full", "same", "valid"):
        raise ShapeError(f"convolve: 1-d arrays and mode full, same or valid; got {a.shape}, {v.shape}, {mode!r}")
    if v.size > a.size:
        return convolve1d(v, a, mode)
    image: V = reshape(a, (1, 1, a.size))
    plain = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}
    if mode == "valid":
        return reshape(convolve(image, reshape(flip(v), (1, 1, v.size)), **plain), (-1,))
    # Without zeros at the ends, which an infinite entry would turn into NaN.
    kernel: V = reshape(v, (1, 1, v.size))
    full: V = reshape(convolve_input(image, kernel, shape=(1, a.size + v.size - 1), **plain), (-1,))
    start = (v.size - 1) // 2
    return full if mode == "full" else getitem(full, key=(slice(start, start + a.size),))
