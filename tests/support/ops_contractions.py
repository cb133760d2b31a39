"""Catalog: contractions."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.ops_calls import SUBSCRIPTS, any_two, einsum_call, fixed, matrices, same, vectors
from support.ops_catalog import Entry

ENTRIES = [
    # Contractions
    same("matmul", matrices(), lambda t, a, b: t.matmul(a, b)),
    same("dot", matrices(batch=False), lambda t, a, b: t.matmul(a, b)),
    same("inner", vectors(4), lambda t, a, b: t.inner(a, b)),
    same("vdot", vectors(4), lambda t, a, b: t.dot(a.ravel(), b.ravel())),
    same("vecdot", vectors(4), lambda t, a, b: t.linalg.vecdot(a, b), lambda a, b: np.sum(a * b, -1)),
    same("outer", any_two(), lambda t, a, b: t.outer(a.ravel(), b.ravel())),
    same("kron", any_two(), lambda t, a, b: t.kron(a, b)),
    same("cross", vectors(3), lambda t, a, b: t.linalg.cross(a, b)),
    Entry(
        "tensordot",
        lambda a, b: mg.tensordot(a, b, ((0, 1), (1, 0))),
        lambda a, b: np.tensordot(a, b, ((0, 1), (1, 0))),
        fixed((2, 3, 2), (3, 2, 4)),
        lambda t, a, b: t.tensordot(a, b, ((0, 1), (1, 0))),
    ),
    *(
        Entry(
            f"einsum_{subscripts}",
            lambda *x, subscripts: mg.einsum(subscripts, *x),
            lambda *x, subscripts: np.einsum(subscripts, *x),
            einsum_call(subscripts),
            lambda t, *x, subscripts: t.einsum(subscripts, *x),
        )
        for subscripts in SUBSCRIPTS
    ),
    Entry(
        "multi_dot",
        lambda a, b: mg.multi_dot([a, b, mg.transpose(a)]) if a.ndim == 2 else mg.multi_dot([a, b]),
        lambda a, b: np.linalg.multi_dot([a, b, a.T]) if a.ndim == 2 else np.linalg.multi_dot([a, b]),
        fixed((3, 4), (4, 4)),
    ),
    Entry("add_sequence", mg.add_sequence, lambda *x: sum(x), vectors(2)),
    Entry("multiply_sequence", mg.multiply_sequence, lambda a, b: a * b, vectors(2)),
]
