"""Figures of the data: values, scales, leaks, and what simple rules make of it.

The simple rules are five neighbours and ridge regression.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.data.arrays import row_keys
from minigrad.diagnosis.evidence import DataFacts

__all__ = ["batch_order", "data_facts"]

_MOST = 2_000
_TRIED = 400
_TELLING = 16


def data_facts(
    x: Array, y: Array, x_val: Array | None = None, y_val: Array | None = None, *, seed: int = 0
) -> DataFacts:
    """Look at training and validation rows.

    At most 2,000 of each for scales, 400 for what simple rules reach.

    Leaks are looked for among all rows. Non-finite values are reported, and then nothing else is measured.
    """
    labels = y.dtype.kind in "iu"
    features = int(np.prod(x.shape[1:]))
    count = 0 if x_val is None else len(x_val)
    broken = _broken(x, y, x_val, y_val)
    if broken or not len(x):
        return DataFacts(rows=len(x), val_rows=count, features=features, broken=broken or "there are no rows")
    rng = np.random.default_rng([seed, 17])
    rows, held = _some(len(x), _MOST, rng), _some(count, _MOST, rng)
    facts: dict[str, float | int | bool | str | None] = {"indices": x.dtype.kind in "iu"}
    a, b = _flat(x[rows]), y[rows]
    if labels:
        counts = np.bincount(y.reshape(-1).astype(np.intp))
        facts |= {
            "classes": len(counts),
            "majority": float(counts.max() / counts.sum()),
            "common": int(counts.argmax()),
        }
    else:
        distinct = np.unique(b)
        whole = len(distinct) > 1 and np.array_equal(distinct, np.arange(len(distinct)))
        facts |= {"levels": len(distinct), "whole": bool(whole), "target_mean": float(b.mean())}
        facts |= {"target_std": float(b.std(dtype=np.float64))}
    if not facts["indices"]:
        facts |= _scales(a) | _telltale(a, b)
    if x_val is not None and y_val is not None and len(x_val):
        v, w = _flat(x_val[held]), y_val[held]
        facts["shared"] = _shared(x, x_val) if facts.get("std", 1.0) else 0.0
        if not facts["indices"]:
            spread = float(a.std()) or 1.0
            facts |= {"val_std_ratio": float(v.std()) / spread, "val_shift": float(v.mean() - a.mean()) / spread}
        if labels:
            facts["chance_accuracy"] = float(np.mean(w == np.bincount(y.reshape(-1).astype(np.intp)).argmax()))
        if y.ndim == 1 and not facts["indices"]:
            facts |= _simple(a, b, v, w)
    return DataFacts(rows=len(x), val_rows=count, features=features, **facts)  # type: ignore[arg-type]  # names and kinds are those of the fields


def batch_order(batches: list[Array], y: Array) -> float | None:
    """Compute the variance of the means of batches over what shuffled rows give.

    It is 1 for shuffled rows, up to the size of a batch for sorted ones.

    For classes the median over the indicators of each class, so that any order by class is seen.
    """
    sizes = [len(b) for b in batches] or [0]
    batches = [b for b in batches if len(b) == max(sizes)]
    if len(batches) < 4 or max(sizes) < 4:
        return None
    classes: list[int | None] = np.unique(y)[:20].tolist() if y.dtype.kind in "iu" else [None]
    ratios = []
    for c in classes:
        value = _indicator(y, c)
        variance = float(value.var())
        if variance > 0.0:
            means = np.array([_indicator(b, c).mean() for b in batches])
            ratios.append(float(np.mean((means - value.mean()) ** 2)) * max(sizes) / variance)
    return float(np.median(ratios)) if ratios else None


def _indicator(y: Array, c: int | None) -> Array:
    """1 where a label is `c`, 0 elsewhere; the targets themselves where there are no classes."""
    targets: Array = np.asarray(y if c is None else y == c, dtype=np.float64)
    return targets


def _broken(x: Array, y: Array, x_val: Array | None, y_val: Array | None) -> str:
    for name, array in (("x_train", x), ("y_train", y), ("x_val", x_val), ("y_val", y_val)):
        if array is not None and array.dtype.kind == "f":
            bad = ~np.isfinite(array)
            if bad.any():
                place = np.argwhere(bad)[0].tolist()
                return f"{name}{place} is {array[tuple(place)]}, and {int(bad.sum())} values in all are not finite"
        if array is not None and name[0] == "y" and array.dtype.kind == "i" and array.size and array.min() < 0:
            return f"{name} holds the label {array.min()}"
    return ""


def _some(count: int, most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))


def _flat(x: Array) -> Array:
    return x.reshape(len(x), -1).astype(np.float64)


def _scales(a: Array) -> dict[str, float]:
    each = a.std(axis=0)
    middle = float(np.median(each[each > 0.0])) if (each > 0.0).any() else 0.0
    spread = float(each.max()) / middle if middle else 1.0
    return {"std": float(a.std()), "largest": float(np.abs(a).max()), "spread": spread}


def _telltale(a: Array, y: Array) -> dict[str, float | int]:
    """The column that says most about the target; a leaked target correlates perfectly."""
    if y.ndim != 1 or len(y) < 20:
        return {}
    target = y.astype(np.float64)
    centred, columns = target - target.mean(), a - a.mean(axis=0)
    size = np.sqrt((columns**2).sum(axis=0) * (centred**2).sum())
    r = np.abs(columns.T @ centred) / np.where(size > 0.0, size, np.inf)
    return {"telltale": float(r.max()), "telltale_column": int(r.argmax())}


def _shared(x: Array, x_val: Array) -> float:
    a, b = x.reshape(len(x), -1), x_val.reshape(len(x_val), -1)
    telling = np.argsort(a[:_TRIED].std(axis=0, dtype=np.float64))[-_TELLING:]  # rows that differ mostly do so here
    words, words_val = _words(a[:, telling]), _words(b[:, telling])
    both = set(words).intersection(words_val)
    train, val = ([word in both for word in w] for w in (words, words_val))
    full = set(row_keys(x[train]))
    return sum(key in full for key in row_keys(x_val[val])) / len(x_val)


def _words(x: Array) -> list[bytes]:
    """The bytes of each row; 0 and -0 are alike."""
    return [row.tobytes() for row in np.ascontiguousarray(x + np.zeros(1, x.dtype))]


def _simple(a: Array, b: Array, v: Array, w: Array) -> dict[str, float | int]:
    """Compute what simple rules reach.

    On validation rows, and on one half of the training rows from the other.
    """
    a, b, v, w = a[:_TRIED], b[:_TRIED], v[:_TRIED], w[:_TRIED]
    if len(a) < 20 or len(v) < 5:
        return {}
    middle, spread = a.mean(axis=0), a.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    a, v = (a - middle) / spread, (v - middle) / spread
    half = len(a) // 2
    return {
        "neighbour": _reached(a, b, v, w),
        "neighbour_train": _reached(a[:half], b[:half], a[half:], b[half:]),
        "val_rows_used": len(w),
    }


def _reached(a: Array, b: Array, v: Array, w: Array) -> float:
    """Return the better of five nearest neighbours and ridge regression.

    Accuracy, or R^2 for floating targets.
    """
    near = np.argpartition((v**2).sum(1)[:, None] + (a**2).sum(1) - 2.0 * v @ a.T, 4, axis=1)[:, :5]
    if b.dtype.kind in "iu":
        targets = np.eye(int(max(b.max(), w.max())) + 1)[b.astype(np.intp)]
    else:
        targets = b.astype(np.float64)[:, None]
    votes, linear = targets[near].mean(axis=1), _ridge(a, targets, v)
    if b.dtype.kind in "iu":
        return float(max(np.mean(p.argmax(axis=1) == w) for p in (votes, linear)))
    total = float(((w - b.mean()) ** 2).sum()) or 1.0
    return 1.0 - min(float(((w - p[:, 0]) ** 2).sum()) for p in (votes, linear)) / total


def _ridge(a: Array, targets: Array, v: Array) -> Array:
    """Ridge regression with a strength of a tenth of the rows, in its dual form: rows x rows."""
    mean = targets.mean(axis=0)
    kernel = a @ a.T
    strength = 0.1 * float(np.trace(kernel)) / len(a) + 1e-9
    weights = np.linalg.solve(kernel + strength * np.eye(len(a)), targets - mean)
    predicted: Array = v @ (a.T @ weights) + mean
    return predicted
