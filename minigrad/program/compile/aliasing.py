"""Which calls cost nothing: their result looks into the memory of their operand."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise
from math import prod
from typing import cast

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.core.types import Array, Key, Shape
from minigrad.ops.index import is_basic
from minigrad.program.graph import Call, Graph, defs, eval_call

__all__ = ["contiguous_form", "view_calls"]

_ALWAYS = frozenset(("transpose", "matrix_transpose", "broadcast_to", "windows"))


def view_calls(graph: Graph, kernels: Container[Call]) -> tuple[set[Call], dict[int, Array]]:
    """The calls whose result is a view, whatever the numbers.

    And for each value an array of its strides.

    Found out on arrays of the right shapes and strides, all of whose entries are one: nothing is computed. What has
    neither a kernel nor a group behind it may have any strides, and a call on it that NumPy might answer with a copy
    counts as one that copies.
    """
    forms = {
        k: contiguous_form(v.shape, v.dtype) if v.data is None else v.data
        for k, v in enumerate(graph.values)
        if v.kind != "result"
    }
    views: set[Call] = set()
    for step in graph.steps:
        view = _viewed(step, forms.get(step.args[0])) if isinstance(step, Call) and step.args else None
        if isinstance(step, Call) and view is not None:
            views.add(step)
            forms[step.outs[0]] = view
        elif step in kernels or not isinstance(step, Call):
            forms.update((k, contiguous_form(graph.values[k].shape, graph.values[k].dtype)) for k in defs(step))
    return views, forms


def contiguous_form(shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """An array of a shape in C order for which nothing is allocated: its entries are one."""
    one = np.empty(1, dtype)
    steps, step = [0] * len(shape), dtype.itemsize
    for axis in range(len(shape) - 1, -1, -1):
        steps[axis] = step
        step *= max(shape[axis], 1)
    view: Array = as_strided(one, shape, steps, writeable=False)
    return view


def _viewed(call: Call, x: Array | None) -> Array | None:
    """The form of a call's result, if it is a view of an operand of form `x`."""
    if x is None or call.is_dynamic or not call.op.module.startswith("minigrad.ops.") or not x.size:
        return None
    if call.op.name == "reshape":
        shape = _full(cast(Shape, call.kwargs["shape"]), x.size)
        strides = _reshaped_strides(x, shape)
        return None if strides is None else as_strided(x, shape, strides, writeable=False)
    if call.op.name in _ALWAYS or (call.op.name == "getitem" and is_basic(cast(Key, call.kwargs["key"]))):
        view = eval_call(call, [x])[0]
        return view if view.base is not None else None  # a single entry, x[3], comes as a copy
    return None


def _full(shape: Shape, size: int) -> Shape:
    """A shape with the length that -1 stands for."""
    rest = int(np.prod([n for n in shape if n >= 0]))
    return tuple(size // rest if n < 0 else n for n in shape)


def _reshaped_strides(x: Array, shape: Shape) -> tuple[int, ...] | None:
    """The strides with which a view of `x` has `shape`, or None where NumPy must copy.

    Axes are taken in the shortest runs of equal size on both sides: a run of `x` can be divided anew only if one
    stride walks through it. Asking NumPy would be shorter, but `reshape(copy=False)` came with NumPy 2.1, and without
    it NumPy would read the entries, which the form of an array does not have.
    """
    old = [(n, step) for n, step in zip(x.shape, x.strides, strict=True) if n != 1]
    new = [n for n in shape if n != 1]
    steps: list[int] = []
    while old:
        run, divided = [old.pop(0)], [new.pop(0)]
        while (have := prod(n for n, _ in run)) != (want := prod(divided)):
            if have < want:
                run.append(old.pop(0))
            else:
                divided.append(new.pop(0))
        if any(outer != n * inner for (_, outer), (n, inner) in pairwise(run)):
            return None
        steps += [run[-1][1] * prod(divided[axis + 1 :]) for axis in range(len(divided))]
    remaining = iter(steps)
    return tuple(x.itemsize if n == 1 else next(remaining) for n in shape)
