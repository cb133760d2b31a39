"""The command line in this process: commands, output, exit codes, and an answer to every typo."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad.cli import main
from minigrad.cli.main import EndedByUserCode
from minigrad.core import REGISTRY
from minigrad.docs.sources import PAGES
from support.cli_calls import code_of

FIRST_RUN = PAGES / "tutorials" / "first-run.md"
QUICK = ["train", "--data", "digits", "--hidden", "16", "--epochs", "2", "--lr", "0.005"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def labels(printed: str) -> list[str]:
    """What the lines of a run begin with, which checks it names, and the columns of its table."""
    found = re.findall(r"^([a-z]+)  +\S", printed, re.M) + re.findall(r" (?:ok|note|fault) +(\w+):", printed)
    table = re.search(r"^ +epoch .*$", printed, re.M)
    assert table is not None
    return [label for label in found if label != "engine"] + table[0].split()  # which engine: as the machine has it


def test_train_prints_the_run_and_saves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*QUICK) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for wanted in ("digits 1438/359 rows of 8x8", "adam (minigrad", "chance is ln 10 = 2.303", "largest relative error",
                   "20 examples", "val acc", "runs/0001-digits/"):  # fmt: skip
        assert wanted in out
    sample = re.search(r"```text printed\n(minigrad .*?)```", FIRST_RUN.read_text(), re.S)
    assert sample is not None
    assert labels(sample[1]) == labels(out)
    folder = tmp_path / "runs" / "0001-digits"
    with open(folder / "metrics.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    assert json.loads((folder / "config.json").read_text())["command"]["hidden"] == [16]
    assert code_of(*QUICK, "--no-checks", "--seed", "3", "--out", "elsewhere") == 0
    assert "checks" not in capsys.readouterr().out
    assert (tmp_path / "elsewhere" / "0001-digits").is_dir()


@pytest.mark.parametrize("loss", ["softmax", "svm"])
def test_json_is_one_document_and_nothing_else(loss: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*QUICK, "--json", "--loss", loss, "--optimizer", "rmsprop") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["epochs"]) == 2
    assert document["config"]["optimizer"].startswith("rmsprop (minigrad")
    checks = {c["name"]: c for c in document["checks"]}
    assert checks["chance"]["value"] == pytest.approx(2.3026 if loss == "softmax" else 9.0, rel=0.05)
    assert 0.0 < checks["gradients"]["value"] < 1e-6
    assert document["best"]["val_accuracy"] > 0.7
    assert Path(document["run"]).is_dir()


@pytest.mark.parametrize("name", ["iris", "spiral", "diabetes"])
def test_other_data(name: str) -> None:
    assert code_of("train", "--data", name, "--hidden", "0", "--epochs", "1", "--l2", "1e-3", "--no-checks") == 0


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("train --optimzer adam", "no option --optimzer. Did you mean --optimizer?"),
        ("train --learning-rate=1", "no option --learning-rate"),
        ("train --epoch 3", "Did you mean --epochs?"),
        ("train fashion", "no argument fashion"),
        ("trian", "no 'trian'. Did you mean train? Choose from train, run, predict"),
        ("--versoin", "Did you mean --version?"),
        ("", "a command is needed: train, run, predict"),
        ("ops --certificate", "Did you mean --certificates?"),
        ("optimizers --jsn", "Did you mean --json?"),
        ("train --loss sfotmax", "no 'sfotmax'. Did you mean softmax?"),
        ("train --epochs 0", "--epochs: 0 is out of range"),
        ("train --epochs many", "'many' is not a whole number"),
        ("train --batch-size 1.5", "'1.5' is not a whole number"),
        ("train --hidden 10,x", "'x' is not a whole number"),
        ("train --hidden 10,0", "0 is out of range"),
        ("train --lr fast", "'fast' is not a number"),
        ("train --lr nan", "'nan' is not a finite number"),
        ("train --seed -1", "-1 is out of range"),
        ("train --epochs", "expected one argument"),
    ],
)
def test_misuse_exits_with_2_and_says_what_was_meant(
    arguments: str, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(*arguments.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert wanted in err
    assert "usage:" not in err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("--optimizer adm", "no optimizer 'adm'. Did you mean 'adam'? Installed: "),
        ("--optimizer adm", "adamw (minigrad "),
        ("--data fashon", "unknown data set 'fashon'. Did you mean 'fashion'? Available: fashion, digits"),
        ("--data nowhere/mnist", "no such folder. Expected a folder with IDX files"),
        ("--data nothing.npz", "nothing.npz: no such file. Expected an .npz file"),
        ("--lr -0.5", "Adam.lr must be a finite number >= 0, got -0.5"),
        ("--l2 -1", "L2.strength must be a finite number >= 0, got -1.0"),
        ("--data kjv --model mlp", "--model mlp does not take kjv, which is text: choose lstm"),
        ("--data diabetes --loss svm", "--loss svm does not fit diabetes, which is regression: choose mse"),
        ("--data iris --loss mse", "choose softmax or svm"),
    ],
)
def test_errors_are_one_line_exit_with_1_and_leave_no_folder(
    arguments: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("train", *arguments.split()) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert wanted in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()
    assert code_of("train", *arguments.split(), "--json") == 1
    out, err = capsys.readouterr()
    assert wanted in json.loads(out)["error"]["message"]


def test_nan_in_the_data_stops_before_training_with_the_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    x[11, 2] = np.nan
    np.savez(tmp_path / "bad.npz", x=x, y=np.arange(30) % 2)
    assert code_of("train", "--data", "bad.npz") == 1
    err = capsys.readouterr().err
    assert "DataValueError" in err
    assert "column 2 is nan" in err
    assert "row" in err
    assert not (tmp_path / "runs").exists()


def test_divergence_is_one_typed_line_and_the_metrics_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*QUICK, "--loss", "svm", "--optimizer", "sgd", "--lr", "1e25", "--no-checks") == 1
    err = capsys.readouterr().err
    assert "in epoch 1, batch" in err
    assert "learning rate" in err
    assert err.startswith("minigrad: NonFinite")
    assert (tmp_path / "runs" / "0001-digits" / "metrics.csv").read_text().startswith("epoch,train_loss")


def test_optimizers_are_listed_with_their_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("optimizers") == 0
    out = capsys.readouterr().out
    assert f"minigrad {minigrad.__version__}" in out
    assert "minigrad.optimizers.adam:Adam" in out
    assert code_of("optimizers", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sgd"]["distribution"] == "minigrad"


def test_ops_are_listed_with_their_certificates(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("ops") == 0
    out = capsys.readouterr().out
    assert "matmul" in out
    assert "verified against finite differences" in out
    assert code_of("ops", "--certificates") == 0
    assert "smallest error revealed" in capsys.readouterr().out
    assert code_of("ops", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document.keys() == {op.name for op in REGISTRY}
    assert document["exp"]["powers"][0]["argument"] == "x"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--help") == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("train", "optimizers", "ops"))
    assert code_of("train", "--help") == 0
    out = capsys.readouterr().out
    for name in (
        "data",
        "optimizer",
        "lr",
        "epochs",
        "batch-size",
        "hidden",
        "loss",
        "seed",
        "out",
        "json",
        "no-checks",
    ):
        assert f"--{name}" in out


def test_ctrl_c_before_training_is_130_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(name: str, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("minigrad.data.load", interrupted)
    assert code_of(*QUICK) == 130
    assert capsys.readouterr().err == "minigrad: interrupted\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x"), "InternalError: KeyError: 'x' (test_cli_main.py:"),
        (RecursionError("deep"), "InternalError: RecursionError"),
        (SystemExit(5), "called sys.exit(5)"),
        (MemoryError("much " * 500), "MemoryError"),
    ],
)
def test_what_nobody_expected_is_one_line_too(
    error: BaseException, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: object) -> int:
        raise error

    monkeypatch.setattr("minigrad.cli.manual.listing.list_ops", fail)
    assert code_of("ops") == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert said in line
    assert len(line) < 300
    monkeypatch.setenv("MINIGRAD_TRACEBACK", "1")
    with pytest.raises((type(error), EndedByUserCode)) as raised:
        main(["ops"])
    assert error in (raised.value, raised.value.__cause__)
