"""The checkpoint file: named tensors and a JSON document, every byte under a checksum.

The format is that of safetensors.

    8 bytes     length of the header, little-endian
    header      {"__metadata__": {"sha256": <64 digits>, "minigrad": <JSON as a string>}, <name>: {dtype, shape,
                data_offsets}, ...}, padded with spaces to a multiple of 8
    tensors     one after another without gaps, little-endian, rows first

`sha256` is that of length and header with 64 zeros in its own place, and stands at a fixed position: the header is
known to be what was written before anything in it is interpreted. The JSON in it lists the SHA-256 of every tensor.
Equal content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import attrs
import numpy as np

from minigrad.checkpoint.errors import CheckpointError
from minigrad.checkpoint.files import Bytes, UnsyncedFolder, replace
from minigrad.checkpoint.json_values import Json, as_object, refuse_no_json
from minigrad.core.types import Array
from minigrad.text import clip_text

__all__ = ["FORMAT", "Contents", "Json", "as_object", "read", "write"]

FORMAT = 1

_LONGEST_HEADER = 100_000_000
"""Bytes; the limit of safetensors itself."""
_MOST_TENSORS = 100_000
_MOST_AXES = 64
"""Axes that NumPy allows an array."""
_OPENING = b'{"__metadata__":{"sha256":"'
_DIGEST = slice(len(_OPENING), len(_OPENING) + 64)
_TYPES = {"F64": "<f8", "I64": "<i8", "U64": "<u8", "F32": "<f4", "I32": "<i4", "U32": "<u4", "F16": "<f2",
          "I16": "<i2", "U16": "<u2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1"}  # fmt: skip
_CODES = {np.dtype(text): code for code, text in _TYPES.items()}
_HELD = f"It holds {', '.join(map(str, _CODES))}"
_AGAIN = "Take an older checkpoint, or start the run anew"
_ENTRY = b'"data_offsets"'


@attrs.frozen(eq=False)
class Contents:
    """Arrays by name, and a JSON object."""

    tensors: Mapping[str, Array]
    about: Mapping[str, Json]


@attrs.frozen
class _Entry:
    """Where a tensor lies in the file, and what its bytes must add up to."""

    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    sha256: str


def write(path: Path, contents: Contents) -> int:
    """Replace `path` by a file that holds `contents`, and return its size in bytes.

    What is written can be read: the header is put to the reader before a byte reaches the disk.

    Raises:
        CheckpointError: something that a file cannot hold, a disk that is full, a folder that is missing or closed; the
            old file is unchanged.
    """
    tensors = {name: _plain(path, name, a) for name, a in contents.tensors.items()}
    if len(tensors) > _MOST_TENSORS:
        raise CheckpointError.of(path, f"{len(tensors):,} tensors, and a checkpoint holds {_MOST_TENSORS:,} at most")
    # Large items first keeps every tensor aligned, so that other readers can map the file into memory.
    ordered = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    entries: dict[str, Json] = {}
    sums: dict[str, Json] = {}
    start = 0
    for name in ordered:
        a = tensors[name]
        entries[name] = {
            "dtype": _CODES[a.dtype],
            "shape": list(a.shape),
            "data_offsets": [start, start + a.nbytes],
        }
        sums[name] = hashlib.sha256(_bytes(a)).hexdigest()
        start += a.nbytes
    about = dict(contents.about)
    refuse_no_json(path, about, "document")
    header = _header({"format": FORMAT, "sums": sums, "about": about}, entries)
    _refuse_unreadable(path, header)
    try:
        return replace(path, [header, *(_bytes(tensors[name]) for name in ordered)])
    except UnsyncedFolder as error:
        raise CheckpointError.of(
            path, f"the checkpoint is in place, but the folder could not be synced ({error.strerror}): save again"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        left = "the one before it is still there" if os.path.exists(path) else "there is none before it"
        raise CheckpointError.of(path, f"the checkpoint could not be written ({reason}); {left}") from error


def read(path: Path) -> Contents:
    """What `write` wrote.

    Memory is asked for only after all lengths have been found to agree with the file's.

    Raises:
        CheckpointError: the file is anything else; not one byte may differ.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CheckpointError.of(path, "is a folder or a device, not a checkpoint file")
        with open(path, "rb") as file:
            return _read(path, file, os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        raise CheckpointError.of(path, "there is no such checkpoint") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError.of(path, f"cannot be read ({reason})") from error
    except MemoryError as error:
        raise CheckpointError.of(path, "does not fit into memory") from error


def _refuse_unreadable(path: Path, header: bytes) -> None:
    """Refuse a header that the reader would refuse.

    Raises:
        CheckpointError: says which limit it goes beyond.
    """
    count = len(header) - 8
    if count > _LONGEST_HEADER:
        raise CheckpointError.of(
            path, f"names, shapes and `about` need {count:,} bytes, and a header has {_LONGEST_HEADER:,} at most"
        )
    _understood(path, header[8:], None)


def _header(inner: Mapping[str, Json], entries: Mapping[str, Json]) -> bytes:
    text = _dumped(inner)
    header = _dumped({"__metadata__": {"sha256": "0" * 64, "minigrad": text}, **entries}).encode("ascii")
    header += b" " * (-len(header) % 8)
    length = len(header).to_bytes(8, "little")
    digest = hashlib.sha256(length + header).hexdigest().encode("ascii")
    return length + header[: _DIGEST.start] + digest + header[_DIGEST.stop :]


def _dumped(value: Mapping[str, Json]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _plain(path: Path, name: str, value: object) -> Array:
    """The array, rows first and little-endian."""
    if not isinstance(name, str) or name == "__metadata__" or not _is_text(name):
        raise CheckpointError.of(path, f"{name!r} cannot be the name of an array: give a string")
    if not isinstance(value, np.ndarray | np.generic) or isinstance(value, np.ma.MaskedArray):
        raise CheckpointError.of(
            path, f"{name!r} is a {type(value).__name__}: give a NumPy array (of a Tensor, .numpy(); without a mask)"
        )
    dtype = value.dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise CheckpointError.of(
            path, f"{clip_text(name, 60)!r} has dtype {value.dtype}, which safetensors cannot hold", _HELD
        )
    return np.asarray(value, dtype=dtype, order="C")


def _is_text(name: str) -> bool:
    """Whether UTF-8 can say it: lone halves of surrogate pairs are no text to other readers."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bytes(a: Array) -> Bytes:
    return a.reshape(-1).view(np.uint8).data if a.size else b""


def _read(path: Path, file: io.BufferedReader, size: int) -> Contents:
    length = _exactly(path, file, 8, size)
    count = int.from_bytes(length, "little")
    if count > min(size - 8, _LONGEST_HEADER):
        _damaged(path, f"its header claims {count:,} bytes, the file has {size:,}")
    header = _exactly(path, file, count, size)
    if not header.startswith(_OPENING):
        _damaged(path, "no checkpoint of minigrad: it does not begin like one")
    blank = header[: _DIGEST.start] + b"0" * 64 + header[_DIGEST.stop :]
    if hashlib.sha256(length + blank).hexdigest().encode("ascii") != header[_DIGEST]:
        _damaged(path, "its header is not what was written")
    if (most := header.count(_ENTRY)) > _MOST_TENSORS:
        _damaged(path, f"its header has {most:,} tensors, and a checkpoint {_MOST_TENSORS:,} at most")
    about, entries = _understood(path, header, size - 8 - count)
    promised = 8 + count + sum(_size(e) for e in entries)
    if promised != size:
        _damaged(path, f"its tensors need {promised:,} bytes, the file has {size:,}")
    tensors: dict[str, Array] = {}
    for entry in entries:
        a = _empty(path, entry)
        view = _bytes(a)
        if isinstance(view, memoryview) and file.readinto(view) != len(view):
            _damaged(path, f"tensor {clip_text(entry.name, 60)!r} ends early")
        if hashlib.sha256(view).hexdigest() != entry.sha256:
            _damaged(path, f"tensor {clip_text(entry.name, 60)!r} is not what was written")
        tensors[entry.name] = a.astype(a.dtype.newbyteorder("="), copy=False)
    return Contents(tensors, about)


def _empty(path: Path, entry: _Entry) -> Array:
    try:
        return np.empty(entry.shape, entry.dtype)
    except (ValueError, OverflowError):
        _damaged(path, f"tensor {clip_text(entry.name, 60)!r} cannot have the shape {clip_text(entry.shape, 60)}")


def _exactly(path: Path, file: io.BufferedReader, count: int, size: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        _damaged(path, f"it ends early, after {size:,} bytes")
    return data


def _understood(path: Path, header: bytes, room: int | None) -> tuple[dict[str, Json], list[_Entry]]:
    """Parse a header into the JSON document and the tensors in the order of the file.

    Every field is checked to be of the kind it should be.

    Args:
        room: bytes that the file has for tensors, or None where it is still to be written.
    """
    try:
        outer = json.loads(header, object_pairs_hook=_unique)
        inner = json.loads(outer.pop("__metadata__")["minigrad"], object_pairs_hook=_unique)
        if inner["format"] != FORMAT:
            raise CheckpointError.of(
                path,
                f"is of format {clip_text(repr(inner['format']), 40)}, and this minigrad reads format {FORMAT}",
                "Use the release of minigrad that wrote it",
            )
        sums, about = inner["sums"], inner["about"]
        if not isinstance(about, dict) or sums.keys() != outer.keys():
            raise ValueError("tensors and checksums are not of the same names")
        entries, start = [], 0
        for name, entry in outer.items():
            entry_read = _Entry(name, np.dtype(_TYPES[entry["dtype"]]), _shape(entry["shape"]), str(sums[name]))
            if entry["data_offsets"] != [start, start + _size(entry_read)]:
                raise ValueError(f"tensor {name!r} is said to lie elsewhere")
            start += _size(entry_read)
            if room is not None and start > room:
                raise ValueError(f"its tensors need {min(start, 2**63):,} bytes or more, the file has {room:,}")
            entries.append(entry_read)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        _damaged(path, f"its header makes no sense ({type(error).__name__}: {error})")
    return about, entries


def _shape(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > _MOST_AXES:
        raise ValueError("a shape is a list of at most 64 extents")
    if not all(type(n) is int and 0 <= n < 2**63 for n in value):
        raise ValueError("an extent is a whole number from 0 to 2**63 - 1")
    return tuple(value)


def _size(entry: _Entry) -> int:
    size = entry.dtype.itemsize
    for extent in entry.shape:
        size *= extent
    return size


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name occurs twice")
    return fields


def _damaged(path: Path, what: str) -> NoReturn:
    raise CheckpointError.of(path, f"damaged, or no checkpoint: {what}", _AGAIN)
