"""A catalog of public functions with independent oracles, and Hypothesis strategies for their arguments.

An `Entry` pairs minigrad's function with NumPy's (or a plain formula) and, where there is one, PyTorch's. `Call`s hold
arguments whose shapes, axes, layouts, dtypes and numbers Hypothesis draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from hypothesis import strategies as st

from minigrad.typing import Array, Shape

LAYOUTS = ("C", "F", "reversed", "spread")
DTYPES: list[type[np.floating[Any]]] = [np.float64, np.float64, np.float32]


@attrs.frozen
class Call:
    """Arguments: float arrays, integer or boolean arrays after them, options by keyword."""

    arrays: tuple[Array, ...]
    options: dict[str, Any] = attrs.field(factory=dict)
    fixed: tuple[Any, ...] = ()


@attrs.frozen
class Entry:
    """minigrad's function `ours`, its oracles, and strategies of calls. `torch` takes the torch module first."""

    name: str
    ours: Callable[..., Any]
    oracle: Callable[..., Any]
    calls: st.SearchStrategy[Call]
    torch: Callable[..., Any] | None = None
    smooth: bool = True

    def __str__(self) -> str:
        return self.name


def numbers(kind: str, shape: Shape, seed: int, dtype: type[np.floating[Any]]) -> Array:
    """Reproducible numbers: real, positive, unit, nonzero, above (one), distinct, probability, between (integers)."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.1, 2.0, shape)
    sign = np.where(rng.random(shape) < 0.5, -1.0, 1.0)
    if kind == "real" or kind == "nonzero":
        x = (x + (0.3 if kind == "nonzero" else 0.0)) * sign
    elif kind == "unit":
        x = x / 2.2 * sign
    elif kind == "probability":
        x = x / 2.2
    elif kind == "above":
        x = x + 1.1
    elif kind == "distinct":
        count = int(np.prod(shape))
        x = ((rng.permutation(count) - count // 2 + 0.25) * 0.1 + rng.uniform(-0.01, 0.01, count)).reshape(shape)
    elif kind == "between":
        x = np.floor(x * sign * 2.0) + 0.1 + 0.8 * rng.random(shape)
    return np.asarray(x, dtype=dtype)


def laid(x: Array, layout: str) -> Array:
    """The same numbers behind other strides."""
    if x.ndim == 0 or layout == "C":
        return x
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "reversed":
        return np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), dtype=x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


seeds = st.integers(0, 2**31)
lengths = st.integers(1, 4)


def shapes(low: int = 0, high: int = 3, least: int = 1) -> st.SearchStrategy[Shape]:
    """Shapes with `low` to `high` axes of length `least` to 4."""
    return st.lists(st.integers(least, 4), min_size=low, max_size=high).map(tuple)


@st.composite
def one(draw: st.DrawFn, kind: str = "real", low: int = 0, high: int = 3, least: int = 1) -> Call:
    """One array of any shape."""
    shape = draw(shapes(low, high, least))
    x = numbers(kind, shape, draw(seeds), draw(st.sampled_from(DTYPES)))
    return Call((laid(x, draw(st.sampled_from(LAYOUTS))),))


@st.composite
def pair(draw: st.DrawFn, first: str = "real", second: str = "real") -> Call:
    """Two arrays that broadcast against each other; distinct kinds keep them apart from ties."""
    shape = draw(shapes(0, 3))
    seed, dtype, layout = draw(seeds), draw(st.sampled_from(DTYPES)), draw(st.sampled_from(LAYOUTS))
    cut = draw(st.integers(0, len(shape)))
    other = tuple(1 if draw(st.booleans()) else n for n in shape[cut:])
    if draw(st.booleans()):
        x, z = numbers(first, shape, seed, dtype), numbers(second, other, seed + 1, dtype)
    else:
        x, z = numbers(first, other, seed, dtype), numbers(second, shape, seed + 1, dtype)
    if first == "distinct":
        z = np.asarray(z + dtype(0.05))
    return Call((laid(x, layout), laid(z, layout)))


@st.composite
def reduction(draw: st.DrawFn, kind: str = "real", single: bool = False, keepdims: bool = True) -> Call:
    """One array and an axis (or several, or None), and keepdims."""
    shape = draw(shapes(1, 3))
    x = laid(numbers(kind, shape, draw(seeds), draw(st.sampled_from(DTYPES))), draw(st.sampled_from(LAYOUTS)))
    axis: Any = draw(st.integers(-len(shape), len(shape) - 1))
    if not single:
        choice = draw(st.integers(0, 2))
        if choice == 1:
            axis = None
        elif choice == 2:
            axis = tuple(sorted(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))))
    return Call((x,), {"axis": axis, **({"keepdims": draw(st.booleans())} if keepdims else {})})


def array(draw: st.DrawFn, shape: Shape, kind: str = "real", dtype: type[np.floating[Any]] | None = None) -> Array:
    """An array of a given shape, for strategies of one's own."""
    x = numbers(kind, shape, draw(seeds), dtype or np.float64)
    return laid(x, draw(st.sampled_from(LAYOUTS)))
