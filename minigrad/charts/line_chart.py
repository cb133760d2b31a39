"""Line charts: curves over epochs or anything else.

With bands, marks and a word about what lies outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

import attrs

from minigrad.charts.axis import Axis, format_tick, linear_axis, log_axis, text_width
from minigrad.charts.picture import Key
from minigrad.charts.style import COLORS, ramp

__all__ = ["Band", "Dot", "Line", "LineChart", "Span", "thin_out"]

_TOP, _RIGHT, _BOTTOM = 12.0, 16.0, 46.0
_NARROW_FONT = 17.0
"""Font size of ticks on a narrow page, for which the left margin has room.

See the page's style.
"""


@attrs.frozen
class Line:
    """A curve. Points that are not finite break it.

    Attributes:
        name: in the legend; without one the line is not in it.
        x: numbers along the horizontal axis.
        y: numbers along the vertical axis.
        color: 0 to 7, or (place, count) in an order, such as the depth of a layer.
        kind: "solid", "faint" (thin and pale), "dashed", "dotted", "steps" (a thin outline of a histogram), or "points"
            without a line between them.
        dots: whether every point has a dot.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: int | tuple[int, int] = 0
    kind: str = "solid"
    dots: bool = False

    @property
    def style(self) -> str:
        """Classes of the line."""
        kind = {"steps": "thin", "points": "points"}.get(self.kind, self.kind)
        return kind if isinstance(self.color, tuple) else f"c{self.color % COLORS} {kind}"

    @property
    def hex_color(self) -> str:
        """The color, where it is one of an order; else empty."""
        return ramp(*self.color) if isinstance(self.color, tuple) else ""


@attrs.frozen
class Band:
    """The area between two curves over the same `x`."""

    name: str
    x: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    color: int = 7


@attrs.frozen
class Span:
    """A part of the horizontal axis, over the whole height."""

    name: str
    low: float
    high: float
    color: int = 4


@attrs.frozen
class Dot:
    """One point that deserves a ring."""

    name: str
    x: float
    y: float


