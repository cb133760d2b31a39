"""Data of one's own, each from file to model in one command: train, evaluate, predict, beside scikit-learn."""

from __future__ import annotations

import csv
import json
import math
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from minigrad.cli import main

USE = Path(__file__).parent.parent / "data" / "use"
Figures = dict[str, float]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def split_table(name: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Every fourth row to test.csv, the others to train.csv."""
    rows = read(USE / name)
    parts = [row for k, row in enumerate(rows) if k % 4], [row for k, row in enumerate(rows) if not k % 4]
    for part, file in zip(parts, ("train.csv", "test.csv"), strict=True):
        with open(file, "w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(part)
    return parts


def trained(capsys: pytest.CaptureFixture[str], *options: str) -> None:
    assert main(["train", *options, "--no-checks", "--no-diagnosis"]) == 0
    capsys.readouterr()


def scored(capsys: pytest.CaptureFixture[str], run: str, source: str) -> Figures:
    assert main(["evaluate", run, source, "--json"]) == 0
    figures: Figures = json.loads(capsys.readouterr().out)["figures"]
    return figures


def plain_features(row: dict[str, str], numbers: Sequence[str], words: Sequence[str]) -> dict[str, object]:
    """Numbers as such, 0 and a sign where there is none, and words as they are: what DictVectorizer takes."""
    features: dict[str, object] = {name: row[name] or "none" for name in words}
    for name in numbers:
        features[name] = float(row[name] or 0.0)
        features[f"{name} missing"] = float(not row[name])
    return features


def sklearn_score(
    model: object, train: Sequence[dict[str, str]], test: Sequence[dict[str, str]], target: str,
    features: Callable[[dict[str, str]], dict[str, object]], kind: Callable[[str], object],
) -> float:  # fmt: skip
    pipeline = pytest.importorskip("sklearn.pipeline", reason="scikit-learn is not installed")
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.preprocessing import StandardScaler

    fitted = pipeline.make_pipeline(DictVectorizer(sparse=False), StandardScaler(), model)
    fitted.fit([features(row) for row in train], [kind(row[target]) for row in train])
    return float(fitted.score([features(row) for row in test], [kind(row[target]) for row in test]))


def test_passengers(capsys: pytest.CaptureFixture[str]) -> None:
    network = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")
    train, test = split_table("passengers.csv")
    trained(capsys, "--data", "train.csv", "--target", "survived", "--lr", "3e-3", "--patience", "8", "--l2", "1e-3")
    figures = scored(capsys, "runs/0001-train", "test.csv")
    assert main(["predict", "runs/0001-train", "test.csv", "--out", "saved.csv"]) == 0
    right = np.mean([p["survived"] == t["survived"] for p, t in zip(read(Path("saved.csv")), test, strict=True)])
    assert figures["accuracy"] == pytest.approx(right)

    numbers, words = ("class", "age", "fare"), ("sex", "port", "boarded")
    model = network.MLPClassifier(
        hidden_layer_sizes=(128,), alpha=1e-3, early_stopping=True, max_iter=400, random_state=0
    )
    theirs = sklearn_score(model, train, test, "survived", lambda row: plain_features(row, numbers, words), str)
    print(f"passengers: accuracy {right:.3f}, scikit-learn's MLP {theirs:.3f}")
    assert right >= theirs - 0.03
    assert right > 0.7


def test_houses(capsys: pytest.CaptureFixture[str]) -> None:
    network = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")
    compose = pytest.importorskip("sklearn.compose", reason="scikit-learn is not installed")
    from sklearn.preprocessing import StandardScaler

    train, test = split_table("houses.csv")
    trained(capsys, "--data", "train.csv", "--target", "price", "--lr", "3e-3", "--epochs", "60", "--l2", "1e-3")
    figures = scored(capsys, "runs/0001-train", "test.csv")
    assert main(["predict", "runs/0001-train", "test.csv", "--out", "prices.csv"]) == 0
    errors = [float(p["price"]) - float(t["price"]) for p, t in zip(read(Path("prices.csv")), test, strict=True)]
    assert figures["rmse"] == pytest.approx(math.sqrt(np.mean(np.square(errors)))), "in euros, as in the file"

    numbers, words = ("area", "rooms", "built"), ("district", "garden")
    inner = network.MLPRegressor(
        hidden_layer_sizes=(128,), alpha=1e-3, max_iter=400, random_state=0, learning_rate_init=3e-3
    )
    model = compose.TransformedTargetRegressor(inner, transformer=StandardScaler())
    theirs = sklearn_score(model, train, test, "price", lambda row: plain_features(row, numbers, words), float)
    print(f"houses: R2 {figures['r2']:.3f}, scikit-learn's MLP {theirs:.3f}")
    assert figures["r2"] >= theirs - 0.03
    assert figures["r2"] > 0.8


def test_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    network = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")
    from PIL import Image

    rows: dict[str, list[tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], str]]] = {"train": [], "val": []}
    for folder in sorted((USE / "shapes").iterdir()):
        for k, file in enumerate(sorted(folder.iterdir())):
            part = "train" if k % 4 else "val"
            Path(f"shapes/{part}/{folder.name}").mkdir(parents=True, exist_ok=True)
            shutil.copy(file, f"shapes/{part}/{folder.name}/{file.name}")
            rows[part].append((np.asarray(Image.open(file), dtype=np.float64).reshape(-1) / 255.0, folder.name))
    trained(capsys, "--data", "shapes", "--model", "conv", "--lr", "3e-3", "--epochs", "25")
    figures = scored(capsys, "runs/0001-shapes", "shapes")
    assert main(["predict", "runs/0001-shapes", "shapes/val/ring", "--out", "rings.csv"]) == 0
    assert [row["file"] for row in read(Path("rings.csv"))] == sorted(f.name for f in Path("shapes/val/ring").iterdir())

    (x, y), (x_val, y_val) = (tuple(zip(*rows[part], strict=True)) for part in ("train", "val"))
    model = network.MLPClassifier(hidden_layer_sizes=(128,), max_iter=300, random_state=0).fit(np.array(x), y)
    theirs = float(model.score(np.array(x_val), y_val))
    print(f"shapes: accuracy {figures['accuracy']:.3f} (conv), scikit-learn's MLP {theirs:.3f}")
    assert figures["accuracy"] >= theirs
    assert figures["accuracy"] > 0.75


def test_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    text = (USE / "genesis.txt").read_text(encoding="utf-8")
    cut = 16_000
    Path("begin.txt").write_text(text[:cut], encoding="utf-8")
    letters = sorted(set(text[:cut]))
    rest = "".join(c for c in text[cut:] if c in letters)
    Path("rest.txt").write_text(rest, encoding="utf-8")
    trained(capsys, "--data", "begin.txt", "--hidden", "64", "--lr", "1e-2", "--epochs", "3", "--batch-size", "8")
    figures = scored(capsys, "runs/0001-begin", "rest.txt")
    assert main(["predict", "runs/0001-begin", "rest.txt", "--length", "40"]) == 0
    assert len(capsys.readouterr().out) >= 40

    # The nearest there: a linear model of the last three characters.
    number = {c: k for k, c in enumerate(letters)}

    def rows_of(part: str) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], list[int]]:
        x = np.zeros((len(part) - 3, 3, len(letters)))
        for k in range(len(part) - 3):
            for j in range(3):
                x[k, j, number[part[k + j]]] = 1.0
        return x.reshape(len(x), -1), [number[c] for c in part[3:]]

    x, y = rows_of(text[:6000])
    x_rest, y_rest = rows_of(rest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forty iterations, which are enough here
        shares = linear.LogisticRegression(max_iter=40).fit(x, y)
    known = {c: k for k, c in enumerate(shares.classes_)}
    probabilities = shares.predict_proba(x_rest)
    logs = [math.log(max(probabilities[k, known[c]], 1e-6)) if c in known else math.log(1e-6) for k, c in
            enumerate(y_rest)]  # fmt: skip
    theirs = math.exp(-float(np.mean(logs)))
    print(f"text: perplexity {figures['perplexity']:.2f} (LSTM), scikit-learn's linear trigram {theirs:.2f}")
    assert figures["perplexity"] < theirs


def test_advice_after_train_is_options_that_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(USE / "houses.csv", "houses.csv")
    command = ["train", "--data", "houses.csv", "--target", "price", "--lr", "1e-2", "--epochs", "30"]
    assert main([*command, "--no-checks"]) == 0
    out = capsys.readouterr().out
    assert "NOTE OVERFIT" in out
    assert "--patience 5" in out
    assert "--l2 1e-3 or --dropout 0.3" in out
    assert "nn." not in out.partition("NOTE OVERFIT")[2]
