"""The script that makes the embedded sets: its rule for choosing rows, and that its packing is reproducible."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.build_data import packed, same, take_per_class


def test_first_rows_of_each_class_without_repeats() -> None:
    labels = np.array([1, 0] * 30 + [2, 3, 4, 5, 6, 7, 8, 9] * 3, np.uint8)
    images = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 2, 2).copy()
    images[2] = images[0]  # a second copy of the first picture of class 1 is passed over
    seen: set[bytes] = set()
    rows = take_per_class(images, labels, 2, seen)
    assert rows.tolist() == [0, 1, 3, 4, *range(60, 76)]
    later = take_per_class(images, labels, 1, seen)
    assert not set(rows.tolist()) & set(later.tolist())


def test_packing_depends_on_the_arrays_alone(tmp_path: Path) -> None:
    arrays = {"x": np.arange(6.0), "y": np.arange(6, dtype=np.uint8)}
    blob = packed(arrays)
    assert blob == packed(dict(reversed(arrays.items())))
    (tmp_path / "a.npz").write_bytes(blob)
    assert same(blob, tmp_path / "a.npz")
    assert not same(packed({**arrays, "y": np.arange(6)}), tmp_path / "a.npz")
    assert not same(packed({**arrays, "x": np.arange(6.0) + 1}), tmp_path / "a.npz")
