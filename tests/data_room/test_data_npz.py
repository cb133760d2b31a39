"""`.npz` files of the user's: right ones load, wrong and damaged ones are DataErrors, pickles are never opened."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigrad.data as data
from minigrad.data.prepare.npy import read_rows


def saved(**arrays: object) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in arrays.items():
            with archive.open(f"{key}.npy", "w") as member:
                np.save(member, np.asarray(value))
    return stream.getvalue()


def test_pool_and_split_forms(tmp_path: Path) -> None:
    x, y = np.arange(80.0).reshape(40, 2), np.arange(40) % 2
    (tmp_path / "pool.npz").write_bytes(saved(x=x, y=y, class_names=["a", "b"], feature_names=["u", "v"]))
    it = data.load(tmp_path / "pool.npz", val=0.25)
    assert (it.name, it.task, len(it.x_train), len(it.x_val)) == ("pool", "classification", 30, 10)
    assert (it.class_names, it.feature_names) == (("a", "b"), ("u", "v"))
    (tmp_path / "split.npz").write_bytes(saved(x_train=x, y_train=y * 0.5, x_val=x[:3], y_val=y[:3] * 0.5))
    it = data.load(str(tmp_path / "split.npz"))
    assert (it.task, len(it.x_train), len(it.x_val)) == ("regression", 40, 3)


def test_a_pickle_inside_is_never_opened(tmp_path: Path) -> None:
    class Fire:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "fired"),)

    stream = io.BytesIO()
    np.savez(stream, x=np.array([Fire()], dtype=object), y=np.zeros(1))
    (tmp_path / "bad.npz").write_bytes(stream.getvalue())
    np.save(tmp_path / "alone.npy", np.array([{}], dtype=object))
    with pytest.raises(data.DataFileError, match=r"alone\.npy: holds Python objects \(a pickle\), which are never"):
        read_rows(tmp_path / "alone.npy")
    with pytest.raises(data.DataFileError, match=r"\(a pickle\), which minigrad never opens"):
        data.load(tmp_path / "bad.npz")
    assert not (tmp_path / "fired").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1.0]}, r"arrays a\. Expected arrays x_train"),
        ({"x": ["text"], "y": [0]}, "dtype <U4|cannot be split"),
        ({"x": [[1.0], [2.0]], "y": [0]}, "x has 2 rows .* but y has 1"),
        ({"x": np.arange(8.0), "y": [0, 1, 2, 900] * 2}, "labels run from 0 to 900"),
        ({"x": np.arange(8.0), "y": [0, 1, -1, 1] * 2}, "labels run from -1"),
        (
            {"x_train": np.ones((2, 3)), "y_train": [0, 1], "x_val": np.ones((1, 4)), "y_val": [0]},
            "one shape and dtype",
        ),
    ],
)
def test_arrays_that_do_not_fit(arrays: dict[str, object], message: str, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(saved(**arrays))
    with pytest.raises(data.DataError, match=message):
        data.load(tmp_path / "a.npz")


def test_nan_in_a_users_file_gives_split_row_and_column(tmp_path: Path) -> None:
    x = np.ones((6, 3)) * np.arange(6.0)[:, None]
    x[4, 1] = np.nan
    (tmp_path / "a.npz").write_bytes(saved(x_train=x, y_train=np.arange(6) % 2, x_val=x[:2], y_val=[0, 1]))
    with pytest.raises(data.DataValueError, match="a: x_train row 4: column 1 is nan") as caught:
        data.load(tmp_path / "a.npz")
    assert caught.value.row == 4


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_any_damage_is_a_data_error_or_harmless(draw: st.DataObject, tmp_path: Path) -> None:
    x, y = np.arange(60.0).reshape(20, 3), np.arange(20) % 2
    content = bytearray(saved(x=x, y=y))
    if draw.draw(st.booleans(), "cut"):
        content = content[: draw.draw(st.integers(0, len(content) - 1), "length")]
    else:
        for _ in range(draw.draw(st.integers(1, 3), "flips")):
            content[draw.draw(st.integers(0, len(content) - 1), "place")] = draw.draw(st.integers(0, 255), "byte")
    (tmp_path / "a.npz").write_bytes(content)
    try:
        it = data.load(tmp_path / "a.npz")
    except data.DataError:
        return
    np.testing.assert_array_equal(np.sort(np.concatenate([it.x_train, it.x_val]), axis=0), x)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_any_damage_inside_a_member_is_a_data_error_or_another_array(draw: st.DataObject, tmp_path: Path) -> None:
    # The archive is whole and its checksums are right; the .npy inside is not.
    stream = io.BytesIO()
    np.save(stream, np.arange(60.0).reshape(20, 3))
    inside = bytearray(stream.getvalue())
    for _ in range(draw.draw(st.integers(1, 3), "flips")):
        inside[draw.draw(st.integers(0, 127), "place")] = draw.draw(st.integers(0, 255), "byte")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", bytes(inside))
        with archive.open("y.npy", "w") as member:
            np.save(member, np.arange(20) % 2)
    try:
        it = data.load(tmp_path / "a.npz")
    except data.DataError:
        return
    assert len(it.x_train) + len(it.x_val) == 20


def test_a_header_that_claims_terabytes_costs_no_memory(tmp_path: Path) -> None:
    content = saved_plain(np.zeros((20, 3))).replace(b"(20, 3), }         ", b"(20000000, 10000) }")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", bytes(content))
        archive.writestr("y.npy", saved_plain(np.zeros(20)))
    with pytest.raises(data.DataFileError, match="its header says 1600000000128"):
        data.load(tmp_path / "a.npz")


def saved_plain(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
