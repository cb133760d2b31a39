"""Where NaN and infinity came from.

A walk over the graph of a loss, and the step once more under `mg.debug`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.core import Tensor
from minigrad.core.graph import Leaf, Node, OpNode, OutputNode
from minigrad.core.types import Array
from minigrad.nn import Module
from minigrad.transforms.debug import NonFiniteValue, debug

__all__ = ["CAUSES", "REMEDY", "first_nonfinite", "rerun_debugged"]

CAUSES = "Usual causes: a learning rate that is too high, or inputs not scaled"
REMEDY = f"The weights are those before this step. {CAUSES}"


def rerun_debugged(again: Callable[[], Tensor] | None) -> str:
    """Compute a loss once more, backward too, with every op watched.

    Returns what was found, as the middle of a message.

    Parameters are only read; their gradients are those of this evaluation afterwards.
    """
    if again is not None:
        try:
            with debug():
                again().backward()
        except NonFiniteValue as error:
            return f"\n  {error}\n"
    return ". "


def first_nonfinite(loss: Tensor, model: Module) -> str:
    """Name the first value in the graph of `loss` that is not finite.

    A parameter, an input of an op, or its result.
    """
    names = {id(t._node): name for name, t in model.named_parameters()}
    first: Node | None = None
    seen: set[int] = set()
    stack: list[Node] = [loss._node]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if not np.isfinite(node.value).all() and (first is None or node.seq < first.seq):
            first = node
        stack.extend(_parents(node))
    return _described(first, names)


def _parents(node: Node) -> list[Node]:
    if isinstance(node, OutputNode):
        return [node.producer]
    return [p for p in node.parents if p is not None] if isinstance(node, OpNode) else []


def _described(node: Node | None, names: dict[int, str]) -> str:
    if node is None:
        return "the loss function itself"
    if isinstance(node, Leaf):
        return f"parameter {names.get(id(node), '?')!r} {_count(node.value)}"
    if isinstance(node, OutputNode):
        node = node.producer
    if not isinstance(node, OpNode):
        return f"a constant {_count(node.value)}"
    for i, a in enumerate(node.args):
        if a.dtype.kind == "f" and not np.isfinite(a).all():
            argument = node.op.arguments[min(i, len(node.op.arguments) - 1)].name
            return f"argument {argument!r} of op {node.op.name!r} {_count(a)}"
    on = ", ".join(repr(names[id(p)]) for p in node.parents if id(p) in names)
    return f"the result of op {node.op.name!r}{' on parameter ' + on if on else ''} {_count(node.value)}"


def _count(value: Array) -> str:
    bad = ~np.isfinite(value)
    first = np.argwhere(bad)[0].tolist() if value.ndim else []
    place = f", first {value[tuple(first)]} at {first}" if first else ""
    return f"({int(bad.sum())} of {value.size} entries of shape {value.shape}{place})"
