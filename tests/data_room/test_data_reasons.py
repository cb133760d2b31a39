"""What is told of data that cannot be used as they are: encodings, classes, columns, layouts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from minigrad import data, nn, tensor
from minigrad.core.errors import ShapeError
from minigrad.data import DataError
from minigrad.data.prepare.preparation import TableInputs


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
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")
    with pytest.raises(DataError, match="only the character 'a'"):
        data.load(str(written(tmp_path / "a.txt", b"a" * 500)))
    (tmp_path / "pets" / "cats").mkdir(parents=True)
    image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(tmp_path / "pets" / "cats" / "a.png")
    with pytest.raises(DataError, match="one folder alone, 'cats'"):
        data.load(str(tmp_path / "pets"))


@pytest.mark.parametrize(("layer", "shape"), [(nn.Conv2d(3, 4, 3), (2, 9, 8, 3)), (nn.Conv1d(3, 4, 3), (2, 9, 3))])
def test_channels_that_come_last_are_told_how_to_come_first(layer: nn.Module, shape: tuple[int, ...]) -> None:
    x = tensor(np.zeros(shape, dtype=np.float32))
    with pytest.raises(ShapeError, match="channels come first") as told:
        layer(x)
    order = eval(str(told.value).partition("x.transpose")[2])
    assert layer(x.transpose(*order)).shape[1] == 4


# -- columns that are no numbers or classes for a reason that can be told ----------------------------------------------
def table(tmp_path: Path, cells: list[str], target: list[str] | None = None) -> data.Dataset:
    rng = np.random.default_rng(0)
    answers = target or [str(k % 2) for k in range(len(cells))]
    rows = [f'{rng.normal():.3f},"{cell}",{answer}' for cell, answer in zip(cells, answers, strict=True)]
    return data.load(str(written(tmp_path / "t.csv", ("a,b,y\n" + "\n".join(rows)).encode())), target="y")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([f"{k}.5" if k % 7 else "n/k" for k in range(80)], r"68 cells are numbers, and such as 'n/k' are none"),
        ([f"{1 + k % 12}/{1 + k % 28}/2024" for k in range(80)], r"Dates such as '1/1/2024' are read in the form"),
        (
            [f"2024-{1 + k % 12:02d}-{1 + k % 28:02d}" if k % 2 else f"{1 + k % 28:02d}.{1 + k % 12:02d}.24" for k in
             range(80)],
            r"Dates such as '\d\d.\d\d.24' are read in the form",
        ),
    ],
)  # fmt: skip
def test_a_column_that_is_left_out_says_what_keeps_it_from_use(tmp_path: Path, cells: list[str], reason: str) -> None:
    recipe = table(tmp_path, cells).preparation
    assert recipe is not None
    assert isinstance(recipe.inputs, TableInputs)
    assert re.search(reason, recipe.inputs.left_out["b"])


@pytest.mark.parametrize("mark", ["|", ";", ","])
def test_several_labels_in_a_cell_are_told_from_classes(tmp_path: Path, mark: str) -> None:
    labels = [["red", f"blue{mark}red", f"green{mark} blue", "blue"][k % 4] for k in range(80)]
    with pytest.raises(DataError, match=r"several labels a cell.*blue, green, red.*task='classification'"):
        table(tmp_path, ["1"] * 80, [f'"{label}"' for label in labels])
    places = [["Rome, Italy", "Oslo, Norway", "Lima, Peru"][k % 3] for k in range(80)]
    assert table(tmp_path, ["1"] * 80, [f'"{place}"' for place in places]).classes == 3


def test_rows_of_a_few_words_are_split_though_they_repeat(tmp_path: Path) -> None:
    words = "\n".join(f"{'yes' if k % 2 else 'no'},{'ab'[k // 2 % 2]},{k % 7}.5" for k in range(80))
    loaded = data.load(str(written(tmp_path / "t.csv", b"flag,kind,y\n" + words.encode())), target="y")
    assert (len(loaded.x_train), len(loaded.x_val)) == (64, 16)
    assert {row.tobytes() for row in loaded.x_val} == {row.tobytes() for row in loaded.x_train}
