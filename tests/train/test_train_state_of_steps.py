"""Running statistics and generators move once for each step that counts: not by repetitions, checks and failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, train
from minigrad.core.errors import GradientError
from support.missing_plugins import import_plugin

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 4)).astype(np.float32), RNG.integers(0, 3, 24)


def net(*middle: nn.Module, momentum: float | None = 0.1) -> nn.Sequential:
    with nn.initializers.seeded(0):
        norm = nn.BatchNorm1d(6, momentum=momentum)
        return nn.Sequential(nn.Linear(4, 6), norm, *middle, nn.Dropout(0.5), nn.AlphaDropout(0.25), nn.Linear(6, 3))


def moved(model: nn.Module) -> dict[str, object]:
    """All that a step moves beside the parameters."""
    state: dict[str, object] = {n: t.numpy().tobytes() for n, t in model.named_buffers()}
    for name, part in model.named_modules():
        if isinstance(part, nn.Dropout):
            state[name] = repr(part.generator.bit_generator.state)
    return state


def loss_of(model: Callable[[mg.Tensor], mg.Tensor]) -> mg.Tensor:
    return mg.cross_entropy(model(mg.tensor(X)), Y)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_checkpointed_step_is_the_step(momentum: float | None) -> None:
    plain, recomputed = net(momentum=momentum), net(momentum=momentum)
    start = moved(plain)
    inner = mg.checkpointed(lambda x: recomputed.layers[2](recomputed.layers[1](x)))
    outer = mg.checkpointed(
        lambda x: recomputed.layers[4](recomputed.layers[3](inner(recomputed.layers[0](x))))  # one inside another
    )
    for _ in range(2):
        for model, call in ((plain, plain), (recomputed, outer)):
            model.zero_grad()
            loss_of(call).backward()
        assert moved(plain) == moved(recomputed) != start
        for a, b in zip(plain.parameters(), recomputed.parameters(), strict=True):
            assert a.grad is not None
            assert b.grad is not None
            np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())


def test_a_state_that_the_output_depends_on_is_put_back_for_the_second_run() -> None:
    count, rng = mg.tensor(0.0), np.random.default_rng(1)

    @mg.checkpointed
    def counted(x: mg.Tensor) -> mg.Tensor:
        count[...] = count + 1.0
        return x * x * count

    x = mg.tensor(3.0, requires_grad=True)
    (counted(x) + counted(x)).backward()  # 1 x^2 + 2 x^2
    assert count.item() == 2.0
    assert x.grad is not None
    assert x.grad.item() == 18.0
    unseen = mg.checkpointed(lambda x: x * rng.random())
    with pytest.raises(GradientError, match="gave other values"):
        unseen(x).backward()


LEAVE_NO_TRACE: dict[str, Callable[[Any], object]] = {
    "gradcheck": lambda model: mg.gradcheck(model, X),
    "gradcheck of a loss": lambda model: mg.gradcheck(lambda x: mg.cross_entropy(model(x), Y), X),
    "check_gradients": lambda model: mg.check_gradients(model, "softmax", (X, Y)),
    "evaluate": lambda model: train.evaluate(model, (X, Y), "softmax", batch_size=5),
    "summary": lambda model: str(model.summary(mg.tensor(X))),
}


@pytest.mark.parametrize("name", LEAVE_NO_TRACE)
def test_what_looks_at_a_model_leaves_no_trace(name: str) -> None:
    model = net()
    before, weights = moved(model), model.state_dict()
    LEAVE_NO_TRACE[name](model)
    assert moved(model) == before
    assert all(np.array_equal(weights[n], w) for n, w in model.state_dict().items())
    assert model.training


ONE_FORWARD: dict[str, Callable[[Callable[[Any], Any]], object]] = {
    "grad": lambda f: mg.grad(f)(X),
    "value_and_grad": lambda f: mg.value_and_grad(f)(X),
    "vjp": lambda f: mg.vjp(f, X),
    "jvp": lambda f: mg.jvp(f, (X,), (X,)),
    "hvp": lambda f: mg.hvp(f, (X,), (X,)),
    "hessian": lambda f: mg.hessian(f)(X[:3]),
    "jacobian": lambda f: mg.jacobian(f)(X[:3]),
}


@pytest.mark.parametrize("name", ONE_FORWARD)
def test_derivatives_of_every_order_pass_forward_once(name: str) -> None:
    count = mg.tensor(0.0)

    def counted(x: mg.Tensor) -> mg.Tensor:
        count[...] = count + 1.0
        return mg.sum(x * x)

    ONE_FORWARD[name](counted)
    assert count.item() == 1.0


def test_an_optimizer_that_evaluates_often_moves_them_once() -> None:
    model, once, calls = net(), net(), [0]

    def loss() -> mg.Tensor:
        calls[0] += 1
        return loss_of(model)

    loss_of(once)
    import_plugin("minigrad_newton")
    mg.optimizer("l-bfgs", model.parameters()).step(loss)
    assert calls[0] > 1
    assert moved(model) == moved(once)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_program_moves_them_as_eager_steps_do(momentum: float | None) -> None:
    eager, defined = net(momentum=momentum), net(momentum=momentum)

    @mg.define
    def step(x: mg.Tensor) -> mg.Tensor:
        return mg.sum(defined(x))

    for k in range(1, 4):  # the first call traces
        eager(mg.tensor(X))
        step(mg.tensor(X))
        ours, theirs = moved(defined), moved(eager)
        for name in theirs:
            if not name.endswith(("running_mean", "running_var")):
                assert ours[name] == theirs[name], k
        np.testing.assert_allclose(
            defined.state_dict()["layers.1.running_var"], eager.state_dict()["layers.1.running_var"], rtol=1e-5
        )


class Overflow(nn.Module):
    """Infinite from the second batch on."""

    def __init__(self) -> None:
        self.scale = mg.tensor(np.ones((), np.float32))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        if self.training:
            self.scale[...] = self.scale * 1e30
        return x * self.scale


@pytest.mark.parametrize("eager", [False, True])
def test_a_step_that_fails_moves_nothing(eager: bool) -> None:
    model = net(Overflow())
    after: list[dict[str, object]] = [moved(model)]

    class Note(train.Callback):
        def on_step(self, run: Any, step: Any) -> None:
            after.append(moved(model))

    with np.errstate(all="ignore"), pytest.raises(train.NonFiniteError):
        train.fit(model, (X, Y), epochs=3, batch_size=8, eager=eager, checks=False, callbacks=[Note()], quiet=True)
    assert moved(model) == after[-1]
