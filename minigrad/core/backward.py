"""Reverse mode: one pass over the graph in order of sequence numbers, latest first.

The same rules run in two algebras. On arrays they give first-order gradients with nothing recorded; on Tensors
(`create_graph`) every step is itself a graph, which can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TypeAlias

import numpy as np

from minigrad.core.errors import GradientError, InvalidRule, StaleGraphError
from minigrad.core.mode import MODE, Interceptor, switched
from minigrad.core.node import Constant, Item, Leaf, Node, Recorded, RecordedTuple
from minigrad.core.op import Op, Rule
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor, plain, wrap
from minigrad.core.types import Array

Gradient: TypeAlias = "Array | Tensor"
_by_sequence = attrgetter("seq")


def backward(output: Tensor, gradient: object = None, create_graph: bool = False) -> None:
    """Deliver the gradient of `output` to all leaves it was made from. See `Tensor.backward`.

    Leaves are written to only after the whole pass has succeeded, so an exception or Ctrl-C leaves them as before.
    """
    root = output._node
    if not root.tracked:
        raise GradientError(
            "backward() on a Tensor that does not depend on anything with requires_grad=True (or was computed inside "
            "no_grad, or detached): there is nothing to differentiate"
        )
    seed = _seed(output, gradient)
    order = topological((root,))
    leaves = [n for n in order if isinstance(n, Leaf)]
    grads = pull_back(order, {root: _as_tensor(seed) if create_graph else plain(seed)}, set(leaves), create_graph)
    for leaf in leaves:
        if leaf in grads:
            deliver(leaf, grads[leaf])


def gradients(
    outputs: Sequence[Tensor], seeds: Sequence[Gradient], targets: Sequence[Tensor], create_graph: bool
) -> list[Gradient | None]:
    """Gradients of `sum_k <seeds[k], outputs[k]>` with respect to `targets`, which may be leaves or inner values.

    Nothing is written to `.grad`. A target that the outputs do not depend on gets None.
    """
    start: dict[Node, Gradient] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        node = output._node
        if node.tracked:
            value: Gradient = _as_tensor(seed) if create_graph else plain(seed)
            start[node] = start[node] + value if node in start else value
    wanted = {t._node for t in targets if t._node.tracked}
    found = pull_back(topological(start), start, wanted, create_graph)
    return [found.get(t._node) for t in targets]


def topological(roots: Iterable[Node]) -> list[Node]:
    """All tracked nodes that `roots` were made from, latest first. Linear in the graph, and without recursion."""
    stack = list(roots)
    seen = set(stack)
    order: list[Node] = []
    while stack:
        node = stack.pop()
        order.append(node)
        if isinstance(node, Recorded):
            for parent in node.parents:
                if parent is not None and parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        elif isinstance(node, Item) and node.source not in seen:
            seen.add(node.source)
            stack.append(node.source)
    order.sort(key=_by_sequence, reverse=True)
    return order


def pull_back(
    order: Sequence[Node], grads: dict[Node, Gradient], wanted: set[Node], create_graph: bool
) -> dict[Node, Gradient]:
    """Run the rules of `order` (latest first) on the gradients in `grads`; returns those of the `wanted` nodes."""
    for node in order:
        if type(node) is Leaf and node.stale:
            raise StaleGraphError(
                f"backward would differentiate at a parameter of shape {node.value.shape} whose numbers an optimizer "
                "has changed since this graph was built. Compute the loss again after step(), or run backward first"
            )
    pull: Pull = _rules_on_tensors if create_graph else _rules_on_arrays
    mode = MODE.get()
    if mode is not None and mode.interceptor is not None:
        pull = _watched(pull, mode.interceptor)
    if create_graph:
        with switched(grad=True):
            return _walk(order, grads, wanted, pull)
    return _walk(order, grads, wanted, pull)


def _watched(pull: Pull, interceptor: Interceptor) -> Pull:
    def watched(node: Recorded, g: Gradient, accumulate: Callable[[Node, Gradient], None]) -> None:
        def look(parent: Node, r: Gradient) -> None:
            interceptor.gradient(node, parent, r)
            accumulate(parent, r)

        pull(node, g, look)

    return watched


Pull: TypeAlias = Callable[[Recorded, Gradient, Callable[[Node, Gradient], None]], None]


def _walk(order: Sequence[Node], grads: dict[Node, Gradient], wanted: set[Node], pull: Pull) -> dict[Node, Gradient]:
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
        if isinstance(node, RecordedTuple):
            if node in items:
                pull(node, items.pop(node), accumulate)  # type: ignore[arg-type]  # several outputs: a list
            continue
        g = grads.get(node)
        if g is None:
            continue
        if node not in wanted:
            del grads[node]
        if isinstance(node, Recorded):
            pull(node, g, accumulate)
        elif isinstance(node, Item):
            slots = items.setdefault(node.source, [None] * len(node.source.values))
            slots[node.index] = g
    return {n: grads[n] for n in wanted if n in grads}


def _rules_on_arrays(node: Recorded, g: Gradient, accumulate: Callable[[Node, Gradient], None]) -> None:
    args = node.args
    parents = node.parents
    y: object = node.value
    if type(node) is RecordedTuple:
        y = node.values
        g = tuple(np.zeros_like(v) if s is None else s for s, v in zip(g, y, strict=True))  # type: ignore[assignment]
    for rule in node.op.rules:
        indices = rule.indices
        if len(indices) == 1 and not rule.variadic:
            i = indices[0]
            parent = parents[i]
            if parent is not None:
                r = rule.function(g, y, *args, **node.meta)
                x = args[i]
                try:
                    fits = r.shape == x.shape and r.dtype is x.dtype  # type: ignore[attr-defined]
                except AttributeError:
                    fits = False
                accumulate(parent, r if fits else conform(node.op, rule.names[0], r, x))  # type: ignore[arg-type]
        else:
            _joint(node, rule, g, y, args, accumulate)


def _rules_on_tensors(node: Recorded, g: Gradient, accumulate: Callable[[Node, Gradient], None]) -> None:
    op = node.op
    if op.differentiate_twice is not None:
        op.differentiate_twice()
    args = tuple(a if p is None else wrap(p) for a, p in zip(node.args, node.parents, strict=True))
    y: object = wrap(node)
    if type(node) is RecordedTuple:
        y = tuple(wrap(Item(node, i) if v.dtype.kind == "f" else Constant(v)) for i, v in enumerate(node.values))
        g = tuple(  # type: ignore[assignment]
            wrap(Constant(np.zeros_like(v))) if s is None else s for s, v in zip(g, node.values, strict=True)
        )
    for rule in op.rules:
        if any(node.parents[i] is not None for i in reached(rule, len(args))):
            _joint(node, rule, g, y, args, accumulate)


def reached(rule: Rule, count: int) -> Sequence[int]:
    """Positions of the arguments that `rule` answers for, in a call with `count` positional arguments."""
    return range(rule.indices[0], count) if rule.variadic else rule.indices


def _joint(
    node: Recorded,
    rule: Rule,
    g: object,
    y: object,
    args: tuple[object, ...],
    accumulate: Callable[[Node, Gradient], None],
) -> None:
    indices = reached(rule, len(args))
    if all(node.parents[i] is None for i in indices):
        return
    for i, r in zip(indices, results(node.op, rule, g, y, args, node.meta), strict=True):
        parent = node.parents[i]
        if parent is not None:
            name = node.op.arguments[min(i, len(node.op.arguments) - 1)].name
            accumulate(parent, conform(node.op, name, r, node.args[i]))


def results(op: Op, rule: Rule, g: object, y: object, args: tuple[object, ...], meta: object) -> tuple[object, ...]:
    """What `rule` returns, always as a tuple with one gradient for each argument it answers for."""
    r = rule.function(g, y, *args, **meta)  # type: ignore[arg-type]
    count = len(reached(rule, len(args)))
    if len(rule.names) == 1 and not rule.variadic:
        return (r,)
    if not isinstance(r, tuple | list) or len(r) != count:
        given = f"{len(r)} values" if isinstance(r, tuple | list) else type(r).__name__
        names = ", ".join(rule.names)
        raise InvalidRule(f"op {op.name!r}: the rule for {names} must return {count} gradients in a tuple; got {given}")
    return tuple(r)


def conform(op: Op, name: str, r: object, x: Array) -> Gradient:
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
        if not broadcasts_to(x.shape, g.shape):
            raise InvalidRule(
                f"op {op.name!r}: the rule for {name!r} returned shape {g.shape} for an argument of shape {x.shape}"
            )
        g = REGISTRY["sum_to"](g, shape=x.shape)
    if g.dtype != x.dtype:
        g = REGISTRY["astype"](g, dtype=x.dtype)
    return g


def broadcasts_to(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether an array of shape `small` can be broadcast to shape `large`."""
    if len(small) > len(large):
        return False
    return all(a in (1, b) for a, b in zip(small[::-1], large[::-1], strict=False))


