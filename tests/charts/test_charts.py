"""Charts as a reader sees them: points against the numbers beside the axes, no text over another, no silent cut."""

from __future__ import annotations

import io
import itertools
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from minigrad.charts import Band, Dot, Heatmap, Line, LineChart, Picture, Span, Tiles, thin_out
from minigrad.charts.axis import format_tick, text_width
from minigrad.charts.png import png
from minigrad.charts.style import ramp
from minigrad.typing import Array

EVIL = "<script>\"'&"
SVG = "{http://www.w3.org/2000/svg}"


def picture(*plots: LineChart | Heatmap | Tiles) -> Picture:
    return Picture(name="p", title="Title", subtitle="a hint", plots=plots, columns=2)


def drawn(*plots: LineChart | Heatmap | Tiles) -> ET.Element:
    return ET.fromstring(picture(*plots).svg())


def points_of(svg: ET.Element) -> list[list[tuple[float, float]]]:
    return [
        [(float(a), float(b)) for a, b in (p.split(",") for p in line.get("points", "").split())]
        for line in svg.iter(f"{SVG}polyline")
    ]


def number(text: str) -> float:
    text = text.replace(" %", "e-2")
    return float(text[:-1]) * 1000.0 if text.endswith("k") else float(text)


def ticks(svg: ET.Element, vertical: bool) -> list[tuple[float, float]]:
    """Pixel and number of every text beside an axis."""
    anchor = "end" if vertical else "middle"
    return [
        (float(t.get("y", "0")) - 4.5 if vertical else float(t.get("x", "0")), number(t.text or ""))
        for t in svg.iter(f"{SVG}text")
        if t.get("class") == "tick" and t.get("text-anchor") == anchor
    ]


def read_off(pixel: float, marks: list[tuple[float, float]], log: bool) -> float:
    """The number at a pixel, by the two outermost marks of the axis: what a reader with a ruler does."""
    (p0, v0), (p1, v1) = min(marks), max(marks)
    if log:
        return float(10 ** (math.log10(v0) + (pixel - p0) / (p1 - p0) * (math.log10(v1) - math.log10(v0))))
    return v0 + (pixel - p0) / (p1 - p0) * (v1 - v0)


@pytest.mark.parametrize(
    ("y", "log", "percent"),
    [
        ([2.3, 0.7, 0.45, 0.4, 0.38], False, False),
        ([10.0 ** (3 - k) for k in range(5)], True, False),
        ([3e-4, 7e-4, 2e-4, 9e-4, 8e-4], True, False),
        ([0.1, 0.5, 0.7, 0.82, 0.86], False, True),
        ([12_000.0, 53_000.0, 99_000.0, 40_000.0, 12_500.0], False, False),
        ([-3.0, 5.0, 0.0, 1.0, 4.0], False, False),
    ],
)
def test_points_lie_where_the_axes_say(y: list[float], log: bool, percent: bool) -> None:
    chart = LineChart(lines=(Line("a", [0, 1, 2, 5, 10], y),), log=log, percent=percent)
    svg = drawn(chart)
    (points,) = points_of(svg)
    vertical, horizontal = ticks(svg, True), ticks(svg, False)
    assert len(vertical) >= 3
    assert len(horizontal) >= 3
    for (px, py), x, value in zip(points, (0, 1, 2, 5, 10), y, strict=True):
        assert read_off(px, horizontal, False) == pytest.approx(x, abs=0.02)
        room = 0.01 * (max(y) - min(y)) if not log else 0.01 * value
        assert read_off(py, vertical, log) == pytest.approx(value, abs=room)


