"""How moves are written: reshape, transpose, joins, looks at entries by key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from minigrad_onnx.traced import Dim
from minigrad_onnx.write_elementwise import WriteCall
from minigrad_onnx.writer import CallSite

__all__ = ["SHAPES"]

_END = np.iinfo(np.int64).max


def _reshape(c: CallSite) -> str:
    return c.writer.reshape(c.operand(0), c.lengths)


def _transpose(c: CallSite) -> str:
    n = len(c.operand_lengths(0))
    axes = c.option("axes")
    order = range(n)[::-1] if axes is None else [int(a) % n for a in axes]
    return c.writer.node("Transpose", c.operand(0), perm=list(order))


def _matrix_transpose(c: CallSite) -> str:
    n = len(c.operand_lengths(0))
    return c.writer.node("Transpose", c.operand(0), perm=[*range(n - 2), n - 1, n - 2])


def _concatenate(c: CallSite) -> str:
    parts = [c.operand(i, c.dtype) for i in range(len(c.call.args))]
    return c.writer.node("Concat", *parts, axis=int(c.option("axis")))


def _stack(c: CallSite) -> str:
    axis = int(c.option("axis"))
    at = c.writer.integers([axis])
    parts = [c.writer.node("Unsqueeze", c.operand(i, c.dtype), at) for i in range(len(c.call.args))]
    return c.writer.node("Concat", *parts, axis=axis)


def _broadcast(c: CallSite) -> str:
    return c.writer.node("Expand", c.operand(0), c.writer.shape(c.lengths))


def _astype(c: CallSite) -> str:
    return c.writer.cast(c.operand(0), c.dtype)


def _take(c: CallSite) -> str:
    table = next(i for i in range(len(c.call.args)) if c.operand_dtype(i).kind == "f")
    indices = 1 - table
    return c.writer.node("Gather", c.operand(table), c.operand(indices, np.int64), axis=int(c.option("axis")))


# -- keys --------------------------------------------------------------------------------------------------------------
def _expanded_key(c: CallSite) -> list[Any]:
    """The key with an entry for each axis; a slice over a whole axis has no bounds."""
    first, second = (
        _written_out(c, call.kwargs["key"], graph.values[call.args[0]].shape)
        for call, graph in zip((c.call, c.twin), c.writer.traced.graphs, strict=True)
    )
    if repr(first) != repr(second):
        raise c.refusal("its key depends on the size of the batch (pass dynamic_batch=False)")
    return first


def _written_out(c: CallSite, key: Any, shape: tuple[int, ...]) -> list[Any]:
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(p, np.ndarray) and p.dtype == np.bool_ for p in parts):
        raise c.refusal("its key has a mask")
    named = sum(p is not None and p is not Ellipsis for p in parts)
    free = [slice(None)] * (len(shape) - named)
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    parts = [*parts[:at], *free, *parts[at + 1 :]]
    lengths = iter(shape)
    return [p if p is None else _without_bounds(p, next(lengths)) for p in parts]


def _without_bounds(part: Any, length: int) -> Any:
    return slice(None) if isinstance(part, slice) and part.indices(length) == (0, length, 1) else part


def _getitem(c: CallSite) -> str:
    w, name, parts = c.writer, c.operand(0), _expanded_key(c)
    axes = [p for p in parts if p is not None]
    arrays = [i for i, p in enumerate(axes) if isinstance(p, np.ndarray | list) and np.ndim(p)]
    if len(arrays) > 1 or (arrays and any(isinstance(p, int | np.integer) for p in axes)):
        raise c.refusal("its key has several arrays")
    cuts = [(i, p) for i, p in enumerate(axes) if isinstance(p, slice) and p != slice(None)]
    if cuts:
        starts, ends, at, steps = [], [], [], []
        for i, p in cuts:
            step = 1 if p.step is None else int(p.step)
            starts.append(int(p.start) if p.start is not None else 0 if step > 0 else _END)
            ends.append(int(p.stop) if p.stop is not None else _END if step > 0 else -_END)
            at.append(i)
            steps.append(step)
        name = w.node("Slice", name, w.integers(starts), w.integers(ends), w.integers(at), w.integers(steps))
    for i in arrays:
        name = w.node("Gather", name, w.constant(axes[i], np.int64), axis=i)
    dropped = [i for i, p in enumerate(axes) if np.ndim(p) == 0 and not isinstance(p, slice)]
    for i in reversed(dropped):
        name = w.node("Gather", name, w.constant(int(axes[i]), np.int64), axis=i)
    kept = [p for p in parts if p is None or isinstance(p, slice) or np.ndim(p)]
    new = [i for i, p in enumerate(kept) if p is None]
    if new and arrays and np.ndim(axes[arrays[0]]) != 1:
        raise c.refusal("its key has new axes beside an array of several axes")
    return w.node("Unsqueeze", name, w.integers(new)) if new else name


def _setitem(c: CallSite) -> str:
    """Write a block: the values padded to the whole shape, then chosen where the block is."""
    w, parts, lengths = c.writer, _expanded_key(c), c.operand_lengths(0)
    before, after, inside = [], [], []
    for p, n in zip(parts, lengths, strict=True):
        if not isinstance(p, slice) or p.step not in (None, 1):
            raise c.refusal("it writes entries that are no block")
        if isinstance(n, Dim):
            if p != slice(None):
                raise c.refusal("it writes into a part of the batch")
            start, stop, length = 0, 0, 1
        else:
            start, stop, _ = p.indices(n)
            length = n
        before.append(start)
        after.append(0 if isinstance(n, Dim) else length - stop)
        inside.append(np.ones(1, bool) if isinstance(n, Dim) else _between(start, stop, length))
    block = np.asarray(True)
    for axis, places in enumerate(inside):
        block = block & places.reshape([-1 if i == axis else 1 for i in range(len(inside))])
    value = c.operand(1, c.dtype)
    spread = [n if isinstance(n, Dim) else n - b - a for n, b, a in zip(lengths, before, after, strict=True)]
    if c.operand_lengths(1) != tuple(spread):
        value = w.node("Expand", value, w.shape(spread))
    base = c.data(0)
    around = None if base is None else base[np.broadcast_to(~block, base.shape)]
    uniform = around is not None and bool(np.all(around == around[:1]))
    filling = w.constant(around[0] if around is not None and uniform and around.size else 0, c.dtype)
    padded = w.node("Pad", value, w.integers([*before, *after]), filling, mode="constant")
    return padded if uniform else w.node("Where", w.constant(block), padded, c.operand(0, c.dtype))


def _between(start: int, stop: int, length: int) -> Any:
    places = np.arange(length)
    return (places >= start) & (places < stop)


SHAPES: Mapping[str, WriteCall] = MappingProxyType({
    "reshape": _reshape,
    "transpose": _transpose,
    "matrix_transpose": _matrix_transpose,
    "concatenate": _concatenate,
    "stack": _stack,
    "broadcast_to": _broadcast,
    "astype": _astype,
    "take": _take,
    "getitem": _getitem,
    "setitem": _setitem,
})  # fmt: skip
