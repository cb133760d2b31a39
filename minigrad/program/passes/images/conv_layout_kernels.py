"""Convolutions on images laid out as (first axis, channels, other axes, images).

In this order the rows that a window covers along the first axis, with all channels, are one matrix where they lie: no
copy. Along the other axes each place in a window takes one shifted copy (3 for a 3 x 3 window, not 9). The gradient of
the images is made of the same matrices, of rows of the output's gradient. One matrix product for each row follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import cast

from minigrad.core.types import Shape
from minigrad.program.passes.decompose.convolutions import ConvolutionOptions
from minigrad.program.passes.rewrite import Builder

__all__ = ["LAID_OUT", "inverse", "order"]


def order(axes: int) -> Shape:
    """Where the axes of the layout stand in (images, channels, *size)."""
    return (2, 1, *range(3, axes), 0)


def inverse(axes: Shape) -> Shape:
    """The permutation that undoes another."""
    return tuple(axes.index(i) for i in range(len(axes)))


def _turned(b: Builder, x: int, axes: Shape, out: int | None = None) -> int:
    return b.op("transpose", x, shape=tuple(b.shape(x)[a] for a in axes), out=out, axes=axes)


def _padded(b: Builder, x: int, pairs: Mapping[int, tuple[int, int]]) -> int:
    """Zeros before and after the axes that are given."""
    if not any(map(any, pairs.values())):
        return x
    shape = b.shape(x)
    both = [pairs.get(i, (0, 0)) for i in range(len(shape))]
    wide = tuple(before + n + after for n, (before, after) in zip(shape, both, strict=True))
    key = tuple(slice(before, before + n) for n, (before, _) in zip(shape, both, strict=True))
    return b.op("scatter", x, shape=wide, kwargs={"key": key, "shape": wide})


def _rows(b: Builder, x: int, kernel: int, stride: int, dilation: int) -> int:
    """Lay each place's rows below one another.

    (rows, ..., length) -> (places, kernel * ..., length).
    """
    rows, *between, length = b.shape(x)
    flat = b.reshape(x, (rows, prod(between), length))
    turned = _turned(b, flat, (1, 2, 0))
    places = (rows - dilation * (kernel - 1) - 1) // stride + 1
    shape = (kernel, prod(between), length, places)
    shifted = b.op("windows", turned, shape=shape, kernel=(kernel,), stride=(stride,), dilation=(dilation,))
    return b.reshape(_turned(b, shifted, (3, 0, 1, 2)), (places, kernel * prod(between), length))


def _columns(b: Builder, x: int, kernel: Shape) -> int:
    """Images (N, C, *size) -> (places, window * C, other places * N)."""
    kwargs = cast(ConvolutionOptions, b.call.kwargs)
    n = len(kernel)
    laid = _turned(b, x, order(n + 2))
    axis = {0: 0, **{k: k + 1 for k in range(1, n)}}
    laid = _padded(b, laid, {axis[k]: pair for k, pair in enumerate(kwargs["padding"])})
    rows, channels, *wide, images = b.shape(laid)
    rest, stride, dilation = kernel[1:], kwargs["stride"], kwargs["dilation"]
    if rest:
        count = tuple(
            (m - d * (k - 1) - 1) // s + 1 for m, k, s, d in zip(wide, rest, stride[1:], dilation[1:], strict=True)
        )
        shape = (*rest, 1, rows, channels, *count, images)
        options = {"kernel": (*rest, 1), "stride": (*stride[1:], 1), "dilation": (*dilation[1:], 1)}
        shifted = b.op("windows", laid, shape=shape, kwargs=options)
        shifted = _turned(b, shifted, (n, *range(n), *range(n + 1, len(shape))))
        laid = b.reshape(shifted, (rows, prod(rest), channels, prod(count) * images))
    return _rows(b, laid, kernel[0], stride[0], dilation[0])


def _kernel_last(n: int) -> Shape:
    """(O, C, *window) -> (O, *window, C)."""
    return (0, *range(2, n + 2), 1)


def _matrices(b: Builder, g: int) -> int:
    """Outputs' gradient (N, O, *places) -> (places, O, other places * N)."""
    laid = _turned(b, g, order(len(b.shape(g))))
    rows, outputs, *rest = b.shape(laid)
    return b.reshape(laid, (rows, outputs, prod(rest)))


