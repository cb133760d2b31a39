"""What an objective gives, what a plugin must look like, what an update may return: every branch by its words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, cast

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import (
    Exponential,
    Group,
    HyperparameterError,
    Linear,
    Need,
    NeedError,
    NoState,
    Objective,
    ParameterError,
    PluginError,
    UpdateError,
    number,
)
from minigrad.optim.compiled.compiled_runner import CompiledRunner
from minigrad.optim.composition import compose, usual_inner, wraps
from minigrad.optim.loading import conform
from minigrad.optim.runner import RuleRunner, is_finite, scheduled
from minigrad.typing import Array
from support.optim_lawful import Descent, Rolling

INF, NAN = math.inf, math.nan


# -- objectives --------------------------------------------------------------------------------------------------------
LOOKS: dict[str, tuple[Callable[[Objective], object], str, str]] = {
    "grad": (lambda f: f.grad, "GRAD", "loss.backward"), "value": (lambda f: f.value(), "VALUE", "closure"),
    "at": (lambda f: f.at(np.ones(2)), "REEVAL", "closure"), "hvp": (lambda f: f.hvp(np.ones(2)), "HVP", "closure"),
    "hessian": (lambda f: f.hessian(), "HESSIAN", "closure"),
    "residual": (lambda f: f.residual(), "RESIDUAL", "residual= and jacobian="),
    "jacobian": (lambda f: f.jacobian(), "RESIDUAL", "residual= and jacobian="),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_what_an_objective_was_not_given_is_named(name: str) -> None:
    look, need, remedy = LOOKS[name]
    with pytest.raises(NeedError, match=f"cannot give `{name}`. The rule must declare Need.{need} .*{remedy}"):
        look(Objective())


def test_an_objective_computes_once_and_shows_what_cannot_be_written() -> None:
    calls: list[str] = []

    def once(name: str, value: Any) -> Callable[..., Any]:
        def compute(*_: object) -> Any:
            calls.append(name)
            return value

        return compute

    f = Objective(once("grad", np.ones(2)), value=once("value", np.float64(3.0)), hvp=once("hvp", np.zeros(2)))
    for _ in range(2):
        assert f.value() == 3.0
        assert type(f.value()) is float
        assert f.grad.tolist() == [1.0, 1.0]
        assert not f.grad.flags.writeable
        f.hvp(np.ones(2))
    assert sorted(calls) == ["grad", "hvp", "hvp", "value"]
    own = np.ones(2)
    assert np.shares_memory(Objective(own).grad, own)
    assert own.flags.writeable


def test_an_objective_of_formulas_is_seen_from_anywhere() -> None:
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    f = Objective.of(
        np.array([1.0, 2.0]), lambda w: a @ w, value=lambda w: 0.5 * w @ a @ w, hvp=lambda w, v: a @ v + w,
        hessian=lambda w: a * w[0], residual=lambda w: w - 1.0, jacobian=lambda w: a + w,
    )  # fmt: skip
    for w in (np.array([1.0, 2.0]), np.array([-3.0, 0.5])):
        g = f.at(w).at(w)
        assert (g.grad.tolist(), g.value()) == ((a @ w).tolist(), 0.5 * w @ a @ w)
        assert g.hvp(np.ones(2)).tolist() == (a @ np.ones(2) + w).tolist()
        assert g.hessian().tolist() == (a * w[0]).tolist()
        assert (g.residual().tolist(), g.jacobian().tolist()) == ((w - 1.0).tolist(), (a + w).tolist())
    bare = Objective.of(np.ones(2), lambda w: w)
    for name in ("value", "hvp", "hessian", "residual", "jacobian"):
        with pytest.raises(NeedError, match=f"`{name}`"):
            LOOKS[name][0](bare)


# -- plugins -----------------------------------------------------------------------------------------------------------
def plugin(**members: Any) -> type:
    """Descent with other members; None leaves one out."""
    cls = type("Mine", (Descent,), {})
    for name, value in members.items():
        setattr(cls, name, value)
    return cls


class _Bare:
    """No attributes of a plugin."""


@attrs.frozen
class _Nothing:
    lr: float = 0.1


@attrs.define
class _Thawed:
    lr: float = 0.1


@attrs.frozen
class _Required(Descent):
    size: int = attrs.field(kw_only=True)
    derived: int = attrs.field(init=False, default=1)


async def _waits(self: Any, w: Any, f: Any, state: Any, t: Any) -> Any: ...
def _yields(self: Any, w: Any, f: Any, state: Any, t: Any) -> Any:
    yield


CANDIDATES: list[tuple[Callable[[], Any], str]] = [
    (lambda: 3, "the entry point must be a class, it is an int"),
    (lambda: "x", "the entry point must be a class, it is a str"),
    (lambda: _Bare, "_Bare must be an attrs class: decorate it with @attrs.frozen"),
    (lambda: _Thawed, "_Thawed must be frozen: decorate it with @attrs.frozen"),
    (lambda: _Nothing, r"_Nothing does not say 'api'; it should: api: ClassVar\[tuple\[int, int\]\] = \(1, 0\)"),
    (lambda: plugin(needs=1), "Mine.needs is an int; it should be: needs: ClassVar"),
    (lambda: plugin(laws=("elementwise",)), "Mine.laws is a tuple; it should be: laws: ClassVar"),
    (lambda: plugin(api=[1, 0]), "Mine.api is a list; it should be: api"),
    (lambda: plugin(needs=Need.VALUE), r"Mine.needs must include Need.GRAD"),
    (lambda: plugin(api=(1,)), r"api must be two whole numbers such as \(1, 0\), got \(1,\)"),
    (lambda: plugin(api=(1, 0.0)), "api must be two whole numbers"),
    (lambda: plugin(api=(1, True)), "api must be two whole numbers"),
    (lambda: plugin(api=(2, 0)), r"written for contract 2.0, this minigrad speaks 1.0: update minigrad"),
    (lambda: plugin(api=(1, 1)), "written for contract 1.1, .*: update minigrad"),
    (lambda: plugin(api=(0, 9)), "written for contract 0.9, .*: update the plugin"),
    (lambda: plugin(init=None), "Mine has no method 'init'"),
    (lambda: plugin(init=3), r"Mine.init must be a method init\(self, w\), it is int"),
    (lambda: plugin(init=staticmethod(lambda w: NoState())), "it is staticmethod"),
    (lambda: plugin(update=_waits), "Mine.update must be an ordinary method, not async and not a generator"),
    (lambda: plugin(update=_yields), "not async and not a generator"),
    (
        lambda: plugin(update=lambda self, w, f, state: 1),
        r"has signature update\(self, w, f, state\), expected update\(",
    ),
    (lambda: plugin(update=lambda self, w, f, state, t, x: 1), "has signature"),
    (lambda: plugin(update=lambda self, w, f, state, t, *, x: 1), "has signature"),
    (lambda: plugin(init=lambda self, v: 1), r"has signature init\(self, v\), expected init\(self, w\)"),
    (lambda: _Required, "hyperparameters need defaults, size has none"),
]


@pytest.mark.parametrize("k", range(len(CANDIDATES)))
def test_what_is_no_plugin_is_told_why(k: int) -> None:
    make, words = CANDIDATES[k]
    with pytest.raises(PluginError, match=f"^optimizer mine cannot be used: .*{words}"):
        conform(make(), "mine")


def test_what_may_be_added_to_a_plugin_is_no_fault() -> None:
    for cls in (
        Descent,
        Rolling,
        plugin(update=lambda self, w, f, state, t, more=1, *, x=2: (w, state)),
        plugin(init=lambda self, w, /: NoState()),
        plugin(needs=Need.GRAD | Need.VALUE),
    ):
        assert conform(cls, "mine") is cls


# -- updates -----------------------------------------------------------------------------------------------------------
class _Other(NoState):
    """A state of another class."""


RETURNED: list[tuple[Callable[[Array], Any], str]] = [
    (lambda w: w, "update must return \\(parameters, state\\), got an array of shape \\(3,\\) and dtype float64"),
    (lambda w: None, "update must return \\(parameters, state\\), got NoneType"),
    (
        lambda w: (w[:2], NoState()),
        "update returned parameters as an array of shape .2,. and dtype float64, expected an array of shape .3,. and",
    ),
    (lambda w: (w.astype(np.float32), NoState()), "update returned parameters as an array .* float32, expected"),
    (lambda w: (w.tolist(), NoState()), "update returned parameters as list"),
    (lambda w: (w, _Other()), "init gave a NoState as state, update a _Other"),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(RETURNED)))
def test_what_an_update_returns_is_looked_at(k: int) -> None:
    returned, words = RETURNED[k]
    cls = plugin(update=lambda self, w, f, state, t: returned(w))
    runner = RuleRunner("mine", cls(), np.ones(3))
    with pytest.raises(UpdateError, match=f"mine: {words}"):
        runner.step(Objective(np.ones(3)), 1)
    assert runner.w.tolist() == [1.0, 1.0, 1.0]


def test_what_is_finite() -> None:
    for values, right in (
        ([1.0, 2.0], True),
        ([1e200, 1.0], True),
        ([NAN, 1.0], False),
        ([INF, 0.0], False),
        ([], True),
    ):
        assert is_finite(np.array(values)) is right


class _Seen(Descent):
    """Keeps the steps it is told."""

    told: ClassVar[list[tuple[float, int]]] = []

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        self.told.append((self.lr, t))
        return w - self.lr * f.grad, state


def test_schedules_go_by_the_step_and_the_rule_counts_its_own() -> None:
    runner = RuleRunner("mine", cast(Any, _Seen()), np.ones(2), {"lr": Exponential(1.0, 0.5)})
    runner.step(Objective(np.ones(2)), 1)
    w, _ = runner.propose(Objective(np.ones(2)), 3, np.full(2, 5.0), 2)
    assert _Seen.told[-2:] == [(1.0, 1), (0.25, 2)]
    assert (w.tolist(), runner.w.tolist()) == ([4.75, 4.75], [0.0, 0.0])
    runner.configure(cast(Any, _Seen(lr=2.0)), {})
    runner.step(Objective(np.ones(2)), 9)
    assert (_Seen.told[-1], runner.w.tolist()) == ((2.0, 9), [-2.0, -2.0])


def test_a_schedule_that_leaves_the_range_is_told_with_its_step() -> None:
    runner = RuleRunner("mine", cast(Any, _Seen()), np.ones(2), {"lr": Linear(1.0, -1.0, 2)})
    for t in (1, 2):
        runner.step(Objective(np.ones(2)), t)
    with pytest.raises(HyperparameterError, match=r"_Seen.lr must be .* got -1.0 \(at step 3, from its schedule\)"):
        runner.step(Objective(np.ones(2)), 3)
    fields = scheduled(cast(Any, _Seen()), {"lr": Exponential(1.0, 0.5)}, 3)
    assert (fields, scheduled(cast(Any, _Seen()), {}, 3)) == ([0.25], [])
    with pytest.raises(HyperparameterError, match=r"got -1.0 \(at step 3, from its schedule\)"):
        scheduled(cast(Any, _Seen()), {"lr": Linear(1.0, -1.0, 2)}, 3)


@attrs.frozen
class _Outer(Descent):
    """Over another rule, with its fields in an unusual order."""

    inner: Any = attrs.field(factory=Rolling)
    layout: tuple[Any, ...] = ()
    pull: float = number(0.5)

    def init(self, w: Array) -> Any:
        return self.inner.init(w)

    def update(self, w: Array, f: Objective, state: Any, t: int) -> tuple[Array, Any]:
        moved, new = self.inner.update(w, f, state, t)
        return w + (self.pull * (moved - w) if self.lr else 0.0), new


def test_a_composed_rule_has_the_fields_of_both() -> None:
    cls: Any = compose(cast(Any, _Outer), cast(Any, Rolling))
    assert [f.name for f in attrs.fields(cls)] == ["lr", "pull", "inner_lr", "momentum", "layout"]
    rule = cls(lr=0.5, pull=0.25, inner_lr=0.125, momentum=0.75).rule()
    assert (rule.lr, rule.pull, rule.inner.lr, rule.inner.momentum) == (0.5, 0.25, 0.125, 0.75)
    assert wraps(cast(Any, _Outer))
    assert not wraps(cast(Any, Rolling))
    assert usual_inner(cast(Any, _Outer)) is cast(Any, Rolling)
    with pytest.raises(HyperparameterError, match="Rolling is no rule over another: it has no field 'inner'"):
        compose(cast(Any, Rolling), cast(Any, _Outer))
    with pytest.raises(HyperparameterError, match="momentum must be"):
        cls(momentum=1.0)


def test_what_an_optimizer_tells_of_itself() -> None:
    w, v = (mg.tensor(np.ones(2), requires_grad=True) for _ in "wv")
    opt = mg.optimizer("adam", {"w": w, "v": v}, lr=Exponential(1.0, 0.5), groups=[Group("v", lr=0.25)], accumulate=2)
    assert (opt.accumulates, opt.maximises, opt.has_average) == (True, False, False)
    assert (opt.rates(3), opt.schedules) == ((0.25, 0.25), ({"lr": Exponential(1.0, 0.5)}, {}))
    assert opt.options["accumulate"] == 2
    assert opt.gradients == {}
    plain = mg.optimizer("sgd", {"w": w, "v": v}, lr=0.5, maximise=True)
    assert (plain.accumulates, plain.maximises) == (False, True)
    assert plain.gradient_sinks() == {w._sink, v._sink}
    assert [h["lr"] for h in opt.hyperparameters] == [1.0, 0.25]
    mg.sum(w * v).backward()
    with pytest.raises(ParameterError, match="'w' moved to an optimizer that was made after this one"):
        opt.step()


def test_a_parameter_that_is_met_twice_or_empty_is_passed_over() -> None:
    w, v, none = (mg.tensor(np.ones(n), requires_grad=True) for n in (2, 3, 0))
    opt = mg.optimizer("sgd", [w, none, w, v], lr=0.5, maximise=True)
    (mg.sum(w) * 3.0 + mg.sum(v)).backward()
    opt.step()
    assert (w.numpy().tolist(), v.numpy().tolist()) == ([2.5, 2.5], [1.5, 1.5, 1.5])
    assert list(opt.gradients) == ["param0", "param3"]
    with pytest.raises(AttributeError, match="'StatefulOptimizer' object has no attribute '_nothing'"):
        _ = opt._nothing
    with pytest.raises(UpdateError, match="mine: no update has been prepared"):
        CompiledRunner("mine", cast(Any, Descent()), np.ones(2)).execute(1)
