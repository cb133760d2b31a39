"""minigrad: variants "eager", "defined", and "cc": defined, with the engine of minigrad-cc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

import minigrad as mg
from benchmarks.protocol import Batch, Numbers, Step, Training, Unsupported, parameters
from minigrad import engines, nn
from minigrad.optim import StatefulOptimizer
from minigrad.runtime.parameters import assign

Loss = Callable[[mg.Tensor, mg.Tensor], mg.Tensor]
P = ParamSpec("P")
R = TypeVar("R")


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The step of a case."""
    if variant == "cc" and "cc" not in engines.available():
        raise Unsupported("minigrad-cc is not installed")
    kind = case.split()[0]
    if kind in ("chain", "elementwise"):
        return _gradient(_chain if kind == "chain" else _elementwise, numbers, variant)
    if kind == "adam":
        return _adam(numbers, variant)
    if kind == "hessian":
        return _hessian(numbers, variant)
    return _with_data(_training_step(*_net(case, numbers)), numbers, variant)


def build_training(case: str, numbers: Numbers, variant: str) -> Training:
    """The training of a net."""
    if variant == "cc" and "cc" not in engines.available():
        raise Unsupported("minigrad-cc is not installed")
    model, opt = _net(case, numbers)
    run: Any = _run_as(_training_step(model, opt), variant)

    def forward(x: mg.Tensor) -> Any:
        return model(x)

    scores: Any = _run_as(forward, variant)

    def predict(x: Batch) -> Batch:
        with mg.no_grad():
            predicted: Batch = scores(mg.tensor(x)).numpy()
        return predicted

    return Training(run, predict)


def _net(case: str, numbers: Numbers) -> tuple[nn.Module, StatefulOptimizer]:
    makers: dict[str, Callable[[Numbers], tuple[nn.Module, StatefulOptimizer]]] = {
        "mlp": _mlp, "conv": _conv, "transformer": _transformer, "char-lstm": _lstm,
    }  # fmt: skip
    kind = case.split()[0]
    if kind not in makers:
        raise Unsupported(f"no case {case!r}")
    return makers[kind](numbers)


def _training_step(model: nn.Module, opt: StatefulOptimizer) -> Loss:
    def step(x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step


def _with_data(step: Loss, numbers: Numbers, variant: str) -> Step:
    x, y = mg.tensor(numbers["x"]), mg.tensor(numbers["y"])
    run = _run_as(step, variant)
    return lambda: run(x, y).item()


def _run_as(step: Callable[P, R], variant: str) -> Callable[P, R]:
    """The step as the variant runs it."""
    return step if variant == "eager" else mg.define(step, engine="cc" if variant == "cc" else "numpy")


def _filled(model: nn.Module, numbers: Numbers) -> nn.Module:
    for p, value in zip(model.parameters(), parameters(numbers), strict=True):
        assign(p, value)
    return model


def _mlp(numbers: Numbers) -> tuple[nn.Module, StatefulOptimizer]:
    weights = parameters(numbers)[::2]
    hidden = [w.shape[1] for w in weights[:-1]]
    model = _filled(nn.mlp(weights[0].shape[0], hidden, weights[-1].shape[1], rng=0), numbers)
    return model, mg.optimizer("adam", model.named_parameters(), lr=1e-3)


def _conv(numbers: Numbers) -> tuple[nn.Module, StatefulOptimizer]:
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1568, 10)]
    model = _filled(nn.Sequential(*layers), numbers)
    return model, mg.optimizer("sgd", model.named_parameters(), lr=0.05)


def _transformer(numbers: Numbers) -> tuple[nn.Module, StatefulOptimizer]:
    block = nn.TransformerBlock(128, 4, hidden=512, causal=True, rng=0)
    block.activation = nn.GELU("tanh")
    model = _filled(nn.Sequential(block, nn.Linear(128, 64, rng=0)), numbers)
    return model, mg.optimizer("adamw", model.named_parameters(), lr=1e-3, weight_decay=0.01)


def _lstm(numbers: Numbers) -> tuple[nn.Module, StatefulOptimizer]:
    model = nn.Sequential(nn.Embedding(64, 64, rng=0), nn.LSTM(64, 128, rng=0), nn.Linear(128, 64, rng=0))
    _filled(model, numbers)
    return model, mg.optimizer("adam", model.named_parameters(), lr=1e-3)


def _chain(x: mg.Tensor, w: mg.Tensor) -> mg.Tensor:
    for _ in range(500):
        x = x * 0.999 + 0.001
    return (x * w).sum()


def _elementwise(x: mg.Tensor, w: mg.Tensor) -> mg.Tensor:
    y: mg.Tensor = mg.gelu(mg.softplus(x), approximate="tanh")
    return (y * w).sum()


def _gradient(loss: Loss, numbers: Numbers, variant: str) -> Step:
    x = mg.tensor(numbers["x"], requires_grad=True)
    w = mg.tensor(numbers["w"])

    def step(v: mg.Tensor) -> mg.Tensor:
        x.zero_grad()
        value = loss(x, v)
        value.backward()
        return value

    run = _run_as(step, variant)
    return lambda: run(w).item()


def _adam(numbers: Numbers, variant: str) -> Step:
    if variant == "defined":
        raise Unsupported("the update alone is the same")
    weights = [mg.tensor(p, requires_grad=True) for p in parameters(numbers)]
    opt = mg.optimizer("adam", weights, lr=1e-3)
    for k, p in enumerate(weights):
        (p * mg.tensor(numbers[f"g{k}"])).sum().backward()
    opt.use_engine(engines.create_engine("cc" if variant == "cc" else "numpy"))

    def step() -> float:
        opt.step()
        return 0.0

    return step


def _hessian(numbers: Numbers, variant: str) -> Step:
    x, y = mg.tensor(numbers["x"]), mg.tensor(numbers["y"])

    def loss(p: mg.Tensor) -> mg.Tensor:
        h = mg.tanh(mg.matmul(x * p[195:200].mean(), p[:128].reshape(8, 16)) + p[128:144])
        return nn.cross_entropy(mg.matmul(h, p[144:192].reshape(16, 3)) + p[192:195], y)

    run = _run_as(lambda p: mg.hessian(loss)(p), variant)
    point = mg.tensor(numbers["p0"])
    return lambda: float(np.abs(np.asarray(run(point))).sum())
