"""One pass over a graph that is already in order: each node's gradient is handed to its parents, and added up."""

from __future__ import annotations

from collections.abc import Container, Sequence

from minigrad.core.graph import Node, OpNode, OutputNode
from minigrad.core.rules import Gradient, Pullback, rules_on_arrays


def walk(
    order: Sequence[Node],
    grads: dict[Node, Gradient],
    pull: Pullback | None = None,
    kept: Container[Node] = (),
    useful: set[Node] | None = None,
) -> dict[Node, Gradient]:
    """Visit `order` (latest first), letting the rules of each node hand its gradient to its parents.

    Args:
        order: the nodes between `grads` and the leaves, without leaves.
        grads: where the walk starts; used up.
        pull: how the rules of a node are run; by default each op's own quickest way on arrays.
        kept: nodes of `order` whose gradients are wanted.
        useful: the only nodes to hand gradients to; all by default.

    Returns:
        The gradients of the leaves and of the nodes in `kept`.
    """
    owned: set[Node] = set()
    found: dict[Node, Gradient] = {}
    take = grads.pop
    for node in order:
        g = take(node, None)
        if g is None:
            continue
        if node in kept:
            found[node] = g
        if type(node) is OutputNode:
            _collect(grads, node, g)
            continue
        live = node.parents
        if useful is not None:
            live = tuple(p if p in useful else None for p in live)
        run = pull
        if run is None:
            run = (node.op.fast_vjp if type(node) is OpNode else None) or rules_on_arrays
        run(node, g, live, grads, owned)  # type: ignore[arg-type]  # all but items are recorded
    grads.update(found)
    return grads


def _collect(grads: dict[Node, Gradient], item: OutputNode, g: Gradient) -> None:
    """Put the gradient of one output beside those of the others, for the rule that takes them all.

    One output has several items when rules were recorded: each brings its share.
    """
    source = item.producer
    slots: list[Gradient | None] = grads.setdefault(source, [None] * len(source.values))  # type: ignore[arg-type,assignment]
    old = slots[item.index]
    slots[item.index] = g if old is None else old + g
