"""Functions that make Tensors: constants, until a function of them is differentiated."""

from __future__ import annotations

import numpy as np

from minigrad.array_api.calls import apply, check_device
from minigrad.array_api.dtypes import DType, astype
from minigrad.core.tensor import Tensor, from_array, tensor
from minigrad.core.types import Shape
from minigrad.ops.arguments import as_operand
from minigrad.ops.numpy.constants import constant_of
from minigrad.ops.numpy.errors import NotProvided


def asarray(obj: object, /, *, dtype: DType | None = None, device: object = None, copy: bool | None = None) -> Tensor:
    """Numbers, nested lists, an array or a Tensor as a Tensor.

    Args:
        obj: the data. A Tensor, and Tensors in lists, keep their gradients.
        dtype: of the result.
        device: "cpu", or None.
        copy: True gives a Tensor of its own. False refuses to copy: only a Tensor of that dtype is passed on, as the
            memory of an array could still be written to.

    Raises:
        NotProvided: `copy=False` cannot be had.
        ArgumentError: the data holds no real numbers.
    """
    check_device(device)
    if isinstance(obj, Tensor):
        if copy is False and dtype is not None and obj.dtype != dtype:
            raise NotProvided(f"asarray: {obj.dtype} to {np.dtype(dtype)} needs a copy; leave out copy=False")
        return astype(obj, obj.dtype if dtype is None else dtype, copy=bool(copy))
    if copy is False:
        raise NotProvided(f"asarray: a {type(obj).__name__} can only be copied; leave out copy=False")
    operand = as_operand(obj) if isinstance(obj, list | tuple) else obj
    if isinstance(operand, Tensor):
        return astype(operand, operand.dtype if dtype is None else dtype)
    return tensor(np.asarray(obj, dtype=dtype))


def from_dlpack(x: object, /, *, device: object = None, copy: bool | None = None) -> Tensor:
    """Another library's array as a Tensor, of a copy unless `copy` is False.

    Without a copy the other library must not write to the memory again.
    """
    check_device(device)
    if copy is False:
        return from_array(np.from_dlpack(x))  # type: ignore[arg-type]
    return tensor(np.from_dlpack(x))  # type: ignore[arg-type]


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: DType | None = None, device: object = None
) -> Tensor:
    """Evenly spaced numbers from `start` (0 if there is no `stop`) to below `stop`."""
    check_device(device)
    if stop is None:
        start, stop = 0, start
    return constant_of(np.arange(start, stop, step, dtype=dtype))


def linspace(
    start: float, stop: float, /, num: int, *, dtype: DType | None = None, device: object = None, endpoint: bool = True
) -> Tensor:
    """`num` evenly spaced numbers from `start` to `stop`, or to one step before it."""
    check_device(device)
    return constant_of(np.linspace(start, stop, num, dtype=dtype, endpoint=endpoint))


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: DType | None = None, device: object = None
) -> Tensor:
    """Ones on the k-th diagonal."""
    check_device(device)
    return constant_of(np.eye(n_rows, n_cols, k=k, dtype=dtype))


def empty(shape: int | Shape, *, dtype: DType | None = None, device: object = None) -> Tensor:
    """Zeros: a Tensor cannot be written to later, so there is no use in random memory."""
    return zeros(shape, dtype=dtype, device=device)


def zeros(shape: int | Shape, *, dtype: DType | None = None, device: object = None) -> Tensor:
    """Zeros."""
    check_device(device)
    return constant_of(np.zeros(shape, dtype=dtype))


def ones(shape: int | Shape, *, dtype: DType | None = None, device: object = None) -> Tensor:
    """Ones."""
    check_device(device)
    return constant_of(np.ones(shape, dtype=dtype))


def full(shape: int | Shape, fill_value: float, *, dtype: DType | None = None, device: object = None) -> Tensor:
    """One number everywhere."""
    check_device(device)
    return constant_of(np.full(shape, fill_value, dtype=dtype))


def empty_like(x: Tensor, /, *, dtype: DType | None = None, device: object = None) -> Tensor:
    """Zeros in the shape of x."""
    return zeros_like(x, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: DType | None = None, device: object = None) -> Tensor:
    """Zeros in the shape of x."""
    return zeros(x.shape, dtype=dtype or x.dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: DType | None = None, device: object = None) -> Tensor:
    """Ones in the shape of x."""
    return ones(x.shape, dtype=dtype or x.dtype, device=device)


def full_like(x: Tensor, /, fill_value: float, *, dtype: DType | None = None, device: object = None) -> Tensor:
    """One number everywhere, in the shape of x."""
    return full(x.shape, fill_value, dtype=dtype or x.dtype, device=device)


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of the points of a grid, one Tensor an axis."""
    return list(apply(np.meshgrid, *arrays, indexing=indexing))


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The entries on and below the k-th diagonal, zeros above it."""
    return apply(np.tril, x, k=k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The entries on and above the k-th diagonal, zeros below it."""
    return apply(np.triu, x, k=k)
