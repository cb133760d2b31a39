"""Stages: long chains of steps, cut in pieces that a processor can overlap.

A processor looks some 300 instructions ahead. Of a chain of 160 two vectors are under way at a time then, each waiting
for its own last result most of the time: exp, log1p, exp and three quotients, one after another, took 180 cycles for 16
numbers, of which 90 were work. In stages of one elementary function each, over tiles that stay in cache, many vectors
are under way at once.
"""

from __future__ import annotations

from minigrad_cc.functions import cost
from minigrad_cc.kernel import KernelIR

__all__ = ["stages_of"]

_MOST = 25
"""Cost of a stage, in additions: one elementary function and a few steps."""
_DEEPEST = 40
"""Cost of a chain that is worth stages: two elementary functions."""
_SHORTEST = 512
"""Places of a row that is: each stage is a loop of its own, which takes a while to begin."""


def stages_of(kernel: KernelIR) -> list[range]:
    """The steps, cut in consecutive stages; one where cutting gains nothing."""
    whole = range(len(kernel.steps))
    if kernel.shape[-1] < _SHORTEST or _depth(kernel) < _DEEPEST:
        return [whole]
    stages: list[range] = []
    first = spent = 0
    for n, step in enumerate(kernel.steps):
        if spent + cost(step.function) > _MOST and n > first:
            stages.append(range(first, n))
            first, spent = n, 0
        spent += cost(step.function)
    return [*stages, range(first, len(whole))]


def _depth(kernel: KernelIR) -> int:
    """Cost of the longest chain of steps."""
    depths = [0] * len(kernel.reads)
    for step in kernel.steps:
        depths.append(cost(step.function) + max(depths[k] for k in step.operands))
    return max(depths)
