"""Folders of pictures as cameras, phones and notebooks leave them behind."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minigrad import data

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")
RNG = np.random.default_rng(0)


def painted(folder: Path, names: list[str], mode: str = "L", size: tuple[int, int] = (8, 8)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        pixels = RNG.integers(256, size=(*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / name)


def test_files_of_the_system_and_hidden_folders_are_no_pictures(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        painted(tmp_path / name, [f"{k}.PNG" for k in range(6)])
        (tmp_path / name / "._0.png").write_bytes(b"resource fork")
        (tmp_path / name / ".DS_Store").write_bytes(b"x")
        (tmp_path / name / "Thumbs.db").write_bytes(b"x")
    painted(tmp_path / ".ipynb_checkpoints", ["0.png"])
    loaded = data.load(tmp_path)
    assert loaded.class_names == ("cat", "dog")
    assert len(loaded.x_train) + len(loaded.x_val) == 12


def test_folders_below_a_class_belong_to_it(tmp_path: Path) -> None:
    painted(tmp_path / "cat" / "2023", ["a.png", "b.jpg"])
    painted(tmp_path / "cat", ["c.bmp"])
    painted(tmp_path / "dog" / "x" / "y", ["a.png", "b.png", "c.png"])
    loaded = data.load(tmp_path)
    assert len(loaded.x_train) + len(loaded.x_val) == 6


def test_a_class_that_cannot_be_read_is_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cat", "dog", "owl"):
        painted(tmp_path / name, ["a.png", "b.png", "c.png"])
    scandir = os.scandir

    def locked(path: str | Path) -> object:
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(data.DataFileError, match=r"dog: cannot be read \(Permission denied\)"):
        data.load(tmp_path)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_sixteen_bits_are_scaled_not_clipped(dtype: type, tmp_path: Path) -> None:
    values = RNG.integers(65_536, size=(6, 5, 5))
    for k, pixels in enumerate(values):
        folder = tmp_path / ("cat", "dog")[k % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(dtype)).save(folder / f"{k}.tif")
    loaded = data.load(tmp_path)
    there = np.sort(np.concatenate([loaded.x_train, loaded.x_val]).reshape(6, -1), axis=0)
    wanted = np.sort(np.rint(values / 257.0).reshape(6, -1), axis=0)
    np.testing.assert_array_equal(there, wanted)


def test_gray_and_color_together_are_color(tmp_path: Path) -> None:
    painted(tmp_path / "cat", ["a.png", "b.png", "c.png"], "L")
    painted(tmp_path / "dog", ["a.png", "b.png", "c.png"], "RGBA")
    assert data.load(tmp_path).input_shape == (3, 8, 8)


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "cannot be read"), (b"not a picture", "cannot be read"), (None, "cannot be read")]
)
def test_a_broken_picture_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        painted(tmp_path / name, [f"{k}.png" for k in range(3)])
    bad = tmp_path / "dog" / "9.png"
    whole = (tmp_path / "dog" / "0.png").read_bytes()
    bad.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(data.DataFileError, match=message) as caught:
        data.load(tmp_path)
    assert str(bad) in str(caught.value)


def test_large_pictures_are_made_small_one_by_one(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        painted(tmp_path / name, [f"{k}.png" for k in range(4)], "RGB", (400, 400))
    tracemalloc.start()
    loaded = data.load(tmp_path, size=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert loaded.input_shape == (3, 8, 8)
    assert peak < 3_000_000, "of 8 pictures of 480,000 bytes each"
