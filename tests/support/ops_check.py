"""Comparing an entry of the catalog with its oracle: value, gradient and second gradient of one drawn call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from minigrad.core.backward import gradients
from minigrad.core.graph import GradAccumulator, Leaf
from minigrad.core.tensor import tensor_of
from minigrad.typing import Array, Tensor
from support.ops_catalog import Entry
from support.ops_draw import Call

_STEP = 1e-3
_POINTS = ((1.0, 8.0, 16.0), (-1.0, -8.0, 16.0), (2.0, -1.0, -1.0), (-2.0, 1.0, -1.0))
"""Places, and weights for the first and second derivative, of the five-point differences: errors of order step ** 4."""
_POOL = np.random.default_rng(20).uniform(0.3, 0.7, 8192) * np.where(
    np.random.default_rng(21).random(8192) < 0.5, -1, 1
)


def direction(like: Array, place: int) -> Array:
    """Numbers in +-(0.3, 0.7), of the shape of `like`; another `place` gives others."""
    start = place * 611 % (len(_POOL) - like.size)
    return _POOL[start : start + like.size].reshape(like.shape)


def cotangent(y: Array) -> Array:
    """What the output `y` is weighted with; the same for both dtypes, up to rounding."""
    return (direction(y, y.size + 3) * 2.0).astype(y.dtype, copy=False)


def leaf(value: Array) -> Tensor:
    """A Tensor that requires a gradient and keeps the strides of `value` (minigrad.tensor would copy)."""
    value.flags.writeable = False
    t = tensor_of(Leaf(value, sink := GradAccumulator()))
    t._sink = sink
    return t


def close(found: Any, expected: Any, dtype: np.dtype[Any], what: str) -> None:
    """Equal up to rounding in `dtype`."""
    rtol, atol = (2e-4, 2e-5) if dtype == np.float32 else (1e-9, 1e-10)
    with np.errstate(invalid="ignore"):
        near = np.abs(found - expected) <= atol + rtol * np.abs(expected)
    if not np.all(near):  # also for equal infinities: let NumPy tell
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=what)


def same_kind(entry: Entry, found: Array, expected: Array, dtype: np.dtype[Any]) -> None:
    """The oracle's shape and numbers, in the dtype of the arguments."""
    assert found.shape == expected.shape, f"{entry}: shape {found.shape}, expected {expected.shape}"
    assert found.dtype == dtype, f"{entry}: dtype {found.dtype} for arguments of {dtype}"
    close(found, expected, dtype, entry.name)


def check_value(entry: Entry, call: Call, tensors: bool) -> None:
    """On arrays the function gives the oracle's numbers, as an array; `tensors`: on Tensors too, as a Tensor."""
    expected = np.asarray(entry.oracle(*call.arrays, *call.fixed, **call.options))
    dtype = call.arrays[0].dtype
    found = entry.ours(*call.arrays, *call.fixed, **call.options)
    assert not isinstance(found, Tensor)
    same_kind(entry, np.asarray(found), expected, dtype)
    if tensors:
        wrapped = entry.ours(*(leaf(a) for a in call.arrays), *call.fixed, **call.options)
        assert isinstance(wrapped, Tensor)
        same_kind(entry, wrapped.data, expected, dtype)


@attrs.frozen
class Derivatives:
    """Of <v, f> at one call: v, value f, gradients g, and the gradients h of <g, w>, all as arrays."""

    v: Array
    value: Array
    first: list[Array]
    second: list[Array]


def derivatives(entry: Entry, call: Call, w: Sequence[Array] = ()) -> Derivatives:
    """Through the tape, with v of `cotangent`. Without `w` the second gradients are left out."""
    xs = [leaf(a) for a in call.arrays]
    y = entry.ours(*xs, *call.fixed, **call.options)
    v = cotangent(y.data)
    first = gradients([y], [v], xs, create_graph=bool(w))
    live = [(g, d) for g, d in zip(first, w, strict=bool(w)) if isinstance(g, Tensor) and g.requires_grad]
    second: Sequence[object] = [None] * len(xs)
    if live:
        second = gradients([g for g, _ in live], [d for _, d in live], xs, create_graph=False)
    return Derivatives(v, y.data, [_array(g, x) for g, x in zip(first, call.arrays, strict=True)],
                       [_array(h, x) for h, x in zip(second, call.arrays, strict=True)])  # fmt: skip


def _array(g: object, like: Array) -> Array:
    found: Array = np.zeros_like(like) if g is None else g.data if isinstance(g, Tensor) else np.asarray(g)
    assert found.shape == like.shape
    assert found.dtype == like.dtype
    return found


def inner(a: Sequence[Array], b: Sequence[Array]) -> tuple[float, float]:
    """The inner product of two sequences of arrays, and the sum of the sizes of its terms."""
    total = sum(float(np.vdot(x, y)) for x, y in zip(a, b, strict=True))
    return total, sum(float(np.vdot(np.abs(x), np.abs(y))) for x, y in zip(a, b, strict=True))


def along(entry: Entry, call: Call, v: Array, at: float, u: Sequence[Array]) -> tuple[float, float]:
    """First and second derivative of <v, oracle(x + t u)> at t = 0, by differences. `at` is its value."""
    first, second = 0.0, -30.0 * at
    for place, weight, weight2 in _POINTS:
        moved = [a + place * _STEP * d for a, d in zip(call.arrays, u, strict=True)]
        f = float(np.vdot(v, entry.oracle(*moved, *call.fixed, **call.options)))
        first += weight * f
        second += weight2 * f
    return first / (12.0 * _STEP), second / (12.0 * _STEP**2)


def check_derivatives(entry: Entry, call: Call) -> None:
    """Value on Tensors; gradient along two directions and second gradient between them against differences.

    The differences are of the oracle alone. With a = u + w and b = u - w, <w, H u> is a quarter of the second
    difference along a less that along b.
    """
    single = call.arrays[0].dtype == np.float32
    exact = attrs.evolve(call, arrays=tuple(a.astype(np.float64) for a in call.arrays)) if single else call
    y = np.asarray(entry.oracle(*exact.arrays, *call.fixed, **call.options))
    u = [direction(a, a.size + k) for k, a in enumerate(exact.arrays)]
    w = [direction(a, 2 * a.size + 7 + k) for k, a in enumerate(exact.arrays)]
    found = derivatives(entry, exact, w)
    same_kind(entry, found.value, y, y.dtype)
    at, size = inner([found.v], [y])
    bends = []
    for sign in (1.0, -1.0):
        line = [d + sign * e for d, e in zip(u, w, strict=True)]
        slope, bend = along(entry, exact, found.v, at, line)
        analytic, scale = inner(found.first, line)
        assert abs(analytic - slope) <= 1e-6 * (scale + size) + 1e-9, f"{entry}: gradient {analytic}, not {slope}"
        bends.append(bend)
    analytic, scale = inner(found.second, u)
    numeric = (bends[0] - bends[1]) / 4.0
    bar = 1e-6 * (scale + abs(bends[0]) + abs(bends[1])) + 2e-8 * size + 1e-8
    assert abs(analytic - numeric) <= bar, f"{entry}: second gradient {analytic}, not {numeric}"
    if single:
        rough = derivatives(entry, call)
        same_kind(entry, rough.value, y, call.arrays[0].dtype)
        for g, s in zip(found.first, rough.first, strict=True):
            size = float(np.max(np.abs(g), initial=0.0))
            np.testing.assert_allclose(s, g, rtol=1e-3, atol=4e-3 * size + 1e-5)
