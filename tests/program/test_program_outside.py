"""Gradients flow through a program as through its step, to arguments and to what the step holds; or are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array
from minigrad.program import TraceError

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 3))


def leaf(*shape: int, seed: int = 0) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def assert_equal(got: object, expected: object) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-11, atol=1e-13)


def f(x: Any) -> Any:
    return mg.sum(mg.tanh(x) ** 3) * mg.sum(x * x)


DERIVATIVES: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "grad": lambda g: mg.grad(g)(X),
    "value_and_grad": lambda g: mg.value_and_grad(g)(X)[1],
    "vjp": lambda g: mg.vjp(g, X)[1](2.0),
    "jvp": lambda g: mg.jvp(g, (X,), (X + 1.0,))[1],
    "hvp": lambda g: mg.hvp(g, (X,), (X - 1.0,)),
    "jacobian": lambda g: mg.jacobian(lambda x: mg.sin(x) * g(x))(X),
    "hessian": lambda g: mg.hessian(g)(X[0]),
    "grad of grad": lambda g: mg.grad(lambda x: mg.sum(mg.square(np.asarray(1.0) * mg.grad(g)(x))))(X),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_of_a_program_are_those_of_its_step(name: str) -> None:
    program: Any = mg.define(f)
    program(X)
    for _ in range(2):
        assert_equal(DERIVATIVES[name](program), DERIVATIVES[name](f))
    assert program.traces == 1


def test_an_argument_that_requires_a_gradient() -> None:
    program: Any = mg.define(f)
    for _ in range(3):
        t, twin = leaf(4, 3), leaf(4, 3)
        (program(2.0 * t) + mg.sum(t)).backward()
        (f(2.0 * twin) + mg.sum(twin)).backward()
        assert t.grad is not None
        assert twin.grad is not None
        assert_equal(t.grad.numpy(), twin.grad.numpy())
    assert program.traces == 0
    with mg.no_grad():
        for _ in range(3):
            assert_equal(program(leaf(4, 3)).numpy(), f(leaf(4, 3)).numpy())
    assert program.traces == 1


def model_and_step(kind: str) -> tuple[nn.Module, Callable[[Any], Any]]:
    with nn.seeded(1):
        layers: list[nn.Module] = [nn.Linear(3, 5), nn.Tanh()]
        if kind != "plain":
            layers.append(nn.Dropout(0.4, rng=2) if kind == "dropout" else nn.BatchNorm1d(5))
        model = nn.Sequential(*layers, nn.Linear(5, 2)).astype(np.float64)

    def step(x: Any) -> Any:
        y = model(x)
        return {
            "loss": mg.sum(y * y.detach()),
            "outputs": y,
            "labels": y.argmax(axis=1),
            "first": model.parameters()[0],
        }

    return model, step


@pytest.mark.parametrize("kind", ["plain", "dropout", "norm"])
def test_gradients_flow_to_what_the_step_holds(kind: str) -> None:
    (model, step), (twin, by_hand) = model_and_step(kind), model_and_step(kind)
    program: Any = mg.define(step)
    for k in range(3):
        for one, call in ((model, program), (twin, by_hand)):
            one.zero_grad()
            x = X + k
            result = call(x if call is program else mg.tensor(x))
            kept = x.copy()
            x += 100.0  # what gradients need has been set aside
            assert_equal(kept, X + k)
            total = result["loss"] + mg.sum(mg.sin(result["outputs"])) + mg.sum(result["first"] ** 2)
            (total + 0.1 * mg.sum(one.parameters()[0])).backward()
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            assert p.grad is not None
            assert q.grad is not None
            assert_equal(p.grad.numpy(), q.grad.numpy())
    assert program.traces == 1


def test_derivatives_of_any_order_through_what_the_step_holds() -> None:
    w = leaf(3)
    program: Any = mg.define(lambda x: mg.sum(mg.tanh(mg.matmul(x, w)) ** 2))

    def penalty(call: Callable[[Any], Any]) -> Array:
        w.zero_grad()
        call(X).backward(create_graph=True)
        assert w.grad is not None
        norm = mg.sum(w.grad**2)
        w.zero_grad()
        norm.backward()
        assert w.grad is not None
        return w.grad.numpy().copy()

    assert_equal(penalty(program), penalty(lambda x: mg.sum(mg.tanh(mg.matmul(mg.tensor(x), w)) ** 2)))


def test_an_update_makes_earlier_outputs_stale() -> None:
    w = leaf(3)
    opt = mg.optimizer("sgd", {"w": w}, lr=0.1)
    evaluate: Any = mg.define(lambda x: mg.sum(mg.matmul(x, w) ** 2))

    @mg.define
    def train(x: Any) -> Any:
        opt.zero_grad()
        loss = mg.sum(mg.matmul(x, w) ** 2)
        loss.backward()
        opt.step()
        return loss, mg.sum(mg.matmul(x, w) ** 2)

    before = evaluate(X)
    loss, after = train(X)
    for stale in (before, loss, loss * 2.0 + mg.sum(w)):
        with pytest.raises(mg.StaleGraphError):
            stale.backward()
    opt.zero_grad()
    after.backward()
    assert w.grad is not None
    assert_equal(w.grad.numpy(), 2.0 * X.T @ (X @ w.numpy()))


def test_a_loss_with_backward_inside_and_the_update_outside() -> None:
    (w, v) = leaf(3), leaf(3)
    opt, twin_opt = (mg.optimizer("adam", {"w": t}, lr=0.1) for t in (w, v))

    def step_of(t: mg.Tensor) -> Callable[[Any], Any]:
        def step(x: Any) -> Any:
            loss = mg.sum(mg.matmul(x, t) ** 2)
            loss.backward()
            return loss

        return step

    program: Any = mg.define(step_of(w))
    by_hand = step_of(v)
    for _ in range(4):
        for o, call, x in ((opt, program, X), (twin_opt, by_hand, mg.tensor(X))):
            o.zero_grad()
            (0.5 * call(x)).backward()
            o.step()
    assert_equal(w.numpy(), v.numpy())
    assert program.traces == 1


def test_a_step_that_continues_a_graph_from_outside() -> None:
    w, twin = leaf(3), leaf(3)

    def run(t: mg.Tensor, define: bool) -> Array:
        hidden = mg.tanh(t * 2.0)
        step: Any = lambda x: mg.sum(x * hidden)  # noqa: E731
        call = mg.define(step) if define else step
        for _ in range(2):
            call(mg.tensor(X)).backward()
        assert t.grad is not None
        return t.grad.numpy()

    assert_equal(run(w, True), run(twin, False))


def test_numbers_from_before_and_after_an_update_are_not_mixed() -> None:
    w = leaf(3)
    opt = mg.optimizer("sgd", {"w": w}, lr=0.1)

    @mg.define
    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = mg.sum(mg.matmul(x, w) ** 2)
        loss.backward()
        opt.step()
        return mg.sum(mg.matmul(x, w)) * loss.detach()

    y = step(X)
    with pytest.raises(TraceError, match="before and after an update"):
        y.backward()


def test_outputs_under_no_grad_and_constants_require_none() -> None:
    w = leaf(3)
    program: Any = mg.define(lambda x: (mg.sum(x * w), mg.sum(x * 2.0), mg.sum(x * w.detach())))
    assert [t.requires_grad for t in program(X)] == [True, False, False]
    with mg.no_grad():
        assert not any(t.requires_grad for t in program(X))
