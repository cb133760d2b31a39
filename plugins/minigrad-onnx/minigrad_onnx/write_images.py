"""How convolutions, pools and windows are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from types import MappingProxyType

import numpy as np

from minigrad_onnx.traced import Dim, Length
from minigrad_onnx.write_elementwise import WriteCall
from minigrad_onnx.writer import CallSite

__all__ = ["IMAGES"]


def _known(c: CallSite, lengths: Sequence[Length]) -> list[int]:
    if any(isinstance(n, Dim) for n in lengths):
        raise c.refusal("the batch is among the axes of the image")
    return [n for n in lengths if isinstance(n, int)]


def _pads(padding: Sequence[Sequence[int]]) -> list[int]:
    return [int(b) for b, _ in padding] + [int(a) for _, a in padding]


def _convolve(c: CallSite) -> str:
    kernel = _known(c, c.operand_lengths(1))
    (channels,) = _known(c, c.operand_lengths(0)[1:2])
    return c.writer.node(
        "Conv",
        c.operand(0, c.dtype),
        c.operand(1, c.dtype),
        kernel_shape=kernel[2:],
        strides=list(c.option("stride")),
        dilations=list(c.option("dilation")),
        pads=_pads(c.option("padding")),
        group=channels // kernel[1],
    )


def _convolve_input(c: CallSite) -> str:
    kernel, places = _known(c, c.operand_lengths(1)), _known(c, c.operand_lengths(0)[2:])
    channels, *size = c.option("shape")
    stride, dilation, padding = c.option("stride"), c.option("dilation"), c.option("padding")
    reached = [s * (n - 1) + (k - 1) * d + 1 for s, n, k, d in zip(stride, places, kernel[2:], dilation, strict=True)]
    further = [z - r + b + a for z, r, (b, a) in zip(size, reached, padding, strict=True)]
    return c.writer.node(
        "ConvTranspose",
        c.operand(0, c.dtype),
        c.operand(1, c.dtype),
        kernel_shape=kernel[2:],
        strides=list(stride),
        dilations=list(dilation),
        pads=_pads(padding),
        output_padding=further,
        group=channels // kernel[1],
    )


def _as_images(c: CallSite, n: int) -> tuple[str, bool]:
    """The operand as `(N, C, *size)`, and whether it had other axes before."""
    lengths = c.operand_lengths(0)
    if len(lengths) == n + 2:
        return c.operand(0, c.dtype), False
    size = _known(c, lengths[len(lengths) - n :])
    return c.writer.node("Reshape", c.operand(0, c.dtype), c.writer.integers([-1, 1, *size])), True


def _pool(kind: str) -> WriteCall:
    def write(c: CallSite) -> str:
        kernel = [int(k) for k in c.option("kernel")]
        x, other = _as_images(c, len(kernel))
        options = {"strides": list(c.option("stride")), "dilations": list(c.option("dilation"))}
        y = c.writer.node(kind, x, kernel_shape=kernel, **options)
        if kind == "AveragePool":
            y = c.writer.node("Mul", y, c.writer.constant(prod(kernel), c.dtype))
        return c.writer.reshape(y, c.lengths) if other else y

    return write


def _windows(c: CallSite) -> str:
    w, kernel = c.writer, [int(k) for k in c.option("kernel")]
    n, stride, dilation = len(kernel), c.option("stride"), c.option("dilation")
    axes = len(c.operand_lengths(0))
    places = _known(c, c.lengths[len(c.lengths) - n :])
    at, steps = w.integers(range(axes - n, axes)), w.integers(stride)
    parts = []
    for offset in product(*map(range, kernel)):
        starts = [o * d for o, d in zip(offset, dilation, strict=True)]
        ends = [s + t * (p - 1) + 1 for s, t, p in zip(starts, stride, places, strict=True)]
        cut = w.node("Slice", c.operand(0), w.integers(starts), w.integers(ends), at, steps)
        parts.append(w.node("Unsqueeze", cut, w.integers([0])))
    return w.reshape(w.node("Concat", *parts, axis=0), c.lengths)


def _overlap_add(c: CallSite) -> str:
    """A transposed convolution whose kernels are 1 at one place each."""
    w, size, stride, dilation = c.writer, c.option("size"), c.option("stride"), c.option("dilation")
    n, lengths = len(size), c.operand_lengths(0)
    kernel, places = _known(c, lengths[:n]), _known(c, lengths[len(lengths) - n :])
    count = prod(kernel)
    order = [*range(n, len(lengths) - n), *range(n), *range(len(lengths) - n, len(lengths))]
    windows = w.node("Transpose", c.operand(0, c.dtype), perm=order)
    windows = w.node("Reshape", windows, w.integers([-1, count, *places]))
    reached = [s * (p - 1) + (k - 1) * d + 1 for s, p, k, d in zip(stride, places, kernel, dilation, strict=True)]
    ones = w.constant(np.eye(count).reshape(count, 1, *kernel), c.dtype)
    image = w.node("ConvTranspose", windows, ones, strides=list(stride), dilations=list(dilation), kernel_shape=kernel)
    pads = [0] * (n + 2) + [0, 0] + [z - r for z, r in zip(size, reached, strict=True)]
    return w.reshape(w.node("Pad", image, w.integers(pads)) if any(pads) else image, c.lengths)


IMAGES: Mapping[str, WriteCall] = MappingProxyType({
    "convolve": _convolve,
    "convolve_input": _convolve_input,
    "max_pool": _pool("MaxPool"),
    "window_sum": _pool("AveragePool"),
    "windows": _windows,
    "overlap_add": _overlap_add,
})  # fmt: skip
