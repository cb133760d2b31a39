"""A benchmark that is stopped goes on where it was, and never mixes what two versions of the rules have judged."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from minigrad_diagnosis_bench import command
from minigrad_diagnosis_bench.cases import Case, Result
from minigrad_diagnosis_bench.command import run_all
from minigrad_diagnosis_bench.results.results_file import ResultsFile, ResultsFileError

CASES = [
    *(
        Case("held-out", task, seed, fault)
        for seed in (1, 2)
        for fault in ("lr_x30", "l2_of_one")
        for task in ("a", "b")
    ),
    *(Case("held-out", task, 1, "", variant) for task in ("a", "b") for variant in ("base", "adam")),
]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """The cases that were run, in order; none is trained."""
    seen: list[Case] = []

    def judged(case: Case) -> Result:
        seen.append(case)
        return Result(case=case, faults=("LR_HIGH",), right=("DIVERGE", "LR_HIGH"), score=0.25, seconds=0.5)

    monkeypatch.setattr(command, "judged", judged)
    return seen


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    results = [Result(case=case, faults=("A", "B"), said=("GOOD beside A",), error="e") for case in CASES]
    ResultsFile(tmp_path / "r.jsonl").add(results)
    assert list(ResultsFile(tmp_path / "r.jsonl").by_case.values()) == results


@pytest.mark.parametrize("cut", [1, 30])
def test_a_run_that_was_killed_goes_on_with_the_rest(cut: int, tmp_path: Path, tried: list[Case]) -> None:
    path = tmp_path / "r.jsonl"
    everything = run_all(CASES, 1, ResultsFile(path))
    assert sorted(map(str, tried)) == sorted(map(str, CASES))
    path.write_text(path.read_text()[:-cut])  # the last line is half written
    tried.clear()
    again = run_all(CASES, 1, ResultsFile(path))
    assert len(tried) == 1
    assert again == everything
    tried.clear()
    run_all(CASES, 1, ResultsFile(path))
    assert tried == []


def test_kinds_and_tasks_are_run_whole(tried: list[Case]) -> None:
    results = run_all(CASES, 1)
    assert [r.case for r in results] == CASES, "results are in the order of the cases"
    assert tried != CASES, "and were run by lot"
    groups = [(case.seed, case.fault or case.task) for case in tried]
    assert all(a == b for a, b in zip(groups[::2], groups[1::2], strict=True))


def test_nothing_is_begun_after_the_time(tried: list[Case]) -> None:
    assert run_all(CASES, 1, None, time.perf_counter() - 1.0) == []
    assert tried == []


def test_results_of_other_rules_are_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    ResultsFile(path).add([Result(case=CASES[0])])
    before = path.read_text()
    path.write_text(before.replace(json.loads(before.splitlines()[0])["rules"], "0123"))
    with pytest.raises(ResultsFileError, match="other rules"):
        ResultsFile(path)


@pytest.mark.parametrize("text", ["{}\n", "not JSON\n", '{"rules": 1}\n{"case": 3}\n', "[1]\n"])
def test_a_file_that_is_none_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(ResultsFileError, match=r"r\.jsonl: no results of bench-diagnosis"):
        ResultsFile(path)
    assert path.read_text() == text
