"""Data sets in `.npz` files: never unpickled, sizes checked before memory is asked for."""

from __future__ import annotations

import io
import math
import os
import struct
import tokenize
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minigrad.data.arrays import AnyDtypeArray, make_readonly
from minigrad.data.dataset import Dataset, Kind, Task
from minigrad.data.errors import DataError, DataFileError
from minigrad.data.split import split_rows

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

DAMAGE = (
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
    struct.error,
    SyntaxError,
    TypeError,
    Warning,
    tokenize.TokenError,
)
SPLIT_KEYS, POOL_KEYS = ("x_train", "y_train", "x_val", "y_val"), ("x", "y")
KEYS = f"arrays {', '.join(SPLIT_KEYS)}, or {' and '.join(POOL_KEYS)}"


def read_npz(path: Path, content: bytes | None = None) -> dict[str, AnyDtypeArray]:
    """Every array of an `.npz` (of `content`, when given), read-only.

    Raises:
        DataFileError: it is anything else.
    """
    expected = "an .npz file as numpy.savez writes it, without Python objects"
    from zipfile import BadZipFile, ZipFile  # costs milliseconds of every import of minigrad

    try:
        with ZipFile(path if content is None else io.BytesIO(content)) as archive, warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy repairs some headers with a warning: here they are damage
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in archive.infolist()}
    except FileNotFoundError:
        raise DataFileError(path, "no such file", expected) from None
    except (BadZipFile, *DAMAGE) as error:
        raise DataFileError(path, f"cannot be read ({type(error).__name__}: {error})", expected) from error


def _member(archive: ZipFile, info: ZipInfo) -> AnyDtypeArray:
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{info.filename}: .npy version {version}")
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects (a pickle), which minigrad never opens")
        size = stream.tell() + math.prod(shape) * dtype.itemsize
    if size != info.file_size or any(n < 0 for n in shape):
        raise ValueError(f"{info.filename}: {info.file_size} bytes, but its header says {size}")
    with archive.open(info) as stream:
        array: AnyDtypeArray = np.lib.format.read_array(stream, allow_pickle=False)
    return make_readonly(array)


def load_npz(
    path: str | os.PathLike[str], *, val: float = 0.2, seed: int = 0, class_names: Sequence[str] = ()
) -> Dataset:
    """Load a data set from an `.npz` file of the user's.

    It has the arrays `x_train y_train x_val y_val`, or `x` and `y`.

    With `x` and `y`, the share `val` is held out (see `minigrad.data.split_rows`). Integer `y` means classification,
    floating-point `y` regression; uint8 `x` of 3 or 4 axes are images. Optional arrays `class_names` and
    `feature_names`.

    Raises:
        DataFileError: the file is damaged or lacks arrays.
        DataError: the arrays do not fit together.
    """
    path = Path(path)
    return from_arrays(path.stem, read_npz(path), path, val=val, seed=seed, class_names=class_names)


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
) -> Dataset:
    """A Dataset from the arrays of an `.npz` (see `load_npz`); `path` is only named in errors."""
    if all(key in arrays for key in SPLIT_KEYS):
        x_train, y_train, x_val, y_val = (arrays[key] for key in SPLIT_KEYS)
    elif all(key in arrays for key in POOL_KEYS):
        x_train, y_train, x_val, y_val = _held_out(arrays["x"], arrays["y"], val, seed)
    else:
        raise DataFileError(path, f"arrays {', '.join(sorted(arrays)) or '(none)'}", KEYS)
    for key, array in zip(SPLIT_KEYS, (x_train, y_train, x_val, y_val), strict=True):
        if array.dtype.kind not in "iuf":
            raise DataFileError(path, f"{key} has dtype {array.dtype}", "integers or floating-point numbers")
    task: Task = "regression" if y_train.dtype.kind == "f" else "classification"
    names: tuple[str, ...] = ()
    if task == "classification":
        y_train, y_val = y_train.astype(np.int64), y_val.astype(np.int64)
        names = tuple(class_names) or _texts(arrays, "class_names") or _numbered(y_train, y_val)
    kind: Kind = "image" if x_train.dtype == np.uint8 and x_train.ndim in (3, 4) else "table"
    return Dataset(
        name,
        x_train,
        y_train,
        x_val,
        y_val,
        task=task,
        kind=kind,
        class_names=names,
        feature_names=_texts(arrays, "feature_names"),
        full_scale=full_scale,
        source=source or f"arrays in {path}",
    )


def _held_out(
    x: AnyDtypeArray, y: AnyDtypeArray, val: float, seed: int
) -> tuple[AnyDtypeArray, AnyDtypeArray, AnyDtypeArray, AnyDtypeArray]:
    train, held = split_rows(x, y, val, seed)
    return x[train], y[train], x[held], y[held]


def _texts(arrays: dict[str, AnyDtypeArray], key: str) -> tuple[str, ...]:
    return tuple(str(item) for item in arrays[key].reshape(-1)) if key in arrays else ()


def _numbered(*labels: AnyDtypeArray) -> tuple[str, ...]:
    """Return the names "0", "1", ... up to the largest label.

    Labels that cannot be class numbers from 0 are refused.
    """
    low, high = min(int(y.min()) for y in labels if y.size), max(int(y.max()) for y in labels if y.size)
    rows = sum(map(len, labels))
    if low < 0 or high >= max(rows, 2):
        raise DataError(f"labels run from {low} to {high} in {rows} rows. Expected class numbers 0, 1, 2, ...")
    return tuple(str(k) for k in range(high + 1))
