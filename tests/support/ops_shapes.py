"""Catalog: shapes and picking."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.ops_calls import (
    OFFSETS,
    flagged,
    index_add_oracle,
    indexed,
    moved,
    padded,
    rolled,
    same,
    scatter_add_oracle,
    scattered,
    several,
    vectors,
)
from support.ops_catalog import Entry, one

ENTRIES = [
    # Shape
    same("transpose", one(), lambda t, x: x.permute(tuple(range(x.ndim - 1, -1, -1)))),
    same("moveaxis", moved(), lambda t, x, source, destination: t.movedim(x, source, destination)),
    same(
        "swapaxes",
        flagged(axis1=[0], axis2=range(-2, 2)),
        lambda t, x, axis1, axis2: t.swapaxes(x, axis1, axis2),
    ),
    same("ravel", one(), lambda t, x: t.ravel(x)),
    same("flatten", one(), lambda t, x: t.ravel(x), np.ravel),
    same("squeeze", one(), lambda t, x: t.squeeze(x)),
    same("expand_dims", flagged(axis=range(-3, 3)), lambda t, x, axis: t.unsqueeze(x, axis)),
    same("flip", flagged(axis=[None, 0, 1, -1, (0, 1)])),
    same("fliplr", flagged(), lambda t, x: t.fliplr(x)),
    same("flipud", flagged(), lambda t, x: t.flipud(x)),
    same("rot90", flagged(k=OFFSETS), lambda t, x, k: t.rot90(x, k)),
    same("rollaxis", flagged(axis=range(-2, 2), start=range(-2, 3))),
    same("roll", rolled(), lambda t, x, shift, axis: t.roll(x, shift, axis)),
    same(
        "repeat",
        flagged(repeats=range(1, 4), axis=[None, 0, 1]),
        lambda t, x, repeats, axis: t.repeat_interleave(x, repeats, axis),
    ),
    same("tile", flagged(reps=[2, (2, 1), (1, 2, 3), (2, 1, 1, 2)])),
    same("pad", padded()),
    same("triu", flagged(k=OFFSETS), lambda t, x, k: t.triu(x, k)),
    same("tril", flagged(k=OFFSETS), lambda t, x, k: t.tril(x, k)),
    same("diagonal", flagged(offset=OFFSETS), lambda t, x, offset: t.diagonal(x, offset)),
    same("diagflat", flagged(k=OFFSETS), lambda t, x, k: t.diagflat(x, k)),
    same(
        "diag_embed",
        flagged(offset=OFFSETS),
        lambda t, x, offset: t.diag_embed(x, offset),
        lambda x, offset: np.apply_along_axis(lambda r: np.diag(r, offset), -1, x),
    ),
    same("matrix_transpose", flagged(), lambda t, x: x.mT, lambda x: np.swapaxes(x, -1, -2)),
    *(same(f"atleast_{n}d", one(), lambda t, x, n=n: getattr(t, f"atleast_{n}d")(x)) for n in (1, 2)),
    same("atleast_3d", one(), lambda t, x: t.atleast_3d(x)),
    Entry(
        "concatenate",
        lambda *x: mg.concatenate(x, axis=1),
        lambda *x: np.concatenate(x, axis=1),
        several(1),
        lambda t, *x: t.cat(x, 1),
    ),
    Entry("vstack", lambda *x: mg.vstack(x), lambda *x: np.vstack(x), several(0), lambda t, *x: t.vstack(x)),
    Entry("hstack", lambda *x: mg.hstack(x), lambda *x: np.hstack(x), several(1), lambda t, *x: t.hstack(x)),
    Entry("dstack", lambda *x: mg.dstack([x[0], x[0]]), lambda *x: np.dstack([x[0], x[0]]), several(1)),
    Entry("column_stack", lambda *x: mg.column_stack(x), lambda *x: np.column_stack(x), several(1)),
    Entry("stack", lambda x: mg.stack([x, x * 2.0], axis=1), lambda x: np.stack([x, x * 2], axis=1), flagged()),
    Entry("append", lambda *x: mg.append(x[0], x[-1], axis=1), lambda *x: np.append(x[0], x[-1], axis=1), several(1)),
    Entry("split", lambda x: mg.split(x, x.shape[0])[-1], lambda x: np.split(x, x.shape[0])[-1], flagged()),
    Entry("array_split", lambda x: mg.array_split(x, 3, 1)[0], lambda x: np.array_split(x, 3, 1)[0], flagged()),
    Entry(
        "gradient",
        lambda x: mg.gradient(x, axis=0),
        lambda x: np.gradient(x, axis=0),
        flagged(least=2),
    ),
    Entry(
        "linspace",
        lambda a, b: mg.linspace(a, b, 5),
        lambda a, b: np.linspace(a, b, 5, dtype=np.result_type(a, b)),
        vectors(2),
    ),
    # Picking
    Entry("take", lambda x, i, axis: mg.take(x, i, axis), lambda x, i, axis: np.take(x, i, axis), indexed()),
    Entry("take_along_axis", mg.take_along_axis, np.take_along_axis, indexed(whole=True)),
    Entry(
        "embedding",
        lambda x, i, axis: mg.embedding(i % x.shape[0], x),
        lambda x, i, axis: x[i % x.shape[0]],
        indexed(),
        lambda t, x, i, axis: x[t.from_numpy(np.asarray(i % x.shape[0]))],
    ),
    Entry(
        "scatter_add",
        lambda x, z, axis, positions: mg.scatter_add(x, axis, positions, z),
        scatter_add_oracle,
        scattered(True),
        lambda t, x, z, axis, positions: t.scatter_add(x, axis, t.from_numpy(positions), z),
    ),
    Entry(
        "index_add",
        lambda x, z, axis, positions: mg.index_add(x, axis, positions, z),
        index_add_oracle,
        scattered(False),
        lambda t, x, z, axis, positions: t.index_add(x, axis, t.from_numpy(positions), z),
    ),
    Entry(
        "masked_fill",
        lambda x: mg.masked_fill(x, np.tri(*x.shape[-2:]) > 0, 2.5),
        lambda x: np.where(np.tri(*x.shape[-2:]) > 0, x.dtype.type(2.5), x),
        flagged(),
    ),
    Entry(
        "masked_select",
        lambda x: mg.masked_select(x, np.indices(x.shape).sum(0) % 2 == 0),
        lambda x: x[np.indices(x.shape).sum(0) % 2 == 0],
        flagged(),
    ),
    Entry(
        "getitem",
        lambda x: mg.ops.index.getitem(x, key=(Ellipsis, np.array([0, -1, 0]))),
        lambda x: x[..., [0, -1, 0]],
        flagged(),
    ),
]
