"""Figures of the data and of loss curves, against plain ways to get them."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import data
from minigrad.data.arrays import any_real, row_keys
from minigrad.diagnosis.curve import curve_of
from minigrad.diagnosis.data_stats import batch_order, data_facts
from minigrad.diagnosis.evidence import DataFacts

Raw = np.ndarray


def facts(*arrays: Raw) -> DataFacts:
    """Of arrays of any dtype."""
    return data_facts(*map(any_real, arrays))


@pytest.mark.parametrize("seed", range(6))
def test_shared_rows_are_counted_as_digests_count_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (300, 3 + 9 * seed)).astype(np.float32)
    val = rng.integers(0, 3, (80, x.shape[1])).astype(np.float32)
    val[: 5 * seed] = x[10 : 10 + 5 * seed]
    val[val == 0] = -0.0
    y, y_val = rng.integers(0, 2, 300), rng.integers(0, 2, 80)
    known = set(row_keys(x))
    expected = np.mean([key in known for key in row_keys(val)])
    assert facts(x, y, val, y_val).shared == pytest.approx(expected)


def test_rows_that_differ_in_a_dull_column_are_not_shared() -> None:
    x = np.random.default_rng(0).standard_normal((200, 40)).astype(np.float32)
    x[:, 7] *= 1e-6
    val = x[:50].copy()
    val[:, 7] += 1e-3
    assert facts(x, np.zeros(200, int), val, np.zeros(50, int)).shared == 0.0


def test_simple_rules_know_what_can_be_known() -> None:
    d = data.load("iris").scaled()
    found = facts(d.x_train, d.y_train, d.x_val, d.y_val)
    assert found.simple is not None
    assert found.simple.val > 0.7
    rng = np.random.default_rng(0)
    found = facts(d.x_train, rng.permutation(d.y_train), d.x_val, rng.permutation(d.y_val))
    assert found.simple is not None
    assert found.simple.val < 0.3
    x = rng.standard_normal((300, 4))
    y = x @ np.array([1.0, -2.0, 0.5, 0.0])
    linear = facts(x[:200], y[:200], x[200:], y[200:])
    assert linear.simple is not None
    assert linear.simple.val > 0.95
    column = facts(x[:200], y[:200, None], x[200:], y[200:, None])
    assert column.simple == linear.simple, "a column of targets is what a vector is"


def test_the_order_of_batches() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 5, 1000)

    def ratio(order: np.ndarray) -> float:
        found = batch_order([any_real(y[order][i : i + 20]) for i in range(0, 1000, 20)], any_real(y))
        assert found is not None
        return found

    assert 0.4 < ratio(rng.permutation(1000)) < 1.8
    assert ratio(np.argsort(y)) > 15.0


def test_values_that_cannot_be_trained_on_are_placed() -> None:
    x = np.zeros((4, 3), np.float32)
    x[2, 1] = np.inf
    assert "x_train[2, 1] is inf, and 1 values" in facts(x, np.zeros(4, int)).broken
    assert "label -1" in facts(np.ones((4, 3)), np.array([0, 1, -1, 0])).broken


STEPS = np.arange(400.0)
NOISE = 0.01 * np.random.default_rng(0).standard_normal(400)


@pytest.mark.parametrize(
    ("verdict", "losses"),
    [
        ("good", 0.2 + 2.0 * np.exp(-STEPS / 40.0) + NOISE),
        ("linear", 2.3 - 0.8 * STEPS / 400.0 + NOISE),
        ("stuck", 1.5 + 0.8 * np.exp(-STEPS / 30.0) + 40.0 * NOISE),
        ("flat", 2.3 + NOISE),
        ("diverging", 2.3 + 0.02 * STEPS),
        ("diverging", 2.3 + 50.0 * np.exp(-(((STEPS - 50.0) / 20.0) ** 2))),
    ],
)
def test_the_shape_of_a_curve(verdict: str, losses: np.ndarray) -> None:
    found = curve_of(losses.tolist(), 2.3)
    assert found is not None
    assert found.verdict == verdict


def test_wiggle_is_the_noise_about_the_trend() -> None:
    rng = np.random.default_rng(2)
    for spread in (0.05, 0.2):
        found = curve_of((1.0 + spread * rng.standard_normal(4000)).tolist(), 2.0)
        assert found is not None
        assert found.wiggle == pytest.approx(spread / 2.0, rel=0.1)


def test_a_handful_of_losses_makes_no_curve() -> None:
    assert curve_of([1.0] * 7) is None
    assert curve_of([float("nan")] * 50) is None
