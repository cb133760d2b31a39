"""Tensors of truth values, integers and positions: constants."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.core.graph import Constant
from minigrad.core.tensor import Tensor, as_array, tensor_of

__all__ = ["apply_plain", "constant_of"]


def constant_of(value: object) -> Tensor:
    """Make a constant Tensor over NumPy's result, which becomes read-only."""
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    array.flags.writeable = False
    return tensor_of(Constant(array))


def apply_plain(function: Callable[..., object], *operands: object) -> Tensor:
    """A function of arrays with boolean or whole results, as a constant Tensor.

    Args:
        function: a ufunc, or an operator, which knows that an array and a text are not equal.
        operands: Tensors, arrays or numbers. A Python number takes the dtype of what stands beside it.

    Raises:
        TypeError: the function knows nothing of the operands' dtypes.
    """
    return constant_of(function(*(x if isinstance(x, bool | int | float) else as_array(x) for x in operands)))
