"""Damaged folders of runs: bytes changed, cut and added, and every field of every JSON document replaced."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["JUNK", "damaged_bytes", "damaged_fields", "header_of", "with_header"]

JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**30, 1e300, "", "x" * 5_000, "\0", [], [[]], {}, {"a": 1}, [None], ["x"] * 50, "../../x",
)  # fmt: skip
"""What a field is replaced by; NaN and infinities are no JSON."""


def damaged_bytes(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Files that are `content` but for a change, with what was changed."""
    rng = np.random.default_rng(seed)
    yield "empty", b""
    yield "twice", content * 2
    yield "text", b"hello"
    for k in range(count):
        at = int(rng.integers(len(content)))
        if k % 4 == 0:
            yield f"cut at {at}", content[:at]
        elif k % 4 == 1:
            yield f"zeros from {at}", content[:at] + bytes(min(64, len(content) - at)) + content[at + 64 :]
        elif k % 4 == 2:
            yield f"a byte more at {at}", content[:at] + bytes([int(rng.integers(256))]) + content[at:]
        else:
            bent = bytearray(content)
            # Half of the changes meet the first bytes, where lengths and headers are.
            bent[at if k % 8 == 3 else at % min(len(content), 400)] ^= 1 << int(rng.integers(8))
            yield f"a bit at {at}", bytes(bent)


def damaged_fields(document: Any, junk: tuple[Any, ...] = JUNK) -> Iterator[tuple[str, Any]]:
    """Documents in which one field is left out or replaced, with its path."""
    for path in _paths(document):
        changed = copy.deepcopy(document)
        _parent(changed, path).pop(path[-1])
        yield f"{path} left out", changed
        for value in junk:
            changed = copy.deepcopy(document)
            _parent(changed, path)[path[-1]] = value
            yield f"{path} = {value!r:.30}", changed


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and tensors of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header: dict[str, Any], tensors: bytes) -> bytes:
    """A safetensors file."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def _paths(document: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    first = enumerate(document[:2]) if isinstance(document, list) else ()
    items = document.items() if isinstance(document, dict) else first
    for name, value in items:
        yield (*before, name)
        yield from _paths(value, (*before, name))


def _parent(document: Any, path: tuple[str | int, ...]) -> Any:
    for name in path[:-1]:
        document = document[name]
    return document
