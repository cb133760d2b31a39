"""Reverse mode: one pass over the graph in order of sequence numbers, latest first.

A vector-Jacobian rule is one text that runs on arrays and on Tensors. On arrays it gives first-order gradients with
nothing recorded; on Tensors (`create_graph`) every step is itself a graph, which can be differentiated again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from itertools import starmap
from operator import attrgetter, call, iadd, setitem
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np

from minigrad.core.errors import GradientError, StaleGraphError
from minigrad.core.graph import Constant, Leaf, MultiOutputNode, Node, OpNode, OutputNode, Parents
from minigrad.core.memory import weak_scalar
from minigrad.core.mode import MODE, Interceptor, mode_override
from minigrad.core.rules import Gradient, argument_positions, call_rule, unbroadcast
from minigrad.core.tensor import Tensor, as_array, tensor_of
from minigrad.core.types import Array

Pullback: TypeAlias = Callable[[OpNode, Gradient, Parents, dict[Node, Gradient], set[Node]], None]
"""Type of `Op.fast_vjp(node, g, needed, grads, writable)`.

It does on arrays what `BackwardPass.vjp` does.
"""

_by_sequence = attrgetter("seq")
exhaust: Callable[[Iterable[object]], None] = deque[object](maxlen=0).extend
"""Run through an iterable, such as `map(setattr, ...)`, with no bytecode in between.

