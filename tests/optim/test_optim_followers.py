"""Averaged and slow weights, schedules by their formulas, and state that migrates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, cast

import attrs
import numpy as np
import pytest

from minigrad.core import Tensor, tensor
from minigrad.optim import (
    Chain,
    Constant,
    Cosine,
    Ema,
    Exponential,
    HyperparameterError,
    InverseTime,
    Linear,
    LookAhead,
    Moment,
    Need,
    Objective,
    OneCycle,
    OptimizerError,
    Piecewise,
    Schedule,
    Stair,
    StateError,
    Swa,
    WarmUp,
)
from minigrad.optim.runner import UpdateRule
from minigrad.optim.state import Leaf
from minigrad.optim.stateful.buckets import named_parameters
from minigrad.optim.stateful.optimizer import StatefulOptimizer
from minigrad.optim.stateful.param_groups import OptimizerOptions, ParamGroup
from minigrad.typing import Array
from support.optim_problems import build


def walk(opt: StatefulOptimizer, w: Tensor, gradients: list[float]) -> list[float]:
    seen = []
    for g in gradients:
        opt.zero_grad()
        w.backward([g])
        opt.step()
        seen.append(float(w.numpy()[0]))
    return seen


@pytest.mark.parametrize(
    ("average", "weights"),
    [
        (Swa(), [1.0, 1.0, 1.0, 1.0, 1.0]),
        (Swa(start=3), [0.0, 0.0, 1.0, 1.0, 1.0]),
        (Swa(start=2, every=3), [0.0, 1.0, 0.0, 0.0, 1.0]),
        (Ema(rate=0.5), [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0]),
        (Ema(0.5), [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0]),
        (Swa(2, 3), [0.0, 1.0, 0.0, 0.0, 1.0]),
    ],
)
def test_averages_are_weighted_means_of_the_path(average: object, weights: list[float]) -> None:
    w = tensor([0.0], requires_grad=True)
    opt = build("sgd", [w], lr=1.0, average=average)
    path = walk(opt, w, [1.0, -3.0, 2.0, 5.0, -1.0])
    before = w.numpy()
    with opt.averaged():
        np.testing.assert_allclose(w.numpy(), np.average(path, weights=weights), rtol=1e-14)
    assert np.array_equal(w.numpy(), before)


def test_averages_are_undone_by_an_exception_and_asked_for_too_early() -> None:
    w = tensor([0.0], requires_grad=True)
    opt = build("sgd", [w], lr=1.0, average=Swa())
    with pytest.raises(OptimizerError, match="no average yet"), opt.averaged():
        pass
    walk(opt, w, [1.0, 1.0])

    def fail() -> None:
        with opt.averaged():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert w.numpy().tolist() == [-2.0]


def test_look_ahead_returns_half_way() -> None:
    """Slow weights 0; two steps of -1 lead to -2, half way is -1; two more lead to -3, half way is -2."""
    w = tensor([0.0], requires_grad=True)
    opt = build("sgd", [w], lr=1.0, lookahead=LookAhead(every=2, pull=0.5))
    assert walk(opt, w, [1.0] * 4) == [-1.0, -1.0, -2.0, -2.0]


def test_followers_survive_saving_to_the_last_bit() -> None:
    options = {"lr": 0.1, "average": Ema(rate=0.9), "lookahead": LookAhead(every=3)}
    w = tensor([0.3], requires_grad=True)
    opt = build("adam", {"w": w}, **options)
    walk(opt, w, [1.0, -0.5, 2.0, 0.7])
    v = tensor(w.numpy(), requires_grad=True)
    other = build("adam", {"w": v}, **options)
    other.load_state_dict(opt.state_dict())
    assert walk(opt, w, [1.0, 1.0, 1.0]) == walk(other, v, [1.0, 1.0, 1.0])
    with opt.averaged(), other.averaged():
        assert w.numpy().tobytes() == v.numpy().tobytes()
    with pytest.raises(StateError, match=r"followers.*unexpected 'average'"):
        build("adam", {"w": tensor([0.3], requires_grad=True)}).load_state_dict(opt.state_dict())


@pytest.mark.parametrize("options", [{"average": 0.99}, {"lookahead": 5}])
def test_wrong_followers_are_named(options: dict[str, object]) -> None:
    with pytest.raises(HyperparameterError, match=r"must be (Ema or Swa|LookAhead)"):
        build("adam", [tensor([0.3], requires_grad=True)], **options)


def _torch_one_cycle(peak: float, steps: int) -> list[float]:
    """PyTorch's own description: cosine between lr at steps 0, 0.3 n - 1 and n - 1."""
    marks = [(0.0, peak / 25), (0.3 * steps - 1, peak), (steps - 1.0, peak / 25e4)]
    values = []
    for k in range(steps):
        (x0, y0), (x1, y1) = (marks[0], marks[1]) if k <= marks[1][0] else (marks[1], marks[2])
        values.append(y1 + (y0 - y1) / 2 * (1 + math.cos(math.pi * (k - x0) / (x1 - x0))))
    return values


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(0.5), [0.5] * 5),
        (Linear(1.0, 0.0, 4), [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]),
        (Stair(8.0, 0.5, 2), [8.0, 8.0, 4.0, 4.0, 2.0]),
        (Exponential(1.0, 0.5), [1.0, 0.5, 0.25]),
        (InverseTime(1.0, 1.0), [1.0, 1 / 2, 1 / 3]),
        (Cosine(2.0, 2, 1.0), [2.0, 1.5, 1.0, 1.0]),
        (Piecewise((2, 4), (1.0, 2.0, 3.0)), [1.0, 2.0, 2.0, 3.0]),
        (WarmUp(Linear(1.0, 0.0, 2), 3), [0.25, 0.5, 0.75, 1.0, 0.5, 0.0]),
        (Chain((Constant(1.0), Linear(5.0, 4.0, 1)), (2,)), [1.0, 1.0, 5.0, 4.0, 4.0]),
        (OneCycle(1.0, 20), _torch_one_cycle(1.0, 20)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_schedules_by_their_formulas(schedule: Schedule, expected: list[float]) -> None:
    np.testing.assert_allclose(schedule.values(len(expected)), expected, rtol=1e-14, atol=1e-300)
    assert repr(schedule).startswith(type(schedule).__name__)


@pytest.mark.parametrize(
    "make", [lambda: Piecewise((3, 2), (1.0, 1.0, 1.0)), lambda: Chain((Constant(1.0),), (1,)), lambda: Linear(steps=0)]
)
def test_impossible_schedules_are_refused(make: object) -> None:
    with pytest.raises(HyperparameterError):
        make()  # type: ignore[operator]


@attrs.frozen
class NewState:
    mean: Moment


@attrs.frozen
class Reformed:
    """Its first release called the mean `m` and kept no weight."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()
    state_version: ClassVar[int] = 2

    def init(self, w: Array) -> NewState:
        return NewState(Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: NewState, t: int) -> tuple[Array, NewState]:
        mean = state.mean.update(f.grad, 0.5)
        return w - mean.corrected, NewState(mean)

    def migrate(self, version: int, tree: Mapping[str, Leaf]) -> Mapping[str, Leaf]:
        assert version == 1
        return {"mean.total": tree["m"], "mean.weight": 0.75, "mean.scale": 1.0}


def test_state_of_an_earlier_release_is_migrated() -> None:
    w = tensor([0.0, 1.0], requires_grad=True)
    opt = StatefulOptimizer(
        "reformed (x 2.0)",
        [ParamGroup(named_parameters({"w": w}), cast(UpdateRule, Reformed()), {})],
        OptimizerOptions(),
    )
    old: dict[str, object] = dict(opt.state_dict())
    for name in ("state/w/mean.total", "shared/0.float64/mean.weight", "shared/0.float64/mean.scale"):
        del old[name]
    opt.load_state_dict({**old, "state_version": 1, "t": 2, "state/w/m": np.array([3.0, -1.0])})
    again = opt.state_dict()
    assert (again["t"], again["state_version"], again["shared/0.float64/mean.weight"]) == (2, 2, 0.75)
    np.testing.assert_array_equal(again["state/w/mean.total"], [3.0, -1.0])
