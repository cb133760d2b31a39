"""Data in the forms people have them in: other separators, encodings, names, labels, layouts of folders, text."""

from __future__ import annotations

import codecs
import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from minigrad import data
from minigrad.data.dataset import Task
from minigrad.data.prepare.preparation import Preparation
from minigrad.data.prepare.table_sources import read_table
from minigrad.data.prepare.text import TextInputs

RNG = np.random.default_rng(0)
ROWS = [(f"{length:.2f}", hull, "yes" if length > 11 else "no") for length, hull in zip(
    RNG.uniform(4, 20, 60), RNG.choice(["wood", "steel"], 60), strict=True)]  # fmt: skip


def text(separator: str = ",", decimal: str = ".", rows: int = 60) -> str:
    lines = [separator.join(("length", "hull", "fast"))]
    lines += [separator.join((a.replace(".", decimal), b, c)) for a, b, c in ROWS[:rows]]
    return "\n".join(lines) + "\n"


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# -- tables ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", text()),
        ("a.csv", text(";", ",")),
        ("a.csv", text("|")),
        ("a.csv", text("\t")),
        ("a.tsv", text("\t")),
        ("a.csv", text().replace("\n", "\r\n")),
        ("a.csv", text() + "\n\n"),
        ("a.csv", codecs.BOM_UTF8 + text().encode()),
        ("a.csv", text().encode("utf-16")),
        ("a.csv.gz", gzip.compress(text().encode(), mtime=0)),
        ("a.tsv.gz", gzip.compress(text("\t").encode(), mtime=0)),
        ("a.CSV", text()),
    ],
)
def test_every_way_of_writing_a_table_gives_the_same_rows(name: str, content: str | bytes, tmp_path: Path) -> None:
    usual = data.load(written(tmp_path / "usual.csv", text()), target="fast")
    other = data.load(written(tmp_path / name, content), target="fast")
    np.testing.assert_array_equal(usual.x_train, other.x_train)
    np.testing.assert_array_equal(usual.y_val, other.y_val)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", text().replace("length", "länge").encode("latin-1"), "no UTF-8.*iconv -f cp1252"),
        ("a.csv", "5.1,3.5,1.4,a\n4.9,3.0,1.4,b\n" * 10, "Put a line with names in front"),
        ("a.csv", "0,0,5,13\n0,0,1,2\n" * 10, "Put a line with names in front"),
        ("a.csv", "", "no head"),
        ("a.csv", "a,,b\n1,2,3\n", "a head with a column without a name"),
        ("a.csv.gz", gzip.compress(text().encode(), mtime=0)[:60], "cannot be read"),
        ("a.xlsx", b"PK", "Save the sheet as CSV"),
        ("a.pkl", b"", "Pickles are never opened"),
        ("a.npy", b"", "numpy.savez"),
        ("missing.csv", None, "no such file"),
        ("missing.txt", None, "no such file"),
        ("missing.npz", None, "no such file"),
        ("missing.xlsx", None, "no such file"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_would_do(
    name: str, content: str | bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name if content is None else written(tmp_path / name, content)
    with pytest.raises(data.DataFileError, match=message) as caught:
        data.load(path, target="fast" if name.startswith("a.csv") else None)
    assert str(path) in str(caught.value)


def test_years_may_be_names_of_columns_and_an_index_without_a_name_is_a_column(tmp_path: Path) -> None:
    years = written(
        tmp_path / "years.csv",
        "1990,1991,1992,rich\n" + "".join(f"{k},{k * k % 7},{k % 3},{k % 2}\n" for k in range(40)),
    )
    assert data.load(years, target="rich").features == 3
    frame = written(tmp_path / "frame.csv", ",u,label\n" + "".join(f"{k},{k * k % 7},{k % 2}\n" for k in range(60)))
    assert read_table(frame).names == ("row", "u", "label")
    assert data.load(frame).feature_names == ("u",), "a running number says nothing"


def test_tables_of_any_length_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow as pa
    import pyarrow.parquet as parquet

    parquet.write_table(pa.table({"u": list(range(150_000)), "y": [0.5] * 150_000}), tmp_path / "long.parquet")
    assert len(read_table(tmp_path / "long.parquet")) == 150_000


def test_weights_of_rows_are_a_column(tmp_path: Path) -> None:
    lines = text().splitlines()
    path = written(
        tmp_path / "a.csv", "\n".join([f"{lines[0]},w", *(f"{line},{k % 5}" for k, line in enumerate(lines[1:]))])
    )
    loaded = data.load(path, target="fast", weights="w")
    assert loaded.feature_names == ("length", "hull=steel", "hull=wood")
    assert loaded.sample_weight is not None
    assert set(loaded.sample_weight.tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    with pytest.raises(data.DataError, match=r"'wood' is no weight|'steel' is no weight"):
        data.load(path, target="fast", weights="hull")
    with pytest.raises(data.DataError, match="a weight and a target"):
        data.load(path, target="fast", weights="fast")


def test_several_answers_of_yes_and_no_are_labels(tmp_path: Path) -> None:
    rows = [(k % 7, "yes" if k % 2 else "no", str(k % 3 == 0)) for k in range(60)]
    path = written(tmp_path / "a.csv", "u,odd,third\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    loaded = data.load(path, target=("odd", "third"))
    assert (loaded.task, loaded.y_train.shape[1], str(loaded.y_train.dtype)) == ("multilabel", 2, "float32")
    assert loaded.preparation is not None
    target = loaded.preparation.target
    again = Preparation.from_dict(loaded.preparation.as_dict()).target
    assert again == target
    np.testing.assert_array_equal(
        again.decode(np.array([[-1.0, 2.0], [3.0, -0.5]])), [["no", "True"], ["yes", "False"]]
    )
    for arguments, message in (
        ({"target": ("odd", "u")}, "'no' is no finite number|'yes' is no finite number"),
        ({"target": ("odd", "third"), "task": "classification"}, "the task is multilabel"),
        ({"target": ("u",), "task": "multilabel"}, "holds 7 words"),
    ):
        with pytest.raises(data.DataError, match=message):
            data.load(path, **arguments)


# -- arrays ------------------------------------------------------------------------------------------------------------
X, Y = RNG.normal(size=(60, 3)), np.arange(60) % 3


def saved(path: Path, **arrays: object) -> Path:
    stream = io.BytesIO()
    np.savez(stream, **{name: np.asarray(a) for name, a in arrays.items()})  # type: ignore[arg-type]
    return written(path, stream.getvalue())


@pytest.mark.parametrize(
    "names",
    [
        ("x", "y"), ("X", "Y"), ("data", "target"), ("images", "labels"), ("features", "label"),
        ("x_train", "y_train"), ("inputs", "outputs"),
        ("x_train", "y_train", "x_test", "y_test"), ("X_train", "Y_train", "X_test", "Y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"), ("trainX", "trainY", "valX", "valY"),
        ("train_data", "train_targets", "valid_data", "valid_targets"),
    ],
)  # fmt: skip
def test_arrays_of_usual_names(names: tuple[str, ...], tmp_path: Path) -> None:
    arrays = dict(zip(names, (X, Y, X[:9], Y[:9]), strict=False))
    loaded = data.load(saved(tmp_path / "a.npz", **arrays))
    assert (loaded.task, loaded.classes) == ("classification", 3)
    assert len(loaded.x_train) + len(loaded.x_val) == (60 if len(names) == 2 else 69)


WORDS = np.array(["cat", "dog", "emu"])


@pytest.mark.parametrize(
    ("y", "task", "wanted"),
    [
        (WORDS[Y], None, ("classification", ("cat", "dog", "emu"))),
        (np.char.encode(WORDS[Y]), None, ("classification", ("cat", "dog", "emu"))),
        (Y == 1, None, ("classification", ("false", "true"))),
        (Y[:, None], None, ("classification", ("0", "1", "2"))),
        (np.eye(3)[Y], None, ("classification", ("0", "1", "2"))),
        (np.eye(3, dtype=int)[Y], None, ("classification", ("0", "1", "2"))),
        (np.where(Y == 1, 1, -1), None, ("classification", ("-1", "1"))),
        (Y * 500 - 500, None, ("classification", ("-500", "0", "500"))),
        (Y.astype(np.uint8), None, ("classification", ("0", "1", "2"))),
        (Y.astype(float), None, ("regression", ())),
        (Y.astype(float), "classification", ("classification", ("0", "1", "2"))),
        (Y * 0.5, "classification", ("classification", ("0", "0.5", "1"))),
        (np.arange(60) * 1000, "regression", ("regression", ())),
        (np.stack([Y > 0, Y > 1], axis=1), None, ("multilabel", ())),
        (np.eye(3)[Y], "multilabel", ("multilabel", ())),
        (RNG.normal(size=(60, 2)), None, ("regression", ())),
    ],
)
def test_targets_mean_what_their_values_say(
    y: object, task: Task | None, wanted: tuple[str, tuple[str, ...]], tmp_path: Path
) -> None:
    loaded = data.load(saved(tmp_path / "a.npz", x=X, y=y), task=task)
    assert (loaded.task, loaded.class_names) == wanted


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (np.arange(60) * 1000 + 53197, None, r"labels run from 53197 .*give task='regression' \(--task regression\)"),
        ([f"person {k}" for k in range(60)], None, "60 different texts in 60 rows are no classes"),
        (WORDS[Y], "regression", "targets are texts such as 'cat'"),
        (np.arange(60.0), "classification", "60 different numbers"),
        (Y, "multilabel", "are no labels"),
        (np.arange(60).astype("datetime64[D]"), None, "dtype datetime64"),
    ],
)
def test_targets_that_make_no_sense_say_what_would(y: object, task: Task | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(data.DataError, match=message):
        data.load(saved(tmp_path / "a.npz", x=X, y=y), task=task)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_may_come_last(channels: int, tmp_path: Path) -> None:
    pictures = RNG.integers(0, 256, (60, 9, 7, channels)).astype(np.uint8)
    last = data.load(saved(tmp_path / "a.npz", x=pictures, y=Y))
    first = data.load(saved(tmp_path / "b.npz", x=np.moveaxis(pictures, -1, 1), y=Y))
    np.testing.assert_array_equal(last.x_train, first.x_train)
    assert (last.kind, last.input_shape) == ("image", (channels, 9, 7))


# -- pictures ----------------------------------------------------------------------------------------------------------
def painted(folder: Path, count: int, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    folder.mkdir(parents=True)
    for k in range(count):
        pixels = RNG.integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
        image.fromarray(pixels).convert(mode).save(folder / f"{k}.png")


def test_pictures_of_train_and_val(tmp_path: Path) -> None:
    for part, count in (("train", 12), ("test", 5)):
        for name in ("cat", "dog"):
            painted(tmp_path / part / name, count)
    loaded = data.load(tmp_path)
    assert (len(loaded.x_train), len(loaded.x_val), loaded.class_names) == (24, 10, ("cat", "dog"))
    painted(tmp_path / "test" / "emu", 1)
    with pytest.raises(data.DataFileError, match="emu: a class that train does not have"):
        data.load(tmp_path)


def test_pictures_of_other_sizes_are_refused_or_resized(tmp_path: Path) -> None:
    painted(tmp_path / "cat", 6, (8, 8))
    painted(tmp_path / "dog", 6, (12, 10))
    with pytest.raises(data.DataFileError, match=r"12 x 10 pixels. Expected 8 x 8 pixels, .*--size N resizes all"):
        data.load(tmp_path)
    loaded = data.load(tmp_path, size=6)
    assert loaded.input_shape == (3, 6, 6)
    recipe = loaded.scaled(normalize="unit").preparation
    assert recipe is not None
    again = Preparation.from_dict(recipe.as_dict())
    rows = np.concatenate([x for x, _ in again.chunks(str(tmp_path / "dog"))])
    assert rows.shape == (6, 108)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "LA"])
def test_every_mode_of_picture(mode: str, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        painted(tmp_path / name, 6, mode=mode)
    assert data.load(tmp_path).input_shape == ((8, 8) if mode in ("L", "1", "LA") else (3, 8, 8))


# -- text --------------------------------------------------------------------------------------------------------------
def test_a_text_becomes_windows_and_back(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", "the cat sat on the mat.\r\n" * 100)
    loaded = data.load(tmp_path / "a.txt")
    assert loaded.kind == "text"
    assert loaded.preparation is not None
    inputs = Preparation.from_dict(loaded.preparation.as_dict()).inputs
    assert isinstance(inputs, TextInputs)
    assert "\r" not in inputs.alphabet
    windows = list(inputs.windows(tmp_path / "a.txt", 5))
    assert inputs.decode(np.concatenate([x.ravel() for x, _ in windows])) == ("the cat sat on the mat.\n" * 100)[:-1]
    assert inputs.decode(np.concatenate([y.ravel() for _, y in windows])) == ("the cat sat on the mat.\n" * 100)[1:]
    written(tmp_path / "b.txt", "the cat\nsaw!")
    with pytest.raises(data.DataError, match=r"b.txt line 2, column 3: the character 'w' is none of the 1"):
        list(inputs.windows(tmp_path / "b.txt", 5))


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "no text"), (b"  \n", "no text"), (b"ab\xff", "line 1 is no UTF-8 but cp1252")]
)
def test_files_that_are_no_text(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(data.DataFileError, match=message):
        data.load(written(tmp_path / "a.txt", content))


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("iris", {"size": 8}, "size is for folders of pictures of your own"),
        ("a.txt", {"size": 8}, "size is for folders"),
        ("a.csv", {"size": 8}, "size is for folders"),
        ("a.npz", {"weights": "w"}, "weights is for tables"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(source: str, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(data.DataError, match=message):
        data.load(source, **arguments)  # type: ignore[arg-type]


def test_frames_and_columns_load_as_files_do() -> None:
    columns = {
        "length": [float(a) for a, _, _ in ROWS],
        "hull": [b for _, b, _ in ROWS],
        "fast": [c for _, _, c in ROWS],
    }
    loaded = data.load(columns, target="fast")
    assert loaded.feature_names == ("length", "hull=steel", "hull=wood")


def test_a_text_in_utf_16_is_read_and_arrays_without_rows_are_refused(tmp_path: Path) -> None:
    loaded = data.load(written(tmp_path / "a.txt", ("große Katze. " * 200).encode("utf-16")))
    assert loaded.classes == len(set("große Katze. "))
    with pytest.raises(data.DataError, match="there are no rows"):
        data.load(saved(tmp_path / "a.npz", x=X[:0], y=Y[:0]))
