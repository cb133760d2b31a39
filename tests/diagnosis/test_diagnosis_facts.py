"""Figures of the data and of loss curves, against plain ways to get them."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import data
from minigrad.data.arrays import any_real, row_keys
from minigrad.data.measure import moments_of
from minigrad.diagnosis.curve import curve_of
from minigrad.diagnosis.data_stats import batch_order, data_facts
from minigrad.diagnosis.evidence import DataFacts
from minigrad.diagnosis.probing.batches_seen import SeenBatches
from minigrad.diagnosis.probing.leakage import leakage_of
from minigrad.diagnosis.probing.row_words import row_words, telling_columns
from minigrad.diagnosis.probing.split_tests import told_apart
from minigrad.train.splits import Rows, Split

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


def explained(y: Raw, predicted: Raw) -> float:
    """R^2."""
    return 1.0 - float(((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


@pytest.mark.parametrize(("columns", "curved"), [(60, False), (5, True)])
def test_simple_rules_are_five_neighbours_and_ridge_regression(columns: int, curved: bool) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((400, columns))
    x[:, 1] *= 100.0
    y = np.abs(x[:, 0]) if curved else x[:, 0] + 0.01 * x[:, 1] + 0.3 * rng.standard_normal(400)
    a, v = ((part - x[:300].mean(axis=0)) / x[:300].std(axis=0) for part in (x[:300], x[300:]))
    apart = ((v[:, None] - a) ** 2).sum(axis=2)
    near = y[:300][np.argsort(apart, axis=1)[:, :5]].mean(axis=1)
    strength = 0.1 * (a**2).sum() / 300
    ridge = v @ np.linalg.solve(a.T @ a + strength * np.eye(columns), a.T @ (y[:300] - y[:300].mean())) + y[:300].mean()
    simple = facts(x[:300], y[:300], x[300:], y[300:]).simple
    assert simple is not None
    best = max(explained(y[300:], near), explained(y[300:], ridge))
    mean = y[:300].mean()
    total, own = (((y[300:] - middle) ** 2).sum() for middle in (mean, y[300:].mean()))
    assert simple.val == pytest.approx(1.0 - (1.0 - best) * own / total, abs=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_are_those_of_numpy_whatever_the_first_row(dtype: type) -> None:
    rng = np.random.default_rng(3)
    x: Raw = (rng.standard_normal((500, 300)) * np.geomspace(1e-3, 1e3, 300) + 50.0).astype(dtype)
    x[0] = 1e6  # far from all others
    x[:, 4] = 7.3
    rows = np.sort(rng.permutation(500)[:400])
    for taken in (None, rows):
        part = (x if taken is None else x[taken]).astype(np.float64)
        moments = moments_of(any_real(x), taken)
        assert moments.deviations[4] == 0.0
        np.testing.assert_allclose(moments.means, part.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(moments.deviations, np.where(np.arange(300) == 4, 0.0, part.std(axis=0)), rtol=1e-7)
        np.testing.assert_allclose(moments.row_means, part.mean(axis=1), rtol=1e-9)
        np.testing.assert_allclose(moments.row_norms, np.linalg.norm(part, axis=1), rtol=1e-9)
        assert moments.largest == np.abs(part).max()
        assert moments.std == pytest.approx(part.std(), rel=1e-9)
        assert moments.mean == pytest.approx(part.mean(), rel=1e-9)


@pytest.mark.parametrize("kind", ["few levels", "tiny differences", "symbols"])
def test_words_are_equal_where_rows_are_equal(kind: str) -> None:
    rng = np.random.default_rng(11)
    x: Raw = rng.integers(0, 4, (3000, 6))
    if kind != "symbols":
        x = (x * (1.0 if kind == "few levels" else 2.0**-50) + (kind == "tiny differences")).astype(np.float64)
    columns = np.array([5, 0, 3, 2, 4])
    words = row_words(any_real(x), columns).tolist()
    rows = [tuple(row) for row in x[:, columns].tolist()]
    assert len(set(zip(rows, words, strict=True))) == len(set(rows)) == len(set(words))
    if kind == "few levels":
        assert row_words(any_real(-x.astype(np.float32) * -1.0), columns).tolist() == words


@pytest.mark.parametrize("categories", [40, 300])
def test_one_hot_rows_are_told_apart_by_nearly_all_columns(categories: int) -> None:
    rng = np.random.default_rng(2)
    x = np.eye(categories, dtype=np.float32)[rng.integers(0, categories, 2000)]
    words = row_words(any_real(x), telling_columns(any_real(x)))
    assert len(np.unique(words)) > 0.95 * len(np.unique(x, axis=0))
    pictures = any_real(rng.uniform(size=(500, 784)).astype(np.float32))
    assert len(telling_columns(pictures)) == 16


def test_rows_in_the_order_of_one_column_are_seen() -> None:
    rng = np.random.default_rng(10)
    y = any_real(rng.standard_normal((640, 5)))
    for order, sorted_by in ((rng.permutation(640), None), (np.argsort(y[:, 0]), 0), (np.argsort(y[:, 3]), 3)):
        batches = [y[order[start : start + 32]] for start in range(0, 640, 32)]
        ratio = batch_order(batches, y)
        assert ratio is not None
        assert ratio > 20.0 if sorted_by is not None else ratio < 3.0


def test_equal_rows_of_two_samples_are_of_one_kind() -> None:
    """Each row has equal ones in both samples, and none of these is nearer than the others."""
    rng = np.random.default_rng(4)
    kinds = (rng.uniform(size=(12, 30)) < 0.1).astype(np.float32)
    a, v = (any_real(kinds[rng.integers(0, 12, 60)]) for _ in range(2))
    assert told_apart(a, v) == 0.0
    assert told_apart(a, any_real(1.0 - v)) > 0.9


def test_rows_of_batches_are_those_of_the_data_or_equal_to_them() -> None:
    rng = np.random.default_rng(6)
    x = any_real(np.eye(5, dtype=np.float32)[rng.integers(0, 4, 200)])  # every row is like some fifty others
    y = any_real(rng.integers(0, 2, 200))
    for rows, used, alike in ((200, 1.0, 0.0), (1, np.mean((x == x[0]).all(axis=1)), 1.0)):
        seen = SeenBatches(Split(Rows(x, y), None, ""))
        for start in range(0, 200, 20):
            part = np.arange(start, start + 20) % rows
            seen.inputs = x[part]
            seen.note(y[part])
        result = seen.result(10)
        assert result is not None
        assert result.used == pytest.approx(used)
        assert result.alike == alike


def test_what_a_column_leaves_of_the_target() -> None:
    rng = np.random.default_rng(8)
    x = rng.standard_normal((300, 6))
    labels = rng.integers(0, 4, 300)
    x[:, 2] += 3.0 * labels
    within = sum(((x[labels == c] - x[labels == c].mean(axis=0)) ** 2).sum(axis=0) for c in range(4))
    expected = within / ((x - x.mean(axis=0)) ** 2).sum(axis=0)
    leak = leakage_of(any_real(x), np.arange(300), any_real(labels), classes=True)
    assert (leak.column, leak.others is None) == (2, bool(expected[2] >= 0.1))
    assert leak.left == pytest.approx(expected[2])
    y = np.stack([x[:, 0] + x[:, 1], 2.0 * x[:, 3] + 0.01 * x[:, 1]], axis=1)
    leak = leakage_of(any_real(x), np.arange(300), any_real(y), classes=False)
    r = np.array([[np.corrcoef(column, goal)[0, 1] for column in x.T] for goal in y.T])
    assert leak.left == pytest.approx((1.0 - r**2).min())
    assert leak.column == 3
    assert leak.others is not None
    assert leak.others > 0.3


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
