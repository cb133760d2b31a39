"""Tables, bytes, counts and figures for JSON: one place, and what it promises."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.text import finite_or_none, format_bytes, format_count, join_cells, table

WORD = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), max_size=9)


@given(st.lists(st.tuples(WORD, WORD, WORD), max_size=5))
def test_every_cell_of_a_table_stands_in_its_column(rows: list[tuple[str, str, str]]) -> None:
    head = ("name", "size", "what")
    lines = table(head, rows, "<>")
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(3)]
    starts = [0, widths[0] + 2, widths[0] + widths[1] + 4]
    for line, row in zip(lines, (head, *rows), strict=True):
        cells = [line[start : start + width].strip() for start, width in zip(starts, widths, strict=True)]
        assert cells == list(row)
        assert line == line.rstrip()
        if row[2]:  # without a last cell the line may end earlier
            assert line[starts[1] : starts[1] + widths[1]].endswith(row[1]), "a column of > is aligned right"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table(("a", "b"), [("1",)])
    with pytest.raises(ValueError, match="longer"):
        join_cells(("1",), (3, 4))


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (407_080, "397.5 KiB"), (1024**2 - 1, "1.0 MiB"),
     (3 * 1024**3 // 2, "1.5 GiB"), (5 * 1024**5, "5120 TiB")],
)  # fmt: skip
def test_bytes_in_iec_units(count: int, text: str) -> None:
    assert format_bytes(count) == text


@given(st.integers(1024, 2**52))
def test_bytes_read_back_are_right_to_a_rounding(count: int) -> None:
    number, unit = format_bytes(count).split()
    read = float(number) * 1024.0 ** (" KMGT".index(unit[0]))
    assert read == pytest.approx(count, rel=0.051)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (203_264, "203k"), (999_999, "1M"), (1_020_000, "1.02M"), (10**16, "10000T")],
)
def test_counts_in_powers_of_a_thousand(count: int, text: str) -> None:
    assert format_count(count) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_what_json_cannot_say_becomes_null_and_all_else_stays(value: object) -> None:
    text = json.dumps(value, allow_nan=True)
    expected = json.loads(text, parse_constant=lambda _: None)
    assert json.loads(json.dumps(finite_or_none(value), allow_nan=False)) == expected


def test_numbers_of_numpy_and_tuples() -> None:
    assert finite_or_none((np.float64("nan"), {"a": (math.inf, 1.5)}, "x")) == [None, {"a": [None, 1.5]}, "x"]

    @attrs.frozen
    class Other:
        value: float

    assert finite_or_none(Other(math.nan)) != Other(math.nan), "nothing but JSON's own containers is opened"


def test_text_loads_no_numpy() -> None:
    code = "import sys, minigrad.text; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
