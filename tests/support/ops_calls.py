"""Ways to draw calls, and oracles, that several catalogs share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from support.ops_catalog import Entry
from support.ops_draw import DTYPES, Call, Calls, Draw, cases


def same(name: str, calls: Calls, torch: Any = None, oracle: Any = None) -> Entry:
    return Entry(name, getattr(mg, name), oracle or getattr(np, name), calls, torch)


def over(name: str) -> Any:
    """torch.<name>(x, dim, keepdim)."""

    def call(t: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        every = tuple(range(x.ndim)) if axis is None else axis
        return getattr(t, name)(x, every, keepdim=keepdims)

    return call


@cases
def flagged(draw: Draw, /, kind: str = "real", least: int = 1, **options: Sequence[Any]) -> Call:
    """One array with two or three axes, and options each drawn from a sequence."""
    x = draw.array(draw.shape(2, 3, least), kind, draw.among(DTYPES))
    return Call((x,), {k: draw.among(v) for k, v in options.items()})


def after(calls: Calls, change: Callable[[Call], Call]) -> Calls:
    """Calls changed after drawing."""
    return lambda draw: change(calls(draw))


@cases
def fixed(draw: Draw, *shapes: tuple[int, ...], kind: str = "real") -> Call:
    """Arrays of given shapes."""
    return Call(tuple(draw.array(s, kind) for s in shapes))


@cases
def several(draw: Draw, axis: int = 0) -> Call:
    shape = list(draw.shape(2, 3))
    arrays = []
    for _ in range(draw.between(1, 3)):
        shape[axis] = draw.between(1, 3)
        arrays.append(draw.array(tuple(shape)))
    return Call(tuple(arrays))


@cases
def matrices(draw: Draw, batch: bool = True) -> Call:
    m, k, n = (draw.between(1, 4) for _ in range(3))
    kinds = draw.between(0, 4 if batch else 2)
    left, right = [((m, k), (k, n)), ((k,), (k, n)), ((m, k), (k,)), ((2, m, k), (k, n)), ((2, 1, m, k), (3, k, n))][
        kinds
    ]
    dtype = draw.among(DTYPES)
    return Call((draw.array(left, dtype=dtype), draw.array(right, dtype=dtype)))


@cases
def vectors(draw: Draw, axis_length: int = 3) -> Call:
    shape = (*draw.shape(0, 2), axis_length)
    return Call((draw.array(shape), draw.array(shape)))


@cases
def any_two(draw: Draw) -> Call:
    return Call((draw.array(draw.shape(1, 2)), draw.array(draw.shape(1, 2))))


SUBSCRIPTS = [
    "ij,jk->ik",
    "ij->ji",
    "ii",
    "ii->i",
    "i,j->ij",
    "ij,ij->",
    "bij,bjk->bik",
    "...i,i->...",
    "ij,kj,kl->il",
    "abc,cd,de->abe",
    "i...->...",
    "ij,ij->i",
    "ab,ac->abc",
]


@cases
def einsum_call(draw: Draw, subscripts: str) -> Call:
    size = {c: draw.between(1, 4) for c in "abcdeijkl"}
    more = draw.shape(0, 2)
    terms = subscripts.split("->")[0].split(",")
    arrays = []
    for term in terms:
        before, _, after = term.partition("...")
        hidden = more if "..." in term else ()
        arrays.append(draw.array((*(size[c] for c in before), *hidden, *(size[c] for c in after))))
    return Call(tuple(arrays), {"subscripts": subscripts})


@cases
def indexed(draw: Draw, whole: bool = False) -> Call:
    """One array, and integer positions along an axis: of any shape, or (whole) of the array's other axes."""
    shape = draw.shape(1, 3)
    axis = draw.between(0, len(shape) - 1)
    other = draw.shape(0, 2)
    count = draw.between(1, 5)
    where_to = tuple(count if a == axis else n for a, n in enumerate(shape)) if whole else other
    low = -shape[axis] if draw.flag() else 0
    positions = draw.positions(low, shape[axis], where_to)
    x = draw.array(shape, dtype=draw.among(DTYPES))
    return Call((x,), {"axis": axis}, (positions,))


@cases
def scattered(draw: Draw, whole: bool) -> Call:
    shape = draw.shape(1, 3)
    axis = draw.between(0, len(shape) - 1)
    count = draw.between(1, 5)
    source = tuple(count if a == axis else n for a, n in enumerate(shape))
    positions = draw.positions(0, shape[axis], source if whole else (count,))
    return Call((draw.array(shape), draw.array(source)), {"axis": axis, "positions": positions})


def scatter_add_oracle(x: Any, z: Any, axis: int, positions: Any) -> Any:
    y = x.copy()
    key = list(np.indices(z.shape))
    key[axis] = positions
    np.add.at(y, tuple(key), z)
    return y


def index_add_oracle(x: Any, z: Any, axis: int, positions: Any) -> Any:
    y = x.copy()
    np.add.at(y, (slice(None),) * axis + (positions,), z)
    return y


@cases
def padded(draw: Draw) -> Call:
    shape = draw.shape(1, 3, least=2)
    mode = draw.among(["constant", "edge", "reflect", "symmetric", "wrap"])
    widths = [(draw.between(0, 3), draw.between(0, 3)) for _ in shape]
    return Call((draw.array(shape),), {"mode": mode, "pad_width": widths})


@cases
def rolled(draw: Draw) -> Call:
    shape = draw.shape(1, 3)
    if draw.flag():
        return Call((draw.array(shape),), {"shift": draw.between(-5, 5), "axis": None})
    axes = draw.some(len(shape))
    return Call((draw.array(shape),), {"shift": tuple(draw.between(-5, 5) for _ in axes), "axis": axes})


@cases
def moved(draw: Draw) -> Call:
    shape = draw.shape(1, 4)
    order = draw.order(len(shape))
    count = draw.between(1, len(shape))
    return Call((draw.array(shape),), {"source": tuple(range(count)), "destination": tuple(order[:count])})


OFFSETS = range(-3, 4)
