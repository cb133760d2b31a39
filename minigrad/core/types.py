"""Static types that every room uses, and the base class by which to tell a Tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
"""A real array.

Statically float64; at run time any real dtype (float32 is common, integers for indices).
"""

BoolArray: TypeAlias = NDArray[np.bool_]
IndexArray: TypeAlias = NDArray[np.intp]
Scalar: TypeAlias = bool | int | float
Nested: TypeAlias = Sequence[float] | Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]]
AnyArray: TypeAlias = Array | NDArray[np.float32] | BoolArray | IndexArray | NDArray[np.uint8] | NDArray[np.int32]
ArrayLike: TypeAlias = AnyArray | Scalar | Nested
Arrays: TypeAlias = tuple[Array, ...]
Kwargs: TypeAlias = Mapping[str, object]
"""Keyword arguments of an op."""
Axis: TypeAlias = int | tuple[int, ...] | None
Shape: TypeAlias = tuple[int, ...]
KeyPart: TypeAlias = int | slice | EllipsisType | IndexArray | BoolArray | None
Key: TypeAlias = KeyPart | tuple[KeyPart, ...]
"""Whatever NumPy takes between brackets."""


class TensorBase:
    """Base of `minigrad.core.tensor.Tensor`.

    By it modules below that one can tell a Tensor from an array.
    """

    __slots__ = ()
