"""A run as a model in use: the same predictions in another process, scores by hand, and what is refused."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from safetensors.numpy import save_file

import minigrad as mg
from minigrad import data, nn, train
from minigrad.data import Dataset
from minigrad.data.prepare.targets import ClassTarget, LabelTarget, NumberTarget, Target
from minigrad.train import RunFolder, SavedRun, TrainError, fit
from minigrad.train.evaluation import eval_mode
from minigrad.train.use.given_targets import as_answers, as_labels, as_numbers, as_targets
from minigrad.train.use.scores import ClassCounts, NumberSums
from minigrad.typing import Array


def run_of(folder: Path, ready: Dataset, hidden: int = 8) -> Array:
    """Train with a run folder; returns the outputs on the validation rows at the end of training."""
    folder.mkdir()
    outputs = ready.classes or 1
    recipe: dict[str, object] = {"kind": "mlp", "features": ready.features, "hidden": [hidden], "outputs": outputs}
    model = nn.mlp(ready.features, [hidden], outputs, rng=3)
    fit(model, ready, epochs=2, checks=False, quiet=True, lr=1e-2, callbacks=[RunFolder(folder, model=recipe)])
    with eval_mode(model):
        starts = range(0, len(ready.x_val), 250)
        return np.concatenate([model(mg.tensor(ready.x_val[k : k + 250])).numpy() for k in starts])


@pytest.mark.parametrize("name", ["fashion", "digits", "iris", "diabetes", "spiral"])
def test_a_loaded_run_predicts_the_same_to_the_last_bit(tmp_path: Path, name: str) -> None:
    raw = data.load(name)
    expected = run_of(tmp_path / "run", raw.scaled(normalize="unit" if raw.kind == "image" else "standard"))
    np.testing.assert_array_equal(mg.load(tmp_path / "run").outputs(raw.x_val), expected)
    again = mg.load(tmp_path / "run" / "best.safetensors")
    np.testing.assert_array_equal(again.outputs(raw.x_val), expected)
    figures = again.evaluate(raw.x_val, raw.y_val)
    if raw.classes:
        assert again.predict(raw.x_val).tolist() == [raw.class_names[k] for k in expected.argmax(axis=1)]
        assert figures["accuracy"] == np.mean(expected.argmax(axis=1) == raw.y_val)
        np.testing.assert_allclose(again.predict_proba(raw.x_val).sum(axis=1), 1.0)
    else:
        units = expected[:, 0].astype(np.float64) * raw.y_train.std() + raw.y_train.mean()
        np.testing.assert_allclose(np.asarray(again.predict(raw.x_val), dtype=np.float64), units, rtol=1e-9)
        assert figures["rmse"] == pytest.approx(math.sqrt(np.mean((units - raw.y_val) ** 2)))


CLASSES, NUMBER = ClassTarget("kind", ("a", "b")), NumberTarget(("price",), (0.0,), (1.0,))
PAIR, LABELS = NumberTarget(("p", "q"), (0.0, 0.0), (1.0, 1.0), False), LabelTarget(("l", "m"), (("0", "1"),) * 2)


@pytest.mark.parametrize(("target", "given", "told"), [
    (CLASSES, [[0, 1]], r"targets of shape \(1, 2\): what the model predicts, 2 classes: a, b, is \(N,\)"),
    (CLASSES, [2], "class numbers run from 0 to 1, got 2 to 2"),
    (CLASSES, ["a", None], r"targets row 2, column 'kind': no class is given\. Classes: a, b"),
    (NUMBER, [[1.0, 2.0]], r"targets of shape \(1, 2\): .* is \(N,\)"),
    (NUMBER, [1.0, math.nan], "targets row 2: 'nan' is no finite number"),
    (NUMBER, ["x"], "targets such as 'x' are no finite number"),
    (NUMBER, [1j], "targets such as '1j' are no finite number"),
    (PAIR, [1.0, 2.0], r"targets of shape \(2,\): .* is \(N, 2\)"),
    (LABELS, [[1], [0]], r"targets of shape \(2, 1\): .* is \(N, 2\)"),
    (LABELS, [[1, 0], [0, 7.5]], "targets row 2: '7.5' is neither 0 nor 1"),
    (LABELS, [[1], [2, 3]], "lists of different lengths"),
    (NUMBER, 3.0, r"targets of shape \(\)"),
])  # fmt: skip
def test_targets_that_do_not_fit_are_refused(target: Target, given: Any, told: str) -> None:
    """Of another width they would be spread over the outputs, and scored."""
    with pytest.raises((TrainError, data.DataError), match=told):
        read_targets(target, given)


def read_targets(target: Target, given: Any) -> list[Any]:
    array = as_targets(target, given)
    if isinstance(target, ClassTarget):
        return list(as_labels(target, array, None))
    read = as_answers(target, array, None) if isinstance(target, LabelTarget) else as_numbers(target, array, None)
    return cast("list[Any]", read.tolist())


def test_targets_that_fit_come_in_many_forms() -> None:
    assert read_targets(CLASSES, [[1], [0]]) == read_targets(CLASSES, ["b", "a"]) == [1, 0]
    assert read_targets(NUMBER, [[1], [0]]) == read_targets(NUMBER, np.array([1, 0], dtype=object)) == [1.0, 0.0]
    assert read_targets(PAIR, ()) == []
    assert read_targets(LABELS, np.array([[True, False]])) == [[1.0, 0.0]]
    assert read_targets(LabelTarget(("l",), (("0", "1"),)), [1, 0]) == [[1.0], [0.0]]


def test_a_table_goes_the_whole_way(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with open(tmp_path / "t.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "kind", "price"])
        for _ in range(300):
            size, kind = rng.uniform(1, 9), rng.choice(["a", "b"])
            writer.writerow([f"{size:.3f}", kind, f"{1000 * size * (2 if kind == 'b' else 1):.0f}"])
    table = data.load(tmp_path / "t.csv", target="price")
    run_of(tmp_path / "run", table.scaled())
    run = mg.load(tmp_path / "run")
    predicted = run.predict({"size": [3.0, 8.0], "kind": ["a", "b"]})
    assert predicted.shape == (2,)
    assert 1000.0 < float(predicted[0]) < float(predicted[1])
    figures = run.evaluate(tmp_path / "t.csv")
    assert figures["rows"] == 300.0
    with pytest.raises(data.DataError, match="row 2, column 'kind': 'c' is no category that was trained on"):
        run.predict({"size": [3.0, 8.0], "kind": ["a", "c"]})
    with pytest.raises(data.DataError, match="row 1, column 'size': '1e300' is too far from the rows"):
        run.predict({"size": ["1e300", 8.0], "kind": ["a", "b"]})
    run.model.load_state_dict({k: np.full_like(v, np.nan) for k, v in run.model.state_dict().items()})
    with pytest.raises(TrainError, match="the model gives NaN for row 1: its numbers overflow there"):
        run.predict({"size": [30.0, 80.0], "kind": ["a", "b"]})
    with pytest.raises(TrainError, match="predicts numbers, which have no probabilities"):
        run.predict_proba(tmp_path / "t.csv")


SCRIPT = """
from minigrad import data as sets
from minigrad import nn

