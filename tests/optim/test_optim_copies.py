"""Copies of an optimizer: with its model a copy goes the same way to the bit; alone it is refused."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim

Pair = tuple[nn.Module, optim.StatefulOptimizer]

BATCH = np.linspace(-1, 1, 12).reshape(4, 3)
LABELS = np.array([0, 1, 0, 1])


def train(pair: Pair, steps: int) -> None:
    model, optimizer = pair
    for _ in range(steps):
        optimizer.zero_grad()
        mg.cross_entropy(model(BATCH), LABELS).backward()
        optimizer.step()
        optimizer.report(1.0)


def set_by_hand(optimizer: optim.StatefulOptimizer) -> None:
    optimizer.set(lr=0.02)


def freeze_biases(optimizer: optim.StatefulOptimizer) -> None:
    optimizer.freeze("*.bias")


def add_a_parameter(optimizer: optim.StatefulOptimizer) -> None:
    optimizer.add({"extra": mg.Tensor(np.ones(2), requires_grad=True)}, lr=0.5)


def leave(optimizer: optim.StatefulOptimizer) -> None:
    """Change nothing."""


@pytest.mark.parametrize("change", [leave, set_by_hand, freeze_biases, add_a_parameter])
@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("adam", {"average": optim.Ema(rate=0.9)}),
        ("momentum", {"lr": optim.ReduceOnPlateau(0.1, patience=1)}),
        ("sgd", {"lr": 0.1, "accumulate": 2}),
        ("rmsprop", {"groups": [optim.Group("*.bias", lr=0.002)], "clip": optim.ClipNorm(0.1)}),
        ("adagrad", {"lookahead": optim.LookAhead(2, 0.5)}),
    ],
)
def test_a_copied_pair_trains_to_the_same_bits(
    rule: str, options: dict[str, object], change: Callable[[optim.StatefulOptimizer], None]
) -> None:
    model = nn.mlp(3, [4], 2, rng=0).astype(np.float64)
    optimizer = mg.optimizer(rule, model.named_parameters(), missing="zero", **options)  # type: ignore[arg-type]
    train((model, optimizer), 4)
    change(optimizer)
    twins = copy.deepcopy((model, optimizer))
    train(twins, 5)
    untouched = {name: value.copy() for name, value in model.state_dict().items()}
    train((model, optimizer), 5)
    for name, value in twins[0].state_dict().items():
        np.testing.assert_array_equal(value, model.state_dict()[name], err_msg=name)
        assert not np.array_equal(untouched[name], value) or (change is freeze_biases and "bias" in name)
    np.testing.assert_equal(twins[1].state_dict(), optimizer.state_dict())


def test_copies_on_the_same_parameters_and_pickles_are_refused() -> None:
    optimizer = mg.optimizer("adam", [mg.Tensor(np.ones(3), requires_grad=True)])
    with pytest.raises(optim.OptimizerError, match="deepcopy"):
        copy.copy(optimizer)
    with pytest.raises(optim.OptimizerError, match=r"checkpoint\.save"):
        pickle.dumps(optimizer)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("param_groups", "hyperparameters"),
        ("state", "state_dict"),
        ("lr", "hyperparameters"),
        ("beta1", "hyperparameters"),
        ("zero_gradd", "Did you mean 'zero_grad'"),
        ("nothing_like_it", "has no 'nothing_like_it'"),
    ],
)
def test_attributes_known_from_elsewhere_have_hints(name: str, hint: str) -> None:
    optimizer = mg.optimizer("adam", [mg.Tensor(np.ones(3), requires_grad=True)])
    with pytest.raises(AttributeError, match=hint):
        getattr(optimizer, name)
