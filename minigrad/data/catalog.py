"""One door to all data sets: `load` by name or path, and `available`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from minigrad.data.check import check
from minigrad.data.cifar import is_cifar_folder, load_cifar10
from minigrad.data.corpus import load_text, read_corpus
from minigrad.data.dataset import Dataset, Task
from minigrad.data.embedded import CARDS, Card, load_embedded
from minigrad.data.errors import DataError, DataFileError, UnknownDataError
from minigrad.data.files import listing, shown
from minigrad.data.generated import blobs, spiral
from minigrad.data.idx import is_idx_folder, load_idx
from minigrad.data.load_pictures import load_pictures
from minigrad.data.load_table import load_table
from minigrad.data.npz import load_npz
from minigrad.data.prepare.pictures import is_picture_folder, pictures_by_class
from minigrad.data.prepare.table import no_file
from minigrad.data.prepare.table_sources import TableSource, is_table_path
from minigrad.data.split import resplit

TEXT_SUFFIXES = (".txt", ".text", ".md")
_FILES = "a table (.csv, .tsv, .parquet), arrays (.npz) or text (.txt)"
_EXPECTED = (
    "a folder with IDX files (train-images-idx3-ubyte, ...), CIFAR-10 binary batches or a folder of pictures for each "
    f"class; or {_FILES}"
)
_SAVE_AS = {
    ".xlsx": "Save the sheet as CSV (UTF-8).", ".xls": "Save the sheet as CSV (UTF-8).",
    ".ods": "Save the sheet as CSV (UTF-8).", ".json": "Read it by pandas, and give the frame to mg.data.load.",
    ".npy": "Save inputs and targets together: numpy.savez(path, x=x, y=y).",
    ".pkl": "Pickles are never opened: save a frame as .parquet or .csv.",
    ".feather": "Save it as .parquet or .csv.", ".zip": "Unpack it.", ".gz": "Unpack it.", ".tar": "Unpack it.",
    ".data": "Call a table .csv.", ".dat": "Call a table .csv.", "": "Call a table .csv, a text .txt.",
}  # fmt: skip
ALIASES = {"fashion_mnist": "fashion", "cancer": "breast_cancer"}


def available() -> dict[str, Card]:
    """List every data set that needs no file of the user's, embedded ones first.

    Returns name -> description.
    """
    return {card.name: card for card in CARDS}


def load(
    source: str | os.PathLike[str] | TableSource,
    *,
    val: float | None = None,
    seed: int = 0,
    target: str | Sequence[str] | None = None,
    task: Task | None = None,
    weights: str | None = None,
    size: int | None = None,
) -> Dataset:
    """The data set of this name, or in this folder or file. Nothing is ever downloaded.

    Args:
        source: a name of `available` (case, `-` and `_` do not matter); a `.csv`, `.tsv` or `.parquet` file, a data
            frame or name -> cells (see `load_table`); an `.npz` (see `load_npz`); a `.txt` (see `read_corpus`); a
            folder with a folder of pictures for each class (see `load_pictures`), with the four IDX files of the MNIST
            family, or with CIFAR-10 binary batches.
        val: share of the rows held out for validation, stratified by class and free of leaks. None leaves sets with a
            split of their own as they are, and holds out 0.2 of others (of text the last tenth of each book).
        seed: of that choice.
        target: of a table, the column to be predicted, or several.
        task: of a table or `.npz`, settles what the targets leave open.
        weights: of a table, the column that says what each row counts.
        size: of pictures, pixels that all are brought to.

    Raises:
        UnknownDataError: the name does not exist; names the nearest one.
        DataFileError: files are missing or damaged.
        DataValueError: files hold unusable values.
        DataError: an argument is wrong.
    """
    given = {"target": target, "task": task, "weights": weights, "size": size}
    if not isinstance(source, str | os.PathLike):
        _refuse_others("a table", given, ("target", "task", "weights"))
        return load_table(source, target, task=task, weights=weights, val=0.2 if val is None else val, seed=seed)
    text = os.fspath(source)
    card = None if isinstance(source, Path) else _card(text)
    if card is not None:
        _refuse_others(f"{card.name}, which says itself what is predicted", given, ())
        return _load_card(card, val, seed)
    path, share = Path(text), 0.2 if val is None else val
    kind = path.suffix.lower()
    if is_table_path(path) or (kind in TEXT_SUFFIXES and (target is not None or weights is not None)):
        _refuse_others(text, given, ("target", "task", "weights"))
        return load_table(path, target, task=task, weights=weights, val=share, seed=seed)
    if kind == ".npz":
        _refuse_others(text, given, ("task",))
        data = load_npz(path, val=share, seed=seed, task=task)
        check(data)
        return data
    if kind in TEXT_SUFFIXES:
        _refuse_others(text, given, ())
        return read_corpus(path).dataset(val=0.1 if val is None else val)
    return _load_folder(text, val, seed, given)


def _refuse_others(what: str, given: Mapping[str, object], fitting: Sequence[str]) -> None:
    """Raise where an argument was given that means nothing for such data."""
    homes = {"target": "tables", "weights": "tables", "task": "tables and .npz files", "size": "folders of pictures"}
    useless = [name for name, value in given.items() if value is not None and name not in fitting]
    if useless:
        raise DataError(f"{what}: {useless[0]} is for {homes[useless[0]]} of your own: leave it out")


def _load_card(card: Card, val: float | None, seed: int) -> Dataset:
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


def _load_folder(text: str, val: float | None, seed: int, given: Mapping[str, object]) -> Dataset:
    path = Path(text)
    try:
        path.exists()
    except (OSError, ValueError):  # a name that no file can have
        raise UnknownDataError(text, available()) from None
    looks_like_path = path.suffix or any(mark and mark in text for mark in ("/", os.sep, os.altsep))
    if not path.exists() and not looks_like_path:
        raise UnknownDataError(text, available())
    if path.suffix and not path.exists():
        raise no_file(path, _EXPECTED)
    if path.is_file():
        what = f"is a file of kind {path.suffix!r}" if path.suffix else "is a file, not a folder"
        raise DataFileError(path, what, _FILES, _SAVE_AS.get(path.suffix.lower(), ""))
    names = listing(path, _EXPECTED)
    if is_picture_folder(path):
        _refuse_others(text, given, ("size",))
        size = given["size"]
        return load_pictures(
            path, val=0.2 if val is None else val, seed=seed, size=size if isinstance(size, int) else None
        )
    _refuse_others(text, given, ())
    if is_idx_folder(names):
        data = load_idx(path)
    elif is_cifar_folder(names):
        data = load_cifar10(path)
    elif alone := pictures_by_class(path):
        raise DataFileError(path, f"pictures in one folder alone, {next(iter(alone))!r}", "a folder for each of two "
            "or more classes")  # fmt: skip
    else:
        raise DataFileError(path, f"found {shown(names)}", _EXPECTED)
    check(data)
    return data if val is None else resplit(data, val, seed)
