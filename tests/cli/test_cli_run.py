"""`minigrad run` and `minigrad examples` in this process: as `minigrad train` prints, saves, resumes and refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from minigrad import checkpoint
from support.cli_calls import code_of
from support.missing_plugins import needs

SCRIPT = """\
print("a line of the script's own")
from minigrad import data as sets, nn

model = nn.mlp(64, [16], 10, rng=0)
data = sets.load("digits").scaled(normalize="unit")
loss = "softmax"
lr = 0.005
schedule = "cosine"
epochs = 3
metrics = {"top3": lambda outputs, labels: float((outputs.argsort(1)[:, -3:] == labels[:, None]).any(1).mean())}
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SCRIPT)


def test_a_script_prints_and_saves_what_train_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("run", "mine.py") == 0
    out, err = capsys.readouterr()
    assert err == ""
    for wanted in ("a line of the script's own", "mine.py: digits 1438/359 rows", "adam (minigrad",
                   "lr Cosine(initial=0.005", "chance is ln 10 = 2.303", "20 examples", "val acc",
                   "runs/0001-mine/"):  # fmt: skip
        assert wanted in out
    folder = tmp_path / "runs" / "0001-mine"
    assert {p.name for p in folder.iterdir()} >= {
        "metrics.csv", "config.json", "best.safetensors", "checkpoint.safetensors", "loss.svg", "accuracy.svg",
        "steps.csv", "figures.npz",
    }  # fmt: skip
    with open(folder / "metrics.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


def test_json_is_one_document_whatever_the_script_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("run", "mine.py", "--json", "--no-checks", "--epochs", "2") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["command"], len(document["epochs"]), document["checks"]) == ("run", 2, [])
    assert [row["epoch"] for row in document["metrics"]] == [1.0, 2.0]
    assert document["metrics"][-1]["top3"] > document["epochs"][-1]["val_accuracy"]
    assert "a line of the script's own" in err


