"""Who holds the parameters: two optimizers, updates that overflow, averages kept by a rule, state versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.core import Tensor
from minigrad.optim import (
    Ema,
    Group,
    Moment,
    Need,
    NonFiniteParameters,
    NonFiniteWarning,
    Objective,
    OptimizerError,
    ParameterError,
    StateError,
    number,
)
from minigrad.optim.compiled.compiled_runner import LARGE
from minigrad.optim.runner import UpdateRule
from minigrad.optim.state import Leaf
from minigrad.optim.stateful.buckets import named_parameters
from minigrad.optim.stateful.optimizer import StatefulOptimizer
from minigrad.optim.stateful.param_groups import OptimizerOptions, ParamGroup
from minigrad.typing import Array


def push(opt: StatefulOptimizer, *parameters: Tensor, by: float = 1.0) -> None:
    """One step along a gradient of `by` everywhere."""
    opt.zero_grad()
    for p in parameters:
        p.backward(np.full(p.shape, by))
    opt.step()


def test_an_optimizer_whose_parameters_have_moved_on_says_so() -> None:
    a, b = mg.tensor([1.0, 2.0], requires_grad=True), mg.tensor([3.0], requires_grad=True)
    old = mg.optimizer("sgd", {"a": a, "b": b}, lr=0.5)
    push(old, a, b)
    new = mg.optimizer("sgd", {"b": b}, lr=0.5)
    assert b.numpy().tolist() == [2.5]
    for act in (lambda: push(old, a, b), lambda: old.step(lambda: mg.sum(a) + mg.sum(b)), lambda: old.averaged()):
        with pytest.raises(ParameterError, match=r"^'b' moved to an optimizer that was made after this one"):
            act()
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([0.5, 1.5], [2.5])
    push(new, b)
    assert b.numpy().tolist() == [2.0]


def test_one_parameter_in_two_live_optimizers_of_one_model_never_silently_stands_still() -> None:
    w = mg.tensor(1.0, requires_grad=True)
    first = mg.optimizer("adam", [w])
    second = mg.optimizer("adam", [w])
    second.load_state_dict(first.state_dict())
    push(second, w)
    with pytest.raises(ParameterError, match="load_state_dict"):
        push(first, w)


@pytest.mark.parametrize("size", [8, 2 * LARGE])
def test_an_update_that_overflows_is_undone_or_named(size: int) -> None:
    """Small vectors stay as they were; large ones are updated in place, and the error says that they are lost."""
    a = mg.tensor(np.full(size, 1e38), requires_grad=True, dtype=np.float32)
    b = mg.tensor(np.ones(size), requires_grad=True, dtype=np.float32)
    opt = mg.optimizer("sgd", {"a": a, "b": b}, lr=1e30)
    opt.zero_grad()
    a.backward(np.full(size, -1e9, np.float32))
    b.backward(np.zeros(size, np.float32))
    with np.errstate(over="ignore"):
        if size == 8:
            with pytest.warns(NonFiniteWarning, match="would make 'a' infinite"):
                assert opt.step().skipped
            assert np.all(a.numpy() == np.float32(1e38))
        else:
            with pytest.raises(NonFiniteParameters, match="step 1: the update made 'a' infinite or NaN"):
                opt.step()
            assert not np.isfinite(a.numpy()).any()
    assert opt.t == 0


def test_a_group_that_is_skipped_keeps_the_tiled_ones_from_moving() -> None:
    large = mg.tensor(np.ones(2 * LARGE), requires_grad=True)
    small = mg.tensor([1.0], requires_grad=True)
    opt = mg.optimizer("sgd", {"large": large, "small": small}, lr=0.5, groups=[Group("small", lr=1e308)])
    with np.errstate(over="ignore"), pytest.warns(NonFiniteWarning, match="'small'"):
        push(opt, large, small, by=-1e9)
    assert np.all(large.numpy() == 1.0)
    assert opt.t == 0


def test_the_average_that_a_rule_keeps_is_what_averaged_shows() -> None:
    w = mg.tensor([4.0, -2.0], requires_grad=True)
    opt = mg.optimizer("schedule-free", {"w": w}, lr=0.5, beta=0.5)
    assert opt.has_average
    zs = [np.array([4.0, -2.0]) - 0.5 * k for k in range(1, 5)]
    for _ in range(4):
        push(opt, w)
    trained = w.numpy()
    with opt.averaged():
        np.testing.assert_allclose(w.numpy(), np.mean(zs, axis=0), rtol=1e-13)
    assert np.array_equal(w.numpy(), trained)
    np.testing.assert_allclose(trained, 0.5 * zs[-1] + 0.5 * np.mean(zs, axis=0), rtol=1e-13)


def test_an_average_that_was_asked_for_comes_first() -> None:
    w = mg.tensor([4.0], requires_grad=True)
    opt = mg.optimizer("schedule-free", {"w": w}, lr=0.5, average=Ema(rate=0.0))
    push(opt, w)
    push(opt, w)
    trained = w.numpy()
    with opt.averaged():
        assert np.array_equal(w.numpy(), trained)
    plain = mg.optimizer("sgd", [mg.tensor([4.0], requires_grad=True)])
    assert not plain.has_average
    with pytest.raises(OptimizerError, match="no average yet"):
        plain.averaged().__enter__()


@attrs.frozen
class Old:
    """The state of release 1: the mean without its weight."""

    mean: Array


@attrs.frozen
class New:
    """The state of release 2."""

    m: Moment


class _Common:
    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()


@attrs.frozen
class First(_Common):
    """Release 1 of a rule."""

    lr: float = number(0.1, ge=0.0)

    def init(self, w: Array) -> Old:
        return Old(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Old, t: int) -> tuple[Array, Old]:
        mean = 0.5 * state.mean + 0.5 * f.grad
        return w - self.lr * mean / (1 - 0.5**t), Old(mean)


@attrs.frozen
class Second(_Common):
    """Release 2, which reads the states of release 1."""

    state_version: ClassVar[int] = 2
    lr: float = number(0.1, ge=0.0)

    def init(self, w: Array) -> New:
        return New(Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: New, t: int) -> tuple[Array, New]:
        m = state.m.update(f.grad, 0.5)
        return w - self.lr * m.corrected, New(m)

    def migrate(self, version: int, tree: Mapping[str, Leaf]) -> Mapping[str, Leaf]:
        assert version == 1
        return {"m.total": tree["mean"], "m.weight": 1 - 0.5**3, "m.scale": 1.0}


@attrs.frozen
class Forgetful(Second):
    """Release 3, whose migration does not produce what its state holds."""

    state_version: ClassVar[int] = 3

    def migrate(self, version: int, tree: Mapping[str, Leaf]) -> Mapping[str, Leaf]:
        return tree


@attrs.frozen
class Stranded(_Common):
    """A release that forgot `migrate`."""

    state_version: ClassVar[int] = 2

    def init(self, w: Array) -> Old:
        return Old(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Old, t: int) -> tuple[Array, Old]:
        return w.copy(), state


def _driver(rule: object, w: Tensor) -> StatefulOptimizer:
    return StatefulOptimizer(
        "changing (plugin 1.0)",
        [ParamGroup(named_parameters({"w": w}), cast(UpdateRule, rule), {})],
        OptimizerOptions(),
    )


def _trained_by_first() -> tuple[StatefulOptimizer, Tensor]:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    opt = _driver(First(), w)
    for k in range(3):
        push(opt, w, by=k + 1.0)
    return opt, w


def test_a_state_of_an_earlier_release_is_migrated_and_goes_on() -> None:
    old, w = _trained_by_first()
    v = mg.tensor(w.numpy(), requires_grad=True)
    new = _driver(Second(), v)
    new.load_state_dict(old.state_dict())
    assert new.t == 3
    assert new.state_dict()["state_version"] == 2
    for k in range(3):
        push(old, w, by=-1.0 - k)
        push(new, v, by=-1.0 - k)
        np.testing.assert_allclose(v.numpy(), w.numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Stranded(), r"the state has version 1, this plugin 2 and no migrate\(\)"),
        (Forgetful(), "unexpected 'mean'.*missing 'm.total'"),
    ],
)
def test_a_migration_that_fails_changes_nothing(rule: object, message: str) -> None:
    old, _ = _trained_by_first()
    v = mg.tensor([1.0, 2.0], requires_grad=True)
    new = _driver(rule, v)
    with pytest.raises(StateError, match=message):
        new.load_state_dict(old.state_dict())
    assert new.t == 0
