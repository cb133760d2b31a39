"""Calls of NumPy's functions whose answers on Tensors are compared with those on arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Call = Callable[[Any], Any]

RNG = np.random.default_rng(7)
A, V, W = RNG.normal(size=(3, 4)), RNG.normal(size=5), RNG.normal(size=5)
"""What Tensors stand beside."""

METHODS = (
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
    "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest",
)  # fmt: skip


def _quantile(method: Any, x: Any) -> Any:
    return np.quantile(x, [0.0, 0.13, 0.4, 0.5, 0.77, 1.0], axis=0, method=method)


MATRIX: dict[str, Call] = {
    "diff prepend": lambda x: np.diff(x, prepend=0.5),
    "diff append": lambda x: np.diff(x, 2, append=np.ones((3, 1)), axis=1),
    "diff list": lambda x: np.diff(x, axis=0, prepend=[[1.0, 2.0, 3.0, 4.0]]),
    "take wrap": lambda x: np.take(x, [5, -1, 7], axis=1, mode="wrap"),
    "take clip": lambda x: np.take(x, [5, -1, 70], mode="clip"),
    "gradient parabolas": lambda x: np.gradient(x, axis=1, edge_order=2),
    "gradient grid": lambda x: np.gradient(x, 2.0, np.array([0.0, 1.0, 3.0, 4.0]), edge_order=2),
    "gradient all": lambda x: np.gradient(x, 0.5),
    "quantile many": lambda x: np.quantile(x, [[0.2, 0.5], [0.0, 1.0]], axis=1),
    "quantile axes": lambda x: np.quantile(x, 0.3, axis=(0, 1), keepdims=True),
    **{f"quantile {m}": partial(_quantile, m) for m in METHODS},
    "percentile": lambda x: np.percentile(x, [10, 90], axis=-1, keepdims=True),
    "median axes": lambda x: np.median(x, axis=(0, 1)),
    "median kept": lambda x: np.median(x, axis=0, keepdims=True),
    "nanmedian": lambda x: np.nanmedian(np.where(A > 1.0, np.nan, x), axis=1),
    "nanquantile": lambda x: np.nanquantile(np.where(A > 0.5, np.nan, x), [0.2, 0.9], axis=0),
    "nanpercentile": lambda x: np.nanpercentile(np.where(A > 0.5, np.nan, x), 30, keepdims=True),
    "reshape F": lambda x: np.reshape(x, (2, 6), order="F"),
    "ravel F": lambda x: np.ravel(x, order="F"),
    "pad ramp": lambda x: np.pad(x, ((1, 2), (0, 3)), mode="linear_ramp", end_values=((1.0, 2.0), (3.0, 4.0))),
    "pad maximum": lambda x: np.pad(x, 2, mode="maximum"),
    "pad minimum": lambda x: np.pad(x, (1, 2), mode="minimum", stat_length=2),
    "pad mean": lambda x: np.pad(x, 1, mode="mean", stat_length=((1, 2), (2, 3))),
    "pad median": lambda x: np.pad(x, (0, 1), mode="median"),
    "pad odd": lambda x: np.pad(x, 2, mode="reflect", reflect_type="odd"),
    "pad symmetric odd": lambda x: np.pad(x, (1, 3), mode="symmetric", reflect_type="odd"),
    "pad dict": lambda x: np.pad(x, {0: (1, 2), -1: (1, 1)}),
    "average returned": lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 3.0, 4.0], returned=True),
    "linspace axis": lambda x: np.linspace(x, x + 1.0, 4, axis=-1),
    "linspace step": lambda x: np.linspace(x[0], 3.0, 4, retstep=True),
    "logspace": lambda x: np.logspace(x[0], 1.0, 3, base=2.0),
    "geomspace": lambda x: np.geomspace(np.exp(x[0]), 3.0, 4, axis=1),
    "ediff1d": lambda x: np.ediff1d(x, to_begin=1.0, to_end=[2.0, 3.0]),
    "cumulative_sum": lambda x: np.cumsum(x, axis=1) if not hasattr(np, "cumulative_sum")
    else np.cumulative_sum(x, axis=1, include_initial=True),
    "cumulative_prod": lambda x: np.cumprod(x, axis=0) if not hasattr(np, "cumulative_prod")
    else np.cumulative_prod(x, axis=0, include_initial=True),
    "nancumsum": lambda x: np.nancumsum(np.where(A > 0.5, np.nan, x), axis=0),
    "nancumprod": lambda x: np.nancumprod(np.where(A > 0.5, np.nan, x)),
    "maximum.accumulate": lambda x: np.maximum.accumulate(x, axis=1),
    "minimum.accumulate": lambda x: np.minimum.accumulate(x),
    "logaddexp.reduce": lambda x: np.logaddexp.reduce(x, axis=1, keepdims=True),
    "hypot.reduce": lambda x: np.hypot.reduce(x, axis=1),
    "subtract.accumulate": lambda x: np.subtract.accumulate(x, axis=1),
    "angle": lambda x: np.angle(x, deg=True),
    "cov": lambda x: np.cov(x),
    "cov columns": lambda x: np.cov(x, rowvar=False, bias=True),
    "cov two": lambda x: np.cov(x[0], x[1], ddof=0),
    "cov weights": lambda x: np.cov(x, fweights=[1, 2, 1, 3], aweights=[0.5, 1.0, 2.0, 1.0]),
    "cov fweights": lambda x: np.cov(x, fweights=np.array([1, 2, 1, 3])),
    "cov one": lambda x: np.cov(x[0]),
    "corrcoef": lambda x: np.corrcoef(x),
    "corrcoef two": lambda x: np.corrcoef(x[0], x[1]),
    "insert": lambda x: np.insert(x, 1, x[:, 0], axis=1),
    "insert many": lambda x: np.insert(x, [0, 2, 2], [9.0, 8.0, 7.0], axis=1),
    "insert flat": lambda x: np.insert(x, -2, 5.0),
    "insert slice": lambda x: np.insert(x, slice(0, 3), 5.0, axis=0),
    "insert block": lambda x: np.insert(x, 1, np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), axis=1),
    "resize": lambda x: np.resize(x, (5, 3)),
    "trim_zeros": lambda x: np.trim_zeros(np.where(np.arange(4) % 3 == 0, 0.0, x[0])),
    "meshgrid": lambda x: np.meshgrid(x[0], x[1, :2], [1.0, 2.0]),
    "meshgrid ij": lambda x: np.meshgrid(x[0], x[1, :2], indexing="ij", sparse=True),
    "block": lambda x: np.block([[x, np.ones((3, 2))], [np.zeros((1, 6))]]),
    "block vectors": lambda x: np.block([x[0], 7.0, x[1]]),
    "choose": lambda x: np.choose([0, 2, 1, 1], [x[0], x[1], 5.0]),
    "piecewise": lambda x: np.piecewise(x, [x < -0.5, x > 0.5], [lambda t: t * t, 3.0, np.sin]),
    "piecewise single": lambda x: np.piecewise(x[0], x[0] > 0, [np.exp]),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda r: np.sort(r)[:2] * r[0], 1, x),
    "apply_along_axis numbers": lambda x: np.apply_along_axis(np.sum, 0, x),
    "apply_over_axes": lambda x: np.apply_over_axes(np.sum, x, [0, 1]),
    "interp": lambda x: np.interp(x, [-1.0, 0.0, 0.7, 2.0], [3.0, -1.0, 4.0, 1.0]),
    "interp values": lambda x: np.interp([0.1, -3.0, 5.0, 0.5], [0.0, 0.5, 1.0, 2.0], x[0], left=9.0),
    "interp points": lambda x: np.interp(V, np.sort(x[0]), x[1], right=-1.0),
    "interp period": lambda x: np.interp(x, [0.1, 1.5, 0.8], [1.0, 2.0, 3.0], period=2.0),
    "unwrap": lambda x: np.unwrap(x * 4.0),
    "unwrap axis": lambda x: np.unwrap(x * 3.0, axis=0, period=1.5),
    "unwrap discont": lambda x: np.unwrap(x * 4.0, discont=4.0),
    "unique": lambda x: np.unique(np.round(x)),
    "unique all": lambda x: np.unique(np.concatenate([x, x]), return_index=True, return_inverse=True,
                                      return_counts=True, axis=0),
    "union1d": lambda x: np.union1d(x, [1.0, 2.0]),
    "intersect1d": lambda x: np.intersect1d(x, x[1:]),
    "setdiff1d": lambda x: np.setdiff1d(x, x[0]),
    "setxor1d": lambda x: np.setxor1d(x, np.concatenate([x[0], [7.0]])),
    "correlate": lambda x: np.correlate(V, x[0], "full"),
    "correlate short": lambda x: np.correlate(x[0], V),
    "correlate same": lambda x: np.correlate(x[0], V, mode="same"),
    "polyval": lambda x: np.polyval(x[0], x[1]),
    "polyval number": lambda x: np.polyval([1.0, 2.0, 3.0], x),
    "polyadd": lambda x: np.polyadd(x[0], [1.0, 2.0]),
    "polysub": lambda x: np.polysub([1.0, 2.0], x[0]),
    "polymul": lambda x: np.polymul(x[0], [1.0, 2.0]),
    "polyder": lambda x: np.polyder(x[0], 2),
    "polyint": lambda x: np.polyint(x[0], 2, [1.0, 2.0]),
    "polyfit": lambda x: np.polyfit(V, x[:, 0].sum() * W + W**2, 2),
    "polyfit places": lambda x: np.polyfit(x[0], [1.0, -1.0, 2.0, 0.5], 2, w=[1.0, 2.0, 1.0, 0.5]),
    "polyfit sets": lambda x: np.polyfit([0.0, 1.0, 3.0], x, 1),
    "poly": lambda x: np.poly(x[0]),
    "vander": lambda x: np.vander(x[0], 3),
    "vander increasing": lambda x: np.vander(x[0], increasing=True),
    "heaviside": lambda x: np.heaviside(np.where(A > 0.5, 0.0, x), x),
    "modf": lambda x: np.modf(x * 3.0),
    "ldexp": lambda x: np.ldexp(x, [1, -2, 0, 3]),
}  # fmt: skip
"""Functions of a matrix (3, 4): each agrees with NumPy on values and has the slope of finite differences."""

INTEGERS: dict[str, Call] = {
    "unique": lambda k: np.unique(k),
    "meshgrid": lambda k: np.meshgrid(k[0], k[1]),
    "insert": lambda k: np.insert(k, 1, 5),
    "resize": lambda k: np.resize(k, (2, 2)),
    "block": lambda k: np.block([k, k]),
    "take wrap": lambda k: np.take(k, [9, -1], mode="wrap"),
    "reshape F": lambda k: np.reshape(k, (4, 3), order="F"),
    "maximum.accumulate": lambda k: np.maximum.accumulate(k),
    "median": lambda k: np.median(k),
    "percentile": lambda k: np.percentile(k, 30, axis=0),
    "cov": lambda k: np.cov(k),
    "interp": lambda k: np.interp(k, [0.0, 2.0], [1.0, 3.0]),
    "polyval": lambda k: np.polyval(k[0], k),
    "vander": lambda k: np.vander(k[0], 3),
    "choose": lambda k: np.choose(np.abs(k) % 2, [k, -k]),
    "pad edge": lambda k: np.pad(k, 1, mode="edge"),
    "diff": lambda k: np.diff(k, prepend=0),
    "cumulative": lambda k: np.nancumsum(k),
    "trim_zeros": lambda k: np.trim_zeros(k[0]),
}
"""Functions of whole numbers (3, 4)."""

REFUSED: dict[str, Call] = {
    "roots": lambda x: np.roots(x[0]),
    "polydiv": lambda x: np.polydiv(x[0], [1.0, 2.0]),
    "i0": lambda x: np.i0(x),
    "sort_complex": lambda x: np.sort_complex(x),
    "nextafter": lambda x: np.nextafter(x, 1.0),
    "add.at": lambda x: np.add.at(x, 0, 1.0),
    "add.reduceat": lambda x: np.add.reduceat(x, [0, 1]),
    "copyto": lambda x: np.copyto(x, 1.0),
    "put": lambda x: np.put(x, 0, 1.0),
    "place": lambda x: np.place(x, A > 0, [1.0]),
    "putmask": lambda x: np.putmask(x, A > 0, 1.0),
    "fill_diagonal": lambda x: np.fill_diagonal(x, 1.0),
    "put_along_axis": lambda x: np.put_along_axis(x, np.zeros((3, 1), int), 1.0, axis=1),
    "quantile weights": lambda x: np.quantile(x, 0.5, weights=np.ones((3, 4)), method="inverted_cdf"),
    "nansum where": lambda x: np.nansum(x, where=A > 0),
    "add where": lambda x: np.add(x, 1.0, where=A > 0),
}
"""What has no gradient here: a typed error, never an answer without one."""
