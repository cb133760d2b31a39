"""Reverse mode: one pass over the graph in order of sequence numbers, latest first.

The same rules run in two algebras. On arrays they give first-order gradients with nothing recorded; on Tensors
(`create_graph`) every step is itself a graph, which can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from operator import attrgetter

import numpy as np

from minigrad.core.errors import GradientError, StaleGraphError
from minigrad.core.graph import Constant, Leaf, Node, OpNode
from minigrad.core.memory import weak_scalar
from minigrad.core.mode import MODE, Interceptor, mode_override
from minigrad.core.rules import (
    Gradient,
    Pullback,
    Targets,
    add_up,
    rules_on_arrays,
    rules_on_tensors,
    traced_rules,
)
from minigrad.core.tensor import Tensor, as_array, tensor_of
from minigrad.core.walk import walk
from minigrad.runtime.effects import current_tracer

_by_sequence = attrgetter("seq")


def backward(output: Tensor, gradient: object = None, create_graph: bool = False) -> None:
    """Deliver the gradient of `output` to all leaves it was made from. See `Tensor.backward`.

    Leaves are written to only after the whole pass has succeeded, so an exception or Ctrl-C leaves them as before.
    """
    root = output._node
    if not root.requires_grad:
        raise GradientError(
            "backward() on a Tensor that does not depend on anything with requires_grad=True (or was computed inside "
            "no_grad, or detached): there is nothing to differentiate"
        )
    seed = _seed(output, gradient)
    order, leaves = topological_order((root,))
    check_not_stale(leaves)
    if create_graph or MODE.get() is not None:
        grads = run_backward(order, {root: _as_tensor(seed) if create_graph else as_array(seed)}, create_graph)
    else:
        grads = walk(order, {root: as_array(seed)})
    tracer = current_tracer()
    for leaf, g in grads.items():
        if tracer is not None:
            tracer.accumulate_grad(leaf, g)  # type: ignore[arg-type]  # only leaves were wanted, and all are Tensors
        else:
            accumulate_grad(leaf, g)  # type: ignore[arg-type]


def gradients(
    outputs: Sequence[Tensor], seeds: Sequence[Gradient], targets: Sequence[Tensor], create_graph: bool
) -> list[Gradient | None]:
    """Gradients of `sum_k <seeds[k], outputs[k]>` with respect to `targets`, which may be leaves or inner values.

    Nothing is written to `.grad`. A target that the outputs do not depend on gets None.
    """
    start: dict[Node, Gradient] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        node = output._node
        if node.requires_grad:
            value: Gradient = _as_tensor(seed) if create_graph else as_array(seed)
            start[node] = start[node] + value if node in start else value
    wanted = {t._node for t in targets if t._node.requires_grad}
    order, leaves = topological_order(start)
    check_not_stale(leaves)
    found = run_backward(order, start, create_graph, wanted, nodes_on_path_to(order, wanted))
    return [found.get(t._node) for t in targets]


def nodes_on_path_to(order: Sequence[Node], wanted: set[Node]) -> set[Node]:
    """`wanted`, and the nodes of `order` (latest first) through which a gradient can reach one of them."""
    useful = set(wanted)
    for node in reversed(order):
        if not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful


def topological_order(roots: Iterable[Node]) -> tuple[list[Node], list[Leaf]]:
    """The tracked nodes that `roots` were made from, latest first, and the leaves. Linear, and without recursion."""
    stack: list[Node] = []
    order: list[Node] = []
    leaves: list[Leaf] = []
    seen: set[Node] = set()
    see, push, pop, put = seen.add, stack.append, stack.pop, order.append
    for node in roots:
        see(node)
        if type(node) is Leaf:
            leaves.append(node)
        else:
            push(node)
    while stack:
        node = pop()
        put(node)
        for parent in node.parents:
            if parent is not None and parent not in seen:
                see(parent)
                if type(parent) is Leaf:
                    leaves.append(parent)
                else:
                    push(parent)
    order.sort(key=_by_sequence, reverse=True)
    return order, leaves


def run_backward(
    order: Sequence[Node],
    grads: dict[Node, Gradient],
    create_graph: bool,
    wanted: Container[Node] = (),
    useful: set[Node] | None = None,
) -> dict[Node, Gradient]:
    """Run the rules of `order` (latest first) on the gradients in `grads`; returns those of leaves and `wanted` nodes.

    With `useful` (see `nodes_on_path_to`) only the rules that carry something to `wanted` are run.
    """
    pull: Pullback | None = rules_on_tensors if create_graph else None
    mode = MODE.get()
    if current_tracer() is not None:
        pull = rules_on_tensors if create_graph else traced_rules
        grads = {n: _as_tensor(g) for n, g in grads.items()}
        with mode_override(grad=create_graph):
            return {n: _as_tensor(g) for n, g in walk(order, grads, pull, wanted, useful).items()}
    if mode is not None and mode.interceptor is not None:
        pull = _watched(pull or rules_on_arrays, mode.interceptor)
    if create_graph:
        with mode_override(grad=True):
            return walk(order, grads, pull, wanted, useful)
    return walk(order, grads, pull, wanted, useful)


def check_not_stale(leaves: Iterable[Leaf]) -> None:
    """Raise `StaleGraphError` when a parameter that the graph was built on has been changed since."""
    for leaf in leaves:
        if leaf.stale:
            raise StaleGraphError(
                f"backward would differentiate at a parameter of shape {leaf.value.shape} whose numbers an optimizer "
                "has changed since this graph was built. Compute the loss again after step(), or run backward first"
            )


def _watched(pull: Pullback, interceptor: Interceptor) -> Pullback:
    def watched(node: OpNode, g: Gradient, live: Targets, grads: dict[Node, Gradient], owned: set[Node]) -> None:
        shares: dict[Node, Gradient] = {}
        pull(node, g, live, shares, set())
        for parent, r in shares.items():
            interceptor.gradient(node, parent, r)
            add_up(grads, owned, parent, r)

    return watched


def accumulate_grad(leaf: Leaf, g: Gradient) -> None:
    """Add a gradient to what the leaf has received since `zero_grad`."""
    sink = leaf.sink
    if sink.buffer is not None and not isinstance(g, Tensor):
        if sink.has_grad:
            sink.buffer += g
        else:
            sink.buffer[...] = g
        sink.has_grad = True
        return
    new = _as_tensor(g)
    old: Tensor | None = sink.grad
    if old is None and sink.has_grad and sink.buffer is not None:
        old = tensor_of(Constant(sink.buffer.copy()))
    sink.grad = new if old is None else old + new
    sink.has_grad = True
    if sink.buffer is not None:
        sink.buffer[...] = sink.grad._node.value


def _as_tensor(g: object) -> Tensor:
    if isinstance(g, Tensor):
        return g
    return tensor_of(Constant(g if isinstance(g, np.ndarray) else np.asarray(g)))


def _seed(output: Tensor, gradient: object) -> Gradient:
    value = output._node.value
    if gradient is None:
        if value.size != 1:
            raise GradientError(
                f"backward() without a gradient needs a one-element Tensor; this one has shape {value.shape}. "
                "Reduce it (.sum(), .mean()) or pass backward(gradient) of the same shape"
            )
        return np.ones(value.shape, value.dtype) if value.shape else weak_scalar(1.0, value.dtype)
    given = gradient if isinstance(gradient, Tensor) else np.asarray(gradient, dtype=value.dtype)
    if given.shape != value.shape:
        raise GradientError(f"the gradient passed to backward() has shape {given.shape}, this Tensor has {value.shape}")
    return given


__all__ = [
    "Gradient",
    "accumulate_grad",
    "backward",
    "check_not_stale",
    "gradients",
    "nodes_on_path_to",
    "run_backward",
    "topological_order",
]
