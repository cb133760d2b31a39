"""Every layer, loss and first-party optimizer trains by a program as it does eagerly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from _pytest.mark.structures import ParameterSet

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


def in_turn(modes: int) -> list[ParameterSet]:
    """Every case in one mode, training and evaluation in turn; in the other as a soak."""
    pairs = [(case, k % 2 == turn) for k, case in enumerate(CASES) for turn in range(modes)]
    return [
        pytest.param(case, training, id=f"{case.name}-{'train' if training else 'eval'}",
            marks=[pytest.mark.soak] if k % modes else [])
        for k, (case, training) in enumerate(pairs)
    ]  # fmt: skip


@pytest.mark.parametrize(("case", "training"), in_turn(2))
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


Made = tuple[Module, mg.optim.StatefulOptimizer, Callable[[mg.Tensor, mg.Tensor], mg.Tensor]]


def made(problem: Problem, rule: str) -> Made:
    """A model, its optimizer and a training step."""
    model = problem.model()
    opt = mg.optimizer(rule, model.named_parameters(), lr=problem.lr)

    def step(x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return model, opt, step


def gap(problem: Problem, rule: str, steps: int) -> float:
    """The largest difference of a loss or gradient between program and eager, each step begun at the same numbers.

    (At an entry whose gradient is rounding alone, RMSprop and Adagrad divide 1e-17 by their eps: what differs in the
    last bit differs by lr 1e-17 / eps after the step, which has nothing to do with programs.) Given its own gradients,
    the program's update must be the optimizer's to the last bit.
    """
    (model, opt, eager), (twin, twin_opt, step), (third, third_opt, _) = (made(problem, rule) for _ in range(3))
    program = mg.define(step)
    worst = 0.0
    for x, y in problem.batches(steps):
        a, b = eager(mg.tensor(x), mg.tensor(y)).item(), program(mg.tensor(x), mg.tensor(y)).item()
        worst = max(worst, abs(a - b))
        third_opt.zero_grad()
        for p, q, r in zip(model.parameters(), twin.parameters(), third.parameters(), strict=True):
            assert p.grad is not None
            assert q.grad is not None
            worst = max(worst, float(np.abs(p.grad.numpy() - q.grad.numpy()).max()))
            r.backward(q.grad)
        third_opt.step()
        for q, r in zip(twin.parameters(), third.parameters(), strict=True):
            assert q.numpy().tobytes() == r.numpy().tobytes()
        for other, other_opt in ((twin, twin_opt), (third, third_opt)):
            other.load_state_dict(model.state_dict())
            other_opt.load_state_dict(opt.state_dict())
    assert program.traces == 1
    return worst


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    assert gap(MODELS[name], MODELS[name].rule, 15) < 1e-12


@pytest.mark.soak
@pytest.mark.parametrize("rule", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_models_over_200_steps(name: str, rule: str) -> None:
    assert gap(MODELS[name], rule, 200) < 1e-12


RUN = """
import resource
import numpy as np
import minigrad as mg
from minigrad import nn

model = nn.mlp(6, [8], 3, rng=0)
opt = mg.optimizer("adam", model.named_parameters())

@mg.define
def step(x, y):
    opt.zero_grad()
    loss = nn.cross_entropy(model(x), y)
    loss.backward()
    opt.step()
    return loss

rng = np.random.default_rng(0)
batches = [(mg.tensor(rng.normal(size=(4, 6))), mg.tensor(rng.integers(0, 3, 4))) for _ in range(10)]
peaks = []
for rounds in (1_000, 10_000):
    for x, y in batches * rounds:
        step(x, y)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[1] - peaks[0], step.traces, opt.t)
"""


@pytest.mark.soak
def test_memory_is_flat_over_100_000_steps() -> None:
    # In a process of its own: other tests leave holes in memory that fill at any time.
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    grown, traces, steps = map(int, done.stdout.split())
    assert grown < 256  # KiB
    assert (traces, steps) == (1, 110_000)