def _product(b: Builder, x: int, y: int) -> int:
    stack = b.shape(y)[:-2]
    return b.op("matmul", x, y, shape=(*stack, b.shape(x)[-2], b.shape(y)[-1]))


def _convolve(b: Builder, x: int, w: int, out: int) -> None:
    outputs, channels, *kernel = b.shape(w)
    columns = _columns(b, x, tuple(kernel))
    flat = b.reshape(_turned(b, w, _kernel_last(len(kernel))), (outputs, prod(kernel) * channels))
    axes = order(len(kernel) + 2)
    y = b.reshape(_product(b, flat, columns), tuple(b.shape(out)[a] for a in axes))
    _turned(b, y, inverse(axes), out)


def _convolve_kernel(b: Builder, g: int, x: int, out: int) -> None:
    outputs, channels, *kernel = b.shape(out)
    columns = _columns(b, x, tuple(kernel))
    products = _product(b, columns, b.matrix_transpose(_matrices(b, g)))
    total = b.op("sum", products, shape=b.shape(products)[1:], axis=0, keepdims=False)
    apart = b.reshape(total, (*kernel, channels, outputs))
    n = len(kernel)
    _turned(b, apart, (n + 1, n, *range(n)), out)


def _convolve_input(b: Builder, g: int, w: int, out: int) -> None:
    """Compute a convolution's gradient for its images, row by row.

    Row h takes the rows of g that its own row took part in: their windows, upside down, are rows below one another.

    What the product has for the other axes' places is added up there, and the padding is cut off.
    """
    kwargs = cast(ConvolutionOptions, b.call.kwargs)
    outputs, channels, *kernel = b.shape(w)
    n, (first, *rest) = len(kernel), kernel
    before, after = kwargs["padding"][0]
    laid = _turned(b, g, order(n + 2))
    _, _, *count, images = b.shape(laid)
    padded = _padded(b, laid, {0: (first - 1 - before, first - 1 - after)})
    rows = _rows(b, b.reshape(padded, (*b.shape(padded)[:2], prod(count) * images)), first, 1, 1)
    upside = b.op("getitem", w, shape=b.shape(w), key=(slice(None), slice(None), slice(None, None, -1)))
    turned = _turned(b, upside, (*range(3, n + 2), 1, 2, 0))
    flat = b.reshape(turned, (prod(rest) * channels, first * outputs))
    size = b.shape(out)[2:]
    parts = b.reshape(_product(b, flat, rows), (size[0], *rest, channels, *count, images))
    laid = _added_up(b, parts, tuple(rest), size[1:]) if rest else parts
    _turned(b, laid, inverse(order(n + 2)), out)


def _added_up(b: Builder, parts: int, rest: Shape, size: Shape) -> int:
    """(rows, *rest, C, *places, N) -> (rows, C, *size, N)."""
    kwargs = cast(ConvolutionOptions, b.call.kwargs)
    m = len(rest)
    rows, channels, images = b.shape(parts)[0], b.shape(parts)[m + 1], b.shape(parts)[-1]
    first = _turned(b, parts, (*range(1, m + 1), 0, *range(m + 1, len(b.shape(parts)))))
    apart = b.reshape(first, (*rest, 1, *b.shape(first)[m:]))
    wide = tuple(before + n + after for n, (before, after) in zip(size, kwargs["padding"][1:], strict=True))
    whole = b.op(
        "overlap_add", apart, shape=(rows, channels, *wide, images), size=(*wide, images),
        stride=(*kwargs["stride"][1:], 1), dilation=(*kwargs["dilation"][1:], 1),
    )  # fmt: skip
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(size, kwargs["padding"][1:], strict=True))
    if wide == size:
        return whole
    shape = (rows, channels, *size, images)
    return b.op("getitem", whole, shape=shape, key=(slice(None), slice(None), *inner))


LAID_OUT: Mapping[str, Callable[..., None]] = MappingProxyType(
    {"convolve": _convolve, "convolve_kernel": _convolve_kernel, "convolve_input": _convolve_input}
)
