"""Rows with their targets beside them: folders by class, arrays, sets by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from minigrad import data
from minigrad.core.errors import nearest
from minigrad.core.types import Array
from minigrad.data import DataFileError
from minigrad.data.arrays import any_real
from minigrad.data.prepare.npy import read_labelled
from minigrad.data.prepare.pictures import HELD_OUT, is_picture_folder, pictures_by_class
from minigrad.data.prepare.preparation import Preparation
from minigrad.data.prepare.targets import ClassTarget
from minigrad.train.errors import TrainError

__all__ = ["labelled_rows"]


def labelled_rows(source: object, preparation: Preparation) -> tuple[Sequence[str] | Array, Sequence[object] | Array]:
    """Rows as `SavedRun.predict` takes them, and the target of each.

    Args:
        source: a folder with a folder of pictures for each class, or with such folders called val or test; an `.npz`
            with rows and targets; or what `data.load` knows by a name or as a folder, of which the validation rows
            are taken.
        preparation: of the run.

    Raises:
        DataFileError: files are missing or damaged, or a folder is no class that was trained on.
        DataError: it is no such source.
        TrainError: it is no path and no name.
    """
    if not isinstance(source, str | os.PathLike):
        raise TrainError("targets are needed besides rows that are no table")
    path = Path(source)
    if path.suffix.lower() == ".npz":
        x, y = read_labelled(path)
        return any_real(x), any_real(y)
    if is_picture_folder(path) or any(is_picture_folder(path / name) for name in HELD_OUT):
        held_out = next((path / name for name in HELD_OUT if (path / name).is_dir()), path)
        return _pictures(held_out, preparation)
    if path.is_file():
        expected = "a folder of pictures by class, or an .npz with rows and targets"
        raise DataFileError(path, "a file without targets", expected)
    loaded = data.load(source)
    return loaded.x_val, _by_name(loaded.y_val, loaded.class_names, preparation)


def _pictures(folder: Path, preparation: Preparation) -> tuple[Sequence[str], Sequence[object]]:
    """Files of pictures, and the name of the folder that each stands in."""
    by_class = pictures_by_class(folder)
    target = preparation.target
    known = target.classes if isinstance(target, ClassTarget) else ()
    for name in by_class:
        if name not in known:
            found = f"no class that was trained on.{nearest(name, known)}"
            raise DataFileError(folder / name, found.rstrip("."), f"one of {', '.join(known):.120}")
    return (
        [str(file) for files in by_class.values() for file in files],
        [name for name, files in by_class.items() for _ in files],
    )


def _by_name(y: Array, names: Sequence[str], preparation: Preparation) -> Array | list[str]:
    """Targets, those of classes by their names: sets may number them differently."""
    target = preparation.target
    if not names or not isinstance(target, ClassTarget) or tuple(names) == target.classes:
        return y
    return [names[int(k)] for k in y]
