"""The rows a run trains on and validates with, whatever form they were given in."""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array, BoolArray
from minigrad.data import Dataset, Loader, check_finite, check_labels
from minigrad.train.errors import TrainError

__all__ = ["Rows", "Source", "Split", "as_split", "without_ignored"]

Raw: TypeAlias = NDArray[np.generic]
Source: TypeAlias = "Dataset | Loader | Split | tuple[Raw, Raw] | tuple[Raw, Raw, Raw, Raw] | tuple[Loader, Raw, Raw]"


@attrs.frozen(eq=False)
class Rows:
    """Inputs `(N, ...)` and targets `(N, ...)`, row by row; both read-only."""

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """Some of the rows, by number."""
        return Rows(self.x[rows], self.y[rows])

    @property
    def has_labels(self) -> bool:
        """Whether the targets are class numbers (integers)."""
        return self.y.dtype.kind in "iu"


@attrs.frozen(eq=False)
class Split:
    """Training rows, validation rows or None, and a line that describes them.

    Attributes:
        dataset: where they come from, if they were given as one.
        loader: what makes batches of `train`, if one was given; its batch size, seed and augmentation then hold.
        ignored: a label among the targets that the loss ignores; None where all count.
    """

    train: Rows
    val: Rows | None
    summary: str
    dataset: Dataset | None = None
    loader: Loader | None = None
    ignored: int | None = None

    def batches(self, batch_size: int, seed: int) -> Loader:
        """The loader that was given, or one that shuffles the training rows with `seed`."""
        return self.loader or Loader(self.train.x, self.train.y, batch_size, seed=seed)


def as_split(data: Source, dtype: np.dtype[np.generic]) -> Split:
    """Check the values and cast floating inputs and targets to `dtype`, the model's.

    Args:
        data: a Dataset; arrays `(x, y)`, or `(x_train, y_train, x_val, y_val)`; a Loader of training rows, alone or as
            `(loader, x_val, y_val)`; or a Split, whose floats are cast.

    Raises:
        DataValueError: a value is NaN or infinite, or a label out of range; names the row.
        TrainError: images have not been scaled, or `data` is something else.
    """
    if isinstance(data, Dataset):
        _refuse_raw(data)
        arrays = (data.x_train, data.y_train, data.x_val, data.y_val)
        split = _checked(arrays, dtype, f"{data.name}: ", data.summary(), data)
        for rows, name in ((split.train, "y_train"), (split.val, "y_val")):
            if rows is not None and data.task == "classification":
                check_labels(rows.y, data.classes, f"{data.name}: {name}")
        return split
    if isinstance(data, Split):
        held_out = () if data.val is None else (data.val.x, data.val.y)
        again = _checked((data.train.x, data.train.y, *held_out), dtype, "", data.summary, data.dataset)
        return attrs.evolve(again, loader=_same_rows(data.loader, again.train))
    loader = data if isinstance(data, Loader) else data[0] if isinstance(data, tuple) and data else None
    if isinstance(loader, Loader):
        return _loaded(loader, data[1:] if isinstance(data, tuple) else (), dtype)
    if not isinstance(data, tuple) or len(data) not in (2, 4):
        kind = f"a tuple of {len(data)}" if isinstance(data, tuple) else type(data).__name__
        raise TrainError(f"data must be a Dataset, a Loader, (x, y) or (x_train, y_train, x_val, y_val), got {kind}")
    given = tuple(np.asarray(a) for a in data)
    shape = "x".join(map(str, given[0].shape[1:])) or "scalar"
    held = f"/{len(given[2])}" if len(given) == 4 else ""
    return _checked(given, dtype, "", f"{len(given[0])}{held} rows of {shape} {given[0].dtype}", None)


