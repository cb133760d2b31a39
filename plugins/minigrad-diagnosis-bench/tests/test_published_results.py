"""What is published of the benchmark belongs to it: measured.json, the tables of the diagnosis' README, the split."""

from __future__ import annotations

import json

from minigrad.diagnosis import rules
from minigrad.diagnosis.benchmark_results import PATH
from minigrad_diagnosis_bench.faults import FAULTS
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
    sets = [{name.split("-")[0] for name in half} for half in (TUNING, HELD_OUT)]
    assert not sets[0] & sets[1]


def test_there_are_forty_faults_and_each_has_a_rule() -> None:
    assert len(FAULTS) >= 40
    for fault in FAULTS.values():
        assert fault.right <= set(BUILTIN), fault.name
    assert set().union(*(f.right for f in FAULTS.values())) | {"NO_LEARNING", "DROPOUT_HIGH"} >= set(BUILTIN)
