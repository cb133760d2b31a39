"""What a type checker knows: arrays in, arrays out; Tensors in, Tensors out. mypy checks this file with the rest."""

from __future__ import annotations

from typing import assert_type

import numpy as np

import minigrad as mg
from minigrad import fft, linalg
from minigrad.typing import Array, Tensor


def test_types_follow_the_arguments() -> None:
    a: Array = np.eye(3) + 0.5
    t = mg.tensor(a, requires_grad=True)
    assert_type(t, Tensor)
    # Elementwise, with one and two arguments
    assert_type(mg.sin(a), Array)
    assert_type(mg.sin(t), Tensor)
    assert_type(mg.multiply(a, a), Array)
    assert_type(mg.multiply(t, a), Tensor)
    assert_type(mg.relu(t), Tensor)
    assert_type(mg.gelu(a), Array)
    # Reductions, scans, shapes, picking
    assert_type(mg.sum(a, axis=0), Array)
    assert_type(mg.sum(t, axis=0), Tensor)
    assert_type(mg.logsumexp(t), Tensor)
    assert_type(mg.cumsum(t), Tensor)
    assert_type(mg.reshape(t, (9,)), Tensor)
    assert_type(mg.stack([t, t]), Tensor)
    assert_type(mg.take(a, np.array([0, 1])), Array)
    assert_type(t[0], Tensor)
    # Contractions, linear algebra, transforms, losses
    assert_type(mg.matmul(t, a), Tensor)
    assert_type(mg.einsum("ij,jk->ik", a, a), Array)
    assert_type(linalg.inv(t), Tensor)
    assert_type(linalg.eigh(a), tuple[Array, Array])
    assert_type(fft.rfft(t).real, Tensor)
    assert_type(mg.cross_entropy(t, np.array([0, 1, 2])), Tensor)
    # Operators, methods and NumPy's comparison
    assert_type(t + a, Tensor)
    assert_type(2.0 * t, Tensor)
    assert_type(t.mean(), Tensor)
    assert_type(t.T, Tensor)
    assert_type(t.data, Array)