def without_ignored(split: Split, ignored: int | None) -> tuple[Split, BoolArray]:
    """Leave out the rows of which every label is `ignored`.

    Returns:
        The others, which know of the label where some still have it, and which training rows they are `(N,)`.

    Raises:
        TrainError: there are no other training rows.
    """
    if ignored is None or not split.train.has_labels:
        return split, np.ones(len(split.train), dtype=bool)
    kept = _counted(split.train, ignored)
    if not kept.any():
        raise TrainError(f"every training label is {ignored}, which the loss ignores: there is nothing to learn")
    train, val = split.train.take(np.flatnonzero(kept)), split.val
    if val is not None:
        val = val.take(np.flatnonzero(_counted(val, ignored)))
    dataset = split.dataset
    if dataset is not None and not kept.all():
        weights = None if dataset.sample_weight is None else dataset.sample_weight[kept]
        dataset = attrs.evolve(
            dataset, x_train=dataset.x_train[kept], y_train=dataset.y_train[kept], sample_weight=weights
        )
    still = ignored if any((part.y == ignored).any() for part in (train, val) if part is not None) else None
    held_out = val if val is not None and len(val) else None
    return Split(train, held_out, split.summary, dataset, _same_rows(split.loader, train), still), kept


def _counted(rows: Rows, ignored: int) -> BoolArray:
    """Which rows have a label that counts."""
    counted: BoolArray = (rows.y != ignored).reshape(len(rows), -1).any(axis=1)
    return counted


def _loaded(loader: Loader, held_out: tuple[Raw, ...], dtype: np.dtype[np.generic]) -> Split:
    if len(held_out) not in (0, 2):
        raise TrainError(f"beside a Loader, data holds x_val and y_val or nothing, got {len(held_out)} more")
    arrays = (loader.x, loader.y, *(np.asarray(a) for a in held_out))
    held = f"/{len(arrays[2])}" if held_out else ""
    shape = "x".join(map(str, loader.x.shape[1:])) or "scalar"
    changed = f", augmented by {loader.augment!r}" if loader.augment is not None else ""
    split = _checked(arrays, dtype, "", f"{len(loader.x)}{held} rows of {shape} {loader.x.dtype}{changed}", None)
    return attrs.evolve(split, loader=_same_rows(loader, split.train))


def _same_rows(loader: Loader | None, rows: Rows) -> Loader | None:
    if loader is not None and not len(loader):
        raise TrainError(f"the Loader drops its only batch: {len(loader.x)} rows make no batch of {loader.batch_size}")
    return None if loader is None else attrs.evolve(loader, x=rows.x, y=rows.y)


def _refuse_raw(data: Dataset) -> None:
    if data.kind == "image" and data.x_train.dtype.kind in "iu":
        raise TrainError(
            f"{data.name} holds raw pixels ({data.x_train.dtype}): pass data.scaled() for rows of floats (N, D), or "
            "data.scaled('image') for (N, C, H, W)"
        )


def _checked(
    arrays: tuple[Raw, ...], dtype: np.dtype[np.generic], prefix: str, summary: str, dataset: Dataset | None
) -> Split:
    parts = []
    for x, y, part in zip(arrays[::2], arrays[1::2], ("train", "val"), strict=False):
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise TrainError(
                f"{prefix}x_{part} has shape {x.shape} and y_{part} {y.shape}: give one target for each row"
            )
        check_finite(x, f"{prefix}x_{part}", dataset.feature_names if dataset else ())
        check_finite(y, f"{prefix}y_{part}")
        parts.append(Rows(_ready(x, dtype), _ready(y, dtype)))
    if not len(parts[0]):
        raise TrainError(f"{prefix}there are no training rows")
    val = parts[1] if len(parts) == 2 and len(parts[1]) else None
    return Split(parts[0], val, summary, dataset)


def _ready(a: Raw, dtype: np.dtype[np.generic]) -> Array:
    """The array, floats in `dtype`, as a read-only view or copy."""
    cast: Array = a.astype(dtype if a.dtype.kind == "f" else a.dtype, copy=False)
    view = cast.view()
    view.flags.writeable = False
    return view
