"""Sliding windows over the last axes, and their adjoint; registered on first use.

The adjoint adds windows up where they overlap.

Arrays of windows have the axes of a window first, so that each offset is one slice that lies like the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from types import EllipsisType

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import as_strided

from minigrad.core.errors import ShapeError
from minigrad.core.types import Array, Shape
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import moveaxis, reshape, transpose
from minigrad.ops.index import getitem
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily(lazy=True)
Pairs = tuple[tuple[int, int], ...]


def each(value: int | Sequence[int], count: int) -> Shape:
    """One number for each of `count` axes."""
    numbers = (int(value),) * count if isinstance(value, int | np.integer) else tuple(int(v) for v in value)
    if len(numbers) != count:
        raise ShapeError(f"{len(numbers)} numbers are numbers for {count} axes: {numbers}")
    return numbers


def last(part: tuple[slice, ...]) -> tuple[EllipsisType | slice, ...]:
    """The key that takes `part` of the last axes."""
    return (Ellipsis, *part)


def places(size: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> Shape:
    """How many windows fit along each axis.

    Raises:
        ShapeError: none fits.
    """
    counts = tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True))
    if min(counts, default=1) < 1 or min(stride, default=1) < 1:
        raise ShapeError(f"no window of {kernel} with dilation {dilation} and stride {stride} fits into {size}")
    return counts


def widened(padding: Pairs, size: Shape) -> Shape:
    """The size with its padding."""
    return tuple(before + n + after for (before, after), n in zip(padding, size, strict=True))


def unpadded(padding: Pairs, size: Shape) -> tuple[slice, ...]:
    """The key of what is not padding in (images, channels, *widened size)."""
    return (slice(None), slice(None), *(slice(b, b + n) for (b, _), n in zip(padding, size, strict=True)))


def require_places(counts: Shape, size: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> None:
    """Raise ShapeError unless `counts` says how many windows fit into `size` along each axis."""
    due = places(size, kernel, stride, dilation)
    if counts != due:
        raise ShapeError(
            f"{counts} windows of {kernel} with dilation {dilation} and stride {stride} for {size}, where {due} fit"
        )


def offsets(kernel: Shape, stride: Shape, dilation: Shape, count: Shape) -> Iterator[tuple[Shape, tuple[slice, ...]]]:
    """Each place in a window, and the slices of the image that lie there in all windows."""
    for at in product(*(range(k) for k in kernel)):
        yield (
            at,
            tuple(
                slice(d * i, d * i + s * (n - 1) + 1, s) for i, d, s, n in zip(at, dilation, stride, count, strict=True)
            ),
        )


@op(
    x=real(),
    linear=True,
    params=[{"kernel": (2, 2), "stride": (1, 2), "dilation": (2, 1)}],
    shapes=[((2, 5, 4),), ((3, 2),)],
    name="windows",
)
def sliding_windows(x: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """View windows of the last len(kernel) axes of x, without copying.

    The shape is (*kernel, *other axes, *places).
    """
    n = len(kernel)
    count = places(x.shape[-n:], kernel, stride, dilation)
    steps = x.strides[-n:]
    inside = tuple(d * s for d, s in zip(dilation, steps, strict=True))
    between = tuple(t * s for t, s in zip(stride, steps, strict=True))
    return as_strided(x, (*kernel, *x.shape[:-n], *count), (*inside, *x.strides[:-n], *between), writeable=False)


@sliding_windows.vjp("x")
def _(g: V, y: V, x: V, *, kernel: Shape, stride: Shape, dilation: Shape) -> V:
    return overlap_add(g, size=x.shape[-len(kernel) :], stride=stride, dilation=dilation)


@op(
    g=real(),
    linear=True,
    params=[
        {"size": (5, 4), "stride": (1, 2), "dilation": (2, 1)},
        {"size": (7, 4), "stride": (2, 2), "dilation": (1, 1)},
    ],
    shapes=[((2, 2, 3, 2),), ((2, 2, 2, 3, 2),)],
)
def overlap_add(g: Array, *, size: Shape, stride: Shape, dilation: Shape) -> Array:
    """Windows added up in an image of `size`: undoes `windows`."""
    n = len(size)
    require_places(g.shape[-n:], size, g.shape[:n], stride, dilation)
    x = np.zeros((*g.shape[n:-n], *size), dtype=g.dtype)
    apart = all(s > d * (k - 1) for s, d, k in zip(stride, dilation, g.shape[:n], strict=True))
    for at, part in offsets(g.shape[:n], stride, dilation, g.shape[-n:]):
        if apart:
            x[last(part)] = g[at]
        else:
            x[last(part)] += g[at]
    return x


@overlap_add.vjp("g")
def _(h: V, y: V, g: V, *, size: Shape, stride: Shape, dilation: Shape) -> V:
    return sliding_windows(h, kernel=g.shape[: len(size)], stride=stride, dilation=dilation)


family.add(sliding_windows)
family.add(overlap_add)
family.register()


def sliding_window_view(x: V, window_shape: int | Sequence[int], axis: int | Sequence[int] | None = None,
                        step: int | Sequence[int] = 1, dilation: int | Sequence[int] = 1) -> V:  # fmt: skip
    """Windows of x along `axis` (all axes by default): their axes come last, as in NumPy.

    Args:
        x: any shape.
        window_shape: length of the windows along each of the axes.
        axis: the axes.
        step: distance between windows.
        dilation: distance between neighbours in a window.
    """
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    n: int = len(axes)
    kernel = each(window_shape, n)
    moved: V = moveaxis(x, axes, tuple(range(x.ndim - n, x.ndim)))
    windows: V = sliding_windows(moved, kernel=kernel, stride=each(step, n), dilation=each(dilation, n))
    unmoved: V = moveaxis(windows, tuple(range(n)), tuple(range(x.ndim, x.ndim + n)))
    return moveaxis(unmoved, tuple(range(x.ndim - n, x.ndim)), axes)


def unfold(x: V, kernel: int | Sequence[int], stride: int | Sequence[int] = 1, padding: int | Sequence[int] = 0,
           dilation: int | Sequence[int] = 1) -> V:  # fmt: skip
    """Lay windows of images (N, C, *size) out as columns, as torch.unfold.

    The shape is (N, C * prod(kernel), number of windows).
    """
    n: int = x.ndim - 2
    k: Shape = each(kernel, n)
    wide: V = pad(x, [(0, 0), (0, 0), *((p, p) for p in each(padding, n))])
    w: V = sliding_windows(wide, kernel=k, stride=each(stride, n), dilation=each(dilation, n))
    columns: V = transpose(w, (n, n + 1, *range(n), *range(n + 2, w.ndim)))
    return reshape(columns, (x.shape[0], x.shape[1] * int(np.prod(k)), -1))


def fold(x: V, output_size: Sequence[int], kernel: int | Sequence[int], stride: int | Sequence[int] = 1,
         padding: int | Sequence[int] = 0, dilation: int | Sequence[int] = 1) -> V:  # fmt: skip
    """Add columns up in images (N, C, *output_size): undoes `unfold`.

    The columns have shape (N, C * prod(kernel), number of windows).
    """
    n: int = len(output_size)
    k: Shape = each(kernel, n)
    s: Shape = each(stride, n)
    d: Shape = each(dilation, n)
    p: Shape = each(padding, n)
    size: Shape = tuple(m + 2 * q for m, q in zip(output_size, p, strict=True))
    count: Shape = places(size, k, s, d)
    apart: V = reshape(x, (x.shape[0], -1, *k, *count))
    first: V = transpose(apart, (*range(2, 2 + n), 0, 1, *range(2 + n, 2 + 2 * n)))
    image: V = overlap_add(first, size=size, stride=s, dilation=d)
    return getitem(image, key=(Ellipsis, *(slice(q, q + m) for q, m in zip(p, output_size, strict=True))))
