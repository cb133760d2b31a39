"""Memory of programs: which arguments are copied, which buffers serve again, and where they begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.types import Array
from minigrad.program.compile.aliasing import _reshaped_strides, contiguous_form
from minigrad.program.compile.liveness import BufferPool, aligned
from minigrad.program.graph import Value


@pytest.mark.parametrize(("entries", "is_copied"), [(0, False), (1, True), (4096, True), (4097, False)])
def test_arguments_of_up_to_32_kilobytes_are_copied(entries: int, is_copied: bool) -> None:
    program: Any = mg.define(lambda x: x * 2.0, engine="numpy")
    x = np.linspace(0.0, 1.0, entries)
    for _ in range(3):
        np.testing.assert_array_equal(program(x).numpy(), 2.0 * x)
    made = program._last().executable
    assert [c is not None for c in made.copied] == [is_copied]
    assert np.shares_memory(made.registers[made.inputs[0]], x) == (not is_copied and entries > 0)


@pytest.mark.parametrize(
    ("need", "there", "is_taken"),
    [
        (100, 99, False),
        (100, 100, True),
        (100, 4096, True),
        (100, 4097, False),
        (2000, 8000, True),
        (2000, 8001, False),
    ],
)
def test_memory_of_the_dead_serves_what_needs_a_quarter_of_it_or_little(need: int, there: int, is_taken: bool) -> None:
    pool = BufferPool()
    pool.give(aligned(there))
    array, memory = pool.take(Value((need,), np.dtype(np.uint8), "result"))
    assert array.shape == (need,)
    assert (memory.nbytes, pool.total) == ((there, 0) if is_taken else (need, need))
    again, _ = pool.take(Value((need,), np.dtype(np.uint8), "result"))
    assert not np.shares_memory(array, again)


def test_the_smallest_memory_that_is_large_enough_is_taken() -> None:
    pool, lavish = BufferPool(), BufferPool(reuse=False)
    for n in (300, 200, 260, 250):
        pool.give(aligned(n))
        lavish.give(aligned(n))
    need = Value((25, 10), np.dtype(np.uint8), "result")
    assert [pool.take(need)[1].nbytes for _ in range(4)] == [250, 260, 300, 250]
    assert (pool.total, lavish.take(need)[1].nbytes, lavish.total) == (250, 250, 250)
    assert all(aligned(n).ctypes.data % 64 == 0 for n in (1, 7, 64, 100, 1000))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 1, 3), (1, 1), (2, 3, 1, 2)])
def test_the_form_of_an_array_is_that_of_an_array(shape: tuple[int, ...]) -> None:
    for dtype in (np.float64, np.float32, np.int64):
        form, right = contiguous_form(shape, np.dtype(dtype)), np.empty(shape, dtype)
        assert (form.shape, form.strides, form.dtype) == (right.shape, right.strides, right.dtype)
        assert not form.flags.writeable


BASE = np.arange(240.0).reshape(4, 5, 12)
RESHAPES: list[tuple[Array, tuple[int, ...]]] = [
    (BASE, (20, 12)), (BASE, (240,)), (BASE, (2, 2, 5, 3, 4)), (BASE, (4, 1, 60)), (BASE, (1, 4, 5, 1, 12, 1)),
    (BASE[:, :, ::2], (20, 6)), (BASE[:, :, ::2], (120,)), (BASE[:, ::-1], (4, 60)), (BASE[:, :3], (12, 12)),
    (BASE[:, :3], (2, 2, 36)), (BASE[:, :3], (144,)), (BASE.transpose(1, 0, 2), (20, 12)), (BASE.T, (12, 20)),
    (BASE.T, (3, 4, 5, 2, 2)), (BASE[:, :1], (4, 12)), (BASE[:, :1], (48,)), (BASE[1:2, 2:3], (12,)),
    (BASE[1:2, 2:3, 3:4], ()), (np.broadcast_to(BASE[0, 0], (3, 12)), (36,)),
    (np.broadcast_to(BASE[0, 0], (3, 12)), (3, 2, 6)), (np.broadcast_to(BASE[0, :, :1], (5, 12)), (5, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(RESHAPES)))
def test_strides_of_reshapes_are_those_numpy_finds(k: int) -> None:
    x, shape = RESHAPES[k]
    expected = x.reshape(shape)
    strides = _reshaped_strides(x, shape)
    assert (strides is not None) == np.shares_memory(x, expected)
    if strides is not None:
        assert all(a == b for a, b, n in zip(strides, expected.strides, shape, strict=True) if n != 1)
        assert all(a == 8 for a, n in zip(strides, shape, strict=True) if n == 1)
