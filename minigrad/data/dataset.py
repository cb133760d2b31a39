"""`Dataset`: one immutable value for training and validation rows.

With their names and where they come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import attrs
import numpy as np

from minigrad.data import scaling
from minigrad.data.arrays import Array, any_real, check_pair, read_only
from minigrad.data.errors import DataError
from minigrad.data.prepare.pictures import PictureFormat
from minigrad.data.prepare.preparation import ArrayInputs, Preparation
from minigrad.data.prepare.targets import ClassTarget, LabelTarget, NumberTarget, Target
from minigrad.data.scaling import Normalize, Scaling
from minigrad.text import as_html

Task = Literal["classification", "regression", "multilabel"]
Kind = Literal["image", "table", "text"]
Layout = Literal["flat", "image", "native"]


def names(items: Iterable[str]) -> tuple[str, ...]:
    """A tuple of the names."""
    return tuple(items)


@attrs.frozen(eq=False)
class Dataset:
    """Training and validation rows in their native form; all arrays are read-only.

    Shapes: images `(N, H, W)` or `(N, C, H, W)` uint8, tables `(N, D)` float64, text `(N, T)` int64 character
    numbers. `y` is int64 `(N,)` class numbers from 0 (`(N, T)` for text) or float64 `(N,)` for regression, or
    float32 `(N, L)` of 0 and 1 for several labels.
    `full_scale` is the largest value a pixel can have (255; 16 for digits). Values are not looked at here: see
    `minigrad.data.check`. `preparation` says how these rows came from those of the source, where
    that is known (tables of `load_table`, what `scaled` returns): it is saved with a run and serves in prediction.
    `resized` says that pictures were brought to one size, as those to be predicted shall be. `sample_weight` is what
    each training row counts `(N,)`; None where all count alike.

    Raises DataError when lengths, row shapes or dtypes do not fit together.
    """

    name: str
    x_train: Array = attrs.field(converter=read_only, repr=False)
    y_train: Array = attrs.field(converter=read_only, repr=False)
    x_val: Array = attrs.field(converter=read_only, repr=False)
    y_val: Array = attrs.field(converter=read_only, repr=False)
    task: Task = attrs.field(kw_only=True, default="classification")
    kind: Kind = attrs.field(kw_only=True, default="table")
    class_names: tuple[str, ...] = attrs.field(kw_only=True, default=(), converter=names)
    feature_names: tuple[str, ...] = attrs.field(kw_only=True, default=(), converter=names, repr=False)
    full_scale: float = attrs.field(kw_only=True, default=255.0, repr=False)
    source: str = attrs.field(kw_only=True, default="", repr=False)
    preparation: Preparation | None = attrs.field(kw_only=True, default=None, repr=False)
    sample_weight: Array | None = attrs.field(kw_only=True, default=None, repr=False)
    resized: bool = attrs.field(kw_only=True, default=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_pair(self.x_train, self.y_train, f"{self.name}: x_train", "y_train")
        check_pair(self.x_val, self.y_val, f"{self.name}: x_val", "y_val")
        for field in ("x", "y"):
            train, val = getattr(self, f"{field}_train"), getattr(self, f"{field}_val")
            if train.shape[1:] != val.shape[1:] or train.dtype != val.dtype:
                raise DataError(
                    f"{self.name}: a row of {field}_train is {train.dtype}{train.shape[1:]} but a row of {field}_val "
                    f"is {val.dtype}{val.shape[1:]}. Both splits must have rows of one shape and dtype."
                )
        if self.sample_weight is not None and self.sample_weight.shape != (len(self.x_train),):
            raise DataError(f"{self.name}: sample_weight of shape {self.sample_weight.shape} is not one a row")
        self._check_meaning()

    def _check_meaning(self) -> None:
        if not len(self.x_train):
            raise DataError(f"{self.name}: no training rows.")
        if self.task == "classification" and self.y_train.dtype.kind not in "iu":
            raise DataError(
                f"{self.name}: classification needs integer class numbers in y, found {self.y_train.dtype}."
            )
        if self.task == "regression" and self.y_train.dtype.kind != "f":
            raise DataError(f"{self.name}: regression needs floating-point targets in y, found {self.y_train.dtype}.")
        if self.task == "multilabel" and (self.y_train.dtype.kind != "f" or self.y_train.ndim != 2):
            raise DataError(
                f"{self.name}: labels are 0 or 1 in floating point, (N, labels), found {self.y_train.dtype} "
                f"{self.y_train.shape}."
            )
        if self.task == "classification" and not self.class_names:
            raise DataError(f"{self.name}: classification needs class_names, one for each class number from 0.")
        if self.kind == "image" and self.x_train.ndim not in (3, 4):
            raise DataError(f"{self.name}: images are (N, H, W) or (N, C, H, W), found shape {self.x_train.shape}.")

    @property
    def classes(self) -> int:
        """Number of classes; 0 for regression."""
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row of `x` as stored."""
        return self.x_train.shape[1:]

    @property
    def features(self) -> int:
        """Numbers in one flattened row of `x`."""
        return int(np.prod(self.input_shape))

    def summary(self) -> str:
        """One line: `fashion 5000/1000 rows of 28x28 uint8, 10 classes`."""
        what = f"{self.classes} classes" if self.classes else "regression"
        if self.task == "multilabel":
            what = f"{self.y_train.shape[1]} labels"
        shape = "x".join(map(str, self.input_shape)) or "scalar"
        return f"{self.name} {len(self.x_train)}/{len(self.x_val)} rows of {shape} {self.x_train.dtype}, {what}"

    def _repr_html_(self) -> str:
        """What the rows are and how they are prepared, as a notebook shows it."""
        lines = [] if self.preparation is None else self.preparation.describe()
        return as_html("\n".join([self.summary(), *(f"  {line}" for line in lines)]))

    def scaling(self, normalize: Normalize = "auto") -> Scaling:
        """Choose how `scaled` treats inputs, fitted on `x_train` alone.

        Returns a callable for rows of the native shape.

        `"standard"` (what `"auto"` means): zero mean and unit variance, per column of a table, per channel of
        images. `"unit"`: pixels divided by `full_scale`, to [0, 1] (images only). `"none"`: only the cast.
        """
        if normalize == "none":
            return scaling.identity()
        if normalize == "unit":
            if self.kind != "image":
                raise DataError(f"{self.name}: normalize='unit' is for images. Use 'standard' or 'none' for a table.")
            return scaling.unit(self.full_scale)
        if normalize not in ("auto", "standard"):
            raise DataError(f"normalize={normalize!r}: expected 'auto', 'standard', 'unit' or 'none'.")
        if self.kind == "image":
            pixels = (0, *range(self.x_train.ndim)[-2:])
            return scaling.standard(self.x_train, over=pixels)
        return scaling.standard(self.x_train, over=(0,))

    def target_scaling(self) -> Scaling:
        """Scale `y_train` (regression) to zero mean and unit variance.

        `.inverse(prediction)` returns to its units.
        """
        if self.task != "regression":
            raise DataError(f"{self.name}: class numbers are not scaled; target_scaling is for regression.")
        return scaling.standard(self.y_train, over=(0,))

    def scaled(self, layout: Layout = "flat", normalize: Normalize = "auto", *, targets: bool = True) -> Dataset:
        """Return the data ready for a network: `x` float32, scaled as `scaling` says.

        `layout`: `"flat"` `(N, D)`; `"image"` `(N, C, H, W)`; `"native"` as stored. With `targets`, regression targets
        become float32 of zero mean and unit variance (see `target_scaling`). Text stays as it is: its numbers are
        indices.

        Raises:
            DataError: the data cannot have that layout.
        """
        if self.kind == "text":
            return self
        if self.preparation is not None:
            return self._scaled_table(self.preparation, targets)
        fit = self.scaling(normalize)
        y_train, y_val = self.y_train, self.y_val
        if targets and self.task == "regression":
            fit_y = self.target_scaling()
            y_train, y_val = fit_y(y_train), fit_y(y_val)
        x_train, x_val = (self._laid_out(fit(x), layout) for x in (self.x_train, self.x_val))
        kind: Kind = "image" if self.kind == "image" and layout != "flat" else "table"
        recipe = self._recipe(fit, x_train.shape[1:], targets)
        return attrs.evolve(
            self, x_train=x_train, y_train=y_train, x_val=x_val, y_val=y_val, kind=kind, preparation=recipe
        )

    def _scaled_table(self, recipe: Preparation, targets: bool) -> Dataset:
        """Scale the targets of a table, whose inputs are scaled already."""
        target = recipe.target
        if not targets or not isinstance(target, NumberTarget) or self.y_train.dtype == np.float32:
            return self
        y_train, y_val = target.scale(self.y_train), target.scale(self.y_val)
        return attrs.evolve(self, y_train=any_real(y_train), y_val=any_real(y_val))

    def _recipe(self, fit: Scaling, layout: tuple[int, ...], targets: bool) -> Preparation:
        """How rows as they are stored became what `scaled` returns."""
        if self.task == "classification":
            target: Target = ClassTarget("", self.class_names)
        elif self.task == "multilabel":
            count = self.y_train.shape[1]
            target = LabelTarget(tuple(f"label {k}" for k in range(count)), (("0", "1"),) * count)
        else:
            count, flat = int(np.prod(self.y_train.shape[1:])), self.y_train.ndim == 1
            scale = self.target_scaling() if targets else scaling.identity()
            offsets, factors = (np.broadcast_to(a, (count,)).tolist() for a in (scale.offset, scale.factor))
            target = NumberTarget((), tuple(offsets), tuple(factors), flat)
        shape = self.input_shape
        color = len(shape) == 3 and shape[0] == 3
        picture = None
        if self.kind == "image" and self.full_scale == 255.0 and (len(shape) == 2 or color):
            picture = PictureFormat(shape[-2], shape[-1], color, self.resized)
        return Preparation(ArrayInputs(shape, fit, layout, picture), target)

    def _laid_out(self, x: Array, layout: Layout) -> Array:
        if layout == "flat":
            return x.reshape(len(x), self.features)
        if layout == "native":
            return x
        if layout != "image":
            raise DataError(f"layout={layout!r}: expected 'flat', 'image' or 'native'.")
        if self.kind != "image":
            raise DataError(f"{self.name}: rows of shape {self.input_shape} are no images. Use layout='flat'.")
        return x if x.ndim == 4 else x[:, None]
