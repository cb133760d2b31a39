"""Rules about rows, on data that are as they should be and yet unusual, and on the mistakes they look like."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from minigrad.cli import main
from minigrad.core.types import Array
from minigrad.data.arrays import any_real
from minigrad.diagnosis import Catalog, Evidence, diagnose, rules
from minigrad.diagnosis.data_stats import data_facts

OF_DATA = Catalog(tuple(pair for pair in rules() if pair[1].family == "data"))


def faults(x: np.ndarray, y: np.ndarray, train: int | None = None) -> list[str]:
    """FAULTs of the rules about rows; the first three quarters are training rows."""
    cut = train or len(x) * 3 // 4
    facts = data_facts(any_real(x[:cut]), any_real(y[:cut]), any_real(x[cut:]), any_real(y[cut:]))
    return [f.code for f in diagnose(Evidence(data=facts), OF_DATA).faults]


def standardised(x: np.ndarray) -> Array:
    spread = x.std(axis=0)
    return any_real(((x - x.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)).astype(np.float32))


RNG = np.random.default_rng(7)
NORMAL = RNG.standard_normal((800, 8))
CLASSES = (NORMAL[:, 0] > 0.0).astype(np.int64)


@pytest.mark.parametrize("scaled", [True, False])
def test_rare_one_hot_and_word_columns_are_well_scaled(scaled: bool) -> None:
    rare = np.column_stack([NORMAL, RNG.uniform(size=800) < 0.005])
    one_hot = np.column_stack([np.eye(40)[RNG.integers(0, 40, 800)], NORMAL])
    words = RNG.poisson(0.02, (800, 1000)) + 0.0
    words[np.arange(800), RNG.integers(0, 1000, 800)] += 1.0
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    for x in (rare, one_hot, words):
        assert "INPUT_SCALE" not in faults(standardised(x) if scaled else x, CLASSES)


@pytest.mark.parametrize("factor", [100.0, 1e-4])
def test_unscaled_inputs_are_seen(factor: float) -> None:
    assert faults(NORMAL * factor, CLASSES) == ["INPUT_SCALE"]
    huge = NORMAL.copy()
    huge[:, 3] *= 1000.0
    assert faults(huge, CLASSES) == ["INPUT_SCALE"]
    assert faults(NORMAL + 1000.0, CLASSES) == ["INPUT_SCALE"]


def windows(values: np.ndarray, lags: int) -> tuple[np.ndarray, np.ndarray]:
    rows = len(values) - lags
    x = np.stack([values[i : i + lags] for i in range(rows)])
    y = values[lags:]
    return (x - x[: rows * 3 // 4].mean()) / x[: rows * 3 // 4].std(), (y - y.mean()) / y.std()


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("trend", [0.0, 0.003])
def test_a_smooth_series_gives_nothing_away_and_is_not_badly_scaled(noise: float, trend: float) -> None:
    t = np.arange(1000.0)
    x, y = windows(np.sin(t / 25.0) + trend * t + noise * RNG.standard_normal(1000), 8)
    assert abs(float(np.corrcoef(x[:, -1], y)[0, 1])) > 0.97
    assert faults(x, y) == []


@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_the_target_among_the_columns_is_seen(noise: float) -> None:
    y = NORMAL[:, 0] - 0.5 * NORMAL[:, 1] + 0.4 * RNG.standard_normal(800)
    x = np.column_stack([NORMAL, 3.0 * y + 1.0 + noise * RNG.standard_normal(800)])
    assert faults(x, y) == ["TARGET_LEAK"]
    labels = (y > 0.0).astype(np.int64)
    assert faults(np.column_stack([NORMAL, 1.0 - 2.0 * labels]), labels) == ["TARGET_LEAK"]
    assert faults(np.column_stack([NORMAL, y + 0.3 * RNG.standard_normal(800)]), y) == []


def test_text_whose_targets_were_not_moved() -> None:
    text = RNG.integers(0, 30, 4001)
    x, y = text[:4000].reshape(250, 16), text[1:].reshape(250, 16)
    assert faults(x, y) == []
    assert faults(x, x.copy()) == ["TARGET_LEAK"]


def test_equal_rows_of_rare_columns_are_no_leak_and_copies_are() -> None:
    x = (RNG.uniform(size=(800, 12)) < 0.05) + 0.0
    assert faults(standardised(x), CLASSES) == []
    leaked = NORMAL.copy()
    leaked = np.column_stack([leaked, RNG.standard_normal((800, 6))])
    leaked[650:750] = leaked[:100]
    assert faults(leaked, CLASSES) == ["LEAK"]


def test_wrong_scaling_of_one_split_is_told_from_drift() -> None:
    y = NORMAL[:, 0] + 0.1 * RNG.standard_normal(800)
    wrong = NORMAL.copy()
    wrong[600:] *= 8.0
    assert faults(wrong, y) == ["VAL_SHIFT"]
    wrong = NORMAL.copy()
    wrong[600:] += 3.0
    assert faults(wrong, y) == ["VAL_SHIFT"]
    drifting = NORMAL + np.linspace(0.0, 4.0, 800)[:, None]
    assert "VAL_SHIFT" not in faults(drifting, y)


def test_columns_that_only_validation_rows_have_values_in() -> None:
    blank = NORMAL.copy()
    blank[:600, 6:] = 0.25
    assert faults(blank, CLASSES) == ["VAL_SHIFT"]
    facts = data_facts(any_real(blank[:600]), any_real(CLASSES[:600]), any_real(blank[600:]), any_real(CLASSES[600:]))
    assert facts.blank == 2 / 8
    rare = np.column_stack([NORMAL, np.zeros((800, 4))])
    rare[798:, 8:] = 1.0  # a switch that is seldom on may never be on among the training rows
    assert faults(rare, CLASSES) == []
    rng = np.random.default_rng(12)
    y = any_real(rng.integers(0, 2, 1500))
    hot = np.eye(60)[rng.integers(0, 60, 1500)]
    hot[:1200, 30:] = 0.0  # each column alone might be so by chance, one in a million times
    assert data_facts(any_real(hot[:1200]), y[:1200], any_real(hot[1200:]), y[1200:]).blank > 0.3
    words = (rng.uniform(size=(1500, 900)) < 0.002) + 0.0
    assert data_facts(any_real(words[:1200]), y[:1200], any_real(words[1200:]), y[1200:]).blank == 0.0
    turned = NORMAL.copy()
    turned[600:, 6:] = 0.0  # the other way round nothing is lost: what was learnt of these columns is not asked for
    assert "VAL_SHIFT" not in faults(turned, CLASSES)


def test_doctor_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=(100.0 * NORMAL).astype(np.float32), y=CLASSES)
    assert main(["doctor", "--data", str(path)]) == 0
    out = capsys.readouterr().out
    assert "FAULT INPUT_SCALE" in out
    assert "learning rate" not in out
    assert main(["doctor", "--data", str(path), "--strict", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert [f["code"] for f in document["findings"]] == ["INPUT_SCALE"]
    np.savez(path, x=NORMAL.astype(np.float32), y=CLASSES)
    assert main(["doctor", "--data", str(path), "--strict"]) == 0
    for wrong in ([], ["script.py", "--data", str(path)]):
        with pytest.raises(SystemExit, match="2"):
            main(["doctor", *wrong])
