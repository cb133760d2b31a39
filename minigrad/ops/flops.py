"""How many floating-point operations a call of an op takes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minigrad.core.types import Shape

__all__ = ["count_flops"]

_MOVES_ONLY = frozenset(
    {
        *("reshape", "transpose", "matrix_transpose", "broadcast_to", "concatenate", "astype", "windows"),
        *("getitem", "setitem", "scatter", "take", "put_along", "take_along_axis", "unpick", "contiguous"),
    }
)


def count_flops(op: str, args: Sequence[Shape], outputs: Sequence[Shape]) -> int:
    """Floating-point operations of one call, a multiplication and an addition counting as two.

    Matrix products and convolutions: twice the multiplications of the textbook algorithm. Ops that only move numbers:
    none. All others: one for each entry of the largest array involved, also for exp and tanh, which cost more.

    Args:
        op: name of the op.
        args: shapes of its array arguments.
        outputs: shapes of its results.
    """
    if op == "matmul":
        return 2 * prod(outputs[0]) * args[0][-1]
    if op == "convolve":
        return 2 * prod(outputs[0]) * prod(args[1][1:])
    if op == "convolve_kernel":
        return 2 * prod(args[0]) * prod(outputs[0][1:])
    if op == "convolve_input":
        return 2 * prod(args[0]) * prod(args[1][1:])
    if op in _MOVES_ONLY:
        return 0
    return max(map(prod, (*args, *outputs)), default=0)
