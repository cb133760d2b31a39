"""Each pass does its work, and what it writes gives the bits of the op's own forward function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import REGISTRY
from minigrad.core.types import Array
from minigrad.program.compile.bind import bind
from minigrad.program.compile.executable import CompileOptions
from minigrad.program.graph import AccumulateGrad, Call, Graph, Value, ZeroGrad, eval_call
from minigrad.program.passes.decompose.decompose import decompose
from minigrad.program.passes.decompose.inline_ufuncs import inline_ufuncs
from support.program_steps import batches, model_and_optimizer, step_of


def one_call(name: str, arrays: list[Array], **meta: object) -> tuple[Graph, Array]:
    """A graph of one call, and what the op's forward function gives."""
    op = REGISTRY[name]
    full = op.bind_kwargs(meta)
    call = Call(op, tuple(range(len(arrays))), full, (len(arrays),))
    (y,) = eval_call(call, arrays)
    values = [Value(a.shape, a.dtype, "input") for a in arrays]
    return Graph((*values, Value(y.shape, y.dtype, "result")), (call,), (len(arrays),)), y


CASES: dict[str, tuple[str, Callable[[np.random.Generator], list[object]], dict[str, object]]] = {
    "softmax": ("softmax", lambda r: [r.standard_normal((5, 7)) * 9], {"axis": -1}),
    "softmax first axis": ("softmax", lambda r: [r.standard_normal((5, 7)) * 9], {"axis": 0}),
    "log_softmax": ("log_softmax", lambda r: [r.standard_normal((3, 4, 5))], {"axis": 1}),
    "cross entropy": (
        "softmax_cross_entropy",
        lambda r: [r.standard_normal((6, 9)), r.integers(0, 9, 6)],
        {},
    ),
    "cross entropy of a stack": (
        "softmax_cross_entropy",
        lambda r: [r.standard_normal((2, 3, 4)), r.integers(0, 4, (2, 3))],
        {},
    ),
    "mean": ("mean", lambda r: [r.standard_normal((5, 7))], {"axis": 0}),
    "mean of all": ("mean", lambda r: [r.standard_normal((50, 7))], {"keepdims": True}),
    "variance": ("variance", lambda r: [r.standard_normal((5, 7))], {"axis": 0, "ddof": 1.0}),
    "variance of all": ("variance", lambda r: [r.standard_normal((5, 7))], {"keepdims": True}),
    "stack": ("stack", lambda r: [r.standard_normal((5, 7)), r.standard_normal((5, 7))], {"axis": -1}),
    "standardize": ("standardize", lambda r: [r.standard_normal((5, 7, 3))], {"axis": (0, 2), "eps": 0.1}),
    "standardize, not centred": ("standardize", lambda r: [r.standard_normal((5, 7))], {"centre": False}),
    "convolve": (
        "convolve",
        lambda r: [r.standard_normal((2, 4, 7, 6)), r.standard_normal((6, 2, 3, 2))],
        {"stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2)},
    ),
    "convolve_input": (
        "convolve_input",
        lambda r: [r.standard_normal((2, 6, 3, 7)), r.standard_normal((6, 2, 3, 2))],
        {"stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2), "shape": (4, 7, 6)},
    ),
    "convolve_kernel": (
        "convolve_kernel",
        lambda r: [r.standard_normal((2, 6, 3, 7)), r.standard_normal((2, 4, 7, 6))],
        {"stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2), "shape": (2, 3, 2)},
    ),
    "sigmoid": ("sigmoid", lambda r: [r.standard_normal((50, 7)) * 99], {}),
    "softplus": ("softplus", lambda r: [r.standard_normal((50, 7)) * 99], {}),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES)
def test_lowered_ops_keep_their_bits(case: str, dtype: type) -> None:
    mg.cross_entropy, mg.conv2d, mg.layer_norm, mg.var, mg.stack  # noqa: B018  # register the families
    name, draw, meta = CASES[case]
    svg_of = [np.asarray(a) for a in draw(np.random.default_rng(3))]
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in svg_of]
    graph, expected = one_call(name, arrays, **meta)
    lowered = inline_ufuncs(decompose(graph))
    assert all(c.op.name != name for c in lowered.calls)
    for options in (CompileOptions(), CompileOptions(reuse=False, in_place=False)):
        (got,) = bind(lowered, options).run(tuple(arrays))
        assert got.dtype == expected.dtype
        assert np.array_equal(got, expected)


def test_a_training_step_is_what_one_would_write_by_hand() -> None:
    model, opt = model_and_optimizer()
    step = mg.define(step_of(model, opt))
    (x, labels), *_ = batches(1)
    step(x, labels)
    counts = Counter(c.op.name for c in step.graph.calls)
    # One exponential for the loss and its gradient; 2 + 3 products, and one for each bias, and one for the mean.
    assert counts["exp"] == 1
    assert counts["matmul"] == 8
    assert counts["sum_to"] == 0


def test_buffers_are_reused_and_gradients_land() -> None:
    model, opt = model_and_optimizer((12, [16] * 8, 5))
    (x, labels), *_ = batches(1)
    thrifty, lavish = (mg.define(step_of(model, opt), disable=w) for w in ((), ("reuse", "in_place", "direct")))
    thrifty(x, labels)
    lavish(x, labels)
    assert thrifty._last().executable.bytes < 0.6 * lavish._last().executable.bytes
    assert thrifty._last().executable.n_direct == len(model.parameters())
    assert lavish._last().executable.n_direct == 0


def test_no_large_array_is_made_in_a_run() -> None:
    """Traced memory never rises by as much as one activation."""
    import tracemalloc

    model, opt = model_and_optimizer((12, [256, 256], 5), name="sgd")
    step = mg.define(step_of(model, opt))
    (x, labels), *_ = batches(1, rows=256)
    forward = mg.define(lambda t: model(t).sum())
    for _ in range(3):
        step(x, labels)
        forward(x)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        forward(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 256 * 256 * 8 // 4


def test_dead_and_equal_calls_go_and_constants_fold() -> None:
    base = np.arange(3.0)
    base.flags.writeable = False

    @mg.define
    def step(x: Array | mg.Tensor) -> mg.Tensor:
        t = mg.tensor(1.0) * x
        mg.exp(t)
        folded = mg.exp(mg.tensor(base)) * 2.0
        return mg.sin(t) * mg.sin(t) + folded

    x = np.array([0.1, 0.2, 0.3])
    for _ in range(2):
        assert np.array_equal(step(x).numpy(), np.sin(x) * np.sin(x) + np.exp(base) * 2.0)
    assert Counter(c.op.name for c in step.graph.calls) == {"sin": 1, "multiply": 1, "add": 1}


def test_a_view_keeps_the_memory_it_looks_into() -> None:
    @mg.define
    def step(x: Array | mg.Tensor) -> mg.Tensor:
        t = mg.tensor(1.5) * x
        view = mg.exp(t).reshape(3, 2)
        other = mg.cos(mg.sin(t)) + mg.tanh(t)
        return view + other.reshape(3, 2)

    x = np.linspace(0.1, 0.6, 6)
    for _ in range(3):
        t = 1.5 * x
        expected = (np.exp(t) + (np.cos(np.sin(t)) + np.tanh(t))).reshape(3, 2)
        assert np.array_equal(step(x).numpy(), expected)


@pytest.mark.parametrize("divisor", [24.0, 0.0, -0.5])
@pytest.mark.parametrize("twice", [False, True])
def test_sums_and_means_of_vectors_are_products_with_ones(divisor: float, twice: bool) -> None:
    def step(x: Any) -> Any:
        total = mg.tanh(x).sum()
        return (total / divisor, total) if twice else total / divisor

    x = np.random.default_rng(0).standard_normal(24)
    quick: Any = mg.define(step)
    plain: Any = mg.define(step, disable=("sums_as_matmul",))
    with np.errstate(divide="ignore"):
        for _ in range(2):
            got, expected = quick(x), plain(x)
            for a, b in zip(got, expected, strict=True) if twice else [(got, expected)]:
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-14)
    names = Counter(c.op.name for c in quick.graph.calls)
    assert names["sum"] == 0
    assert names["matmul"] == 1
    assert names["divide"] == (twice or divisor == 0.0)


def test_gradients_that_land_are_announced_once() -> None:
    model, opt = model_and_optimizer()
    program: Any = mg.define(step_of(model, opt))
    (x, labels), (again, others) = batches(2)
    program(x, labels)
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    program(again, others)
    assert all(p.grad is not None for p in model.parameters())
    spans = program._last().executable.spans
    kinds = {AccumulateGrad: 0, ZeroGrad: 0}
    for i, s in enumerate(program.graph.steps):
        if type(s) in kinds:
            kinds[type(s)] += spans[i + 1] - spans[i]
    assert kinds == {AccumulateGrad: 1, ZeroGrad: 0}
