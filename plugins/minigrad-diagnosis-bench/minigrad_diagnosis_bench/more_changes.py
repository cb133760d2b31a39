"""More of what can be done to a setting to break it.

Splits, targets, and the preparation of inputs.
"""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad_diagnosis_bench.changes import inputs
from minigrad_diagnosis_bench.setting import Setting

__all__ = [
    "blank_half",
    "class_missing",
    "default_class",
    "duplicated",
    "faint_targets",
    "missing_values",
    "rising_rate",
    "rounded_inputs",
    "several_columns",
    "split_by_column",
    "squared_targets",
    "swapped_classes",
    "val_noise",
    "wild_rate",
]


def several_columns(s: Setting) -> bool:
    """Whether there are several quantities to predict."""
    return s.y.ndim == 2 and s.y.shape[1] > 1 and s.loss == "mse"


def blank_half(s: Setting, rng: np.random.Generator) -> Setting:
    """The second half of the columns is 0 in training rows: a join that failed."""
    x = s.x.copy()
    x[:, x.shape[1] // 2 :] = 0
    return attrs.evolve(s, x=x)


def duplicated(s: Setting, rng: np.random.Generator) -> Setting:
    """Rows drawn with replacement from a third of the table, and then split."""
    x, y = np.concatenate([s.x, s.x_val]), np.concatenate([s.y, s.y_val])
    rows = rng.integers(0, len(x) // 3, len(x))
    return attrs.evolve(s, x=x[rows[: len(s.x)]], y=y[rows[: len(s.x)]], x_val=x[rows[len(s.x) :]],
                        y_val=y[rows[len(s.x) :]])  # fmt: skip


def class_missing(s: Setting, rng: np.random.Generator) -> Setting:
    """No validation row of the most common class."""
    keep = s.y_val != int(np.bincount(s.y).argmax())
    return attrs.evolve(s, x_val=s.x_val[keep], y_val=s.y_val[keep])


def default_class(s: Setting, rng: np.random.Generator) -> Setting:
    """Two thirds of the training labels have become class 0."""
    return attrs.evolve(s, y=np.where(rng.uniform(size=len(s.y)) < 0.67, 0, s.y))


def faint_targets(s: Setting, rng: np.random.Generator) -> Setting:
    """Targets of a hundred-thousandth."""
    y, y_val = s.y * np.float32(1e-5), s.y_val * np.float32(1e-5)
    return attrs.evolve(s, y=y, y_val=y_val, sound=(s.sound[0], y_val))


def swapped_classes(s: Setting, rng: np.random.Generator) -> Setting:
    """Classes 0 and 1 have each other's numbers in training."""
    return attrs.evolve(s, y=np.where(s.y < 2, 1 - s.y, s.y))


def squared_targets(s: Setting, rng: np.random.Generator) -> Setting:
    """Training targets have lost their sign."""
    return attrs.evolve(s, y=np.abs(s.y))


def rounded_inputs(s: Setting, rng: np.random.Generator) -> Setting:
    """Scaled inputs as whole numbers, of a few units."""

    def change(x: Array) -> Array:
        rounded: Array = np.trunc(x * np.float32(0.4)).astype(x.dtype)
        return rounded

    return inputs(change)(s, rng)


def missing_values(s: Setting, rng: np.random.Generator) -> Setting:
    """A third of all inputs is -5, for a value that is missing."""

    def change(x: Array) -> Array:
        return np.where(rng.uniform(size=x.shape) < 0.33, np.asarray(-5.0, x.dtype), x)

    return inputs(change)(s, rng)


def val_noise(s: Setting, rng: np.random.Generator) -> Setting:
    """Validation inputs were taken with a worse instrument: noise of 1.5 standard deviations."""
    noise = 1.5 * s.x.std() * rng.standard_normal(s.x_val.shape)
    return attrs.evolve(s, x_val=(s.x_val + noise).astype(s.x_val.dtype))


def split_by_column(s: Setting, rng: np.random.Generator) -> Setting:
    """Rows split by the most telling column: training rows have the lower values."""
    flat, held = s.x.reshape(len(s.x), -1), s.x_val.reshape(len(s.x_val), -1)
    goal = s.y.reshape(len(s.y), -1)[:, 0].astype(np.float64)
    goal = (goal - goal.mean()) / max(float(goal.std()), 1e-12)
    column = int(np.abs((flat - flat.mean(axis=0)).T @ goal).argmax())
    middle = float(np.median(flat[:, column]))
    low, high = flat[:, column] <= middle, held[:, column] > middle
    return attrs.evolve(s, x=s.x[low], y=s.y[low], x_val=s.x_val[high], y_val=s.y_val[high])


def rising_rate(s: Setting, rng: np.random.Generator) -> Setting:
    """A rate that ends ten thousand times as high as it began."""
    return attrs.evolve(s, schedule=lambda part: float(10.0 ** (4.0 * part)))


def wild_rate(s: Setting, rng: np.random.Generator) -> Setting:
    """A rate that leaps between a thousandth and a thousand times its value."""
    leaps = 10.0 ** rng.uniform(-3.0, 3.0, 1000)
    return attrs.evolve(s, schedule=lambda part: float(leaps[int(999 * part)]))
