"""The quick forms that kernels take on some arrays against plain ones, on both sides of every limit between them."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.runtime.numpy_fast import add_reduce, column_sums, max_reduce, segment_sum

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i8"])
@pytest.mark.parametrize("shape", [(3, 4), (40, 64), (5, 40, 16), (6, 600), (0, 4), (4, 0), (2048,), (4096, 1)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_sums_over_the_last_axis(dtype: str, shape: tuple[int, ...], keepdims: bool) -> None:
    x = RNG.integers(-8, 9, shape).astype(dtype)  # exact in every order of adding up
    for given in (x, np.asfortranarray(x), x[..., ::-1]):
        for axis in (-1, x.ndim - 1):
            found = add_reduce(given, axis, keepdims)
            expected = given.sum(axis=axis, dtype=given.dtype, keepdims=keepdims)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize("shape", [(3, 4), (40, 64), (40, 65), (5, 7, 9), (400, 64), (0, 4), (2048,)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_the_largest_over_the_last_axis(dtype: str, shape: tuple[int, ...], keepdims: bool) -> None:
    x = RNG.integers(-800, 900, shape).astype(dtype)
    if dtype == "f8" and x.size:
        x.flat[1] = np.nan
    for given in (x, np.asfortranarray(x), x[..., ::-1]):
        np.testing.assert_array_equal(max_reduce(given, -1, keepdims), given.max(axis=-1, keepdims=keepdims))


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize(
    ("shape", "kept"), [((7, 5), 1), ((3, 4, 5), 1), ((3, 4, 5), 2), ((0, 3), 1), ((3, 0), 1), ((6,), 0)]
)
def test_sums_over_the_first_axes(dtype: str, shape: tuple[int, ...], kept: int) -> None:
    x = RNG.integers(-8, 9, shape).astype(dtype)
    target = shape[len(shape) - kept :]
    axes = tuple(range(len(shape) - kept))
    for given in (x, np.asfortranarray(x), x[::-1]):
        found = column_sums(given, target)
        assert found.shape == target
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found, np.add.reduce(given, axis=axes))


@pytest.mark.parametrize(("count", "length"), [(0, 3), (5, 4), (300, 400), (300, 1000), (2000, 40)])
def test_rows_are_added_where_they_belong(count: int, length: int) -> None:
    g, indices = RNG.integers(-8, 9, (count, 3)).astype(float), RNG.integers(0, length, count)
    expected = np.zeros((length, 3))
    for row, i in zip(g, indices, strict=True):
        expected[i] += row
    np.testing.assert_array_equal(segment_sum(g, indices, length), expected)


@pytest.mark.parametrize("shape", [(5,), (5, 2), (5, 2, 3)])
def test_reading_an_entry_several_times_adds_up_its_gradient(shape: tuple[int, ...]) -> None:
    x = mg.tensor(RNG.standard_normal(shape), requires_grad=True)
    key = np.array([[4, 0, -1], [2, 4, -5]])
    weights = RNG.integers(1, 9, key.shape + shape[1:]).astype(float)
    (x[key] * weights).sum().backward()
    expected = np.zeros(shape)
    for place, w in zip(key.ravel(), weights.reshape(6, *shape[1:]), strict=True):
        expected[place] += w
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_large_and_small_arrays_get_the_same_rectifier() -> None:
    for shape in [(8191,), (8192,), (128, 64), (130, 63), (64, 1, 128)]:
        x = RNG.standard_normal(shape)
        x.flat[:4] = (np.nan, -0.0, np.inf, -1e4)
        np.testing.assert_array_equal(mg.relu(x), np.where(np.isnan(x) | (x > 0), x, 0.0))
        small = [mg.sigmoid(part) for part in x.ravel()[:100, None]]  # an array of one entry each
        np.testing.assert_array_equal(np.concatenate(small), mg.sigmoid(x).ravel()[:100])
    assert mg.relu(-2.0) == 0.0
    assert mg.softplus(0.0) == pytest.approx(np.log(2.0))


@pytest.mark.parametrize(("length", "stride"), [(2, 2), (2, 3), (3, 2), (3, 3), (1, 2)])
def test_pooling_sends_gradients_to_the_winners_whether_windows_overlap_or_not(length: int, stride: int) -> None:
    x = mg.tensor(RNG.standard_normal((2, 3, 9, 10)), requires_grad=True)
    y = mg.max_pool2d(x, length, stride)
    weights = RNG.integers(1, 9, y.shape).astype(float)
    (y * weights).sum().backward()
    expected = np.zeros(x.shape)
    for image, channel, i, j in np.ndindex(y.shape):
        window = x.data[image, channel, stride * i : stride * i + length, stride * j : stride * j + length]
        row, column = divmod(int(window.argmax()), length)
        expected[image, channel, stride * i + row, stride * j + column] += weights[image, channel, i, j]
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), expected)
