"""Tables of one's own: what columns become, what is refused by name, and that a saved recipe does the same again."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from minigrad import data
from minigrad.data import DataError, DataFileError, Preparation
from minigrad.data.prepare.cells import is_missing
from minigrad.data.prepare.preparation import TableInputs
from minigrad.data.prepare.table import Table
from minigrad.data.prepare.table_sources import read_table, table_chunks
from minigrad.data.prepare.targets import NumberTarget


def rows_of(count: int, seed: int = 0) -> list[dict[str, str]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "id": str(k + 100),
            "age": "" if k % 7 == 0 else f"{rng.normal(40, 12):.2f}",
            "town": ["Ulm", "Bonn", "Köln"][k % 3],
            "member": "true" if rng.random() < 0.5 else "false",
            "since": f"20{k % 20:02d}-0{k % 9 + 1}-1{k % 9}",
            "same": "x",
            "remark": f"no {k} is like another",
            "price": f"{1000 + 37 * k}",
            "grade": str(k % 4 + 1),
            "label": "yes" if k % 3 else "no",
        }
        for k in range(count)
    ]


def write(path: Path, rows: Sequence[Mapping[str, str]], delimiter: str = ",", drop: Sequence[str] = ()) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        names = [n for n in rows[0] if n not in drop]
        writer = csv.DictWriter(file, names, delimiter=delimiter, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_columns_become_what_one_would_make_of_them_by_hand(tmp_path: Path) -> None:
    rows = rows_of(120)
    table = data.load_table(write(tmp_path / "t.csv", rows), "label", seed=1)
    recipe = table.preparation
    assert recipe is not None
    inputs = recipe.inputs
    assert isinstance(inputs, TableInputs)
    assert dict(inputs.left_out) == {
        "id": "a running number of the rows",
        "same": "the same word in every row",
        "remark": "120 different texts in 120 rows: too many for categories",
    }
    assert inputs.features == (
        "age", "age missing", "town=Bonn", "town=Köln", "town=Ulm", "member=false", "member=true",
        "since", "since sine of year", "since cosine of year", "price", "grade",
    )  # fmt: skip
    assert table.class_names == ("no", "yes")
    assert table.x_train.dtype == np.float32
    # By hand, from the prices, which tell the rows apart.
    price = {float(r["price"]): r for r in rows}
    column = inputs.features.index("price")
    scale = inputs.columns[4]
    found = np.rint(table.x_train[:, column].astype(np.float64) / scale.factor + scale.offset)  # type: ignore[union-attr]
    train = [price[float(p)] for p in found]
    for name in ("age", "price"):
        values = np.array([float(r[name]) for r in train if r[name]])
        cells = [(float(r[name]) if r[name] else float(np.median(values))) for r in train]
        expected = (np.array(cells) - values.mean()) / values.std()
        np.testing.assert_allclose(table.x_train[:, inputs.features.index(name)], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(table.x_train[:, 1], [float(not r["age"]) for r in train])
    np.testing.assert_array_equal(table.x_train[:, 4], [float(r["town"] == "Ulm") for r in train])
    days = np.array([(np.datetime64(r["since"]) - np.datetime64("1970-01-01")).astype(int) for r in train])
    np.testing.assert_allclose(table.x_train[:, 7], (days - days.mean()) / days.std(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(table.y_train, [int(r["label"] == "yes") for r in train])


@pytest.mark.parametrize("target", ["label", "price", ("price", "age2")])
def test_a_recipe_that_was_saved_does_the_same_to_the_last_bit(tmp_path: Path, target: str | tuple[str, ...]) -> None:
    rows = [{**r, "age2": f"{k / 7}"} for k, r in enumerate(rows_of(90))]
    path = write(tmp_path / "t.csv", rows)
    recipe = data.load_table(path, target).preparation
    assert recipe is not None
    again = Preparation.from_dict(json.loads(json.dumps(recipe.as_dict(), allow_nan=False)))
    table = read_table(path)
    for old, new in zip(recipe.chunks(table), again.chunks(path), strict=True):
        np.testing.assert_array_equal(old[0], new[0])
    assert again.as_dict() == recipe.as_dict()
    assert again.target == recipe.target
    assert again.describe() == recipe.describe()


def test_pieces_of_a_file_are_the_whole_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", rows_of(100), "\t")
    recipe = data.load_table(path, "label").preparation
    assert recipe is not None
    whole = np.concatenate([x for x, _ in recipe.chunks(path, 1000)])
    parts = [x for x, _ in recipe.chunks(path, 17)]
    assert [len(p) for p in parts] == [17] * 5 + [15]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert [t.first_row for t in table_chunks(path, 17)] == [1, 18, 35, 52, 69, 86]


class Column(list[object]):
    def tolist(self) -> list[object]:
        return list(self)


class FakeFrame:
    """What pandas and polars frames have in common."""

    def __init__(self, columns: dict[str, list[object]]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> Column:
        return Column(self._columns[name])

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))


def test_a_frame_gives_what_the_file_gives(tmp_path: Path) -> None:
    rows = rows_of(80)
    from_file = data.load_table(write(tmp_path / "t.csv", rows, ";"), "grade")
    cells: dict[str, list[object]] = {name: [r[name] for r in rows] for name in rows[0]}
    cells["age"] = [float(a) if a else float("nan") for a in map(str, cells["age"])]
    cells["grade"] = [int(str(g)) for g in cells["grade"]]
    frame = data.load_table(FakeFrame(cells), "grade", name="t")
    for name in ("x_train", "y_train", "x_val", "y_val"):
        np.testing.assert_array_equal(getattr(frame, name), getattr(from_file, name))
    assert frame.class_names == from_file.class_names == ("1", "2", "3", "4")


def test_what_is_predicted_follows_from_the_cells_and_can_be_settled(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", rows_of(100))
    assert data.load_table(path, "price").task == "regression", "whole-numbered prices are no classes"
    assert data.load_table(path, "member").class_names == ("false", "true")
    assert data.load_table(path, "grade").task == "classification"
    assert data.load_table(path, "grade", task="regression").task == "regression"
    assert data.load_table(path).class_names == ("no", "yes"), "the column called label"
    prices = data.load_table(path, "price", seed=3)
    scaled = prices.scaled()
    np.testing.assert_allclose([scaled.y_train.mean(), scaled.y_train.std()], [0.0, 1.0], atol=1e-6)
    assert scaled.scaled() is scaled
    assert prices.preparation is not None
    target = prices.preparation.target
    assert isinstance(target, NumberTarget)
    np.testing.assert_allclose(target.decode(scaled.y_val), prices.y_val, rtol=1e-6)
    assert target.offsets == (float(prices.y_train.mean()),), "of the training rows alone"


def test_mistakes_are_named_with_file_row_and_column(tmp_path: Path) -> None:
    rows = rows_of(60)
    good = write(tmp_path / "good.csv", rows)
    recipe = data.load_table(good, "label").preparation
    assert recipe is not None

    def encode(name: str, value: str) -> None:
        changed = [{**r, name: value} if k == 8 else r for k, r in enumerate(rows)]
        list(recipe.chunks(write(tmp_path / "bad.csv", changed), 5))

    for name, value, message in (
        (
            "town",
            "Bon",
            r"bad\.csv row 9, column 'town': 'Bon' is no category.*Did you mean 'Bonn'\? Known: Bonn, Köln",
        ),
        ("town", "", r"row 9, column 'town': no value, and no training row lacked one"),
        ("price", "cheap", r"row 9, column 'price': 'cheap' is no finite number"),
        ("price", "1_000", r"'1_000' is no finite number"),
        ("grade", "", r"row 9, column 'grade': no value.*Fill it in"),
        ("since", "12/31/2020", r"row 9, column 'since': '12/31/2020' is no date such as 2024-05-31"),
    ):
        with pytest.raises(DataError, match=message):
            encode(name, value)
    with pytest.raises(
        DataError, match=r"less\.csv: 2 of 6 columns that the model needs are missing: town, price\. There"
    ):
        list(recipe.chunks(write(tmp_path / "less.csv", rows, drop=("town", "price"))))
    with pytest.raises(DataError, match="trained on a table of 6 columns: give a path"):
        list(recipe.chunks(np.zeros((3, 4))))
    with pytest.raises(DataError, match=r"no column 'lable'\. Did you mean 'label'"):
        data.load_table(good, "lable")
    with pytest.raises(DataError, match="which column is to be predicted"):
        data.load_table(write(tmp_path / "none.csv", rows, drop=("label",)))
    with pytest.raises(
        DataError, match=r"row 4, column 'age': no value to learn|row 1, column 'age': no value to learn"
    ):
        data.load_table(good, "age")
    typo = [{**r, "price": "1o37"} if k == 30 else r for k, r in enumerate(rows)]
    with pytest.raises(DataError, match=r"typo\.csv row 31, column 'price': '1o37' is no number, and 59 other cells"):
        data.load_table(write(tmp_path / "typo.csv", typo), "label")
    with pytest.raises(DataError, match="60 different texts in 60 rows, which are no classes"):
        data.load_table(good, "remark")
    with pytest.raises(DataError, match="3 rows are too few"):
        data.load_table(write(tmp_path / "few.csv", rows[:3]), "label")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3\n", r"row 2 has 1 cells and the head 2"),
        (b"a,a\n1,2\n", r"two columns called 'a'"),
        (b"a,,b\n1,2,3\n", r"a column without a name"),
        (b"a,\n1,2\n", r"row 1 has 2 cells and the head 1 with a name"),
        (b"", r"no head"),
        (b"a,b\n\xff\xfe,2\n", r"is no UTF-8"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=message):
        read_table(path)
    with pytest.raises(DataFileError, match="no such file"):
        read_table(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    "fields",
    [{}, {"version": 2}, {"version": 1, "inputs": {"kind": "table", "columns": 3, "left_out": {}}, "target": {}},
     {"version": 1, "inputs": {"kind": "spell"}, "target": {"kind": "classes", "name": "", "classes": []}},
     {"version": 1, "target": {"kind": "classes", "name": "", "classes": ["a"]}, "inputs": {"kind": "table", "left_out":
      {}, "columns": [{"kind": "number", "name": "a", "offset": "1", "factor": 1.0}]}}],
)  # fmt: skip
def test_what_is_no_recipe_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(DataError, match=r"no preparation|of version 2"):
        Preparation.from_dict(fields)


def test_sets_of_the_package_carry_their_recipe() -> None:
    for name, normalize in (("fashion", "unit"), ("digits", "auto"), ("diabetes", "auto")):
        raw = data.load(name)
        scaled = raw.scaled(normalize=normalize)  # type: ignore[arg-type]
        assert scaled.preparation is not None
        recipe = Preparation.from_dict(json.loads(json.dumps(scaled.preparation.as_dict())))
        (encoded, _), *_ = recipe.chunks(raw.x_val, 10_000)
        np.testing.assert_array_equal(encoded, scaled.x_val)
    with pytest.raises(DataError, match=r"a row has shape \(3,\), and the model was trained on rows of \(10,\)"):
        list(recipe.chunks(np.zeros((2, 3))))
    with pytest.raises(DataError, match="row 1: a value is NaN or infinite"):
        list(recipe.chunks(np.array([[0.0] * 10, [np.nan] * 10])))
    with pytest.raises(DataError, match="row 3: a value is NaN or infinite"):
        list(recipe.chunks(np.array([[0.0] * 10] * 3 + [[np.inf] * 10]), 2))
    with pytest.raises(DataError, match="row 2: a value is too far from the rows that were trained on"):
        list(recipe.chunks(np.array([[0.0] * 10] * 2 + [[1e300] * 10]), 2))


def test_a_folder_of_pictures_by_class(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")
    rng = np.random.default_rng(0)
    for name, light in (("dark", 60), ("light", 190)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for k in range(12):
            pixels = rng.integers(light - 50, light + 50, (6, 8), dtype=np.uint8)
            image.fromarray(pixels).save(tmp_path / "pets" / name / f"{k}.png")
    pets = data.load(tmp_path / "pets")
    assert (pets.class_names, pets.kind, pets.input_shape) == (("dark", "light"), "image", (6, 8))
    assert len(pets.x_train) + len(pets.x_val) == 24
    bright = pets.x_train.reshape(len(pets.x_train), -1).mean(axis=1) > 125
    np.testing.assert_array_equal(bright, pets.y_train == 1)
    recipe = pets.scaled(normalize="unit").preparation
    assert recipe is not None
    (encoded, _), *_ = recipe.chunks(tmp_path / "pets" / "light")
    with image.open(tmp_path / "pets" / "light" / "0.png") as picture:
        np.testing.assert_allclose(encoded[0], np.asarray(picture).reshape(-1) / np.float32(255), rtol=1e-6)
    image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(
        DataFileError, match=r"small\.png: a picture of 5 x 5 pixels. Expected 8 x 6 pixels, as all others"
    ):
        list(recipe.chunks(tmp_path / "small.png"))
    (tmp_path / "none.png").write_text("no picture")
    with pytest.raises(DataFileError, match="cannot be read"):
        list(recipe.chunks(tmp_path / "none.png"))


def test_cells_without_value_are_told(tmp_path: Path) -> None:
    table = Table({"a": ["1", "NA", "n/a", " ", "?", "0"], "b": [None, float("nan"), 1, 2, 3, 4]})
    assert [is_missing(c) for c in table.columns["a"]] == [False, True, True, True, True, False]
    assert [is_missing(c) for c in table.columns["b"]] == [True, True, False, False, False, False]
