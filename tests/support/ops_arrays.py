"""Catalog: reductions, scans, shapes, indexing, sorting and contractions."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import special
from support.ops_catalog import DTYPES, Call, Entry, array, numbers, one, reduction, seeds, shapes

import minigrad as mg


def _same(name: str, calls: st.SearchStrategy[Call], torch: Any = None, oracle: Any = None) -> Entry:
    return Entry(name, getattr(mg, name), oracle or getattr(np, name), calls, torch)


def _t(name: str) -> Any:
    """torch.<name>(x, dim, keepdim)."""

    def call(t: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        every = tuple(range(x.ndim)) if axis is None else axis
        return getattr(t, name)(x, every, keepdim=keepdims)

    return call


@st.composite
def _flagged(draw: st.DrawFn, kind: str = "real", **options: st.SearchStrategy[Any]) -> Call:
    shape = draw(shapes(2, 3))
    x = array(draw, shape, kind, draw(st.sampled_from(DTYPES)))
    return Call((x,), {k: draw(v) for k, v in options.items()})


@st.composite
def _several(draw: st.DrawFn, axis: int = 0) -> Call:
    shape = list(draw(shapes(2, 3)))
    arrays = []
    for _ in range(draw(st.integers(1, 3))):
        shape[axis] = draw(st.integers(1, 3))
        arrays.append(array(draw, tuple(shape)))
    return Call(tuple(arrays))


@st.composite
def _matrices(draw: st.DrawFn, batch: bool = True) -> Call:
    m, k, n = (draw(st.integers(1, 4)) for _ in range(3))
    kinds = draw(st.integers(0, 4 if batch else 2))
    left, right = [((m, k), (k, n)), ((k,), (k, n)), ((m, k), (k,)), ((2, m, k), (k, n)), ((2, 1, m, k), (3, k, n))][kinds]
    dtype = draw(st.sampled_from(DTYPES))
    return Call((array(draw, left, dtype=dtype), array(draw, right, dtype=dtype)))


@st.composite
def _vectors(draw: st.DrawFn, axis_length: int = 3) -> Call:
    shape = (*draw(shapes(0, 2)), axis_length)
    return Call((array(draw, shape), array(draw, shape)))


@st.composite
def _any_two(draw: st.DrawFn) -> Call:
    return Call((array(draw, draw(shapes(1, 2))), array(draw, draw(shapes(1, 2)))))


_SUBSCRIPTS = ("ij,jk->ik", "ij->ji", "ii", "ii->i", "i,j->ij", "ij,ij->", "bij,bjk->bik", "...i,i->...", "ij,kj,kl->il",
               "abc,cd,de->abe", "i...->...", "ij,ij->i", "ab,ac->abc")  # fmt: skip


@st.composite
def _einsum(draw: st.DrawFn) -> Call:
    subscripts = draw(st.sampled_from(_SUBSCRIPTS))
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
def _indexed(draw: st.DrawFn, whole: bool = False) -> Call:
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
def _scattered(draw: st.DrawFn, whole: bool) -> Call:
    shape = draw(shapes(1, 3))
    axis = draw(st.integers(0, len(shape) - 1))
    count = draw(st.integers(1, 5))
    source = tuple(count if a == axis else n for a, n in enumerate(shape))
    rng = np.random.default_rng(draw(seeds))
    positions = rng.integers(0, shape[axis], source if whole else (count,))
    return Call((array(draw, shape), array(draw, source)), {"axis": axis, "positions": positions})


def _scatter_add(x: Any, z: Any, axis: int, positions: Any) -> Any:
    y = x.copy()
    key = list(np.indices(z.shape))
    key[axis] = positions
    np.add.at(y, tuple(key), z)
    return y


def _index_add(x: Any, z: Any, axis: int, positions: Any) -> Any:
    y = x.copy()
    np.add.at(y, (slice(None),) * axis + (positions,), z)
    return y


@st.composite
def _padded(draw: st.DrawFn) -> Call:
    shape = draw(shapes(1, 3, least=2))
    mode = draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]))
    widths = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in shape]
    return Call((array(draw, shape),), {"mode": mode, "pad_width": widths})


@st.composite
def _rolled(draw: st.DrawFn) -> Call:
    shape = draw(shapes(1, 3))
    if draw(st.booleans()):
        return Call((array(draw, shape),), {"shift": draw(st.integers(-5, 5)), "axis": None})
    axes = tuple(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    return Call((array(draw, shape),), {"shift": tuple(draw(st.integers(-5, 5)) for _ in axes), "axis": axes})


@st.composite
def _moved(draw: st.DrawFn) -> Call:
    shape = draw(shapes(1, 4))
    order = draw(st.permutations(range(len(shape))))
    count = draw(st.integers(1, len(shape)))
    return Call((array(draw, shape),), {"source": tuple(range(count)), "destination": tuple(order[:count])})


def _lognormal(x: Any, axis: Any = -1) -> Any:
    return np.logaddexp.accumulate(x.ravel() if axis is None else x, axis=axis or 0)


_K = st.integers(-3, 3)
ENTRIES = [
    # Reductions
    *(_same(n, reduction(), _t(n)) for n in ("sum", "mean")),
    _same("max", reduction("distinct"), _t("amax")),
    _same("min", reduction("distinct"), _t("amin")),
    _same("prod", reduction()),
    _same("ptp", reduction("distinct", keepdims=False)),
    _same("var", reduction(), lambda t, x, axis=None, keepdims=False: t.var(x, axis, correction=0, keepdim=keepdims)),
    _same("median", reduction("distinct", single=True)),
    _same("average", reduction(keepdims=False)),
    *(_same(f"nan{n}", reduction("distinct")) for n in ("sum", "mean", "max", "min", "prod", "var")),
    _same("logsumexp", reduction(), _t("logsumexp"), special.logsumexp),
    _same("softmax", reduction(single=True, keepdims=False), lambda t, x, axis: t.softmax(x, axis), special.softmax),
    _same("log_softmax", reduction(single=True, keepdims=False), lambda t, x, axis: t.log_softmax(x, axis),
          special.log_softmax),
    _same("softmin", reduction(single=True, keepdims=False), lambda t, x, axis: t.softmax(-x, axis),
          lambda x, axis: special.softmax(-x, axis)),
    _same("norm", reduction(), lambda t, x, axis=None, keepdims=False: t.linalg.vector_norm(x, 2, axis, keepdims),
          lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))),
    _same("trace", _flagged(offset=_K)),
    # Scans
    _same("cumsum", reduction(single=True, keepdims=False), lambda t, x, axis: t.cumsum(x, axis)),
    _same("cumprod", reduction(single=True, keepdims=False), lambda t, x, axis: t.cumprod(x, axis)),
    _same("cumlogsumexp", reduction(single=True, keepdims=False), lambda t, x, axis: t.logcumsumexp(x, axis),
          np.logaddexp.accumulate),
    _same("diff", _flagged(n=st.integers(0, 1), axis=st.integers(-2, 1)), lambda t, x, n, axis: t.diff(x, n, axis)),
    _same("trapezoid", _flagged(axis=st.integers(-2, 1)), lambda t, x, axis: t.trapezoid(x, dim=axis)),
    # Shape
    _same("transpose", one(), lambda t, x: x.permute(tuple(range(x.ndim - 1, -1, -1)))),
    _same("moveaxis", _moved(), lambda t, x, source, destination: t.movedim(x, source, destination)),
    _same("swapaxes", _flagged(axis1=st.just(0), axis2=st.integers(-2, 1)),
          lambda t, x, axis1, axis2: t.swapaxes(x, axis1, axis2)),
    _same("ravel", one(), lambda t, x: t.ravel(x)),
    _same("flatten", one(), lambda t, x: t.ravel(x), np.ravel),
    _same("squeeze", one(), lambda t, x: t.squeeze(x)),
    _same("expand_dims", _flagged(axis=st.integers(-3, 2)), lambda t, x, axis: t.unsqueeze(x, axis)),
    _same("flip", _flagged(axis=st.sampled_from([None, 0, 1, -1, (0, 1)]))),
    _same("fliplr", _flagged(), lambda t, x: t.fliplr(x)),
    _same("flipud", _flagged(), lambda t, x: t.flipud(x)),
    _same("rot90", _flagged(k=_K), lambda t, x, k: t.rot90(x, k)),
    _same("rollaxis", _flagged(axis=st.integers(-2, 1), start=st.integers(-2, 2))),
    _same("roll", _rolled(), lambda t, x, shift, axis: t.roll(x, shift, axis)),
    _same("repeat", _flagged(repeats=st.integers(1, 3), axis=st.sampled_from([None, 0, 1])),
          lambda t, x, repeats, axis: t.repeat_interleave(x, repeats, axis)),
    _same("tile", _flagged(reps=st.sampled_from([2, (2, 1), (1, 2, 3), (2, 1, 1, 2)]))),
    _same("pad", _padded()),
    _same("triu", _flagged(k=_K), lambda t, x, k: t.triu(x, k)),
    _same("tril", _flagged(k=_K), lambda t, x, k: t.tril(x, k)),
    _same("diagonal", _flagged(offset=_K), lambda t, x, offset: t.diagonal(x, offset)),
    _same("diagflat", _flagged(k=_K), lambda t, x, k: t.diagflat(x, k)),
    _same("diag_embed", _flagged(offset=_K), lambda t, x, offset: t.diag_embed(x, offset),
          lambda x, offset: np.apply_along_axis(lambda r: np.diag(r, offset), -1, x)),
    _same("matrix_transpose", _flagged(), lambda t, x: x.mT, lambda x: np.swapaxes(x, -1, -2)),
    *(_same(f"atleast_{n}d", one(), lambda t, x, n=n: getattr(t, f"atleast_{n}d")(x)) for n in (1, 2)),
    _same("atleast_3d", one(), lambda t, x: t.atleast_3d(x)),
    Entry("concatenate", lambda *x: mg.concatenate(x, axis=1), lambda *x: np.concatenate(x, axis=1), _several(1),
          lambda t, *x: t.cat(x, 1)),
    Entry("vstack", lambda *x: mg.vstack(x), lambda *x: np.vstack(x), _several(0), lambda t, *x: t.vstack(x)),
    Entry("hstack", lambda *x: mg.hstack(x), lambda *x: np.hstack(x), _several(1), lambda t, *x: t.hstack(x)),
    Entry("dstack", lambda *x: mg.dstack([x[0], x[0]]), lambda *x: np.dstack([x[0], x[0]]), _several(1)),
    Entry("column_stack", lambda *x: mg.column_stack(x), lambda *x: np.column_stack(x), _several(1)),
    Entry("stack", lambda x: mg.stack([x, x * 2.0], axis=1), lambda x: np.stack([x, x * 2], axis=1), _flagged()),
    Entry("append", lambda *x: mg.append(x[0], x[-1], axis=1), lambda *x: np.append(x[0], x[-1], axis=1), _several(1)),
    Entry("split", lambda x: mg.split(x, x.shape[0])[-1], lambda x: np.split(x, x.shape[0])[-1], _flagged()),
    Entry("array_split", lambda x: mg.array_split(x, 3, 1)[0], lambda x: np.array_split(x, 3, 1)[0], _flagged()),
    Entry("gradient", lambda x: mg.gradient(x, axis=0), lambda x: np.gradient(x, axis=0), _flagged().filter(
        lambda c: c.arrays[0].shape[0] > 1)),
    Entry("linspace", lambda a, b: mg.linspace(a, b, 5), lambda a, b: np.linspace(a, b, 5, dtype=np.result_type(a, b)),
          _vectors(2)),
    # Picking
    Entry("take", lambda x, i, axis: mg.take(x, i, axis), lambda x, i, axis: np.take(x, i, axis), _indexed()),
    Entry("take_along_axis", mg.take_along_axis, np.take_along_axis, _indexed(whole=True)),
    Entry("embedding", lambda x, i, axis: mg.embedding(i % x.shape[0], x), lambda x, i, axis: x[i % x.shape[0]],
          _indexed(), lambda t, x, i, axis: x[t.from_numpy(np.asarray(i % x.shape[0]))]),
    Entry("scatter_add", lambda x, z, axis, positions: mg.scatter_add(x, axis, positions, z), _scatter_add,
          _scattered(True), lambda t, x, z, axis, positions: t.scatter_add(x, axis, t.from_numpy(positions), z)),
    Entry("index_add", lambda x, z, axis, positions: mg.index_add(x, axis, positions, z), _index_add,
          _scattered(False), lambda t, x, z, axis, positions: t.index_add(x, axis, t.from_numpy(positions), z)),
    Entry("masked_fill", lambda x: mg.masked_fill(x, np.tri(*x.shape[-2:]) > 0, 2.5),
          lambda x: np.where(np.tri(*x.shape[-2:]) > 0, x.dtype.type(2.5), x), _flagged()),
    Entry("masked_select", lambda x: mg.masked_select(x, np.indices(x.shape).sum(0) % 2 == 0),
          lambda x: x[np.indices(x.shape).sum(0) % 2 == 0], _flagged()),
    Entry("getitem", lambda x: mg.ops.index.getitem(x, key=(Ellipsis, np.array([0, -1, 0]))), lambda x: x[..., [0, -1, 0]],
          _flagged()),
    # Sorting
    _same("sort", reduction("distinct", single=True, keepdims=False), lambda t, x, axis: t.sort(x, axis)[0]),
    Entry("topk", lambda x, axis: mg.topk(x, 1 + (x.shape[axis] > 1), axis)[0],
          lambda x, axis: np.flip(np.sort(x, axis), axis).take(range(1 + (x.shape[axis] > 1)), axis),
          reduction("distinct", single=True, keepdims=False),
          lambda t, x, axis: t.topk(x, 1 + (x.shape[axis] > 1), axis)[0]),
    Entry("partition", lambda x, axis: mg.max(mg.partition(x, 0, axis), axis), lambda x, axis: np.max(x, axis),
          reduction("distinct", single=True, keepdims=False)),
    Entry("quantile", lambda x, axis, keepdims: mg.quantile(x, 0.3, axis, keepdims),
          lambda x, axis, keepdims: np.quantile(x, 0.3, axis=axis, keepdims=keepdims),
          reduction("distinct", single=True),
          lambda t, x, axis, keepdims: t.quantile(x, 0.3, axis, keepdim=keepdims)),
    # Contractions
    _same("matmul", _matrices(), lambda t, a, b: t.matmul(a, b)),
    _same("dot", _matrices(batch=False), lambda t, a, b: t.matmul(a, b)),
    _same("inner", _vectors(4), lambda t, a, b: t.inner(a, b)),
    _same("vdot", _vectors(4), lambda t, a, b: t.dot(a.ravel(), b.ravel())),
    _same("vecdot", _vectors(4), lambda t, a, b: t.linalg.vecdot(a, b), lambda a, b: np.sum(a * b, -1)),
    _same("outer", _any_two(), lambda t, a, b: t.outer(a.ravel(), b.ravel())),
    _same("kron", _any_two(), lambda t, a, b: t.kron(a, b)),
    _same("cross", _vectors(3), lambda t, a, b: t.linalg.cross(a, b)),
    Entry("tensordot", lambda a, b: mg.tensordot(a, b, ((0, 1), (1, 0))), lambda a, b: np.tensordot(a, b, ((0, 1), (1, 0))),
          st.builds(lambda s: Call((numbers("real", (2, 3, 2), s, np.float64), numbers("real", (3, 2, 4), s + 1, np.float64))),
                    seeds), lambda t, a, b: t.tensordot(a, b, ((0, 1), (1, 0)))),
    Entry("einsum", lambda *x, subscripts: mg.einsum(subscripts, *x), lambda *x, subscripts: np.einsum(subscripts, *x),
          _einsum(), lambda t, *x, subscripts: t.einsum(subscripts, *x)),
    Entry("multi_dot", lambda a, b: mg.multi_dot([a, b, mg.transpose(a)]) if a.ndim == 2 else mg.multi_dot([a, b]),
          lambda a, b: np.linalg.multi_dot([a, b, a.T]) if a.ndim == 2 else np.linalg.multi_dot([a, b]),
          st.builds(lambda s: Call((numbers("real", (3, 4), s, np.float64), numbers("real", (4, 4), s + 1, np.float64))), seeds)),
    Entry("add_sequence", mg.add_sequence, lambda *x: sum(x), _vectors(2)),
    Entry("multiply_sequence", mg.multiply_sequence, lambda a, b: a * b, _vectors(2)),
]  # fmt: skip
