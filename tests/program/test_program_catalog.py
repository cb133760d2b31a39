"""Every op of the library in a program: its value and gradient are eager's, also when other numbers come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.api import register_all
from minigrad.core import REGISTRY
from minigrad.core.op import Op
from minigrad.verify.cases import difference_cases, fresh
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom


def value_and_gradients(op: Op, case: CheckCase, xs: list[Any]) -> list[Any]:
    """The op's outputs, entries of them, and the gradients of a weighted sum for all floating arguments."""
    floats = [i for i, (a, x) in enumerate(zip(op.arguments, case.arrays, strict=False)) if x.dtype.kind == "f"]

    def outputs(*args: Any) -> list[Any]:
        made: Any = op.apply(*(a if isinstance(a, mg.Tensor) else mg.tensor(a) for a in args), **case.kwargs)
        return list(made) if isinstance(made, tuple) else [made]

    def loss(*args: Any) -> Any:
        total: Any = 0.0
        for y in outputs(*args):
            if y.dtype.kind == "f":
                total = total + (mg.tanh(y) * np.cos(np.arange(float(y.size))).reshape(y.shape)).sum()
        return total

    found = outputs(*xs)
    flat = [y.reshape(-1)[y.size - 1] for y in found if y.size]
    if not floats or op.claims.piecewise_constant or not any(y.dtype.kind == "f" for y in found):
        return [*found, *flat]
    gradients: Any = mg.grad(loss, argnums=tuple(floats))(*xs)
    return [*found, *flat, *gradients]


def library() -> list[Op]:
    """All ops of minigrad's own."""
    register_all()
    return [op for op in REGISTRY.ops.values() if op.module.startswith(("minigrad.ops.", "numpy"))]


def cases(op: Op, seed: int) -> Iterator[tuple[CheckCase, list[CheckCase]]]:
    """A case of every form, and two of that form with other numbers where these can be drawn."""
    draws = SeededRandom(seed)
    for case in difference_cases(op, seed, thorough=False):
        free = declaration_of(op).samples is None
        yield case, [case, *(fresh(op, case, draws) for _ in range(2 * free)), case]


@pytest.mark.parametrize("op", library(), ids=lambda op: op.name)
def test_an_op_in_a_program_is_eagers(op: Op) -> None:
    for case, runs in cases(op, seed=0):
        program: Any = mg.define(lambda *xs, case=case: value_and_gradients(op, case, list(xs)))
        for k, run in enumerate(runs):
            expected = value_and_gradients(op, case, [mg.tensor(x) for x in run.arrays])
            got = program(*run.arrays)
            for a, b in zip(got, expected, strict=True):
                mine, eagers = (np.asarray(x.numpy() if isinstance(x, mg.Tensor) else x) for x in (a, b))
                assert mine.dtype == eagers.dtype
                np.testing.assert_allclose(mine, eagers, rtol=1e-9, atol=1e-11, err_msg=f"{case.label}, run {k}")
