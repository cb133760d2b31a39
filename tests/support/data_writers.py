"""Writers of the file formats that `minigrad.data` reads, made from the format descriptions alone."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
MNIST_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_bytes(array: NDArray[np.generic]) -> bytes:
    """IDX: two zeros, type code, number of axes, big-endian sizes, big-endian numbers."""
    head = bytes([0, 0, CODES[array.dtype.name], array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def mnist_folder(folder: Path, rows: tuple[int, int] = (12, 6), *, packed: bool = False) -> list[NDArray[np.generic]]:
    """A folder with the four standard files; returns the arrays in the order of ``MNIST_NAMES``."""
    rng = np.random.default_rng(1)
    arrays: list[NDArray[np.generic]] = []
    for count in rows:
        arrays += [rng.integers(0, 256, (count, 5, 4), dtype=np.uint8), (np.arange(count) % 3).astype(np.uint8)]
    folder.mkdir(exist_ok=True)
    for name, array in zip(MNIST_NAMES, arrays, strict=True):
        content = idx_bytes(array)
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    return arrays


def cifar_bytes(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bytes:
    """CIFAR-10 binary: for each row a label byte, then the red, green and blue planes, row by row."""
    return b"".join(bytes([int(label)]) + image.tobytes() for image, label in zip(images, labels, strict=True))


def cifar_folder(folder: Path, rows: int = 4) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """A folder with the six batch files of ``rows`` records each; returns their (images, labels)."""
    rng = np.random.default_rng(2)
    folder.mkdir(exist_ok=True)
    batches = []
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        images = rng.integers(0, 256, (rows, 3, 32, 32), dtype=np.uint8)
        labels = rng.integers(0, 10, rows, dtype=np.uint8)
        (folder / f"{name}.bin").write_bytes(cifar_bytes(images, labels))
        batches.append((images, labels))
    return batches
