"""`check` names the split, row and column of what cannot be trained on; `find_issues` reports what is doubtful."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad.data as data
from minigrad import diagnosis


def codes(it: data.Dataset) -> list[str]:
    return [finding.code for finding in data.find_issues(it)]


@settings(max_examples=60, deadline=None)
@given(
    split=st.sampled_from(["train", "val"]),
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
    rows=st.sets(st.integers(0, 29), min_size=1, max_size=5),
    column=st.integers(0, 3),
)
def test_the_first_bad_row_is_named(split: str, bad: float, rows: set[int], column: int) -> None:
    iris = data.load("iris")
    x = np.array(iris.x_val if split == "val" else iris.x_train)
    x[list(rows), column] = bad
    broken = attrs.evolve(iris, x_val=x) if split == "val" else attrs.evolve(iris, x_train=x)
    with pytest.raises(data.DataValueError) as caught:
        data.check(broken)
    assert caught.value.row == min(rows)
    assert caught.value.where == f"iris: x_{split}"
    assert f"column {column} ({iris.feature_names[column]}) is {bad}" in str(caught.value)
    assert ("more rows" in str(caught.value)) == (len(rows) > 1)


def test_nan_target() -> None:
    diabetes = data.load("diabetes")
    y = np.array(diabetes.y_train)
    y[17] = np.nan
    with pytest.raises(data.DataValueError, match="y_train row 17"):
        data.check(attrs.evolve(diabetes, y_train=y))


@pytest.mark.parametrize("label", [-1, 3, 2**40])
def test_labels_out_of_range(label: int) -> None:
    iris = data.load("iris")
    y = np.array(iris.y_val)
    y[5] = label
    with pytest.raises(data.DataValueError, match=f"iris: y_val row 5: label {label}. With 3 classes, .* 0 to 2"):
        data.check(attrs.evolve(iris, y_val=y))


def test_float_labels() -> None:
    with pytest.raises(data.DataValueError, match="dtype float64"):
        data.check_labels(np.zeros(4), 2)


def test_clean_data_passes_and_empty_data_too() -> None:
    data.check_finite(np.zeros((0, 3)))
    data.check_finite(np.array([np.iinfo(np.int64).max]))
    data.check_labels(np.zeros(0, np.int64), 2)


def test_leak() -> None:
    digits = data.load("digits").scaled()
    assert "LEAK" not in codes(digits)
    x = np.array(digits.x_val)
    x[:4] = digits.x_train[:4]
    (finding,) = [f for f in data.find_issues(attrs.evolve(digits, x_val=x)) if f.code == "LEAK"]
    assert finding.level == "FAULT"
    assert "4 of 359" in finding.message


def test_scale_and_shift() -> None:
    wine = data.load("wine", val=0.4).scaled()
    assert codes(wine) == []
    assert codes(attrs.evolve(wine, x_train=wine.x_train * 100, x_val=wine.x_val * 100)) == ["INPUT_SCALE"]
    assert codes(attrs.evolve(wine, x_train=wine.x_train / 100, x_val=wine.x_val / 100)) == ["INPUT_SCALE"]
    x = np.array(wine.x_train)
    x[3, 2] = -21.0
    assert codes(attrs.evolve(wine, x_train=x)) == [], "one value says nothing of the scale of a column"
    x = np.array(wine.x_train)
    x[:, 2] *= 1000.0
    val = np.array(wine.x_val)
    val[:, 2] *= 1000.0
    assert codes(attrs.evolve(wine, x_train=x, x_val=val)) == ["INPUT_SCALE"]
    assert codes(attrs.evolve(wine, x_val=wine.x_val * 3)) == ["VAL_SHIFT"]
    assert codes(attrs.evolve(wine, x_val=wine.x_val + np.float32(2))) == ["VAL_SHIFT"]


def test_classes() -> None:
    blobs = data.blobs(300, 3).scaled()
    few = np.flatnonzero((blobs.y_train == 0) | (np.arange(len(blobs.y_train)) < 6))
    lopsided = attrs.evolve(blobs, x_train=blobs.x_train[few], y_train=blobs.y_train[few])
    assert "IMBALANCE" in codes(lopsided)
    only = np.flatnonzero(blobs.y_train != 2)
    missing = attrs.evolve(blobs, x_train=blobs.x_train[only], y_train=blobs.y_train[only])
    assert "MISSING_CLASS" in codes(missing)
    assert codes(blobs) == []


def test_sorted_labels_without_shuffling() -> None:
    digits = data.load("digits").scaled()
    order = np.argsort(digits.y_train, kind="stable")
    stored = attrs.evolve(digits, x_train=digits.x_train[order], y_train=digits.y_train[order])
    (finding,) = [f for f in data.find_issues(stored, unshuffled=32) if f.code == "UNSHUFFLED"]
    assert finding.level == "FAULT"
    assert "shuffled ones 9.7" in finding.message  # 10 (1 - 0.9^32) = 9.657
    for it, size in ((stored, 0), (stored, 4), (digits, 32)):
        assert "UNSHUFFLED" not in [f.code for f in data.find_issues(it, unshuffled=size)]


def test_conflict_and_constant() -> None:
    blobs = data.blobs(300, 3).scaled()
    x, y = np.array(blobs.x_train), np.array(blobs.y_train)
    x[1], y[1] = x[0], (y[0] + 1) % 3
    assert codes(attrs.evolve(blobs, x_train=x, y_train=y)) == ["CONFLICT"]
    x = np.array(blobs.x_train)
    x[:, 1] = 0.5
    assert codes(attrs.evolve(blobs, x_train=x)) == ["CONSTANT"]


def test_old_names_warn_and_are_the_new_ones() -> None:
    for module, old, new in (
        (data, "inspect", "find_issues"),
        (data, "Frozen", "FixedSeed"),
        (diagnosis, "judge", "diagnose"),
    ):
        with pytest.warns(DeprecationWarning, match=f"{old} is now {module.__name__}.{new}"):
            assert getattr(module, old) is getattr(module, new)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = vars(data)["__getattr__"]("nonsense")
