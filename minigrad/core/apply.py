"""Applying an op to Tensors: run `forward` on arrays, record how the value was made."""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import UnregisteredOp
from minigrad.core.graph import Constant, MultiOutputNode, Node, OutputNode, Parents, record_call
from minigrad.core.memory import copy_writable_args, weak_scalar
from minigrad.core.mode import MODE
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array, Arrays, Kwargs

_mode = MODE.get
_SCALARS = (bool, int, float)
_NO_ARRAY = np.empty(0)


def apply(op: Op, args: tuple[object, ...], kwargs: Kwargs) -> Tensor:
    """Apply a registered op to arguments of which at least one is a Tensor.

    Returns:
        The output as a Tensor (a tuple of Tensors for an op with several outputs).

    Raises:
        ShapeError: shapes do not fit; names op, shapes and keyword arguments.
        OpError: the forward function refuses the arguments; names op, shapes and keyword arguments.
    """
    mode = _mode()
    if mode is not None and mode.interceptor is not None:
        return mode.interceptor.call(op, args, kwargs, grad=mode.grad)  # type: ignore[return-value]
    full = op.bind_kwargs(kwargs)
    values, parents, tracked = unpack_args(op, args)
    try:
        y = op.forward(*values, **full)
    except Exception as error:
        raise op.describe_error(values, full, error) from error
    record = tracked and (mode is None or mode.grad) and not op.claims.piecewise_constant
    if record:
        values, y = copy_writable_args(args, values, y)
    if type(y) is not tuple:
        y = np.asarray(y)
        return tensor_of(record_call(op, y, values, parents, full) if record else Constant(y))
    outputs = tuple(np.asarray(o) for o in y)
    nodes: list[Node] = [Constant(o) for o in outputs]
    if record:
        producer = MultiOutputNode(op, outputs, values, parents, full)
        nodes = [OutputNode(producer, i) if o.dtype.kind == "f" else nodes[i] for i, o in enumerate(outputs)]
    return tuple(tensor_of(n) for n in nodes)  # type: ignore[return-value]  # several outputs: see `Op.call_multi`


def unpack_args(op: Op, args: tuple[object, ...]) -> tuple[Arrays, Parents, bool]:
    """Arrays, tracked parents, and whether any parent is tracked.

    Python scalars take the dtype of their partner.
    """
    arguments = op.arguments
    last = len(arguments) - 1
    if len(args) != last + 1 and not (arguments[last].variadic and len(args) >= last):
        names = ", ".join(("*" if a.variadic else "") + a.name for a in arguments)
        raise TypeError(
            f"op {op.name!r} takes ({names}), {len(args)} positional arguments given; metadata goes by keyword"
        )
    values: list[Array] = []
    parents: list[Node | None] = []
    tracked = False
    weak: dict[int, bool | int | float] = {}
    for i, a in enumerate(args):
        parent: Node | None = None
        if isinstance(a, Tensor):
            node = a._node
            values.append(node.value)
            if node.requires_grad and arguments[i if i < last else last].differentiable:
                parent = node
                tracked = True
        elif isinstance(a, _SCALARS) and not isinstance(a, np.generic):
            weak[i] = a
            values.append(_NO_ARRAY)
        else:
            values.append(op.as_array(i, a))
        parents.append(parent)
    if weak:
        dtype = np.result_type(*(v for i, v in enumerate(values) if i not in weak))
        for i, number in weak.items():
            values[i] = weak_scalar(number, dtype)
    return tuple(values), tuple(parents), tracked


def apply_unregistered(op: Op, *args: object, **kwargs: object) -> Tensor:
    """Refuse to apply an op that is not registered, except while the gate checks it.

    Raises:
        UnregisteredOp: outside the gate.
    """
    mode = _mode()
    if mode is None or mode.allow_unverified is None or not mode.allow_unverified(op):
        raise UnregisteredOp(
            f"op {op.name!r} is not registered, so its gradient is unverified: call minigrad.register({op.name}) first"
        )
    return apply(op, args, kwargs)


Op.unregistered = apply_unregistered
