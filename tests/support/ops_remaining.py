"""Catalog: functions of arrays that the family catalogs leave out."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg as sl

import minigrad as mg
from minigrad import linalg
from support.ops_calls import after, fixed, flagged, indexed, vectors
from support.ops_catalog import Entry, one, reduction
from support.ops_draw import Call, Draw, cases


def torch_nn(name: str, **options: Any) -> Any:
    return lambda t, *x: getattr(t.nn.functional, name)(*x, **options)


def _banded(ab: Any, b: Any) -> Any:
    return sl.solve_banded((1, 1), ab, b)


@cases
def _band(draw: Draw) -> Call:
    ab = draw.array((3, 4))
    ab[1] += 5.0
    ab[0, 0] = ab[2, -1] = 0.0
    return Call((ab, draw.array((4,))))


@cases
def _divided(draw: Draw) -> Call:
    """x and a positive z with x / z well away from the integers, where the remainder jumps."""
    shape = draw.shape(0, 3)
    z = draw.array(shape, "above")
    whole, part = draw.positions(-2, 3, shape), draw.rng.uniform(0.1, 0.9, shape)
    return Call((np.asarray((whole + part) * z), z))


def _holes(x: Any) -> Any:
    """A mask that keeps two of three entries, and the first."""
    return (np.arange(int(np.prod(x.shape))) % 3 != 1).reshape(x.shape)


_LARGE = (np.eye(6) * 14.0).reshape(2, 3, 6)
"""Makes a matrix of entries within +-2 diagonally dominant: differences of its inverse mean something."""


def _put(x: Any, v: Any) -> Any:
    y = x.copy()
    y[:, [2, 0, 2]] = v
    return y


def _halved(x: Any, how: Any) -> Any:
    n = x.ndim - 2
    apart = x.reshape(*x.shape[:2], *(m for _ in range(n) for m in (2, 2)))
    return how(apart, axis=tuple(range(3, 3 + 2 * n, 2)))


def _transposed_1d(x: Any, w: Any, b: Any) -> Any:
    y = np.zeros((x.shape[0], w.shape[1], 12))
    for i in range(x.shape[2]):
        for k in range(w.shape[2]):
            y[:, :, 2 * i + 2 * k] += x[:, :, i] @ w[:, :, k]
    return y[:, :, 1:11] + b[:, None]


def _transposed_3d(x: Any, w: Any) -> Any:
    y = np.zeros((1, 1, 2, 2, 2))
    for i in range(2):
        y[0, 0, i] += np.einsum("c,cab->ab", x[0, :, i, 0, 0], w[:, 0, 0])
    return y


ENTRIES = [
    Entry("fmod", mg.fmod, np.fmod, _divided(), lambda t, x, z: t.fmod(x, z)),
    Entry("remainder", mg.remainder, np.mod, _divided()),
    Entry("real_part", mg.real_part, np.real, one()),
    Entry("ediff1d", mg.ediff1d, np.ediff1d, flagged()),
    Entry("nanstd", mg.nanstd, np.nanstd, flagged("distinct", ddof=[0])),
    Entry(
        "nanprod_hole",
        lambda x: mg.nanprod(mg.where(_holes(x), x, np.nan), axis=0),
        lambda x: np.nanprod(np.where(_holes(x), x, np.nan), axis=0).astype(x.dtype),
        flagged(),
    ),
    Entry(
        "nanvar_hole",
        lambda x: mg.nanvar(mg.where(_holes(x), x, np.nan)),
        lambda x: np.nanvar(np.where(_holes(x), x, np.nan)).astype(x.dtype),
        flagged(),
    ),
    Entry(
        "nanmax_hole",
        lambda x: mg.nanmax(mg.where(_holes(x), x, np.nan)),
        lambda x: np.nanmax(np.where(_holes(x), x, np.nan)).astype(x.dtype),
        flagged("distinct"),
    ),
    Entry(
        "nanmin_hole",
        lambda x: mg.nanmin(mg.where(_holes(x), x, np.nan)),
        lambda x: np.nanmin(np.where(_holes(x), x, np.nan)).astype(x.dtype),
        flagged("distinct"),
    ),
    Entry(
        "std",
        mg.std,
        np.std,
        reduction("distinct", least=2),
    ),
    Entry(
        "average_weights",
        lambda x, w: mg.average(x, -1, w),
        lambda x, w: np.average(x, -1, w),
        fixed((2, 3), (3,), kind="positive"),
    ),
    Entry(
        "broadcast_arrays",
        lambda x, z: mg.broadcast_arrays(x, z)[1],
        lambda x, z: np.broadcast_arrays(x, z)[1],
        fixed((2, 3), (3,)),
    ),
    Entry("unstack", lambda x: mg.unstack(x, 1)[-1], lambda x: x[:, -1], flagged()),
    Entry("vsplit", lambda x: mg.vsplit(x, [1])[0], lambda x: np.vsplit(x, [1])[0], flagged()),
    Entry("dsplit", lambda x: mg.dsplit(x, 2)[1], lambda x: np.dsplit(x, 2)[1], fixed((2, 3, 4))),
    Entry(
        "repeat_each",
        lambda x: mg.repeat(x, [2, 0, 1], axis=1),
        lambda x: np.repeat(x, [2, 0, 1], axis=1),
        fixed((2, 3)),
    ),
    Entry(
        "setitem",
        lambda x, v: mg.ops.index.setitem(x, v, key=(slice(None), np.array([2, 0, 2]))),
        lambda x, v: _put(x, v),
        fixed((2, 4), (2, 3)),
    ),
    Entry(
        "gather",
        lambda x, i, axis: mg.gather(x, axis, i),
        np.take_along_axis,
        indexed(whole=True),
        lambda t, x, i, axis: t.gather(x, axis, t.from_numpy(np.where(i < 0, i + x.shape[axis], i))),
    ),
    Entry(
        "index_select",
        lambda x, i, axis: mg.index_select(x, axis, i.ravel()),
        lambda x, i, axis: np.take(x, i.ravel(), axis),
        indexed(),
    ),
    Entry("matvec", mg.matvec, lambda a, x: np.einsum("...ij,...j->...i", a, x), fixed((2, 3, 4), (4,))),
    Entry(
        "multi_matmul",
        lambda *m: mg.multi_matmul(m),
        lambda *m: np.linalg.multi_dot(m),
        fixed((2, 5), (5, 3), (3, 4), (4,)),
        lambda t, *m: t.linalg.multi_dot(m),
    ),
    Entry("cross_2d", mg.cross, lambda a, b: a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], vectors(2)),
    Entry(
        "conv_same_even",
        lambda x, w: mg.conv(x, w, padding="same"),
        lambda x, w: np.convolve(np.pad(x[0, 0], (1, 2)), w[0, 0, ::-1], "valid")[None, None],
        fixed((1, 1, 6), (1, 1, 4)),
    ),
    Entry(
        "conv_same",
        lambda x, w: mg.conv(x, w, padding="same", dilation=2),
        lambda x, w: np.stack([np.convolve(np.pad(x[0, 0], 2), np.insert(w[0, 0, ::-1], [1, 2], 0.0), "valid")])[None],
        fixed((1, 1, 6), (1, 1, 3)),
        lambda t, x, w: t.nn.functional.conv1d(x, w, padding="same", dilation=2),
    ),
    Entry(
        "conv_transpose1d",
        lambda x, w, b: mg.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1, dilation=2),
        lambda x, w, b: _transposed_1d(x, w, b),
        fixed((2, 3, 4), (3, 2, 3), (2,)),
        torch_nn("conv_transpose1d", stride=2, padding=1, output_padding=1, dilation=2),
    ),
    Entry(
        "conv_transpose3d",
        lambda x, w: mg.conv_transpose3d(x, w),
        _transposed_3d,
        fixed((1, 2, 2, 1, 1), (2, 1, 1, 2, 2)),
        torch_nn("conv_transpose3d"),
    ),
    *(
        Entry(
            f"{kind}_pool{n}d",
            getattr(mg, f"{kind}_pool{n}d"),
            oracle,
            after(fixed((2, 1, *(4,) * n), kind="distinct"), lambda c: Call(c.arrays, {}, (2,))),
            lambda t, x, k, kind=kind, n=n: getattr(t.nn.functional, f"{kind}_pool{n}d")(x, k),
        )
        for kind, oracle in (("max", lambda x, k: _halved(x, np.max)), ("avg", lambda x, k: _halved(x, np.mean)))
        for n in (1, 3)
    ),
    *(
        Entry(
            f"adaptive_{kind}_pool{n}d",
            lambda x, kind=kind: getattr(mg, f"adaptive_{kind}_pool")(x, 2),
            oracle,
            fixed((2, 1, *(4,) * n), kind="distinct"),
            lambda t, x, kind=kind, n=n: getattr(t.nn.functional, f"adaptive_{kind}_pool{n}d")(x, 2),
        )
        for kind, oracle in (("max", lambda x: _halved(x, np.max)), ("avg", lambda x: _halved(x, np.mean)))
        for n in (1, 3)
    ),
    Entry("global_avg_pool", mg.global_avg_pool, lambda x: x.mean(axis=(2, 3)), fixed((2, 3, 4, 5))),
    Entry("linalg.solve_banded", lambda ab, b: linalg.solve_banded((1, 1), ab, b), _banded, _band()),
    Entry(
        "linalg.tensorsolve",
        lambda a, b: linalg.tensorsolve(a + _LARGE, b),
        lambda a, b: np.linalg.tensorsolve(a + _LARGE, b),
        fixed((2, 3, 6), (2, 3)),
        lambda t, a, b: t.linalg.tensorsolve(a + t.from_numpy(_LARGE), b),
    ),
    Entry(
        "linalg.tensorinv",
        lambda a: linalg.tensorinv(a + _LARGE),
        lambda a: np.linalg.tensorinv(a + _LARGE),
        fixed((2, 3, 6)),
        lambda t, a: t.linalg.tensorinv(a + t.from_numpy(_LARGE)),
    ),
    Entry(
        "linalg.cholesky_upper",
        lambda a: linalg.cholesky(mg.matmul(a, mg.transpose(a)) + np.eye(3), upper=True),
        lambda a: np.linalg.cholesky(a @ a.T + np.eye(3)).T,
        fixed((3, 3)),
    ),
    Entry("linalg.trace", linalg.trace, lambda a: np.trace(a, axis1=-2, axis2=-1), fixed((2, 3, 4))),
    Entry("linalg.diagonal", linalg.diagonal, lambda a: np.diagonal(a, axis1=-2, axis2=-1), fixed((2, 3, 4))),
]
