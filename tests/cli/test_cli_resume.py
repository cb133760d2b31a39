"""`minigrad train --resume`: killed at any moment, a run goes on to the same end, to the last bit."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minigrad import checkpoint, nn
from support.cli_calls import code_of

EPOCHS = 30
COMMAND = ["train", "--data", "digits", "--hidden", "16", "--epochs", str(EPOCHS), "--seed", "5", "--no-checks",
           "--schedule", "cosine", "--warmup", "20", "--clip", "1", "--accumulate", "2"]  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minigrad.train.output.run_folder.run_pictures", lambda *_, **__: [])


def ending(folder: Path) -> dict[str, object]:
    """All that a run leaves behind except the time it took, to the last bit."""
    with open(folder / "metrics.csv", newline="") as file:
        found: dict[str, object] = {"metrics": [{**row, "seconds": ""} for row in csv.DictReader(file)]}
    found["best"] = (folder / "best.safetensors").read_bytes()
    last = checkpoint.load(folder / "checkpoint.safetensors")
    assert last.optimizer is not None
    for kind, state in (("model", last.model), ("optimizer", last.optimizer), ("arrays", last.arrays)):
        found[kind] = {
            k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in state.items() if "/seconds" not in k
        }
    return found


def differences(one: dict[str, object], other: dict[str, object]) -> list[str]:
    """Names of what differs: the values are thousands of bytes."""
    names = []
    for kind in one.keys() | other.keys():
        a, b = one.get(kind), other.get(kind)
        if isinstance(a, dict) and isinstance(b, dict):
            names += [f"{kind} {name}" for name in a.keys() | b.keys() if a.get(name) != b.get(name)]
        elif a != b:
            names.append(kind)
    return sorted(names)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """How the run ends that nobody disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minigrad.train.output.run_folder.run_pictures", lambda *_, **__: [])
        assert code_of(*COMMAND, "--out", str(folder)) == 0
    return ending(folder / "0001-digits")


