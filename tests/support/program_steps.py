"""Training steps for the tests of defined programs: the same step eager and defined, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import DTypeLike

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array, IndexArray
from minigrad.optim import StatefulOptimizer

Step = Callable[[Array, IndexArray], mg.Tensor]


def with_gradients(value: Callable[..., mg.Tensor], count: int) -> Callable[..., list[mg.Tensor]]:
    """A step that returns `value` of its arguments and the gradients for the first `count` of them."""

    def step(*arrays: Array | mg.Tensor) -> list[mg.Tensor]:
        found, grads = mg.value_and_grad(value, argnums=tuple(range(count)))(*arrays)
        return [cast(mg.Tensor, found), *cast(tuple[mg.Tensor, ...], grads)]

    return step


def model_and_optimizer(
    sizes: tuple[int, list[int], int] = (12, [16], 5),
    name: str = "adam",
    dtype: DTypeLike = np.float64,
    activation: str = "relu",
) -> tuple[nn.Sequential, StatefulOptimizer]:
    """A small MLP and an optimizer for it, the same at every call."""
    model = nn.mlp(*sizes, activation=activation, rng=0).astype(dtype)
    return model, mg.optimizer(name, model.named_parameters(), lr=1e-2)


def step_of(model: nn.Sequential, opt: StatefulOptimizer) -> Step:
    """zero_grad, forward, backward, step."""

    def step(x: Array, labels: IndexArray) -> mg.Tensor:
        opt.zero_grad()
        loss: mg.Tensor = mg.cross_entropy(model(mg.tensor(x) if isinstance(x, np.ndarray) else x), labels)
        loss.backward()
        opt.step()
        return loss

    return step


def batches(count: int, rows: int = 24, inputs: int = 12, classes: int = 5) -> Iterator[tuple[Array, IndexArray]]:
    """Random batches, the same at every call."""
    rng = np.random.default_rng(7)
    for _ in range(count):
        yield rng.standard_normal((rows, inputs)), rng.integers(0, classes, rows)


def weights(model: nn.Sequential) -> list[Array]:
    """Copies of all parameters."""
    return [p.numpy().copy() for p in model.parameters()]


def largest_difference(a: Sequence[Array], b: Sequence[Array]) -> float:
    """The largest difference between entries."""
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True))
