"""Data sets in `.npz` files: never unpickled, sizes checked before memory is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import attrs
import numpy as np

from minigrad.data.arrays import AnyDtypeArray
from minigrad.data.dataset import Dataset, Kind, Task
from minigrad.data.errors import DataFileError
from minigrad.data.labels import read_targets
from minigrad.data.prepare.npy import POOL_KEYS, SPLIT_KEYS, channels_first, read_npz, usual_names
from minigrad.data.split import split_rows

KEYS = f"arrays {', '.join(SPLIT_KEYS)}, or {' and '.join(POOL_KEYS)}"


def load_npz(
    path: str | os.PathLike[str],
    *,
    val: float = 0.2,
    seed: int = 0,
    class_names: Sequence[str] = (),
    task: Task | None = None,
) -> Dataset:
    """Load a data set from an `.npz` file of the user's.

    It has the arrays `x_train y_train x_val y_val`, or `x` and `y`, or others of usual names, in any case: `X_test`,
    `train_images`, `labels`, `data`, `target`.

    With `x` and `y` (or `x_train` and `y_train`) alone, the share `val` is held out (see `minigrad.data.split_rows`).
    Whole numbers, booleans and texts as targets mean classes, floating-point ones regression, rows of 0 and 1 labels.
    uint8 inputs of 3 or 4 axes are images; channels may come last. Optional arrays `class_names` and `feature_names`.

    Args:
        path: of the file.
        val: share held out, where the file holds no validation rows.
        seed: of that choice.
        class_names: of class numbers from 0.
        task: settles what the targets leave open: "regression" for prices in whole numbers.

    Raises:
        DataFileError: the file is damaged or lacks arrays.
        DataError: the arrays do not fit together.
    """
    path = Path(path)
    return from_arrays(path.stem, read_npz(path), path, val=val, seed=seed, class_names=class_names, task=task)


def from_arrays(
    name: str,
    arrays: dict[str, AnyDtypeArray],
    path: Path,
    *,
    val: float = 0.2,
    seed: int = 0,
    class_names: Sequence[str] = (),
    full_scale: float = 255.0,
    source: str = "",
    task: Task | None = None,
) -> Dataset:
    """A Dataset from the arrays of an `.npz` (see `load_npz`); `path` is only named in errors."""
    arrays = usual_names(arrays)
    names = tuple(class_names) or _texts(arrays, "class_names")
    if set(SPLIT_KEYS) & arrays.keys() == {"x_train", "y_train"} and not set(POOL_KEYS) & arrays.keys():
        arrays = {**arrays, "x": arrays["x_train"], "y": arrays["y_train"]}
    if all(key in arrays for key in SPLIT_KEYS):
        x_train, x_val = arrays["x_train"], arrays["x_val"]
        read = read_targets(arrays["y_train"], arrays["y_val"], names, task)
    elif all(key in arrays for key in POOL_KEYS):
        whole = read_targets(arrays["y"], arrays["y"][:0], names, task)
        train, held = split_rows(arrays["x"], whole.train, val, seed)
        x_train, x_val = arrays["x"][train], arrays["x"][held]
        read = attrs.evolve(whole, train=whole.train[train], val=whole.train[held])
    else:
        raise DataFileError(path, f"arrays {', '.join(sorted(arrays)) or '(none)'}", KEYS)
    if len(read.train) > 1 and (read.train == read.train[:1]).all():
        raise DataFileError(path, "the same target in every training row", "two or more: there is nothing to learn")
    for key, array in (("x_train", x_train), ("x_val", x_val)):
        if array.dtype.kind not in "iufb":
            raise DataFileError(path, f"{key} has dtype {array.dtype}", "integers or floating-point numbers")
    x_train, x_val = (channels_first(x) for x in (x_train, x_val))
    kind: Kind = "image" if x_train.dtype == np.uint8 and x_train.ndim in (3, 4) else "table"
    return Dataset(
        name,
        x_train,
        read.train,
        x_val,
        read.val,
        task=cast(Task, read.task),
        kind=kind,
        class_names=read.class_names,
        feature_names=_texts(arrays, "feature_names"),
        full_scale=full_scale,
        source=source or f"arrays in {path}",
    )


def _texts(arrays: dict[str, AnyDtypeArray], key: str) -> tuple[str, ...]:
    return tuple(str(item) for item in arrays[key].reshape(-1)) if key in arrays else ()