def killed(delay: float, every: int, out: Path) -> Path | None:
    """The folder of a run that got SIGKILL `delay` seconds after its first checkpoint; None if it was over by then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "minigrad", *COMMAND, "--save-every", str(every), "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    folder = out / "0001-digits"
    try:
        give_up = time.monotonic() + 60
        while not (folder / "checkpoint.safetensors").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < give_up
            time.sleep(0.001)
        time.sleep(delay)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return folder if process.returncode == -signal.SIGKILL else None


def killed_fork(delay: float, every: int, out: Path) -> Path | None:
    """The same, without the second that a process takes to begin: the run is a fork of this process."""
    child = os.fork()
    if child == 0:
        os._exit(code_of(*COMMAND, "--save-every", str(every), "--out", str(out)))
    folder, give_up = out / "0001-digits", time.monotonic() + 60
    while not (folder / "checkpoint.safetensors").exists() and time.monotonic() < give_up:
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return folder if os.WIFSIGNALED(status) else None


def survives(
    count: int, seed: int, whole: dict[str, object], tmp_path: Path, kill: Callable[..., Path | None] = killed
) -> list[int]:
    """Kill `count` runs at random moments and continue each; returns after how many batches they were saved last."""
    rng, saved = np.random.default_rng(seed), list[int]()
    while len(saved) < count:
        out = tmp_path / "run"
        every, delay = int(rng.choice((1, 2, 10, 50))), float(rng.uniform(0.0, 1.0))
        folder = kill(delay, every, out)
        if folder is not None:
            saved.append(len(checkpoint.load(folder / "checkpoint.safetensors").arrays["batch_losses"]))
            assert code_of("train", "--resume", str(folder), "--save-every", "100000") == 0
            differing = differences(ending(folder), whole)
            assert not differing, f"saved last after {saved[-1]} batches, every {every}, seed {seed}: {differing}"
            assert not list(folder.glob(".*.part")), "what a kill left of a save is replaced by the next"
        shutil.rmtree(out)
    return saved


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_killed_three_times(whole: dict[str, object], tmp_path: Path) -> None:
    survives(3, int(time.time()), whole, tmp_path)


@pytest.mark.soak
@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_killed_fifty_times(whole: dict[str, object], tmp_path: Path) -> None:
    saved = survives(50, int(time.time()), whole, tmp_path, killed_fork)
    print(f"50 runs, killed after {min(saved)} to {max(saved)} of {EPOCHS * 23} batches, in {len(set(saved))} places")
    assert len(set(saved)) > 20


def quick_run() -> Path:
    assert code_of("train", "--data", "iris", "--hidden", "4", "--epochs", "3", "--no-checks", "--patience", "2") == 0
    return Path("runs") / "0001-iris"


def test_resume_takes_the_options_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    folder = quick_run()
    assert "checkpoint.safetensors" in capsys.readouterr().out
    assert code_of("train", "--resume", str(folder), "--epochs", "5", "--patience", "50", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["epochs"]) == 5
    config = json.loads((folder / "config.json").read_text())
    assert config["command"]["hidden"] == [4]
    assert config["command"]["data"] == "iris"
    assert config["epochs"] == 5
    assert [p.name for p in Path("runs").iterdir()] == ["0001-iris"], "no new folder"
    assert code_of("train", "--resume", str(folder)) == 0
    assert "resumed    from runs/0001-iris/checkpoint.safetensors" in capsys.readouterr().out
    assert len(checkpoint.load(folder / "checkpoint.safetensors").arrays["batch_losses"]) == 5 * 2


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (("--lr", "0.001"), "leave out --lr"),
        (("--data", "iris"), "leave out --data"),
        (("--set", "optimizer.beta1=0.5"), "leave out --set, or start"),
        (("--batch-size", "64", "--optimizer", "adam"), "leave out --batch-size, --optimizer"),
    ],
)
def test_what_would_make_it_another_run_is_refused(
    option: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = quick_run()
    assert code_of("train", "--resume", str(folder), *option) == 1
    assert text in capsys.readouterr().err


def test_no_checkpoint_or_a_damaged_one_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("train", "--resume", "runs/0007-none") == 1
    err = capsys.readouterr().err
    assert "CheckpointError: runs/0007-none/checkpoint.safetensors: there is no such checkpoint" in err
    path = quick_run() / "checkpoint.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 4
    path.write_bytes(raw)
    before = sorted((p.name, p.stat().st_mtime_ns) for p in path.parent.iterdir())
    capsys.readouterr()
    assert code_of("train", "--resume", str(path.parent)) == 1
    out, err = capsys.readouterr()
    assert "is not what was written" in err
    assert err.count("\n") == 1
    assert out == ""
    assert sorted((p.name, p.stat().st_mtime_ns) for p in path.parent.iterdir()) == before
    checkpoint.save(path, nn.mlp(4, [4], 3, rng=0))
    assert code_of("train", "--resume", str(path.parent)) == 1
    assert "is not of a run of 'minigrad train'" in capsys.readouterr().err


def test_mistakes_about_updates_leave_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    for options, text in (
        ("--schedule cosin", "Did you mean cosine?"),
        ("--warmup 99999", "a warm-up of 99999 updates does not fit"),
        ("--clip 0", "bound must be a finite number > 0"),
        ("--schedule one-cycle --warmup 3", "warms up by itself"),
        ("--accumulate 0", "out of range"),
        ("--patience 0", "out of range"),
    ):
        assert code_of("train", "--data", "iris", *options.split()) in (1, 2)
        assert text in capsys.readouterr().err
    assert not Path("runs").exists()


def test_the_schedules_of_the_command_line_are_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    from minigrad.train import SCHEDULES

    assert code_of("train", "--schedule", "?") == 2
    assert f"Choose from {', '.join(SCHEDULES)}" in capsys.readouterr().err
