"""Backward inside a trace: the ops' own rules, run on Tensors, so that what they do is recorded as ops."""

from __future__ import annotations

import numpy as np

from minigrad.core.backward import topological
from minigrad.core.errors import GradientError, StaleGraphError
from minigrad.core.mode import switched
from minigrad.core.node import Constant, Item, Leaf, Node, Recorded, RecordedTuple
from minigrad.core.rules import Accumulate, Gradient, Live, conform, reached, results
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.types import Array
from minigrad.core.walk import walk
from minigrad.program.standin import StandIn

__all__ = ["gradients_of"]


def gradients_of(output: Tensor, gradient: object, create_graph: bool) -> dict[Leaf, Tensor]:
    """The gradient of `output` for every leaf it was made from. Nothing is delivered.

    Raises GradientError and StaleGraphError as `Tensor.backward` does.
    """
    root = output._node
    if not root.tracked:
        raise GradientError("backward() on a Tensor that does not depend on anything with requires_grad=True")
    order = topological((root,))
    leaves = {n for n in order if isinstance(n, Leaf)}
    if any(leaf.stale for leaf in leaves):
        raise StaleGraphError(
            "backward would differentiate at a parameter whose numbers an optimizer has changed since this graph was "
            "built. Compute the loss again after step(), or run backward first"
        )
    start: dict[Node, Gradient] = {root: _seed(root, gradient)}
    with switched(grad=create_graph):
        found = walk(order, start, set(leaves), _pull, None)
    return {n: g if isinstance(g, Tensor) else wrap(Constant(g)) for n, g in found.items() if isinstance(n, Leaf)}


def _seed(root: Node, gradient: object) -> Tensor:
    shape, dtype = root.value.shape, root.value.dtype
    if gradient is None:
        if root.value.size != 1:
            raise GradientError(f"backward() without a gradient needs a one-element Tensor; this one has shape {shape}")
        return wrap(Constant(np.ones(shape, dtype)))
    given = gradient if isinstance(gradient, Tensor) else wrap(Constant(np.array(gradient, dtype=dtype)))
    if given.shape != shape:
        raise GradientError(f"the gradient passed to backward() has shape {given.shape}, this Tensor has {shape}")
    return given


def _pull(node: Recorded, g: Gradient, accumulate: Accumulate, live: Live) -> None:
    args = tuple(_handle(a, p) for a, p in zip(node.args, node.parents, strict=True))
    y: object = wrap(node)
    if isinstance(node, RecordedTuple):
        y = tuple(wrap(Item(node, i) if v.dtype.kind == "f" else Constant(v)) for i, v in enumerate(node.values))
        assert isinstance(g, list)
        zeros = (wrap(Constant(np.zeros(v.shape, v.dtype))) for v in node.values)
        g = tuple(z if s is None else s for s, z in zip(g, zeros, strict=True))
    for rule in node.op.rules:
        indices = reached(rule, len(args))
        if all(live[i] is None for i in indices):
            continue
        for i, r in zip(indices, results(node.op, rule, g, y, args, node.meta), strict=True):
            parent = live[i]
            if parent is not None:
                name = node.op.arguments[min(i, len(node.op.arguments) - 1)].name
                accumulate(parent, conform(node.op, name, r, node.args[i]))


def _handle(value: Array, parent: Node | None) -> Tensor | Array:
    if parent is not None:
        return wrap(parent)
    return wrap(Constant(value)) if isinstance(value, StandIn) else value
