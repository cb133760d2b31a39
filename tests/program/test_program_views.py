"""Whether a reshape is a view, worked out from strides alone, against what NumPy does with real arrays."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

from minigrad.core.types import Array, Shape
from minigrad.program.compile.aliasing import _reshaped_strides


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[Array, Shape]:
    """An array with permuted, reversed, stepped or broadcast axes, and another shape of the same size."""
    lengths = draw(st.lists(st.sampled_from((1, 2, 3, 4, 6)), max_size=4))
    steps = [draw(st.sampled_from((1, 1, 1, 2, -1))) for _ in lengths]
    whole = [n * abs(step) for n, step in zip(lengths, steps, strict=True)]
    x = np.asarray(np.arange(float(prod(whole))).reshape(whole)[tuple(slice(None, None, step) for step in steps)])
    x = x.transpose(draw(st.permutations(range(x.ndim))))
    if draw(st.booleans()):
        x = np.broadcast_to(x, (2, *x.shape))
    shape, rest = [], x.size
    while rest > 1 or draw(st.booleans()):
        shape.append(draw(st.sampled_from([n for n in (1, 2, 3, 4, 6, 9, 12, rest) if rest % n == 0])))
        rest //= shape[-1]
    return x, tuple(shape)


@given(reshapes())
@settings(max_examples=400, deadline=None)
def test_strides_of_a_reshape_are_those_numpy_finds(drawn: tuple[Array, Shape]) -> None:
    x, shape = drawn
    expected = x.reshape(shape)
    strides = _reshaped_strides(x, shape)
    assert (strides is not None) == np.shares_memory(x, expected)
    if strides is not None:
        np.testing.assert_array_equal(as_strided(x, shape, strides), expected)
