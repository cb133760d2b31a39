"""Batches and `Loader`: every row once, decided by the seed, the same with a thread and after a resumption."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad.data as data
from minigrad.data.arrays import Array

FAST = settings(max_examples=60, deadline=None)
SIZES = {"rows": st.integers(0, 50), "size": st.integers(1, 60), "seed": st.integers(0, 2**40)}


@FAST
@given(**SIZES, shuffle=st.booleans(), drop=st.booleans())
def test_every_row_once_with_its_target(rows: int, size: int, seed: int, shuffle: bool, drop: bool) -> None:
    x, y = np.arange(rows * 3.0).reshape(rows, 3), np.arange(rows)
    out = list(data.batches(x, y, size, seed=seed, shuffle=shuffle, drop_last=drop))
    for part, labels in out:
        np.testing.assert_array_equal(part, x[labels.astype(int)])
    lengths = [len(labels) for _, labels in out]
    seen = [int(label) for _, labels in out for label in labels]
    assert len(set(seen)) == len(seen)
    if drop:
        assert lengths == [size] * (rows // size)
    else:
        assert sorted(seen) == list(range(rows))
        assert lengths == [size] * (rows // size) + [rows % size] * (rows % size > 0)
    if not shuffle:
        assert seen == list(range(len(seen)))
    again = list(data.batches(x, y, size, seed=seed, shuffle=shuffle, drop_last=drop))
    assert [labels.tolist() for _, labels in again] == [labels.tolist() for _, labels in out]


def orders(*batches: object) -> int:
    return len({str(batch) for batch in batches})


def test_seeds_and_generators() -> None:
    x = np.arange(40)
    assert orders(*[[b.tolist() for b, _ in data.batches(x, x, 7, seed=s)] for s in range(6)]) == 6
    rng = np.random.default_rng(0)
    assert orders(*[[b.tolist() for b, _ in data.batches(x, x, 7, seed=rng)] for _ in range(6)]) == 6


def test_shuffling_is_uniform() -> None:
    # The place of row 0 among 5, over 2,000 seeds: chi-squared, 4 degrees of freedom, p = 1e-4.
    x = np.arange(5)
    places = np.bincount([int(np.argmin(next(data.batches(x, x, 5, seed=s))[0])) for s in range(2000)], minlength=5)
    assert ((places - 400) ** 2 / 400).sum() < 23.5


def test_arguments_are_refused_at_the_call() -> None:
    x = np.zeros((4, 2))
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: data.batches(x, np.zeros(3), 2), r"x has 4 rows \(shape \(4, 2\)\) but y has 3"),
        (lambda: data.batches(x, x, 0), "batch_size=0"),
        (lambda: data.batches(x, x, 2, seed=-1), "seed=-1"),
        (lambda: data.batches(np.zeros(()), x, 2), "x is a scalar"),
        (lambda: data.Loader(x, x, 0), "batch_size=0"),
        (lambda: data.Loader(x, x, seed=-3), "seed=-3"),
        (lambda: data.Loader(x, x, prefetch=-1), "prefetch=-1"),
        (lambda: data.Loader(x, x, next_epoch=-1), "next_epoch=-1"),
        (lambda: data.Loader(x, x).epoch(-1), "epoch=-1"),
    ]
    for call, message in calls:
        with pytest.raises(data.DataError, match=message):
            call()


def loader(prefetch: int = 0, **options: bool) -> data.Loader:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (50, 6, 6), dtype=np.uint8), np.arange(50)
    parts = data.Compose([data.Flip(), data.RandomCrop(1), data.Noise(3.0)])
    return data.Loader(x, y, 8, seed=5, augment=parts, prefetch=prefetch, **options)


def equal(one: list[tuple[Array, Array]], two: list[tuple[Array, Array]]) -> bool:
    pairs = zip(one, two, strict=True)
    return all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in pairs)


@pytest.mark.parametrize("prefetch", [1, 2, 50])
def test_a_thread_changes_nothing(prefetch: int) -> None:
    plain, threaded = loader(), loader(prefetch)
    for _ in range(3):
        assert equal(list(plain), list(threaded))


def test_epochs_differ_and_are_counted() -> None:
    it = loader()
    first, second = list(it), list(it)
    assert it.next_epoch == 2
    assert not np.array_equal(first[0][1], second[0][1])
    assert sorted(int(i) for _, y in second for i in y) == list(range(50))
    assert len(it) == len(first) == 7
    assert len(loader(drop_last=True)) == len(list(loader(drop_last=True))) == 6


@pytest.mark.parametrize("prefetch", [0, 2])
def test_resuming_in_the_middle_continues_exactly(prefetch: int) -> None:
    whole = loader(prefetch)
    list(whole)
    epoch = list(whole)
    resumed = loader(prefetch)
    resumed.next_epoch = 1
    assert equal(list(resumed), epoch)
    for start in (0, 3, 7, 9):
        assert equal(list(loader(prefetch).epoch(1, start)), epoch[start:])


def test_an_unfinished_epoch_still_counts() -> None:
    it = loader()
    list(islice(it, 2))
    assert it.next_epoch == 1


def test_augmentation_differs_between_epochs_and_batches_but_not_the_stored_rows() -> None:
    x = np.full((8, 3), 100.0)
    it = data.Loader(x, np.arange(8), 4, augment=data.Noise(1.0), shuffle=False)
    seen = [part.tobytes() for _ in range(3) for part, _ in it]
    assert len(set(seen)) == 6
    assert it.x.min() == it.x.max() == 100.0
