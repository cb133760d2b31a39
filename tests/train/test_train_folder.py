"""The folder of a run: numbers that do not clash, figures as they come, weights that load, pictures worth a look."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from minigrad import data, nn
from minigrad.train import Callback, Epoch, History, Run, RunFolder, RunMetrics, TrainError, fit, new_folder
from minigrad.train.output.plots import accuracy_figure, loss_figure

DIGITS = data.load("digits").scaled()


def run(folder: RunFolder, *extra: Callback, epochs: int = 3) -> History:
    model = nn.mlp(64, [16], 10, rng=0)
    return fit(model, DIGITS, epochs=epochs, lr=1e-2, callbacks=[folder, *extra], checks=False, quiet=True)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_folders_are_numbered(tmp_path: Path) -> None:
    assert new_folder(tmp_path / "runs", "fashion").name == "0001-fashion"
    assert new_folder(tmp_path / "runs", "my data/../x").name == "0002-my-data-..-x"
    (tmp_path / "runs" / "0041-by-hand").mkdir()
    (tmp_path / "runs" / "notes").mkdir()
    assert new_folder(tmp_path / "runs", "///").name == "0042-run"
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainError, match="cannot make a folder for the run"):
        new_folder(tmp_path / "file", "x")


def test_everything_that_was_measured_is_there(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, {"command": {"data": "digits"}})
    history = run(folder)
    assert sorted(folder.files) == [
        "accuracy.png", "activations.png", "best.safetensors", "config.json", "confusion.png", "figures.npz",
        "first_layer.png", "gradients.png", "loss.png", "metrics.csv", "ratios.png", "schedule.png", "steps.csv",
    ]  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(folder.files)
    found = rows(tmp_path)
    assert [int(r["epoch"]) for r in found] == [1, 2, 3]
    for r, epoch in zip(found, history.epochs, strict=True):
        for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "seconds"):
            assert float(r[name]) == getattr(epoch, name), "figures are written to the last bit"
    weights = load_file(tmp_path / "best.safetensors")
    assert weights.keys() == history.best_weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(value, history.best_weights[name])
    with open(tmp_path / "steps.csv", newline="") as file:
        steps = list(csv.DictReader(file))
    assert [float(s["loss"]) for s in steps] == history.batch_losses
    assert [float(s["step"]) for s in steps] == list(range(1, len(steps) + 1))
    assert history.monitor is not None
    again = RunMetrics.load(tmp_path / "figures.npz")
    assert again.as_dict().items() <= history.monitor.as_dict().items()
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["epochs"] == 3
    assert config["seed"] == 0
    assert config["command"] == {"data": "digits"}
    assert config["versions"]["numpy"] == np.__version__
    assert config["hyperparameters"][0]["lr"] == 1e-2


def test_figures_are_on_disk_as_soon_as_an_epoch_is_over(tmp_path: Path) -> None:
    seen: list[int] = []

    class Peek(Callback):
        def on_epoch(self, run: Run, epoch: Epoch) -> None:
            seen.append(len(rows(tmp_path)))
            assert (tmp_path / "best.safetensors").exists()

    run(RunFolder(tmp_path), Peek())
    assert seen == [1, 2, 3]


def test_without_matplotlib_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    folder = RunFolder(tmp_path)
    run(folder)
    assert folder.notes == ["no pictures: pip install 'minigrad[plots]' adds them"]
    assert not list(tmp_path.glob("*.png"))


def test_regression_has_no_accuracy_picture(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    fit(
        nn.mlp(10, [8], 1, rng=0),
        data.load("diabetes").scaled(),
        epochs=2,
        callbacks=[folder],
        checks=False,
        quiet=True,
    )
    assert "loss.png" in folder.files
    assert not {"accuracy.png", "confusion.png", "first_layer.png"} & set(folder.files)
    assert rows(tmp_path)[0]["val_accuracy"] == ""


def test_pictures_show_the_figures_with_labels(tmp_path: Path) -> None:
    history = run(RunFolder(tmp_path), epochs=4)
    axes = loss_figure(history).axes[0]
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "loss per row"
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    assert history.initial is not None
    expected = [history.initial.val_loss, *history.column("val_loss")]
    np.testing.assert_array_equal(np.asarray(lines["validation"].get_ydata()), np.array(expected, dtype=float))
    np.testing.assert_array_equal(np.asarray(lines["training"].get_xdata()), np.arange(5))
    assert np.asarray(lines["training batches"].get_ydata()).size == len(history.batch_losses)
    assert any(name.startswith("best epoch") for name in lines)

    axes = accuracy_figure(history).axes[0]
    assert axes.get_ylabel() == "accuracy (%)"
    last = history.epochs[-1]
    assert last.train_accuracy is not None
    assert last.val_accuracy is not None
    gap = f"gap, {100 * (last.train_accuracy - last.val_accuracy):.1f} points at the end"
    legend = axes.get_legend()
    assert legend is not None
    assert gap in [t.get_text() for t in legend.get_texts()]
    assert len(axes.collections) == 1, "the gap is shaded"
    for picture in ("loss.png", "accuracy.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
