"""Every layer, loss and first-party optimizer trains by a program as it does eagerly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array
from minigrad.nn import Module
from support.nn_cases import CASES, Case
from support.nn_curves import PROBLEMS, Problem

OPTIMIZERS = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
Pair = tuple[mg.Tensor, mg.Tensor]


def layer_step(layer: Module) -> Callable[[mg.Tensor, mg.Tensor], Pair]:
    """A step that trains a layer on <y, w> + mean y^2."""
    opt = mg.optimizer("sgd", layer.named_parameters(), lr=0.01) if layer.parameters() else None

    def step(x: mg.Tensor, w: mg.Tensor) -> Pair:
        if opt is not None:
            opt.zero_grad()
        y = layer(x)
        loss = (y * w).sum() + (y * y).mean()
        if opt is not None:
            loss.backward()
            opt.step()
        return loss, y

    return step


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_layers(case: Case, training: bool) -> None:
    layer, twin = case.layer().train(training), case.layer().train(training)
    shape = case.layer()(mg.tensor(case.input())).shape
    eager, program = layer_step(layer), mg.define(layer_step(twin))
    w = np.random.default_rng(9).normal(size=shape)
    for k in range(3):
        x = case.input(k + 1)
        for a, b in zip(eager(mg.tensor(x), mg.tensor(w)), program(mg.tensor(x), mg.tensor(w)), strict=True):
            np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-12, atol=1e-12)
    assert program.traces == 1
    for name, value in layer.state_dict().items():
        np.testing.assert_allclose(twin.state_dict()[name], value, rtol=1e-12, atol=1e-12)


def _labels(rng: np.random.Generator) -> Array:
    return rng.integers(0, 4, 6)  # type: ignore[return-value]


def _counts(rng: np.random.Generator) -> Array:
    return rng.integers(0, 3, (6, 4))  # type: ignore[return-value]


def _distributions(rng: np.random.Generator) -> Array:
    p = rng.random((6, 4))
    p[0, 1] = 0.0
    rows: Array = p / p.sum(axis=1, keepdims=True)
    return rows


LOSSES: Mapping[str, tuple[nn.Loss, Callable[[np.random.Generator], Array]]] = {
    "softmax": (nn.SoftmaxCrossEntropy(), _labels),
    "softmax smoothed": (nn.SoftmaxCrossEntropy(0.2), _labels),
    "svm": (nn.WestonWatkins(0.7), _labels),
    "crammer singer": (nn.CrammerSinger(), _labels),
    "mse": (nn.MeanSquaredError(), lambda r: r.normal(size=(6, 4))),
    "mse of integers": (nn.MeanSquaredError(), _counts),
    "mae": (nn.MeanAbsoluteError(), lambda r: r.normal(size=(6, 4))),
    "huber": (nn.Huber(0.5), lambda r: r.normal(size=(6, 4))),
    "binary": (nn.BinaryCrossEntropy(), lambda r: r.random((6, 4))),
    "hinge": (nn.Hinge(), lambda r: np.where(r.random((6, 4)) < 0.5, -1.0, 1.0)),
    "kl": (nn.KLDivergence(), _distributions),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    loss, draw = LOSSES[name]
    rng = np.random.default_rng(1)
    w = mg.tensor(rng.normal(size=(5, 4)), requires_grad=True)

    def step(x: mg.Tensor, targets: mg.Tensor) -> mg.Tensor:
        w.zero_grad()
        value = loss(x @ w, targets)
        value.backward()
        return value

    program = mg.define(step)
    for _ in range(4):
        x, targets = mg.tensor(rng.normal(size=(6, 5))), mg.tensor(draw(rng))
        got = program(x, targets).item()
        assert w.grad is not None
        gradient = w.grad.numpy().copy()
        assert got == pytest.approx(step(x, targets).item(), rel=1e-12, abs=1e-14)
        np.testing.assert_allclose(gradient, w.grad.numpy(), rtol=1e-12, atol=1e-14)
    assert program.traces == 1


def _users(rng: np.random.Generator) -> Array:
    return rng.integers(0, 9, (16, 1))  # type: ignore[return-value]


def factorisation() -> nn.Sequential:
    """A matrix of 9 users and 5 items as the product of two thin ones, and a bias for each item."""
    return nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(3, 5))


MODELS = {**PROBLEMS, "factorisation": Problem(factorisation, _users, PROBLEMS["mlp"].targets, "adam", 0.01)}


def gap(problem: Problem, rule: str, steps: int) -> float:
    """The largest difference of a loss between program and eager, each step begun at the same parameters."""
    model, twin = problem.model(), problem.model()
    pair = []
    for m in (model, twin):
        opt = mg.optimizer(rule, m.named_parameters(), lr=problem.lr)

        def step(x: mg.Tensor, y: mg.Tensor, m: Module = m, opt: mg.optim.Driver = opt) -> mg.Tensor:
            opt.zero_grad()
            loss = nn.softmax_cross_entropy(m(x), y)
            loss.backward()
            opt.step()
            return loss

        pair.append(step)
    eager, program = pair[0], mg.define(pair[1])
    worst = 0.0
    for x, y in problem.batches(steps):
        for (_, p), (_, q) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
            assert np.abs(p.numpy() - q.numpy()).max() < 1e-9
        a, b = eager(mg.tensor(x), mg.tensor(y)), program(mg.tensor(x), mg.tensor(y))
        worst = max(worst, abs(a.item() - b.item()))
    assert program.traces == 1
    return worst


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    assert gap(MODELS[name], MODELS[name].rule, 15) < 1e-12


@pytest.mark.soak
@pytest.mark.parametrize("rule", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_models_over_200_steps(name: str, rule: str) -> None:
    assert gap(MODELS[name], rule, 200) < 1e-9


@pytest.mark.soak
def test_memory_is_flat_over_100_000_steps() -> None:
    import resource

    model = nn.mlp(6, [8], 3, rng=0)
    opt = mg.optimizer("adam", model.named_parameters())

    @mg.define
    def step(x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        loss = nn.softmax_cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    rng = np.random.default_rng(0)
    batches = [(mg.tensor(rng.normal(size=(4, 6))), mg.tensor(rng.integers(0, 3, 4))) for _ in range(10)]
    for x, y in batches * 1_000:
        step(x, y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for x, y in batches * 10_000:
        step(x, y)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512  # KiB
    assert step.traces == 1
