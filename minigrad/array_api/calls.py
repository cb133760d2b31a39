"""How a function of the standard reaches minigrad's, or NumPy's for constants."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.core.memory import readonly
from minigrad.core.tensor import Tensor
from minigrad.ops.numpy.constants import constant_of
from minigrad.ops.numpy.errors import NotProvided

__all__ = ["Scalar", "apply", "apply_plain", "check_device", "floating", "plain", "tensors_of"]

Scalar = bool | int | float
"""A Python number, which takes the dtype of the Tensor beside it."""


def floating(x: object) -> bool:
    """Whether x is a Tensor of floats, or a list or tuple that holds one."""
    if isinstance(x, list | tuple):
        return any(map(floating, x))
    return isinstance(x, Tensor) and x.dtype.kind == "f"


def plain(x: object) -> object:
    """The array behind a Tensor, also in a list or tuple; anything else as it is."""
    if isinstance(x, Tensor):
        return readonly(x._node.value)
    if isinstance(x, tuple):
        return tuple(map(plain, x))
    return list(map(plain, x)) if isinstance(x, list) else x


def tensors_of(result: object) -> object:
    """What a function of NumPy's returned, with Tensors for its arrays."""
    if isinstance(result, Tensor):
        return result
    return tuple(map(tensors_of, result)) if isinstance(result, list | tuple) else constant_of(result)


def apply(function: Callable[..., object], *operands: object, **options: object) -> Tensor:
    """Apply a function of NumPy's: with a gradient where an operand holds floats.

    Args:
        function: NumPy's, which knows minigrad's function of the same name.
        operands: Tensors, lists of them, or what else the function takes by position.
        options: what it takes by name.

    Returns:
        A Tensor, or a tuple of them.
    """
    if not any(map(floating, operands)):
        return apply_plain(function, *operands, **options)
    return tensors_of(function(*operands, **options))  # type: ignore[return-value]


def apply_plain(function: Callable[..., object], *operands: object, **options: object) -> Tensor:
    """Apply a function of NumPy's that has no gradient to lose; the result is constant."""
    named = {k: plain(v) for k, v in options.items()}
    return tensors_of(function(*map(plain, operands), **named))  # type: ignore[return-value]


def check_device(device: object) -> None:
    """Refuse a device that is not there.

    Raises:
        NotProvided: `device` is neither None nor "cpu".
    """
    if device is not None and device != "cpu":
        raise NotProvided(f"there is one device, 'cpu': device={device!r} cannot be had")


def integral(x: Tensor) -> bool:
    """Whether the entries are whole numbers by dtype."""
    return np.dtype(x.dtype).kind in "iub"
