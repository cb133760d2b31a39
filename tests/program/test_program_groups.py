"""Which calls may run together: groups keep what engines are promised, and tiles of large ones see whole operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.types import Array
from minigrad.program.graph import FusedCall
from minigrad.program.passes.fusion.fusible import group_instructions, is_total

RNG = np.random.default_rng(0)
LONG = 400_000
"""Places in a row that make several tiles."""


def unlike_lengths(x: Any, y: Any) -> Any:
    """A row for all rows: over one place along the first axis, then over all."""
    return mg.tanh(mg.tanh(x) * 2.0 + y) * 3.0


def view_beside(x: Any, y: Any) -> Any:
    """A result, and the same result upside down, are read for the last time by one group."""
    a = x @ y
    return mg.tanh(a) + mg.tanh(a[::-1]) * 2.0


def narrow_total(x: Any, y: Any) -> Any:
    """A sum over everything of a column, which then meets a matrix."""
    column = mg.tanh(x) * 2.0
    return column.sum(), mg.tanh(column * y)


def total_of_narrow(x: Any, y: Any) -> Any:
    """A matrix, and the sum of a column that it was made from."""
    column = mg.tanh(x) * 2.0
    wide = mg.tanh(column * y) * y
    return (column * 3.0).sum(), wide


CASES: dict[str, tuple[Callable[[Any, Any], Any], Array, Array]] = {
    "unlike lengths": (unlike_lengths, RNG.standard_normal((1, 5)), RNG.standard_normal((4, 5))),
    "unlike lengths, long": (unlike_lengths, RNG.standard_normal((1, 5)), RNG.standard_normal((LONG, 5))),
    "view beside": (view_beside, RNG.standard_normal((2_000, 3)), RNG.standard_normal((3, 200))),
    "narrow total": (narrow_total, RNG.standard_normal((2, 1)), RNG.standard_normal((2, LONG))),
    "total of narrow": (total_of_narrow, RNG.standard_normal((2, 1)), RNG.standard_normal((2, LONG))),
}


@pytest.mark.parametrize("case", CASES)
def test_groups_keep_what_engines_are_promised(case: str) -> None:
    step, x, y = CASES[case]
    program: Any = mg.define(step, disable=("sums_as_matmul",))
    expected = step(mg.tensor(x), mg.tensor(y))
    for _ in range(2):
        got = program(x, y)
        for a, b in zip(got, expected, strict=True) if isinstance(got, tuple) else [(got, expected)]:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-13, atol=1e-13)
    values = program.graph.values
    groups = [s for s in program.graph.steps if isinstance(s, FusedCall)]
    assert groups
    for group in groups:
        for call in group.calls:
            operand = values[call.args[0]]
            if is_total(group_instructions(call, values), operand):
                assert operand.shape == group.space
            else:
                assert values[call.outs[0]].shape[:1] == group.space[:1]
