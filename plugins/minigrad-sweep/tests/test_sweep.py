"""The search: log-uniform draws, halving, finer rounds, and the same end however often it was killed."""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import attrs
import numpy as np
import pytest

from minigrad.cli import main
from minigrad.train import TrainError
from minigrad.train.output.run_lock import folder_lock
from minigrad_sweep.space import Choice, Range, SpaceError, parse_space
from minigrad_sweep.sweep import Sweep, SweepConfig, Trial, in_process, sweep

KNOWN = ["lr", "batch_size", "optimizer"]
SPACE = parse_space(["lr=1e-6:1", "optimizer=a,b"], KNOWN)
CONFIG = SweepConfig(
    script="s.py", space_args=("lr=1e-6:1", "optimizer=a,b"), trials=9, epochs=9, rungs=3, rounds=3, seed=4
)


def bowl(t: Trial) -> Trial:
    """A score that is best at lr = 1e-2 with optimizer b; some trials fail."""
    lr = float(t.values["lr"])
    if lr > 0.3:
        return attrs.evolve(t, error="NonFiniteLoss: the loss is nan")
    miss = abs(math.log10(lr / 1e-2)) + (0.5 if t.values["optimizer"] == "a" else 0.0)
    return attrs.evolve(t, score=1.0 - 0.1 * miss + 0.001 * t.epochs, figures={"loss": miss})


def searched(folder: Path, jobs: int = 2, config: SweepConfig = CONFIG) -> Sweep:
    return sweep(config, SPACE, folder, jobs=jobs, told=lambda t: None, run=bowl)


def test_draws_are_even_in_the_logarithm() -> None:
    rng = np.random.default_rng(0)
    logs = np.log10([float(Range(1e-5, 1e-1).draw(rng)) for _ in range(4000)])
    counts = np.histogram(logs, bins=8, range=(-5, -1))[0]
    assert counts.sum() == 4000
    assert counts.min() > 420  # 500 each, 4 standard deviations are 84
    assert counts.max() < 580
    sizes = {Range(1, 64, whole=True).draw(rng) for _ in range(500)}
    assert all(isinstance(s, int) and 1 <= s <= 64 for s in sizes)


def test_a_space_is_read_and_mistakes_are_named() -> None:
    space = parse_space(["lr=1e-4:1e-1", "batch-size=16,32", "optimizer=adam, sgd"], KNOWN)
    assert space["lr"] == Range(1e-4, 1e-1)
    assert space["batch_size"] == Choice((16, 32))
    assert space["optimizer"] == Choice(("adam", "sgd"))
    for words, message in (
        (["lrr=1:2"], "Did you mean 'lr'"),
        (["lr=2:1"], "0 < LOW < HIGH"),
        (["lr=0:1"], "0 < LOW < HIGH"),
        (["lr=a:b"], "two numbers"),
        (["lr"], "NAME=LOW:HIGH"),
        ([], "nothing to search"),
    ):
        with pytest.raises(SpaceError, match=message):
            parse_space(words, KNOWN)


def test_the_search_finds_the_best_and_halves(tmp_path: Path) -> None:
    found = searched(tmp_path)
    assert abs(math.log10(float(found.best.values["lr"])) + 2.0) < 0.6
    assert found.best.rung == 2
    assert found.best.epochs == 9
    first = [t for t in found.trials if t.round == 0]
    assert [sum(t.rung == k for t in first) for k in range(3)] == [9, 3, 1]
    assert {t.epochs for t in first if t.rung == 0} == {1}
    ends = [float(t.values["lr"]) for t in found.trials if t.round == 2]
    wide = [float(t.values["lr"]) for t in first]
    assert max(ends) / min(ends) < max(wide) / min(wide)


def test_the_same_seed_gives_the_same_search_whatever_the_jobs(tmp_path: Path) -> None:
    assert searched(tmp_path / "a", 1).trials == searched(tmp_path / "b", 4).trials
    other = searched(tmp_path / "c", 1, attrs.evolve(CONFIG, seed=5))
    assert other.trials != searched(tmp_path / "d", 1).trials


