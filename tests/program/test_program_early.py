"""What the backward pass needs is computed with the forward pass where it takes no more memory: slopes, and factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array
from minigrad.program import Program
from minigrad.program.graph import Call, FusedCall
from minigrad.program.passes.fusion.intervals import UNKNOWN, intervals_of
from minigrad.program.passes.pipeline import PASS_NAMES
from support.program_steps import with_gradients

PASSES = ("compute_early", "split_sums")
ROWS, WIDTH = 7, 12


def arrays(*shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(0)
    return [0.5 * rng.standard_normal(s) for s in shapes]


def gate(x: Any, w: Any, v: Any) -> Any:
    return (mg.sigmoid(x @ w) @ v).sum()


def gated(x: Any, w: Any, v: Any) -> Any:
    """Factors that nothing else in the backward pass reads: each gradient is multiplied once."""
    return ((mg.sigmoid(x @ w) * mg.tanh(x @ w.T)) @ v).sum()


def parts_of_a_sum(x: Any, w: Any, v: Any) -> Any:
    z = x @ w + mg.tanh(x @ w) @ (v @ v.T)
    left, right = z[:, :5], z[:, 5:]
    return (mg.sigmoid(left).sum(axis=1) * mg.tanh(right).sum(axis=1) @ x).sum()


def overlapping_parts(x: Any, w: Any, v: Any) -> Any:
    z = x @ w + mg.tanh(x @ w) @ (v @ v.T)
    return (mg.exp(z[:, :8]).sum(axis=1) * z[:, 4:].sum(axis=1)).sum() + z[0].sum()


def read_elsewhere_too(x: Any, w: Any, v: Any) -> Any:
    h = mg.sigmoid(x @ w)
    return ((h * mg.tanh(h)) @ v @ v.T * h).sum()


def zero_times_infinity(x: Any, w: Any, v: Any) -> Any:
    return (mg.exp(-mg.square(x @ w * 40.0)) * mg.sigmoid(x @ w * 900.0) @ v).sum()


@pytest.mark.parametrize(
    "value", [gate, gated, parts_of_a_sum, overlapping_parts, read_elsewhere_too, zero_times_infinity]
)
def test_answers_stay(value: Any) -> None:
    given = arrays((ROWS, WIDTH), (WIDTH, WIDTH), (WIDTH, 3))
    step = with_gradients(value, 3)
    expected = [t.numpy() for t in step(*map(mg.tensor, given))]
    for disable in ((), *((name,) for name in PASSES), PASSES):
        program = mg.define(step, disable=disable)
        for got, right in zip(program(*given), expected, strict=True):
            np.testing.assert_allclose(got.numpy(), right, rtol=1e-12, atol=1e-13)


def groups(value: Any, disable: tuple[str, ...] = ()) -> list[FusedCall | Call]:
    """Groups and elementwise calls by themselves, over all places."""
    program: Program[..., Any] = mg.define(with_gradients(value, 3), disable=disable)
    program(*arrays((ROWS, WIDTH), (WIDTH, WIDTH), (WIDTH, 3)))
    values = program.graph.values
    steps = [s for s in program.graph.steps if isinstance(s, FusedCall | Call)]
    return [s for s in steps if isinstance(s, FusedCall) or (s.op.claims.elementwise and values[s.outs[0]].shape)]


def calls(step: FusedCall | Call) -> int:
    return len(step.calls) if isinstance(step, FusedCall) else 1


def test_the_backward_pass_of_a_gate_is_one_product() -> None:
    forward, backward = groups(gate)
    assert isinstance(forward, FusedCall)
    assert len(forward.defs) == 2  # the value and its slope
    assert calls(backward) == 1
    assert calls(groups(gate, ("compute_early",))[1]) > 2


def test_of_two_factors_their_product_is_kept() -> None:
    forward, *backward = groups(gated)
    assert isinstance(forward, FusedCall)
    assert len(forward.defs) == 3  # the value, and what the gradient is multiplied by on its two ways
    assert all(calls(step) == 1 for step in backward)
    assert any(calls(step) > 1 for step in groups(gated, ("compute_early",))[1:])


def test_parts_are_added_in_the_groups_that_read_them() -> None:
    def sums(disable: tuple[str, ...]) -> list[Any]:
        found = [c for s in groups(parts_of_a_sum, disable) for c in (s.calls if isinstance(s, FusedCall) else (s,))]
        return [c for c in found if c.op.name == "add" and len(c.args) == 2]

    assert len(sums(())) > len(sums(("split_sums",)))


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers_keep_less(layer: str) -> None:
    model = nn.Sequential(nn.Embedding(9, 8, rng=0), getattr(nn, layer)(8, 16, rng=1), nn.Linear(16, 9, rng=2))
    model.astype(np.float64)

    def step(x: Any, y: Any) -> list[Any]:
        for p in model.parameters():
            p.zero_grad()
        loss = nn.cross_entropy(mg.reshape(model(x), (-1, 9)), mg.reshape(y, (-1,)))
        loss.backward()
        return [
            loss,
            *(mg.tensor(p.grad.numpy()) if isinstance(p.grad, mg.Tensor) else p.grad for p in model.parameters()),
        ]

    x, y = np.random.default_rng(0).integers(9, size=(2, 5, 11))
    sizes = []
    answers = []
    for disable in (PASSES, ()):
        program: Program[..., Any] = mg.define(step, disable=disable)
        answers.append([np.asarray(a.numpy() if isinstance(a, mg.Tensor) else a) for a in program(x, y)])
        sizes.append(program._last().executable.bytes)
    for got, right in zip(*answers, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-11, atol=1e-13)
    assert sizes[1] <= sizes[0]


def test_what_an_optimizer_moves_in_between_is_read_afterwards() -> None:
    """A view of a weight, and calls on it before and after the weight moves: the view moves too."""

    def trained(disable: tuple[str, ...] | None) -> list[Array]:
        (start, x) = arrays((ROWS, WIDTH), (WIDTH, 4))
        w = mg.tensor(start, requires_grad=True)
        opt = mg.optimizer("sgd", [w], lr=0.5)

        def step(x: Any) -> list[Any]:
            opt.zero_grad()
            rows = mg.reshape(w.detach(), (WIDTH, ROWS))
            before = mg.exp(rows)
            loss = mg.square(w @ x).sum()
            loss.backward()
            opt.step()
            return [loss, before * rows, mg.exp(rows) * mg.tanh(rows)]

        run = step if disable is None else mg.define(step, disable=disable)
        return [t.numpy() for _ in range(3) for t in run(mg.tensor(x))]

    for got, plain, right in zip(trained(()), trained(PASSES), trained(None), strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-12)
        np.testing.assert_allclose(plain, right, rtol=1e-12)


def test_factors_that_may_be_large_are_not_joined() -> None:
    def product(x: Any, w: Any) -> Any:
        return (w @ w @ w * mg.exp(x)) * mg.exp(x + 1.0)

    large, none = np.full((3, 3), 60.0, np.float32), np.zeros((3, 3), np.float32)
    assert (mg.define(product)(large, none).numpy() == 0.0).all()


def test_values_lie_in_their_intervals() -> None:
    """Each value of a graph, computed on inputs of all sizes."""

    def step(x: Any, y: Any) -> Any:
        e = mg.exp(-abs(x))
        parts = [e, e / (1.0 + e), mg.maximum(e, x > y), mg.minimum(x, 3.0) - mg.tanh(y), 2.0 / (1.5 - mg.sigmoid(x))]
        return [*parts, parts[1] * parts[4] * -3.0, (e + mg.tanh(y))[1:] * (y <= x)[1:], x * e]

    program = mg.define(step, disable=PASS_NAMES)
    numbers = np.array([-1e300, -700.0, -3.0, -1e-300, 0.0, 0.5, 2.0, 40.0, 1e300])
    x, y = (a.ravel() for a in np.meshgrid(numbers, numbers))
    outputs = program(x, y)
    intervals = intervals_of(program.graph)
    bounded = 0
    for k, output in zip(program.graph.outputs, outputs, strict=True):
        low, high = intervals.get(k, UNKNOWN)
        assert (low <= output.numpy()).all()
        assert (output.numpy() <= high).all()
        bounded += high < 1e6
    assert bounded >= 5
