"""Singular matrices: one error, which is also NumPy's and a ShapeError, for values and for slopes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.errors import ShapeError
from minigrad.linalg.errors import SingularMatrix
from minigrad.typing import Array

CALLS: dict[str, Callable[[Any], Any]] = {
    "inv": np.linalg.inv,
    "solve": lambda a: np.linalg.solve(a, np.ones(3)),
    "solve columns": lambda a: np.linalg.solve(a, np.ones((3, 2))),
    "tensorinv": lambda a: np.linalg.tensorinv(a, ind=1),
    "matrix_power": lambda a: np.linalg.matrix_power(a, -2),
    "slope of qr": lambda a: mg.grad(lambda t: mg.sum(np.linalg.qr(t)[0]))(a),
    "slope of slogdet": lambda a: mg.grad(lambda t: np.linalg.slogdet(t)[1])(a),
}


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_singular_matrices_are_refused_by_name(name: str, requires_grad: bool) -> None:
    a = np.zeros((3, 3))
    a[0, 1] = 1.0
    with pytest.raises(SingularMatrix, match="singular") as caught:
        CALLS[name](mg.tensor(a, requires_grad=requires_grad))
    assert isinstance(caught.value, ShapeError)
    assert isinstance(caught.value, np.linalg.LinAlgError)
    assert "(3, 3)" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [2, 3, 6, 40])
def test_slopes_of_qr_are_refused_where_columns_depend_on_others_but_for_rounding(n: int, dtype: type) -> None:
    slope = mg.grad(lambda t: mg.sum(np.linalg.qr(t)[0]))
    for seed in range(12):
        rng = np.random.default_rng(seed)
        a: Array = rng.normal(size=(n, n)).astype(dtype)
        assert np.isfinite(np.asarray(slope(mg.tensor(a)))).all()
        a[:, -1] = a[:, :-1] @ rng.normal(size=n - 1).astype(dtype)
        with pytest.raises(SingularMatrix, match="The slopes of"):
            slope(mg.tensor(a))