data = sets.load("iris").scaled()
model = nn.Sequential(nn.Linear(4, 6, rng=0), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3, rng=1))
loss = "softmax"
"""


def test_a_run_of_a_script_is_built_by_its_copy(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(SCRIPT)
    script = train.load_script(path)
    folder = tmp_path / "run"
    folder.mkdir()
    script.fit({"epochs": 3}, callbacks=[RunFolder(folder, script=path)], checks=False, quiet=True)
    path.unlink()
    run = mg.load(folder)
    iris = data.load("iris")
    with eval_mode(script.model):
        expected = script.model(mg.tensor(iris.scaled().x_val)).numpy()
    np.testing.assert_array_equal(run.outputs(iris.x_val), expected)
    assert run.class_names == iris.class_names
    (folder / "script.py").write_text(SCRIPT + "# another\n")
    with pytest.raises(TrainError, match="has changed since: give the model"):
        mg.load(folder)
    other = mg.load(folder, model=script.model)
    np.testing.assert_array_equal(other.outputs(iris.x_val), expected)
    with pytest.raises(nn.StateMismatch):
        mg.load(folder, model=nn.mlp(4, [3], 3, rng=0))


def test_what_is_no_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainError, match="there is no such file"):
        mg.load(tmp_path)
    with monkeypatch.context() as locked:
        locked.setattr(Path, "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        with pytest.raises(TrainError, match=r"cannot be read \(Permission denied\)"):
            mg.load(tmp_path)
    (tmp_path / "best.safetensors").write_bytes(b"not this")
    with pytest.raises(TrainError, match="cannot be read"):
        mg.load(tmp_path)
    save_file({"w": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(TrainError, match="not those of a run of minigrad"):
        mg.load(tmp_path / "other.safetensors")
    x, y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 3
    model = nn.mlp(4, [5], 3, rng=0)
    (tmp_path / "run").mkdir()
    fit(model, (x, y), epochs=1, checks=False, quiet=True, callbacks=[RunFolder(tmp_path / "run")])
    with pytest.raises(TrainError, match=r"does not say how its model was built: give it by mg\.load\(run, model"):
        mg.load(tmp_path / "run")
    run = mg.load(tmp_path / "run", model=nn.mlp(4, [5], 3, rng=1))
    assert isinstance(run, SavedRun)
    with eval_mode(model):
        expected = model(mg.tensor(x[:7].astype(np.float32))).numpy()
    np.testing.assert_array_equal(run.predict(x[:7].astype(np.float32)), expected)
    with pytest.raises(TrainError, match="was given plain arrays"):
        run.evaluate(x, y)


def test_scores_are_those_of_the_formulas() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 3, 200), rng.dirichlet([1.0, 1.0, 1.0], 200)
    labels[labels == 2] = 1
    counts = ClassCounts(["a", "b", "c"])
    for k in range(0, 200, 33):
        counts.add(scores[k : k + 33], labels[k : k + 33])
    predicted = scores.argmax(axis=1)
    recalls = [np.mean(predicted[labels == k] == k) for k in (0, 1)]
    f1 = []
    for k in range(3):
        hit = np.sum((predicted == k) & (labels == k))
        precision, recall = hit / max(np.sum(predicted == k), 1), hit / max(np.sum(labels == k), 1)
        f1.append(2 * precision * recall / (precision + recall) if hit else 0.0)
    assert counts.figures() == pytest.approx({
        "rows": 200.0, "accuracy": np.mean(predicted == labels), "balanced_accuracy": np.mean(recalls),
        "f1": np.mean(f1), "log_loss": -np.mean(np.log(scores[np.arange(200), labels])),
    })  # fmt: skip
    true, guess = 1e6 + rng.normal(size=(150, 2)), 1e6 + rng.normal(size=(150, 2))
    sums = NumberSums(2)
    for k in range(0, 150, 40):
        sums.add(guess[k : k + 40], true[k : k + 40])
    error = guess - true
    r2 = 1.0 - (error**2).sum(axis=0) / ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    assert sums.figures() == pytest.approx({
        "rows": 150.0, "rmse": np.mean(np.sqrt((error**2).mean(axis=0))), "mae": np.abs(error).mean(), "r2": r2.mean(),
    })  # fmt: skip
