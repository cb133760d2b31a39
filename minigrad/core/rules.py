"""Running the rules of one node: in the algebra of arrays or of Tensors, with broadcasting and promotion undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.core.errors import InvalidRule
from minigrad.core.graph import Constant, MultiOutputNode, Node, OpNode, OutputNode
from minigrad.core.op import VJP, Op
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array

Gradient: TypeAlias = "Array | Tensor"
Targets: TypeAlias = tuple[Node | None, ...]
"""The parents of a node that a gradient is wanted for, None in the places of the others."""
Pullback: TypeAlias = Callable[[OpNode, Gradient, Targets, dict[Node, Gradient], set[Node]], None]
"""Runs the rules of a node: `pull(node, g, live, grads, owned)` adds what the live parents are due to `grads`.

Arrays in `grads` that belong to nodes in `owned` were made by adding up, and nobody else holds them.
"""


_OPS = REGISTRY.ops


def add_up(grads: dict[Node, Gradient], owned: set[Node], node: Node, g: Gradient) -> None:
    """Add a share of the gradient of `node`: in place from the third on."""
    old = grads.get(node)
    if old is None:
        grads[node] = g
    elif node in owned:
        old += g
    else:
        total = old + g
        grads[node] = total
        if type(total) is np.ndarray:
            owned.add(node)


def rules_on_arrays(node: OpNode, g: Gradient, live: Targets, grads: dict[Node, Gradient], owned: set[Node]) -> None:
    """First-order gradients for the live parents of `node`, from its rules; nothing is recorded."""
    y: object = node.value
    if type(node) is MultiOutputNode:
        y = node.values
        g = tuple(np.zeros_like(v) if s is None else s for s, v in zip(g, y, strict=True))  # type: ignore[assignment]
    for rule in node.op.rules:
        run(node, rule, g, y, node.args, live, grads, owned)


def rules_on_tensors(node: OpNode, g: Gradient, live: Targets, grads: dict[Node, Gradient], owned: set[Node]) -> None:
    """The same in the algebra of Tensors, so that the backward pass is a graph itself."""
    if node.op.check_second_order is not None:
        node.op.check_second_order()
    traced_rules(node, g, live, grads, owned)


def traced_rules(node: OpNode, g: Gradient, live: Targets, grads: dict[Node, Gradient], owned: set[Node]) -> None:
    """The same for somebody who only wants to see which ops the rules are made of."""
    args = tuple(_operand(a, p) for a, p in zip(node.args, node.parents, strict=True))
    y: object = tensor_of(node)
    if type(node) is MultiOutputNode:
        y = tuple(
            tensor_of(OutputNode(node, i) if v.dtype.kind == "f" else Constant(v)) for i, v in enumerate(node.values)
        )
        g = tuple(  # type: ignore[assignment]
            tensor_of(Constant(np.zeros_like(v))) if s is None else s for s, v in zip(g, node.values, strict=True)
        )
    for rule in node.op.rules:
        run(node, rule, g, y, args, live, grads, owned)


def _operand(value: Array, parent: Node | None) -> Gradient:
    """A Tensor where a gradient flows, and for what a tracer has put in the place of numbers; else the array."""
    if parent is not None:
        return tensor_of(parent)
    return value if type(value) is np.ndarray else tensor_of(Constant(value))


def argument_positions(rule: VJP, count: int) -> Sequence[int]:
    """Positions of the arguments that `rule` answers for, in a call with `count` positional arguments."""
    return range(rule.indices[0], count) if rule.variadic else rule.indices


def run(
    node: OpNode,
    rule: VJP,
    g: object,
    y: object,
    args: tuple[object, ...],
    live: Targets,
    grads: dict[Node, Gradient],
    owned: set[Node],
) -> None:
    """Run one rule, if a live parent wants what it gives, and hand that on."""
    indices = argument_positions(rule, len(args))
    if all(live[i] is None for i in indices):
        return
    for i, r in zip(indices, call_rule(node.op, rule, g, y, args, node.meta), strict=True):
        parent = live[i]
        if parent is not None:
            name = node.op.arguments[min(i, len(node.op.arguments) - 1)].name
            add_up(grads, owned, parent, unbroadcast(node.op, name, r, node.args[i]))


def call_rule(op: Op, rule: VJP, g: object, y: object, args: tuple[object, ...], meta: object) -> tuple[object, ...]:
    """What `rule` returns, always as a tuple with one gradient for each argument it answers for."""
    r = rule.function(g, y, *args, **meta)  # type: ignore[arg-type]
    count = len(argument_positions(rule, len(args)))
    if len(rule.names) == 1 and not rule.variadic:
        return (r,)
    if not isinstance(r, tuple | list) or len(r) != count:
        given = f"{len(r)} values" if isinstance(r, tuple | list) else type(r).__name__
        names = ", ".join(rule.names)
        raise InvalidRule(f"op {op.name!r}: the rule for {names} must return {count} gradients in a tuple; got {given}")
    return tuple(r)


def unbroadcast(op: Op, name: str, r: object, x: Array) -> Gradient:
    """`r` in the shape and dtype of argument `x`: undoes broadcasting and promotion, by registered ops.

    Raises `InvalidRule` when `r` is no gradient for an array of the shape of `x`.
    """
    if isinstance(r, Tensor | np.ndarray):
        g: Gradient = r
    elif isinstance(r, np.generic | int | float):
        g = np.asarray(r, dtype=x.dtype)
    else:
        raise InvalidRule(f"op {op.name!r}: the rule for {name!r} returned {type(r).__name__}, not an array")
    if g.shape != x.shape:
        if not broadcasts_to(op, x.shape, g.shape):
            raise InvalidRule(
                f"op {op.name!r}: the rule for {name!r} returned shape {g.shape} for an argument of shape {x.shape}"
            )
        sum_to = _OPS["sum_to"]
        g = sum_to.forward(g, shape=x.shape) if type(g) is np.ndarray else sum_to(g, shape=x.shape)  # type: ignore[assignment]
    if g.dtype != x.dtype:
        g = _OPS["astype"](g, dtype=x.dtype)
    return g


def broadcasts_to(op: Op, small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether a gradient of shape `large` can be meant for an argument of `op` of shape `small`, to be summed.

    It can when an array of shape `small` broadcasts to `large`, unless `op` has one argument and nothing to broadcast
    it with: there, such a gradient is a mistake.
    """
    if len(small) > len(large) or (len(op.arguments) == 1 and not op.arguments[0].variadic):
        return False
    if large[len(large) - len(small) :] == small:
        return True
    return all(a in (1, b) for a, b in zip(small[::-1], large[::-1], strict=False))
