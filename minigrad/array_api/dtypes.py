"""The dtypes of the standard that a Tensor can have, and what can be asked of them."""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
import numpy as np

from minigrad.array_api.calls import check_device
from minigrad.core.tensor import Tensor
from minigrad.ops.numpy.errors import NotProvided
from minigrad.ops.shape import astype as _astype

DType = np.dtype[Any]
Truth: TypeAlias = bool
"""Python's own bool: the name stands for the dtype below."""
Kind = DType | str | tuple[DType | str, ...]

bool = np.dtype("bool")
int8 = np.dtype("int8")
int16 = np.dtype("int16")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
uint8 = np.dtype("uint8")
uint16 = np.dtype("uint16")
uint32 = np.dtype("uint32")
uint64 = np.dtype("uint64")
float32 = np.dtype("float32")
float64 = np.dtype("float64")

KINDS: dict[str, tuple[DType, ...]] = {
    "bool": (bool,),
    "signed integer": (int8, int16, int32, int64),
    "unsigned integer": (uint8, uint16, uint32, uint64),
    "integral": (int8, int16, int32, int64, uint8, uint16, uint32, uint64),
    "real floating": (float32, float64),
    "complex floating": (),
    "numeric": (int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64),
}
"""Kind of the standard -> its dtypes here. There is no complex Tensor."""


@attrs.frozen
class FloatInfo:
    """What `finfo` says.

    Attributes:
        bits: length of a number.
        eps: distance from 1 to the next number.
        max: the largest number.
        min: the smallest number, -max.
        smallest_normal: the smallest positive number of full precision.
        dtype: the dtype.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@attrs.frozen
class IntegerInfo:
    """What `iinfo` says.

    Attributes:
        bits: length of a number.
        max: the largest number.
        min: the smallest number.
        dtype: the dtype.
    """

    bits: int
    max: int
    min: int
    dtype: DType


def astype(x: Tensor, dtype: DType, /, *, copy: Truth = True, device: object = None) -> Tensor:
    """x in another dtype; between floating ones the gradient comes back in the dtype of x."""
    check_device(device)
    if x.dtype == dtype:
        return x.copy() if copy else x
    return _astype.apply(x, dtype=np.dtype(dtype))


def can_cast(from_: DType | Tensor, to: DType, /) -> Truth:
    """Whether a dtype can become another without loss of kind or range."""
    return np.can_cast(_dtype_of(from_), to)


def finfo(type: DType | Tensor, /) -> FloatInfo:
    """Limits of a floating dtype, as Python numbers."""
    info = np.finfo(_dtype_of(type))
    return FloatInfo(
        info.bits, float(info.eps), float(info.max), float(info.min), float(info.smallest_normal), info.dtype
    )


def iinfo(type: DType | Tensor, /) -> IntegerInfo:
    """Limits of an integer dtype, as Python numbers."""
    info = np.iinfo(_dtype_of(type))
    return IntegerInfo(info.bits, int(info.max), int(info.min), info.dtype)


def isdtype(dtype: DType, kind: Kind) -> Truth:
    """Whether a dtype is of a kind: a dtype, a word of the standard, or any of a tuple.

    Raises:
        NotProvided: `kind` is no word of the standard.
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if not isinstance(kind, str):
        return np.dtype(dtype) == np.dtype(kind)
    if kind not in KINDS:
        raise NotProvided(f"isdtype: {kind!r} is no kind of dtype; there are {', '.join(map(repr, KINDS))}")
    return np.dtype(dtype) in KINDS[kind]


def result_type(*arrays_and_dtypes: Tensor | DType | int | float) -> DType:
    """The dtype of an operation on all of these, in which Python numbers have no say."""
    return np.result_type(*(_dtype_of(a) if isinstance(a, Tensor) else a for a in arrays_and_dtypes))


def _dtype_of(x: DType | Tensor) -> DType:
    return x.dtype if isinstance(x, Tensor) else np.dtype(x)
