"""Metrics of a run: beside scikit-learn's, in every place where figures stand, and as what chooses the best epoch."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import checkpoint, data, nn
from minigrad.core.types import Array
from minigrad.train import METRICS, Checkpoints, Console, History, Metric, RunFolder, TrainError, fit
from minigrad.train.metric_functions import area_under_curve
from support.train_streams import Stream

IRIS = data.load("iris").scaled()
DIABETES = data.load("diabetes").scaled()


def trained(metrics: object, *, epochs: int = 4, **options: object) -> History:
    model = nn.mlp(4, [6], 3, rng=0)
    return fit(model, IRIS, metrics=metrics, epochs=epochs, checks=False, quiet=True, **options)  # type: ignore[arg-type]


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_the_area_under_the_curve_is_the_share_of_pairs_in_order(seed: int, rows: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, levels + 1, rows).astype(float), rng.random(rows) < 0.4
    pairs = [(s > o) + 0.5 * (s == o) for s in scores[positive] for o in scores[~positive]]
    area = area_under_curve(scores, positive)
    assert math.isnan(area) if not pairs else area == pytest.approx(float(np.mean(pairs)), rel=1e-12)


def test_built_in_metrics_are_those_of_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    for classes in (2, 3, 7):
        scores: Array = rng.normal(size=(200, classes))
        labels: Any = rng.integers(0, classes, 200)
        scores[np.arange(200), labels] += 0.7
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        guess = scores.argmax(axis=1)
        area = sk.roc_auc_score(labels, shares[:, 1] if classes == 2 else shares, multi_class="ovr")
        for name, wanted in (
            ("accuracy", sk.accuracy_score(labels, guess)),
            ("balanced_accuracy", sk.balanced_accuracy_score(labels, guess)),
            ("f1", sk.f1_score(labels, guess, average="macro")),
            ("auc", area),
            ("log_loss", sk.log_loss(labels, shares)),
        ):
            assert METRICS[name].function(scores, labels) == pytest.approx(wanted, rel=1e-12), name
    yes: Array = (rng.random((200, 3)) < 0.4).astype(float)
    scores = rng.normal(size=(200, 3)) + yes
    for name, wanted in (
        ("accuracy", np.mean((scores > 0) == yes)),
        ("exact_match", sk.accuracy_score(yes, scores > 0)),
        ("f1", sk.f1_score(yes, scores > 0, average="macro")),
        ("auc", sk.roc_auc_score(yes, scores)),
    ):
        assert METRICS[name].function(scores, yes) == pytest.approx(wanted, rel=1e-12), name
    for shape in ((200,), (200, 2)):
        guess, true = rng.normal(size=shape), rng.normal(size=shape)
        for name, wanted in (
            ("rmse", sk.root_mean_squared_error(true, guess)),
            ("mae", sk.mean_absolute_error(true, guess)),
            ("r2", sk.r2_score(true, guess)),
        ):
            assert METRICS[name].function(guess, true) == pytest.approx(wanted, rel=1e-12), name


def test_functions_of_targets_and_predictions_get_these_in_their_own_units() -> None:
    def squared_error(y_true: Array, y_pred: Array) -> float:
        return float(np.mean((y_true - y_pred) ** 2))

    def brier(y_true: Array, y_proba: Array) -> float:
        assert np.allclose(y_proba.sum(axis=1), 1.0)
        return float(np.mean((1.0 - y_proba[np.arange(len(y_true)), y_true]) ** 2))

    metrics: dict[str, Metric | str] = {"mse": squared_error, "root": "rmse"}
    history = fit(nn.mlp(10, [6], 1, rng=0), DIABETES, metrics=metrics, epochs=2, checks=False, quiet=True)
    last = history.epochs[-1].metrics
    raw = data.load("diabetes")
    assert math.sqrt(last["mse"]) == pytest.approx(last["root"], rel=1e-9)
    assert 0.5 < last["root"] / raw.y_val.std() < 2.0, "in units of the disease's progression, not of its deviation"
    assert 0.0 < trained([brier], epochs=1).epochs[0].metrics["brier"] < 1.0


def test_metrics_stand_wherever_figures_do(tmp_path: Path) -> None:
    out = Stream()
    folder, saver = RunFolder(tmp_path), Checkpoints(tmp_path / "checkpoint.safetensors")
    history = trained(["f1", "auc"], callbacks=[folder, saver, Console(out, Stream())])
    assert history.initial is not None
    assert set(history.initial.metrics) == {"f1", "auc"}
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [float(r["auc"]) for r in rows] == history.column("auc") == [e.metrics["auc"] for e in history.epochs]
    assert json.dumps(history.as_dict()).count('"auc"') == 7, "initial, four epochs, best, and the configuration"
    table = [line.split() for line in out.getvalue().splitlines()]
    head = next(row for row in table if row[:1] == ["epoch"])
    assert {"f1", "auc"} <= set(head)
    assert f"auc {history.epochs[-1].metrics['auc']:.4f}" in out.getvalue()
    state = checkpoint.load(tmp_path / "checkpoint.safetensors").about["run"]
    assert isinstance(state, dict)
    assert '"auc"' in json.dumps(state["epochs"])
    from safetensors import safe_open

    with safe_open(tmp_path / "best.safetensors", framework="numpy") as best:
        assert "auc" in json.loads(best.metadata()["minigrad"])["figures"]["metrics"]


@pytest.mark.parametrize(("mode", "choose"), [("max", np.argmax), ("min", np.argmin)])
def test_the_best_epoch_is_the_one_with_the_best_figure(mode: str, choose: object) -> None:
    values = iter([0.0, 3.0, 1.0, 7.0, 7.0, 0.5, math.nan])  # the first is that of the untrained model
    history = trained({"own": lambda outputs, targets: next(values)}, epochs=6, monitor="own", mode=mode)
    assert history.best is not None
    assert history.best.epoch == {"max": 4, "min": 5}[mode], "of equal ones that with the lower loss"
    assert history.criterion == "own"


def test_patience_waits_for_the_monitored_figure() -> None:
    values = iter([9.0, 5.0, 4.0, 4.5, 4.6, 4.7, 4.8, 4.9])
    history = trained({"own": lambda outputs, targets: next(values)}, epochs=7, monitor="own", mode="min", patience=2)
    assert len(history) == 4
    assert history.stopped == "no better own for 2 epochs, after epoch 2"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["ucc"]}, "there is no metric 'ucc'. Did you mean 'auc'?"),
        ({"metrics": ["rmse"]}, "'rmse' is not for targets that are classes"),
        ({"metrics": {"seconds": "f1"}}, "cannot be called 'seconds'"),
        ({"metrics": {"f": 3}}, "metric 'f' is of type int"),
        ({"metrics": [], "monitor": "f1"}, "no figure 'f1'. Give it by metrics=['f1'] besides"),
        ({"metrics": [], "monitor": "val_acuracy"}, "Did you mean 'val_accuracy'?"),
        ({"metrics": {"own": len}, "monitor": "own"}, "say whether a large or a small figure is better"),
        ({"metrics": [], "monitor": "loss", "mode": "up"}, "mode must be 'min' or 'max'"),
        ({"metrics": [], "mode": "max"}, "give monitor, too"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(options: dict[str, object], message: str) -> None:
    with pytest.raises(TrainError) as caught:
        trained(**options)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_metric_that_fails_names_itself() -> None:
    with pytest.raises(TrainError, match="metric 'bad': ZeroDivisionError"):
        trained({"bad": lambda outputs, targets: 1 / 0})


@pytest.mark.parametrize("width", [40, 60, 79, 100, 200])
def test_the_table_fits_the_screen_and_shows_the_best_epoch(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    values = iter([0.0] + [1.0 if k == 13 else 0.5 for k in range(1, 101)])
    out = Stream()
    trained({"own": lambda o, t: next(values)}, epochs=100, monitor="own", mode="max", callbacks=[Console(out)])
    lines = out.getvalue().splitlines()
    start = next(k for k, line in enumerate(lines) if line.split()[:1] == ["epoch"])
    table = lines[start : lines.index("", start)]
    assert max(map(len, table)) <= width
    assert [line.split()[0] for line in table if "*" in line][-1] == "13*", "though every fifth epoch only has a row"
    assert "epoch 13 by own (*): own 1.0000" in out.getvalue()
    assert ("|dw|/|w|" in table[0]) == (width >= 100)
    assert "val" in table[0]