def test_a_search_killed_anywhere_ends_the_same(tmp_path: Path) -> None:
    whole = searched(tmp_path / "whole")
    journal = (tmp_path / "whole" / "trials.jsonl").read_bytes()
    rng = np.random.default_rng(1)
    for cut in [0, len(journal) // 2, len(journal) - 1, *rng.integers(1, len(journal), 12).tolist()]:
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir(exist_ok=True)
        (folder / "plan.json").write_bytes((tmp_path / "whole" / "plan.json").read_bytes())
        (folder / "trials.jsonl").write_bytes(journal[:cut])
        ran: list[str] = []
        again = sweep(CONFIG, SPACE, folder, jobs=2, told=lambda t, ran=ran: ran.append(t.key), run=bowl)  # type: ignore[misc]
        assert again.trials == whole.trials
        assert len(ran) + journal[:cut].count(b"\n") == journal.count(b"\n")


def test_another_search_in_the_folder_is_refused(tmp_path: Path) -> None:
    searched(tmp_path)
    with pytest.raises(TrainError, match="holds another search"):
        searched(tmp_path, config=attrs.evolve(CONFIG, epochs=10))


def test_trials_that_fail_are_told_and_all_failing_is_an_error(tmp_path: Path) -> None:
    found = searched(tmp_path / "a")
    assert any("failed" in text for text in found.remarks) == any(t.score is None for t in found.trials)
    with pytest.raises(TrainError, match="every trial failed"):
        sweep(CONFIG, SPACE, tmp_path / "b", jobs=1, told=lambda t: None, run=lambda t: attrs.evolve(t, error="no"))


def test_the_edge_of_the_range_is_remarked(tmp_path: Path) -> None:
    space = parse_space(["lr=1e-8:1e-3", "optimizer=b"], KNOWN)
    found = sweep(CONFIG, space, tmp_path, jobs=1, told=lambda t: None, run=bowl)
    assert any("upper edge" in text for text in found.remarks)


SCRIPT = """
from minigrad import data, nn
data = data.blobs(200, 3, 2, seed=0).scaled()
model = nn.mlp(2, [8], 3, rng=0)
loss = "softmax"
epochs = 2
print("a script may print")
"""


def test_a_trial_in_a_process(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(SCRIPT)
    good = in_process({"script": str(script)}, Trial(0, 0, 0, {"lr": 0.05}, 3))
    assert good.error == ""
    assert good.score is not None
    assert good.score > 0.5
    assert (
        "no optimizer 'adamm'" in in_process({"script": str(script)}, Trial(0, 0, 1, {"optimizer": "adamm"}, 1)).error
    )


@pytest.mark.soak
def test_sigkill_and_resume(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "minigrad", "sweep", str(script), "lr=1e-4:1", "--trials", "6", "--jobs", "2"]
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True, capture_output=True)
    whole = json.loads(next((tmp_path / "whole").glob("*/sweep.json")).read_text())["trials"]
    for k, seconds in enumerate((2.0, 5.0, 9.0)):
        out = tmp_path / f"cut{k}"
        running = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        found = list(out.glob("*-sweep-s/plan.json"))
        if not found:
            continue
        resume = [sys.executable, "-m", "minigrad", "sweep", "--resume", str(found[0].parent), "--json"]
        done = subprocess.run(resume, check=True, capture_output=True, text=True)
        assert json.loads(done.stdout)["trials"] == whole


def test_options_of_train_are_searched_and_useless_values_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{k % 13},{k % 7},{'yes' if k % 13 > 5 else 'no'}\n" for k in range(120))
    (tmp_path / "rows.csv").write_text(f"u,v,label\n{rows}")
    size = ["--epochs", "2", "--trials", "2", "--rounds", "1", "--rungs", "1"]
    command = ["sweep", "--data", "rows.csv", "--optimizer", "momentum", *size]
    space = ["lr=1e-3:1e-1", "hidden=8,8+4", "optimizer.momentum=0.8:0.9", "l2=1e-6:1e-3", "dropout=0.1:0.3"]
    assert main([*command, *space]) == 0
    out = capsys.readouterr().out
    assert f"train      minigrad train --data {tmp_path / 'rows.csv'}" in out
    line = next(line for line in out.splitlines() if line.startswith("train "))
    assert main([*shlex.split(line)[2:], "--no-checks"]) == 0, "the advice can be followed as it is printed"
    capsys.readouterr()
    assert main(["sweep", "--resume", "runs/0001-sweep-rows"]) == 0
    capsys.readouterr()
    for word, message in (
        ("optimizer=momentum,adma", "optimizer=adma: there is no optimizer 'adma'. Did you mean 'adam'"),
        ("optimizer.momentum=0.5:1.5", "optimizer.momentum=1.5"),
        ("dropout=0.5:2", "dropout=2.0: dropout is a share"),
        ("hiden=8", "Did you mean 'hidden'"),
        ("batch_size=1.5", "whole numbers"),
    ):
        assert main([*command, word]) == 1
        assert message in capsys.readouterr().err
    assert not Path("runs/0003-sweep-rows").exists()


def test_useless_values_of_a_script_are_refused_before_any_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "from minigrad import data as sets, nn\ndata = sets.blobs(60, seed=0).scaled()\n"
        "model = nn.mlp(2, [4], 3, rng=0)\nloss = 'softmax'\n"
    )
    for word, message in (
        ("optimizer=adam,adamm", "optimizer=adamm: there is no optimizer"),
        ("optimizer.beta1=0.5,1.5", "optimizer.beta1=1.5"),
        ("batch_size=0,8", "batch_size=0: must be at least 1"),
    ):
        assert main(["sweep", "net.py", word]) == 1
        assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_search_from_elsewhere_executes_nothing_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = SweepConfig(
        script=str(tmp_path / "evil.py"), space_args=("lr=0.1,0.2",), trials=1, epochs=1, rungs=1, rounds=1, seed=0
    )
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\n")
    (tmp_path / "plan.json").write_text(config.as_json())
    assert main(["sweep", "--resume", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "Untrusted" in said
    assert "evil.py" in said
    assert not (tmp_path / "executed").exists()
    with folder_lock(tmp_path):
        assert main(["sweep", "--resume", str(tmp_path), "--trust"]) == 1
    assert "in use by process" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plan.json", ""), ("plan.json", "[]"), ("plan.json", "{}"), ("plan.json", "[" * 5000),
        ("plan.json", '{"script": 3, "words": [], "trials": 1, "epochs": 1, "rungs": 1, "rounds": 1, "seed": 0}'),
        ("plan.json", '{"script": "s", "words": "lr", "trials": "x", "epochs": 1, "rungs": 1, "rounds": 1, "seed": 0}'),
        ("plan.json", '{"script": "s", "words": [], "trials": 0, "epochs": 1, "rungs": 1, "rounds": 1, "seed": 0}'),
        ("trials.jsonl", "x\n"), ("trials.jsonl", "{}\n"), ("trials.jsonl", "[1]\n"),
        ("trials.jsonl", '{"round": "a"}\n'),
        ("trials.jsonl", '{"round": 0, "rung": 0, "number": 0, "values": 3, "epochs": 1}\n'),
        ("trials.jsonl", '{"round": 0, "rung": 0, "number": 0, "values": {}, "epochs": 1, "score": "good"}\n'),
        ("trials.jsonl", "\udcff\n"), ("trials.jsonl", "[" * 5000 + "\n"),
    ],
)  # fmt: skip
def test_damaged_searches_are_one_short_error(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.py").write_text("")
    config = SweepConfig(
        script=str(tmp_path / "s.py"), space_args=("lr=0.1,0.2",), trials=1, epochs=1, rungs=1, rounds=1, seed=0
    )
    (tmp_path / "plan.json").write_text(config.as_json())
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert main(["sweep", "--resume", str(tmp_path), "--trust"]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("minigrad: TrainError: ")
    assert len(said) < 300


def test_the_command_searches_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(
        'from minigrad import nn\nmodel, data, loss, epochs = nn.mlp(4, [3], 3, rng=0), "iris", "softmax", 2\n'
    )
    options = ["--trials", "2", "--rungs", "1", "--rounds", "1", "--jobs", "1"]
    assert main(["sweep", "net.py", "lr=1e-3:1e-1", *options]) == 0
    folder = Path("runs/0001-sweep-net")
    first = json.loads((folder / "sweep.json").read_text())
    journal = (folder / "trials.jsonl").read_bytes()
    (folder / "trials.jsonl").write_bytes(journal[:-30])
    capsys.readouterr()
    assert main(["sweep", "--resume", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"] == first["best"]
    assert (folder / "trials.jsonl").read_bytes() == journal
    assert not (folder / ".lock").exists()
