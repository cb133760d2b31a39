"""Twenty float64 steps of every rule against PyTorch, optax and the course notes' own formulas."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad.optim import InverseTime, Piecewise, Schedule, load
from minigrad.typing import Array
from support.optim_problems import PROBLEMS, golden, trajectory

Hyper = dict[str, float | bool | str]

NOTES = {"lr": 1e-3, "momentum": 0.9}
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
CASES: list[tuple[str, str, str, Hyper]] = [
    ("cs231n", "vanilla_sgd", "sgd", {"lr": 1e-3}),
    ("cs231n", "momentum", "momentum", {**NOTES}),
    ("cs231n", "momentum", "momentum", {**NOTES, "lr_inside": True}),
    ("cs231n", "nesterov_rewritten", "nesterov", {**NOTES}),
    ("cs231n", "nesterov_rewritten", "nesterov", {**NOTES, "lr_inside": True}),
    ("cs231n", "nesterov_lookahead", "nesterov", {**NOTES, "form": "lookahead"}),
    ("cs231n", "adagrad", "adagrad", {"lr": 0.1, "eps": 1e-8}),
    ("cs231n", "rmsprop0.9", "rmsprop", {"decay": 0.9}),
    ("cs231n", "rmsprop0.99", "rmsprop", {"decay": 0.99}),
    ("cs231n", "rmsprop0.999", "rmsprop", {"decay": 0.999}),
    ("cs231n", "adam_no_bias_correction", "adam", {**ADAM, "bias_correction": False}),
    ("cs231n", "adam_bias_correction", "adam", {**ADAM}),
    ("cs231n", "newton", "newton", {}),
    ("torch", "sgd", "sgd", {"lr": 1e-3}),
    ("torch", "momentum0.9", "momentum", {**NOTES}),
    ("torch", "momentum0.9_dampening0.5", "momentum", {**NOTES, "dampening": 0.5}),
    ("torch", "nesterov0.9", "nesterov", {**NOTES}),
    ("torch", "adagrad", "adagrad", {"lr": 0.1}),
    ("torch", "adagrad_eps1e-8", "adagrad", {"lr": 0.1, "eps": 1e-8}),
    ("torch", "rmsprop0.9", "rmsprop", {"decay": 0.9}),
    ("torch", "rmsprop0.99", "rmsprop", {}),
    ("torch", "rmsprop0.999", "rmsprop", {"decay": 0.999}),
    ("torch", "rmsprop0.99_eps0.1", "rmsprop", {"eps": 0.1}),
    ("torch", "rmsprop_centered_momentum", "rmsprop", {"centred": True, "momentum": 0.9}),
    ("torch", "adam", "adam", {"lr": 0.1}),
    ("torch", "adam_eps0.1", "adam", {"lr": 0.1, "eps": 0.1}),
    ("torch", "adam_amsgrad", "adam", {"lr": 0.1, "amsgrad": True}),
    ("torch", "adamw_0.1", "adamw", {"lr": 0.1, "weight_decay": 0.1}),
    ("optax", "momentum0.9", "momentum", {**NOTES}),
    ("optax", "rmsprop_bias_correction", "rmsprop", {"decay": 0.9, "bias_correction": True}),
    ("optax", "rmsprop0.9_eps_outside", "rmsprop", {"decay": 0.9}),
    ("optax", "adam", "adam", {"lr": 0.1}),
    ("optax", "adamw_0.1", "adamw", {"lr": 0.1, "weight_decay": 0.1}),
    ("torch", "nadam", "nadam", {"lr": 0.1}),
    ("torch", "radam", "radam", {}),
    ("torch", "adamax", "adamax", {"lr": 0.1}),
    ("optax", "adamax", "adamax", {"lr": 0.1}),
    ("torch", "adadelta", "adadelta", {}),
    ("optax", "adadelta", "adadelta", {}),
    ("torch", "rprop", "rprop", {}),
    ("torch", "adafactor", "adafactor", {}),
    ("optax", "lion", "lion", {"lr": 0.01, "weight_decay": 1e-3}),
    ("optax", "sign_sgd", "lion", {"lr": 0.01, "beta1": 0.0, "beta2": 0.0}),
    ("optax", "yogi", "yogi", {"initial_mean": 1e-6}),
    ("optax", "adabelief", "adabelief", {"lr": 0.1}),
    ("optax", "muon", "muon", {}),
]


def agree(found: Array, expected: object) -> None:
    wanted = np.asarray(expected, dtype=float).reshape(found.shape)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("library", "case", "name", "hyper"), CASES, ids=lambda v: str(v) if isinstance(v, str) else ""
)
def test_trajectory_matches(library: str, case: str, name: str, hyper: Hyper) -> None:
    problems = golden()[library][case]
    assert len(problems) >= (1 if name == "muon" else 2)
    for problem, iterates in problems.items():
        agree(trajectory(load(name)(**hyper), PROBLEMS[problem]), iterates)


def test_learning_rate_decay_is_a_schedule() -> None:
    rule = load("adagrad")(lr=0.1, initial=0.1)
    for problem, iterates in golden()["torch"]["adagrad_init0.1_lrdecay0.01"].items():
        agree(trajectory(rule, PROBLEMS[problem], schedules={"lr": InverseTime(0.1, 0.01)}), iterates)


@pytest.mark.parametrize(
    ("inside", "end"),
    [
        (True, [-0.15639827951846258, 0.8213326001149307, -0.7334203556209747]),
        (False, [0.11046290138386886, 0.4167345957542992, -0.10470460829439088]),
    ],
)
def test_momentum_forms_differ_when_the_rate_falls(inside: bool, end: list[float]) -> None:
    """The notes put lr inside the velocity, PyTorch outside: after a drop the former still coasts."""
    drop: Schedule = Piecewise((11,), (1e-3, 1e-4))
    rule = load("momentum")(lr=1e-3, lr_inside=inside)
    agree(trajectory(rule, PROBLEMS["lstsq5x3"], schedules={"lr": drop})[-1], end)
