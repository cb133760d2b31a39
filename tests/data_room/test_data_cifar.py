"""CIFAR-10 binary batches: round trip, and clear errors for the usual mishaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minigrad.data as data
from minigrad.data.cifar import RECORD
from support.data_writers import cifar_folder


def test_round_trip(tmp_path: Path) -> None:
    written = cifar_folder(tmp_path)
    it = data.load_cifar10(tmp_path, rows=4)
    np.testing.assert_array_equal(it.x_train, np.concatenate([images for images, _ in written[:5]]))
    np.testing.assert_array_equal(it.y_train, np.concatenate([labels for _, labels in written[:5]]))
    np.testing.assert_array_equal(it.x_val, written[5][0])
    np.testing.assert_array_equal(it.y_val, written[5][1])
    assert (it.x_train.shape, it.x_train.dtype.name, it.class_names[3]) == ((20, 3, 32, 32), "uint8", "cat")
    assert it.scaled("image").x_train.shape == (20, 3, 32, 32)
    assert it.scaled("flat").x_train.shape == (20, 3072)


def test_a_batch_of_the_published_size(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(10_000 * RECORD))
    images, labels = data.read_cifar10(tmp_path / "data_batch_1.bin")
    assert (images.shape, labels.shape) == ((10_000, 3, 32, 32), (10_000,))


def test_missing_batches_are_all_named(tmp_path: Path) -> None:
    cifar_folder(tmp_path)
    (tmp_path / "data_batch_3.bin").unlink()
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(data.DataFileError, match=r"no data_batch_3\.bin, test_batch\.bin among"):
        data.load(tmp_path)


@pytest.mark.parametrize(("length", "found"), [(-1, "truncated: 12291 bytes"), (1, "more than 12292 bytes")])
def test_wrong_length_tells_the_byte_counts(length: int, found: str, tmp_path: Path) -> None:
    cifar_folder(tmp_path)
    path = tmp_path / "data_batch_2.bin"
    content = path.read_bytes()
    path.write_bytes(content[:length] if length < 0 else content + b"\0")
    with pytest.raises(data.DataFileError, match=rf"data_batch_2\.bin: {found}. Expected 12292 bytes \(4 records"):
        data.load_cifar10(tmp_path, rows=4)


def test_a_label_above_nine_names_record_and_byte(tmp_path: Path) -> None:
    cifar_folder(tmp_path)
    path = tmp_path / "test_batch.bin"
    content = bytearray(path.read_bytes())
    content[2 * RECORD] = 10
    path.write_bytes(content)
    with pytest.raises(data.DataFileError, match=r"record 2 \(byte 6146\) has label 10. Expected labels 0 to 9"):
        data.load_cifar10(tmp_path, rows=4)


def test_the_pickled_version_is_refused_and_never_opened(tmp_path: Path) -> None:
    fired = tmp_path / "fired"
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / name).write_bytes(b"cos\nmkdir\n(V" + str(fired).encode() + b"\ntR.")
    with pytest.raises(data.DataFileError, match="binary version"):
        data.load(tmp_path)
    assert not fired.exists()
