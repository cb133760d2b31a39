"""Jacobians and Hessians inside a program: rows in blocks, as eager pulls them, and row by row where blocks fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.registry import REGISTRY
from minigrad.core.types import Array

RNG = np.random.default_rng(0)
WEIGHTS = mg.tensor(RNG.standard_normal((6, 6)))


def smooth(p: Any) -> Any:
    """Products, sums along axes, slices and joins."""
    h = mg.tanh(mg.matmul(WEIGHTS, p[:12].reshape(6, 2)) + p[12:14])
    joined = mg.concatenate([h.T, h.T * p[3]], axis=1)
    return (joined * joined).mean(axis=0).sum() + (p[2:9] ** 3).sum()


def without_a_way(p: Any) -> Any:
    """An op that nobody knows how to give an axis in front."""
    return (mg.cumsum(p * p) * mg.tanh(p)).sum()


CASES: dict[str, tuple[Callable[[Any], Any], bool]] = {"smooth": (smooth, True), "no way": (without_a_way, False)}


def defined_hessian(f: Callable[[Any], Any]) -> Any:
    return mg.define(lambda p: mg.hessian(f)(p))


@pytest.mark.parametrize("case", CASES)
def test_a_defined_hessian_is_eagers(case: str) -> None:
    f, _ = CASES[case]
    program = defined_hessian(f)
    for _ in range(3):
        p: Array = RNG.standard_normal(20)
        expected: Any = mg.hessian(f)(p)
        np.testing.assert_allclose(program(p).numpy(), expected, rtol=1e-11, atol=1e-12)
    assert program.traces == 1


def test_a_hessian_in_blocks_takes_few_calls() -> None:
    blocks, rows = (defined_hessian(CASES[case][0]) for case in ("smooth", "no way"))
    for program in (blocks, rows):
        program(RNG.standard_normal(20))
    assert len(blocks.graph.calls) < 120
    assert len(rows.graph.calls) > 120


def test_a_jacobian_of_several_arguments() -> None:
    def f(a: Any, b: Any) -> Any:
        return mg.tanh(mg.matmul(a, b)).sum(axis=0)

    both: Any = mg.jacobian(f, argnums=(0, 1))
    program: Any = mg.define(lambda a, b: both(a, b))
    a, b = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 9))
    for got, expected in zip(program(a, b), both(a, b), strict=True):
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12, atol=1e-13)


def test_blocks_that_tell_untruths_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = REGISTRY["matmul"]
    honest = matmul.batch_rule
    assert honest is not None

    def lying(batched: Any, a: Any, b: Any) -> Any:
        stack: Any = honest(batched, a, b)
        return None if stack is None else stack * 1.001

    p: Array = RNG.standard_normal(20)
    expected: Any = mg.hessian(smooth)(p)
    monkeypatch.setattr(matmul, "batch_rule", lying)
    np.testing.assert_allclose(defined_hessian(smooth)(p).numpy(), expected, rtol=1e-11, atol=1e-12)
