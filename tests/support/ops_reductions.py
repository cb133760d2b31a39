"""Catalog: reductions, scans, sorting."""

from __future__ import annotations

import numpy as np
from scipy import special

import minigrad as mg
from support.ops_calls import OFFSETS, flagged, over, same
from support.ops_catalog import Entry, reduction

ENTRIES = [
    # Reductions
    *(same(n, reduction(), over(n)) for n in ("sum", "mean")),
    same("max", reduction("distinct"), over("amax")),
    same("min", reduction("distinct"), over("amin")),
    same("prod", reduction()),
    same("ptp", reduction("distinct", keepdims=False)),
    same("var", reduction(), lambda t, x, axis=None, keepdims=False: t.var(x, axis, correction=0, keepdim=keepdims)),
    same("median", reduction("distinct", single=True)),
    same("average", reduction(keepdims=False)),
    *(same(f"nan{n}", reduction("distinct")) for n in ("sum", "mean", "max", "min", "prod", "var")),
    same("logsumexp", reduction(), over("logsumexp"), special.logsumexp),
    same("softmax", reduction(single=True, keepdims=False), lambda t, x, axis: t.softmax(x, axis), special.softmax),
    same(
        "log_softmax",
        reduction(single=True, keepdims=False),
        lambda t, x, axis: t.log_softmax(x, axis),
        special.log_softmax,
    ),
    same(
        "softmin",
        reduction(single=True, keepdims=False),
        lambda t, x, axis: t.softmax(-x, axis),
        lambda x, axis: special.softmax(-x, axis),
    ),
    same(
        "norm",
        reduction(),
        lambda t, x, axis=None, keepdims=False: t.linalg.vector_norm(x, 2, axis, keepdims),
        lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
    ),
    same("trace", flagged(offset=OFFSETS)),
    # Scans
    same("cumsum", reduction(single=True, keepdims=False), lambda t, x, axis: t.cumsum(x, axis)),
    same("cumprod", reduction(single=True, keepdims=False), lambda t, x, axis: t.cumprod(x, axis)),
    same(
        "cumlogsumexp",
        reduction(single=True, keepdims=False),
        lambda t, x, axis: t.logcumsumexp(x, axis),
        np.logaddexp.accumulate,
    ),
    same("diff", flagged(n=range(2), axis=range(-2, 2)), lambda t, x, n, axis: t.diff(x, n, axis)),
    same("trapezoid", flagged(axis=range(-2, 2)), lambda t, x, axis: t.trapezoid(x, dim=axis)),
    # Sorting
    same("sort", reduction("distinct", single=True, keepdims=False), lambda t, x, axis: t.sort(x, axis)[0]),
    Entry(
        "topk",
        lambda x, axis: mg.topk(x, 1 + (x.shape[axis] > 1), axis)[0],
        lambda x, axis: np.flip(np.sort(x, axis), axis).take(range(1 + (x.shape[axis] > 1)), axis),
        reduction("distinct", single=True, keepdims=False),
        lambda t, x, axis: t.topk(x, 1 + (x.shape[axis] > 1), axis)[0],
    ),
    Entry(
        "partition",
        lambda x, axis: mg.max(mg.partition(x, 0, axis), axis),
        lambda x, axis: np.max(x, axis),
        reduction("distinct", single=True, keepdims=False),
    ),
    Entry(
        "quantile",
        lambda x, axis, keepdims: mg.quantile(x, 0.7, axis, keepdims),
        lambda x, axis, keepdims: np.quantile(x, 0.7, axis=axis, keepdims=keepdims),
        reduction("distinct", single=True),
        lambda t, x, axis, keepdims: t.quantile(x, 0.7, axis, keepdim=keepdims),
    ),
]
