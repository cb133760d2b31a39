"""Files that unpack to far more than they are: refused by size, before the memory is asked for."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minigrad import data
from minigrad.data import DataFileError

MIB = 1 << 20


def npy(a: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, a)
    return stream.getvalue()


def peak(call: Callable[[], object]) -> tuple[str, float]:
    """What the error says, and how many bytes of memory were asked for on the way."""
    import tracemalloc

    tracemalloc.start()
    began = time.perf_counter()
    try:
        with pytest.raises(DataFileError) as raised:
            call()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - began < 10.0
    assert len(str(raised.value)) < 300
    return str(raised.value), most


def test_an_npz_of_zeros_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", npy(np.zeros((12 * MIB, 1))))
        file.writestr("y.npy", npy(np.zeros(3)))
    said, most = peak(lambda: data.load(tmp_path / "b.npz"))
    assert "unpack" in said
    assert most < 2 * MIB


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_a_packed_table_is_refused_where_it_grows_too_large(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    column = "x" * 1000
    (tmp_path / "long.csv.gz").write_bytes(pack(f"{column},y\n".encode() + b"1" * (96 * MIB)))
    said, most = peak(lambda: data.load(tmp_path / "long.csv.gz", target="y"))
    assert "unpack" in said
    assert most < 300 * MIB


def test_idx_images_whose_header_claims_more_than_they_hold(tmp_path: Path) -> None:
    images = gzip.compress(struct.pack(">IIII", 0x803, 128 * 1024, 28, 28) + bytes(100 * MIB), 1, mtime=0)
    labels = gzip.compress(struct.pack(">II", 0x801, 5) + bytes(5), mtime=0)
    for stem in ("train", "t10k"):
        (tmp_path / f"{stem}-images-idx3-ubyte.gz").write_bytes(images)
        (tmp_path / f"{stem}-labels-idx1-ubyte.gz").write_bytes(labels)
    said, most = peak(lambda: data.load(tmp_path))
    assert "unpack" in said
    assert most < 200 * MIB


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="devices of Unix")
@pytest.mark.parametrize("name", ["a.txt", "a.npz"])
def test_a_device_is_not_read_for_ever(name: str, tmp_path: Path) -> None:
    """/dev/zero, that is, which must not be tried where it is."""
    (tmp_path / name).symlink_to("/dev/null")
    with pytest.raises(DataFileError, match="is a device, not a file"):
        data.load(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of Unix")
@pytest.mark.parametrize("name", ["a.csv", "a.npz"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    """Nobody writes to it; and `<(sort a.csv)` of a shell could be read once, and is read twice."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataFileError, match="is a pipe, which can be read only once: save it as a file first"):
        data.load(tmp_path / name, target="y" if name == "a.csv" else None)


def test_too_many_members_and_two_of_one_name(tmp_path: Path) -> None:
    small = npy(np.zeros(1))
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as file:
        for k in range(10_001):
            file.writestr(f"a{k}.npy", small)
    said, _ = peak(lambda: data.load(tmp_path / "many.npz"))
    assert "10,001 arrays" in said
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "twice.npz", "w") as file:
        warnings.simplefilter("ignore")
        for k in range(2):
            file.writestr("x.npy", npy(np.full((50, 4), k)))
    said, _ = peak(lambda: data.load(tmp_path / "twice.npz"))
    assert "two arrays are called 'x.npy'" in said


def test_data_that_pack_well_are_read(tmp_path: Path) -> None:
    """16 MiB of zeros and a table that packs 100 times are nothing unusual."""
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as file:
        x = np.zeros((1000, 2048))
        x[:, 0] = np.arange(1000)
        file.writestr("x.npy", npy(x))
        file.writestr("y.npy", npy(np.arange(1000) % 3))
    assert data.load(tmp_path / "b.npz").x_train.shape[1] == 2048
    rows = b"".join(b"%d,%d\n" % (k % 50, k % 3) for k in range(20_000))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"a,y\n" + rows, mtime=0))
    assert len(data.load(tmp_path / "b.csv.gz", target="y").x_train)


@pytest.mark.parametrize("cut", [1, 20, 60])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_a_packed_table_that_is_damaged(pack: Callable[[bytes], bytes], cut: int, tmp_path: Path) -> None:
    whole = bytearray(pack(b"a,y\n" + b"".join(b"%d,%d\n" % (k, k % 7) for k in range(999))))
    (tmp_path / "cut.csv").write_bytes(whole[:-cut])
    peak(lambda: data.load(tmp_path / "cut.csv", target="y"))
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "bent.csv").write_bytes(whole)
    peak(lambda: data.load(tmp_path / "bent.csv", target="y"))
