"""Applying an op to a stack of values at once.

By the batching rule that it has or that follows from its claims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.core.op import Op
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array

Batch: TypeAlias = Array | Tensor
"""A stack of values along a first axis: an array, or under a tracer a Tensor."""

__all__ = ["Batch", "call_batched", "has_batch_rule"]


def has_batch_rule(op: Op) -> bool:
    """Tell whether the author of an op said how it treats one more axis in front.

    Elementwise ops need not.
    """
    return op.batch_rule is not None or op.claims.trailing


def call_batched(
    op: Op, batched: tuple[bool, ...], operands: Sequence[Batch], kwargs: Mapping[str, object]
) -> Batch | None:
    """Apply an op to stacks of values.

    With the batching rule that it has or that follows from its claims.

    Args:
        op: with or without a batching rule.
        batched: which operands are stacks.
        operands: stacks with the axis of values in front, and values that all of them share.
        kwargs: all keyword arguments of the op.

    Returns:
        The stack of outputs, or None where there is no way but one value after the other.
    """
    rule: Callable[..., object]
    if op.claims.elementwise:
        ndim = max(a.ndim - b for a, b in zip(operands, batched, strict=True))
        aligned = [_aligned(a, ndim) if b else a for a, b in zip(operands, batched, strict=True)]
        return _one_output(_apply(op, aligned, kwargs))
    if has_batch_rule(op):
        if op.check_batching is not None:
            op.check_batching()
        rule = op.batch_rule or op
        first = () if len(op.arguments) == 1 and not op.arguments[0].variadic else (batched,)
        return _one_output(rule(*first, *operands, **kwargs))
    return None


def _aligned(batch: Batch, ndim: int) -> Batch:
    """Give a batch axes of length one behind the first.

    So it broadcasts as its values of `ndim` axes do.
    """
    shape = batch.shape
    return batch.reshape((shape[0], *(1,) * (ndim + 1 - len(shape)), *shape[1:]))


def _apply(op: Op, operands: Sequence[Batch], kwargs: Mapping[str, object]) -> object:
    if any(isinstance(a, Tensor) for a in operands):
        return op.apply(*operands, **kwargs)
    return op.forward(*operands, **kwargs)


def _one_output(y: object) -> Batch | None:
    """A batching rule's result; None if there are several outputs, which are found one by one."""
    if y is None or isinstance(y, tuple):
        return None
    return y if isinstance(y, Tensor) else np.asarray(y)
