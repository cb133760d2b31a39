"""Mistakes of good faith, each an installed plugin: who refuses it, and that it harms nobody else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.optim_dists import GOOD, LOAD_ALL_AND_LOOK, ask, install
from support.optim_honest import HONEST, REASONS

CHECK = """
from minigrad.optim import examine
from minigrad.optim.loading import inspected
answer = {}
for name in NAMES:
    answer[name] = [str(outcome) for outcome in examine(inspected(name), name, everything=True).broken]
"""
FINGERPRINT = """
from minigrad.optim.loading import inspected
from minigrad.optim.laws import fingerprint
answer = fingerprint(inspected("order-of-a-set"))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for number, (name, (_, source)) in enumerate(HONEST.items()):
        install(folder, f"mini-{name}", {name: f"honest_{number}:Rule"}, {f"honest_{number}": source})
    install(folder, "sound-plugin", {"good": "sound_rule:Rule"}, {"sound_rule": GOOD})
    return folder


@pytest.fixture(scope="module")
def verdict(site: Path) -> Any:
    return ask([site], LOAD_ALL_AND_LOOK)


def named(by: str) -> list[str]:
    return [name for name, (who, _) in HONEST.items() if who == by]


def test_loading_refuses_what_it_should_and_harms_nobody(verdict: Any) -> None:
    assert verdict["wrong"] == {}
    assert sorted(verdict["refused"]) == sorted(named("load"))
    assert verdict["good"] == [0.5, 1.5]
    assert verdict["same"]


@pytest.mark.parametrize("name", named("load"))
def test_the_refusal_names_plugin_law_and_numbers(name: str, verdict: Any) -> None:
    message = verdict["refused"][name]
    assert f"optimizer {name} (mini-{name} 1.0, honest_" in message
    assert "breaks law " in message


def test_the_check_refuses_what_takes_longer_to_see(site: Path) -> None:
    slow = named("check")
    rest = [*named("nobody"), *named("process")]
    found = ask([site], f"NAMES = {[*slow, *rest]!r}\n{CHECK}")
    assert [name for name in slow if not found[name]] == []
    assert [name for name in rest if found[name]] == [], "who refuses it is to be corrected"


def test_processes_with_other_hash_seeds_disagree(site: Path) -> None:
    assert named("process") == ["order-of-a-set"]
    assert len({ask([site], FINGERPRINT, PYTHONHASHSEED=seed) for seed in "1234"}) > 1


def test_the_counts_and_the_reasons_of_those_that_nobody_sees() -> None:
    counts = Counter(by for by, _ in HONEST.values())
    assert sum(counts.values()) >= 40
    assert named("nobody") == list(REASONS)
    assert counts["nobody"] <= 4
