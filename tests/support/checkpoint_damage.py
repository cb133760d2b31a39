"""Ways in which files come to harm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["DAMAGES", "damaged"]

Damage = Callable[[bytes, bytes, np.random.Generator], bytes]


def _at(raw: bytes, rng: np.random.Generator) -> int:
    """A position: half of the time in the header, where a byte means most."""
    header = 8 + int.from_bytes(raw[:8], "little")
    return int(rng.integers(header if rng.random() < 0.5 else len(raw)))


def _flip(raw: bytes, rng: np.random.Generator, bits: int) -> bytes:
    changed = bytearray(raw)
    for _ in range(bits):
        changed[_at(raw, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _block(raw: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = _at(raw, rng)
    return start, min(len(raw), start + int(rng.integers(1, 4096)))


def _zeroed(raw: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _block(raw, rng)
    return raw[:start] + bytes(stop - start) + raw[stop:]


def _cut(raw: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _block(raw, rng)
    return raw[:start] + raw[stop:]


def _doubled(raw: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _block(raw, rng)
    return raw[:stop] + raw[start:]


def _digit(raw: bytes, rng: np.random.Generator) -> bytes:
    """One digit of the header is another: shapes, offsets, checksums, counts."""
    header = 8 + int.from_bytes(raw[:8], "little")
    places = [i for i in range(8, header) if 48 <= raw[i] <= 57]
    place = places[int(rng.integers(len(places)))]
    other = (raw[place] - 48 + int(rng.integers(1, 10))) % 10
    return raw[:place] + bytes([48 + other]) + raw[place + 1 :]


def _length(raw: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    count = int(rng.integers(2**63)) >> int(rng.integers(63))
    return count.to_bytes(8, "little") + raw[8:]


def _header_of(raw: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    mine, theirs = (8 + int.from_bytes(r[:8], "little") for r in (raw, other))
    return other[:theirs] + raw[mine:]


def _spliced(raw: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(1, len(raw)))
    return raw[:place] + other[place:]


DAMAGES: dict[str, Damage] = {
    "truncated": lambda raw, other, rng: raw[: int(rng.integers(len(raw)))],
    "one bit": lambda raw, other, rng: _flip(raw, rng, 1),
    "some bits": lambda raw, other, rng: _flip(raw, rng, int(rng.integers(2, 9))),
    "zeroed block": lambda raw, other, rng: _zeroed(raw, rng),
    "lost block": lambda raw, other, rng: _cut(raw, rng),
    "doubled block": lambda raw, other, rng: _doubled(raw, rng),
    "one digit": lambda raw, other, rng: _digit(raw, rng),
    "other length": _length,
    "header of another": _header_of,
    "spliced": _spliced,
    "longer": lambda raw, other, rng: raw + rng.bytes(int(rng.integers(1, 100))),
    "noise": lambda raw, other, rng: rng.bytes(int(rng.integers(0, 500))),
}


def damaged(kind: str, raw: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """`raw` after an accident of this kind, drawn anew until it differs. `other` is a file of the same sort."""
    while True:
        made = DAMAGES[kind](raw, other, rng)
        if made not in (raw, other):
            return made
