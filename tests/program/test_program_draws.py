"""Whole training steps drawn at random (`support/program_draws.py`), eager against programs."""

from __future__ import annotations

import os

import attrs
import pytest

from support.program_draws import PARTS, difference, draw_program

LONG = ("gradient penalty", "curvature", "forward derivative", "classifier")
"""Parts whose ops the gate examines for seconds."""
ENGINE = os.environ.get("MINIGRAD_ENGINE", "numpy")


@pytest.mark.parametrize("part", [pytest.param(p, marks=[pytest.mark.soak] if p in LONG else []) for p in PARTS])
@pytest.mark.filterwarnings("ignore::minigrad.program.RetraceWarning")
def test_each_part_of_a_step_answers_as_eager(part: str) -> None:
    drawn = attrs.evolve(draw_program(sorted(PARTS).index(part)), parts=(part,), shape=(7, 5), changes=True)
    assert not difference(attrs.evolve(drawn, recipe=drawn.recipe[:2]), ENGINE)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, 10_000, 500))
@pytest.mark.filterwarnings("ignore::minigrad.program.RetraceWarning")
def test_many_steps_answer_as_eager(first: int) -> None:
    for seed in range(first, first + 500):
        fault = difference(draw_program(seed), ENGINE)
        assert not fault, f"{draw_program(seed)}: {fault}"
