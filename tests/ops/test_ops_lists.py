"""Lists and numbers beside Tensors in NumPy's functions mean what they mean to NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

M = np.array([[2.0, 1.0, 0.5], [0.25, 3.0, 1.5], [1.0, 0.5, 4.0]])
V = np.array([1.0, 2.0, 4.0])
LIST = [3.0, 1.0, 2.0]
ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]]

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "dot list tensor": lambda m, v: np.dot(LIST, v),
    "dot tensor list": lambda m, v: np.dot(v, LIST),
    "dot number": lambda m, v: np.dot(2, v),
    "cross": lambda m, v: np.cross(LIST, v),
    "tensordot": lambda m, v: np.tensordot(m, ROWS),
    "einsum": lambda m, v: np.einsum("ij,j", ROWS, v),
    "einsum by lists": lambda m, v: np.einsum(m, [0, 1], v, [1], [0]),
    "solve": lambda m, v: np.linalg.solve(ROWS, v),
    "multi_dot": lambda m, v: np.linalg.multi_dot([LIST, m, ROWS, v]),
    "hstack": lambda m, v: np.hstack([LIST, v]),
    "hstack numbers": lambda m, v: np.hstack([v, 5.0]),
    "vstack": lambda m, v: np.vstack([LIST, v]),
    "dstack": lambda m, v: np.dstack([ROWS, m]),
    "column_stack": lambda m, v: np.column_stack([LIST, v]),
    "stack": lambda m, v: np.stack([LIST, v]),
    "concatenate": lambda m, v: np.concatenate([LIST, v]),
    "concatenate dtype": lambda m, v: np.concatenate([v, LIST], dtype=np.float32),
    "append": lambda m, v: np.append(v, [1.0, 2.0]),
    "average": lambda m, v: np.average(v, weights=LIST),
    "average of a list": lambda m, v: np.average(LIST, weights=v),
    "convolve": lambda m, v: np.convolve(v, [1.0, 0.5]),
    "trapezoid": lambda m, v: np.trapezoid(v, x=LIST),
    "broadcast_arrays": lambda m, v: np.broadcast_arrays([[1.0], [2.0], [3.0]], v)[1] * np.broadcast_arrays(v, 2.0)[0],
    "outer": lambda m, v: np.outer(LIST, v),
    "inner": lambda m, v: np.inner(LIST, v),
    "kron": lambda m, v: np.kron(LIST, v),
    "where": lambda m, v: np.where([True, False, True], v, 0.0),
    "where lists": lambda m, v: np.where([True, False, True], LIST, v),
    "select": lambda m, v: np.select([[True, False, False], [False, True, False]], [v, LIST], 7.0),
    "compress": lambda m, v: np.compress([True, False, True], v),
    "matmul": lambda m, v: np.matmul(ROWS, v),
    "maximum": lambda m, v: np.maximum(LIST, v),
    "arctan2": lambda m, v: np.arctan2(LIST, v),
    "take": lambda m, v: np.take(v, [0, 2]),
    "clip": lambda m, v: np.clip(v, 1.5, [2.0, 3.0, 3.5]),
    "atleast_3d": lambda m, v: np.atleast_3d(v, m)[1],
    "atleast_1d": lambda m, v: np.atleast_1d(v, 3.0)[1] + v,
    "reshape": lambda m, v: v.reshape([3, 1]),
    "pad pair": lambda m, v: np.pad(v, (1, 2), constant_values=(7.0, 8.0)),
    "pad pairs": lambda m, v: np.pad(m, 1, constant_values=((1.0, 2.0), (3.0, 4.0))),
    "linspace": lambda m, v: np.linspace(v, [2.0, 3.0, 9.0], 4),
    "dot of a list with Tensors": lambda m, v: np.dot([v, v * 2.0], v),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_numpy(name: str) -> None:
    expected = np.asarray(CALLS[name](M, V))
    ours = CALLS[name](mg.tensor(M), mg.tensor(V))
    assert isinstance(ours, mg.Tensor)
    assert ours.dtype == expected.dtype
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-6 if expected.dtype == np.float32 else 1e-13)


def test_gradients_flow_past_lists() -> None:
    g = mg.grad(lambda t: mg.sum(np.dot(ROWS, t)))(V)
    np.testing.assert_allclose(np.asarray(g), np.sum(ROWS, axis=0), rtol=1e-15)
    g = mg.grad(lambda t: np.dot([t[0], t[1] * t[0]], t.detach()))(V[:2])
    np.testing.assert_allclose(np.asarray(g), [V[0] + V[1] * V[1], V[1] * V[0]], rtol=1e-15)


def test_numbers_alone() -> None:
    assert np.array_equal(np.asarray(mg.linspace(0.0, 1.0, 3)), [0.0, 0.5, 1.0])