@attrs.frozen(kw_only=True)
class LineChart:
    """Curves over common axes.

    Attributes:
        lines: drawn in this order.
        ylabel: what the vertical axis shows, for readers that cannot see it.
        title: above the chart, where it is one of several.
        xlabel: below the horizontal axis.
        log: whether the vertical axis is logarithmic; what is not above 0 is then left out.
        log_x: whether the horizontal one is.
        percent: whether values are shares.
        top: the largest number that must be visible, None for all; what lies higher is marked and noted.
        from_zero: whether the axis begins at 0, if it is not logarithmic.
        bands: areas between two curves.
        spans: parts of the horizontal axis.
        dots: points with a ring.
        width: in pixels.
        height: in pixels.
    """

    lines: tuple[Line, ...]
    ylabel: str = ""
    title: str = ""
    xlabel: str = "epoch"
    log: bool = False
    log_x: bool = False
    percent: bool = False
    top: float | None = None
    from_zero: bool = True
    bands: tuple[Band, ...] = ()
    spans: tuple[Span, ...] = ()
    dots: tuple[Dot, ...] = ()
    width: float = 560.0
    height: float = 300.0

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def empty(self) -> bool:
        """Whether no line has a point that could be drawn."""
        return not any(self._visible(x, y) for line in self.lines for x, y in zip(line.x, line.y, strict=True))

    def legend(self) -> list[Key]:
        """Entries of the legend: lines, bands, spans and dots that have a name."""
        entries = [Key(line.name, line.style, line.hex_color) for line in self.lines if line.name]
        areas: tuple[Band | Span, ...] = (*self.bands, *self.spans)
        entries += [Key(area.name, f"c{area.color} area") for area in areas if area.name]
        return entries + [Key(dot.name, "ring") for dot in self.dots if dot.name]

    def notes(self) -> list[str]:
        """How many points lie above the top, or cannot be shown on a logarithmic axis."""
        if self.empty:
            return []
        high = self._axes()[1].high
        above = [v for line in self.lines for v in line.y if math.isfinite(v) and v > high]
        missing = sum(math.isnan(v) or math.isinf(v) for line in self.lines for v in line.y)
        below = sum(math.isfinite(v) and v <= 0.0 for line in self.lines for v in line.y) if self.log else 0
        notes = []
        if above:
            many = f"{len(above)} points lie" if len(above) > 1 else "one point lies"
            notes.append(f"{many} above the picture (triangles), up to {format_tick(max(above))}")
        if below:
            notes.append(f"{below} values of 0 or less have no place on a logarithmic axis")
        if missing and self.lines and all(line.kind != "steps" for line in self.lines):
            notes.append(f"{missing} values are NaN or infinite: the line breaks there")
        return notes

    def elements(self) -> list[str]:
        """The chart as SVG elements; none if it is empty."""
        if self.empty:
            return []
        horizontal, vertical = self._axes()
        return [
            *self._areas(horizontal, vertical),
            *self._frame(horizontal, vertical),
            *(part for line in self.lines for part in self._curve(line, horizontal, vertical)),
            *self._rings(horizontal, vertical),
        ]

    # -- axes ----------------------------------------------------------------------------------------------------------
    def _visible(self, x: float, y: float) -> bool:
        return math.isfinite(x) and math.isfinite(y) and not (self.log and y <= 0.0) and not (self.log_x and x <= 0.0)

    def _axes(self) -> tuple[Axis, Axis]:
        points = [(x, y) for line in self.lines for x, y in zip(line.x, line.y, strict=True) if self._visible(x, y)]
        xs = [x for x, _ in points]
        ys = [y for _, y in points] + [v for band in self.bands for v in (*band.lower, *band.upper) if math.isfinite(v)]
        low, high = log_axis(ys) if self.log else linear_axis(ys, from_zero=self.from_zero, top=self.top)
        vertical = Axis(low, high, self.height - _BOTTOM, _TOP, self.log, self.percent)
        labels = vertical.labels(vertical.ticks(self._rows))
        left = 14.0 + max((text_width(text, _NARROW_FONT) for text in labels), default=0.0)
        first, last = min(xs), max(xs)
        if first == last:
            first, last = (first / 2.0, last * 2.0) if self.log_x else (first - 0.5, last + 0.5)
        return Axis(first, last, left, self.width - _RIGHT, self.log_x), vertical

    @property
    def _rows(self) -> int:
        return 5 if self.height >= 240.0 else 3

    def _frame(self, horizontal: Axis, vertical: Axis) -> Iterator[str]:
        bottom, left, right = vertical.start, horizontal.start, horizontal.end
        ticks = vertical.ticks(self._rows)
        for value, text in zip(ticks, vertical.labels(ticks), strict=True):
            y = vertical.position(value)
            yield f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="tick" x="{left - 7:.1f}" y="{y + 4.5:.1f}" text-anchor="end">{escape(text)}</text>'
        yield f'<line class="axis" x1="{left:.1f}" x2="{right:.1f}" y1="{bottom:.1f}" y2="{bottom:.1f}"/>'
        ticks = horizontal.ticks(max(2, int((right - left) / 62.0)))
        for value, text in zip(ticks, horizontal.labels(ticks), strict=True):
            x = horizontal.position(value)
            yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:.1f}" y2="{bottom + 4:.1f}"/>'
            yield f'<text class="tick" x="{x:.1f}" y="{bottom + 19:.1f}" text-anchor="middle">{escape(text)}</text>'
        middle = (left + right) / 2.0
        yield (
            f'<text class="axis-label" x="{middle:.1f}" y="{self.height - 8:.1f}" text-anchor="middle">'
            f"{escape(self.xlabel)}</text>"
        )

    # -- marks ---------------------------------------------------------------------------------------------------------
    def _areas(self, horizontal: Axis, vertical: Axis) -> Iterator[str]:
        for span in self.spans:
            first, last = (horizontal.position(min(max(v, horizontal.low), horizontal.high)) for v in _ends(span))
            yield (
                f'<rect class="band f{span.color}" x="{first:.1f}" y="{vertical.end:.1f}" width="{last - first:.1f}" '
                f'height="{vertical.start - vertical.end:.1f}"><title>{escape(span.name)}</title></rect>'
            )
        for band in self.bands:
            rows = [r for r in zip(band.x, band.lower, band.upper, strict=True) if all(map(math.isfinite, r))]
            upper = [(x, high) for x, _, high in rows]
            lower = [(x, low) for x, low, _ in reversed(rows)]
            corners = " ".join(f"{horizontal.position(x):.1f},{vertical.position(y):.1f}" for x, y in upper + lower)
            if len(rows) > 1:
                name = escape(band.name)
                yield f'<polygon class="band f{band.color}" points="{corners}"><title>{name}</title></polygon>'

    def _curve(self, line: Line, horizontal: Axis, vertical: Axis) -> Iterator[str]:
        style = f'class="line {line.style}"' + (f' style="stroke:{line.hex_color}"' if line.hex_color else "")
        name = f"<title>{escape(line.name)}</title>" if line.name else ""
        for run in self._runs(line):
            pixels = [(horizontal.position(x), vertical.position(y)) for x, y in run]
            if line.kind == "points":
                yield from (f'<circle {style} cx="{x:.1f}" cy="{y:.1f}" r="2.5">{name}</circle>' for x, y in pixels)
                continue
            for piece in _clipped(pixels, vertical.end, vertical.start):
                if len(piece) == 1 or line.dots:
                    yield from (f'<circle {style} cx="{x:.1f}" cy="{y:.1f}" r="2.5">{name}</circle>' for x, y in piece)
                if len(piece) > 1:
                    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in piece)
                    yield f'<polyline {style} points="{points}">{name}</polyline>'
            fill = f'style="fill:{line.hex_color}"' if line.hex_color else ""
            index = 0 if isinstance(line.color, tuple) else line.color % COLORS
            for x, y in pixels:
                if y < vertical.end - 0.5:
                    foot, tip = vertical.end + 1.0, vertical.end - 6.0
                    corners = f"{x - 4:.1f},{foot:.1f} {x + 4:.1f},{foot:.1f} {x:.1f},{tip:.1f}"
                    yield f'<polygon class="off f{index}" {fill} points="{corners}">{name}</polygon>'

    def _runs(self, line: Line) -> list[list[tuple[float, float]]]:
        """The points between two gaps."""
        runs: list[list[tuple[float, float]]] = [[]]
        for x, y in zip(line.x, line.y, strict=True):
            if self._visible(x, y):
                runs[-1].append((x, y))
            else:
                runs.append([])
        return [run for run in runs if run]

    def _rings(self, horizontal: Axis, vertical: Axis) -> Iterator[str]:
        for dot in self.dots:
            if self._visible(dot.x, dot.y) and vertical.low <= dot.y <= vertical.high:
                x, y, name = horizontal.position(dot.x), vertical.position(dot.y), escape(dot.name)
                yield f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5.5"><title>{name}</title></circle>'


