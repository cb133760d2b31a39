"""micrograd: single numbers only."""

from __future__ import annotations

import sys

from micrograd.engine import Value

from benchmarks.protocol import Numbers, Step, Unsupported

sys.setrecursionlimit(10_000)  # its backward sorts by recursion


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The chain on a scalar."""
    if case != "chain of 1,000 on a scalar":
        raise Unsupported("knows single numbers only")
    start, w = float(numbers["x"][0]), float(numbers["w"][0])

    def step() -> float:
        x = Value(start)
        y = x
        for _ in range(500):
            y = y * 0.999 + 0.001
        y = y * w
        y.backward()
        return float(y.data)

    return step
