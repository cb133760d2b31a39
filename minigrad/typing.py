"""Types for writing ops and rules.

`Array` stands for a real NumPy array, `V` for "an array or a Tensor, the same one throughout": a rule annotated with
`V` is checked by mypy once on arrays and once on Tensors, which is how minigrad runs it.
"""

from __future__ import annotations

from typing import TypeVar

from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Axis, BoolArray, IndexArray, Shape

V = TypeVar("V", Array, Tensor)

__all__ = ["Array", "Axis", "BoolArray", "IndexArray", "Shape", "Tensor", "V"]
