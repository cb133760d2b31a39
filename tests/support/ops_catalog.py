"""Public functions with independent oracles, and the commonest ways to draw their arguments.

An `Entry` pairs minigrad's function with NumPy's (or a plain formula) and, where there is one, PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from support.ops_draw import DTYPES, Call, Calls, Draw, cases
from support.ops_torch_forms import FORMS


@attrs.frozen
class Entry:
    """minigrad's function `ours`, its oracles, and how its calls are drawn.

    `torch`, which takes the torch module first, may stand in `ops_torch_forms` instead; `pytorch` looks there too.
    """

    name: str
    ours: Callable[..., Any]
    oracle: Callable[..., Any]
    calls: Calls
    torch: Callable[..., Any] | None = None

    @property
    def pytorch(self) -> Callable[..., Any] | None:
        """The same function in PyTorch, or None."""
        return self.torch or FORMS.get(self.name)

    def __str__(self) -> str:
        return self.name


@cases
def one(draw: Draw, kind: str = "real", low: int = 0, high: int = 3) -> Call:
    """One array of any shape, empty ones included."""
    shape = draw.shape(low, high)
    if shape and draw.between(0, 15) == 15:
        shape = (*shape[:-1], 0)
    return Call((draw.array(shape, kind, draw.among(DTYPES)),))


@cases
def pair(draw: Draw, first: str = "real", second: str = "real") -> Call:
    """Two arrays that broadcast against each other; distinct kinds keep them apart from ties."""
    shape = draw.shape(0, 3)
    dtype = draw.among(DTYPES)
    cut = draw.between(0, len(shape))
    other = tuple(1 if draw.flag() else n for n in shape[cut:])
    if draw.flag():
        shape, other = other, shape
    x, z = draw.array(shape, first, dtype), draw.array(other, second, dtype)
    return Call((x, z if first != "distinct" else np.asarray(z + dtype(0.05))))


@cases
def reduction(draw: Draw, kind: str = "real", single: bool = False, keepdims: bool = True, least: int = 1) -> Call:
    """One array and an axis (or several, or None), and keepdims."""
    shape = draw.shape(1, 3, least)
    x = draw.array(shape, kind, draw.among(DTYPES))
    axis: Any = draw.between(-len(shape), len(shape) - 1)
    if not single:
        choice = draw.between(0, 2)
        axis = axis if choice == 0 else None if choice == 1 else draw.some(len(shape))
    return Call((x,), {"axis": axis, **({"keepdims": draw.flag()} if keepdims else {})})
