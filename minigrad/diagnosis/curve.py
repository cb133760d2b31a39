"""The shape of a loss curve: how far it fell, how straight, how much it wiggles.

And what that says of the rate.

Course notes, loss function: low learning rates give a straight line, high ones fall fast and get stuck, good ones
decay, too high ones climb; the amount of wiggle goes with the batch size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs
import numpy as np

from minigrad.core.types import Array

__all__ = ["LossCurve", "Verdict", "curve_of"]

Verdict: TypeAlias = Literal["linear", "good", "stuck", "diverging", "flat", "unknown"]

_SEGMENTS = 12


@attrs.frozen(kw_only=True)
class LossCurve:
    """A loss curve in a few figures, relative to `scale`.

    The scale is the loss of chance, or the first loss.

    Attributes:
        segments: mean loss of each of about twelve equal stretches of the run.
        first: loss of the first batch.
        last: loss at the end.
        lowest: the least loss.
        drop: (first - last) / scale.
        recent: fall over the last quarter, as a share of what is left at its beginning.
        pace: the same over a quarter of the whole fall: 1 for a straight line.
        straight: R^2 of a straight line.
        decay: R^2 of an exponential decay to a floor.
        rises: share of the stretches that are higher than the one before by 2 % of the scale, and by more than chance.
        wiggle: standard deviation of the batch losses about their trend in the last quarter, over the scale.
        peak: the largest of the segments over the scale.
        verdict: the shape in a word.
    """

    segments: tuple[float, ...]
    scale: float
    first: float
    last: float
    lowest: float
    drop: float
    recent: float
    pace: float
    straight: float
    decay: float
    rises: float
    wiggle: float
    peak: float
    verdict: Verdict


def curve_of(losses: Sequence[float], scale: float | None = None) -> LossCurve | None:
    """The curve of batch losses, or None for fewer than eight finite ones."""
    values = np.array(losses, dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) < 8:
        return None
    count = min(_SEGMENTS, len(values) // 2)
    parts = np.array_split(values, count)
    means = np.array([p.mean() for p in parts])
    unit = scale if scale is not None and scale > 0.0 else max(abs(float(means[0])), 1e-12)
    quarter = max(1, count // 4)
    before, after = float(means[-quarter - 1]), float(means[-1])
    wiggle = float(np.concatenate([p - p.mean() for p in parts[-quarter:]]).std()) / unit
    total = float(means[0]) - after
    leapt = float(means.max()) > 3.0 * max(float(values[0]), unit)
    figures = {
        "first": float(means[0]),
        "last": after,
        "lowest": float(means.min()),
        "drop": float(means[0] - means[-1]) / unit,
        "recent": (before - after) / max(abs(before), 1e-12),
        "pace": (before - after) * (count - 1) / quarter / (total if abs(total) > 1e-12 else 1e-12),
        "straight": _straight(means),
        "decay": _decay(means),
        "rises": float(np.mean(np.diff(means) > np.maximum(0.02 * unit, _noise(parts)))),
        "wiggle": wiggle,
        "peak": float(means.max()) / unit,
    }
    verdict = "diverging" if leapt else _verdict(figures, unit, wiggle, len(values))
    return LossCurve(segments=tuple(means.tolist()), scale=unit, verdict=verdict, **figures)


def _verdict(f: dict[str, float], unit: float, wiggle: float, count: int) -> Verdict:
    level = f["last"] / unit
    if f["last"] > 1.5 * f["first"] and level > 1.0:
        return "diverging"
    noise = 2.0 * wiggle * math.sqrt(2.0 * _SEGMENTS / count)
    if f["straight"] > 0.95 and f["straight"] > f["decay"] - 0.01 and level > 0.4 and f["pace"] > 0.5:
        return "linear"
    if abs(f["drop"]) < max(0.02, noise) and level > 0.5:
        return "flat"
    if level > 0.3 and (f["rises"] >= 0.3 or (f["recent"] < 0.01 and wiggle > 0.15)):
        return "stuck"
    return "good"


def _noise(parts: Sequence[Array]) -> Array:
    """Standard error of the difference between the means of neighbouring stretches.

    As if batches were independent.
    """
    variance = np.array([p.var() / len(p) for p in parts])
    errors: Array = np.sqrt(variance[1:] + variance[:-1])
    return errors


def _straight(y: Array) -> float:
    """R^2 of the best straight line."""
    x = np.arange(len(y), dtype=np.float64)
    return _fit(np.stack([np.ones_like(x), x], axis=1), y)


def _decay(y: Array) -> float:
    """R^2 of a + b exp(-x / tau), the best of a few tau."""
    x = np.arange(len(y), dtype=np.float64)
    return max(
        _fit(np.stack([np.ones_like(x), np.exp(-x / tau)], axis=1), y) for tau in (0.5, 1.0, 2.0, 4.0, len(y) / 2.0)
    )


def _fit(columns: Array, y: Array) -> float:
    total = float(((y - y.mean()) ** 2).sum())
    if total == 0.0:
        return 0.0
    solution = np.linalg.lstsq(columns, y, rcond=None)[0]
    return 1.0 - float(((y - columns @ solution) ** 2).sum()) / total
