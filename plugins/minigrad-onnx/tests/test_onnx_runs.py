"""Saved runs as ONNX files that take rows as people have them: answers and refusals of `train.load(run)`."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, train
from minigrad.cli import main
from minigrad_onnx import OnnxExportError, OnnxImportError, export_onnx, export_run, import_onnx

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(19)
FLOWERS = ("rose", "tulip", "oxeye daisy")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def _row(k: int) -> dict[str, object]:
    flower = FLOWERS[k % 3]
    cut = date(2020, 1, 1) + timedelta(days=int(RNG.integers(900)))
    height = RNG.normal(30.0 + 8.0 * (k % 3), 3.0)
    return {
        "weight": f"{1e6 + RNG.normal():.4f}",
        "height": "" if k % 7 == 1 else f"{height:.3f}",
        "colour": "" if k % 11 == 2 else ("red", "white", "yellow")[int(RNG.integers(3))],
        "bed": ("north", "south")[int(RNG.integers(2))],
        "cut": "" if k % 13 == 3 else str(cut),
        "flower": flower,
        "price": f"{2.0 + 0.5 * (k % 3) + 0.1 * RNG.random():.3f}",
        "scent": ("no", "yes")[k % 2],
        "thorns": ("no", "yes")[k % 3 == 0],
    }


def _write_table(path: str, left_out: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = [{n: v for n, v in _row(k).items() if n not in left_out} for k in range(180)]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def _trained(capsys, *options: str) -> train.SavedRun:
    assert main(["train", *options, "--epochs", "4", "--seed", "1", "--no-checks", "--no-diagnosis"]) == 0
    capsys.readouterr()
    (folder,) = Path("runs").iterdir()
    return train.load(folder)


def _session(run: train.SavedRun, path: str = "run.onnx") -> Any:
    export_run(run, path)
    return _opened(path)


def _opened(path: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options)


_KINDS = {"weight": float, "height": float, "cut": "day"}


def _cells(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    texts = [str(row[name]) for row in rows]
    if _KINDS.get(name) is float:
        return np.array([float(t or "nan") for t in texts])
    if name in _KINDS:
        days = np.array([t or "NaT" for t in texts], "datetime64[D]")
        return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(float))
    return np.array(texts, object)


def _inputs(session: Any, rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {i.name: _cells(rows, i.name) for i in session.get_inputs()}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[object]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.mark.parametrize("count", [180, 1])
def test_a_table_of_numbers_words_dates_and_gaps(capsys, count):
    rows = _write_table("flowers.csv", ("price", "scent", "thorns"))
    run = _trained(capsys, "--data", "flowers.csv", "--target", "flower")
    session = _session(run)
    assert [i.name for i in session.get_inputs()] == ["weight", "height", "colour", "bed", "cut"]
    assert [o.name for o in session.get_outputs()] == ["prediction", "probabilities", "y"]
    prediction, shares, scores = session.run(None, _inputs(session, rows[:count]))
    table = _columns(rows[:count])
    np.testing.assert_array_equal(prediction, run.predict(table))
    np.testing.assert_allclose(shares, run.predict_proba(table), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores, run.outputs(table), rtol=1e-5, atol=1e-5)
    assert len(set(prediction)) > 1 or count == 1


def _inputs_of(run: train.SavedRun) -> Any:
    assert run.preparation is not None
    return run.preparation.inputs


def _read_back(cells: dict[str, np.ndarray]) -> Any:
    return import_onnx("run.onnx")(*(mg.tensor(x) if x.dtype.kind == "f" else x for x in cells.values()))


def test_the_file_of_a_run_is_read_back(capsys):
    rows = _write_table("flowers.csv", ("price", "scent", "thorns"))
    run = _trained(capsys, "--data", "flowers.csv", "--target", "flower")
    session = _session(run)
    cells = _inputs(session, rows)
    prediction, shares, scores = _read_back(cells)
    np.testing.assert_array_equal(prediction, run.predict(_columns(rows)))
    for ours, theirs in zip((shares, scores), session.run(None, cells)[1:], strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5, atol=1e-5)
    assert set(import_onnx("run.onnx").weights) == {name for name, _ in run.model.named_parameters()}
    cells["bed"][3] = "east"
    with pytest.raises(OnnxImportError, match="node Gather"):
        _read_back(cells)


def test_numbers_come_in_their_own_units(capsys):
    rows = _write_table("flowers.csv", ("scent", "thorns", "flower"))
    run = _trained(capsys, "--data", "flowers.csv", "--target", "price")
    session = _session(run)
    prediction, _ = session.run(None, _inputs(session, rows))
    assert prediction.dtype == np.float64
    np.testing.assert_allclose(prediction, np.asarray(run.predict(_columns(rows)), float), rtol=1e-5)
    assert 1.5 < prediction.mean() < 3.5


def test_labels_are_words_and_shares(capsys):
    rows = _write_table("flowers.csv", ("price",))
    run = _trained(capsys, "--data", "flowers.csv", "--target", "scent,thorns")
    session = _session(run)
    prediction, shares, _ = session.run(None, _inputs(session, rows))
    np.testing.assert_array_equal(prediction, run.predict(_columns(rows)))
    np.testing.assert_allclose(shares, run.predict_proba(_columns(rows)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("bed", "east", "unknown word in column bed"),
        ("bed", "", "unknown word in column bed"),
        ("colour", "blue", "unknown word in column colour"),
        ("weight", np.nan, "no number in column weight"),
        ("height", np.inf, "no number in column height"),
    ],
)
def test_what_a_run_refuses_its_file_refuses_too(capsys, column, cell, words):
    rows = _write_table("flowers.csv", ("price", "scent", "thorns"))
    run = _trained(capsys, "--data", "flowers.csv", "--target", "flower")
    session = _session(run)
    cells = _inputs(session, rows[:4])
    session.run(None, cells)
    cells[column][2] = cell
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument, match=words):
        session.run(None, cells)
    with pytest.raises(data.DataError, match=column):
        run.predict({**_columns(rows[:4]), column: [cell if c == cell or c != c else c for c in cells[column]]})


def test_rows_of_arrays_and_texts(capsys):
    run = _trained(capsys, "--data", "digits", "--model", "conv")
    raw = data.load("digits").x_val[:7]
    session = _session(run)
    (rows,) = session.get_inputs()
    assert (rows.name, rows.type) == ("rows", "tensor(double)")
    prediction, shares, _ = session.run(None, {"rows": raw.astype(np.float64)})
    np.testing.assert_array_equal(prediction, run.predict(raw))
    np.testing.assert_allclose(shares, run.predict_proba(raw), rtol=1e-5, atol=1e-6)


def test_a_text_goes_in_by_its_characters(capsys):
    Path("text.txt").write_text("the quick brown fox jumps over the lazy dog.\n" * 60, encoding="utf-8")
    run = _trained(capsys, "--data", "text.txt")
    session = _session(run)
    (characters,) = session.get_inputs()
    window, inputs = characters.shape[1], _inputs_of(run)
    text = ("quick brown fox jumps over the lazy dog.\nthe " * 60)[: 2 * window]
    letters = np.array([list(text[:window]), list(text[window:])], object)
    prediction, shares, scores = session.run(None, {"characters": letters})
    numbers = np.stack([inputs.encode("".join(line)) for line in letters])
    with nn.Module.mode(run.model, training=False):
        expected = run.model(numbers).numpy()
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
    alphabet = np.array(list(inputs.alphabet))
    np.testing.assert_array_equal(prediction, alphabet[expected.argmax(-1)])
    np.testing.assert_allclose(shares.sum(-1), 1.0, rtol=1e-9)
    letters[0, 3] = "\u20ac"
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument, match="unknown character"):
        session.run(None, {"characters": letters})


def test_a_column_may_be_named_like_anything(capsys):
    rows = _write_table("flowers.csv", ("price", "scent", "thorns"))
    taken = ("y", "prediction", "unsqueeze_1", "constant_0", "layers.0.weight")
    names = dict(zip(("weight", "height", "colour", "bed", "cut"), taken, strict=True))
    renamed = [{names.get(n, n): v for n, v in row.items()} for row in rows]
    with open("flowers.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(renamed[0]))
        writer.writeheader()
        writer.writerows(renamed)
    run = _trained(capsys, "--data", "flowers.csv", "--target", "flower")
    session = _session(run)
    assert [i.name for i in session.get_inputs()] == list(names.values())
    cells = {names[n]: _cells(rows, n) for n in names}
    np.testing.assert_array_equal(session.run(None, cells)[0], run.predict(_columns(renamed)))


def test_a_run_without_a_preparation_and_a_preparation_beside_names_are_refused(capsys, tmp_path):
    model = nn.mlp(2, [4], 3, rng=0)
    alone = train.SavedRun(tmp_path, model, None, {})
    with pytest.raises(OnnxExportError, match=r"no preparation: export_onnx\(run\.model"):
        export_run(alone)
    _write_table("flowers.csv", ("price", "scent", "thorns"))
    run = _trained(capsys, "--data", "flowers.csv", "--target", "flower")
    x = np.zeros((2, len(_inputs_of(run).features)), np.float32)
    with pytest.raises(OnnxExportError, match="inputs of its own"):
        export_onnx(run.model, x, preparation=run.preparation, input_names=["rows"])
