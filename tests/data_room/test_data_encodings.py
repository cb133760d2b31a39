"""Encodings of texts and tables; files that hold nothing to learn; channels that come last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigrad import data, nn, tensor
from minigrad.core.errors import ShapeError
from minigrad.data import DataError


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv"])
@pytest.mark.parametrize(("encoding", "letter"), [("cp1252", "ö"), ("latin-1", "\x81")])  # cp1252 has no 0x81
def test_other_encodings_are_named_with_what_turns_them_into_utf_8(
    tmp_path: Path, name: str, encoding: str, letter: str
) -> None:
    content = f"size,y\n1,a\n2,gr{letter}\n" + "1,a\n2,b\n" * 60
    with pytest.raises(DataError, match=f"line 3 is no UTF-8 but {encoding}.*iconv -f {encoding} -t utf-8"):
        data.load(str(written(tmp_path / name, content.encode(encoding))))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_text_is_the_same_in_every_unicode_encoding_with_every_line_end(
    tmp_path: Path, encoding: str, end: str
) -> None:
    content = "Eine große Katze.\nUnd eine zweite.\n" * 50
    plain = data.load(str(written(tmp_path / "a.txt", content.encode())))
    other = data.load(str(written(tmp_path / "b.txt", content.replace("\n", end).encode(encoding))))
    assert other.class_names == plain.class_names
    assert np.array_equal(other.x_train, plain.x_train)


@pytest.mark.parametrize("targets", [np.zeros(30, dtype=np.int64), np.full(30, "cat"), np.full(30, 3.5)])
def test_arrays_of_one_class_are_refused(tmp_path: Path, targets: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", X=np.arange(60.0).reshape(30, 2), y=targets)
    with pytest.raises(DataError, match="the same target in every training row"):
        data.load(str(tmp_path / "a.npz"))


def test_a_text_of_one_character_and_a_folder_of_one_class_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only the character 'a'"):
        data.load(str(written(tmp_path / "a.txt", b"a" * 500)))
    (tmp_path / "pets" / "cats").mkdir(parents=True)
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(tmp_path / "pets" / "cats" / "a.png")
    with pytest.raises(DataError, match="one folder alone, 'cats'"):
        data.load(str(tmp_path / "pets"))


@pytest.mark.parametrize(("layer", "shape"), [(nn.Conv2d(3, 4, 3), (2, 9, 8, 3)), (nn.Conv1d(3, 4, 3), (2, 9, 3))])
def test_channels_that_come_last_are_told_how_to_come_first(layer: nn.Module, shape: tuple[int, ...]) -> None:
    x = tensor(np.zeros(shape, dtype=np.float32))
    with pytest.raises(ShapeError, match="channels come first") as told:
        layer(x)
    order = eval(str(told.value).partition("x.transpose")[2])
    assert layer(x.transpose(*order)).shape[1] == 4
