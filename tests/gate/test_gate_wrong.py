"""Every wrong rule is refused with an error that says so and leaves no trace, and its mended twin is let in.

The corpus is in tests/support/gate_wrong_*.py. Reproduce one refusal:
`verify(<case>.op(), seed=<seed>)`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import minigrad.verify as verify_room
from minigrad import api
from minigrad.core.registry import REGISTRY
from minigrad.verify import GateFinding, verify
from minigrad.verify.checks.extreme_scales import sizes_to_try
from minigrad.verify.seeded_random import SeededRandom
from support.everyday import one_in
from support.gate_case import Wrong
from support.gate_corpus import EVERYDAY_WRONG, FAMILIES, TRICKY, WRONG


def name_of(case: Wrong) -> str:
    return case.name


by_name = pytest.mark.parametrize("case", WRONG, ids=name_of)
everyday = pytest.mark.parametrize("case", EVERYDAY_WRONG, ids=name_of)
SOAK = 200


def refusal(case: Wrong, seed: int) -> mg.RegistrationError | None:
    """What the gate says to the flawed op, or None when it lets it in."""
    try:
        verify(case.op(), seed=seed)
    except mg.RegistrationError as error:
        return error
    return None


def complaint(case: Wrong, error: mg.RegistrationError | None) -> str:
    """What is wrong with a refusal: none at all, another than the expected ones, or one that does not say enough."""
    if error is None:
        return "accepted"
    if not isinstance(error, case.expected):
        return f"{type(error).__name__}: {error}"
    finding, name = error.finding, case.op().name
    if not isinstance(finding, GateFinding) or finding.op != name:
        return f"the finding is {finding!r}"
    missing = [word for word in (repr(name), "next:") if word not in str(error)]
    return f"{missing} not in {str(error)!r}" if missing else ""


@everyday
def test_wrong_rule_is_refused_by_name_and_leaves_no_trace(case: Wrong) -> None:
    """Not in the registry, not in `minigrad`, not behind a NumPy function, and not usable on Tensors."""
    op = case.op()
    stand_in = np.frompyfunc(lambda *xs: xs[0], len(op.arguments), 1)
    op.numpy = stand_in
    api.register_all()  # a family that the rule is the first to use is no trace of it
    before = [o.name for o in REGISTRY]
    with pytest.raises(mg.RegistrationError) as caught:
        mg.register(op, seed=1)
    assert not complaint(case, caught.value)
    assert [o.name for o in REGISTRY] == before
    assert op.name not in REGISTRY
    assert not hasattr(mg, op.name)
    assert not op.registered
    with pytest.raises(mg.UnsupportedFunction):
        stand_in(*(mg.tensor([1.0, 2.0]) for _ in op.arguments))
    with pytest.raises(mg.UnregisteredOp):
        op(*(mg.tensor([1.0, 2.0]) for _ in op.arguments))


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("max_all_winners_second_axis_only", 26),  # output gradients whose sum was 0
        ("label_smoothing_ignored", 80),  # a direction with one entry equal to the mean of all
        ("item_of_output", 98),  # a direction whose mean was 0
        ("curve_of_a_ten_billionth", 30),  # outputs beside which what was wrong drowned
        ("gate_of_three_a_with_numbers_in_rising_order", 5),  # numbers in order, each three times
        ("largest_of_a_single_segment", 1),  # a first entry that was the largest
        ("largest_of_a_single_segment", 65),  # the same at both draws
        ("sine_and_cosine_x_with_numbers_between_50_and_60", 15),  # round-off that gave the slope at one small step
        ("distance_of_order_three_halves", 51),  # slopes that nearly cancelled, as at a corner
        ("distance_of_order_three_halves", 77),  # a draw without zeros where zeros were meant
        ("diagonal_matrices_take_a_short_cut", 41),  # a direction along which the mistake was nearly none
    ],
)
def test_draws_that_let_a_flaw_through_once(name: str, seed: int) -> None:
    assert all(refusal(case, seed) for case in WRONG if case.name == name)


@pytest.mark.parametrize("seed", range(50))
def test_large_numbers_are_tried_without_gaps(seed: int) -> None:
    sizes = np.sort(np.abs(sizes_to_try(mg.positive(), SeededRandom(seed))))
    large = sizes[sizes >= 8.0]
    assert large[-1] > 1000.0
    assert np.max(large[1:] / large[:-1]) < 1.2


def test_sums_of_a_few_steps_are_not_zero_by_chance() -> None:
    steps = SeededRandom(0).signed_magnitudes((100_000, 4))
    assert np.all(np.sum(steps, axis=1) != 0.0)
    assert np.all(steps == steps.astype(np.float32))


@pytest.mark.soak
@by_name
def test_wrong_rule_is_refused_over_many_seeds(case: Wrong) -> None:
    complaints = {seed: complaint(case, refusal(case, seed)) for seed in range(SOAK)}
    assert not {seed: text for seed, text in complaints.items() if text}


@pytest.mark.parametrize("case", one_in(16, [c for c in WRONG if c.twin], name_of))
def test_mended_rule_is_accepted(case: Wrong) -> None:
    certificate = verify(case.mended(), seed=0)
    assert certificate.subject.claims.piecewise_constant or certificate.resolution <= 1e-5


@pytest.mark.soak
@pytest.mark.parametrize("case", [c for c in WRONG if c.twin], ids=name_of)
def test_mended_rule_is_accepted_over_many_seeds(case: Wrong) -> None:
    for seed in range(SOAK):
        verify(case.mended(), seed=seed)


def test_the_readme_counts_the_corpus_as_it_is() -> None:
    table = (Path(verify_room.__file__).parent / "README.md").read_text()
    assert f"{len(WRONG)} wrong rules and {len(TRICKY)} correct ops" in table
    for family, cases in FAMILIES.items():
        assert f"| {family} | {len(cases)}/{len(cases)} |" in table


def test_bugs_of_public_frameworks_are_named() -> None:
    public = [case.public for case in WRONG if case.public]
    assert len(set(public)) >= 120
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", name) for name in public)


def test_the_corpus_is_large_and_without_duplicates() -> None:
    names = [case.name for case in WRONG]
    assert len(names) == len(set(names))
    assert len(names) >= 900
    assert len({case.kind for case in WRONG}) >= 30
