"""Damaged or crafted figures.npz: one type of error, in a short message, before memory is asked for."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minigrad.train import RunMetrics, TrainError


def member(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def archive(name: str, content: bytes) -> bytearray:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(name, content)
    return bytearray(stream.getvalue())


def crafted(kind: str) -> bytes:
    raw = archive("about.npy", member(np.zeros(10)))
    central = raw.find(b"PK\x01\x02")
    if kind == "encrypted":
        raw[6] |= 1
        raw[central + 8] |= 1
    elif kind == "method":
        raw[8] = raw[central + 10] = 99
    elif kind == "deep":
        raw = archive("about.npy", member(np.array('{"a":' * 100_000)))
    elif kind == "bomb":
        text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000,), }".ljust(117) + b"\n"
        raw = archive("x.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", 118) + text)
    return bytes(raw)


@pytest.mark.parametrize("kind", ["encrypted", "method", "deep", "bomb", "no figures"])
def test_damaged_figures_are_one_short_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "figures.npz"
    path.write_bytes(crafted(kind))
    with pytest.raises(TrainError, match="holds no figures of a run") as refusal:
        RunMetrics.load(path)
    assert len(str(refusal.value)) < 300