def test_what_lies_above_is_cut_marked_and_counted() -> None:
    y = [1.0, 0.9, 6e5, 0.7, 40.0, 50.0, 0.5]
    chart = LineChart(lines=(Line("loss", list(range(7)), y),), top=2.0)
    svg = drawn(chart)
    assert chart.notes() == ["3 points lie above the picture (triangles), up to 6e5"]
    assert "up to 6e5" in "".join(svg.itertext())
    triangles = [p for p in svg.iter(f"{SVG}polygon") if "off" in (p.get("class") or "")]
    assert len(triangles) == 3
    pieces = points_of(svg)
    assert len(pieces) == 3, "0-1-top, top-3-top, top-6"
    high = min(p[1] for piece in pieces for p in piece)
    assert high == pytest.approx(12.0, abs=0.1)
    vertical, horizontal = ticks(svg, True), ticks(svg, False)
    for (left, _), inside in zip((pieces[0][-1], pieces[1][0]), ((1, 0.9, 2, 6e5), (2, 6e5, 3, 0.7)), strict=True):
        x0, y0, x1, y1 = inside
        crossing = x0 + (read_off(12.0, vertical, False) - y0) / (y1 - y0) * (x1 - x0)
        assert read_off(left, horizontal, False) == pytest.approx(crossing, abs=0.02)
    assert LineChart(lines=(Line("a", [0, 1], [1.0, 2.0]),)).notes() == []


def test_lines_break_where_there_is_no_number_and_say_so() -> None:
    y = [1.0, 2.0, math.nan, 3.0, 1.0, math.inf, 2.0]
    chart = LineChart(lines=(Line("a", list(range(7)), y),))
    svg = drawn(chart)
    assert len(points_of(svg)) == 2
    assert len(list(svg.iter(f"{SVG}circle"))) == 1, "a point between two gaps"
    assert chart.notes() == ["2 values are NaN or infinite: the line breaks there"]
    empty = LineChart(lines=(Line("a", [0.0], [math.nan]),))
    assert empty.empty
    assert empty.elements() == []
    negative = LineChart(lines=(Line("a", [0, 1, 2], [1.0, -2.0, 3.0]),), log=True)
    assert negative.notes() == ["1 values of 0 or less have no place on a logarithmic axis"]


