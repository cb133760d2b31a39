"""What is published of the benchmark belongs to it: measured.json, the tables of the diagnosis' README, the split."""

from __future__ import annotations

import json

from minigrad.diagnosis import Diagnosis, Finding, rules
from minigrad.diagnosis.benchmark_results import PATH
from minigrad_diagnosis_bench.cases import PARTS, Case, Result, cases, contradictions
from minigrad_diagnosis_bench.faults import FAMILIES, FAULTS, UNSEEN, UNSEEN_BY_FAMILY
from minigrad_diagnosis_bench.results.calibration import probabilities, reliability, reliability_svg
from minigrad_diagnosis_bench.results.table import markdown
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


def test_there_are_eighty_kinds_in_eight_families_on_sixty_data_sets() -> None:
    assert len(FAULTS) >= 80
    assert len(FAMILIES) == 8
    assert sum(len(kinds) for kinds in FAMILIES.values()) == len(FAULTS), "names are not taken twice"
    assert len({**TUNING, **HELD_OUT}) >= 60
    for fault in FAULTS.values():
        assert fault.right
        assert fault.right <= set(BUILTIN), fault.name
    named = set().union(*(f.right for f in FAULTS.values()))
    assert named | {"NO_LEARNING", "DROPOUT_HIGH", "CHECK_FAILED"} >= set(BUILTIN)


def test_every_family_has_kinds_that_no_rule_was_tuned_for() -> None:
    assert set(UNSEEN_BY_FAMILY) == set(FAMILIES)
    assert all(len(kinds) >= 2 for kinds in UNSEEN_BY_FAMILY.values())
    assert not set(UNSEEN) & set(FAULTS)
    assert all(not fault.right for fault in UNSEEN.values())
    assert not PARTS["tuning"].unseen
    thresholds = "\n".join(p.read_text() for p in PATH.parent.rglob("*.py"))
    assert not [name for name in UNSEEN if name in thresholds]
    tuned = {case.fault for case in cases("tuning", [0])}
    assert not tuned & set(UNSEEN)


def test_no_data_set_vouches_for_the_probability_of_its_own_findings() -> None:
    def result(task: str, faults: tuple[str, ...], right: tuple[str, ...]) -> Result:
        return Result(case=Case("held-out", task, 100, "raw_inputs" if right else ""), faults=faults, right=right)

    right = [result(f"sure-{k}", ("LEAK",), ("LEAK",)) for k in range(30)]
    wrong = [result("odd", ("LR_HIGH",), ()) for _ in range(30)]
    stated = probabilities([*right, *wrong])
    assert stated["LEAK"] > 0.95
    assert stated["LR_HIGH"] < 0.05
    bins = reliability([*right, *wrong])
    assert sum(b.count for b in bins) == 60
    assert len(bins) == 1, "the runs of other data sets know nothing of LR_HIGH, so it is stated as the others are"
    assert bins[0].stated > 0.9
    assert bins[0].seen == 0.5
    assert reliability_svg(bins).count("<circle") == len(bins)


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
