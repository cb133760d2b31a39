"""`Dataset`, its scaling, the generated sets and the names."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest

import minigrad.data as data


def test_scaled_images_flat_and_as_planes() -> None:
    fashion = data.load("fashion")
    flat, planes = fashion.scaled(), fashion.scaled("image", "unit")
    assert (flat.x_train.shape, flat.x_val.shape) == ((5000, 784), (1000, 784))
    assert (flat.x_train.dtype.name, planes.x_train.dtype.name) == ("float32", "float32")
    assert flat.x_train.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert flat.x_train.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    assert planes.x_train.shape == (5000, 1, 28, 28)
    np.testing.assert_allclose(planes.x_val[:, 0], fashion.x_val / 255.0, rtol=1e-6)
    assert not flat.x_train.flags.writeable


def test_digits_have_their_own_full_scale() -> None:
    assert data.load("digits").scaled("native", "unit").x_train.max() == 1.0


def test_tables_are_standardised_by_column_with_training_statistics_only() -> None:
    wine = data.load("wine")
    scaled = wine.scaled()
    np.testing.assert_allclose(scaled.x_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.x_train.std(axis=0), 1, atol=1e-6)
    expected = (wine.x_val - wine.x_train.mean(axis=0)) / wine.x_train.std(axis=0)
    np.testing.assert_allclose(scaled.x_val, expected, rtol=1e-5, atol=1e-6)
    changed = attrs.evolve(wine, x_val=wine.x_val * 1000)
    np.testing.assert_array_equal(changed.scaled().x_train, scaled.x_train)


def test_channels_are_standardised_apart() -> None:
    rng = np.random.default_rng(0)
    x = (rng.integers(0, 50, (30, 3, 4, 4)) + np.array([0, 100, 200])[:, None, None]).astype(np.uint8)
    it = data.Dataset("rgb", x, np.zeros(30, np.int64), x[:5], np.zeros(5, np.int64), kind="image", class_names=["a"])
    scaled = it.scaled("image").x_train
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=(0, 2, 3)), 1, atol=1e-5)


def test_regression_targets_scale_and_return() -> None:
    diabetes = data.load("diabetes")
    scaled = diabetes.scaled()
    assert float(scaled.y_train.mean()) == pytest.approx(0, abs=1e-5)
    assert float(scaled.y_train.var()) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(diabetes.target_scaling().inverse(scaled.y_val), diabetes.y_val, rtol=1e-5)
    np.testing.assert_array_equal(diabetes.scaled(targets=False).y_val, diabetes.y_val)


def test_constant_column_stays_finite_and_large_offsets_keep_their_digits() -> None:
    x = np.stack([np.full(6, 7.0), 1e9 + np.arange(6.0)], axis=1)
    it = data.Dataset("c", x, np.arange(6) % 2, x[:2], np.arange(2), class_names=("a", "b"))
    scaled = it.scaled().x_train
    np.testing.assert_array_equal(scaled[:, 0], 0)
    np.testing.assert_allclose(scaled[:, 1], (np.arange(6) - 2.5) / np.arange(6.0).std(), rtol=1e-5)


def test_later_writes_to_the_given_arrays_do_not_arrive() -> None:
    x, y = np.zeros((4, 2)), np.arange(4) % 2
    it = data.Dataset("w", x, y, x[:1], y[:1], class_names=("a", "b"))
    view = x.view()
    view.setflags(write=False)
    other = attrs.evolve(it, x_train=view)
    x[:] = 9.0
    assert it.x_train.max() == 0
    assert other.x_train.max() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": np.zeros(3, np.int64)}, "x_train has 4 rows .* but y_train has 3"),
        ({"x_val": np.zeros((2, 3))}, "one shape and dtype"),
        ({"x_train": np.zeros((0, 2)), "y_train": np.zeros(0, np.int64)}, "no training rows"),
        ({"y_train": np.zeros(4), "y_val": np.zeros(2)}, "integer class numbers"),
        ({"task": "regression"}, "floating-point targets"),
        ({"class_names": ()}, "needs class_names"),
        ({"kind": "image"}, r"\(N, H, W\)"),
        ({"x_train": np.float64(1.0)}, "scalar"),
    ],
)
def test_parts_that_do_not_fit(changes: dict[str, object], message: str) -> None:
    y = np.zeros(4, np.int64)
    it = data.Dataset("d", np.zeros((4, 2)), y, np.zeros((2, 2)), y[:2], class_names=("a", "b"))
    with pytest.raises(data.DataError, match=message):
        attrs.evolve(it, **changes)  # type: ignore[arg-type]


def test_bad_layouts_and_normalisations() -> None:
    iris, fashion = data.load("iris"), data.load("digits")
    with pytest.raises(data.DataError, match="no images"):
        iris.scaled("image")
    with pytest.raises(data.DataError, match="for images"):
        iris.scaled(normalize="unit")
    with pytest.raises(data.DataError, match="layout='rows'"):
        fashion.scaled("rows")  # type: ignore[arg-type]
    with pytest.raises(data.DataError, match="normalize='minmax'"):
        fashion.scaled(normalize="minmax")  # type: ignore[arg-type]
    with pytest.raises(data.DataError, match="for regression"):
        fashion.target_scaling()


def test_summary() -> None:
    assert data.load("fashion").summary() == "fashion 5000/1000 rows of 28x28 uint8, 10 classes"


@pytest.mark.parametrize(("word", "meant"), [("fasion", "fashion"), ("digit", "digits"), ("brest-cancer", "breast_")])
def test_misspelt_names(word: str, meant: str) -> None:
    with pytest.raises(data.UnknownDataError, match=f"Did you mean '{meant}") as caught:
        data.load(word)
    assert all(name in str(caught.value) for name in data.available())


@pytest.mark.parametrize("name", ["Fashion-MNIST", "fashion_mnist", " FASHION ", "breast-cancer", "Iris"])
def test_other_spellings(name: str) -> None:
    assert data.load(name).name in data.available()


def test_unknown_text_and_unlike_names() -> None:
    with pytest.raises(data.UnknownDataError, match=r"unknown data set 'xyzzy'\. Available"):
        data.load("xyzzy")
    with pytest.raises(data.UnknownDataError, match="Did you mean 'kjv'"):
        data.load_text("kvj")


def test_spiral_lies_on_its_arms() -> None:
    it = data.spiral(300, 3, noise=0.0, val=0.1)
    x, y = np.concatenate([it.x_train, it.x_val]), np.concatenate([it.y_train, it.y_val])
    radius = np.hypot(x[:, 0], x[:, 1])
    turn = np.arctan2(x[:, 0], x[:, 1]) - 4 * radius - 2 * np.pi * y / 3
    np.testing.assert_allclose(np.exp(1j * turn), 1, atol=1e-12)
    np.testing.assert_allclose(np.sort(radius), np.repeat(np.arange(1, 101), 3) / 100, atol=1e-12)
    assert np.bincount(y).tolist() == [100, 100, 100]


def test_spiral_is_not_linearly_separable_but_its_neighbours_agree() -> None:
    it = data.spiral(900)
    design = np.c_[it.x_train, np.ones(len(it.x_train))]
    weights, *_ = np.linalg.lstsq(design, np.eye(3)[it.y_train.astype(int)], rcond=None)
    linear = (np.c_[it.x_val, np.ones(len(it.x_val))] @ weights).argmax(axis=1)
    nearest = ((it.x_val[:, None] - it.x_train[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (linear == it.y_val).mean() < 0.7
    assert (it.y_train[nearest] == it.y_val).mean() > 0.9


def test_blobs_have_the_spread_asked_for() -> None:
    it = data.blobs(30_000, 3, features=4, spread=0.5, seed=1)
    for label in range(3):
        cloud = it.x_train[it.y_train == label]
        np.testing.assert_allclose(cloud.std(axis=0), 0.5, rtol=0.03)
        assert np.abs(cloud.mean(axis=0)).max() < 5.1


@pytest.mark.parametrize("name", ["spiral", "blobs"])
def test_generated_sets_depend_on_the_seed_alone(name: str) -> None:
    one, same, other = data.load(name, seed=4), data.load(name, seed=4), data.load(name, seed=5)
    np.testing.assert_array_equal(one.x_train, same.x_train)
    np.testing.assert_array_equal(one.y_val, same.y_val)
    points = [{row.tobytes() for x in (it.x_train, it.x_val) for row in x} for it in (one, other)]
    assert not points[0] & points[1]  # other points, not only another split of the same


def test_generated_sets_check_their_arguments() -> None:
    calls: list[tuple[Callable[[], data.Dataset], str]] = [
        (lambda: data.spiral(3), "rows=3: expected an integer of at least 6"),
        (lambda: data.spiral(classes=1), "classes=1"),
        (lambda: data.spiral(noise=-0.1), r"noise=-0.1: expected a number in \[0, 10\]"),
        (lambda: data.spiral(noise=float("inf")), "noise=inf"),
        (lambda: data.blobs(features=0), "features=0"),
        (lambda: data.blobs(spread=float("nan")), "spread=nan"),
        (lambda: data.blobs(rows=10.0), "rows=10.0"),  # type: ignore[arg-type]
        (lambda: data.blobs(seed=-1), "seed=-1"),
    ]
    for call, message in calls:
        with pytest.raises(data.DataError, match=message):
            call()
