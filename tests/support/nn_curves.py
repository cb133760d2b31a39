"""Four small models with fixed float64 weights and batches, for loss curves that two frameworks must share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import attrs
import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor, tensor
from minigrad.nn.layers.container import Layer
from minigrad.typing import Array

STEPS = 100
SEED = 11


@attrs.frozen
class Problem:
    """A model, how its batches are drawn, and the rule that trains it."""

    build: Callable[[], nn.Sequential]
    inputs: Callable[[np.random.Generator], Array]
    targets: Callable[[np.random.Generator, Array], Array]
    rule: str
    lr: float

    def model(self) -> nn.Sequential:
        """The model at the start, in float64."""
        with nn.seeded(SEED):
            return self.build().astype(np.float64)

    def batches(self, steps: int) -> Iterator[tuple[Array, Array]]:
        """Inputs and labels, the same at every call."""
        rng = np.random.default_rng(SEED)
        for _ in range(steps):
            x = self.inputs(rng)
            yield x, self.targets(rng, x)


def _rows(rng: np.random.Generator) -> Array:
    return rng.normal(size=(16, 12))


def _images(rng: np.random.Generator) -> Array:
    return rng.normal(size=(8, 1, 10, 10))


def _text(rng: np.random.Generator) -> Array:
    return rng.integers(0, 9, (6, 12))  # type: ignore[return-value]


def _class_of_rows(rng: np.random.Generator, x: Array) -> Array:
    """Which of five fixed directions a row points along most: learnable, so that the curves fall."""
    directions = np.random.default_rng(0).normal(size=(x[0].size, 5))
    labels: Array = np.argmax(x.reshape(len(x), -1) @ directions, axis=1)
    return labels


def _largest_so_far(rng: np.random.Generator, x: Array) -> Array:
    labels: Array = np.maximum.accumulate(x, axis=1)
    return labels


def _mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 15), nn.ReLU(), nn.Linear(15, 5))


def _conv() -> nn.Sequential:
    layers: list[Layer] = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(4, 6, 3, stride=2), nn.GELU(), nn.Flatten(), nn.Linear(24, 5)]
    return nn.Sequential(*layers)


def _lstm() -> nn.Sequential:
    return nn.Sequential(nn.Embedding(9, 6), nn.LSTM(6, 16), nn.Linear(16, 9))


def _transformer() -> nn.Sequential:
    blocks = [nn.TransformerBlock(12, 3, causal=True) for _ in range(2)]
    return nn.Sequential(nn.Embedding(9, 12), *blocks, nn.LayerNorm(12), nn.Linear(12, 9))


PROBLEMS: Mapping[str, Problem] = {
    "mlp": Problem(_mlp, _rows, _class_of_rows, "sgd", 0.1),
    "conv net": Problem(_conv, _images, _class_of_rows, "momentum", 0.02),
    "lstm": Problem(_lstm, _text, _largest_so_far, "adam", 1e-2),
    "transformer": Problem(_transformer, _text, _largest_so_far, "adam", 3e-3),
}


def curve(problem: Problem, steps: int, defined: bool = False) -> list[float]:
    """The loss before each step, by minigrad: eagerly, or by a defined program."""
    model = problem.model()
    optimizer = mg.optimizer(problem.rule, model.named_parameters(), lr=problem.lr)

    def step(x: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    run = mg.define(step) if defined else step
    return [run(tensor(x), tensor(labels)).item() for x, labels in problem.batches(steps)]
