"""Data as `fit` takes it: datasets, arrays, splits and loaders, the same rows whatever the form."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.train import Source, Split, TrainError, as_split, fit

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(50, 4)), RNG.integers(0, 3, 50)
VX, VY = RNG.normal(size=(10, 4)), RNG.integers(0, 3, 10)
FLOAT32 = np.dtype(np.float32)


def losses(source: Source, *, batch_size: int = 8, seed: int = 2) -> list[float]:
    model = nn.mlp(4, [8], 3, rng=0)
    return fit(
        model, source, epochs=2, batch_size=batch_size, seed=seed, lr=0.05, checks=False, quiet=True
    ).batch_losses


def test_a_loader_with_the_same_batches_gives_the_same_run() -> None:
    plain = losses((X, Y, VX, VY))
    assert losses((data.Loader(X, Y, 8, seed=2), VX, VY), batch_size=30, seed=9) == plain
    assert losses(as_split((X, Y, VX, VY), FLOAT32)) == plain
    assert losses(data.Loader(X, Y, 8, seed=2, prefetch=2)) == plain


def test_a_loader_keeps_its_augmentation_and_drops_its_last_batch() -> None:
    noisy = data.Loader(X, Y, 8, seed=2, augment=data.Noise(0.5), drop_last=True)
    assert len(losses((noisy, VX, VY))) == 12
    assert losses(noisy)[0] != losses((X, Y))[0]
    assert losses(noisy) == losses(noisy)
    split = as_split((noisy, VX, VY), FLOAT32)
    assert split.summary == "50/10 rows of 4 float64, augmented by Noise(std=0.5)"
    np.testing.assert_array_equal(split.train.x, X.astype(np.float32))


def test_a_split_is_cast_with_its_loader() -> None:
    split = as_split((data.Loader(X, Y, 8), VX, VY), FLOAT32)
    again = as_split(split, np.dtype(np.float64))
    assert isinstance(again, Split)
    assert again.loader is not None
    assert again.train.x.dtype == again.loader.x.dtype == np.float64
    assert again.val is not None


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ((data.Loader(X, Y, 8), VX), "beside a Loader, data holds x_val and y_val or nothing, got 1 more"),
        (data.Loader(X, Y, 64, drop_last=True), "50 rows make no batch of 64"),
        ([X, Y], "data must be a Dataset, a Loader, .* got list"),
        ((X,), "got a tuple of 1"),
    ],
)
def test_what_is_no_data_is_named(source: Source, wanted: str) -> None:
    with pytest.raises(TrainError, match=wanted):
        as_split(source, FLOAT32)
