"""A data set from a folder of pictures by class."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from minigrad.data.arrays import AnyDtypeArray
from minigrad.data.dataset import Dataset
from minigrad.data.errors import DataFileError
from minigrad.data.prepare.pictures import HELD_OUT, PictureFormat, pictures_by_class, read_pictures
from minigrad.data.split import split_rows

__all__ = ["load_pictures"]


def load_pictures(
    path: str | os.PathLike[str], *, val: float = 0.2, seed: int = 0, size: int | tuple[int, int] | None = None
) -> Dataset:
    """A data set from a folder that holds a folder of pictures for each class.

    Or from one that holds such folders called `train` and `val` (or `valid`, `validation`, `test`). Pillow reads them.

    Args:
        path: of the folder; names of the folders inside are the classes.
        val: share of the pictures held out for validation, stratified by class, where no folder is.
        seed: of that choice.
        size: pixels, or height and width, that all pictures are brought to; None where all have one size.

    Raises:
        DataFileError: a picture cannot be read or has another size than the first; or a class is missing on one side.
    """
    folder = Path(path)
    pixels = (size, size) if isinstance(size, int) else size
    held_out = next((folder / name for name in HELD_OUT if (folder / name).is_dir()), None)
    if (folder / "train").is_dir() and held_out is not None:
        return _of_two(folder, held_out, pixels)
    by_class = _by_class(folder / "train" if (folder / "train").is_dir() else folder)
    x, y, form = _read(by_class, tuple(by_class), pixels)
    train, held = split_rows(x, y, val, seed)
    return _dataset(folder, by_class, (x[train], y[train], x[held], y[held]), form)


def _of_two(folder: Path, held_out: Path, size: tuple[int, int] | None) -> Dataset:
    """The pictures of `train`, and those of a folder beside it for validation."""
    ours, theirs = _by_class(folder / "train"), _by_class(held_out)
    odd = sorted(set(theirs) - set(ours))
    if odd:
        raise DataFileError(held_out / odd[0], "a class that train does not have", f"one of {', '.join(ours)}")
    x, y, form = _read(ours, tuple(ours), size)
    files = [file for group in theirs.values() for file in group]
    x_val = read_pictures(files, form)
    y_val = np.repeat([list(ours).index(name) for name in theirs], [len(group) for group in theirs.values()])
    return _dataset(folder, ours, (x, y, x_val, y_val), form)


def _by_class(folder: Path) -> Mapping[str, list[Path]]:
    by_class = pictures_by_class(folder)
    if len(by_class) < 2:
        raise DataFileError(
            folder, f"{len(by_class)} folders with pictures", "a folder for each of two or more classes"
        )
    return by_class


def _read(
    by_class: Mapping[str, list[Path]], names: tuple[str, ...], size: tuple[int, int] | None
) -> tuple[AnyDtypeArray, AnyDtypeArray, PictureFormat]:
    """All pictures, their class numbers, and what they have in common."""
    x = read_pictures([file for group in by_class.values() for file in group], size=size)
    y = np.repeat(np.arange(len(names)), [len(by_class[name]) for name in names])
    return x, y, PictureFormat(x.shape[-2], x.shape[-1], x.ndim == 4, size is not None)


def _dataset(
    folder: Path, by_class: Mapping[str, list[Path]], arrays: tuple[AnyDtypeArray, ...], form: PictureFormat
) -> Dataset:
    x_train, y_train, x_val, y_val = arrays
    return Dataset(
        folder.name, x_train, y_train, x_val, y_val, kind="image", class_names=tuple(by_class),
        source=f"{len(x_train) + len(x_val)} pictures in {folder}", resized=form.resize,
    )  # fmt: skip
