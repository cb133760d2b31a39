"""Splits: every row once, shares per class kept, no identical rows on two sides, decided by the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad.data as data

FAST = settings(max_examples=80, deadline=None)


@FAST
@given(
    rows=st.integers(4, 80),
    values=st.integers(2, 40),
    classes=st.integers(1, 4),
    val=st.floats(0.05, 0.9),
    seed=st.integers(0, 99),
)
def test_partition_without_leak(rows: int, values: int, classes: int, val: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, values, (rows, 1)) * 1.0, rng.integers(0, classes, rows)
    x[:2, 0] = 0.0, 1.0  # two distinct rows of one class, so that a split exists
    y[:2] = 0
    train, held = data.split_rows(x, y, val, seed)
    assert sorted([*train, *held]) == list(range(rows))
    assert not set(x[train, 0]) & set(x[held, 0])
    again = data.split_rows(x, y, val, seed)
    assert np.array_equal(again[0], train)
    assert np.array_equal(again[1], held)


@FAST
@given(sizes=st.lists(st.integers(2, 60), min_size=1, max_size=5), val=st.floats(0.02, 0.95), seed=st.integers(0, 99))
def test_each_class_gives_its_share(sizes: list[int], val: float, seed: int) -> None:
    y = np.repeat(np.arange(len(sizes)), sizes)
    _, held = data.split_rows(np.arange(len(y)), y, val, seed)
    for label, size in enumerate(sizes):
        assert int((y[held] == label).sum()) == min(max(1, round(val * size)), size - 1)


def test_another_seed_gives_another_split() -> None:
    x, y = np.arange(100.0), np.arange(100) % 2
    splits = {tuple(sorted(data.split_rows(x, y, seed=seed)[1].tolist())) for seed in range(5)}
    assert len(splits) == 5


def test_both_sides_are_shuffled() -> None:
    train, held = data.split_rows(np.arange(100.0), np.repeat([0, 1], 50))
    assert sorted(train) != list(train)
    assert sorted(held) != list(held)


def test_zero_and_minus_zero_are_one_value() -> None:
    x, y = np.array([[0.0], [-0.0], [1.0], [2.0]]), np.zeros(4, np.int64)
    for seed in range(20):
        _, held = data.split_rows(x, y, 0.25, seed)
        assert not {0, 1} <= set(held.tolist()) ^ {0, 1} or not {0, 1} & set(held.tolist())
        assert len({0, 1} & set(held.tolist())) in (0, 2)


def test_regression_targets_are_spread_over_both_sides() -> None:
    y = np.random.default_rng(0).permutation(200) * 1.0
    for seed in range(5):
        _, held = data.split_rows(np.arange(200), y, 0.2, seed)
        tenths = np.bincount((y[held] // 20).astype(int), minlength=10)
        assert tenths.tolist() == [4] * 10


def test_resplit_pools_everything() -> None:
    iris = data.load("iris")
    again = data.resplit(iris, 0.5, seed=7)
    assert (len(again.x_train), len(again.x_val)) == (75, 75)
    both = [np.concatenate([it.x_train, it.x_val]) for it in (iris, again)]
    np.testing.assert_array_equal(both[0][np.lexsort(both[0].T)], both[1][np.lexsort(both[1].T)])
    assert not {r.tobytes() for r in again.x_train} & {r.tobytes() for r in again.x_val}


def test_iris_twins_stay_together() -> None:
    # iris holds two identical flowers; without grouping, about one split in three would separate them
    for seed in range(30):
        it = data.load("iris", seed=seed)
        assert not {r.tobytes() for r in it.x_train} & {r.tobytes() for r in it.x_val}


@pytest.mark.parametrize(
    ("val", "seed", "message"),
    [
        (0.0, 0, "val=0.0"),
        (1.0, 0, "val=1.0"),
        (float("nan"), 0, "val=nan"),
        (-0.1, 0, "val=-0.1"),
        (0.2, -1, "seed=-1"),
        (0.2, True, "seed=True"),
    ],
)
def test_bad_arguments(val: float, seed: int, message: str) -> None:
    with pytest.raises(data.DataError, match=message):
        data.split_rows(np.arange(9), np.zeros(9), val, seed)


def test_impossible_splits() -> None:
    with pytest.raises(data.DataError, match="too few distinct rows"):
        data.split_rows(np.zeros((5, 2)), np.zeros(5, np.int64))
    with pytest.raises(data.DataError, match="x has 3 rows"):
        data.split_rows(np.zeros((3, 2)), np.zeros(5, np.int64))
