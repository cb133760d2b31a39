"""The small parts that run under the tape, each by itself: reductions, parameters, interrupts, repetitions, stacks."""

# Rules and functions of made-up ops are untyped.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import asyncio
import signal
import threading
from itertools import product

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.graph import Constant
from minigrad.core.mode import is_recording
from minigrad.core.op import Argument, Claims, Op
from minigrad.core.registry import REGISTRY
from minigrad.runtime.batch_rules import call_batched, has_batch_rule
from minigrad.runtime.effects import random_array, runtime_check
from minigrad.runtime.interrupts import complete, without_interrupts
from minigrad.runtime.numpy_fast import add_reduce, as_row_operand, column_sums, max_reduce, may_hold_nan, segment_sum
from minigrad.runtime.parameters import aligned_zeros, assign, bind_to_buffers, is_parameter, set_requires_grad
from minigrad.runtime.repetition import Repetition, note_assignment, note_draw, unmoved
from minigrad.runtime.source_line import user_frame_location, with_source_text
from minigrad.runtime.square_scale import square_scale


def op(*names: str, forward=lambda *xs, **options: xs[0] * 1.0, **options: object) -> Op:
    """An op that no gate has seen; a name with a star stands for any number of arrays."""
    arguments = tuple(Argument(name.strip("*"), variadic=name[0] == "*") for name in names)
    return Op("odd", forward, arguments, options, Claims())


SIZES = [
    (),
    (1,),
    (5,),
    (2047,),
    (2048,),
    (9000,),
    (3, 1),
    (2, 5),
    (64, 64),
    (128, 16),
    (4, 513),
    (4, 512),
    (0, 3),
    (3, 0),
]


