"""The bias-corrected average that all optimizers share, and its lazily scaled values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import attrs
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minigrad.core.types import Array
from minigrad.optim.errors import OptimizerError

__all__ = ["Moment", "Scaled"]


class Scaled(NDArrayOperatorsMixin):
    """The product of a number and an array, not multiplied yet.

    It lets a rule be written as in the paper, `lr * m.hat / (np.sqrt(v.hat) + eps)`, without a pass over memory for
    each factor: numbers meet numbers first. Four operations keep it lazy, by identities of real numbers:

    - `c * (f x) = (c f) x` for a number c
    - `sqrt(f x) = sqrt(f) sqrt(x)` for f > 0
    - `f x + c = f (x + c / f)` for a number c and f > 0
    - `(f x) / y = f (x / y)`, and `y / (f x) = (1 / f) (y / x)` for f > 0

    Everything else asked of it is asked of the product, an array. Kingma & Ba 2015, end of section 2, propose this
    order of computation for Adam.

    Attributes:
        factor: the number.
        array: what it multiplies, of any shape.
        positive: whether the factor is certainly above 0.
    """

    __slots__ = ("array", "factor", "positive")

    def __init__(self, factor: float, array: Array, positive: bool = False) -> None:
        self.factor = factor
        self.array = array
        self.positive = positive

    def multiplied(self) -> Array:
        """The product as an array."""
        return self.factor * self.array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> object:
        if method == "__call__" and not options:
            lazy = _lazily(ufunc, inputs)
            if lazy is not None:
                return lazy
        return getattr(ufunc, method)(*map(_plain, inputs), **options)

    def __array_function__(
        self, function: object, types: object, args: tuple[object, ...], options: dict[str, object]
    ) -> object:
        if not callable(function):
            return NotImplemented
        return function(*map(_plain, args), **{name: _plain(value) for name, value in options.items()})

    def __array__(self, dtype: np.dtype[np.generic] | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self.multiplied(), dtype)

    def __getattr__(self, name: str) -> object:
        if name in Scaled.__slots__:  # while a copy is being built
            raise AttributeError(name)
        return getattr(self.multiplied(), name)

    def __getitem__(self, key: object) -> object:
        part: object = self.multiplied()[cast(slice, key)]
        return part

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[object]:
        return iter(self.multiplied())

    def __bool__(self) -> bool:
        return bool(self.multiplied())

    def __float__(self) -> float:
        return float(self.multiplied())


def _is_number(x: object) -> bool:
    # Recorded numbers and vectors (see `optim.compiled`) tell themselves apart as Python's and NumPy's do.
    return isinstance(x, np.generic) or not hasattr(x, "dtype")


def _plain(x: object) -> object:
    return x.multiplied() if isinstance(x, Scaled) else x


def _lazily(ufunc: np.ufunc, inputs: tuple[object, ...]) -> Scaled | None:
    """The result of one of the lazy operations, or None for any other."""
    a = inputs[0]
    if ufunc is np.sqrt and isinstance(a, Scaled) and a.positive:
        return Scaled(a.factor**0.5, np.sqrt(a.array), True)
    if len(inputs) != 2:
        return None
    b = inputs[1]
    if ufunc is np.multiply:
        if isinstance(a, Scaled) and _is_number(b):
            return Scaled(a.factor * cast(float, b), a.array)
        if isinstance(b, Scaled) and _is_number(a):
            return Scaled(cast(float, a) * b.factor, b.array)
    elif ufunc is np.add:
        if isinstance(a, Scaled) and a.positive and _is_number(b):
            return Scaled(a.factor, a.array + cast(float, b) / a.factor, True)
        if isinstance(b, Scaled) and b.positive and _is_number(a):
            return Scaled(b.factor, b.array + cast(float, a) / b.factor, True)
    elif ufunc is np.true_divide:
        return _divided(a, b)
    return None


def _divided(a: object, b: object) -> Scaled | None:
    if isinstance(b, Scaled):
        if not b.positive:
            return None
        if isinstance(a, Scaled):
            return Scaled(a.factor / b.factor, a.array / b.array)
        if _is_number(a):
            return Scaled(cast(float, a) / b.factor, 1.0 / b.array)
        return Scaled(1.0 / b.factor, cast(Array, a) / b.array)
    if isinstance(a, Scaled) and not _is_number(b):
        return Scaled(a.factor, a.array / cast(Array, b))
    return None


@attrs.frozen
class Moment:
    """An exponential moving average together with the same average of the constant 1.

    m_t = b_t m_{t-1} + (1 - b_t) x_t started at 0 is biased towards 0 by the factor that the constant 1 would have
    been, so dividing by that average corrects it: Kingma & Ba 2015, section 3, where with constant b the average of 1
    is 1 - b^t. Here it is carried, not computed from t, so the correction stays exact when b is scheduled.

    What is kept is m_t without its latest factor 1 - b_t, a pass over memory less: m_t = scale * total.

    Attributes:
        total: m_t / scale, of the shape and dtype of the parameters.
        weight: the same average of the constant 1; 0 before the first update.
        scale: 1 - b_t; 1 before the first update.
    """

    total: Array
    weight: float = 0.0
    scale: float = 1.0

    @classmethod
    def zeros(cls, w: Array) -> Moment:
        """The average of nothing, for vectors like `w`."""
        return cls(np.zeros_like(w))

    @classmethod
    def of(cls, value: Array, weight: float) -> Moment:
        """The average whose present value is `value`, for rules with an update of their own."""
        lazy: object = value
        if isinstance(lazy, Scaled):
            return cls(lazy.array, weight, lazy.factor) if lazy.positive else cls(lazy.multiplied(), weight)
        return cls(value, weight)

    def update(self, x: Array, decay: float) -> Moment:
        """The average after one more `x`; `decay` in [0, 1) is the share that the past keeps.

        A new value.
        """
        take = 1.0 - decay
        keep = decay * (self.scale / take)
        return Moment(keep * self.total + x, decay * self.weight + take, take)

    @property
    def value(self) -> Array:
        """m_t itself, as a `Scaled` that computes like an array."""
        return cast(Array, Scaled(self.scale, self.total, True))

    @property
    def hat(self) -> Array:
        """m_t without its bias towards zero, as a `Scaled` that computes like an array.

        Raises:
            OptimizerError: before the first update.
        """
        return cast(Array, Scaled(self.factor, self.total, True))

    @property
    def factor(self) -> float:
        """`hat` over `total`.

        Raises:
            OptimizerError: before the first update.
        """
        if self.weight == 0.0:
            raise OptimizerError("a Moment has no corrected average before its first update")
        return self.scale / self.weight

    @property
    def biased(self) -> Array:
        """`value` as an array."""
        return self.scale * self.total

    @property
    def corrected(self) -> Array:
        """`hat` as an array.

        Raises:
            OptimizerError: before the first update.
        """
        return self.factor * self.total
