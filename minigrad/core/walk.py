"""One pass over a graph that is already in order: each node's gradient is handed to its parents, and added up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.core.node import Item, Leaf, Node, Recorded, RecordedTuple
from minigrad.core.rules import Accumulate, Gradient, Live, conform, joint, rules_on_arrays

Pull: TypeAlias = Callable[[Recorded, Gradient, Accumulate, Live], None]


def walk(
    order: Sequence[Node],
    grads: dict[Node, Gradient],
    wanted: set[Node],
    pull: Pull,
    useful: set[Node] | None = None,
) -> dict[Node, Gradient]:
    """Visit `order` (latest first), let `pull` hand the gradient of each node to its parents, and add up."""
    owned: set[Node] = set()
    items: dict[RecordedTuple, list[Gradient | None]] = {}

    def accumulate(node: Node, g: Gradient) -> None:
        old = grads.get(node)
        if old is None:
            grads[node] = g
        elif node in owned:
            old += g  # an array made below, which nobody else holds
        else:
            total = old + g
            grads[node] = total
            if type(total) is np.ndarray:
                owned.add(node)

    for node in order:
        if type(node) is Leaf or (useful is not None and node not in useful):
            continue
        if type(node) is RecordedTuple:
            if node in items:
                pull(node, items.pop(node), accumulate, _live(node, useful))  # type: ignore[arg-type]  # a list
            continue
        g = grads.get(node)
        if g is None:
            continue
        if node not in wanted:
            del grads[node]
        if type(node) is Recorded:
            pull(node, g, accumulate, node.parents if useful is None else _live(node, useful))
        elif type(node) is Item:
            slots = items.setdefault(node.source, [None] * len(node.source.values))
            # One output has several items when rules were recorded: each brings its share.
            old = slots[node.index]
            slots[node.index] = g if old is None else old + g
    return {n: grads[n] for n in wanted if n in grads}


def everyday_walk(order: Sequence[Node], grads: dict[Node, Gradient]) -> dict[Node, Gradient]:
    """`walk` for arrays and with all leaves wanted, in one loop without calls: training runs through here."""
    owned: set[Node] = set()
    items: dict[RecordedTuple, list[Gradient | None]] = {}

    def accumulate(node: Node, g: Gradient) -> None:
        old = grads.get(node)
        if old is None:
            grads[node] = g
        elif node in owned:
            old += g
        else:
            grads[node] = total = old + g
            if type(total) is np.ndarray:
                owned.add(node)

    for node in order:
        if type(node) is Recorded:
            g = grads.pop(node, None)
            if g is None:
                continue
            args = node.args
            parents = node.parents
            meta = node.meta
            for rule in node.op.rules:
                if rule.variadic or len(rule.indices) != 1:
                    joint(node, rule, g, node.value, args, accumulate, parents)
                    continue
                i = rule.indices[0]
                parent = parents[i]
                if parent is None:
                    continue
                if meta:
                    r = rule.function(g, node.value, *args, **meta)
                elif len(args) == 2:
                    r = rule.function(g, node.value, args[0], args[1])
                else:
                    r = rule.function(g, node.value, *args)
                x = args[i]
                if type(r) is not np.ndarray or r.shape != x.shape or r.dtype is not x.dtype:
                    r = conform(node.op, rule.names[0], r, x)
                if parent in grads:
                    accumulate(parent, r)
                else:
                    grads[parent] = r
        elif type(node) is Leaf:
            continue
        elif type(node) is RecordedTuple:
            if node in items:
                rules_on_arrays(node, items.pop(node), accumulate, node.parents)  # type: ignore[arg-type]  # a list
        elif type(node) is Item and node in grads:
            slots = items.setdefault(node.source, [None] * len(node.source.values))
            old = slots[node.index]
            g = grads.pop(node)
            slots[node.index] = g if old is None else old + g
    return grads


def _live(node: Recorded, useful: set[Node] | None) -> Live:
    return node.parents if useful is None else tuple(p if p in useful else None for p in node.parents)
