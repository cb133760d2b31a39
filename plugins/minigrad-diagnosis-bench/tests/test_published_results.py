"""What is published of the benchmark belongs to it: measured.json, the tables of the diagnosis' README, the split."""

from __future__ import annotations

import json

from minigrad.diagnosis import Diagnosis, Finding, rules
from minigrad.diagnosis.benchmark_results import PATH
from minigrad_diagnosis_bench.cases import PARTS, cases, contradictions
from minigrad_diagnosis_bench.faults import FAULTS, UNSEEN
from minigrad_diagnosis_bench.table import markdown
from minigrad_diagnosis_bench.tasks import HELD_OUT, HELD_OUT_SEEDS, TUNING, TUNING_SEEDS

DOCUMENT = json.loads(PATH.read_text(encoding="utf-8"))
README = (PATH.parent / "README.md").read_text(encoding="utf-8")
BUILTIN = {rule.code: rule for origin, rule in rules() if origin.startswith("minigrad ")}


def test_what_was_measured_is_of_the_held_out_half() -> None:
    assert set(DOCUMENT["faults"]) <= set(FAULTS)
    assert set(map(int, DOCUMENT["seeds"])) <= set(HELD_OUT_SEEDS)


def test_the_tables_of_the_readme_are_those_of_the_file() -> None:
    assert markdown(DOCUMENT, {code: rule.title for code, rule in BUILTIN.items()}) in README


def test_the_two_halves_share_no_data_and_no_seed() -> None:
    assert not set(TUNING_SEEDS) & set(HELD_OUT_SEEDS)
    assert not set(TUNING) & set(HELD_OUT)
    classic = [[name for name, task in half.items() if task(0).group == "classic"] for half in (TUNING, HELD_OUT)]
    sets = [
        {name.split("-")[0] for name in half} for half in classic
    ]  # the others are generated, from other parameters
    assert not sets[0] & sets[1]


def test_there_are_forty_faults_and_each_has_a_rule() -> None:
    assert len(FAULTS) >= 40
    for fault in FAULTS.values():
        assert fault.right <= set(BUILTIN), fault.name
    assert set().union(*(f.right for f in FAULTS.values())) | {"NO_LEARNING", "DROPOUT_HIGH", "CHECK_FAILED"} >= set(
        BUILTIN
    )


def test_kinds_that_no_rule_was_tuned_for_are_named_by_no_rule() -> None:
    assert len(UNSEEN) >= 7
    assert not set(UNSEEN) & set(FAULTS)
    assert all(not fault.right for fault in UNSEEN.values())
    assert not PARTS["tuning"].unseen
    rules_text = "\n".join(p.read_text() for p in (PATH.parent / "builtin").glob("*.py"))
    assert not [name for name in UNSEEN if name in rules_text]
    tuned = {case.fault for case in cases("tuning", [0])}
    assert not tuned & set(UNSEEN)


def test_both_parts_have_every_class_of_data() -> None:
    groups = [{task(0).group for task in half.values()} for half in (TUNING, HELD_OUT)]
    assert groups[0] == groups[1]
    assert {"imbalanced", "series", "one-hot", "text", "wide", "tiny", "several targets"} <= groups[0]


def test_contradictions_are_seen() -> None:
    fault = Finding("FAULT", "LR_HIGH", "", {}, "why")
    good = Diagnosis((fault,), summary=("learning rate looks GOOD: ...",))
    assert list(contradictions(good)) == ["GOOD beside LR_HIGH"]
    assert list(contradictions(Diagnosis((), summary=("learning rate looks TOO LOW: ...",))))
    assert not list(contradictions(Diagnosis((fault,), summary=("learning rate looks TOO HIGH: see LR_HIGH",))))
