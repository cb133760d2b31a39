"""One walk over the graph for a whole block of cotangents, with the rules as they are.

A rule is handed a `Block`: a Tensor that looks like one cotangent and stands for many. Every op it meets is applied to
all of them at once. That takes no second set of rules, only the knowledge of how an op treats one more axis in front:
for ops with the elementwise claim this follows from the claim, for those that move or add up entries from their
metadata, and any other op is applied to one cotangent after the other.

Under a tracer the rows are Tensors, so that what is done with them is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np

from minigrad.core.errors import GradientError
from minigrad.core.graph import Constant, Node
from minigrad.core.keys import is_basic
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.rules import Gradient, traced_rules
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array, Key, Shape
from minigrad.core.walk import walk
from minigrad.runtime.effects import Tracer, current_tracer

Options = Mapping[str, object]
Rows = Gradient
"""An array, or under a tracer a Tensor."""


class Block(Node):
    """Many values of one shape, stacked along a first axis; `value` is the first of them (zeros if they are traced).

    It counts as tracked, so that a rule which would drop it to a plain array is refused instead of seeing one value.
    """

    __slots__ = ("rows",)

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.value = np.zeros(rows.shape[1:], rows.dtype) if isinstance(rows, Tensor) else rows[0]
        self.seq = 0


def pull_block(
    order: Sequence[Node], root: Node, seeds: Array, wanted: set[Node], useful: set[Node]
) -> dict[Node, Rows]:
    """Gradients of `<seeds[k], root>` for every k in one walk, stacked along a first axis.

    Args:
        order: the nodes from root to the leaves, latest first.
        root: where the cotangents enter.
        seeds: cotangents, of shape (count, *root shape), count at least 1.
        wanted: the nodes to find gradients for; those that nothing reaches are left out of the result.
        useful: `leading_to(order, wanted)`.

    Raises:
        Exception: a rule cannot be run on a block (it reads its cotangent as a plain array).
    """
    tracer = current_tracer()
    with mode_override(grad=False, interceptor=_Blocks(len(seeds), tracer)):
        rows: Rows = seeds if tracer is None else tensor_of(Constant(seeds))
        start: dict[Node, Gradient] = {root: tensor_of(Block(rows))}
        found = walk(order, start, None if tracer is None else traced_rules, wanted, useful)
    return {n: _rows(g, len(seeds), tracer) for n, g in found.items()}


def _rows(g: Gradient, count: int, tracer: Tracer | None) -> Rows:
    if isinstance(g, Tensor) and isinstance(g._node, Block):
        return g._node.rows
    value = g._node.value if isinstance(g, Tensor) and tracer is None else g
    return np.broadcast_to(value, (count, *value.shape))


class _Blocks:
    """Applies ops to blocks."""

    def __init__(self, count: int, tracer: Tracer | None) -> None:
        self.count = count
        self.tracer = tracer

    def call(
        self, op: Op, args: tuple[object, ...], meta: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        from minigrad.core.apply import apply

        with mode_override(interceptor=self.tracer or False):
            if not any(isinstance(a, Tensor) and isinstance(a._node, Block) for a in args):
                return apply(op, args, meta)
            given = self._given(op, args)
            full = op.bind_kwargs(meta)
            way = _elementwise if op.claims.elementwise else _WAYS.get(op.name)
            rows = None if way is None else way(op, given, full)
            if rows is not None:
                return tensor_of(Block(rows))
            if self.tracer is not None:
                raise GradientError(f"op {op.name!r} would be recorded once for each of {self.count} rows")
            found = [self._at(op, given, full, k) for k in range(self.count)]
            if isinstance(found[0], tuple):
                return tuple(tensor_of(Block(np.stack(parts))) for parts in zip(*found, strict=True))
            return tensor_of(Block(np.stack([np.asarray(f) for f in found])))

    def _given(self, op: Op, args: tuple[object, ...]) -> list[Rows | Block]:
        from minigrad.core.apply import unpack_args

        values, _, _ = unpack_args(op, args)
        given: list[Rows | Block] = []
        for a, value in zip(args, values, strict=True):
            if isinstance(a, Tensor) and isinstance(a._node, Block):
                given.append(a._node)
            else:
                given.append(value if self.tracer is None else tensor_of(Constant(value)))
        return given

    @staticmethod
    def _at(op: Op, given: Sequence[Rows | Block], meta: Options, k: int) -> Array | tuple[Array, ...]:
        return op.forward(*(a.rows[k] if isinstance(a, Block) else a for a in given), **meta)

    def gradient(self, node: Node, parent: Node, g: object) -> None:
        """Nothing to see."""


def _shape(a: Rows | Block) -> Shape:
    return a.value.shape if isinstance(a, Block) else a.shape


def _padded(a: Rows | Block, ndim: int) -> Rows:
    """The rows of a block with axes of length one behind the first, so that they broadcast as their values do."""
    if not isinstance(a, Block):
        return a
    shape = a.value.shape
    return a.rows.reshape(a.rows.shape[0], *(1,) * (ndim - len(shape)), *shape)


def _elementwise(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    ndim = max(len(_shape(a)) for a in given)
    return _applied(op, [_padded(a, ndim) for a in given], meta)


def _applied(op: Op, rows: Sequence[Rows], meta: Options) -> Rows | None:
    """The op on rows; None if it has several outputs."""
    if any(isinstance(a, Tensor) for a in rows):
        made: object = op.apply(*rows, **meta)
        return made if isinstance(made, Tensor) else None
    y = op.forward(*rows, **meta)
    return None if isinstance(y, tuple) else np.asarray(y)


def _sum(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    a = _only(given)
    ndim = a.value.ndim
    axis = meta["axis"]
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    behind = tuple(1 + int(i) % ndim for i in axes) if ndim else ()
    total: Rows = np.sum(a.rows, axis=behind, keepdims=bool(meta["keepdims"]))
    return total / (prod(a.rows.shape[i] for i in behind) or 1) if op.name == "mean" else total


def _sum_to(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    a = _only(given)
    shape = _target(meta)
    lead = a.value.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and a.value.shape[lead + i] != 1)
    total: Rows = np.sum(a.rows, axis=tuple(1 + i for i in axes), keepdims=True) if axes else a.rows
    return total.reshape(a.rows.shape[0], *shape)


def _target(meta: Options) -> Shape:
    shape = meta["shape"]
    assert isinstance(shape, tuple)
    return shape


def _broadcast_to(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    shape = _target(meta)
    return np.broadcast_to(_padded(given[0], len(shape)), (_only(given).rows.shape[0], *shape))


def _only(given: Sequence[Rows | Block]) -> Block:
    (a,) = given
    assert isinstance(a, Block)
    return a


def _reshape(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    a = _only(given)
    shape = op.forward(np.broadcast_to(0.0, a.value.shape), **meta)
    assert isinstance(shape, np.ndarray)
    return a.rows.reshape(a.rows.shape[0], *shape.shape)


def _transpose(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    a = _only(given)
    axes = meta["axes"]
    order = range(a.value.ndim)[::-1] if axes is None else axes
    assert isinstance(order, tuple | range)
    return np.transpose(a.rows, (0, *(1 + i % a.value.ndim for i in order)))


def _as_it_is(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    return _applied(op, [_only(given).rows], meta)


def _concatenate(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    count = next(a.rows.shape[0] for a in given if isinstance(a, Block))
    axis = meta["axis"]
    assert isinstance(axis, int)
    parts = [a.rows if isinstance(a, Block) else np.broadcast_to(a, (count, *a.shape)) for a in given]
    return np.concatenate(parts, axis=1 + axis % len(_shape(given[0])))


def _behind(key: object) -> Key:
    parts = key if isinstance(key, tuple) else (key,)
    return (slice(None), *parts)


def _getitem(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    if not is_basic(meta["key"]):
        return None
    return _applied(op, [_only(given).rows], {"key": _behind(meta["key"])})


def _scatter(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    if not is_basic(meta["key"]):
        return None
    rows = _only(given).rows
    return _applied(op, [rows], {"key": _behind(meta["key"]), "shape": (rows.shape[0], *_target(meta))})


def _matmul(op: Op, given: Sequence[Rows | Block], meta: Options) -> Rows | None:
    a, b = given
    if len(_shape(a)) < 2 or len(_shape(b)) < 2:
        return None
    if not isinstance(b, Block) and b.ndim == 2 and isinstance(a, Block):
        # One product for all rows: many small ones would be slower.
        rows = a.rows if isinstance(a.rows, Tensor) else np.ascontiguousarray(a.rows)
        product: Rows = rows.reshape(-1, rows.shape[-1]) @ b
        return product.reshape(*rows.shape[:-1], b.shape[-1])
    if not isinstance(a, Block) and a.ndim == 2 and isinstance(b, Block) and b.value.ndim == 2:
        # a (m, k) with rows (count, k, n): the transposed product (count * n, k) @ (k, m).
        count, k, n = b.rows.shape
        product = np.swapaxes(b.rows, 1, 2).reshape(count * n, k) @ a.T
        return np.swapaxes(product.reshape(count, n, a.shape[0]), 1, 2)
    ndim = max(len(_shape(a)), len(_shape(b)))
    stacked: Rows = np.matmul(_padded(a, ndim), _padded(b, ndim))
    return stacked


_Way = Callable[[Op, Sequence["Rows | Block"], Options], "Rows | None"]
_WAYS: Mapping[str, _Way] = {
    "sum": _sum,
    "mean": _sum,
    "sum_to": _sum_to,
    "broadcast_to": _broadcast_to,
    "reshape": _reshape,
    "transpose": _transpose,
    "matrix_transpose": _as_it_is,
    "astype": _as_it_is,
    "concatenate": _concatenate,
    "getitem": _getitem,
    "scatter": _scatter,
    "matmul": _matmul,
}
"""How ops of the library without the elementwise claim treat an axis in front; None: one row after the other."""

__all__ = ["Block", "pull_block"]
