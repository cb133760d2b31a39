"""Wrong rules of scans: running sums, products and differences along an axis."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from support.gate_case import MISMATCH, NONZERO, REAL, made, wrong


@wrong("direction", MISMATCH)
def cumsum_not_flipped(flaw: bool) -> Op:
    def rule(g, y, x):
        return op(g) if flaw else op(g[..., ::-1])[..., ::-1]

    op = made(lambda x: np.cumsum(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 4),), ((5,),)], linear=True)
    return op


@wrong("off by one", MISMATCH)
def cumsum_exclusive(flaw: bool) -> Op:
    def rule(g, y, x):
        inclusive = op(g[..., ::-1])[..., ::-1]
        return inclusive - g if flaw else inclusive

    op = made(lambda x: np.cumsum(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)], linear=True)
    return op


@wrong("off by one", MISMATCH)
def diff_boundary_forgotten(flaw: bool) -> Op:
    def rule(g, y, x):
        edge = g[..., :1] * 0.0
        first = edge if flaw else -g[..., :1]
        return mg.concatenate([first, g[..., :-1] - g[..., 1:], g[..., -1:]], axis=-1)

    return made(lambda x: np.diff(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 5),)], linear=True)


@wrong("direction", MISMATCH)
def cumulative_product_forward_sum(flaw: bool) -> Op:
    """The gradient of entry i is a sum over the outputs from i on, not up to i."""

    def rule(g, y, x):
        upper = np.tril(np.ones((4, 4), dtype=x.dtype)) if not flaw else np.triu(np.ones((4, 4), dtype=x.dtype))
        return mg.matmul(g * y, upper) / x

    return made(lambda x: np.cumprod(x, axis=-1), {"x": rule}, {"x": NONZERO}, shapes=[((3, 4),)])


@wrong("off by one", MISMATCH)
def exponential_average_last_step(flaw: bool) -> Op:
    """y_t = 0.9 y_(t-1) + 0.1 x_t; the rule forgets that the last input is weighted as well."""
    n = 5
    lag = np.subtract.outer(np.arange(n), np.arange(n))
    kernel = np.where(lag >= 0, 0.1 * 0.9 ** np.maximum(lag, 0), 0.0)
    claimed = kernel.copy()
    claimed[-1, -1] = 1.0 if flaw else 0.1

    def rule(g, y, x):
        return mg.matmul(g, claimed.astype(x.dtype))

    return made(lambda x: x @ kernel.T.astype(x.dtype), {"x": rule}, {"x": REAL}, shapes=[((2, n),)], linear=True)
