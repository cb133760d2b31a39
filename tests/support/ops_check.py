"""Comparing an entry of the catalog with its oracles: value, gradient and second gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad as mg
from minigrad.core.backward import gradients
from minigrad.typing import Array, Tensor
from support.ops_catalog import Call, Entry

_POINTS = ((1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0))
"""Places and weights of the five-point difference: error h ** 4."""
_STEP = 1e-3


def close(found: object, expected: object, dtype: np.dtype[Any], what: str) -> None:
    """Equal up to rounding in `dtype`."""
    rtol, atol = (2e-4, 2e-5) if dtype == np.float32 else (1e-9, 1e-10)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=atol, err_msg=what)


def check_value(entry: Entry, call: Call) -> None:
    """On arrays and on Tensors the function gives the oracle's numbers, shape and dtype, as an array or a Tensor."""
    expected = np.asarray(entry.oracle(*call.arrays, *call.fixed, **call.options))
    dtype = call.arrays[0].dtype
    plain = entry.ours(*call.arrays, *call.fixed, **call.options)
    assert not isinstance(plain, Tensor)
    tensors = [mg.tensor(a) for a in call.arrays]
    wrapped = entry.ours(*tensors, *call.fixed, **call.options)
    assert isinstance(wrapped, Tensor)
    for found in (np.asarray(plain), wrapped.data):
        assert found.shape == expected.shape, f"{entry}: shape {found.shape}, expected {expected.shape}"
        assert found.dtype == dtype, f"{entry}: dtype {found.dtype} for arguments of {dtype}"
        close(found, expected, dtype, entry.name)


def gradient(entry: Entry, call: Call, arrays: list[Array], v: Array) -> list[Array]:
    """The gradients of <v, f> through the tape, as arrays."""
    xs = [mg.tensor(a, requires_grad=True) for a in arrays]
    y = entry.ours(*xs, *call.fixed, **call.options)
    found = gradients([y], [v], xs, create_graph=False)
    return [np.zeros_like(x.data) if g is None else np.asarray(g) for g, x in zip(found, xs, strict=True)]


def check_gradient(entry: Entry, call: Call) -> None:
    """The gradient along a random direction against differences of the oracle; float32 against float64."""
    arrays = [a.astype(np.float64) for a in call.arrays]
    at_zero = np.asarray(entry.oracle(*arrays, *call.fixed, **call.options))
    rng = np.random.default_rng(at_zero.size + 7)
    v = rng.uniform(0.5, 1.5, at_zero.shape) * np.where(rng.random(at_zero.shape) < 0.5, -1.0, 1.0)
    u = [rng.uniform(-1.0, 1.0, a.shape) for a in arrays]
    found = gradient(entry, call, arrays, v)
    numeric = 0.0
    for place, weight in _POINTS:
        moved = [a + place * _STEP * d for a, d in zip(arrays, u, strict=True)]
        numeric += weight * float(np.sum(v * entry.oracle(*moved, *call.fixed, **call.options)))
    numeric /= 12.0 * _STEP
    analytic = sum(float(np.sum(g * d)) for g, d in zip(found, u, strict=True))
    scale = sum(float(np.sum(np.abs(g * d))) for g, d in zip(found, u, strict=True)) + float(
        np.sum(np.abs(v * at_zero))
    )
    assert abs(analytic - numeric) <= 1e-7 * scale + 1e-9, f"{entry}: gradient {analytic}, differences {numeric}"
    if call.arrays[0].dtype == np.float32:
        for g, single in zip(found, gradient(entry, call, list(call.arrays), v.astype(np.float32)), strict=True):
            assert single.dtype == np.float32
            size = float(np.max(np.abs(g), initial=0.0))
            np.testing.assert_allclose(single, g, rtol=1e-3, atol=1e-3 * size + 1e-5)


def check_second(entry: Entry, call: Call) -> None:
    """The derivative of the gradient, through the tape, against differences of the gradient."""
    arrays = [a.astype(np.float64) for a in call.arrays]
    xs = [mg.tensor(a, requires_grad=True) for a in arrays]
    y = entry.ours(*xs, *call.fixed, **call.options)
    rng = np.random.default_rng(y.size + 11)
    v = rng.uniform(0.5, 1.5, y.shape)
    w = [rng.uniform(-1.0, 1.0, a.shape) for a in arrays]
    u = [rng.uniform(-1.0, 1.0, a.shape) for a in arrays]
    first = gradients([y], [v], xs, create_graph=True)
    live = [(g, d) for g, d in zip(first, w, strict=True) if isinstance(g, Tensor) and g.requires_grad]
    second = gradients([g for g, _ in live], [d for _, d in live], xs, create_graph=False) if live else [None] * len(xs)
    analytic = sum(float(np.sum(np.asarray(g) * d)) for g, d in zip(second, u, strict=True) if g is not None)
    scale = sum(float(np.sum(np.abs(np.asarray(g) * d))) for g, d in zip(second, u, strict=True) if g is not None)
    numeric = 0.0
    size = 0.0
    for place, weight in _POINTS:
        moved = [a + place * _STEP * d for a, d in zip(arrays, u, strict=True)]
        parts = [float(np.sum(g * d)) for g, d in zip(gradient(entry, call, moved, v), w, strict=True)]
        numeric += weight * sum(parts)
        size = max(size, sum(map(abs, parts)))
    numeric /= 12.0 * _STEP
    assert abs(analytic - numeric) <= 1e-6 * (scale + size) + 1e-8, f"{entry}: second {analytic}, differences {numeric}"
