"""The folder of a run: numbers that do not clash, figures as they come, weights that load, pictures worth a look."""

from __future__ import annotations

import csv
import errno
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from minigrad import data, nn
from minigrad.train import Callback, Epoch, History, Run, RunFolder, RunMetrics, TrainError, fit, new_folder

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
        "accuracy.svg", "activations.svg", "batch.svg", "best.safetensors", "config.json", "confusion.svg", "dead.svg",
        "figures.npz", "first_layer.svg", "gradient_sizes.svg", "gradients.svg", "loss.svg", "metrics.csv",
        "ratios.svg", "schedule.svg", "steps.csv", "worst.svg",
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


def test_pictures_need_no_matplotlib_and_can_be_shown_by_others(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    run(folder)
    assert {f"{p.name}.svg" for p in folder.pictures} == {n for n in folder.files if n.endswith(".svg")}
    for picture in folder.pictures:
        text = (tmp_path / f"{picture.name}.svg").read_text()
        assert text == picture.svg()
        assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"


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
    assert "loss.svg" in folder.files
    assert not {"accuracy.svg", "confusion.svg", "first_layer.svg"} & set(folder.files)
    assert rows(tmp_path)[0]["val_accuracy"] == ""


def test_a_full_disk_names_the_file_and_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("minigrad.train.output.run_folder.replace", full)
    with pytest.raises(
        TrainError, match=r"config\.json: cannot be written .No space left on device.\. Make room; --resume"
    ):
        run(RunFolder(tmp_path))
