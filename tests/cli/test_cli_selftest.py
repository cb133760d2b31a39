"""`minigrad selftest`, `minigrad ops --certificates` and `pytest --minigrad-ops`, with plugins good and wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minigrad.cli import main

PLUGIN = """
import numpy as np
import minigrad as mg

@mg.op(x=mg.real(), elementwise=True)
def plugged(x):
    return np.sin(x) * 2.0

@plugged.vjp("x")
def _(g, y, x):
    return g * mg.cos(x) * 2.0

@mg.op(x=mg.real(), elementwise=True)
def plugged_wrong(x):
    return np.sin(x)

@plugged_wrong.vjp("x")
def _(g, y, x):
    return g * mg.sin(x)

@mg.op(x=mg.real(), shapes=[((3,),)])
def plugged_short(x):
    return x * 1.0

@plugged_short.vjp("x")
def _(g, y, x):
    return g * (3.0 if x.shape[0] == 6 else 1.0)

ops = [plugged, plugged_wrong, plugged_short]
"""


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    only = {"MINIGRAD_PLUGINS": "plug-ops"}  # the gate would examine the ops of all others in every process
    environment = {**os.environ, "PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1", **only}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, timeout=200, env=environment
    )


@pytest.fixture
def plugged(tmp_path: Path) -> Path:
    (tmp_path / "plug_module.py").write_text(PLUGIN)
    info = tmp_path / "plug_ops-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug-ops\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[minigrad.ops]\nplug = plug_module:ops\n")
    return tmp_path


def test_a_table_for_the_ops_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--ops", "exp,maximum", "--seeds", "2"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[0][:3] == ["op", "passed", "larger"]
    assert rows[1][:3] == ["exp", "4/4", "2"]
    killed, made = map(int, rows[1][7].split("/"))
    assert killed == made > 20
    assert "2 of 2 ops pass at every seed (8 runs); " in out
    assert "mutants killed (100.00 %)" in out
    assert err == ""


def test_json_and_no_mutants(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--ops", "tanh", "--seeds", "1", "--no-mutants", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kill_rate"] is None
    assert document["ops"][0]["passed"] == 2
    assert document["ops"][0]["resolution"] < 1e-8


def test_an_unknown_op_is_named_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--ops", "matmull"]) == 1
    assert "there is no op 'matmull'. Did you mean 'matmul'?" in capsys.readouterr().err


def test_ops_of_plugins_and_a_rule_that_is_wrong_on_longer_axes_only(plugged: Path) -> None:
    done = python(plugged, "minigrad", "selftest", "--ops", "plugged,plugged_short", "--seeds", "1", "--json")
    assert done.returncode == 3, done.stderr
    good, short = json.loads(done.stdout)["ops"]
    assert good["ok"]
    assert not short["ok"]
    assert short["failures"][0].startswith("larger, seed 0: GradientMismatch")


def test_certificates_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--certificates"]) == 0
    out = capsys.readouterr().out
    head, *rows = out.splitlines()
    assert head.split("  ")[0] == "op"
    assert any(row.startswith("maximum ") and " 120 " in row for row in rows)
    assert any(row.startswith("sign ") and "zero derivative" in row for row in rows)


def test_pytest_items_one_for_each_op(plugged: Path) -> None:
    done = python(plugged, "pytest", "-p", "no:cacheprovider", "-v", "--minigrad-ops=plugged,plugged_short,log")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "op-plugged PASSED" in done.stdout
    assert "op-log PASSED" in done.stdout
    assert "op-plugged_short FAILED" in done.stdout
    assert "larger, seed 0: GradientMismatch: op 'plugged_short'" in done.stdout
    unknown = python(plugged, "pytest", "-p", "no:cacheprovider", "--minigrad-ops=plugd")
    assert unknown.returncode == 4
    assert "Did you mean 'plugged'" in unknown.stdout + unknown.stderr


def test_refused_ops_of_plugins_are_items_that_fail(plugged: Path) -> None:
    done = python(
        plugged, "pytest", "-p", "no:cacheprovider", "--minigrad-ops", "-k", "refused or op-sin", "--minigrad-seeds=1"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "plug-ops" in done.stdout
    assert "GradientMismatch: op 'plugged_wrong'" in done.stdout


def test_the_plugin_module_loads_no_numpy() -> None:
    code = "import sys, minigrad.pytest_ops; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