@pytest.mark.parametrize("shape", [*SIZES, (3, 0), (2, 3, 64), (16, 16, 65), (130, 128), (2, 8192)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_quick_reductions_are_numpys(shape: tuple[int, ...], dtype: type) -> None:
    x = (np.sin(np.arange(float(np.prod(shape)))) * 8.0).reshape(shape).astype(dtype)
    axes = [None, *range(-x.ndim, x.ndim), tuple(range(x.ndim))]
    for array, axis, keepdims in product((x, x.T, x[::-1] if x.ndim else x), axes, (False, True)):
        total = add_reduce(array, axis, keepdims)
        due = np.sum(array, axis=axis, keepdims=keepdims)
        assert total.shape == due.shape
        assert total.dtype == due.dtype
        assert np.allclose(total, due, rtol=1e-5, atol=1e-3)
        if x.size:
            assert np.array_equal(max_reduce(array, axis, keepdims), np.max(array, axis=axis, keepdims=keepdims))
    for lead in range(x.ndim + 1):
        sums, due = column_sums(x, shape[lead:]), x.sum(axis=tuple(range(lead)))
        assert sums.shape == shape[lead:]
        assert np.allclose(sums, due, rtol=1e-5, atol=1e-3)
    assert np.array_equal(np.maximum(x, as_row_operand(x, 1.0)), np.maximum(x, dtype(1.0)))
    if x.dtype.kind == "f":
        assert not may_hold_nan(x)
        for place in {0, x.size // 2, x.size - 1} if x.size else ():
            spoilt = x.copy()
            spoilt.flat[place] = np.nan
            assert may_hold_nan(spoilt)


def test_which_way_a_row_takes() -> None:
    """A row for arrays of 8,192 entries in rows of 64, a number for all others."""
    for shape, row in (((128, 64), True), ((127, 64), False), ((131, 63), False), ((8192,), True), ((8191,), False)):
        operand = as_row_operand(np.ones(shape, np.float32), 0.5)
        assert isinstance(operand, np.ndarray) is row
        if isinstance(operand, np.ndarray):
            assert operand.tolist() == [0.5] * shape[-1]
            assert operand.dtype.name == "float32"


@pytest.mark.parametrize(
    ("count", "length"),
    [(0, 3), (4, 3), (256, 256), (257, 256), (700, 100), (600, 1200), (600, 1201), (0, 70_000), (40, 70_000)],
)
def test_rows_are_added_where_they_belong(count: int, length: int) -> None:
    rng = np.random.default_rng(count)
    indices = rng.integers(0, length, count)
    indices[: count // 2] = indices[0] if count else 0
    for columns, dtype in ((1, np.float64), (3, np.float64), (3, np.float32)):
        g = rng.normal(size=(count, columns)).astype(dtype)
        due = np.zeros((length, columns), dtype)
        np.add.at(due, indices, g)
        total = segment_sum(g, indices, length)  # type: ignore[arg-type]
        assert total.dtype == dtype
        assert np.allclose(total, due, rtol=1e-4, atol=1e-4)


def test_a_parameter_in_a_buffer() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    values, grads = aligned_zeros(5, np.float64), aligned_zeros(5, np.float64)
    assert values.ctypes.data % 64 == 0
    assert values.tolist() == [0.0] * 5
    bind_to_buffers(x, values[1:3], grads[1:3])
    assert values.tolist() == [0.0, 1.0, 2.0, 0.0, 0.0]
    assert grads.tolist() == [0.0, 2.0, 4.0, 0.0, 0.0]
    before = x * 3.0
    assign(x, np.array([5.0, 6.0]))
    assert values.tolist() == [0.0, 5.0, 6.0, 0.0, 0.0]
    assert x.data.tolist() == [5.0, 6.0]
    with pytest.raises(mg.StaleGraphError):
        before.sum().backward()
    for wrong in (np.ones(3), np.ones((2, 1))):
        with pytest.raises(mg.ShapeError, match=r"assign: new value has shape"):
            assign(x, wrong)
    with pytest.raises(mg.ShapeError, match=r"bind: grad is \(3,\)"):
        bind_to_buffers(x, values[1:3], grads[:3])
    with pytest.raises(mg.GradientError, match="bind: value is not a view of a buffer"):
        bind_to_buffers(x, np.ones(2), grads[1:3])
    with pytest.raises(mg.GradientError, match="only a leaf"):
        assign(x * 1.0, np.ones(2))


def test_a_leaf_outside_of_buffers_and_one_that_is_switched_off() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    new = np.array([3.0, 4.0])
    before = (x * x).sum()
    assign(x, new)
    new[0] = 9.0
    assert not x._node.value.flags.writeable
    assert x.data.tolist() == [3.0, 4.0]
    with pytest.raises(mg.StaleGraphError):
        before.backward()
    (x * x).sum().backward()
    leaf = x._node
    set_requires_grad(x, True)
    assert x._node is leaf  # which graphs lead to
    assert x.grad is not None
    set_requires_grad(x, False)
    constant = x._node
    set_requires_grad(x, False)
    assert x._node is constant
    assert x.grad is None
    assert not x.requires_grad
    assert is_parameter(x)
    assert not x._node.value.flags.writeable
    set_requires_grad(x, True)
    assert x.requires_grad
    assert not is_parameter(mg.tensor(1.0))
    assert not is_parameter(x * 1.0)
    with pytest.raises(mg.GradientError, match="can be switched for a leaf"):
        set_requires_grad(mg.tensor(1.0), True)


def test_work_is_done_to_its_end() -> None:
    done: list[int] = []

    def interrupted() -> None:
        done.append(len(done))
        if len(done) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        complete(interrupted)
    assert done == [0, 1]

    def refuses() -> None:
        done.append(9)
        raise mg.ShapeError("no")

    with pytest.raises(mg.ShapeError):
        complete(refuses)
    assert done == [0, 1, 9]
    complete(done.append, 5)
    assert done[-1] == 5


def test_an_interrupt_waits_for_the_end_of_a_block() -> None:
    seen: list[str] = []
    handler = signal.getsignal(signal.SIGINT)

    def interrupted() -> None:
        with without_interrupts():
            signal.raise_signal(signal.SIGINT)
            seen.append("inside")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with without_interrupts():
        seen.append("quiet")
    assert seen == ["inside", "quiet"]
    assert signal.getsignal(signal.SIGINT) is handler

    def elsewhere() -> None:
        with without_interrupts():
            seen.append("thread")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen[-1] == "thread"


def test_a_function_is_run_again_from_where_it_began() -> None:
    rng, t = np.random.default_rng(4), mg.tensor([1.0])

    def run() -> tuple[float, float]:
        note_draw(rng)
        note_assignment(t)
        t._node = Constant(t._node.value + 1.0)
        return float(rng.random()), t.item()

    repetition = Repetition()
    assert not repetition.has_moved
    with repetition.first():
        one = run()
        two = run()
    assert repetition.has_moved
    with repetition.again():
        assert run() == one
        assert run() == two
    three = run()
    assert three[1] == 4.0
    with unmoved():
        run()
    assert t.item() == 4.0
    assert run()[0] != three[0]
    only = Repetition()
    with only.first():
        gone = mg.tensor([1.0])
        note_assignment(gone)
        assert only.has_moved
        del gone
        assert not only.has_moved


def test_outside_of_programs_numbers_are_looked_at_and_made_at_once() -> None:
    seen: list[list[float]] = []
    runtime_check(mg.tensor([1.0, 2.0]), lambda a: seen.append(a.tolist()))
    assert seen == [[1.0, 2.0]]
    made = random_array(lambda a: a.fill(3.0), (2,), np.float32)
    assert isinstance(made, np.ndarray)
    assert made.tolist() == [3.0, 3.0]
    assert made.dtype.name == "float32"


def test_the_line_of_the_user() -> None:
    here = user_frame_location()
    assert here.startswith(__file__)
    assert with_source_text(here) == f"{here}: here = user_frame_location()"
    assert with_source_text("nowhere:3") == "nowhere:3"
    assert with_source_text("an unknown line") == "an unknown line"


def test_stacks_of_values() -> None:
    stack, row = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    add = REGISTRY["add"]
    both = call_batched(add, (True, False), (stack, row), {})
    assert isinstance(both, np.ndarray)
    assert both.tolist() == (stack + row).tolist()
    matrix = np.arange(12.0).reshape(4, 3)
    wide = call_batched(add, (True, False), (stack, matrix), {})
    assert np.array_equal(wide, stack[:, None] + matrix)  # type: ignore[arg-type]
    numbers = call_batched(add, (True, False), (np.array([1.0, 2.0]), matrix), {})
    assert np.array_equal(numbers, np.array([1.0, 2.0])[:, None, None] + matrix)  # type: ignore[arg-type]
    tensors = call_batched(add, (True, True), (mg.tensor(stack), stack), {})
    assert isinstance(tensors, mg.Tensor)
    assert call_batched(op("x"), (True,), (stack,), {}) is None
    assert not has_batch_rule(op("x"))
    alone, several = op("x"), op("x", "y")
    alone.batch(lambda x, **options: x * 2.0)
    several.batch(lambda batched, x, y: (x, y) if batched[1] else x + float(batched[0]))
    assert has_batch_rule(alone)
    assert np.array_equal(call_batched(alone, (True,), (stack,), {}), stack * 2.0)  # type: ignore[arg-type]
    assert np.array_equal(call_batched(several, (True, False), (stack, row), {}), stack + 1.0)  # type: ignore[arg-type]
    assert call_batched(several, (True, True), (stack, stack), {}) is None  # several outputs are found one by one
    checked: list[int] = []
    alone.check_batching = lambda: checked.append(1)
    call_batched(alone, (True,), (stack,), {})
    assert checked == [1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squares_are_scaled_as_far_as_the_smallest_allow(dtype: type) -> None:
    """The next power of two would lose squares that count, or leave the sixth of the range that powers of sums need."""
    info, scales = np.finfo(dtype), []
    for least in (1.0, 1e-3, 1e-8, 1e-12, 1e-20, 0.0):
        scale = square_scale(np.dtype(dtype), least)
        rest, exponent = np.frexp(scale)
        assert rest == 0.5
        room = least * float(info.eps) ** 2 / float(info.tiny)
        assert scale == 1.0 or scale**2 * room >= 1.0
        furthest = scale == 2.0 ** -(int(info.maxexp) // 6)
        assert furthest or (scale / 2.0) ** 2 * room < 1.0
        assert 1 - exponent <= int(info.maxexp) // 6
        scales.append(scale)
    assert scales == sorted(scales)
    assert scales[-1] == 1.0


def test_what_a_decorated_function_returns_runs_in_the_block_too() -> None:
    async def later() -> bool:
        await asyncio.sleep(0.0)
        return is_recording()

    def several():
        yield is_recording()

    assert asyncio.run(mg.no_grad()(lambda: later())()) is False
    assert list(mg.no_grad()(lambda: several())()) == [False]

    async def stream():
        try:
            yield is_recording()
        except ValueError:
            yield "caught", is_recording()

    async def follow() -> list[object]:
        running = mg.no_grad()(stream)()
        seen = [await anext(running), await running.athrow(ValueError("out")), is_recording()]
        await running.aclose()
        return seen

    assert asyncio.run(follow()) == [False, ("caught", False), True]
    assert mg.no_grad()(is_recording)() is False
    with mg.no_grad():
        mg.no_grad().__exit__(None, None, None)  # one that was never begun ends no other
        assert not is_recording()
    assert is_recording()
