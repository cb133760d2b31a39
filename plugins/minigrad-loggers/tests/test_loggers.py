"""Each logger, read back by the tool's own reader; names, hints, the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from minigrad import data, nn, train
from minigrad.cli.main import main
from minigrad.train.output.loggers import create_logger
from minigrad_loggers import (
    CsvLogger,
    JsonLinesLogger,
    MissingTool,
    MLflowLogger,
    TensorBoardLogger,
    figures,
)


def _fit(*callbacks: train.Callback) -> train.History:
    spiral = data.spiral(90, classes=3, noise=0.1, seed=0).scaled()
    return train.fit(nn.mlp(2, [8], 3, rng=0), spiral, epochs=3, batch_size=30, callbacks=callbacks, quiet=True)


def _losses(history: train.History) -> list[float]:
    return [float(e.val_loss) for e in history.epochs if e.val_loss is not None]


def test_tables_hold_the_figures_of_the_history(tmp_path: Path) -> None:
    history = _fit(JsonLinesLogger(tmp_path), CsvLogger(tmp_path))
    rows = [json.loads(line) for line in (tmp_path / "epochs.jsonl").read_text().splitlines()]
    with (tmp_path / "epochs.csv").open() as file:
        cells = list(csv.DictReader(file))
    for row, cell, epoch in zip(rows, cells, history.epochs, strict=True):
        assert row["val_loss"] == epoch.val_loss == float(cell["val_loss"])
        assert row["epoch"] == epoch.epoch == int(cell["epoch"])


@pytest.mark.filterwarnings("ignore")
def test_tensorboards_reader_finds_scalars_and_histograms(tmp_path: Path) -> None:
    reader: Any = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    history = _fit(TensorBoardLogger(tmp_path))
    events = reader.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    losses = [e.value for e in events.Scalars("epoch/val_loss")]
    np.testing.assert_allclose(losses, _losses(history), rtol=1e-6)
    assert [e.step for e in events.Scalars("step/loss")] == list(range(1, len(history.batch_losses) + 1))
    (*_, last) = events.Histograms("parameters/layers.0.weight")
    assert last.step == 3
    assert last.histogram_value.num == 16
    assert sum(last.histogram_value.bucket) == 16


@attrs.define(eq=False)
class Looking(nn.Module):
    """A model that no program can hold: it looks at numbers while it runs."""

    inner: nn.Module

    def forward(self, x: Any) -> Any:
        y = self.inner(x)
        return y if float(y.sum()) > -1e9 else y * 2.0


def _events(folder: Path) -> Any:
    reader: Any = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    events = reader.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


@pytest.mark.filterwarnings("ignore")
def test_tensorboards_reader_finds_graph_and_pictures_and_the_run_is_the_same(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install tensorboard")
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")
    digits = data.load("digits").scaled()

    def fit(*callbacks: train.Callback) -> tuple[nn.Module, list[float]]:
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 9, rng=0), nn.Dropout(0.2, rng=1), nn.Linear(9, 10, rng=2))
        history = train.fit(model, digits, epochs=2, batch_size=100, callbacks=callbacks, quiet=True)
        return model, history.batch_losses

    model, losses = fit(TensorBoardLogger(tmp_path))
    assert losses == fit()[1]
    events = _events(tmp_path)
    graph = events.Graph()
    nodes = {node.name: node for node in graph.node}
    assert {"layers/1/weight", "layers/3/bias"} <= set(nodes)
    products = [node for node in graph.node if node.op == "matmul"]
    assert ["layers/1/weight" in node.input for node in products] == [True, False]
    *_, last = graph.node
    reached, waiting = set(), [last.name]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += nodes[name].input
    assert reached == set(nodes)
    (weights,), (classes,) = (events.Images(f"pictures/{n}") for n in ("first layer", "true class by predicted class"))
    with image.open(io.BytesIO(weights.encoded_image_string)) as picture:
        assert picture.size == (weights.width, weights.height) == (24, 24)  # nine units of 8 x 8
    with image.open(io.BytesIO(classes.encoded_image_string)) as picture:
        pixels = np.asarray(picture)
    side = len(pixels) // 10
    model.eval()
    right = model(digits.x_val).numpy().argmax(axis=1) == digits.y_val
    shares = [right[digits.y_val == k].mean() for k in range(10)]
    np.testing.assert_allclose(pixels[side // 2 :: side, side // 2 :: side, 0].diagonal() / 255.0, shares, atol=0.01)


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_is_no_program_has_no_graph(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install tensorboard")
    spiral = data.spiral(90, classes=3, noise=0.1, seed=0).scaled()
    train.fit(Looking(nn.mlp(2, [4], 3, rng=0)), spiral, epochs=1, callbacks=[TensorBoardLogger(tmp_path)], quiet=True)
    events = _events(tmp_path)
    assert not events.Tags()["graph"]
    assert events.Scalars("epoch/val_loss")


@pytest.mark.filterwarnings("ignore")
def test_mlflows_client_finds_the_run(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    pytest.importorskip("sqlalchemy", reason="sqlalchemy, which MLflow keeps runs with, is not installed")
    tracking: Any = pytest.importorskip("mlflow.tracking")
    logger = MLflowLogger(tmp_path)
    history = _fit(logger)
    client = tracking.MlflowClient(logger.uri)
    (run,) = client.search_runs([client.get_experiment_by_name("minigrad").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["batch_size"] == "30"
    values = [m.value for m in client.get_metric_history(run.info.run_id, "val_loss")]
    np.testing.assert_allclose(values, _losses(history))


def test_a_tool_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(figures, "import_module", refuse)
    for logger, package in ((TensorBoardLogger, "tensorboard"), (MLflowLogger, "mlflow")):
        with pytest.raises(MissingTool, match=f"pip install {package}"):
            logger(tmp_path)
    with pytest.raises(train.TrainError, match="pip install tensorboard"):
        create_logger("tensorboard", tmp_path)


def test_a_name_that_no_plugin_offers_says_where_the_usual_ones_are(tmp_path: Path) -> None:
    with pytest.raises(train.TrainError, match=r"no logger 'tensorbord'.*Did you mean 'tensorboard'.*minigrad-loggers"):
        create_logger("tensorbord", tmp_path)


def test_the_command_line_writes_for_other_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", "digits", "--epochs", "1", "--no-checks", "--no-diagnosis", "--out", str(tmp_path)]
    assert main(["train", *options, "--log", "jsonl", "--log", "csv"]) == 0
    (line,) = (tmp_path / "0001-digits" / "epochs.jsonl").read_text().splitlines()
    assert json.loads(line)["epoch"] == 1
    capsys.readouterr()
