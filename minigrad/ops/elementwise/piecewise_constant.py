"""Elementwise ops whose derivative is zero wherever it exists.

Rules compare with these rather than with Python's `<` and `==`, so that a traced program sees the comparison.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array
from minigrad.ops.family import OpFamily

family = OpFamily()
constant = family.constant


def _common(x: Array, y: Array | float) -> np.dtype[np.float64]:
    """The dtype of a comparison's ones and zeros: that of `x - y`."""
    plain = isinstance(y, float) and isinstance(x, np.ndarray) and x.dtype.kind == "f"
    return x.dtype if plain else np.result_type(x, y)


def _prefer(x: Array, y: Array) -> Array:
    dtype = np.result_type(x, y)
    return (np.greater(x, y).astype(dtype) + np.greater_equal(x, y)) * 0.5


def _equal(x: Array, y: Array) -> Array:
    return np.equal(x, y).astype(_common(x, y))


def _greater(x: Array, y: Array) -> Array:
    return np.greater(x, y).astype(_common(x, y))


# fmt: off
sign = constant("sign", np.sign, "-1, 0 or 1.")
floor = constant("floor", np.floor, "The largest integer not above x.")
ceil = constant("ceil", np.ceil, "The smallest integer not below x.")
rint = constant("rint", np.rint, "The nearest integer, ties to even.")
trunc = constant("trunc", np.trunc, "The integer part.")
prefer = constant("prefer", _prefer, "1 where x > y, one half at ties, 0 elsewhere.", ("x", "y"))
equal = constant("equal", _equal, "1 where x equals y, 0 elsewhere.", ("x", "y"))
greater = constant("greater", _greater, "1 where x > y, 0 elsewhere.", ("x", "y"))
# fmt: on

family.register()
