"""Kernels for windows of images: pooling, and windows added up."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import TypedDict, cast

import numpy as np

from minigrad.core.types import Array, Shape
from minigrad.ops.network.windows import last, offsets
from minigrad.program.graph import Call, Value
from minigrad.program.kernels.kernel import Kernel, Make

__all__ = ["WINDOWS"]


class _Options(TypedDict):
    kernel: Shape
    stride: Shape
    dilation: Shape
    size: Shape


def _max_pool(call: Call, xs: list[Value], out: Value) -> Kernel:
    kwargs = cast(_Options, call.kwargs)
    n = len(kwargs["kernel"])
    parts = [last(part) for _, part in offsets(kwargs["kernel"], kwargs["stride"], kwargs["dilation"], out.shape[-n:])]

    def pool(x: Array, out: Array) -> None:
        np.copyto(out, x[parts[0]])
        for part in parts[1:]:
            np.maximum(out, x[part], out=out)

    return Kernel(pool, routine="max_pool", details=kwargs)


def _winners(call: Call, xs: list[Value], out: Value) -> Kernel:
    kwargs = cast(_Options, call.kwargs)
    n = len(kwargs["kernel"])
    parts = [
        (at, last(part))
        for at, part in offsets(kwargs["kernel"], kwargs["stride"], kwargs["dilation"], xs[1].shape[-n:])
    ]
    count = np.empty(xs[1].shape, out.dtype)
    one = np.ones((), out.dtype)

    def share(x: Array, y: Array, out: Array) -> None:
        for at, part in parts:
            np.equal(x[part], y, out=out[at])
        np.add.reduce(out.reshape(-1, *y.shape), axis=0, out=count)
        if np.maximum.reduce(count, axis=None) > 1.0:
            np.divide(out, np.maximum(count, one, out=count), out=out)

    return Kernel(share)


def _spread(call: Call, xs: list[Value], out: Value) -> Kernel:
    kwargs = cast(_Options, call.kwargs)
    n = len(kwargs["kernel"])
    y = xs[2]
    cuts = offsets(kwargs["kernel"], kwargs["stride"], kwargs["dilation"], y.shape[-n:])
    parts = [last(part) for _, part in cuts]
    covered = len(parts) * prod(y.shape) == prod(out.shape)
    won = np.empty((len(parts), *y.shape), bool)
    count, divisor = np.empty(y.shape, np.uint8), np.empty(y.shape, out.dtype)
    one = np.ones((), np.uint8)

    def put(g: Array, x: Array, y: Array, out: Array) -> None:
        if not covered:
            out.fill(0.0)
        for part, mine in zip(parts, won, strict=True):
            np.equal(x[part], y, out=mine)
        if np.count_nonzero(won) != y.size:  # ties, or NaN
            np.add.reduce(won.view(np.uint8), axis=0, out=count)
            np.copyto(divisor, np.maximum(count, one, out=count))
            g = np.divide(g, divisor, out=divisor)
        for part, mine in zip(parts, won, strict=True):
            np.multiply(g, mine, out=out[part])

    return Kernel(put, routine="max_pool_backward", details=kwargs)


def _overlap_add(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    kwargs = cast(_Options, call.kwargs)
    n = len(kwargs["size"])
    kernel, count = xs[0].shape[:n], xs[0].shape[-n:]
    parts = [(at, last(part)) for at, part in offsets(kernel, kwargs["stride"], kwargs["dilation"], count)]
    apart = all(k == s for k, s in zip(kernel, kwargs["stride"], strict=True)) and set(kwargs["dilation"]) == {1}
    covered = apart and prod(k * c for k, c in zip(kernel, count, strict=True)) == prod(kwargs["size"])

    def add(g: Array, out: Array) -> None:
        if not covered:
            out.fill(0.0)
        for at, part in parts:
            if apart:  # no entry is met twice
                np.copyto(out[part], g[at])
            else:
                np.add(out[part], g[at], out=out[part])

    kernel_of = Kernel(add, routine="overlap_add", details=kwargs)
    return kernel_of if xs[0].dtype == out.dtype else None


WINDOWS: Mapping[str, Make] = MappingProxyType(
    {"max_pool": _max_pool, "window_winners": _winners, "max_pool_backward": _spread, "overlap_add": _overlap_add}
)
