"""Wrong rules of ops that move, pick, repeat and order entries."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array
from support.gate_case import DISTINCT, INVALID, MISMATCH, REAL, made, plain, wrong

AXES3: list[dict[str, object]] = [{"axes": a} for a in ((2, 0, 1), (1, 2, 0), (0, 2, 1))]


@wrong("inverse", INVALID, MISMATCH)
def transpose_not_inverted(flaw: bool) -> Op:
    def rule(g, y, x, *, axes):
        return mg.transpose(g, axes if flaw else tuple(int(i) for i in np.argsort(axes)))

    return made(lambda x, *, axes: np.transpose(x, axes), {"x": rule}, {"x": mg.real((2, 3, 4))}, params=AXES3)


@wrong("inverse", MISMATCH)
def transpose_not_inverted_cube(flaw: bool) -> Op:
    """All axes equally long: only the numbers can tell."""

    def rule(g, y, x, *, axes):
        return mg.transpose(g, axes if flaw else tuple(int(i) for i in np.argsort(axes)))

    return made(lambda x, *, axes: np.transpose(x, axes), {"x": rule}, {"x": mg.real((3, 3, 3))}, params=AXES3)


@wrong("inverse", MISMATCH)
def transpose_by_reshape(flaw: bool) -> Op:
    def rule(g, y, x):
        return mg.reshape(g, x.shape) if flaw else mg.transpose(g)

    return made(lambda x: x.T, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)], linear=True)


@wrong("inverse", MISMATCH)
def swapaxes_square_forgotten(flaw: bool) -> Op:
    def rule(g, y, x):
        return g if flaw else mg.swapaxes(g, -1, -2)

    return made(lambda x: np.swapaxes(x, -1, -2), {"x": rule}, {"x": REAL}, shapes=[((3, 3),)], linear=True)


@wrong("inverse", MISMATCH)
def roll_same_direction(flaw: bool) -> Op:
    def rule(g, y, x, *, shift):
        k = shift % x.shape[-1] if not flaw else -shift % x.shape[-1]
        return mg.concatenate([g[..., k:], g[..., :k]], axis=-1)

    return made(
        lambda x, *, shift: np.roll(x, shift, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((2, 5),)],
        params=[{"shift": 1}, {"shift": -2}],
    )  # fmt: skip


@wrong("inverse", MISMATCH)
def flip_forgotten(flaw: bool) -> Op:
    return made(
        lambda x: x[::-1].copy(), {"x": lambda g, y, x: g if flaw else g[::-1]}, {"x": REAL}, shapes=[((4,), )],
        linear=True,
    )  # fmt: skip


@wrong("inverse", MISMATCH)
def rot90_twice(flaw: bool) -> Op:
    def rule(g, y, x):
        turned = mg.transpose(g)
        return turned[::-1] if flaw else turned[..., ::-1]

    return made(lambda x: np.rot90(x).copy(), {"x": rule}, {"x": REAL}, shapes=[((3, 3),)])


@wrong("repeated entries", MISMATCH)
def gather_loses_repeats(flaw: bool) -> Op:
    rows = np.array([1, 0, 1])

    def rule(g, y, x):
        if flaw and isinstance(g, np.ndarray):
            out = np.zeros_like(x)
            out[rows] = g
            return out
        return scatter(g, key=(rows,), shape=x.shape)

    return made(lambda x: x[rows], {"x": rule}, {"x": REAL}, shapes=[((2, 3),)], linear=True)


@wrong("repeated entries", MISMATCH)
def embedding_loses_repeats(flaw: bool) -> Op:
    def forward(table: Array, index: Array) -> Array:
        return table[index]

    def rule(g, y, table, index):
        if flaw and isinstance(g, np.ndarray):
            out = np.zeros_like(table)
            out[index] += g
            return out
        return scatter(g, key=(plain(index),), shape=table.shape)

    return made(forward, {"table": rule}, {"table": REAL, "index": mg.integer_index(3)}, shapes=[((3, 4), (5,))])


@wrong("repeated entries", MISMATCH)
def repeat_not_summed(flaw: bool) -> Op:
    def rule(g, y, x):
        parts = mg.reshape(g, (*x.shape, 2))
        return parts[..., 0] if flaw else mg.sum(parts, axis=-1)

    return made(lambda x: np.repeat(x, 2, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((2, 3),)], linear=True)


@wrong("repeated entries", MISMATCH)
def tile_as_repeat(flaw: bool) -> Op:
    def rule(g, y, x):
        n = x.shape[-1]
        return mg.sum(mg.reshape(g, (n, 2)), axis=1) if flaw else mg.sum(mg.reshape(g, (2, n)), axis=0)

    return made(lambda x: np.tile(x, 2), {"x": rule}, {"x": REAL}, shapes=[((3,),)], linear=True)


@wrong("repeated entries", MISMATCH)
def pad_edge_not_summed(flaw: bool) -> Op:
    def rule(g, y, x):
        inner = g[..., 1:-1]
        if flaw:
            return inner
        zero = inner[..., 1:] * 0.0
        return inner + mg.concatenate([g[..., :1], zero], axis=-1) + mg.concatenate([zero, g[..., -1:]], axis=-1)

    return made(
        lambda x: np.pad(x, [(0, 0), (1, 1)], mode="edge"), {"x": rule}, {"x": REAL}, shapes=[((2, 4),)], linear=True
    )


@wrong("off by one", MISMATCH)
def pad_zero_shifted(flaw: bool) -> Op:
    def rule(g, y, x):
        return g[..., :-2] if flaw else g[..., 1:-1]

    return made(lambda x: np.pad(x, [(0, 0), (1, 1)]), {"x": rule}, {"x": REAL}, shapes=[((2, 4),)], linear=True)


@wrong("off by one", MISMATCH)
def slice_shifted(flaw: bool) -> Op:
    def rule(g, y, x):
        first = 0 if flaw else 1
        return scatter(g, key=(slice(first, first + 3),), shape=x.shape)

    return made(lambda x: x[1:4], {"x": rule}, {"x": REAL}, shapes=[((6,),)], linear=True)


@wrong("off by one", MISMATCH)
def strided_slice_contiguous(flaw: bool) -> Op:
    def rule(g, y, x):
        return scatter(g, key=(slice(None, 3) if flaw else slice(None, None, 2),), shape=x.shape)

    return made(lambda x: x[::2], {"x": rule}, {"x": REAL}, shapes=[((6,),)], linear=True)


@wrong("off by one", MISMATCH)
def concatenate_equal_parts(flaw: bool) -> Op:
    """Splits the gradient into equal parts, whatever the lengths; the shapes happen to add up."""

    def rule(g, y, a, b):
        n = a.shape[0]
        return (g[-n:], g[: b.shape[0]]) if flaw else (g[:n], g[n:])

    return made(lambda a, b: np.concatenate([a, b]), {"a b": rule}, {"a": REAL, "b": REAL}, shapes=[((2, 3), (4, 3))])


@wrong("wrong part", MISMATCH)
def stack_parts_swapped(flaw: bool) -> Op:
    def rule(g, y, a, b):
        return (g[1], g[0]) if flaw else (g[0], g[1])

    return made(lambda a, b: np.stack([a, b]), {"a b": rule}, {"a": REAL, "b": REAL}, shapes=[((3,), (3,))])


@wrong("number of arguments", MISMATCH, INVALID)
def mean_of_two_arrays_only(flaw: bool) -> Op:
    """A variadic op whose rule knows two arguments."""

    def forward(*xs: Array) -> Array:
        return sum(xs[1:], xs[0]) / len(xs)

    def rule(g, y, *xs):
        share = 0.5 if flaw else 1.0 / len(xs)
        return tuple(g * share + x * 0.0 for x in xs)

    return made(forward, {"xs": rule}, {"xs": REAL})


@wrong("number of arguments", MISMATCH)
def variadic_last_one_wrong(flaw: bool) -> Op:
    def forward(*xs: Array) -> Array:
        return sum(((k + 1.0) * x for k, x in enumerate(xs)), xs[0] * 0.0)

    def rule(g, y, *xs):
        return tuple(g * (1.0 if flaw and k == len(xs) - 1 else k + 1.0) for k in range(len(xs)))

    return made(forward, {"xs": rule}, {"xs": REAL}, shapes=[((3,), (3,), (3,))])


@wrong("inverse", MISMATCH)
def sort_permutation_not_inverted(flaw: bool) -> Op:
    def rule(g, y, x):
        order = np.argsort(plain(x))
        return g[order if flaw else np.argsort(order)]

    return made(lambda x: np.sort(x), {"x": rule}, {"x": DISTINCT}, shapes=[((7,),)])


@wrong("inverse", MISMATCH)
def permute_by_argument(flaw: bool) -> Op:
    def forward(x: Array, order: Array) -> Array:
        return x[order]

    def rule(g, y, x, order):
        return g[plain(order)] if flaw else g[np.argsort(plain(order))]

    def samples(rng: np.random.Generator) -> Iterator[mg.Sample]:
        for order in ([2, 0, 1, 4, 5, 3], [5, 0, 1, 2, 3, 4]):  # neither is its own inverse
            yield mg.Sample(rng.normal(size=6), order)

    return made(forward, {"x": rule}, {"x": REAL, "order": mg.integer_index(6)}, samples=samples)


@wrong("wrong part", MISMATCH)
def setitem_keeps_old_gradient(flaw: bool) -> Op:
    """y = x with row 1 replaced by v: x must get no gradient there."""

    def forward(x: Array, v: Array) -> Array:
        y = x.copy()
        y[1] = v
        return y

    def left(g, y, x, v):
        rest = np.ones((x.shape[0], 1), dtype=x.dtype)
        rest[1] = 1.0 if flaw else 0.0
        return g * rest

    return made(forward, {"x": left, "v": lambda g, y, x, v: g[1]}, {"x": REAL, "v": REAL}, shapes=[((3, 4), (4,))])


@wrong("wrong part", MISMATCH)
def triangle_upper_for_lower(flaw: bool) -> Op:
    def rule(g, y, x):
        ones = np.ones((3, 3), dtype=x.dtype)
        return g * (np.triu(ones) if flaw else np.tril(ones))

    return made(lambda x: np.tril(x), {"x": rule}, {"x": REAL}, shapes=[((3, 3),)], linear=True)


@wrong("wrong part", MISMATCH)
def diagonal_spread_everywhere(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * (np.ones((3, 3), dtype=x.dtype) if flaw else np.eye(3, dtype=x.dtype))

    return made(lambda x: np.diagonal(x).copy(), {"x": rule}, {"x": REAL}, shapes=[((3, 3),)], linear=True)


@wrong("wrong part", MISMATCH)
def mask_complement(flaw: bool) -> Op:
    mask = np.array([[True, False, True], [False, True, True]])

    def rule(g, y, x):
        spread = scatter(g, key=(mask,), shape=x.shape)
        return spread[:, ::-1] if flaw else spread

    return made(lambda x: x[mask], {"x": rule}, {"x": REAL}, shapes=[((2, 3),)], linear=True)
