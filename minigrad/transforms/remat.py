"""`checkpointed`: keep a function's inputs and compute the rest again in backward.

This saves the memory of what lies between.

Source: Griewank and Walther, Algorithm 799 (2000); Chen et al., Training deep nets with sublinear memory cost (2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import ParamSpec, TypeVar, cast

import numpy as np

from minigrad.core.backward import gradients
from minigrad.core.errors import GradientError, StaleGraphError
from minigrad.core.graph import Constant, MultiOutputNode, Node, OutputNode, next_sequence, record_call
from minigrad.core.mode import MODE, is_recording, mode_override
from minigrad.core.op import VJP, Argument, Claims, Op
from minigrad.core.rules import Gradient
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array
from minigrad.runtime.repetition import Repetition

P = ParamSpec("P")
Result = Tensor | tuple[Tensor, ...]
R = TypeVar("R", Tensor, tuple[Tensor, ...])


def checkpointed(f: Callable[P, R]) -> Callable[P, R]:
    """`f`, storing nothing between its inputs and outputs: backward runs it again.

    Costs one more forward pass of `f`, saves the memory of its inner values. Gradients of every order, also with
    respect to Tensors that `f` uses from outside, are those of `f`. The second run begins with the running statistics
    and random generators of the first, and leaves no trace in them.

    Args:
        f: returns a Tensor or a tuple of Tensors, and must return the same when it is called again.

    Raises:
        GradientError: in backward, when the second run of `f` gives other values (random numbers of its own).
        StaleGraphError: in backward, when a parameter has been changed since.
    """

    @wraps(f)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        mode = MODE.get()
        traced = mode is not None and mode.interceptor is not None and mode.interceptor.records_backward
        if traced or not is_recording():  # a program reuses memory itself, and has no second run of Python
            return f(*args, **kwargs)
        # Handles of our own: `x[i] = v` on the caller's must not reach the second run.
        kept = tuple(tensor_of(a._node) if isinstance(a, Tensor) else a for a in args)

        repetition = Repetition()

        def run_once(block: AbstractContextManager[None]) -> Result:
            with block, mode_override(grad=True):
                return f(*kept, **kwargs)  # type: ignore[arg-type]  # the same arguments in other handles

        return cast("R", _record(lambda: run_once(repetition.first()), lambda: run_once(repetition.again())))

    return run


def _record(begin: Callable[[], Result], again: Callable[[], Result]) -> Result:
    start = next_sequence()
    first = begin()
    outputs = first if isinstance(first, tuple) else (first,)
    edge = _boundary(outputs, start)
    values = tuple(o._node.value for o in outputs)
    if not edge:
        constants = tuple(tensor_of(Constant(v)) for v in values)
        return constants if isinstance(first, tuple) else constants[0]
    op = _op(_rule(again, edge, values))
    inputs = tuple(n.value for n in edge)
    if isinstance(first, tuple):
        source = MultiOutputNode(op, values, inputs, tuple(edge), {})
        return tuple(tensor_of(OutputNode(source, i)) for i in range(len(values)))
    return tensor_of(record_call(op, values[0], inputs, tuple(edge), {}))


def _boundary(outputs: Sequence[Tensor], start: int) -> list[Node]:
    """The nodes made before `start` that the outputs rest on, none of them behind another."""
    leaf_nodes: list[Node] = []
    stack = [o._node for o in outputs if o._node.requires_grad]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.seq < start:
            leaf_nodes.append(node)
            continue
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(leaf_nodes, key=lambda n: n.seq)


def _rule(again: Callable[[], Result], edge: list[Node], values: tuple[Array, ...]) -> Callable[..., object]:
    def rule(g: Gradient | tuple[Gradient, ...], y: object, *inputs: object) -> tuple[object, ...]:
        start = next_sequence()
        second = again()
        outputs = second if isinstance(second, tuple) else (second,)
        for node in _boundary(outputs, start):
            if node not in edge:
                raise StaleGraphError(
                    "backward through a checkpointed function met a value that was not there in the first run: a "
                    "parameter has been changed since. Run backward before step()"
                )
        for a, b in zip(values, outputs, strict=True):
            if not np.array_equal(a, b._node.value, equal_nan=True):
                raise GradientError(
                    "a checkpointed function gave other values when backward ran it again: seed its random numbers "
                    "inside, and let it depend on nothing that changes"
                )
        seeds: list[Array | Tensor] = list(g) if isinstance(g, tuple) else [g]
        create_graph = any(isinstance(s, Tensor) for s in seeds)
        targets = [tensor_of(n) for n in edge]
        grads = gradients(list(outputs), seeds, targets, create_graph)
        zeros = (tensor_of(Constant(np.zeros_like(n.value))) if create_graph else np.zeros_like(n.value) for n in edge)
        return tuple(z if r is None else r for r, z in zip(grads, zeros, strict=True))

    return rule


def _op(rule: Callable[..., object]) -> Op:
    """Make an unregistered op that stands for a whole call of a function.

    Its rule is the verified rules of what the function is made of, run later.
    """
    op = Op("checkpointed", lambda *xs: xs[0], (Argument("xs", variadic=True),), {}, Claims())
    op.rules = (VJP(("xs",), (0,), rule, variadic=True),)
    return op


__all__ = ["checkpointed"]
