"""Rules over rules, and the velocity when the rate changes: against the same written out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim import (
    HyperparameterError,
    Linear,
    Objective,
    Piecewise,
    StatefulOptimizer,
    UnknownOptimizer,
    load,
)
from minigrad.optim import LookAhead as DriverLookAhead
from minigrad.optim.composition import compose
from minigrad.optim.loading import find, load_entry
from minigrad.optim.runner import RuleRunner
from minigrad.typing import Array

NAMES = ("cautious", "look-ahead", "sharpness-aware")
H = np.diag([1.0, 3.0, 10.0])


def train(opt: StatefulOptimizer, w: mg.Tensor, steps: int) -> list[Array]:
    path = []
    for _ in range(steps):
        opt.step(lambda: 0.5 * mg.sum(w * (mg.tensor(H) @ w)))
        path.append(w.numpy())
    return path


def leaf() -> mg.Tensor:
    return mg.tensor(np.array([1.0, -2.0, 0.5]), requires_grad=True)


def test_look_ahead_over_adam_is_what_the_driver_makes_of_adam() -> None:
    a, b = leaf(), leaf()
    over = mg.optimizer("look-ahead", [a], over="adam", every=3, pull=0.25, lr=0.1)
    driver = mg.optimizer("adam", [b], lookahead=DriverLookAhead(every=3, pull=0.25), lr=0.1)
    np.testing.assert_allclose(train(over, a, 10), train(driver, b, 10), rtol=1e-13)


def test_sharpness_aware_over_momentum_is_sam() -> None:
    a, b = leaf(), leaf()
    over = mg.optimizer("sharpness-aware", [a], over="momentum", lr=0.01, momentum=0.9, rho=0.05)
    sam = mg.optimizer("sam", [b], lr=0.01, momentum=0.9, rho=0.05)
    np.testing.assert_array_equal(train(over, a, 10), train(sam, b, 10))


def test_cautious_over_lion_is_cautious_lion() -> None:
    a, b = leaf(), leaf()
    over = mg.optimizer("cautious", [a], over="lion", lr=0.02)
    lion = mg.optimizer("cautious-lion", [b], lr=0.02)
    np.testing.assert_allclose(train(over, a, 10), train(lion, b, 10), rtol=1e-13)


@pytest.mark.parametrize("outer", NAMES)
@pytest.mark.parametrize("inner", ["adamw", "muon", "adafactor", "schedule-free", "l-bfgs"])
def test_states_resume_to_the_last_bit(outer: str, inner: str) -> None:
    def params() -> dict[str, mg.Tensor]:
        rng = np.random.default_rng(0)
        return {k: mg.tensor(rng.standard_normal(s), requires_grad=True) for k, s in (("m", (4, 3)), ("b", (3,)))}

    def loss(p: dict[str, mg.Tensor]) -> Callable[[], mg.Tensor]:
        return lambda: mg.sum((p["m"] * 2.0 + p["b"] - 3.0) ** 2) + mg.sum(p["m"] ** 4)

    first = params()
    opt = mg.optimizer(outer, first, over=inner)
    for _ in range(4):
        opt.step(loss(first))
    second = {name: mg.tensor(first[name].numpy(), requires_grad=True) for name in first}
    other = mg.optimizer(f"{outer}/{inner}", second)
    other.load_state_dict(opt.state_dict())
    for _ in range(4):
        opt.step(loss(first))
        other.step(loss(second))
    assert all(first[name].numpy().tobytes() == second[name].numpy().tobytes() for name in first)
    assert opt.has_average == (inner == "schedule-free")


def test_hyperparameters_of_both_are_addressed_scheduled_and_changed() -> None:
    w = leaf()
    opt = mg.optimizer("sharpness-aware", [w], over=("look-ahead", "look-ahead", "momentum"), rho=Linear(0.1, 0.0, 10),
                       every=2, inner_every=7, lr=0.1)  # fmt: skip
    opt.set(momentum=0.5, inner_pull=0.75)
    shown = opt.hyperparameters[0]
    assert (shown["rho"], shown["every"], shown["inner_every"]) == (0.1, 2, 7)
    assert (shown["momentum"], shown["pull"], shown["inner_pull"]) == (0.5, 0.5, 0.75)
    assert opt.name.startswith("sharpness-aware/look-ahead/look-ahead/momentum (minigrad-modern")
    with pytest.raises(HyperparameterError, match="Adam is no rule over another"):
        mg.optimizer("adam", [leaf()], over="sgd")
    with pytest.raises(HyperparameterError, match=r"LookAhead_over_Adam\.lr must be"):
        mg.optimizer("look-ahead", [leaf()], over="adam", lr=-1.0)
    with pytest.raises(UnknownOptimizer, match="Did you mean 'adam'"):
        mg.optimizer("look-ahead", [leaf()], over="adm")
    assert compose(load_entry(find("look-ahead")), load("adam")) is load("look-ahead/adam")
    assert mg.optimizer("look-ahead", [leaf()], lr=0.5).hyperparameters[0]["lr"] == 0.5


@pytest.mark.parametrize("correction", [False, True])
def test_a_corrected_velocity_follows_the_rate(correction: bool) -> None:
    rates = {"lr": Piecewise((5, 9), (0.1, 0.01, 0.2))}
    gs = np.random.default_rng(1).standard_normal((12, 3))
    inside = RuleRunner("m", load("momentum")(lr_inside=True, correction=correction), np.zeros(3), rates)
    outside = RuleRunner("m", load("momentum")(), np.zeros(3), rates)
    for t, g in enumerate(gs, start=1):
        inside.step(Objective(g), t)
        outside.step(Objective(g), t)
        assert np.allclose(inside.w, outside.w, rtol=1e-12) == (correction or t < 5)


def test_a_rate_of_zero_keeps_the_velocity() -> None:
    rates = {"lr": Piecewise((3, 5), (0.1, 0.0, 0.1))}
    runner = RuleRunner("m", load("momentum")(lr_inside=True, correction=True, momentum=0.5), np.zeros(1), rates)
    path = []
    for t in range(1, 7):
        runner.step(Objective(np.ones(1)), t)
        path.append(float(runner.w[0]))
    assert path[1] == path[2] == path[3]
    assert path[4] < path[3]


class _Centred(optim.Clip):
    """Gradients without their mean, as gradient centralization has it."""

    def __call__(self, gradients: Sequence[Array], weights: object, layouts: object) -> list[Array]:
        return [np.asarray(g - g.mean()) for g in gradients]


def _moved(clip: Any) -> Array:
    w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    opt = mg.optimizer("sgd", [w], lr=1.0, clip=clip)
    w.backward(np.array([3.0, -4.0, 7.0]))
    opt.step()
    step: Array = np.array([1.0, 2.0, 3.0]) - w.numpy()
    return step


def test_clips_are_applied_in_turn() -> None:
    first, second = optim.ClipNorm(0.5), optim.ClipValue(0.3)
    g = np.array([3.0, -4.0, 7.0])
    np.testing.assert_allclose(_moved([first, second]), np.clip(0.5 * g / np.linalg.norm(g), -0.3, 0.3))
    np.testing.assert_allclose(_moved((second, first)), np.array([0.5, -0.5, 0.5]) / np.sqrt(3.0))
    np.testing.assert_allclose(_moved([_Centred(), optim.ClipValue(4.0)]), np.clip(g - 2.0, -4.0, 4.0))
    np.testing.assert_array_equal(_moved([first]), _moved(first))
    np.testing.assert_array_equal(_moved([optim.ClipChain((first,)), second]), _moved([first, second]))
    np.testing.assert_array_equal(_moved([]), g)
    with pytest.raises(HyperparameterError, match=r"clip\[1\] must be ClipNorm.*got 1\.0") as caught:
        _moved([first, 1.0])
    assert len(str(caught.value)) < 300
