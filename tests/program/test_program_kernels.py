"""Kernels: each writes what the op's forward function returns, to the last bit, and allocates nothing large."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import REGISTRY
from minigrad.core.types import Array
from minigrad.program.compile.bind import bind
from minigrad.program.compile.executable import CompileOptions
from minigrad.program.graph import Call, Graph, Value, eval_call
from minigrad.program.kernels import kernel_of
from support.program_models import MODELS

_PLAIN: dict[str, object] = {"stride": (2, 2), "dilation": (1, 1)}
_CASTING = 3 * 8192 * 4
"""What NumPy allocates for a comparison that gives numbers: it goes through buffers of 8192 entries."""


def pooled(x: Array) -> Array:
    """The largest entries of 2 x 2 windows."""
    found: Array = x.reshape(*x.shape[:-2], x.shape[-2] // 2, 2, x.shape[-1] // 2, 2).max(axis=(-3, -1))
    return found


CASES: dict[str, tuple[str, Callable[[np.random.Generator], list[object]], dict[str, object]]] = {
    "concatenate": ("concatenate", lambda r: [r.standard_normal((40, n)) for n in (3, 50, 7)], {"axis": 1}),
    "take": ("take", lambda r: [r.standard_normal((9, 50)), r.integers(0, 9, (40, 2))], {"axis": 0}),
    "take, negative": ("take", lambda r: [r.standard_normal((9, 50)), r.integers(-9, 9, (40, 2))], {"axis": 0}),
    "take, last axis": ("take", lambda r: [r.standard_normal((50, 9)), r.integers(0, 9, 40)], {"axis": 1}),
    "one_hot": ("one_hot", lambda r: [r.integers(0, 9, 40), r.standard_normal((40, 9))], {}),
    "one_hot, few bytes": ("one_hot", lambda r: [r.integers(0, 9, (4, 5), np.uint8), np.ones((4, 5, 9))], {}),
    "one_hot, negative": ("one_hot", lambda r: [r.integers(-9, 0, 40), r.standard_normal((40, 9))], {}),
    "one_hot, too large": ("one_hot", lambda r: [np.array([2, 9, 3, 11]), r.standard_normal((4, 9))], {}),
    "one of each row": (
        "take_along_axis",
        lambda r: [r.standard_normal((40, 9)), r.integers(0, 9, (40, 1))],
        {"axis": -1},
    ),
    "one of each row, negative": (
        "take_along_axis",
        lambda r: [r.standard_normal((40, 9)), r.integers(-9, 9, (40, 1))],
        {"axis": 1},
    ),
    "put_along": (
        "put_along",
        lambda r: [r.standard_normal((40, 2, 50)), r.integers(0, 9, (40, 2))],
        {"axis": 0, "length": 9},
    ),
    "getitem, rows": ("getitem", lambda r: [r.standard_normal((60, 70))], {"key": (np.array([3, 5, 5, -1] * 9),)}),
    "getitem, mask": ("getitem", lambda r: [r.standard_normal((60, 70))], {"key": (np.arange(60) % 3 == 0,)}),
    "scatter": (
        "scatter",
        lambda r: [r.standard_normal((60, 35))],
        {"key": (slice(None), slice(None, None, 2)), "shape": (60, 70)},
    ),
    "scatter, repeated": (
        "scatter",
        lambda r: [r.standard_normal((4, 70))],
        {"key": (np.array([3, 5, 5, -1]),), "shape": (60, 70)},
    ),
    "setitem": (
        "setitem",
        lambda r: [r.standard_normal((60, 70)), r.standard_normal(70)],
        {"key": (slice(3, 9),)},
    ),
    "max_pool": ("max_pool", lambda r: [r.standard_normal((3, 4, 24, 24))], {"kernel": (2, 3), **_PLAIN}),
    "window_winners": (
        "window_winners",
        lambda r: [
            x := r.integers(0, 3, (6, 24, 24)).astype(float),
            REGISTRY["max_pool"].forward(x, kernel=(2, 2), **_PLAIN),
        ],
        {"kernel": (2, 2), **_PLAIN},
    ),
    "overlap_add apart": (
        "overlap_add",
        lambda r: [r.standard_normal((2, 2, 6, 12, 12))],
        {"size": (25, 24), **_PLAIN},
    ),
    "overlap_add": (
        "overlap_add",
        lambda r: [r.standard_normal((3, 2, 6, 12, 12))],
        {"size": (25, 24), **_PLAIN},
    ),
    "broadcast": ("astype", lambda r: [r.standard_normal((60, 70))], {"dtype": np.dtype(np.float32)}),
}


def graph_of(name: str, arrays: list[Array], meta: dict[str, object]) -> tuple[Graph, Array]:
    """A graph of one call, and what the op's forward function gives."""
    op = REGISTRY[name]
    call = Call(op, tuple(range(len(arrays))), op.bind_kwargs(meta), (len(arrays),))
    (y,) = eval_call(call, arrays)
    values = [Value(a.shape, a.dtype, "input") for a in arrays]
    return Graph((*values, Value(y.shape, y.dtype, "result")), (call,), (len(arrays),)), y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES)
