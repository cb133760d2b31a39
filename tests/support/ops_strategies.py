"""Strategies of calls, and oracles, that several catalogs share."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import minigrad as mg
from support.ops_catalog import DTYPES, Call, Entry, array, seeds, shapes


def same(name: str, calls: st.SearchStrategy[Call], torch: Any = None, oracle: Any = None) -> Entry:
    return Entry(name, getattr(mg, name), oracle or getattr(np, name), calls, torch)


def over(name: str) -> Any:
    """torch.<name>(x, dim, keepdim)."""

    def call(t: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        every = tuple(range(x.ndim)) if axis is None else axis
        return getattr(t, name)(x, every, keepdim=keepdims)

    return call


def flagged(kind: str = "real", **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    """One array with two or three axes, and drawn options."""

    @st.composite
    def calls(draw: st.DrawFn) -> Call:
        x = array(draw, draw(shapes(2, 3)), kind, draw(st.sampled_from(DTYPES)))
        return Call((x,), {k: draw(v) for k, v in options.items()})

    return calls()


@st.composite
def several(draw: st.DrawFn, axis: int = 0) -> Call:
    shape = list(draw(shapes(2, 3)))
    arrays = []
    for _ in range(draw(st.integers(1, 3))):
        shape[axis] = draw(st.integers(1, 3))
        arrays.append(array(draw, tuple(shape)))
    return Call(tuple(arrays))


@st.composite
def matrices(draw: st.DrawFn, batch: bool = True) -> Call:
    m, k, n = (draw(st.integers(1, 4)) for _ in range(3))
    kinds = draw(st.integers(0, 4 if batch else 2))
    left, right = [((m, k), (k, n)), ((k,), (k, n)), ((m, k), (k,)), ((2, m, k), (k, n)), ((2, 1, m, k), (3, k, n))][
        kinds
    ]
    dtype = draw(st.sampled_from(DTYPES))
    return Call((array(draw, left, dtype=dtype), array(draw, right, dtype=dtype)))


@st.composite
def vectors(draw: st.DrawFn, axis_length: int = 3) -> Call:
    shape = (*draw(shapes(0, 2)), axis_length)
    return Call((array(draw, shape), array(draw, shape)))


@st.composite
def any_two(draw: st.DrawFn) -> Call:
    return Call((array(draw, draw(shapes(1, 2))), array(draw, draw(shapes(1, 2)))))


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


@st.composite
def einsum_call(draw: st.DrawFn, subscripts: str) -> Call:
    size = {c: draw(st.integers(1, 4)) for c in "abcdeijkl"}
    more = draw(shapes(0, 2))
    terms = subscripts.split("->")[0].split(",")
    arrays = []
    for term in terms:
        before, _, after = term.partition("...")
        hidden = more if "..." in term else ()
        arrays.append(array(draw, (*(size[c] for c in before), *hidden, *(size[c] for c in after))))
    return Call(tuple(arrays), {"subscripts": subscripts})


@st.composite
def indexed(draw: st.DrawFn, whole: bool = False) -> Call:
    """One array, and integer positions along an axis: of any shape, or (whole) of the array's other axes."""
    shape = draw(shapes(1, 3))
    axis = draw(st.integers(0, len(shape) - 1))
    other = draw(shapes(0, 2))
    count = draw(st.integers(1, 5))
    where_to = tuple(count if a == axis else n for a, n in enumerate(shape)) if whole else other
    rng = np.random.default_rng(draw(seeds))
    low = -shape[axis] if draw(st.booleans()) else 0
    positions = rng.integers(low, shape[axis], where_to)
    x = array(draw, shape, dtype=draw(st.sampled_from(DTYPES)))
    return Call((x,), {"axis": axis}, (positions,))


@st.composite
def scattered(draw: st.DrawFn, whole: bool) -> Call:
    shape = draw(shapes(1, 3))
    axis = draw(st.integers(0, len(shape) - 1))
    count = draw(st.integers(1, 5))
    source = tuple(count if a == axis else n for a, n in enumerate(shape))
    rng = np.random.default_rng(draw(seeds))
    positions = rng.integers(0, shape[axis], source if whole else (count,))
    return Call((array(draw, shape), array(draw, source)), {"axis": axis, "positions": positions})


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


@st.composite
def padded(draw: st.DrawFn) -> Call:
    shape = draw(shapes(1, 3, least=2))
    mode = draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]))
    widths = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in shape]
    return Call((array(draw, shape),), {"mode": mode, "pad_width": widths})


@st.composite
def rolled(draw: st.DrawFn) -> Call:
    shape = draw(shapes(1, 3))
    if draw(st.booleans()):
        return Call((array(draw, shape),), {"shift": draw(st.integers(-5, 5)), "axis": None})
    axes = tuple(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    return Call((array(draw, shape),), {"shift": tuple(draw(st.integers(-5, 5)) for _ in axes), "axis": axes})


@st.composite
def moved(draw: st.DrawFn) -> Call:
    shape = draw(shapes(1, 4))
    order = draw(st.permutations(range(len(shape))))
    count = draw(st.integers(1, len(shape)))
    return Call((array(draw, shape),), {"source": tuple(range(count)), "destination": tuple(order[:count])})


OFFSETS = st.integers(-3, 3)
