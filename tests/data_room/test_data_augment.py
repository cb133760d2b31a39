"""Augmentations: right shapes and pixels, no write to the input, repeatable from the Generator, freezable."""

from __future__ import annotations

from math import erf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

import minigrad.data as data
from minigrad.data.arrays import Array, any_real, make_readonly

PARTS: list[data.Augment] = [
    data.Flip(),
    data.RandomCrop(2),
    data.Noise(0.3),
    data.Compose([data.Flip(0.3), data.RandomCrop(1, fill=7.0), data.Noise(2.0)]),
    data.FixedSeed(data.RandomCrop(3), seed=4),
]


def images(shape: tuple[int, ...], dtype: str) -> Array:
    return make_readonly(default_rng(0).integers(1, 256, shape).astype(dtype))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
@pytest.mark.parametrize("shape", [(9, 5, 6), (9, 3, 5, 6), (0, 5, 6), (1, 1, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_keeps_shape_and_dtype_and_follows_the_generator(
    part: data.Augment, shape: tuple[int, ...], dtype: str
) -> None:
    x = images(shape, dtype)
    before = x.tobytes()
    one, same = part(x, default_rng(1)), part(x, default_rng(1))
    assert (one.shape, one.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(one, same)
    assert x.tobytes() == before
    assert not np.shares_memory(one, x)


@pytest.mark.parametrize("shape", [(400, 4, 5), (400, 2, 4, 5)])
def test_flip_mirrors_about_the_asked_share_and_leaves_the_rest(shape: tuple[int, ...]) -> None:
    x = images(shape, "uint8")
    out = data.Flip(0.25)(x, default_rng(0))
    mirrored = [bool(np.array_equal(a, b[..., ::-1])) for a, b in zip(out, x, strict=True)]
    kept = [bool(np.array_equal(a, b)) for a, b in zip(out, x, strict=True)]
    assert all(m or k for m, k in zip(mirrored, kept, strict=True))
    assert abs(sum(mirrored) - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5
    np.testing.assert_array_equal(data.Flip(1.0)(x, default_rng(0)), x[..., ::-1])
    np.testing.assert_array_equal(data.Flip(0.0)(x, default_rng(0)), x)


@settings(max_examples=40, deadline=None)
@given(padding=st.integers(0, 4), channels=st.integers(0, 3), seed=st.integers(0, 99), fill=st.integers(0, 255))
def test_crop_is_a_shift_by_at_most_the_padding(padding: int, channels: int, seed: int, fill: int) -> None:
    shape = (12, channels, 5, 4) if channels else (12, 5, 4)
    x = images(shape, "uint8")
    out = data.RandomCrop(padding, fill=fill)(x, default_rng(seed))
    for image, cut in zip(x, out, strict=True):
        big = np.full((*image.shape[:-2], 5 + 2 * padding, 4 + 2 * padding), fill, np.uint8)
        big[..., padding : padding + 5, padding : padding + 4] = image
        places = [(i, j) for i in range(2 * padding + 1) for j in range(2 * padding + 1)]
        assert any(np.array_equal(big[..., i : i + 5, j : j + 4], cut) for i, j in places)


def test_crops_reach_every_shift_alike() -> None:
    x = np.zeros((9000, 3, 3), np.uint8)
    x[:, 1, 1] = 1
    out = data.RandomCrop(1)(any_real(x), default_rng(0))
    places = out.reshape(9000, 9).sum(axis=0, dtype=np.int64)
    assert places.sum() == 9000
    assert ((places - 1000) ** 2 / 1000).sum() < 31.83  # chi-squared, 8 degrees of freedom, p = 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_gaussian_of_the_asked_size(dtype: str) -> None:
    x = images((200, 10, 10), dtype)
    noise = np.sort((data.Noise(0.5)(x, default_rng(0)) - x).astype(np.float64).reshape(-1)) / 0.5
    normal = np.array([0.5 + 0.5 * erf(z / 2**0.5) for z in noise.tolist()])
    distance = np.abs(normal - (np.arange(len(noise)) + 0.5) / len(noise)).max()
    assert distance < 2.23 / len(noise) ** 0.5  # Kolmogorov-Smirnov, p = 1e-4


def test_noise_on_pixels_is_rounded_and_stays_in_range() -> None:
    dark, light = np.zeros((50, 20), np.uint8), np.full((50, 20), 255, np.uint8)
    rng = default_rng(0)
    low, high = (data.Noise(20.0)(any_real(x), rng).astype(int) for x in (dark, light))
    assert low.max() < 120
    assert high.min() > 135
    middle = data.Noise(20.0)(any_real(np.full((400, 400), 128, np.uint8)), rng).astype(float)
    assert middle.mean() == pytest.approx(128, abs=0.25)  # without rounding: 127.5
    assert middle.std() == pytest.approx(20, rel=0.05)


def test_frozen_is_one_function_whatever_the_generator() -> None:
    x = images((6, 5, 5), "float64")
    frozen = data.FixedSeed(PARTS[3], seed=2)
    outs = {frozen(x, default_rng(seed)).tobytes() for seed in range(5)}
    assert len(outs) == 1
    assert data.FixedSeed(PARTS[3], seed=3)(x, default_rng(0)).tobytes() not in outs


def test_mistakes() -> None:
    flat = any_real(np.zeros((4, 784)))
    for part in (data.Flip(), data.RandomCrop()):
        with pytest.raises(data.DataError, match=r"expected images .* found shape \(4, 784\).*before flattening"):
            part(flat, default_rng(0))
    with pytest.raises(data.DataError, match=r"Flip\.p=1.5: expected a number in \[0, 1\]"):
        data.Flip(1.5)
    with pytest.raises(data.DataError, match=r"RandomCrop\.padding=-1"):
        data.RandomCrop(-1)
    with pytest.raises(data.DataError, match=r"Noise\.std=nan"):
        data.Noise(float("nan"))
    with pytest.raises(data.DataError, match="cannot add noise to bool"):
        data.Noise()(any_real(np.zeros(3, bool)), default_rng(0))