def deliver(leaf: Leaf, g: Gradient) -> None:
    """Add a gradient to what the leaf has received since `zero_grad`."""
    sink = leaf.sink
    if sink.buffer is not None and isinstance(g, np.ndarray | np.generic):
        if sink.filled:
            sink.buffer += g
        else:
            sink.buffer[...] = g
        sink.filled = True
        return
    new = _as_tensor(g)
    old: Tensor | None = sink.grad
    if old is None and sink.filled and sink.buffer is not None:
        old = wrap(Constant(sink.buffer.copy()))
    sink.grad = new if old is None else old + new
    sink.filled = True
    if sink.buffer is not None:
        sink.buffer[...] = sink.grad._node.value


def _as_tensor(g: object) -> Tensor:
    return g if isinstance(g, Tensor) else wrap(Constant(np.asarray(g)))


def _seed(output: Tensor, gradient: object) -> Gradient:
    value = output._node.value
    if gradient is None:
        if value.size != 1:
            raise GradientError(
                f"backward() without a gradient needs a one-element Tensor; this one has shape {value.shape}. "
                "Reduce it (.sum(), .mean()) or pass backward(gradient) of the same shape"
            )
        return np.ones_like(value)
    given = gradient if isinstance(gradient, Tensor) else np.asarray(gradient, dtype=value.dtype)
    if given.shape != value.shape:
        raise GradientError(f"the gradient passed to backward() has shape {given.shape}, this Tensor has {value.shape}")
    return given
