"""What is published of the diagnosis belongs together: measured.json, the tables of the README, the rules there are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from minigrad.cli import main
from minigrad.diagnosis import rules
from minigrad.diagnosis.benchmark_results import PATH, measured

DOCUMENT = json.loads(PATH.read_text(encoding="utf-8"))
README = (PATH.parent / "README.md").read_text(encoding="utf-8")
BUILTIN = {rule.code: rule for origin, rule in rules() if origin.startswith("minigrad ")}


def test_every_built_in_rule_was_measured_on_the_held_out_half() -> None:
    assert DOCUMENT["part"] == "held-out"
    assert set(measured()) == set(BUILTIN)


def test_the_figures_add_up() -> None:
    own = DOCUMENT["judges"]["minigrad"]
    runs = sum(f["runs"] for f in DOCUMENT["faults"].values())
    assert own["broken"] == runs
    assert own["recall"] == pytest.approx(sum(f["found"] for f in DOCUMENT["faults"].values()) / runs)
    assert own["top"] == pytest.approx(sum(f["top"] for f in DOCUMENT["faults"].values()) / runs)
    assert own["alarms"] == pytest.approx(len(DOCUMENT["alarms"]) / own["healthy"])
    assert sum(s["broken"] for s in DOCUMENT["seeds"].values()) == runs
    for m in measured().values():
        assert 0 <= m.found <= m.runs
        assert m.runs + m.broken == runs
        assert m.alarms <= m.healthy == own["healthy"]


def test_the_targets_are_met() -> None:
    own = DOCUMENT["judges"]["minigrad"]
    assert own["recall"] >= 0.9
    assert own["top"] >= 0.8
    assert own["alarms"] <= 0.05
    assert own["extra"] <= 0.15
    assert DOCUMENT["contradictions"] == []


def test_explain_says_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "lr_low"]) == 0
    out = capsys.readouterr().out
    assert "LR_LOW: the learning rate is too low" in out
    assert "broken runs; false alarm in" in out
    assert main(["explain"]) == 0
    assert "STALE_GRAD" in capsys.readouterr().out
    assert main(["explain", "LR_LOWW"]) == 1
    assert "Did you mean 'LR_LOW'" in capsys.readouterr().err


def test_the_loop_of_the_readme_runs_and_is_told_what_is_missing(tmp_path: Path) -> None:
    block = README.split("```python\n")[1].split("```")[0]
    assert "# the one line" in block
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "FAULT STALE_GRAD" in done.stdout


SCRIPT = """
from minigrad import data as sets
from minigrad import nn

data = sets.load("iris").scaled()
model = nn.mlp(4, [8], 3, rng=0)
loss = "softmax"
lr = 1e-7
epochs = 8
"""


def test_doctor_of_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SCRIPT)
    assert main(["doctor", str(script)]) == 0
    assert "FAULT LR_LOW" in capsys.readouterr().out
    assert main(["doctor", str(script), "--strict", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["findings"][0]["code"] == "LR_LOW"
    assert main(["doctor", str(script), "--set", "LR_LOW.rate=1"]) == 1
    assert "has no threshold 'rate'" in capsys.readouterr().err


def test_doctor_of_a_script_with_nan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "nan.py"
    script.write_text(
        "import numpy as np\nfrom minigrad import nn\nx = np.ones((20, 2)); x[3, 1] = np.nan\n"
        "data = (x, np.arange(20) % 2)\nmodel = nn.mlp(2, [4], 2, rng=0)\nloss = 'softmax'\n"
    )
    assert main(["doctor", str(script), "--strict"]) == 3
    assert "FAULT BAD_DATA" in capsys.readouterr().out