Ctrl-C comes before or after all of it.
"""


def backward(output: Tensor, gradient: object = None, create_graph: bool = False) -> None:
    """Add the gradient of `output` to `.grad` of all leaves it was made from.

    See `Tensor.backward`.

    Leaves are written to only after the whole pass has succeeded, so an exception or Ctrl-C leaves them as before.
    """
    root = output._node
    if not root.requires_grad:
        raise GradientError(
            "backward() on a Tensor that does not depend on anything with requires_grad=True (or was computed inside "
            "no_grad, or detached): there is nothing to differentiate"
        )
    seed = _seed(output, gradient)
    order = topological_order((root,))
    mode = MODE.get()
    if create_graph or mode is not None:
        grads = run_backward(order, {root: _as_tensor(seed) if create_graph else as_array(seed)}, create_graph)
        if mode is not None and mode.interceptor is not None and mode.interceptor.records_backward:
            for leaf, g in grads.items():
                mode.interceptor.accumulate_grad(leaf, g)  # type: ignore[arg-type]  # of leaves alone, Tensors
            return
    else:
        grads = _FIRST_ORDER.run(order, {root: as_array(seed)})
    accumulate_grads(grads)  # type: ignore[arg-type]  # only leaves are left


Tensor._run_backward = backward


def gradients(
    outputs: Sequence[Tensor], seeds: Sequence[Gradient], targets: Sequence[Tensor], create_graph: bool
) -> list[Gradient | None]:
    """Compute gradients of `sum_k <seeds[k], outputs[k]>` with respect to `targets`.

    The targets may be leaves or inner values.

    Nothing is written to `.grad`. A target that the outputs do not depend on gets None.
    """
    start: dict[Node, Gradient] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        node = output._node
        if node.requires_grad:
            value: Gradient = _as_tensor(seed) if create_graph else as_array(seed)
            start[node] = start[node] + value if node in start else value
    retain = {t._node for t in targets if t._node.requires_grad}
    order = topological_order(start)
    grads = run_backward(order, start, create_graph, retain, nodes_on_path_to(order, retain))
    return [grads.get(t._node) for t in targets]


def topological_order(roots: Iterable[Node]) -> list[Node]:
    """The nodes with gradient that `roots` were made from, latest first, without the leaves.

    Linear, without recursion.

    Raises:
        StaleGraphError: a leaf has changed since a node was computed from it.
    """
    stack = [root for root in roots if type(root) is not Leaf]
    order: list[Node] = []
    visited: set[Node] = set(stack)
    visit, push, pop, put = visited.add, stack.append, stack.pop, order.append
    while stack:
        node = pop()
        put(node)
        for parent in node.parents:
            if type(parent) is Leaf:
                if parent.seq > node.seq:
                    raise _stale(parent)
            elif parent is not None and parent not in visited:
                visit(parent)
                push(parent)
    order.sort(key=_by_sequence, reverse=True)
    return order


def nodes_on_path_to(order: Sequence[Node], targets: set[Node]) -> set[Node]:
    """Return `targets`, and the nodes through which a gradient can reach one of them.

    `order` has the latest node first.
    """
    on_path = set(targets)
    for node in reversed(order):
        if not on_path.isdisjoint(node.parents):
            on_path.add(node)
    return on_path


def _stale(leaf: Leaf) -> StaleGraphError:
    return StaleGraphError(
        f"backward would differentiate at a parameter of shape {leaf.value.shape} whose numbers an optimizer "
        "has changed since this graph was built. Compute the loss again after step(), or run backward first"
    )


def run_backward(
    order: Sequence[Node],
    grads: dict[Node, Gradient],
    create_graph: bool,
    retain: Container[Node] = (),
    on_path: set[Node] | None = None,
) -> dict[Node, Gradient]:
    """Run a `BackwardPass` in the algebra that the current mode asks for."""
    mode = MODE.get()
    interceptor = None if mode is None else mode.interceptor
    if interceptor is not None and interceptor.records_backward:
        with mode_override(grad=create_graph):
            start: dict[Node, Gradient] = {n: _as_tensor(g) for n, g in grads.items()}
            grads = BackwardPass(RECORDED if create_graph else TRACED, retain, on_path).run(order, start)
            return {n: _as_tensor(g) for n, g in grads.items()}
    algebra = RECORDED if create_graph else ARRAYS
    backward_pass = (BackwardPass if interceptor is None else ObservedPass)(algebra, retain, on_path)
    if isinstance(backward_pass, ObservedPass) and interceptor is not None:
        backward_pass.interceptor = interceptor
    with mode_override(grad=True if create_graph else None):
        return backward_pass.run(order, grads)


class Algebra(NamedTuple):
    """What rules compute with.

    Attributes:
        on_tensors: rules get Tensors, so that what they do is recorded; else arrays.
        twice: the gradients will be differentiated again, so the deferred second-order check of an op is due.
    """

    on_tensors: bool
    twice: bool

    def zeros_like(self, value: Array) -> Gradient:
        """The gradient of an output that nothing depends on."""
        zeros = np.zeros_like(value)
        return tensor_of(Constant(zeros)) if self.on_tensors else zeros

    def operands(self, node: OpNode) -> tuple[object, tuple[object, ...]]:
        """Output (a tuple where there are several) and arguments of a call, as its rules get them."""
        if not self.on_tensors:
            return (node.values if type(node) is MultiOutputNode else node.value), node.args
        # A Tensor where a gradient flows, and for what a tracer has put in the place of numbers; else the array.
        args = tuple(
            tensor_of(p or Constant(a)) if p is not None or type(a) is not np.ndarray else a
            for a, p in zip(node.args, node.parents, strict=True)
        )
        if type(node) is not MultiOutputNode:
            return tensor_of(node), args
        nodes = (OutputNode(node, i) if v.dtype.kind == "f" else Constant(v) for i, v in enumerate(node.values))
        return tuple(tensor_of(n) for n in nodes), args


ARRAYS = Algebra(on_tensors=False, twice=False)
"""First-order gradients."""
RECORDED = Algebra(on_tensors=True, twice=True)
"""Gradients that can be differentiated again (`create_graph`)."""
TRACED = Algebra(on_tensors=True, twice=False)
"""First-order gradients under an interceptor that must see every op of the rules."""


class BackwardPass:
    """Gradients carried from outputs to leaves: one loop, in one of three algebras.

    A pass keeps nothing between calls of `run`. In its methods `grads` holds the gradients so far, by node, and
    `writable` the nodes whose array in `grads` this run allocated itself, as a sum: only these may be added to in
    place, since a rule or another node may hold any other array.

    Attributes:
        algebra: what the rules compute with.
        retain: nodes whose gradients are part of the result, besides leaves.
        on_path: the only nodes to hand gradients to (see `nodes_on_path_to`), or None for all.
    """

    uses_fast_vjp: ClassVar[bool] = True

    def __init__(
        self, algebra: Algebra = ARRAYS, retain: Container[Node] = (), on_path: set[Node] | None = None
    ) -> None:
        self.algebra = algebra
        self.retain = retain
        self.on_path = on_path

    def run(self, order: Sequence[Node], grads: dict[Node, Gradient]) -> dict[Node, Gradient]:
        """Visit the nodes between the start and the leaves, latest first.

        Each one's gradient is handed to its parents.

        Args:
            order: the nodes, without leaves.
            grads: gradients of the nodes to start from; used up.

        Returns:
            The gradients of leaves and of nodes in `retain`.
        """
        retain, on_path, vjp = self.retain, self.on_path, self.vjp
        fast = self.uses_fast_vjp and not self.algebra.on_tensors
        retained: dict[Node, Gradient] = {}
        writable: set[Node] = set()
        take = grads.pop
        for node in order:
            g = take(node, None)
            if g is None:
                continue
            if node in retain:
                retained[node] = g
            if type(node) is OutputNode:
                _collect(grads, node, g)
                continue
            needed = node.parents
            if on_path is not None:
                needed = tuple(p if p in on_path else None for p in needed)
            pullback: Pullback = (node.op.fast_vjp if fast and type(node) is OpNode else None) or vjp
            pullback(node, g, needed, grads, writable)  # type: ignore[arg-type]  # all but output nodes are op nodes
        grads.update(retained)
        return grads

    def vjp(self, node: OpNode, g: Gradient, needed: Parents, grads: dict[Node, Gradient], writable: set[Node]) -> None:
        """Run those rules of a node that give something for the parents in `needed`.

        What they give is handed on to the parents.
        """
        op = node.op
        if self.algebra.twice and op.check_second_order is not None:
            op.check_second_order()
        y, args = self.algebra.operands(node)
        if type(node) is MultiOutputNode:
            zeros_like = self.algebra.zeros_like
            g = tuple(zeros_like(v) if s is None else s for s, v in zip(g, node.values, strict=True))  # type: ignore[assignment]
        for rule in op.rules:
            positions = argument_positions(rule, len(args))
            if all(needed[i] is None for i in positions):
                continue
            for i, r in zip(positions, call_rule(op, rule, g, y, args, node.kwargs), strict=True):
                parent = needed[i]
                if parent is not None:
                    name = op.arguments[min(i, len(op.arguments) - 1)].name
                    self.accumulate(node, parent, unbroadcast(op, name, r, node.args[i]), grads, writable)

    def accumulate(
        self, node: OpNode, parent: Node, g: Gradient, grads: dict[Node, Gradient], writable: set[Node]
    ) -> None:
        """Add what a rule of `node` gives to the gradient of `parent`."""
        add_gradient(grads, writable, parent, g)


class ObservedPass(BackwardPass):
    """A pass in which an interceptor looks at every gradient that a rule returns.

    The interceptor is set by `run_backward`.
    """

    uses_fast_vjp = False
    interceptor: Interceptor

    def accumulate(
        self, node: OpNode, parent: Node, g: Gradient, grads: dict[Node, Gradient], writable: set[Node]
    ) -> None:
        """Show the gradient to the interceptor, then add it."""
        self.interceptor.gradient(node, parent, g)
        super().accumulate(node, parent, g, grads, writable)


_FIRST_ORDER = BackwardPass()


def _collect(grads: dict[Node, Gradient], output: OutputNode, g: Gradient) -> None:
    """Put the gradient of one output beside those of its siblings.

    The rule takes those of all outputs at once.

    Several nodes may stand for one output when rules were recorded: each brings its share.
    """
    slots: list[Gradient | None]
    slots = grads.setdefault(output.producer, [None] * len(output.producer.values))  # type: ignore[arg-type,assignment]
    old = slots[output.index]
    slots[output.index] = g if old is None else old + g


def add_gradient(grads: dict[Node, Gradient], writable: set[Node], node: Node, g: Gradient) -> None:
    """Add a share to the gradient of `node`, in place from the third share on.

    See `BackwardPass.writable`.
    """
    old = grads.get(node)
    if old is None:
        grads[node] = g
    elif node in writable:
        old += g
    else:
        total = old + g
        grads[node] = total
        if type(total) is np.ndarray:
            writable.add(node)


def accumulate_grads(grads: dict[Leaf, Gradient]) -> None:
    """Add gradients to what the leaves have received since `zero_grad`.

    No bytecode runs between the writes: Ctrl-C comes before or after all of them.
    """
    writes: list[tuple[object, ...]] = []
    write = writes.append
    for leaf, g in grads.items():
        sink = leaf._sink()
        if sink is None:
            continue  # its Tensor is gone: nobody can ask for the gradient
        buffer, old = sink.buffer, sink.grad
        if buffer is not None and old is None and type(g) is np.ndarray:
            write((iadd, buffer, g) if sink.has_grad else (setitem, buffer, ..., g))
        else:
            total = _as_tensor(g)
            if old is None and sink.has_grad and buffer is not None:
                old = tensor_of(Constant(buffer.copy()))
            if old is not None:
                total = old + total  # type: ignore[operator]  # a Tensor, which the tape's lower floors cannot name
            write((setattr, sink, "grad", total))
            if buffer is not None:
                write((setitem, buffer, ..., total._node.value))
        if not sink.has_grad:
            write((setattr, sink, "has_grad", True))
    exhaust(starmap(call, writes))


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
    seed = gradient if isinstance(gradient, Tensor) else np.asarray(gradient, dtype=value.dtype)
    if seed.shape != value.shape:
        raise GradientError(f"the gradient passed to backward() has shape {seed.shape}, this Tensor has {value.shape}")
    return seed
