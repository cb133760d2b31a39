"""IDX files, plain or gzip.

The format of MNIST and its family (Fashion-MNIST, KMNIST, ...).

Format: bytes 0 0, a type code, the number of axes; one big-endian uint32 for each axis; the numbers, big-endian
(LeCun's description of the MNIST database).
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minigrad.data.arrays import AnyDtypeArray, Labels
from minigrad.data.dataset import Dataset
from minigrad.data.errors import DataFileError, DataValueError
from minigrad.data.files import listing, read_at_most, shown

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IMAGES, LABELS = 0x0803, 0x0801
STEMS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def read_idx(path: str | os.PathLike[str], *, magic: int | None = None) -> AnyDtypeArray:
    """The array in an IDX file (gzip or not), in native byte order, read-only.

    `magic` demands a kind of content: 2051 (0x803) for uint8 images, 2049 (0x801) for uint8 labels. Raises
    DataFileError for a missing, truncated, over-long or corrupt file and for a wrong magic number.
    """
    path = Path(path)
    described = f"an IDX file with magic number {magic} (0x{magic:08x})" if magic else "an IDX file"
    head = read_at_most(path, 4 + 4 * 255, described)
    dtype, shape = _header(path, head, described, magic)
    start = 4 + 4 * len(shape)
    size = start + math.prod(shape) * dtype.itemsize
    expected = f"{size} bytes ({start} of header and {'x'.join(map(str, shape))} numbers of {dtype.itemsize})"
    content = read_at_most(path, size + 1, expected)
    if len(content) < size:
        raise DataFileError(path, f"truncated: {len(content)} bytes", expected, "Get the file again.")
    if len(content) > size:
        raise DataFileError(path, "bytes left over after the last number", expected, "Get the file again.")
    array: AnyDtypeArray = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array if dtype.isnative or dtype.itemsize == 1 else array.astype(dtype.newbyteorder("="))


def _header(path: Path, head: bytes, wanted: str, magic: int | None) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    if len(head) < 4:
        raise DataFileError(path, f"truncated: only {len(head)} bytes", wanted)
    number = int.from_bytes(head[:4], "big")
    code, axes = head[2], head[3]
    if head[:2] != b"\0\0" or code not in TYPES or (magic is not None and number != magic):
        raise DataFileError(path, f"magic number {number} (0x{number:08x})", wanted, _hint(number, magic))
    if len(head) < 4 + 4 * axes:
        raise DataFileError(path, f"truncated in the header: {len(head)} bytes", f"{4 + 4 * axes} bytes of header")
    return np.dtype(TYPES[code]), struct.unpack(f">{axes}I", head[4 : 4 + 4 * axes])


def _hint(number: int, magic: int | None) -> str:
    if (number, magic) == (LABELS, IMAGES):
        return "This is a file of labels: are the two names exchanged?"
    if (number, magic) == (IMAGES, LABELS):
        return "This is a file of images: are the two names exchanged?"
    return ""


def load_idx(folder: str | os.PathLike[str], *, class_names: Sequence[str] = ()) -> Dataset:
    """The MNIST-family data set in `folder`: the t10k files are the validation rows.

    Expects `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`,
    each with or without `.gz` (also spelt `train-images.idx3-ubyte`). Without `class_names` the classes are called "0",
    "1", ... up to the largest label.

    Raises:
        DataFileError: a file is missing or damaged.
        DataValueError: a file holds unusable values.
    """
    folder = Path(folder)
    x_train, y_train = _pair(folder, "train")
    x_val, y_val = _pair(folder, "t10k")
    if x_train.shape[1:] != x_val.shape[1:]:
        problem = f"t10k images of shape {x_val.shape[1:]}"
        raise DataFileError(folder, problem, f"the shape of the train images, {x_train.shape[1:]}")
    names = tuple(class_names) or tuple(str(k) for k in range(int(max(y_train.max(), y_val.max())) + 1))
    for where, y in (("y_train", y_train), ("y_val", y_val)):
        if y.max() >= len(names):
            row = int(np.argmax(y >= len(names)))
            raise DataValueError(
                where, row, f"label {y[row]}, but there are {len(names)} class_names", f"See {folder}."
            )
    return Dataset(
        folder.name, x_train, y_train, x_val, y_val, kind="image", class_names=names, source=f"IDX files in {folder}"
    )


def is_idx_folder(names: list[str]) -> bool:
    """Whether a folder with these file names looks like an MNIST-family folder."""
    return any(name.startswith(STEMS) for name in names)


def _pair(folder: Path, stem: str) -> tuple[AnyDtypeArray, Labels]:
    images_path, labels_path = _find(folder, f"{stem}-images", "idx3"), _find(folder, f"{stem}-labels", "idx1")
    images, labels = read_idx(images_path, magic=IMAGES), read_idx(labels_path, magic=LABELS)
    if len(images) != len(labels):
        raise DataFileError(labels_path, f"{len(labels)} labels", f"{len(images)}, one for each image of {images_path}")
    if not images.size:
        raise DataFileError(images_path, f"no pixels (shape {images.shape})", "at least one image")
    return images, labels.astype(np.int64)


def _find(folder: Path, stem: str, kind: str) -> Path:
    spellings = [f"{stem}{dot}{kind}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    names = listing(folder, "a folder with the four IDX files of an MNIST-family data set")
    for name in spellings:
        if name in names:
            return folder / name
    raise DataFileError(folder, f"no {spellings[0]} among {shown(names)}", f"{spellings[0]} or {spellings[0]}.gz there")
