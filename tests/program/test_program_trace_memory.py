"""Tracing runs a step once on real numbers: it needs the memory of eager, not that of all results together."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np

import minigrad as mg

COUNT = 100_000
LENGTH = 40


def chain(x: Any) -> Any:
    for _ in range(LENGTH):
        x = mg.sqrt(x * 1.01 + 0.5)
    return x.sum()


def peak(step: Any) -> float:
    """Peak memory of a call, in arrays of COUNT numbers."""
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1] / (8 * COUNT)
    finally:
        tracemalloc.stop()


def test_results_that_nobody_holds_are_let_go() -> None:
    x = np.ones(COUNT)
    program = mg.define(chain, engine="numpy")
    assert peak(lambda: program(x)) < 8


def test_a_gradient_is_traced_in_eager_s_memory() -> None:
    x = np.ones(COUNT)
    slope = mg.define(mg.grad(chain), engine="numpy")
    assert peak(lambda: slope(x)) < 1.2 * peak(lambda: mg.grad(chain)(mg.tensor(x))) + 4
