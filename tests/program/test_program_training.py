"""Training by a defined program is eager training, number for number, with every first-party optimizer."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.types import Array
from minigrad.program.passes.pipeline import PASS_NAMES
from minigrad.runtime.parameters import assign
from support.program_steps import batches, largest_difference, model_and_optimizer, step_of, weights

OPTIMIZERS = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
SWITCHES = (
    *PASS_NAMES,
    "reuse",
    "in_place",
    "direct",
    "any_order",
)
EXACT = ("sums_as_matmul", "any_order")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_program_equals_eager_over_200_steps(name: str) -> None:
    model, opt = model_and_optimizer(name=name)
    twin, twin_opt = model_and_optimizer(name=name)
    eager, program = step_of(model, opt), mg.define(step_of(twin, twin_opt))
    for x, labels in batches(200):
        # Each step starts from the same numbers, so that a difference is that of one step.
        assert abs(eager(x, labels).item() - program(x, labels).item()) < 1e-12
    assert program.traces == 1
    assert twin_opt.t == opt.t == 200
    assert largest_difference(weights(model), weights(twin)) < 1e-10


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_bit_equal_without_the_pass_that_sums_in_another_order(activation: str) -> None:
    model, opt = model_and_optimizer(activation=activation)
    twin, twin_opt = model_and_optimizer(activation=activation)
    eager = step_of(model, opt)
    program = mg.define(step_of(twin, twin_opt), disable=EXACT, engine="numpy")
    for x, labels in batches(20):
        assert eager(x, labels).item() == program(x, labels).item()
    assert largest_difference(weights(model), weights(twin)) == 0.0


@pytest.mark.parametrize("off", [(), *((s,) for s in SWITCHES), SWITCHES], ids=lambda s: "+".join(s) or "none")
def test_each_pass_can_be_switched_off(off: tuple[str, ...]) -> None:
    model, opt = model_and_optimizer()
    twin, twin_opt = model_and_optimizer()
    program, other = mg.define(step_of(model, opt)), mg.define(step_of(twin, twin_opt), disable=off)
    for x, labels in batches(5):
        assert program(x, labels).item() == pytest.approx(other(x, labels).item(), rel=1e-13)
    assert largest_difference(weights(model), weights(twin)) < 1e-13


def test_float32_stays_float32() -> None:
    model, opt = model_and_optimizer(dtype=np.float32)
    program = mg.define(step_of(model, opt))
    for x, labels in batches(3):
        assert program(x.astype(np.float32), labels).dtype == np.float32
    assert all(v.dtype == np.float32 for v in program.graph.values if v.dtype.kind == "f")


def test_gradients_accumulate_without_zero_grad() -> None:
    w, twin = (mg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))

    def loss_of(p: mg.Tensor, x: Array | mg.Tensor) -> mg.Tensor:
        return (p * p * x).sum()

    @mg.define
    def step(x: Array) -> mg.Tensor:
        loss = loss_of(w, x)
        loss.backward()
        return loss

    for k in range(4):
        x = np.array([1.0 + k, 2.0])
        step(x)
        loss_of(twin, x).backward()
        assert w.grad is not None
        assert twin.grad is not None
        assert np.array_equal(w.grad.numpy(), twin.grad.numpy())
    w.zero_grad()
    step(np.array([1.0, 1.0]))
    assert w.grad is not None
    assert np.array_equal(w.grad.numpy(), [2.0, 4.0])


def test_two_backwards_add_and_zero_grad_at_the_end_leaves_nothing() -> None:
    w = mg.tensor([3.0], requires_grad=True)
    opt = mg.optimizer("sgd", [w], lr=0.1)

    @mg.define
    def step(x: Array) -> mg.Tensor:
        (w * x).sum().backward()
        (w * x * 2.0).sum().backward()
        opt.step()
        opt.zero_grad()
        return w.sum()

    for k in range(1, 4):
        assert step(np.array([1.0])).item() == pytest.approx(3.0 - 0.3 * k)
        assert w.grad is None


def test_weights_set_from_outside_are_seen() -> None:
    model, opt = model_and_optimizer()
    program = mg.define(step_of(model, opt))
    (x, labels), *_ = batches(1)
    first = program(x, labels).item()
    program(x, labels)
    fresh, _ = model_and_optimizer()
    model.load_state_dict(fresh.state_dict())
    assert program(x, labels).item() == pytest.approx(first, rel=1e-12)
    # A second optimizer moves the parameters to other memory: the plan follows.
    mg.optimizer("sgd", model.named_parameters(), lr=0.0)
    with pytest.raises(mg.MinigradError, match="moved to an optimizer"):
        program(x, labels)
    assert program.traces == 1


def test_held_tensors_are_state() -> None:
    mean = mg.tensor(np.zeros(3))

    @mg.define
    def step(x: Array) -> mg.Tensor:
        mean[...] = 0.5 * mean + 0.5 * x
        return mean * 1.0

    expected = np.zeros(3)
    for k in range(5):
        x = np.full(3, float(k))
        expected = 0.5 * expected + 0.5 * x
        assert np.array_equal(step(x).numpy(), expected)
        assert np.array_equal(mean.numpy(), expected)
    mean[...] = 0.0
    assert np.array_equal(step(np.ones(3)).numpy(), np.full(3, 0.5))
    assert step.traces == 1


def test_returned_values_are_copies() -> None:
    @mg.define
    def double(x: Array) -> mg.Tensor:
        return mg.tensor(2.0) * x

    first = double(np.array([1.0, 2.0]))
    second = double(np.array([3.0, 4.0]))
    third = double(np.array([5.0, 6.0]))
    assert [t.numpy().tolist() for t in (first, second, third)] == [[2.0, 4.0], [6.0, 8.0], [10.0, 12.0]]


def test_memory_stays_flat() -> None:
    model, opt = model_and_optimizer()
    program = mg.define(step_of(model, opt))
    data = list(batches(4))
    for x, labels in data * 5:
        program(x, labels)
    tracemalloc.start()
    try:
        for x, labels in data:
            program(x, labels)
        before, _ = tracemalloc.get_traced_memory()
        for x, labels in data * 50:
            program(x, labels)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4096


def test_parameters_that_move_to_other_memory_are_followed() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    @mg.define
    def step(x: Array | mg.Tensor) -> mg.Tensor:
        w.zero_grad()
        loss = (w * w * x).sum()
        loss.backward()
        return loss

    x = np.array([1.0, 1.0])
    assert step(x).item() == step(x).item() == 5.0
    assign(w, np.array([3.0, 4.0]))
    assert step(x).item() == 25.0
    mg.optimizer("sgd", [w], lr=0.1)
    assert step(x).item() == 25.0
    assert w.grad is not None
    assert np.array_equal(w.grad.numpy(), [6.0, 8.0])
    assert step.traces == 1


def test_gradients_without_an_optimizer_are_copies_of_a_buffer_of_their_own() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    (w * 3.0).sum().backward()
    before = w.grad

    @mg.define
    def step(x: Array) -> mg.Tensor:
        w.zero_grad()
        loss = (mg.tanh(w) * x).sum()
        loss.backward()
        return loss

    step(np.ones(2))
    assert step._last().executable.n_direct == 1
    first = w.grad
    step(np.full(2, 5.0))
    assert before is not None
    assert first is not None
    assert w.grad is not None
    slope = 1.0 - np.tanh([1.0, 2.0]) ** 2
    assert before.numpy().tolist() == [3.0, 3.0]
    np.testing.assert_allclose(first.numpy(), slope, rtol=1e-13)
    np.testing.assert_allclose(w.grad.numpy(), 5.0 * slope, rtol=1e-13)
    (w * 2.0).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), 5.0 * slope + 2.0, rtol=1e-13)
    assign(w, np.array([0.0, 0.0]))
    step(np.ones(2))
    assert w.grad.numpy().tolist() == [1.0, 1.0]
