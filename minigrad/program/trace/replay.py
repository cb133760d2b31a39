"""Recorded calls applied again to Tensors.

So the tape can differentiate them to any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minigrad.core.apply import apply
from minigrad.core.graph import Constant
from minigrad.core.mode import mode_override
from minigrad.core.tensor import Tensor, from_array, tensor_of
from minigrad.program.graph import Assert, Call, FillRandom, Value, resolve_operands

__all__ = ["operand", "replay"]


def replay(
    values: Sequence[Value], steps: Iterable[Call | FillRandom | Assert], results: dict[int, Tensor]
) -> dict[int, Tensor]:
    """Apply `steps`, entering each value in `results`, which holds what comes from outside.

    A gradient flows along the operands that it flowed along when the step was recorded, and no others: what was
    detached then is detached now.
    """
    for step in steps:
        if isinstance(step, Call):
            results.update(zip(step.outs, _apply(step, values, results), strict=True))
        elif isinstance(step, FillRandom):
            drawn = values[step.out].empty()
            step.fill(drawn)
            results[step.out] = from_array(drawn)
        else:
            step.check(operand(step.value, values, results)._node.value)
    return results


def operand(k: int, values: Sequence[Value], results: dict[int, Tensor]) -> Tensor:
    """The Tensor of a value: a result, a Tensor that the step holds, or a constant."""
    value = values[k]
    if k in results:
        return results[k]
    if value.tensor is not None:
        return value.tensor
    assert value.data is not None
    return tensor_of(Constant(value.data))


def _apply(call: Call, values: Sequence[Value], results: dict[int, Tensor]) -> tuple[Tensor, ...]:
    operands = [operand(k, values, results) for k in call.args]
    kwargs = resolve_operands(call.kwargs, [t._node.value for t in operands]) if call.is_dynamic else call.kwargs
    args = operands[: len(call.positional)]
    if not call.tracked:
        with mode_override(interceptor=False):
            y = call.op.forward(*(t._node.value for t in args), **kwargs)
        return tuple(from_array(a) for a in (y if isinstance(y, tuple) else (y,)))
    args = [
        t if tracked or not t._node.requires_grad else tensor_of(Constant(t._node.value))
        for t, tracked in zip(args, call.tracked, strict=True)
    ]
    y_tensor: object = apply(call.op, tuple(args), kwargs)
    return y_tensor if isinstance(y_tensor, tuple) else (y_tensor,)
