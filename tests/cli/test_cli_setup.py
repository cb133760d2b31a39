"""Everything that can be said to `minigrad train`: model, hyperparameters, weights, metrics; and the same elsewhere."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import data
from minigrad.cli import main
from minigrad.train import TrainError
from minigrad.train.architectures import ARCHITECTURES, Architecture, choose_architecture
from minigrad.train.setup import Setup, SetupOptions

QUICK = ["--epochs", "1", "--no-checks", "--no-diagnosis"]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minigrad.train.output.run_folder.run_pictures", lambda run: [])


def table(name: str = "a.csv") -> str:
    rng = np.random.default_rng(0)
    with open(name, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["u", "v", "kind", "odd", "big", "z", "w"])
        for k in range(120):
            u, v = rng.normal(size=2)
            words = ["rare" if k % 10 == 0 else "usual", "yes" if u > 0 else "no", "no" if v > u else "yes"]
            writer.writerow([f"{u:.4f}", f"{v:.4f}", *words, f"{1000 * (u + v):.1f}", k % 3])
    return name


def called(command: list[str]) -> int:
    """The exit code, also of misuse."""
    try:
        return main(command)
    except SystemExit as end:
        return int(str(end.code))


def config(run: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(Path(run, "config.json").read_text())
    return document


def test_hyperparameters_metrics_and_weights_reach_the_run_and_its_resumption(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["train", "--data", table(), "--target", "kind", "--optimizer", "momentum", "--lr", "0.05"]
    command += ["--set", "optimizer.momentum=0.7", "--class-weight", "balanced", "--weights", "w", "--dropout", "0.2"]
    command += ["--metrics", "f1,auc", "--monitor", "auc", "--l2", "0.001", "--hidden", "9"]
    assert main([*command, *QUICK]) == 0
    first = config("runs/0001-a")
    assert first["hyperparameters"][0]["momentum"] == 0.7  # type: ignore[index]
    assert str(first["weights"]).startswith("balanced by class, from 0 to ")
    assert first["metrics"] == ["f1", "auc"]
    assert first["chosen by"] == "max auc"
    assert "Dropout(0.2)" in str(first["model"])
    capsys.readouterr()
    assert main(["train", "--resume", "runs/0001-a", "--epochs", "3", "--no-diagnosis"]) == 0
    assert config("runs/0001-a")["hyperparameters"] == first["hyperparameters"]
    rows = list(csv.DictReader(Path("runs/0001-a/metrics.csv").read_text().splitlines()))
    assert len(rows) == 3
    assert all(float(row["auc"]) >= 0.0 for row in rows)
    assert main([*command, *QUICK, "--epochs", "3", "--out", "whole"]) == 0
    whole = Path("whole/0001-a/best.safetensors").read_bytes()
    assert whole == Path("runs/0001-a/best.safetensors").read_bytes(), "resumed, it is the run in one piece"
    report = Path("runs/0001-a/report.html").read_text()
    assert "auc" in report


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "optimizer.beta=0.7"], "has no option 'beta'"),
        (["--set", "optimizer.beta1=2"], "beta1"),
        (["--set", "optimizer.lr=0.1", "--lr", "0.1"], "lr"),
        (["--set", "momentum=0.7"], "not of the form optimizer.NAME=VALUE"),
        (["--model", "conv"], "--model conv takes pictures"),
        (["--model", "lstm"], "--model lstm does not take a, which is table"),
        (["--model", "linear", "--hidden", "5"], "linear has no hidden layers"),
        (["--dropout", "1"], "dropout is a share from 0 up to 1, got 1"),
        (["--metrics", "f2"], "there is no metric 'f2'"),
        (["--monitor", "f1"], "Give it by metrics=['f1'] besides"),
        (["--loss", "mse"], "--loss mse does not fit a, which is classification: choose softmax or svm"),
        (["--weights", "wieght"], "there is no column 'wieght'"),
        (["--size", "8"], "size is for folders of pictures"),
        (["--loss", "svm", "--class-weight", "balanced"], "rows cannot be weighed"),
        (["--task", "multilabel"], "holds 2 words|made"),
    ],
)
def test_what_does_not_fit_is_said_before_a_folder_is_made(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = called(["train", "--data", table(), "--target", "kind", *options, *QUICK])
    if options == ["--task", "multilabel"]:
        assert code == 0, "one label of two words is one answer of yes or no"
        return
    assert code in (1, 2)
    error = capsys.readouterr().err
    assert message in error
    assert len(error) < 450
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--target", "odd,big"], {"accuracy", "exact_match", "f1", "log_loss", "rows"}),
        (["--target", "z"], {"rows", "rmse", "mae", "r2"}),
        (["--target", "z,u"], {"rows", "rmse", "mae", "r2"}),
        (["--target", "kind", "--model", "linear"], {"rows", "accuracy", "balanced_accuracy", "f1", "log_loss", "auc"}),
        (["--target", "z", "--loss", "huber"], {"rows", "rmse", "mae", "r2"}),
    ],
)
def test_train_evaluate_predict_for_every_kind_of_target(
    options: list[str], names: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", table(), *options, *QUICK]) == 0
    capsys.readouterr()
    assert main(["evaluate", "runs/0001-a", "a.csv", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert set(figures) == names
    assert figures["rows"] == 120
    assert main(["predict", "runs/0001-a", "a.csv"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == options[1]
    assert len(rows) == 120
    if "huber" not in options:
        probabilities = main(["predict", "runs/0001-a", "a.csv", "--proba"])
        assert probabilities == int(options[1].startswith("z"))


def test_text_is_trained_scored_and_continued(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tale.txt").write_text("abcab " * 200)
    Path("begin.txt").write_text("abc\n")
    command = ["train", "--data", "tale.txt", "--hidden", "12", "--metrics", "perplexity", "--lr", "0.03"]
    assert main([*command, "--epochs", "25", "--batch-size", "8", "--no-checks", "--no-diagnosis"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "runs/0001-tale", "tale.txt", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures["rows"] == 1199, "each character but the first"
    assert figures["perplexity"] < 1.5
    assert main(["predict", "runs/0001-tale", "begin.txt", "--length", "9", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == "abcab abcab \n"
    Path("other.txt").write_text("xyz")
    assert main(["predict", "runs/0001-tale", "other.txt"]) == 1
    assert "the character 'x' is none of the 4" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_an_architecture_is_built_again_from_what_was_saved(kind: str) -> None:
    name = "kjv" if kind == "lstm" else "digits"
    rows = data.load(name).scaled("image" if kind == "conv" else "flat")
    chosen = choose_architecture(kind, rows, dropout=0.0 if kind == "linear" else 0.3)
    again = Architecture.from_dict(json.loads(json.dumps(chosen.as_dict())))
    assert again == chosen
    model, other = chosen.build(3), again.build(3)
    x = mg.tensor(rows.x_train[:2])
    with mg.no_grad():
        assert model.eval()(x).numpy().tobytes() == other.eval()(x).numpy().tobytes()


def test_options_may_be_changed_by_name() -> None:
    changed = SetupOptions(data="iris").with_changes({"hidden": 7, "dropout": 0.5, "optimizer.beta1": 0.8})
    setup = Setup(changed)
    assert "Linear(4, 7), ReLU(), Dropout(0.5)" in repr(setup.model)
    assert setup.settings["hyperparameters"] == {"beta1": 0.8}
    with pytest.raises(TrainError, match=r"no option 'hiden'. Did you mean 'hidden'"):
        changed.with_changes({"hiden": 7})


@pytest.mark.parametrize("command", ["check", "lr-find"])
def test_check_and_lr_find_work_on_data_runs_and_scripts(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--steps", "20"] if command == "lr-find" else []
    options = ["--data", table(), "--target", "kind", "--hidden", "6", "--set", "optimizer.beta1=0.7"]
    assert main(["train", *options, *QUICK]) == 0
    capsys.readouterr()
    said = []
    for subject in (["runs/0001-a"], options[:6]):
        main([command, *subject, *more])
        said.append(capsys.readouterr().out)
    assert said[0], "the same in both ways, up to the hyperparameter that only the run had"
    if command == "check":
        assert said[0] == said[1]
    for subject, message in (
        ([], "give a script, the folder of a run, or --data"),
        (["runs"], "runs: is no run: a run's folder holds config.json"),
        (["runs/0001-a", "--data", "iris"], "leave out --data, or leave out the script"),
    ):
        assert called([command, *subject, *more]) in (1, 2)
        assert message in capsys.readouterr().err


def test_advice_can_be_typed_as_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("o'clock").mkdir()
    assert main(["train", "--data", "digits", "--lr", "3", "--epochs", "3", "--no-checks", "--out", "o'clock"]) == 0
    out = capsys.readouterr().out
    assert "script.py" not in out
    assert """minigrad lr-find 'o'"'"'clock/0001-digits'""" in out
    documents = [Path("o'clock/0001-digits", name).read_text() for name in ("diagnosis.json", "report.html")]
    assert all("script.py" not in text for text in documents)
