"""Tables in every dialect that programs write: what is read is what was written, and what pandas reads."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minigrad import data
from minigrad.data.prepare.cells import NumberStyle, as_number, find_number_style
from minigrad.data.prepare.columns import CategoryColumn, DateColumn, NumberColumn
from minigrad.data.prepare.fit_columns import fit_column
from minigrad.data.prepare.table_sources import read_table, table_chunks

Columns = dict[str, Sequence[object]]
ROWS = 24
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": lambda content: gzip.compress(content, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@attrs.frozen
class Dialect:
    """How a table is written."""

    mark: str
    newline: str
    encoding: str
    packed: str
    quote_all: bool
    style: NumberStyle
    padded: bool
    trailing: bool
    blank_lines: bool

    def number(self, value: float) -> str:
        """As this dialect writes it, with groups of thousands."""
        text = f"{value:,.3f}" if self.style != "point" else repr(value)
        return text.translate(str.maketrans(",.", ".,")) if self.style == "comma" else text

    def write(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
        """The bytes of the file."""
        text = io.StringIO()
        quoting: Literal[0, 1] = csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL
        pad = " " if self.padded and not self.quote_all else ""
        end = ("",) if self.trailing else ()
        writer = csv.writer(text, delimiter=self.mark, quoting=quoting, lineterminator=self.newline)
        for k, row in enumerate([names, *rows]):
            writer.writerow([*(f"{pad}{cell}{pad}" if pad and cell else cell for cell in row), *end])
            if self.blank_lines and k % 5 == 0:
                text.write(self.newline)
        return PACKED[self.packed](text.getvalue().encode(self.encoding))


DIALECTS = st.builds(
    Dialect,
    mark=st.sampled_from([",", ";", "\t", "|"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    packed=st.sampled_from(list(PACKED)),
    quote_all=st.booleans(),
    style=st.sampled_from(["point", "comma", "grouped"]),
    padded=st.booleans(),
    trailing=st.booleans(),
    blank_lines=st.booleans(),
)
NUMBERS = st.lists(
    st.integers(-(10**9), 10**9).map(lambda n: n / 1000.0 + 0.0001 * (n % 2)).map(lambda v: round(v, 3)),
    min_size=ROWS, max_size=ROWS,
)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(["Ulm", 'a "b" c', "Köln", "x, y", "semi;colon", "bar|red", "two\twords", "日本", "it's", "10 %"]),
    min_size=ROWS, max_size=ROWS,
)  # fmt: skip
DAYS = st.lists(
    st.integers(0, 20_000).map(lambda n: date(1980, 1, 1) + timedelta(n)), min_size=ROWS, max_size=ROWS, unique=True
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DIALECTS, NUMBERS, WORDS, DAYS, st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%dT12:00:00Z"]))
def test_what_was_written_is_read_in_every_dialect(
    tmp_path: Path, dialect: Dialect, numbers: list[float], words: list[str], days: list[date], form: str
) -> None:
    rows = [
        (dialect.number(n), word, day.strftime(form), ("yes", "no")[k % 2])
        for k, (n, word, day) in enumerate(zip(numbers, words, days, strict=True))
    ]
    path = tmp_path / f"t.csv{dialect.packed}"
    path.write_bytes(dialect.write(("näme", "town", "since", "label"), rows))
    table = read_table(path)
    assert table.names == ("näme", "town", "since", "label")
    assert len(table) == ROWS

    fitted = fit_column(table, "näme", allow_running=True)
    if len(set(numbers)) > 1:
        assert isinstance(fitted, NumberColumn)
        values = fitted.encode(table)[:, 0] / fitted.factor + fitted.offset
        np.testing.assert_allclose(values, numbers, rtol=1e-9, atol=1e-9 * max(map(abs, numbers)))
    column = fit_column(table, "town")
    if isinstance(column, CategoryColumn):
        there = [column.categories[k] for k in column.encode(table).argmax(axis=1)]
        assert there == [word.strip() for word in words]
    else:
        assert len(set(words)) == 1
    dates = fit_column(table, "since")
    assert isinstance(dates, DateColumn)
    noon = 0.5 if "T12" in form else 0.0
    wanted = [(day - date(1970, 1, 1)).days + noon for day in days]
    np.testing.assert_allclose(dates.encode(table)[:, 0] / dates.factor + dates.offset, wanted, atol=1e-6)

    pieces = [cell for piece in table_chunks(path, 7) for cell in piece.columns["town"]]
    assert pieces == list(table.columns["town"]), "in pieces as in one"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DIALECTS, NUMBERS, WORDS)
def test_pandas_reads_the_same(tmp_path: Path, dialect: Dialect, numbers: list[float], words: list[str]) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    dialect = attrs.evolve(dialect, trailing=False, padded=False)
    path = tmp_path / f"t.csv{dialect.packed}"
    path.write_bytes(dialect.write(("a", "b"), [(dialect.number(n), w) for n, w in zip(numbers, words, strict=True)]))
    marks = {"point": (".", None), "comma": (",", "."), "grouped": (".", ",")}
    decimal, thousands = marks[dialect.style]
    frame = pandas.read_csv(
        path, sep=dialect.mark, encoding=dialect.encoding, decimal=decimal, thousands=thousands, engine="python",
        float_precision=None,
    )  # fmt: skip
    table, other = read_table(path), read_table(frame)
    assert table.names == other.names
    for name in ("a", "b"):
        ours, theirs = fit_column(table, name, allow_running=True), fit_column(other, name, allow_running=True)
        assert type(ours) is type(theirs)
        if not isinstance(ours, str) and not isinstance(theirs, str):
            np.testing.assert_allclose(ours.encode(table), theirs.encode(other), rtol=1e-9, atol=1e-9)


@given(st.lists(st.floats(-1e15, 1e15).map(lambda v: round(v, 2)), min_size=1, max_size=20))
def test_a_style_is_chosen_by_all_cells_of_a_column_or_refused(values: list[float]) -> None:
    german = [f"{v:,.2f}".translate(str.maketrans(",.", ".,")) for v in values]
    english = [f"{v:,.2f}" for v in values]
    for cells in (german, english):
        style = find_number_style(cells)
        assert style is not None
        assert [as_number(cell, style) for cell in cells] == pytest.approx(values)
    whole = [f"{round(v):,d}" for v in values]
    if any("," in cell for cell in whole) and all(cell.count(",") < 2 for cell in whole):
        with pytest.raises(ValueError, match=","):  # 1,234 may be a thousand or a little more than one
            find_number_style(whole)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1,234", "5,678"], r"row 1, column 'u': '1,234' may mean 1234 or 1\.234"),
        (["7", "inf", "1e999"], r"row 2, column 'u': 'inf' is no finite number"),
        (["3.5", "4.5", "4.5.6", *map(str, range(60))], r"row 3, column 'u': '4\.5\.6' is no number"),
        (["2024-02-30", *(f"2024-01-{k + 1:02d}" for k in range(25))], r"row 1, column 'u': '2024-02-30' is no date"),
    ],
)
def test_cells_that_would_cost_a_column_are_named(cells: list[str], message: str) -> None:
    count = max(20, len(cells))
    labels = ["a" if k % 2 else "b" for k in range(count)]
    columns: Columns = {"u": (cells * count)[:count], "v": [k % 7 for k in range(count)], "label": labels}
    if "e999" in cells[-1]:
        columns = {**columns, "u": (["7", "inf", "8"] * count)[:count]}
    with pytest.raises(data.DataError, match=message):
        data.load(columns, target="label")


@pytest.mark.parametrize("dash", ["-", "--", "\u2013", ".", "#N/A"])
def test_a_dash_among_numbers_is_a_missing_one_and_among_words_a_word(dash: str) -> None:
    columns: Columns = {"u": [dash if k % 5 == 0 else str(k * 1.5) for k in range(40)], "sign": ["+", "-"] * 20}
    loaded = data.load(columns, target="sign")
    assert loaded.feature_names == ("u", "u missing")
    assert loaded.class_names == ("+", "-")


@pytest.mark.parametrize(
    ("trained", "asked"),
    [("1.0", 1), ("1", 1.0), ("1", "1.0"), ("True", True), ("true", True), ("True", "TRUE"), ("Köln", "Ko\u0308ln")],
)
def test_a_word_is_the_same_one_however_it_is_written(trained: str, asked: object) -> None:
    columns: Columns = {"u": [trained, "x"] * 20, "v": [k % 7 for k in range(40)], "label": [trained, "z"] * 20}
    loaded = data.load(columns, target="label")
    recipe = loaded.preparation
    assert recipe is not None
    rows: Columns = {"u": [asked, "x"], "v": [1, 2], "label": [asked, "z"]}
    ((x, table),) = recipe.chunks(rows)
    ((wanted, _),) = recipe.chunks({"u": [trained, "x"], "v": [1, 2]})
    np.testing.assert_array_equal(x, wanted)
    assert table is not None
    assert recipe.target.encode(table).tolist() == [0, 1]  # type: ignore[union-attr]  # classes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("PK\x03\x04" + "\0" * 100, "a zip archive, such as an Excel workbook"),
        ("<!doctype html><html></html>\n" * 9, "a page in HTML"),
        ("a,b\n1,\0\n", "zero, so that it is no text"),
        ('a,b\n1,2\n"3,4\n5,6\n', "row 2 cannot be read .a quote is opened and not closed"),
        ("a,b\n" + "1,2\n" * 5000 + "\xff,3\n", "line 5002 is no UTF-8"),
    ],
)
def test_what_is_no_table_is_said_to_be(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(data.DataFileError, match=message) as caught:
        data.load(path, target="b")
    assert len(str(caught.value)) < 300 + len(str(path))


def test_odd_numbers_in_frames_are_no_accidents() -> None:
    columns: Columns = {
        "huge": [10**400 + k for k in range(40)],
        "near": [math.inf if k == 3 else float(k) for k in range(40)],
        "ok": [k % 7 for k in range(40)],
        "label": ["a", "b"] * 20,
    }
    with pytest.raises(data.DataError, match=r"row 4, column 'near': 'inf' is no finite number"):
        data.load(columns, target="label")
    del columns["near"]
    assert data.load(columns, target="label").feature_names == ("ok",)
    assert data.load({"u": list(range(100)), "y": [k * 0.5 for k in range(100)]}, target="y").feature_names == ("u",)
