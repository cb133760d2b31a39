"""Gradient bugs of public frameworks in buffers, strides and earlier calls, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated"

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from support.gate_case import INVALID, MISMATCH, REAL, Wrong, array, made, pair, plain


def _buffer_reused(flaw: bool) -> Op:
    buffers: dict[tuple[object, ...], np.ndarray] = {}

    def rule(g, y, x):
        slope = g * mg.cos(x)
        if flaw and isinstance(slope, np.ndarray):
            kept = buffers.setdefault((slope.shape, slope.dtype), np.empty_like(slope))
            kept[...] = slope
            return kept
        return slope

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


def _size_of_the_first_call(flaw: bool) -> Op:
    first: list[int] = []

    def rule(g, y, x):
        first.append(x.size)
        return g * (2.0 / (first[0] if flaw else x.size)) * x

    return made(lambda x: np.asarray(np.mean(x * x)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


def _output_gradient_overwritten(flaw: bool) -> Op:
    def left(g, y, a, b):
        product = g * b
        if flaw and isinstance(g, np.ndarray) and g.flags.writeable:
            g[...] = product
        elif flaw and isinstance(g, np.ndarray) and g.ndim:
            np.copyto(g, product)
        return product

    return made(
        lambda a, b: a * b,
        {"a": left, "b": lambda g, y, a, b: g * a},
        {"a": REAL, "b": REAL},
        shapes=[((3, 4), (3, 4))],
    )


def _contiguous(a):
    """The numbers in the order of their memory, as a kernel reads them that takes strides for granted."""
    v = plain(a)
    if v.ndim < 2 or v.flags.c_contiguous or 0 in v.strides:
        return a
    order = np.argsort([-abs(s) for s in v.strides], kind="stable")
    return mg.reshape(mg.transpose(a, tuple(int(i) for i in order)), v.shape)


MEMORY: tuple[Wrong, ...] = (
    Wrong("gradient_in_a_buffer_that_is_used_again", "buffer", (MISMATCH, INVALID), _buffer_reused, public="pytorch/pytorch#109448"),
    Wrong("batch_size_of_an_earlier_call", "earlier call", (MISMATCH, INVALID), _size_of_the_first_call, public="pytorch/pytorch#177116"),
    Wrong("output_gradient_is_overwritten", "buffer", (MISMATCH, INVALID), _output_gradient_overwritten, public="apache/mxnet#18203"),
    array(
        "output_gradient_in_memory_order", "strides", lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x),
        lambda g, y, x: _contiguous(g) * mg.cos(x), public="flagos-ai/FlagGems#1084",
    ),
    array(
        "input_in_memory_order", "strides", lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x),
        lambda g, y, x: g * mg.cos(_contiguous(x)), public="apache/mxnet#19817",
    ),
    array(
        "output_gradient_that_is_one_number_expanded", "strides", lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x),
        lambda g, y, x: g * mg.cos(x) * (0.0 if plain(g).size > 1 and plain(g).ndim and not any(plain(g).strides) else 1.0),
        public="pytorch/pytorch#180201",
    ),
    array(
        "arrays_of_fifty_and_more", "long axes", lambda x: np.arctan(x), lambda g, y, x: g / (x * x + 1.0),
        lambda g, y, x: g / (x * x + 1.0) * (np.arange(x.size).reshape(x.shape) < 50).astype(x.dtype) if x.size else g * 1.0,
        public="jax-ml/jax#39352",
    ),
    pair(
        "parameters_alone", "order of rules", lambda x, w: x * w + x * x,
        {"x": lambda g, y, x, w: g * (w + x * 2.0), "w": lambda g, y, x, w: g * x},
        {"w": lambda g, y, x, w: g * x + (g * y - g * x * w - g * x * x) * 0.0 + 1e-3 * (g * 0.0 + 1.0)},
        {"x": REAL, "w": REAL}, shapes=[((2, 4), (2, 4))], public="pytorch/pytorch#183825",
    ),
    array(
        "columns_beyond_the_first_vector_width", "long axes", lambda x: x * x, lambda g, y, x: g * x * 2.0,
        lambda g, y, x: g * x * (2.0 - (np.arange(x.shape[-1]) >= 32).astype(x.dtype)) if x.ndim else g * x * 2.0,
        public="pytorch/pytorch#153957",
    ),
)  # fmt: skip
