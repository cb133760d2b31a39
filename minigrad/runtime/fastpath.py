"""What a small op costs is decided here: functions made for one op when it is admitted.

They do what `minigrad.core.apply.apply` and `minigrad.core.rules.rules_on_arrays` do, for ops of one or two arguments
in the everyday mode, and leave everything else to those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

import numpy as np

from minigrad.core.apply import apply, describe_error
from minigrad.core.certificate import Certificate
from minigrad.core.graph import Constant, Node, OpNode, next_sequence, record_call
from minigrad.core.keys import is_basic
from minigrad.core.memory import weak_scalar
from minigrad.core.mode import MODE
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.core.rules import Gradient, Pullback, Targets, add_up, unbroadcast
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array, Key

ndarray = np.ndarray
new = object.__new__
_mode = MODE.get
_NO_META: Mapping[str, object] = {}

OPERATORS = MappingProxyType(
    {
        "add": "__add__",
        "subtract": "__sub__",
        "multiply": "__mul__",
        "divide": "__truediv__",
        "matmul": "__matmul__",
        "negative": "__neg__",
    }
)
"""The operators that are the quickest way to apply an op itself, rather than methods that look it up."""


def admit(op: Op, certificate: Certificate) -> None:
    """Enter a verified op in the registry and give it its fast ways."""
    REGISTRY.add(op, certificate)
    op.apply_any = _general(op)
    op.apply = _forward(op) or op.apply_any
    op.fast_vjp = _backward(op)
    if op.name == "getitem" and op.fast_vjp is not None:
        op.fast_vjp = _part(op.fast_vjp)
    operator = OPERATORS.get(op.name)
    if operator is not None:
        setattr(Tensor, operator, op.apply)


def _general(op: Op) -> Callable[..., Tensor]:
    """The way to apply `op` that takes all comers, and says what is wrong with the others."""

    def call(*args: object, **meta: object) -> Tensor:
        return apply(op, args, meta)

    return call


def _forward(op: Op) -> Callable[..., Tensor] | None:
    """A quicker way for calls with as many arguments as `op` has, and no options that it has not, if there is one."""
    plain = not op.claims.piecewise_constant and not any(a.variadic for a in op.arguments)
    if plain and len(op.arguments) == 1 and op.arguments[0].differentiable:
        return _unary_with_options(op) if op.options else _unary(op)
    if plain and len(op.arguments) == 2 and not op.options and op.arguments[0].differentiable:
        return _binary(op)
    return None


def _unary(op: Op) -> Callable[..., Tensor]:
    forward = op.forward

    def call(a: object) -> Tensor:
        if type(a) is not Tensor or _mode() is not None:
            return apply(op, (a,), _NO_META)
        parent = a._node
        x = parent.value
        try:
            y = forward(x)
        except Exception as error:
            raise describe_error(op, (x,), _NO_META, error) from error
        if type(y) is not ndarray:
            if type(y) is tuple:
                return apply(op, (a,), _NO_META)
            y = np.asarray(y)
        result = new(Tensor)
        if parent.requires_grad:
            result._node = node = OpNode()  # what `recorded` does, without the call
            node.op = op
            node.value = y
            node.args = (x,)
            node.parents = (parent,)
            node.meta = _NO_META
            node.seq = next_sequence()
        else:
            result._node = Constant(y)
        return result

    return call


def _unary_with_options(op: Op) -> Callable[..., Tensor]:
    forward = op.forward
    defaults = op.defaults

    def call(a: object, **meta: object) -> Tensor:
        if type(a) is not Tensor or _mode() is not None:
            return apply(op, (a,), meta)
        full = {**defaults, **meta} if meta else defaults
        if full.keys() != op.options:
            return apply(op, (a,), meta)
        node = a._node
        x = node.value
        try:
            y = forward(x, **full)
        except Exception as error:
            raise describe_error(op, (x,), full, error) from error
        if type(y) is not ndarray:
            if type(y) is tuple:
                return apply(op, (a,), meta)
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
        self[dtype] = found = _Numbers(dtype)
        return found


_numbers = _Dtypes()


def _binary(op: Op) -> Callable[..., Tensor]:
    """For two arguments, of which the first is differentiable."""
    forward = op.forward
    both = op.arguments[1].differentiable

    def call(a: object, b: object) -> Tensor:
        if _mode() is not None:
            return apply(op, (a, b), _NO_META)
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
                return apply(op, (a, b), _NO_META)
        elif type(b) is Tensor and (type(a) is float or type(a) is int):
            q = b._node
            z = q.value
            x = _numbers[z.dtype][a]
        else:
            return apply(op, (a, b), _NO_META)
        try:
            y = forward(x, z)
        except Exception as error:
            raise describe_error(op, (x, z), _NO_META, error) from error
        if type(y) is not ndarray:
            if type(y) is tuple:
                return apply(op, (a, b), _NO_META)
            y = np.asarray(y)
        if type(p) is not OpNode and p is not None and not p.requires_grad:
            p = None
        if q is not None and not (both and (type(q) is OpNode or q.requires_grad)):
            q = None
        result = new(Tensor)
        if p is None and q is None:
            result._node = Constant(y)
        else:
            result._node = node = OpNode()  # what `recorded` does, without the call
            node.op = op
            node.value = y
            node.args = (x, z)
            node.parents = (p, q)
            node.meta = _NO_META
            node.seq = next_sequence()
        return result

    return call


def _backward(op: Op) -> Pullback | None:
    """The quickest way to run the rules of `op` on arrays; None where that is the general one."""
    if any(len(rule.indices) != 1 or rule.variadic for rule in op.rules) or any(a.variadic for a in op.arguments):
        return None
    steps = tuple((rule.indices[0], rule.function, rule.names[0]) for rule in op.rules)
    count = 0 if op.options else len(op.arguments)

    def pull(node: OpNode, g: Gradient, live: Targets, grads: dict[Node, Gradient], owned: set[Node]) -> None:
        args = node.args
        for i, rule, name in steps:
            parent = live[i]
            if parent is None:
                continue
            if count == 2:
                r = rule(g, node.value, args[0], args[1])
            elif count == 1:
                r = rule(g, node.value, args[0])
            else:
                r = rule(g, node.value, *args, **node.meta)
            x = args[i]
            if type(r) is not ndarray or r.shape != x.shape or r.dtype is not x.dtype:
                r = unbroadcast(op, name, r, x)
            if parent in grads:
                add_up(grads, owned, parent, r)
            else:
                grads[parent] = r

    return pull


def _part(ordinary: Pullback) -> Pullback:
    """For reading a part of an array: its gradient is added to that part alone, so that T parts cost T, not T^2."""

    def pull(node: OpNode, g: Gradient, live: Targets, grads: dict[Node, Gradient], owned: set[Node]) -> None:
        parent = live[0]
        if parent is None:
            return
        whole = grads.get(parent)
        if type(whole) is not ndarray or type(g) is not ndarray or not is_basic(node.meta["key"]):
            ordinary(node, g, live, grads, owned)
            if whole is None and type(g) is ndarray:
                owned.add(parent)  # zeros made just now, with g in its place
            return
        if parent not in owned:
            grads[parent] = whole = whole.copy()
            owned.add(parent)
        whole[cast("Key", node.meta["key"])] += g

    return pull
