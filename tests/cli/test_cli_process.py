"""The command line as a process of its own: what it imports, Ctrl-C, broken pipes, repeatability."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import minigrad
from support.missing_plugins import needs

RUN = [sys.executable, "-m", "minigrad"]
PROBE = """
import sys
from minigrad.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
print("LOADED", *sorted(m for m in ("numpy", "attrs", "attr", "matplotlib", "minigrad.core") if m in sys.modules))
"""


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [(["--help"], "LOADED attr attrs"),
     pytest.param(["sweep", "--help"], "LOADED attr attrs", marks=needs("minigrad-sweep")),
     (["train", "--help"], "LOADED"),
     (["--version"], "LOADED")],
)  # fmt: skip
def test_help_and_version_load_no_numpy(arguments: list[str], loaded: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == loaded


def test_version(tmp_path: Path) -> None:
    assert call("--version", cwd=tmp_path).stdout == f"minigrad {minigrad.__version__}\n"


def test_no_command_of_a_plain_kind_loads_matplotlib() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "optimizers"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "matplotlib" not in done.stdout.splitlines()[-1]


def test_the_same_command_gives_the_same_numbers_to_the_last_bit(tmp_path: Path) -> None:
    documents = []
    for folder in ("a", "b"):
        done = call(
            "train", "--data", "spiral", "--epochs", "3", "--seed", "7", "--json", "--out", folder, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert "saved" in done.stderr
        document = json.loads(done.stdout)
        for epoch in document["epochs"]:
            del epoch["seconds"]
        documents.append(document)
    assert documents[0]["epochs"] == documents[1]["epochs"]
    weights = [next((tmp_path / f).rglob("best.safetensors")).read_bytes() for f in ("a", "b")]
    assert weights[0] == weights[1]


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_with_130_and_leaves_the_metrics_intact(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*RUN, "train", "--data", "digits", "--epochs", "1000000", "--no-checks"],
        # A shell's background jobs ignore Ctrl-C, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "runs" / "0001-digits" / "metrics.csv"
    try:
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up and (not metrics.exists() or metrics.read_text().count("\n") < 4):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted after" in out
    assert "saved" in out
    with open(metrics, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 3
    assert [int(r["epoch"]) for r in rows] == list(range(1, len(rows) + 1))
    assert all(0.0 <= float(r["val_accuracy"]) <= 1.0 for r in rows)
    assert metrics.read_text().endswith("\n")
    assert (metrics.parent / "best.safetensors").exists()
    assert not list(metrics.parent.glob("*.part"))


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*RUN, "ops", "--certificates"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_without_stdout_or_stderr_a_command_does_its_work(closed: str, tmp_path: Path) -> None:
    line = f"{sys.executable} -m minigrad train --data iris --epochs 1 --no-checks {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "runs" / "0001-iris" / "metrics.csv").is_file()
