"""Correct ops that a careless checker refuses are let in: no false alarm, no inconclusive verdict.

The ops are in tests/support/gate_tricky_*.py. Reproduce one verdict: `verify(<case>.ops()[0], seed=<seed>)`.
"""

from __future__ import annotations

import pytest

import minigrad as mg
from minigrad.verify import verify
from support.everyday import one_in
from support.gate_case import Tricky
from support.gate_corpus import EVERYDAY_TRICKY, TRICKY

by_name = pytest.mark.parametrize("case", TRICKY, ids=lambda case: case.name)
everyday = pytest.mark.parametrize("case", one_in(2, EVERYDAY_TRICKY, lambda case: case.name))
EVERYDAY, SOAK = 1, 200


def alarms(case: Tricky, seeds: int) -> list[str]:
    """Seeds at which a correct op is refused."""
    found = []
    for seed in range(seeds):
        for op in case.ops():
            try:
                verify(op, seed=seed)
            except mg.RegistrationError as error:
                found.append(f"seed {seed}: {type(error).__name__}: {error}")
    return found


@everyday
def test_tricky_op_is_accepted(case: Tricky) -> None:
    assert not alarms(case, EVERYDAY)


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        (
            "clip_with_gradient_on_bounds",
            328,
        ),  # only the smallest step stops short of the kink, which lies at 4/9 of the first
        ("median_odd_and_even", 173),  # a draw of distinct numbers that had a zero among them
        ("power_with_both_arguments", 147),  # a finite value whose slope is too large for float64
        ("pseudo_huber", 281),  # round-off that repeated from point to point where it was measured
        ("layer_norm_of_nearly_constant_rows", 699),  # two bars off, before the round-off was measured
        ("beta_function_of_powers", 2),  # 1 - y where y was the number below 1
        ("generated_253", 14),  # a piece that was not met among 24
        ("remainder_with_many_teeth", 85),  # a jump a billionth beside a number, seen as a slope at every step
        ("remainder_with_many_teeth", 122),  # teeth that all steps of the second derivative skipped
    ],
)
def test_draws_that_were_refused_once(name: str, seed: int) -> None:
    for case in TRICKY:
        for op in case.ops() if case.name == name else ():
            verify(op, seed=seed)


@pytest.mark.soak
@by_name
def test_tricky_op_is_accepted_over_many_seeds(case: Tricky) -> None:
    assert not alarms(case, SOAK)


def test_the_corpus_is_large_and_without_duplicates() -> None:
    names = [case.name for case in TRICKY]
    assert len(names) == len(set(names))
    assert len(names) >= 350
