"""IDX files: what a writer made from the format description writes comes back, and every damage has a clear error."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad.data as data
from support.data_writers import CODES, MNIST_NAMES, idx_bytes, mnist_folder

FILES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FILES
@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda name: hnp.arrays(np.dtype(name), hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
    ),
    packed=st.booleans(),
)
def test_round_trip(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], packed: bool, tmp_path: Path) -> None:
    content = idx_bytes(array)
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    back = data.read_idx(tmp_path / "a")
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert back.tobytes() == array.tobytes()
    assert back.shape == array.shape


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_folder_of_the_four_files(packed: bool, dotted: bool, tmp_path: Path) -> None:
    arrays = mnist_folder(tmp_path / "mnist", packed=packed)
    if dotted:
        for name in os.listdir(tmp_path / "mnist"):
            (tmp_path / "mnist" / name).rename(tmp_path / "mnist" / name.replace("-idx", ".idx"))
    it = data.load(tmp_path / "mnist")
    for array, back in zip(arrays, (it.x_train, it.y_train, it.x_val, it.y_val), strict=True):
        np.testing.assert_array_equal(back, array)
    assert (it.kind, it.class_names) == ("image", ("0", "1", "2"))
    assert it.y_train.dtype.name == "int64"


def test_share_splits_the_pooled_rows_anew(tmp_path: Path) -> None:
    mnist_folder(tmp_path, (30, 30))
    it = data.load(tmp_path, val=0.1, seed=3)
    assert (len(it.x_train), len(it.x_val)) == (54, 6)


@pytest.mark.parametrize("name", MNIST_NAMES)
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    mnist_folder(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(data.DataFileError, match=f"no {name} among") as caught:
        data.load(tmp_path)
    assert caught.value.path == tmp_path
    assert f"{name}.gz" in caught.value.expected


@pytest.mark.parametrize("packed", [False, True])
def test_exchanged_files_are_told_apart_by_magic(packed: bool, tmp_path: Path) -> None:
    mnist_folder(tmp_path, packed=packed)
    images, labels = (tmp_path / (name + ".gz" * packed) for name in MNIST_NAMES[:2])
    content = images.read_bytes()
    images.write_bytes(labels.read_bytes())
    labels.write_bytes(content)
    with pytest.raises(data.DataFileError, match=r"magic number 2049 \(0x00000801\).*2051 .*exchanged"):
        data.load(tmp_path)


def test_truncation_tells_both_byte_counts(tmp_path: Path) -> None:
    arrays = mnist_folder(tmp_path)
    path = tmp_path / MNIST_NAMES[0]
    path.write_bytes(path.read_bytes()[:-7])
    size = 16 + arrays[0].size
    with pytest.raises(data.DataFileError, match=rf"truncated: {size - 7} bytes\. Expected {size} bytes .*12x5x4"):
        data.load(tmp_path)


def test_bytes_left_over(tmp_path: Path) -> None:
    mnist_folder(tmp_path)
    path = tmp_path / MNIST_NAMES[2]
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(data.DataFileError, match="left over"):
        data.load(tmp_path)


def test_numbers_of_images_and_labels_must_agree(tmp_path: Path) -> None:
    mnist_folder(tmp_path)
    (tmp_path / MNIST_NAMES[1]).write_bytes(idx_bytes(np.zeros(11, np.uint8)))
    with pytest.raises(data.DataFileError, match=r"11 labels\. Expected 12"):
        data.load(tmp_path)


def test_label_beyond_the_class_names_names_its_row(tmp_path: Path) -> None:
    mnist_folder(tmp_path)
    with pytest.raises(data.DataValueError, match="y_train row 2: label 2") as caught:
        data.load_idx(tmp_path, class_names=("cat", "dog"))
    assert caught.value.row == 2


@FILES
@given(draw=st.data())
def test_any_damage_of_a_file_is_a_data_error_or_harmless(draw: st.DataObject, tmp_path: Path) -> None:
    packed = draw.draw(st.booleans(), "gzip")
    content = bytearray(idx_bytes(np.arange(60, dtype=np.int16).reshape(5, 4, 3)))
    if packed:
        content = bytearray(gzip.compress(bytes(content), mtime=0))
    if draw.draw(st.booleans(), "cut"):
        content = content[: draw.draw(st.integers(0, len(content) - 1), "length")]
    else:
        place = draw.draw(st.integers(0, len(content) - 1), "place")
        content[place] ^= draw.draw(st.integers(1, 255), "flip")
    (tmp_path / "a").write_bytes(content)
    try:
        back = data.read_idx(tmp_path / "a")
    except data.DataFileError as error:
        message = str(error)
    else:  # a flipped number of a plain file, or a flipped field of the gzip header that means nothing
        assert back.size == 60
        return
    assert str(tmp_path / "a") in message
    assert "Expected" in message


def test_a_header_that_claims_terabytes_costs_no_memory(tmp_path: Path) -> None:
    head = bytes([0, 0, 8, 3]) + b"\xff\xff\xff\x00" * 3
    for content in (head, gzip.compress(head)):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(data.DataFileError, match="truncated: 16 bytes"):
            data.read_idx(tmp_path / "a")


def test_missing_and_unreadable_paths(tmp_path: Path) -> None:
    with pytest.raises(data.DataFileError, match="no such file"):
        data.read_idx(tmp_path / "nothing")
    with pytest.raises(data.DataFileError, match="no such folder"):
        data.load(tmp_path / "nothing")
    with pytest.raises(data.DataFileError, match="cannot be read"):
        data.read_idx(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(data.DataFileError, match="is a file"):
        data.load(tmp_path / "file")
    with pytest.raises(data.DataFileError, match=r"found file\. Expected a folder with IDX"):
        data.load(tmp_path)
