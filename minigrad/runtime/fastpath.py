"""Fast paths: closures made for one registered op.

They equal the general way with the argument handling unrolled.

For ops of one or two arguments in the default mode: `Op.apply` does what `minigrad.core.apply.apply` does, and
`Op.fast_vjp` what `minigrad.core.backward.BackwardPass.vjp` does on arrays. Everything else falls back to those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from minigrad.core.apply import apply
from minigrad.core.backward import Pullback, add_gradient
from minigrad.core.graph import Constant, Node, OpNode, Parents, next_sequence, record_call
from minigrad.core.memory import weak_scalar
from minigrad.core.mode import MODE
from minigrad.core.op import Op
from minigrad.core.rules import Gradient, unbroadcast
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array

ndarray = np.ndarray
new = object.__new__
_mode = MODE.get
_NO_KWARGS: Mapping[str, object] = {}


def install(op: Op) -> None:
    """Give a registered op its fast ways of being applied and differentiated."""
    op.apply_any = _general(op)
    op.apply = _forward(op) or op.apply_any
    op.fast_vjp = _fast_vjp(op)
    if op.accumulate_rule is not None and op.fast_vjp is not None:
        op.fast_vjp = _vjp_in_place(op.accumulate_rule, op.fast_vjp)


def _general(op: Op) -> Callable[..., Tensor]:
    """Make the general way to apply `op`.

    It takes all calls, and says what is wrong with those it refuses.
    """

    def call(*args: object, **kwargs: object) -> Tensor:
        return apply(op, args, kwargs)

    return call


def _forward(op: Op) -> Callable[..., Tensor] | None:
    """Make the fast way to apply `op`, if there is one.

    For calls with as many arguments as `op` has, and no other keyword arguments.
    """
    simple = not op.claims.piecewise_constant and not any(a.variadic for a in op.arguments)
    if simple and len(op.arguments) == 1 and op.arguments[0].differentiable:
        return _unary_with_options(op) if op.options else _unary(op)
    if simple and len(op.arguments) == 2 and not op.options and op.arguments[0].differentiable:
        return _binary(op)
    return None


def _unary(op: Op) -> Callable[..., Tensor]:
    forward = op.forward

    def call(a: object) -> Tensor:
        if type(a) is not Tensor or _mode() is not None:
            return apply(op, (a,), _NO_KWARGS)
        parent = a._node
        x = parent.value
        try:
            y = forward(x)
        except Exception as error:
            raise op.describe_error((x,), _NO_KWARGS, error) from error
        if type(y) is not ndarray:
            if type(y) is tuple:
                return apply(op, (a,), _NO_KWARGS)
            y = np.asarray(y)
        result = new(Tensor)
        if parent.requires_grad:
            result._node = node = OpNode()  # record_call, inlined: tests/house/test_house_tape.py compares the fields
            node.op = op
            node.value = y
            node.args = (x,)
            node.parents = (parent,)
            node.kwargs = _NO_KWARGS
            node.seq = next_sequence()
        else:
            result._node = Constant(y)
        return result

    return call


def _unary_with_options(op: Op) -> Callable[..., Tensor]:
    forward = op.forward
    defaults = op.defaults

    def call(a: object, **kwargs: object) -> Tensor:
        if type(a) is not Tensor or _mode() is not None:
            return apply(op, (a,), kwargs)
        full = {**defaults, **kwargs} if kwargs else defaults
        if full.keys() != op.options:
            return apply(op, (a,), kwargs)
        node = a._node
        x = node.value
        try:
            y = forward(x, **full)
        except Exception as error:
            raise op.describe_error((x,), full, error) from error
        if type(y) is not ndarray:
            if type(y) is tuple:
                return apply(op, (a,), kwargs)
            y = np.asarray(y)
        return tensor_of(record_call(op, y, (x,), (node,), full) if node.requires_grad else Constant(y))

    return call


class _Numbers(dict[float, Array]):
    """Python numbers as 0-d arrays of one dtype, which ufuncs take twice as quickly."""

    def __init__(self, dtype: np.dtype[np.float64]) -> None:
        super().__init__()
        self.dtype = dtype

    def __missing__(self, value: float) -> Array:
        array = weak_scalar(value, self.dtype)
        if self.dtype.kind == "f" and value:  # as keys 0.0 is -0.0, and 1 is 1.0, which only integers tell apart
            if len(self) >= 4096:
                self.clear()
            self[value] = array
        return array


class _Dtypes(dict[np.dtype[np.float64], _Numbers]):
    def __missing__(self, dtype: np.dtype[np.float64]) -> _Numbers:
        self[dtype] = numbers = _Numbers(dtype)
        return numbers


_numbers = _Dtypes()


def _binary(op: Op) -> Callable[..., Tensor]:
    """For two arguments, of which the first is differentiable."""
    forward = op.forward
    both = op.arguments[1].differentiable

    def call(a: object, b: object) -> Tensor:
        if _mode() is not None:
            return apply(op, (a, b), _NO_KWARGS)
        p: Node | None = None
        q: Node | None = None
        if type(a) is Tensor:
            p = a._node
            x = p.value
            if type(b) is Tensor:
                q = b._node
                z = q.value
            elif type(b) is float or type(b) is int:
                z = _numbers[x.dtype][b]
            else:
                return apply(op, (a, b), _NO_KWARGS)
        elif type(b) is Tensor and (type(a) is float or type(a) is int):
            q = b._node
            z = q.value
            x = _numbers[z.dtype][a]
        else:
            return apply(op, (a, b), _NO_KWARGS)
        try:
            y = forward(x, z)
        except Exception as error:
            raise op.describe_error((x, z), _NO_KWARGS, error) from error
        if type(y) is not ndarray:
            if type(y) is tuple:
                return apply(op, (a, b), _NO_KWARGS)
            y = np.asarray(y)
        if type(p) is not OpNode and p is not None and not p.requires_grad:
            p = None
        if q is not None and not (both and (type(q) is OpNode or q.requires_grad)):
            q = None
        result = new(Tensor)
        if p is None and q is None:
            result._node = Constant(y)
        else:
            result._node = node = OpNode()  # record_call, inlined: tests/house/test_house_tape.py compares the fields
            node.op = op
            node.value = y
            node.args = (x, z)
            node.parents = (p, q)
            node.kwargs = _NO_KWARGS
            node.seq = next_sequence()
        return result

    return call


def _fast_vjp(op: Op) -> Pullback | None:
    """The fast way to run the rules of `op` on arrays; None where that is the general one."""
    if any(len(rule.indices) != 1 or rule.variadic for rule in op.rules) or any(a.variadic for a in op.arguments):
        return None
    steps = tuple((rule.indices[0], rule.function, rule.names[0]) for rule in op.rules)
    count = 0 if op.options else len(op.arguments)

    def vjp(node: OpNode, g: Gradient, needed: Parents, grads: dict[Node, Gradient], writable: set[Node]) -> None:
        args = node.args
        for i, rule, name in steps:
            parent = needed[i]
            if parent is None:
                continue
            if count == 2:
                r = rule(g, node.value, args[0], args[1])
            elif count == 1:
                r = rule(g, node.value, args[0])
            else:
                r = rule(g, node.value, *args, **node.kwargs)
            x = args[i]
            if type(r) is not ndarray or r.shape != x.shape or r.dtype is not x.dtype:
                r = unbroadcast(op, name, r, x)
            if parent in grads:
                add_gradient(grads, writable, parent, r)
            else:
                grads[parent] = r

    return vjp


def _vjp_in_place(accumulate: Callable[..., bool], vjp: Pullback) -> Pullback:
    """Make a pullback that adds the gradients of parts of an array in place.

    Where they are from, so that T parts cost T and not T^2.
    """

    def vjp_in_place(
        node: OpNode, g: Gradient, needed: Parents, grads: dict[Node, Gradient], writable: set[Node]
    ) -> None:
        parent = needed[0]
        if parent is None:
            return
        total = grads.get(parent)
        if type(total) is ndarray and type(g) is ndarray:
            if parent not in writable:
                grads[parent] = total = total.copy()
                writable.add(parent)
            if accumulate(total, g, **node.kwargs):
                return
        vjp(node, g, needed, grads, writable)
        if total is None and type(g) is ndarray:
            writable.add(parent)  # zeros made just now, with g in its place

    return vjp_in_place
