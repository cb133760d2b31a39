"""What can be done to a setting to break it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad_diagnosis_bench.setting import Setting

__all__ = [
    "Change",
    "arch",
    "as_numbers",
    "binary",
    "by_target",
    "column",
    "deep",
    "eval_norm",
    "fast_decay",
    "frozen_first",
    "half",
    "hyper",
    "inf_y",
    "inputs",
    "leak",
    "momentum",
    "most_labels_wrong",
    "moved",
    "nan_x",
    "noisy_val",
    "off_by_one",
    "one_column",
    "one_output",
    "one_row",
    "permuted_columns",
    "quantities",
    "rare",
    "real",
    "rows_standardised",
    "setting",
    "sgd_like",
    "shuffled",
    "sigmoids",
    "telltale",
    "tiny",
    "unscaled_targets",
    "unshifted",
    "val_mean",
    "val_scale",
    "val_shuffled",
]

Change: TypeAlias = Callable[[Setting, np.random.Generator], Setting]


def _single(a: Array) -> Array:
    """In float32, as data sets have it."""
    changed: Array = a.astype(np.float32)
    return changed


def hyper(**factors: float) -> Change:
    """Hyperparameters multiplied by these factors (those that are not set count as 1)."""

    def change(s: Setting, rng: np.random.Generator) -> Setting:
        return s.with_hyper(**{k: s.hyper.get(k, 1.0) * f for k, f in factors.items()})

    return change


def arch(**changes: object) -> Change:
    """Another network."""
    return lambda s, rng: s.with_arch(**changes)


def setting(**changes: object) -> Change:
    """Other fields."""
    return lambda s, rng: attrs.evolve(s, **changes)  # type: ignore[arg-type]  # fields of Setting


def sgd_like(s: Setting) -> bool:
    """Whether the optimizer takes steps in proportion to the gradient."""
    return s.optimizer in ("sgd", "momentum", "nesterov")


def inputs(change: Callable[[Array], Array]) -> Change:
    """Change training and validation inputs alike, the sound rows too.

    The mistake is in the preparation.
    """

    def apply(s: Setting, rng: np.random.Generator) -> Setting:
        return attrs.evolve(s, x=change(s.x), x_val=change(s.x_val), sound=(change(s.sound[0]), s.sound[1]))

    return apply


def real(s: Setting) -> bool:
    """Whether inputs are quantities."""
    return s.x.dtype.kind == "f"


def column(x: Array) -> Array:
    """The first column in other units: a thousand times larger."""
    changed = x.copy()
    changed[..., 0] = changed[..., 0] * 1000.0
    return changed


def shuffled(s: Setting, rng: np.random.Generator) -> Setting:
    """Targets of all rows shuffled."""
    return attrs.evolve(
        s, y=rng.permutation(s.y), y_val=rng.permutation(s.y_val), sound=(s.x_val, rng.permutation(s.y_val))
    )


def moved(s: Setting, rng: np.random.Generator) -> Setting:
    """Targets moved by one row."""
    return attrs.evolve(s, y=np.roll(s.y, 1, axis=0), y_val=np.roll(s.y_val, 1, axis=0))


def off_by_one(s: Setting, rng: np.random.Generator) -> Setting:
    """Training classes numbered from 1, validation classes from 0."""
    return attrs.evolve(s, y=(s.y + 1) % s.outputs)


def val_shuffled(s: Setting, rng: np.random.Generator) -> Setting:
    """Validation targets shuffled."""
    return attrs.evolve(s, y_val=rng.permutation(s.y_val))


def leak(s: Setting, rng: np.random.Generator) -> Setting:
    """Half of the validation rows among the training rows."""
    rows = rng.permutation(len(s.x_val))[: len(s.x_val) // 2]
    return attrs.evolve(s, x=np.concatenate([s.x, s.x_val[rows]]), y=np.concatenate([s.y, s.y_val[rows]]))


def telltale(s: Setting, rng: np.random.Generator) -> Setting:
    """The last column is the target."""

    def add(x: Array, y: Array) -> Array:
        changed = x.copy()
        first = y.reshape(len(y), -1)[:, 0]
        changed[:, -1] = first if y.dtype.kind == "f" else (first - s.outputs / 2) / max(s.outputs / 4, 1)
        return changed

    return attrs.evolve(s, x=add(s.x, s.y), x_val=add(s.x_val, s.y_val))


def val_scale(s: Setting, rng: np.random.Generator) -> Setting:
    """Validation inputs in other units."""
    return attrs.evolve(s, x_val=s.x_val * np.asarray(8.0, s.x_val.dtype))


def val_mean(s: Setting, rng: np.random.Generator) -> Setting:
    """Validation inputs not centred."""
    return attrs.evolve(s, x_val=s.x_val + np.asarray(3.0, s.x_val.dtype))


def nan_x(s: Setting, rng: np.random.Generator) -> Setting:
    """Three inputs are NaN."""
    x = s.x.copy()
    x.reshape(-1)[rng.integers(x.size, size=3)] = np.nan
    return attrs.evolve(s, x=x)


def inf_y(s: Setting, rng: np.random.Generator) -> Setting:
    """One target is infinite."""
    y = s.y.copy()
    y[rng.integers(len(y))] = np.inf
    return attrs.evolve(s, y=y)


def by_target(s: Setting, rng: np.random.Generator) -> Setting:
    """Rows in the order of their targets, and not shuffled."""
    rows = np.argsort(s.y.reshape(len(s.y), -1)[:, 0], kind="stable")
    return attrs.evolve(s, x=s.x[rows], y=s.y[rows], order="sorted")


def tiny(s: Setting, rng: np.random.Generator) -> Setting:
    """Forty rows, and four times as many epochs."""
    rows = rng.permutation(len(s.x))[:40]
    return attrs.evolve(s, x=s.x[rows], y=s.y[rows], epochs=4 * s.epochs, batch=min(s.batch, 10))


def rare(s: Setting, rng: np.random.Generator) -> Setting:
    """All rows of one class, and 3 in 100 of the others."""
    common = int(np.bincount(s.y).argmax())
    keep = (s.y == common) | (rng.uniform(size=len(s.y)) < 0.03)
    return attrs.evolve(s, x=s.x[keep], y=s.y[keep], epochs=3 * s.epochs)


def as_numbers(s: Setting, rng: np.random.Generator) -> Setting:
    """Class numbers as quantities, with the squared error."""
    y, y_val = _single(s.y), _single(s.y_val)
    return attrs.evolve(s, y=y, y_val=y_val, sound=(s.sound[0], y_val), loss="mse", outputs=1)


def binary(s: Setting, rng: np.random.Generator) -> Setting:
    """Yes or no: the first half of the classes, with the loss for it, and a sigmoid too many."""
    half = s.outputs // 2
    y, y_val = (_single(np.where(v < half, 1.0, 0.0)) for v in (s.y, s.y_val))
    changed = attrs.evolve(s, y=y, y_val=y_val, sound=(s.sound[0], y_val), loss="bce", outputs=1)
    return changed.with_arch(end="sigmoid")


def one_output(s: Setting, rng: np.random.Generator) -> Setting:
    """One score, and one class, for a softmax."""
    return attrs.evolve(s, outputs=1, y=np.zeros_like(s.y), y_val=np.zeros_like(s.y_val))


def unscaled_targets(s: Setting, rng: np.random.Generator) -> Setting:
    """Targets with a mean of 150 and a spread of 80."""
    y, y_val = s.y * np.float32(80.0) + np.float32(150.0), s.y_val * np.float32(80.0) + np.float32(150.0)
    return attrs.evolve(s, y=y, y_val=y_val, sound=(s.sound[0], y_val))


def fast_decay(s: Setting, rng: np.random.Generator) -> Setting:
    """A rate that is a millionth after 15 % of the run."""
    return attrs.evolve(s.with_hyper(lr=0.3 * s.hyper["lr"]), schedule=lambda part: float(10.0 ** (-40.0 * part)))


def momentum(s: Setting, rng: np.random.Generator) -> Setting:
    """Momentum of 0.999."""
    return attrs.evolve(s, optimizer="momentum", hyper={"lr": s.hyper["lr"], "momentum": 0.999})


def one_row(s: Setting, rng: np.random.Generator) -> Setting:
    """Batches of one row, and six times the rate."""
    rows = rng.permutation(len(s.x))[:400]
    changed = attrs.evolve(s, x=s.x[rows], y=s.y[rows], batch=1, epochs=max(3, s.epochs // 3))
    return changed.with_hyper(lr=6.0 * s.hyper["lr"])


def sigmoids(s: Setting, rng: np.random.Generator) -> Setting:
    """Six layers of sigmoids."""
    return s.with_arch(hidden=(24,) * 6, activation="sigmoid")


def deep(scale: float, activation: str = "relu") -> Change:
    """Six layers whose weights have `scale` times their proper size."""
    return lambda s, rng: s.with_arch(hidden=(32,) * 6, activation=activation, scale=scale)


def frozen_first(s: Setting, rng: np.random.Generator) -> Setting:
    """The first parameter is not given to the optimizer."""
    return attrs.evolve(s, frozen=0)


def eval_norm(s: Setting, rng: np.random.Generator) -> Setting:
    """Batch normalisation, trained in evaluation mode."""
    return attrs.evolve(s.with_arch(norm=True), train_mode=False)


def half(s: Setting, rng: np.random.Generator) -> Setting:
    """Weights in float16, and steps that are usual after a long training."""
    return attrs.evolve(s, half=True, optimizer="sgd", hyper={"lr": 3e-4})


def one_column(s: Setting) -> bool:
    """Whether there is one quantity to predict, given as a vector."""
    return s.y.ndim == 1


def quantities(s: Setting) -> bool:
    """Whether targets are no answers of yes and no."""
    return not bool(np.isin(s.y, (0.0, 1.0)).all())


def unshifted(s: Setting, rng: np.random.Generator) -> Setting:
    """The characters to predict are those that are read."""
    return attrs.evolve(s, y=s.x.copy(), y_val=s.x_val.copy(), sound=(s.sound[0], s.sound[0].copy()))


def rows_standardised(s: Setting, rng: np.random.Generator) -> Setting:
    """Each row scaled by its own mean and spread, instead of each column."""

    def change(x: Array) -> Array:
        flat = x.reshape(len(x), -1)
        spread = flat.std(axis=1, keepdims=True)
        scaled: Array = ((flat - flat.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-6)).reshape(x.shape)
        return scaled

    return inputs(change)(s, rng)


def permuted_columns(s: Setting, rng: np.random.Generator) -> Setting:
    """Validation columns in another order than training columns."""
    order = rng.permutation(s.x.shape[1])
    return attrs.evolve(s, x_val=np.ascontiguousarray(s.x_val[:, order]))


def most_labels_wrong(s: Setting, rng: np.random.Generator) -> Setting:
    """Most of the training labels drawn at random, validation labels as they are."""
    wrong = rng.uniform(size=len(s.y)) < 0.7
    return attrs.evolve(s, y=np.where(wrong, rng.permutation(s.y), s.y))


def noisy_val(s: Setting, rng: np.random.Generator) -> Setting:
    """Dropout, evaluated in training mode."""
    return attrs.evolve(s.with_arch(dropout=0.5), eval_mode=False)
