"""Figures of the data: values, scales, drift, leaks, and what simple rules make of it."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.data.arrays import flat_rows, row_keys
from minigrad.data.measure import drift_of, moments_of, repeated_rows, scale_of
from minigrad.diagnosis.evidence import DataFacts, Leakage
from minigrad.diagnosis.probing.leakage import leakage_of
from minigrad.diagnosis.probing.row_words import row_words, telling_columns
from minigrad.diagnosis.probing.split_tests import blank_share, can_repeat, missing_share, told_apart
from minigrad.diagnosis.simple_rules import simple_rules

__all__ = ["batch_order", "data_facts"]

_MOST, _REPEATING = 1_000, 2_000


def data_facts(
    x: Array, y: Array, x_val: Array | None = None, y_val: Array | None = None, *, seed: int = 0
) -> DataFacts:
    """Look at training and validation rows.

    At most 1,000 of each for scales, 400 for what simple rules reach.

    Leaks are looked for among all rows. Non-finite values are reported, and then nothing else is measured.

    Args:
        x: training inputs, shape `(rows, ...)`; integers are symbols, not quantities.
        y: their targets: integers are classes, floats quantities; several columns (or one) are quantities too.
        x_val: validation inputs.
        y_val: their targets.
        seed: of the choice of rows.

    Returns:
        The figures.
    """
    features, count = int(np.prod(x.shape[1:])), 0 if x_val is None else len(x_val)
    broken = _broken(x, y, x_val, y_val)
    if broken or not len(x):
        return DataFacts(rows=len(x), val_rows=count, features=features, broken=broken or "there are no rows")
    symbols = x.dtype.kind in "iu"
    labels = y.dtype.kind in "iu" and (y.ndim == 1 or symbols)
    rng = np.random.default_rng([seed, 17])
    rows = _some(len(x), _MOST, rng)
    flat, b = flat_rows(x), y[rows] if labels else _columns(y[rows])
    facts = DataFacts(rows=len(x), val_rows=count, features=features, indices=symbols)
    facts = _with_labels(facts, y) if labels else _with_quantities(facts, b)
    moments = None if symbols else moments_of(flat, rows)
    if moments is None:
        facts = attrs.evolve(facts, leakage=_copied(x, y))
    else:
        facts = attrs.evolve(facts, scale=scale_of(moments), leakage=leakage_of(flat, rows, b, labels))
    if x_val is None or y_val is None or not len(x_val):
        return facts
    val_rows = _some(count, _MOST, rng)
    flat_val, w = flat_rows(x_val), y_val[val_rows] if labels else _columns(y_val[val_rows])
    shared = _shared(flat, flat_val) if facts.scale is None or facts.scale.typical else 0.0
    facts = attrs.evolve(facts, shared=shared, repeated=_repeated(x, symbols, rng) if shared else 0.0)
    if labels:
        unseen = float(np.mean(~np.isin(y_val, y)))
        common = float(np.mean(w == facts.common))
        facts = attrs.evolve(facts, chance_accuracy=common, unseen=unseen, missing=missing_share(y, y_val))
    else:
        facts = attrs.evolve(facts, target_shift=_distance(b, w))
    if moments is None:
        return facts
    held = moments_of(flat_val, val_rows)
    half, told = len(flat) // 2, told_apart(flat, flat_val, seed)
    targets = (y, y_val) if labels else (y.reshape(len(y), -1), y_val.reshape(count, -1))
    return attrs.evolve(
        facts,
        drift=drift_of(moments, held, b, w),
        blank=blank_share(flat_val, ~moments.varying & held.varying, int(held.varying.sum()), len(rows)),
        told_apart=told,
        told_within=told_apart(flat[:half], flat[half:], seed) if told else 0.0,
        simple=simple_rules(flat, targets[0], flat_val, targets[1], classes=labels, seed=seed),
    )


def _with_labels(facts: DataFacts, y: Array) -> DataFacts:
    flat = y.reshape(-1)
    counts = np.bincount(flat[flat >= 0].astype(np.intp))  # what a loss ignores is below 0
    common = int(counts.argmax())
    return attrs.evolve(facts, classes=len(counts), majority=float(counts.max() / counts.sum()), common=common)


def _with_quantities(facts: DataFacts, b: Array) -> DataFacts:
    distinct = np.unique(b)
    whole = len(distinct) > 1 and np.array_equal(distinct, np.arange(len(distinct)))
    return attrs.evolve(
        facts,
        levels=len(distinct),
        whole=bool(whole) and b.shape[1] == 1,
        target_mean=float(b.mean()),
        target_std=float(b.std()),
        target_low=float(b.min()),
    )


def _columns(y: Array) -> Array:
    """Quantities as columns, float64: (n,), (n, 1) and (n, k) are treated alike."""
    columns: Array = y.reshape(len(y), -1).astype(np.float64)
    return columns


def _copied(x: Array, y: Array) -> Leakage:
    """How many targets are the very symbol at their place.

    What a model of text has if targets are not moved by one.
    """
    if y.shape != x.shape or y.dtype.kind not in "iu" or not y.size:
        return Leakage()
    same = y[:_REPEATING] == x[:_REPEATING]
    return Leakage(copied=float(same.mean()))


def batch_order(batches: list[Array], y: Array) -> float | None:
    """Compute the variance of the means of batches over what shuffled rows give.

    It is 1 for shuffled rows, up to the size of a batch for sorted ones. Each batch counts by its own size: all rows of
    a rare class may be in the last one, which is not full.

    For classes the median over the indicators of each class, so that any order by class is seen; for several columns of
    quantities the one that goes with the order most.
    """
    sizes = np.array([len(b) for b in batches] or [0], dtype=np.float64)
    if len(batches) < 4 or sizes.max() < 4.0:
        return None
    labels = y.dtype.kind in "iu"
    take = _indicator if labels else _column
    ratios = []
    for c in np.unique(y)[:20].tolist() if labels else range(y[0].size):
        each = [take(b, c) for b in batches]
        value = np.concatenate(each)  # batches may hold other shares than the rows on purpose
        if not float(value.var()):
            value = take(y, c)
        variance = float(value.var())
        if variance > 0.0:
            means = np.array([b.mean() for b in each])
            ratios.append(float(np.mean(sizes * (means - value.mean()) ** 2)) / variance)
    if not ratios:
        return None
    return float(np.median(ratios)) if labels else max(ratios)


def _indicator(y: Array, c: int) -> Array:
    """1 where a label is `c`, 0 elsewhere."""
    ones: Array = np.asarray(y == c, dtype=np.float64)
    return ones


def _column(y: Array, c: int) -> Array:
    """One column of quantities."""
    column: Array = y.reshape(len(y), -1)[:, c].astype(np.float64)
    return column


def _broken(x: Array, y: Array, x_val: Array | None, y_val: Array | None) -> str:
    for name, array in (("x_train", x), ("y_train", y), ("x_val", x_val), ("y_val", y_val)):
        if array is not None and array.dtype.kind == "f":
            numbers = np.ravel(array)
            with np.errstate(all="ignore"):
                sound = np.isfinite(np.dot(numbers, numbers))  # one pass; huge numbers are looked at once more
            bad = np.zeros(0, dtype=bool) if sound else ~np.isfinite(array)
            if bad.any():
                place = np.argwhere(bad)[0].tolist()
                return f"{name}{place} is {array[tuple(place)]}, and {int(bad.sum())} values in all are not finite"
        if array is not None and name[0] == "y" and array.dtype.kind == "i" and array.size and array.min() < 0:
            return f"{name} holds the label {array.min()}"
    return ""


def _some(count: int, most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))


def _distance(a: Array, b: Array) -> float:
    """The largest distance between the distribution functions of two samples, of any column.

    0 where chance may do it.

    Kolmogorov and Smirnov's statistic, beyond three times its typical size.
    """
    n, m = len(a), len(b)
    largest = 0.0
    for column, other in zip(a.T, b.T, strict=True):
        points = np.concatenate([column, other])
        below = [np.searchsorted(np.sort(sample), points, side="right") / len(sample) for sample in (column, other)]
        largest = max(largest, float(np.abs(below[0] - below[1]).max()))
    return largest if largest > 3.0 * math.sqrt((n + m) / (n * m)) else 0.0


def _shared(x: Array, x_val: Array) -> float:
    """Share of the rows of `x_val` that are rows of `x`, too.

    They are looked up by a few columns, and compared in full.
    """
    columns = telling_columns(x)
    words, words_val = row_words(x, columns), row_words(x_val, columns)
    suspects = np.isin(words_val, words)
    if not suspects.any():
        return 0.0
    full = set(row_keys(x[np.isin(words, words_val[suspects])]))
    return sum(key in full for key in row_keys(x_val[suspects])) / len(x_val)


def _repeated(x: Array, symbols: bool, rng: np.random.Generator) -> float:
    """Share of the rows that repeat by chance."""
    rows = x[_some(len(x), _REPEATING, rng)]
    return repeated_rows(rows) if symbols or can_repeat(rows) else 0.0