def _ends(span: Span) -> tuple[float, float]:
    return min(span.low, span.high), max(span.low, span.high)


def _clipped(points: Sequence[tuple[float, float]], top: float, bottom: float) -> Iterator[list[tuple[float, float]]]:
    """Yield the pieces of a polyline in pixels that lie between two heights.

    `top` is the smaller y, `bottom` the larger.
    """
    if len(points) == 1:
        if top - 0.5 <= points[0][1] <= bottom + 0.5:
            yield [points[0]]
        return
    piece: list[tuple[float, float]] = []
    for (x0, y0), (x1, y1) in pairwise(points):
        first, last = _inside(y0, y1, top, bottom)
        if first > last:
            if piece:
                yield piece
            piece = []
            continue
        start = (x0 + first * (x1 - x0), y0 + first * (y1 - y0))
        end = (x0 + last * (x1 - x0), y0 + last * (y1 - y0))
        if first > 0.0 and piece:
            yield piece
            piece = []
        piece = [*piece, end] if piece else [start, end]
        if last < 1.0:
            yield piece
            piece = []
    if piece:
        yield piece


def _inside(y0: float, y1: float, top: float, bottom: float) -> tuple[float, float]:
    """Compute which part of a segment lies between two heights.

    The two ends are shares of its length; no part lies there if the first is larger.
    """
    if y0 == y1:
        return (0.0, 1.0) if top - 0.5 <= y0 <= bottom + 0.5 else (1.0, 0.0)
    a, b = sorted(((top - y0) / (y1 - y0), (bottom - y0) / (y1 - y0)))
    return max(a, 0.0), min(b, 1.0)


def thin_out(x: Sequence[float], y: Sequence[float], most: int = 600) -> tuple[list[float], list[float]]:
    """Thin a curve out to at most `most` points that keep the extremes.

    Of each stretch its lowest and its highest point stay.
    """
    if len(x) <= most:
        return list(x), list(y)
    size = -(-2 * len(x) // most)
    retained: list[int] = []
    for start in range(0, len(x), size):
        part = [i for i in range(start, min(start + size, len(x))) if math.isfinite(y[i])]
        if part:
            retained += sorted({min(part, key=lambda i: y[i]), max(part, key=lambda i: y[i])})
    return [x[i] for i in retained], [y[i] for i in retained]
