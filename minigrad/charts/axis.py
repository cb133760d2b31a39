"""Axes: where a number lies in a picture, which numbers are written beside it, and how."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

__all__ = ["Axis", "format_tick", "linear_axis", "log_axis", "text_width"]

DECADES = 14
"""A logarithmic axis shows at most this many powers of ten, the largest ones."""

_CHARACTER = 0.6
"""Mean width of a character, as a share of the font size.

Digits of common fonts have 0.5 to 0.6.
"""


@attrs.frozen
class Axis:
    """A range of numbers laid along a length in pixels.

    Attributes:
        low: number at the beginning.
        high: number at the end, above `low`.
        start: pixel of `low`.
        end: pixel of `high`; below `start` for an axis that points up the page.
        log: whether distances are those of logarithms.
        percent: whether numbers are shares, written in percent.
    """

    low: float
    high: float
    start: float = 0.0
    end: float = 1.0
    log: bool = False
    percent: bool = False

    def position(self, value: float) -> float:
        """Pixel of a number; for a logarithmic axis it must be above 0."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """About `count` round numbers in the range."""
        return _log_ticks(self.low, self.high, count) if self.log else _linear_ticks(self.low, self.high, count)

    def labels(self, values: Sequence[float]) -> list[str]:
        """The ticks as texts, with as many digits as tell them apart."""
        if self.percent:
            return [f"{100.0 * v:.4g} %" for v in values]
        return [format_tick(v) for v in values]


def linear_axis(values: Sequence[float], *, from_zero: bool = False, top: float | None = None) -> tuple[float, float]:
    """Low and high end of a linear axis for finite `values`, with a little room beyond them.

    Args:
        values: at least one.
        from_zero: begin at 0 where no value is below it.
        top: the largest number that must be visible; larger ones may lie outside.
    """
    low, high = min(values), max(values)
    high = high if top is None else min(high, top)
    low = min(low, 0.0) if from_zero else min(low, high)
    room = 0.04 * (high - low) or 0.1 * max(abs(high), 1e-12)
    return (low if low == 0.0 and from_zero else low - room), high + room


def log_axis(values: Sequence[float]) -> tuple[float, float]:
    """Return the low and high end of a logarithmic axis, a little beyond positive `values`."""
    high = math.log10(max(values))
    low = max(math.log10(min(values)), high - DECADES)
    room = max(0.04 * (high - low), 0.02)
    return 10.0 ** (low - room), 10.0 ** (high + room)


def _linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough * (1.0 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    """Powers of ten; between them 2 and 5 times those where there are few."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = list(range(first, last + 1))
    if len(decades) >= 3:
        return [10.0**k for k in decades[:: -(-len(decades) // max(count, 1))]]
    fine = [m * 10.0**k for k in range(first - 1, last + 1) for m in (1.0, 2.0, 5.0)]
    inside = [v for v in fine if low * (1.0 - 1e-9) <= v <= high * (1.0 + 1e-9)]
    return inside if len(inside) >= 3 else _linear_ticks(low, high, count)


def format_tick(value: float) -> str:
    """Write a number beside an axis, in at most eight characters.

    Such as `0.25`, `1500`, `20k`, `1e-3`, `2e5`.
    """
    size = abs(value)
    if size and (size >= 1e5 or size < 1e-3):
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if size >= 1e4:
        return f"{value / 1000.0:.4g}k"
    return f"{value:.4g}"


def text_width(text: str, size: float) -> float:
    """About how many pixels a text takes at a font size in pixels."""
    return _CHARACTER * size * len(text)
