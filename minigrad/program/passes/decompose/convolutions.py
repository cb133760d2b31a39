"""Lowering of convolutions: windows as columns, and one matrix product.

The way of `minigrad.ops.network.convolution`.

Once they are calls of their own, the columns that forward and the kernel's gradient have in common are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import TypedDict, cast

from minigrad.core.types import Shape
from minigrad.ops.network.windows import Pairs, places, unpadded, widened
from minigrad.program.passes.rewrite import Builder

__all__ = ["WINDOWS", "ConvolutionOptions"]


class ConvolutionOptions(TypedDict):
    """Metadata of `convolve` and its two other faces; `shape` is theirs alone."""

    stride: Shape
    padding: Pairs
    dilation: Shape
    shape: Shape


def _columns(b: Builder, x: int, kernel: Shape, groups: int) -> tuple[int, Shape]:
    """Lay windows of images x out as columns; return the places along each axis, too.

    The columns have shape (channels of a group * window, images * places).
    """
    kwargs = cast(ConvolutionOptions, b.call.kwargs)
    images, channels, *size = b.shape(x)
    wide = widened(kwargs["padding"], tuple(size))
    if any(map(any, kwargs["padding"])):
        full = (images, channels, *wide)
        x = b.op("scatter", x, shape=full, kwargs={"key": unpadded(kwargs["padding"], tuple(size)), "shape": full})
    n, count = len(kernel), places(wide, kernel, kwargs["stride"], kwargs["dilation"])
    windows = b.op(
        "windows", x, shape=(*kernel, images, channels, *count), kernel=kernel, stride=kwargs["stride"],
        dilation=kwargs["dilation"],
    )  # fmt: skip
    axes = (n + 1, *range(n), n, *range(n + 2, 2 * n + 2))
    turned = b.op("transpose", windows, shape=(channels, *kernel, images, *count), axes=axes)
    return b.reshape(turned, (*_stack(groups), channels // groups * prod(kernel), images * prod(count))), count


def _stack(groups: int) -> Shape:
    """The leading axis of operands: none for one group, whose product is that of two matrices."""
    return () if groups == 1 else (groups,)


def _by_group(b: Builder, g: int, groups: int) -> int:
    """(outputs of a group, images * places) gradients."""
    turned = _channels_first(b, g)
    shape = b.shape(turned)
    return b.reshape(turned, (*_stack(groups), shape[0] // groups, prod(shape[1:])))


def _channels_first(b: Builder, x: int, out: int | None = None) -> int:
    """The first two axes exchanged."""
    m, n, *rest = b.shape(x)
    return b.op("transpose", x, shape=(n, m, *rest), out=out, axes=(1, 0, *range(2, len(rest) + 2)))


def _product(b: Builder, a: int, c: int) -> int:
    return b.op("matmul", a, c, shape=(*b.shape(a)[:-1], b.shape(c)[-1]))


def _convolve(b: Builder, x: int, w: int, out: int) -> None:
    outputs, of_kernel, *kernel = b.shape(w)
    groups = b.shape(x)[1] // of_kernel
    columns, count = _columns(b, x, tuple(kernel), groups)
    flat = b.reshape(w, (*_stack(groups), outputs // groups, of_kernel * prod(kernel)))
    y = b.reshape(_product(b, flat, columns), (outputs, b.shape(x)[0], *count))
    _channels_first(b, y, out)


def _convolve_kernel(b: Builder, g: int, x: int, out: int) -> None:
    of_kernel, *kernel = cast(ConvolutionOptions, b.call.kwargs)["shape"]
    groups = b.shape(x)[1] // of_kernel
    columns, _ = _columns(b, x, tuple(kernel), groups)
    b.reshape(_product(b, _by_group(b, g, groups), b.matrix_transpose(columns)), b.shape(out), out)


def _convolve_input(b: Builder, g: int, w: int, out: int) -> None:
    kwargs = cast(ConvolutionOptions, b.call.kwargs)
    outputs, of_kernel, *kernel = b.shape(w)
    channels, *size = kwargs["shape"]
    groups, images, count = channels // of_kernel, b.shape(g)[0], b.shape(g)[2:]
    flat = b.reshape(w, (*_stack(groups), outputs // groups, of_kernel * prod(kernel)))
    columns = b.reshape(
        _product(b, b.matrix_transpose(flat), _by_group(b, g, groups)), (channels, *kernel, images, *count)
    )
    n = len(kernel)
    axes = (*range(1, n + 1), 0, *range(n + 1, 2 * n + 2))
    by_place = b.op("transpose", columns, shape=(*kernel, channels, images, *count), axes=axes)
    wide = widened(kwargs["padding"], tuple(size))
    x = b.op(
        "overlap_add", by_place, shape=(channels, images, *wide), size=wide, stride=kwargs["stride"],
        dilation=kwargs["dilation"],
    )  # fmt: skip
    if wide != tuple(size):
        x = b.op("getitem", x, shape=(channels, images, *size), key=unpadded(kwargs["padding"], tuple(size)))
    _channels_first(b, x, out)


WINDOWS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {"convolve": _convolve, "convolve_kernel": _convolve_kernel, "convolve_input": _convolve_input}
)
