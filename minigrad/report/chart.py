"""Line charts as SVG, drawn here: text and lines, in colours that the page gives, for light and for dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import attrs

__all__ = ["Chart", "Line", "thinned"]

WIDTH, HEIGHT = 640, 300
_DECADES = 12
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 40
COLOURS = 8
"""Classes c0 to c7 that the page's style gives a colour each."""


@attrs.frozen
class Line:
    """A line. Points that are not finite break it.

    Attributes:
        colour: 0 to 7. kind: "solid", "faint" (thin and pale), or "dashed".
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    kind: str = "solid"


@attrs.frozen(kw_only=True)
class Chart:
    """Lines over epochs.

    Attributes:
        title, quantity: heading, and what the vertical axis shows.
        log: whether that axis is logarithmic; what is not above 0 is then left out.
        percent: whether values are shares. top: the largest value shown, None for all.
        from_zero: whether the axis begins at 0, if it is not logarithmic.
    """

    title: str
    quantity: str
    lines: tuple[Line, ...]
    log: bool = False
    percent: bool = False
    top: float | None = None
    from_zero: bool = True

    def svg(self) -> str:
        """The picture, with its legend below it; empty if no line has a point."""
        shown = [line for line in self.lines if any(self._fits(v) for v in line.y)]
        xs = [v for line in shown for v in line.x if math.isfinite(v)]
        ys = [v for line in shown for v in line.y if self._fits(v)]
        if not xs or not ys:
            return ""
        low, high = self._range(ys)
        frame = _Frame(min(xs), max(max(xs), min(xs) + 1e-9), low, high, self.log)
        parts = [*self._axes(frame), *(part for line in shown for part in self._path(line, frame))]
        label = escape(f"{self.title}: {self.quantity} over epochs", quote=True)
        legend = "".join(
            f'<span class="key"><i class="c{line.colour % COLOURS} {line.kind}"></i>{escape(line.name)}</span>'
            for line in shown
        )
        return (
            f"<figure><figcaption>{escape(self.title)} <small>{escape(self.quantity)}</small></figcaption>"
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
            f'<div class="legend">{legend}</div></figure>'
        )

    def _fits(self, value: float) -> bool:
        return math.isfinite(value) and (not self.log or value > 0.0)

    def _range(self, values: Sequence[float]) -> tuple[float, float]:
        low, high = min(values), max(values)
        if self.log:
            last = math.ceil(math.log10(high))
            first = max(math.floor(math.log10(low)), last - _DECADES)
            return 10.0**first, 10.0 ** max(last, first + 1)
        if self.top is not None:
            high = min(high, self.top)
        low = min(low, 0.0) if self.from_zero else low
        pad = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
        return (low if low == 0.0 else low - pad), high + pad

    def _axes(self, frame: _Frame) -> list[str]:
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        parts = []
        for value in frame.y_ticks():
            y = frame.y(value)
            text = f"{100 * value:.4g} %" if self.percent else f"{value:.4g}"
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        for value in frame.x_ticks():
            x = frame.x(value)
            parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{value:g}</text>')
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
        middle = (_LEFT + right) / 2
        parts.append(f'<text class="tick" x="{middle:.0f}" y="{HEIGHT - 4}" text-anchor="middle">epoch</text>')
        return parts

    def _path(self, line: Line, frame: _Frame) -> list[str]:
        pieces: list[list[str]] = [[]]
        for x, y in zip(line.x, line.y, strict=True):
            if not math.isfinite(x) or not self._fits(y):
                pieces.append([])
                continue
            pieces[-1].append(f"{frame.x(x):.1f},{frame.y(max(min(y, frame.high), frame.low)):.1f}")
        name = escape(line.name)
        made = []
        for piece in (p for p in pieces if p):
            style = f'class="line c{line.colour % COLOURS} {line.kind}"'
            if len(piece) == 1:
                cx, cy = piece[0].split(",")
                made.append(f'<circle {style} cx="{cx}" cy="{cy}" r="3"><title>{name}</title></circle>')
            else:
                made.append(f'<polyline {style} points="{" ".join(piece)}"><title>{name}</title></polyline>')
        return made


@attrs.frozen
class _Frame:
    """Where numbers lie in the picture."""

    left: float
    right: float
    low: float
    high: float
    log: bool

    def x(self, value: float) -> float:
        return _LEFT + (value - self.left) / (self.right - self.left) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return _TOP + (high - at) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    def y_ticks(self) -> list[float]:
        if self.log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            return [10.0**k for k in range(first, last + 1, max(1, (last - first + 5) // 6))]
        return _ticks(self.low, self.high, 5)

    def x_ticks(self) -> list[float]:
        return _ticks(self.left, self.right, 8)


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers between the two: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def thinned(x: Sequence[float], y: Sequence[float], most: int = 600) -> tuple[list[float], list[float]]:
    """At most `most` points that keep the extremes: of each stretch its lowest and its highest."""
    if len(x) <= most:
        return list(x), list(y)
    size = -(-2 * len(x) // most)
    kept: list[int] = []
    for start in range(0, len(x), size):
        part = [i for i in range(start, min(start + size, len(x))) if math.isfinite(y[i])]
        if part:
            kept += sorted({min(part, key=lambda i: y[i]), max(part, key=lambda i: y[i])})
    return [x[i] for i in kept], [y[i] for i in kept]