def test_a_resumed_run_ends_like_one_in_one_piece(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT.replace('"cosine"', "None") + "patience = 50\n")
    assert code_of("run", "mine.py", "--no-checks", "--epochs", "4", "--out", "whole") == 0
    assert code_of("run", "mine.py", "--no-checks", "--epochs", "2") == 0
    assert code_of("run", "runs/0001-mine", "--epochs", "4") == 2
    assert "is the folder of a run: go on with it by --resume" in capsys.readouterr().err
    assert code_of("run", "--resume", "runs/0001-mine/checkpoint.safetensors", "--epochs", "4") == 0
    assert "resumed    from runs/0001-mine" in capsys.readouterr().out
    ends = [checkpoint.load(Path(p) / "checkpoint.safetensors") for p in ("whole/0001-mine", "runs/0001-mine")]
    for name, value in ends[0].model.items():
        assert value.tobytes() == ends[1].model[name].tobytes()
    assert (Path("whole/0001-mine/best.safetensors").read_bytes()) == Path(
        "runs/0001-mine/best.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("run", "a script is needed: minigrad run script.py, or --example NAME"),
        ("run mine.py --example spiral", "give one of the three"),
        ("run mine.py --epoch 3", "no option --epoch. Did you mean --epochs?"),
        ("run mine.py --lr 3", "no option --lr."),
        ("run mine.py other.py", "no argument other.py"),
        ("run mine.py --epochs 0", "--epochs: 0 is out of range"),
        ("examples spiral", "no argument spiral"),
        ("exmples", "Did you mean examples?"),
    ],
)
def test_misuse_exits_with_2(arguments: str, wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*arguments.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert wanted in err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("run nothing.py", "ScriptError: nothing.py: No such file or directory"),
        ("run empty.py", "ScriptError: empty.py:1: the script defines no 'model' and no 'data' and no 'loss'"),
        ("run /dev/null", "ScriptError: /dev/null: is a device, not a file"),
        ("run loop.py", "ScriptError: loop.py:2: the script trains by itself (backward)"),
        ("run typo.py", "ScriptError: typo.py:11: optimiser: there is no such field"),
        ("run --example sprial", "UnknownExample: there is no example 'sprial'. Did you mean 'spiral'?"),
        ("run --resume nowhere", "CheckpointError: nowhere/checkpoint.safetensors"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_errors_are_one_line_exit_with_1_and_leave_no_folder(
    arguments: str, wanted: str, as_json: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "loop.py").write_text("for i in range(3):\n    loss.backward()\n")
    (tmp_path / "typo.py").write_text(SCRIPT + "optimiser = 'sgd'\n")
    assert code_of(*arguments.split(), *(["--json"] if as_json else [])) == 1
    out, err = capsys.readouterr()
    assert wanted in err
    assert "Traceback" not in err
    assert not (tmp_path / "runs").exists()
    if as_json:
        assert wanted.split(": ", 1)[1] in json.loads(out)["error"]["message"]


def test_a_script_may_change_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text(f"import os\nos.chdir(os.path.dirname(__file__))\n{SCRIPT}")
    assert code_of("run", "own/mine.py", "--no-checks", "--epochs", "1") == 0
    assert (tmp_path / "runs/0001-mine/script.py").exists()


def test_what_ends_a_run_of_doctor_is_a_short_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "far.py").write_text(SCRIPT.replace('"cosine"', "None") + "lr = 1e300\n")
    assert code_of("doctor", "far.py", "--epochs", "1") == 0
    line = capsys.readouterr().err.removesuffix("\n")
    assert line.startswith("minigrad: NonFinite")
    assert len(line) < 300


def test_a_run_is_resumed_by_the_command_it_began_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("run", "mine.py", "--no-checks", "--epochs", "1") == 0
    assert code_of("train", "--resume", "runs/0001-mine") == 1
    assert "go on with 'minigrad run --resume runs/0001-mine'" in capsys.readouterr().err
    assert code_of("train", "--data", "iris", "--no-checks", "--epochs", "1") == 0
    assert code_of("run", "--resume", "runs/0002-iris") == 1
    assert "go on with 'minigrad train --resume runs/0002-iris'" in capsys.readouterr().err
    assert code_of("run", "--resume", "runs/0001-mine", "--out", "other") == 1
    assert "leave out --out" in capsys.readouterr().err


def test_examples_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("examples") == 0
    assert "spiral" in capsys.readouterr().out
    assert code_of("examples", "--json") == 0
    found = {e["name"]: e for e in json.loads(capsys.readouterr().out)["examples"]}
    assert found["spiral"]["is_script"] is True
    assert Path(found["spiral"]["path"]).is_file()


def test_json_holds_for_check_and_for_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("check", "mine.py", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["command"] == "check"
    assert "a line of the script's own" in err
    assert code_of("run", "mine.py", "--epoch", "2", "--json") == 2
    out, err = capsys.readouterr()
    assert "Did you mean --epochs?" in json.loads(out)["error"]["message"]
    assert "Did you mean --epochs?" in err
    assert code_of("run", "--json") == 2
    assert "a script is needed" in json.loads(capsys.readouterr().out)["error"]["message"]


COMPARE = needs("minigrad-compare")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param("compare --lr ,", marks=COMPARE),
        pytest.param("compare --optimizers ,", marks=COMPARE),
        "selftest --ops ,",
    ],
)
def test_an_empty_list_is_misuse(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*arguments.split()) == 2
    assert "',' holds none: give one or more" in capsys.readouterr().err


@COMPARE
def test_every_name_of_a_comparison_is_looked_up_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("compare", "--optimizers", "sgd,adm", "--problem", "quadratic") == 1
    err = capsys.readouterr().err
    assert "Did you mean 'adam'?" in err
    assert "tuned" not in err


def test_a_missing_file_leads_to_the_one_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(SCRIPT)
    Path("data").mkdir()
    Path("data/houses.csv").write_text("a,b\n1,2\n")
    Path("runs/0001-net").mkdir(parents=True)
    for arguments, wanted in (
        ("run nett.py", "nett.py: No such file or directory. Did you mean 'net.py'?"),
        ("train --data data/house.csv --target b", "Did you mean 'data/houses.csv'?"),
        ("show runs/0001-nett", "Did you mean 'runs/0001-net'?"),
        ("run far/nett.py", "far/nett.py: No such file or directory\n"),
    ):
        assert code_of(*arguments.split()) == 1
        assert wanted in capsys.readouterr().err, arguments


def test_a_misspelt_optimizer_in_set_is_no_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("train", "--data", "iris", "--set", "optimzer.beta1=0.9") == 1
    assert "Did you mean 'optimizer.beta1'?" in capsys.readouterr().err
