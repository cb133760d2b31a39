"""CIFAR-10, binary version.

Its records have one label byte and 3072 pixel bytes (32x32 red, then green, then blue).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minigrad.data.arrays import Labels
from minigrad.data.dataset import Dataset
from minigrad.data.errors import DataFileError
from minigrad.data.files import listing, read_at_most, shown

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = "test_batch.bin"
ROWS = 10_000


def read_cifar10(path: str | os.PathLike[str], *, rows: int = ROWS) -> tuple[NDArray[np.uint8], Labels]:
    """Read one CIFAR-10 binary batch (gzip or not): images and labels.

    Images are `(rows, 3, 32, 32)` uint8, labels `(rows,)`.

    A batch as published has 10,000 records of 3,073 bytes.

    Raises:
        DataFileError: the file is missing, has another length, or a label above 9 (the sign of the CIFAR-100 or another
            format, or of damage).
    """
    path = Path(path)
    size = rows * RECORD
    expected = f"{size} bytes ({rows} records of {RECORD}: a label and 3x32x32 pixels)"
    content = read_at_most(path, size + 1, expected)
    if len(content) != size:
        problem = f"truncated: {len(content)} bytes" if len(content) < size else f"more than {size} bytes"
        raise DataFileError(path, problem, expected, "Get the binary version of CIFAR-10 again.")
    table = np.frombuffer(content, np.uint8).reshape(rows, RECORD)
    labels = table[:, 0].astype(np.int64)
    if labels.max(initial=0) > 9:
        row = int(np.argmax(labels > 9))
        problem = f"record {row} (byte {row * RECORD}) has label {labels[row]}"
        raise DataFileError(path, problem, "labels 0 to 9", "Is this CIFAR-10, in its binary version?")
    return np.ascontiguousarray(table[:, 1:]).reshape(rows, 3, 32, 32), labels


def load_cifar10(folder: str | os.PathLike[str], *, rows: int = ROWS) -> Dataset:
    """Load CIFAR-10 from a folder with its binary batches.

    They are `data_batch_1.bin` ... `data_batch_5.bin` and `test_batch.bin`.

    The test batch is the validation rows; images are `(N, 3, 32, 32)` uint8. `rows` is the number in each file. The
    "python version" is a pickle, which minigrad never opens.

    Raises:
        DataFileError: files are missing; names every one.
    """
    folder = Path(folder)
    expected = "the six files data_batch_1.bin to data_batch_5.bin and test_batch.bin"
    names = listing(folder, f"a folder with {expected}")
    missing = [name for name in (*TRAIN, TEST) if name not in names]
    if missing and {"data_batch_1", "test_batch"} & set(names):
        remedy = "These are pickles, which can run code when opened: get the 'binary version' (for C programs)."
        raise DataFileError(folder, "the python version of CIFAR-10", expected, remedy)
    if missing:
        raise DataFileError(folder, f"no {shown(missing)} among {shown(names)}", expected)
    parts = [read_cifar10(folder / name, rows=rows) for name in TRAIN]
    x_val, y_val = read_cifar10(folder / TEST, rows=rows)
    x_train, y_train = np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    source = f"CIFAR-10 binary files in {folder}"
    return Dataset("cifar10", x_train, y_train, x_val, y_val, kind="image", class_names=CLASSES, source=source)


def is_cifar_folder(names: list[str]) -> bool:
    """Tell whether a folder with these file names looks like CIFAR-10.

    Either binary, or the pickled version it is refused as.
    """
    return any(name.startswith(("data_batch_", "test_batch")) for name in names)
