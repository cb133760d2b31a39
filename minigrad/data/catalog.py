"""One door to all data sets: `load` by name or path, and `available`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from minigrad.data.check import check
from minigrad.data.cifar import is_cifar_folder, load_cifar10
from minigrad.data.corpus import load_text
from minigrad.data.dataset import Dataset, Task
from minigrad.data.embedded import CARDS, Card, load_embedded
from minigrad.data.errors import DataError, DataFileError, UnknownDataError
from minigrad.data.files import listing, shown
from minigrad.data.generated import blobs, spiral
from minigrad.data.idx import is_idx_folder, load_idx
from minigrad.data.load_table import load_pictures, load_table
from minigrad.data.npz import load_npz
from minigrad.data.prepare.pictures import is_picture_folder
from minigrad.data.prepare.table import TABLE_SUFFIXES
from minigrad.data.split import resplit

ALIASES = {"fashion_mnist": "fashion", "cancer": "breast_cancer"}


def available() -> dict[str, Card]:
    """List every data set that needs no file of the user's, embedded ones first.

    Returns name -> description.
    """
    return {card.name: card for card in CARDS}


def load(
    name_or_path: str | os.PathLike[str],
    *,
    val: float | None = None,
    seed: int = 0,
    target: str | Sequence[str] | None = None,
    task: Task | None = None,
) -> Dataset:
    """The data set of this name, or in this folder or file. Nothing is ever downloaded.

    A name of `available` (case, `-` and `_` do not matter); or a folder with the four IDX files of the MNIST
    family, with CIFAR-10 binary batches, or with a folder of pictures for each class (see `load_pictures`); an `.npz`
    (see `load_npz`); or a `.csv`, `.tsv` or `.parquet`, of which `target` names the column to be predicted and `task`
    settles what the cells leave open (see `load_table`). `val` is the share of rows held out
    for validation, stratified by class and free of leaks, drawn by `seed`; with `val=None`, sets with a split of
    their own keep it and others hold out 0.2 (text: the last tenth of each book).

    Raises:
        UnknownDataError: the name does not exist; names the nearest one.
        DataFileError: files are missing or damaged.
        DataValueError: files hold unusable values.
        DataError: an argument is wrong.
    """
    text = os.fspath(name_or_path)
    card = None if isinstance(name_or_path, Path) else _card(text)
    if card is None:
        path = Path(text)
        if path.suffix.lower() in TABLE_SUFFIXES:
            return load_table(path, target, task=task, val=0.2 if val is None else val, seed=seed)
        if target is not None or task is not None:
            raise DataError(f"{text}: target and task are for tables ({', '.join(TABLE_SUFFIXES)})")
        return _load_path(text, val, seed)
    if target is not None or task is not None:
        raise DataError(f"{card.name} says itself what is predicted: target and task are for tables of your own")
    share = 0.2 if val is None else val
    if card.name == "spiral":
        return spiral(val=share, seed=seed)
    if card.name == "blobs":
        return blobs(val=share, seed=seed)
    if card.kind == "text":
        return load_text(card.name).dataset(val=0.1 if val is None else val)
    return load_embedded(card, val, seed)


def _card(name: str) -> Card | None:
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    return available().get(ALIASES.get(key, key))


def _load_path(text: str, val: float | None, seed: int) -> Dataset:
    path = Path(text)
    looks_like_path = path.suffix == ".npz" or any(mark and mark in text for mark in ("/", os.sep, os.altsep))
    if not path.exists() and not looks_like_path:
        raise UnknownDataError(text, available())
    if path.suffix == ".npz":
        data = load_npz(path, val=0.2 if val is None else val, seed=seed)
        check(data)
        return data
    expected = (
        "a folder with IDX files (train-images-idx3-ubyte, ...), CIFAR-10 binary batches or a folder of pictures for "
        "each class; or a .csv, .tsv, .parquet or .npz file"
    )
    names = listing(path, expected)
    if is_idx_folder(names):
        data = load_idx(path)
    elif is_cifar_folder(names):
        data = load_cifar10(path)
    elif is_picture_folder(path):
        return load_pictures(path, val=0.2 if val is None else val, seed=seed)
    else:
        raise DataFileError(path, f"found {shown(names)}", expected)
    check(data)
    return data if val is None else resplit(data, val, seed)