def texts(svg: ET.Element) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Every upright text with its box, wide enough for common fonts; groups that are moved are followed."""
    found: list[tuple[str, tuple[float, float, float, float]]] = []

    def walk(node: ET.Element, dx: float, dy: float) -> None:
        moved = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", node.get("transform", ""))
        if moved:
            dx, dy = dx + float(moved[1]), dy + float(moved[2])
        if node.tag == f"{SVG}text" and "rotate" not in node.get("transform", ""):
            size = {"chart-title": 16.0, "chart-text": 12.0, "cell-text": 11.0}.get(node.get("class", ""), 13.0)
            text = "".join(node.itertext())
            wide = 0.93 * text_width(text, size)
            x, y = dx + float(node.get("x", "0")), dy + float(node.get("y", "0"))
            x -= {"end": wide, "middle": wide / 2.0}.get(node.get("text-anchor", ""), 0.0)
            found.append((text, (x, y - 0.75 * size, x + wide, y + 0.2 * size)))
        for child in node:
            walk(child, dx, dy)

    walk(svg, 0.0, 0.0)
    return found


def several() -> list[LineChart | Heatmap | Tiles]:
    epochs = list(range(41))
    many = tuple(
        Line(f"layers.{k}.weight", epochs, [10.0 ** -(k / 3 + e / 20) for e in epochs], (k, 14)) for k in range(14)
    )
    return [
        LineChart(lines=many, log=True, title="many layers of a network"),
        LineChart(lines=(Line("a", [0.0, 1.0], [12_345.0, 98_765.0]),), title="large numbers"),
        LineChart(lines=(Line("a", [1e-14, 1e-1], [1e-17, 1.0]),), log=True, log_x=True, title="decades"),
        LineChart(
            lines=(Line("a", [0, 1, 2], [0.5, 0.7, 0.9]),),
            bands=(Band("gap, 5 points", [0, 1, 2], [0.4, 0.6, 0.7], [0.5, 0.7, 0.9]),),
            dots=(Dot("best epoch 2: 90 %", 2, 0.9),),
            spans=(Span("kink", 0.5, 1.0),),
            percent=True,
            title="marks",
        ),
        Heatmap(counts=np.eye(10) * 90 + 1, row_names=[f"class {k}" for k in range(10)],
                column_names=["a long name of a class"] * 10, row_title="true class", column_title="predicted"),
        Tiles(images=np.random.default_rng(0).normal(size=(7, 8, 8)), captions=["an overlong caption of a tile"] * 7),
    ]  # fmt: skip


@pytest.mark.parametrize("plot", several(), ids=lambda p: p.title or type(p).__name__)
def test_no_text_overlaps_another_or_leaves_the_picture(plot: LineChart | Heatmap | Tiles) -> None:
    svg = drawn(plot)
    width, height = float(svg.get("width", "0")), float(svg.get("height", "0"))
    boxes = texts(svg)
    assert boxes
    for text, (x0, y0, x1, y1) in boxes:
        assert x0 >= -1.0, text
        assert y0 >= -1.0, text
        assert x1 <= width + 1.0, text
        assert y1 <= height + 1.0, text
    for (a, p), (b, q) in itertools.combinations(boxes, 2):
        apart = p[2] <= q[0] or q[2] <= p[0] or p[3] <= q[1] or q[3] <= p[1]
        assert apart, f"{a!r} and {b!r}"


def test_a_picture_is_whole_escaped_and_needs_nothing_from_elsewhere() -> None:
    chart = LineChart(lines=(Line(EVIL, [0, 1], [1.0, 2.0]),), title=EVIL, xlabel=EVIL, spans=(Span(EVIL, 0, 1),))
    grid = Heatmap(counts=np.eye(2), row_names=[EVIL] * 2, column_names=[EVIL] * 2, row_title=EVIL, column_title=EVIL)
    whole = Picture(name="p", title=EVIL, subtitle=EVIL, plots=(chart, grid), columns=2, remarks=(EVIL,))
    for text in (whole.svg(), whole.figure()):
        assert "<script" not in text
        assert "url(" not in text
        assert not re.findall(r'(?:href|src)="(?!data:image/png;base64,)', text)
    root = ET.fromstring(whole.svg())
    assert "prefers-color-scheme:dark" in "".join(root.itertext())
    names = [t.text for t in root.iter(f"{SVG}title")]
    assert EVIL in names


def test_heatmap_cells_are_shares_of_their_row() -> None:
    counts: Array = np.array([[8.0, 2.0, 0.0], [1.0, 0.0, 3.0], [0.0, 0.0, 5.0]])
    heatmap = Heatmap(counts=counts, row_names="abc", column_names="abc", row_title="true", column_title="predicted")
    svg = drawn(heatmap)
    titles = {t.text for t in svg.iter(f"{SVG}title")}
    assert {"a as a: 8 (80.0%)", "b as c: 3 (75.0%)", "c as c: 5 (100.0%)"} <= titles
    cells = [r for r in svg.iter(f"{SVG}rect") if r.get("fill-opacity")]
    assert len(cells) == np.count_nonzero(counts)
    assert len({r.get("y") for r in cells}) == 3
    large = Heatmap(counts=np.eye(90), row_names=["x"] * 90, column_names=["y"] * 90, row_title="t", column_title="p")
    assert max(large.size) < 700.0
    assert "every 3th" in large.notes()[0] or "every" in large.notes()[0]


def test_a_png_is_what_another_reader_sees() -> None:
    reader = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 7, 4), dtype=np.uint8)
    with reader.open(io.BytesIO(png(pixels))) as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image), pixels)
    with pytest.raises(ValueError, match=r"\(height, width, 4\) uint8, got \(5, 7, 3\)"):
        png(pixels[:, :, :3])


def test_thinning_keeps_the_extremes() -> None:
    y = [math.sin(i / 7.0) for i in range(5000)]
    y[1234], y[4321] = 9.0, -9.0
    x, kept = thin_out(list(map(float, range(5000))), y)
    assert len(kept) <= 600
    assert (max(kept), min(kept)) == (9.0, -9.0)
    assert x == sorted(x)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.25, "0.25"), (1500.0, "1500"), (2e4, "20k"), (1e-3, "0.001"), (2e-4, "2e-4"), (2.5e5, "2.5e5")],
)
def test_numbers_beside_axes_are_short(value: float, text: str) -> None:
    assert format_tick(value) == text


def test_an_order_of_colors_has_no_two_alike() -> None:
    assert len({ramp(k, 30) for k in range(30)}) == 30
