"""Rules that promise never to raise the loss keep it under any grouping and mixed dtypes, on ten problems."""

from __future__ import annotations

import itertools

import pytest

from minigrad.optim import available
from support.optim_second_order import GROUPINGS, PROBLEMS, RULES, Run


@pytest.mark.soak
@pytest.mark.parametrize("rule", [name for name in RULES if name in available()])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_loss_never_rises_under_any_grouping(rule: str, problem: str) -> None:
    for k in range(GROUPINGS):
        run = Run(rule, problem, k)
        losses = [run.step() for _ in range(6)]
        slack = 1e-5 if run.single else 1e-12  # rounding to float32 moves the loss by about its precision
        assert all(b <= a + slack * max(1.0, abs(a)) for a, b in itertools.pairwise(losses)), (k, losses)
        assert losses[-1] < losses[0]
