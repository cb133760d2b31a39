"""Arrays in `.npy` and `.npz` files, never unpickled.

Sizes are checked before memory is asked for.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import tokenize
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minigrad.data.arrays import AnyDtypeArray, make_readonly
from minigrad.data.errors import DataFileError
from minigrad.data.files import no_file_but, refuse_bomb
from minigrad.text import clip_text

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

__all__ = [
    "DAMAGE",
    "POOL_KEYS",
    "SPLIT_KEYS",
    "channels_first",
    "read_labelled",
    "read_npz",
    "read_rows",
    "usual_names",
]

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
_ROWS = ("x", "x_val", "x_train")
"""Names that rows have in an `.npz`, in the order in which they are looked for."""
_INPUTS = ("x", "data", "images", "features", "inputs")
_TARGETS = ("y", "target", "targets", "label", "labels", "output", "outputs")
_MOST_ARRAYS = 10_000
_PARTS = {"train": ("train", "training", "tr"), "val": ("val", "valid", "validation", "test", "te", "dev")}


def read_rows(path: Path) -> AnyDtypeArray:
    """The rows in a file: an `.npy`, or of an `.npz` its only array or the one called x.

    Raises:
        DataFileError: it is anything else.
    """
    if path.suffix.lower() == ".npz":
        arrays = usual_names(read_npz(path))
        names = [next(iter(arrays))] if len(arrays) == 1 else [name for name in _ROWS if name in arrays]
        if not names:
            raise DataFileError(path, f"arrays {', '.join(arrays):.80}", "one called x")
        return arrays[names[0]]
    expected = "an .npy file as numpy.save writes it, without Python objects"
    try:
        array: AnyDtypeArray = np.load(path, allow_pickle=False, mmap_mode="r")
    except FileNotFoundError:
        raise DataFileError(path, "no such file", expected) from None
    except DAMAGE as error:
        if "pickled" in str(error) or "Python objects" in str(error):  # NumPy tells how to open them all the same
            raise DataFileError(path, "holds Python objects (a pickle), which are never opened", expected) from error
        raise DataFileError(path, f"cannot be read ({type(error).__name__}: {error})", expected) from error
    return array


def read_labelled(path: Path) -> tuple[AnyDtypeArray, AnyDtypeArray]:
    """Rows and targets in an `.npz`: those for validation or test, else all there are.

    Raises:
        DataFileError: it holds no rows with targets.
    """
    arrays = usual_names(read_npz(path))
    for x, y in (("x_val", "y_val"), POOL_KEYS, ("x_train", "y_train")):
        if x in arrays and y in arrays:
            return arrays[x], arrays[y]
    raise DataFileError(path, f"arrays {', '.join(arrays):.80}", "rows called x and targets called y")


def read_npz(path: Path, content: bytes | None = None) -> dict[str, AnyDtypeArray]:
    """Every array of an `.npz` (of `content`, when given), read-only.

    Raises:
        DataFileError: it is anything else.
    """
    expected = "an .npz file as numpy.savez writes it, without Python objects"
    if content is None and (found := no_file_but(path)):
        raise DataFileError(path, found, expected)
    from zipfile import BadZipFile, ZipFile  # costs milliseconds of every import of minigrad

    try:
        with ZipFile(path if content is None else io.BytesIO(content)) as archive, warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy repairs some headers with a warning: here they are damage
            _refuse_excess(path, archive, len(content) if content is not None else os.path.getsize(path))
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in archive.infolist()}
    except FileNotFoundError:
        raise DataFileError(path, "no such file", expected) from None
    except DataFileError:
        raise
    except (BadZipFile, *DAMAGE) as error:
        raise DataFileError(path, f"cannot be read ({type(error).__name__}: {error})", expected) from error


def _refuse_excess(path: Path, archive: ZipFile, packed: int) -> None:
    """Refuse too many members, two of one name, and more bytes than such a file holds.

    Raises:
        ValueError: there are too many members, or two of one name.
        DataFileError: it unpacks to far more than its size.
    """
    infos = archive.infolist()
    if len(infos) > _MOST_ARRAYS:
        raise ValueError(f"{len(infos):,} arrays, at most {_MOST_ARRAYS:,} are read")
    if len({info.filename for info in infos}) < len(infos):
        twice = next(info.filename for k, info in enumerate(infos) if info.filename in {i.filename for i in infos[:k]})
        raise ValueError(f"two arrays are called {clip_text(twice, 60)!r}")
    refuse_bomb(path, sum(info.file_size for info in infos), packed)


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


def usual_names(arrays: Mapping[str, AnyDtypeArray]) -> dict[str, AnyDtypeArray]:
    """The arrays, those of inputs and targets under the names that are used here."""
    renamed = {name: array for name, array in arrays.items() if name in (*SPLIT_KEYS, *POOL_KEYS)}
    for name, array in arrays.items():
        words = [word for word in re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()) if word]
        part = next((p for p, known in _PARTS.items() if set(words) & set(known)), "")
        rest = [word for word in words if not any(word in known for known in _PARTS.values())]
        letter = "x" if len(rest) == 1 and rest[0] in _INPUTS else "y" if len(rest) == 1 and rest[0] in _TARGETS else ""
        usual = f"{letter}_{part}".rstrip("_") if letter else name
        renamed.setdefault(usual, array)
    return renamed


def channels_first(x: AnyDtypeArray) -> AnyDtypeArray:
    """Pictures `(N, H, W, C)` as `(N, C, H, W)`; others as they are."""
    if x.ndim == 4 and x.shape[-1] in (1, 3, 4) and x.shape[1] not in (1, 3, 4):
        return np.ascontiguousarray(np.moveaxis(x, -1, 1))
    return x
