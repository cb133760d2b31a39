"""Rules that evaluate the loss themselves, through `opt.step(closure)`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import ClassVar, cast

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import Group, Need, NeedError, NonFiniteWarning, NoState, Objective, StateError, load, optimizer
from minigrad.optim.runner import UpdateRule
from minigrad.optim.state import leaves, rebuild
from minigrad.optim.stateful.buckets import named_parameters
from minigrad.optim.stateful.hessian import hessian_by_differences, hvp_by_differences
from minigrad.optim.stateful.optimizer import StatefulOptimizer
from minigrad.optim.stateful.param_groups import OptimizerOptions, ParamGroup
from minigrad.typing import Array, Tensor
from support.optim_problems import PROBLEMS, A, B, build, golden, trajectory


def rosenbrock(w: Tensor) -> Tensor:
    x, y = w[0], w[1]
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


def least_squares(w: Tensor) -> Tensor:
    r = mg.tensor(A) @ w - mg.tensor(B)
    return 0.5 * mg.sum(r * r)


LOSSES: dict[str, Callable[[Tensor], Tensor]] = {"rosenbrock2d": rosenbrock, "lstsq5x3": least_squares}


@pytest.mark.parametrize("problem", LOSSES)
@pytest.mark.parametrize(
    ("case", "name", "hyper"),
    [
        ("newton", "newton", {}),
        ("nesterov_lookahead", "nesterov", {"lr": 1e-3, "form": "lookahead"}),
        ("adam_bias_correction", "adam", {"lr": 0.1}),
    ],
)
def test_closures_follow_the_golden_trajectory(problem: str, case: str, name: str, hyper: dict[str, float]) -> None:
    w = mg.tensor(PROBLEMS[problem].start, requires_grad=True)
    opt = build(name, [w], **hyper)
    expected = np.asarray(golden()["cs231n"][case][problem])
    for t, wanted in enumerate(expected[1:], start=1):
        before = PROBLEMS[problem].value(w.numpy())
        done = opt.step(lambda: LOSSES[problem](w))
        assert done.t == t
        if name != "nesterov":  # the look-ahead form never evaluates f at w itself
            assert done.loss == pytest.approx(before, rel=1e-10, abs=1e-25)
        # Newton on Rosenbrock squares its rounding errors as it does its steps; the end is exact.
        np.testing.assert_allclose(w.numpy(), wanted, rtol=1e-10, atol=1e-12)


def test_newton_needs_one_step_for_a_quadratic() -> None:
    w = mg.tensor([0.5, -0.25, 1.0], requires_grad=True)
    opt = mg.optimizer("newton", [w])
    opt.step(lambda: least_squares(w))
    np.testing.assert_allclose(w.numpy(), np.linalg.lstsq(A, B)[0], rtol=1e-12)


def test_hessian_through_the_driver_is_exact_across_parameters_of_different_shape() -> None:
    seen: list[Array] = []

    @attrs.frozen
    class Spy:
        api: ClassVar[tuple[int, int]] = (1, 0)
        needs: ClassVar[Need] = Need.GRAD | Need.HESSIAN | Need.HVP | Need.VALUE | Need.REEVAL
        laws: ClassVar[frozenset[str]] = frozenset()

        def init(self, w: Array) -> NoState:
            return NoState()

        def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
            elsewhere = f.at(w + 1.0)
            seen.extend([f.hessian(), f.grad, np.array(f.value()), elsewhere.grad, f.at(w).hvp(np.ones(w.size))])
            seen.extend([elsewhere.hessian(), np.array(elsewhere.value())])
            return w.copy(), state

    a = mg.tensor([[0.3, -0.7]], requires_grad=True)
    b = mg.tensor(0.4, requires_grad=True)

    def loss() -> Tensor:
        return mg.sum(mg.exp(a) * b) + mg.sum(a * a) * b * b

    def value(w: Array) -> float:
        return float(np.sum(np.exp(w[:2]) * w[2]) + np.sum(w[:2] ** 2) * w[2] ** 2)

    def grad(w: Array) -> Array:
        u, v = w[:2], w[2]
        return np.array([*(np.exp(u) * v + 2 * u * v * v), np.sum(np.exp(u)) + 2 * v * np.sum(u * u)])

    rule = cast(UpdateRule, Spy())
    opt = StatefulOptimizer("spy", [ParamGroup(named_parameters([a, b]), rule, {})], OptimizerOptions())
    opt.step(loss)
    home, there = np.array([0.3, -0.7, 0.4]), np.array([1.3, 0.3, 1.4])
    np.testing.assert_allclose(seen[0], hessian_by_differences(grad, home), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(seen[0], seen[0].T)
    np.testing.assert_allclose(seen[1], grad(home), rtol=1e-14)
    np.testing.assert_allclose(seen[2], value(home), rtol=1e-14)
    np.testing.assert_allclose(seen[3], grad(there), rtol=1e-14)
    np.testing.assert_allclose(seen[4], seen[0] @ np.ones(3), rtol=1e-12)
    np.testing.assert_allclose(seen[5], hessian_by_differences(grad, there), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(seen[6], value(there), rtol=1e-14)
    assert (a.numpy().tolist(), b.item()) == ([[0.3, -0.7]], 0.4)


def test_differences_are_accurate() -> None:
    p = PROBLEMS["rosenbrock2d"]
    np.testing.assert_allclose(hessian_by_differences(p.grad, p.start), p.hessian(p.start), rtol=1e-9, atol=1e-7)
    v = np.array([0.3, -2.0])
    np.testing.assert_allclose(hvp_by_differences(p.grad, p.start, v), p.hessian(p.start) @ v, rtol=1e-9)
    assert not hvp_by_differences(p.grad, p.start, np.zeros(2)).any()


def test_non_finite_loss_is_skipped_and_parameters_are_where_they_were() -> None:
    for name in ("newton", "adam"):
        w = mg.tensor([0.5, 1.0], requires_grad=True)
        opt = build(name, [w])
        with np.errstate(all="ignore"), pytest.warns(NonFiniteWarning, match="param0"):
            done = opt.step(lambda: mg.sum(mg.log(w - 0.5)))  # noqa: B023  # called at once
        assert done.skipped
        assert opt.t == 0
        assert w.numpy().tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("closure", "message"),
    [
        (lambda w: 3.0, "one element, got float"),
        (lambda w: w * 2.0, r"shape \(2,\)"),
        (lambda w: (lambda loss: (loss.backward(), loss)[1])(mg.sum(w)), "leave backward"),
    ],
)
def test_wrong_closures_are_named(closure: Callable[[Tensor], Tensor], message: str) -> None:
    w = mg.tensor([0.5, 1.0], requires_grad=True)
    for name in ("newton", "sgd"):
        opt = mg.optimizer(name, [w])
        w.zero_grad()
        with pytest.raises(NeedError, match=message):
            opt.step(lambda: closure(w))
        assert w.numpy().tolist() == [0.5, 1.0]


def test_an_exception_in_the_closure_leaves_the_parameters_at_home() -> None:
    w = mg.tensor([0.5, 1.0], requires_grad=True)
    opt = mg.optimizer("nesterov", [w], form="lookahead", lr=0.1)
    opt.step(lambda: mg.sum(w * w))
    calls = []
    home = w.numpy()

    def failing() -> Tensor:
        calls.append(w.numpy())
        raise KeyError("data")

    with pytest.raises(KeyError):
        opt.step(failing)
    assert not np.array_equal(calls[0], home)  # it was called at the looked-ahead point
    assert np.array_equal(w.numpy(), home)


def test_weight_decay_and_maximise_reach_value_and_curvature() -> None:
    h = np.diag([1.0, 3.0])
    w = mg.tensor([1.0, -2.0], requires_grad=True)
    opt = mg.optimizer("newton", [w], weight_decay=0.5)
    opt.step(lambda: 0.5 * mg.sum(w * (mg.tensor(h) @ w)) - mg.sum(w))
    np.testing.assert_allclose(w.numpy(), np.linalg.solve(h + 0.5 * np.eye(2), np.ones(2)))
    v = mg.tensor([1.0, -2.0], requires_grad=True)
    mg.optimizer("newton", [v], maximise=True).step(lambda: mg.sum(v) - 0.5 * mg.sum(v * (mg.tensor(h) @ v)))
    np.testing.assert_allclose(v.numpy(), np.linalg.solve(h, np.ones(2)))


def test_groups_are_moved_together_and_differing_rules_one_after_another() -> None:
    """Newton is exact on a quadratic under any grouping; with another damping, b is moved after a, and sees it."""
    a = mg.tensor([2.0], requires_grad=True)
    b = mg.tensor(np.array([5.0], np.float32), requires_grad=True)
    opt = mg.optimizer("newton", {"a": a, "b": b}, groups=[Group("b", weight_decay=0.0)])
    opt.step(lambda: mg.sum(a * a + a * b + 2.0 * b * b))
    np.testing.assert_allclose([a.numpy()[0], b.numpy()[0]], 0.0, atol=1e-6)
    a, b = (mg.tensor([x], requires_grad=True) for x in (2.0, 5.0))
    opt = mg.optimizer("newton", {"a": a, "b": b}, groups=[Group("b", damping=1.0)])
    opt.step(lambda: mg.sum(a * a + a * b + 2.0 * b * b))
    np.testing.assert_allclose(a.numpy(), [2.0 - (4.0 + 5.0) / 2.0])
    np.testing.assert_allclose(b.numpy(), [5.0 - (-2.5 + 20.0) / (4.0 + 1.0)])


@pytest.mark.parametrize("name", ["newton", "newton-cg", "l-bfgs"])
def test_no_grouping_makes_the_loss_rise(name: str) -> None:
    """Convex quadratics with strong couplings, in random groups and dtypes, some decayed or with other options."""
    rng = np.random.default_rng(5)
    option = {"newton": "damping", "newton-cg": "tolerance", "l-bfgs": "c2"}[name]
    for trial in range(8):
        m = rng.standard_normal((6, 6))
        h = m @ m.T + 0.1 * np.eye(6)
        params = {
            k: mg.tensor(rng.standard_normal(2).astype(d), requires_grad=True)
            for k, d in zip("abc", rng.choice(["float32", "float64"], 3), strict=True)
        }
        extra = {option: 0.5} if trial % 2 else {"weight_decay": 0.0}
        opt = mg.optimizer(name, params, groups=[Group("b", **extra), Group("c", **extra)][: trial % 3])

        def loss(h: Array = h, params: dict[str, mg.Tensor] = params) -> mg.Tensor:
            w = mg.concatenate([p.astype(np.float64) for p in params.values()])
            return 0.5 * mg.sum(w * mg.matmul(mg.tensor(h), w))

        values = [float(loss().item())]
        for _ in range(6):
            opt.step(loss)
            values.append(float(loss().item()))
        noise = 1e-6 * values[0]
        assert all(after <= before + noise for before, after in itertools.pairwise(values)), (trial, values)
        if name == "newton" and len(opt.buckets) and not trial % 2:
            assert values[1] < 1e-9 * values[0] + 1e-9


def test_groups_look_ahead_together() -> None:
    """f = a b + a^2 + b^2 with momentum 0.5 and rate 0.1, the gradient at the point that is looked ahead to."""
    a = mg.tensor([1.0], requires_grad=True)
    b = mg.tensor([2.0], requires_grad=True)
    opt = mg.optimizer(
        "nesterov", {"a": a, "b": b}, lr=0.1, momentum=0.5, form="lookahead", groups=[Group("b", lr=0.1)]
    )
    x, y, u, v = 1.0, 2.0, 0.0, 0.0
    for _ in range(5):
        opt.step(lambda: mg.sum(a * b + a * a + b * b))
        x_ahead, y_ahead = x + 0.5 * u, y + 0.5 * v
        ga, gb = y_ahead + 2 * x_ahead, x_ahead + 2 * y_ahead
        u, v = 0.5 * u - 0.1 * ga, 0.5 * v - 0.1 * gb
        x, y = x + u, y + v
        np.testing.assert_allclose([a.numpy()[0], b.numpy()[0]], [x, y], rtol=1e-13)


def test_states_are_named_leaves() -> None:
    rule = load("rmsprop")(centred=True, momentum=0.5)
    state = rule.init(np.ones(2))
    tree = leaves(state)
    assert set(tree) == {f"{m}.{part}" for m in ("square", "mean") for part in ("total", "weight", "scale")} | {
        "velocity"
    }
    again = rebuild(state, {**tree, "mean.weight": 0.25})
    assert leaves(again)["mean.weight"] == 0.25

    @attrs.frozen
    class Odd:
        items: list[int] = attrs.Factory(list)

    with pytest.raises(StateError, match=r"Odd\.items is a list"):
        leaves(Odd())


def test_the_two_sides_agree_on_plain_functions() -> None:
    """The same rule on the same function, by closure and by formula."""
    w = mg.tensor(PROBLEMS["rosenbrock2d"].start, requires_grad=True)
    opt = optimizer("newton", [w], damping=0.1)
    path = trajectory(load("newton")(damping=0.1), PROBLEMS["rosenbrock2d"], steps=6)
    for wanted in path[1:]:
        opt.step(lambda: rosenbrock(w))
        np.testing.assert_allclose(w.numpy(), wanted, rtol=1e-9)
