"""Calling one vector-Jacobian rule.

How many gradients are due, with broadcasting and promotion undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from minigrad.core.errors import InvalidRule
from minigrad.core.op import VJP, Op
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Kwargs, Shape

Gradient: TypeAlias = Array | Tensor
_ROLES = REGISTRY.roles


def argument_positions(rule: VJP, count: int) -> Sequence[int]:
    """Return positions of the arguments that `rule` answers for.

    The call has `count` positional arguments.
    """
    return range(rule.indices[0], count) if rule.variadic else rule.indices


def call_rule(op: Op, rule: VJP, g: object, y: object, args: tuple[object, ...], kwargs: Kwargs) -> tuple[object, ...]:
    """Call a rule; returns a tuple with one gradient for each argument it answers for.

    Raises:
        InvalidRule: the rule returns another number of gradients.
    """
    r = rule.function(g, y, *args, **kwargs)
    count = len(argument_positions(rule, len(args)))
    if len(rule.names) == 1 and not rule.variadic:
        return (r,)
    if not isinstance(r, tuple | list) or len(r) != count:
        returned = f"{len(r)} values" if isinstance(r, tuple | list) else type(r).__name__
        raise InvalidRule(
            f"op {op.name!r}: the rule for {', '.join(rule.names)} must return {count} gradients in a tuple; "
            f"got {returned}"
        )
    return tuple(r)


def unbroadcast(op: Op, name: str, r: object, x: Array) -> Gradient:
    """Bring gradient `r` to the shape and dtype of argument `x`.

    This undoes broadcasting and promotion, by registered ops.

    Raises:
        InvalidRule: `r` is no gradient for an array of the shape of `x`.
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
        sum_to = _ROLES["unbroadcast"]
        g = sum_to.forward(g, shape=x.shape) if type(g) is np.ndarray else sum_to(g, shape=x.shape)  # type: ignore[assignment]
    if g.dtype != x.dtype:
        g = _ROLES["cast"](g, dtype=x.dtype)
    return g


def broadcasts_to(op: Op, small: Shape, large: Shape) -> bool:
    """Tell whether shape `small` broadcasts to `large`.

    Then a gradient of shape `large` can be meant for an argument of `op` of shape `small`, to be summed.

    It can when an array of shape `small` broadcasts to `large`, unless `op` has one argument and nothing to broadcast
    it with: there, such a gradient is a mistake.
    """
    if len(small) > len(large) or (len(op.arguments) == 1 and not op.arguments[0].variadic):
        return False
    if large[len(large) - len(small) :] == small:
        return True
    return all(a in (1, b) for a, b in zip(small[::-1], large[::-1], strict=False))
