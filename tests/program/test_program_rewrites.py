"""Each pass: the answer is the same without it, and with it the graph is what one would write by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array
from minigrad.program import Program
from minigrad.program.graph import Call, Fused
from minigrad.program.passes import PASSES


def mixed() -> tuple[Any, list[Any]]:
    """A step with everything that passes look for, on small arrays; and its arguments."""
    rng = np.random.default_rng(0)
    conv = nn.Conv2d(1, 3, 3, padding=1, rng=0).astype(np.float64)
    cell, block = nn.LSTM(4, 6, rng=1).astype(np.float64), nn.TransformerBlock(6, 2, rng=2).astype(np.float64)
    head = nn.Linear(6, 5, rng=3).astype(np.float64)
    kept = [p for m in (conv, cell, block, head) for p in m.parameters()]
    opt = mg.optimizer("momentum", kept, lr=1e-2)  # Adam would blow up the rounding of gradients that are 0

    def step(x: Any, y: Any) -> list[mg.Tensor]:
        opt.zero_grad()
        maps = mg.max_pool(mg.relu(conv(x)), 2)
        states = block(cell(mg.reshape(maps, (4, 3, 4))) * 1.0)
        loss = mg.cross_entropy(head(states.mean(axis=1)), y) + (states**2).mean() * 1e-2
        loss.backward()
        opt.step()
        return [loss, *(p.detach() * 2.0 for p in kept)]

    return step, [rng.standard_normal((4, 1, 4, 4)), rng.integers(0, 5, 4)]


def runs(without: tuple[str, ...]) -> list[Array]:
    """Losses and parameters over some steps."""
    step, arrays = mixed()
    program = mg.define(step, without=without)
    return [t.numpy() for _ in range(4) for t in program(*arrays)]


@pytest.fixture(scope="module")
def full() -> list[Array]:
    return runs(())


@pytest.mark.parametrize("name", [*PASSES, "reuse", "in_place", "direct"])
def test_the_same_answer_without_a_pass(name: str, full: list[Array]) -> None:
    for a, b in zip(full, runs((name,)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_the_same_answer_eager(full: list[Array]) -> None:
    step, (x, y) = mixed()
    eager = [t.numpy() for _ in range(4) for t in step(mg.tensor(x), y)]
    for a, b in zip(full, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def traced(step: Any, *arrays: Any, without: tuple[str, ...] = ()) -> Program[Any, Any]:
    """The program of a step after one run."""
    program: Program[Any, Any] = mg.define(step, without=without)
    program(*arrays)
    return program


def counts(program: Program[Any, Any]) -> Counter[str]:
    return Counter(c.op.name for c in program.graph.calls)


def test_gradients_of_slices_are_joined() -> None:
    w = mg.tensor(np.arange(24.0).reshape(4, 6), requires_grad=True)

    def step() -> None:
        w.zero_grad()
        a, b, c = w[:, :2], w[:, 2:5], w[:, 5]
        ((a * a).sum() + mg.exp(b * 0.1).sum() + (c * c * 3.0).sum()).backward()

    step()
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step)
    assert np.array_equal(w.grad.numpy(), expected)
    assert counts(program)["scatter"] == 0
    assert counts(program)["concatenate"] == 1
    assert counts(traced(step, without=("assemble",)))["scatter"] == 3


@pytest.mark.parametrize("keys", [((slice(0, 2),), (slice(1, 4),)), ((slice(0, 1),), (slice(2, 4),))])
def test_slices_that_overlap_or_leave_gaps_stay_sums(keys: tuple[Any, Any]) -> None:
    w = mg.tensor(np.arange(8.0).reshape(4, 2), requires_grad=True)

    def step() -> None:
        w.zero_grad()
        (w[keys[0]].sum() + (w[keys[1]] * w[keys[1]]).sum()).backward()

    step()
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step)
    assert np.array_equal(w.grad.numpy(), expected)
    assert counts(program)["concatenate"] == 0


def test_products_of_a_stack_are_one_product() -> None:
    w = mg.tensor(np.random.default_rng(0).standard_normal((5, 7)), requires_grad=True)

    def step(x: Any) -> mg.Tensor:
        w.zero_grad()
        loss: mg.Tensor = mg.tanh(x @ w).sum()
        loss.backward()
        return loss

    x = np.random.default_rng(1).standard_normal((3, 4, 5))
    step(mg.tensor(x))
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step, x)
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-13)
    shapes = [program.graph.values[c.args[0]].shape for c in program.graph.calls if c.op.name == "matmul"]
    assert shapes == [(12, 5), (5, 12)]
    assert counts(program)["sum_to"] == 0


def test_a_recurrent_weight_gets_its_gradient_from_one_product() -> None:
    rng = np.random.default_rng(0)
    w = mg.tensor(rng.standard_normal((6, 6)) * 0.3, requires_grad=True)

    def step(x: Any) -> mg.Tensor:
        w.zero_grad()
        h = x[0]
        for t in range(1, 6):
            h = mg.tanh(h @ w + x[t])
        loss: mg.Tensor = (h * h).sum()
        loss.backward()
        return loss

    x = rng.standard_normal((6, 3, 6))
    step(mg.tensor(x))
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step, x)
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-12)
    assert counts(program)["matmul"] == 5 + 4 + 1
    assert counts(traced(step, x, without=("sums",)))["matmul"] == 5 + 4 + 5


def test_columns_of_a_convolution_are_made_once() -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1, rng=0).astype(np.float64)

    def step(x: Any) -> mg.Tensor:
        for p in conv.parameters():
            p.zero_grad()
        loss = (conv(x) ** 2).sum()
        loss.backward()
        return loss

    program = traced(step, np.random.default_rng(0).standard_normal((2, 2, 6, 6)))
    assert counts(program)["windows"] == 1
    assert counts(program)["matmul"] == 2
    assert counts(program)["convolve"] == 0


def test_softmax_and_layer_norm_are_groups_with_their_reductions() -> None:
    norm = nn.LayerNorm(16).astype(np.float64)

    def step(x: Any) -> mg.Tensor:
        return mg.softmax(norm(mg.gelu(x)), axis=-1)

    program = traced(step, np.random.default_rng(0).standard_normal((8, 16)).astype(np.float32))
    groups = [s for s in program.graph.steps if isinstance(s, Fused)]
    inside = Counter(c.op.name for g in groups for c in g.calls)
    assert inside["max"] == 1
    assert inside["sum"] == 3
    assert inside["exp"] == 1


def test_a_group_that_waits_is_overtaken_only_by_what_does_not_need_it() -> None:
    """Whatever is read from a group comes after it."""
    step, arrays = mixed()
    program = traced(step, *arrays)
    made = {k for k, v in enumerate(program.graph.values) if v.kind != "result"}
    for s in program.graph.steps:
        if isinstance(s, Fused):
            assert made.issuperset(s.reads)
            inside = set(s.reads)
            for call in s.calls:
                assert inside.issuperset(call.args)
                inside.update(call.outs)
            made.update(s.makes)
        elif isinstance(s, Call):
            assert made.issuperset(s.args)
            made.update(s.outs)


def test_a_constant_one_in_any_form_goes() -> None:
    ones = np.broadcast_to(np.ones(()), (3, 4))
    program = traced(lambda x: mg.exp(x) * ones, np.zeros((3, 4)))
    assert counts(program) == {"exp": 1}