def test_a_kernel_gives_the_bits_of_the_forward_function(case: str, dtype: type) -> None:
    mg.max_pool, mg.embedding, mg.cross_entropy  # noqa: B018  # register the families
    name, draw, meta = CASES[case]
    svg_of = [np.asarray(a) for a in draw(np.random.default_rng(5))]
    arrays: list[Array] = [a.astype(dtype) if a.dtype.kind == "f" else a for a in svg_of]
    graph, expected = graph_of(name, arrays, meta)
    assert kernel_of(graph.calls[0], graph.values) is not None
    made = bind(graph, CompileOptions())
    assert made.n_allocating == 0
    for _ in range(2):  # what a run leaves behind must not show in the next
        (got,) = made.run(tuple(arrays))
        assert got.dtype == expected.dtype
        tolerance = 1e-5 if dtype is np.float32 else 1e-13
        if name == "put_along":
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(got, expected)


def test_an_index_that_is_too_large_is_still_an_error() -> None:
    table = mg.tensor(np.eye(4))
    program = mg.define(lambda ids: mg.embedding(ids, table).sum())
    program(np.array([0, 3]))
    with pytest.raises(IndexError):
        program(np.array([0, 4]))


@pytest.mark.parametrize("shape", [(6, 4), (2, 12), (24,), (4, 3, 2)])
def test_a_reshape_that_cannot_be_a_view_copies(shape: tuple[int, ...]) -> None:
    program: Any = mg.define(lambda t: (mg.tanh(t).T.reshape(shape), mg.tanh(t).reshape(shape)))
    x = np.random.default_rng(0).standard_normal((4, 6))
    for _ in range(2):
        turned, straight = program(x)
        # An engine of C has a tanh of its own, within some units in the last place.
        np.testing.assert_allclose(turned.numpy(), np.tanh(x).T.reshape(shape), rtol=1e-14)
        np.testing.assert_allclose(straight.numpy(), np.tanh(x).reshape(shape), rtol=1e-14)
    assert program._last().executable.n_allocating == 0


def test_arguments_of_any_strides() -> None:
    program: Any = mg.define(lambda t: mg.tanh(t).reshape(-1) * 2.0)
    large = np.random.default_rng(0).standard_normal((90, 80))
    for x in (large, large[::-1], large[:, ::-1], np.asfortranarray(large)):
        np.testing.assert_allclose(program(x).numpy(), np.tanh(x).reshape(-1) * 2.0, rtol=1e-14)


@pytest.mark.parametrize("name", ["mlp", "conv", "lstm", "transformer"])
def test_no_model_allocates_while_it_runs(name: str) -> None:
    """Traced memory never rises by more than a fraction of one activation during a step."""
    make, wide, activation = MODELS[name]
    arrays = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in wide]
    step = mg.define(make(np.float32))
    for _ in range(8):
        step(*arrays)
    assert step._last().executable.n_allocating == 0
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        step(*arrays)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < activation // 2 + _CASTING


@pytest.mark.parametrize("name", ["mlp", "conv", "lstm", "transformer"])
def test_every_model_gives_what_eager_gives(name: str) -> None:
    make, wide, _ = MODELS[name]
    eager, program = make(np.float64), mg.define(make(np.float64))
    for _ in range(6):
        expected = eager(*(mg.tensor(a) if a.dtype.kind == "f" else a for a in wide)).item()
        assert program(*wide).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("key", [3, -1, np.int64(2)])
def test_a_single_entry_is_read_anew_at_each_run(key: Any) -> None:
    w = mg.tensor(np.arange(5.0), requires_grad=True)
    opt = mg.optimizer("sgd", [w], lr=1.0)
    program: Any = mg.define(lambda x: (x[key] * 1.0, x.reshape(5, 1)[key, 0] + 0.0))

    def step() -> Any:
        opt.zero_grad()
        loss = (w * w[key]).sum()
        loss.backward()
        opt.step()
        return loss

    for k in range(3):
        x = np.random.default_rng(k).standard_normal(5)
        assert [t.item() for t in program(x)] == [x[key].item()] * 2
    trained: Any = mg.define(step)
    expected = w.numpy().copy()
    for _ in range(3):
        assert trained().item() == pytest.approx(expected.sum() * expected[key].item(), rel=1e-14)
        slope = np.full(5, expected[key].item())
        slope[key] += expected.sum()
        expected = expected - slope
        np.testing.assert_allclose(w.numpy(), expected, rtol=1e-13)
