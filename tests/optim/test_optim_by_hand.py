"""What a user does to an optimizer between steps: other settings, edited gradients, bad batches, partial states."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import (
    ClipAdaptive,
    ClipNorm,
    Constant,
    Ema,
    Group,
    HyperparameterError,
    NeedError,
    NonFiniteWarning,
    OptimizerError,
    ParameterError,
    Piecewise,
    ReduceOnPlateau,
    StateError,
    StatefulOptimizer,
    WarmUp,
)
from minigrad.runtime.parameters import assign
from minigrad.typing import Array
from support.missing_plugins import needs


def leaf(*values: float, dtype: type = np.float64) -> mg.Tensor:
    return mg.tensor(np.array(values, dtype), requires_grad=True)


def push(opt: StatefulOptimizer, w: mg.Tensor, g: float | Array = 1.0) -> Any:
    opt.zero_grad()
    mg.sum(w * mg.tensor(np.asarray(g, w.dtype))).backward()
    return opt.step()


# -- settings ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "setting",
    [
        {"maximise": "no"},
        {"decoupled": "no"},
        {"accumulate": 1.5},
        {"accumulate": True},
        {"accumulate": "2"},
        {"accumulate": 0},
        {"weight_decay": True},
        {"weight_decay": None},
        {"weight_decay": math.nan},
        {"weight_decay": -1.0},
        {"clip": 1.0},
        {"average": 0.9},
        {"missing": "none"},
        {"lr": "fast"},
        {"lr": True},
    ],
)
def test_each_setting_is_checked_for_kind_and_range(setting: dict[str, Any]) -> None:
    (name,) = setting
    with pytest.raises(HyperparameterError, match=name):
        mg.optimizer("sgd", [leaf(1.0)], **setting)


def test_groups_and_schedules_are_checked_too() -> None:
    groups: Any = [{"lr": 0.1}]
    with pytest.raises(ParameterError, match="list of Groups"):
        mg.optimizer("sgd", [leaf(1.0)], groups=groups)
    loose: Any = Piecewise
    for wrong in (((1.5,), (1, 2)), (3, (1, 2)), ((2,), (1.0, math.nan))):
        with pytest.raises(HyperparameterError):
            loose(*wrong)
    with pytest.raises(HyperparameterError, match="Schedule"):
        WarmUp("fast", 5)  # type: ignore[arg-type]
    assert WarmUp(0.5, 1)(2) == 0.5


def test_a_scheduled_weight_decay_is_checked_at_its_step() -> None:
    w = leaf(1.0)
    opt = mg.optimizer("sgd", [w], weight_decay=Piecewise((2,), (0.1, -5.0)))
    push(opt, w)
    with pytest.raises(HyperparameterError, match=r"weight_decay.*-5.*step 2"):
        push(opt, w)


def test_the_model_itself_is_no_list_of_parameters() -> None:
    model: Any = mg.nn.mlp(4, [3], 2, rng=0)
    wrong: Any
    for wrong in (model, "w", None, 3):
        with pytest.raises(ParameterError, match="parameters"):
            mg.optimizer("sgd", wrong)


@pytest.mark.parametrize("name", ["adam", "adamw", "lion", "lamb", "adafactor", "ademamix"])
def test_weight_decay_is_reported_as_it_is(name: str) -> None:
    opt = mg.optimizer(name, [leaf(1.0)], weight_decay=0.5)
    assert opt.hyperparameters[0]["weight_decay"] == 0.5
    assert opt.state_dict()["hyper/0/weight_decay"] == 0.5


# -- changes by hand ---------------------------------------------------------------------------------------------------
def test_hyperparameters_change_by_hand_in_one_way() -> None:
    w = leaf(1.0)
    opt = mg.optimizer("sgd", [w], lr=0.5)
    with pytest.raises(AttributeError, match=r"opt\.set\(lr="):
        opt.lr = 0.0
    with pytest.raises(OptimizerError, match=r"opt\.set\(lr="):
        opt.hyperparameters[0]["lr"] = 0.0
    opt.set(lr=0.25, weight_decay=1.0)
    assert opt.hyperparameters[0] == {"lr": 0.25, "weight_decay": 1.0}
    assert opt.rates(1) == (0.25,)
    push(opt, w)
    assert w.numpy()[0] == 1.0 - 0.25 * (1.0 + 1.0)
    for wrong in ({"lr": -1.0}, {"weight_decay": "big"}, {"momentum": 0.9}, {"lr": Constant(-1.0)}):
        with pytest.raises(HyperparameterError):
            opt.set(**wrong)
    assert opt.hyperparameters[0] == {"lr": 0.25, "weight_decay": 1.0}


def test_of_one_group_or_back_to_a_schedule() -> None:
    a, b = leaf(1.0), leaf(1.0)
    opt = mg.optimizer("sgd", {"a": a, "b.bias": b}, lr=0.5, groups=[Group("*.bias", lr=0.1)])
    opt.set("*.bias", lr=0.0)
    opt.set(0, lr=Piecewise((2,), (0.25, 0.125)))
    assert [h["lr"] for h in opt.hyperparameters] == [0.25, 0.0]
    with pytest.raises(HyperparameterError, match=r"no parameter group 7"):
        opt.set(7, lr=0.1)


@pytest.mark.parametrize("n", [3, 70_000])
def test_a_compiled_update_takes_new_numbers_without_being_compiled_again(n: int) -> None:
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal(n), rng.standard_normal((12, n))
    rates = [0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.05, 0.05, 0.05, 0.3, 0.3, 0.3]
    by_hand, scheduled = leaf(*start), leaf(*start)
    one = mg.optimizer("adam", [by_hand], lr=0.1)
    two = mg.optimizer("adam", [scheduled], lr=Piecewise((5, 7, 10), (0.1, 0.01, 0.05, 0.3)))
    for g, lr in zip(gradients, rates, strict=True):
        one.set(lr=lr)
        push(one, by_hand, g)
        push(two, scheduled, g)
    assert by_hand.numpy().tobytes() == scheduled.numpy().tobytes()
    (runner,) = one._transaction.runners
    assert len(runner._specializations) == 1  # type: ignore[attr-defined]


def test_options_of_a_closure_rule_and_of_the_state_are_guarded() -> None:
    w = leaf(1.0)
    with pytest.raises(HyperparameterError, match="form of its state"):
        mg.optimizer("adam", [w]).set(amsgrad=True)
    with pytest.raises(HyperparameterError, match="built without"):
        mg.optimizer("nesterov", [w]).set(form="lookahead")
    opt = mg.optimizer("newton", {"a": w, "b": leaf(2.0)}, groups=[Group("b", weight_decay=0.1)])
    with pytest.raises(HyperparameterError, match="together"):
        opt.set("b", damping=1.0)
    opt.set(damping=1.0)
    assert [h["damping"] for h in opt.hyperparameters] == [1.0, 1.0]


def test_a_rate_follows_the_loss_and_resumes() -> None:
    w = leaf(1.0)
    plan = ReduceOnPlateau(0.8, factor=0.5, patience=1, cooldown=1, least=0.15)
    opt = mg.optimizer("sgd", [w], lr=plan)
    losses = [3.0, 2.0, 2.0, 2.5, math.nan, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9]
    rates = []
    for k, loss in enumerate(losses):
        opt.report(loss)
        rates.append(opt.hyperparameters[0]["lr"])
        if k == 8:  # continued elsewhere
            saved, opt = opt.state_dict(), mg.optimizer("sgd", [leaf(1.0)], lr=plan)
            opt.load_state_dict(saved)
    assert rates == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.15, 0.15, 0.15]


def test_gradients_may_be_edited_before_the_step() -> None:
    w = leaf(1.0, 2.0)
    opt = mg.optimizer("sgd", {"w": w}, lr=1.0)
    assert opt.gradients == {}
    mg.sum(w * w).backward()
    opt.gradients["w"][1] = 0.0
    opt.step()
    np.testing.assert_array_equal(w.numpy(), [-1.0, 2.0])


# -- accumulation ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", [0, 1, 2, 3, 4])
def test_a_bad_micro_batch_is_left_out_and_training_goes_on(bad: int) -> None:
    w = leaf(1.0, 2.0)
    opt = mg.optimizer("sgd", [w], lr=1.0, accumulate=3)
    good = [0.5, 1.0, 1.5, 2.0, 4.0, 3.0]
    batches = [*good[:bad], math.nan, *good[bad:]]
    for k, g in enumerate(batches):
        if k == bad:
            with pytest.warns(NonFiniteWarning):
                push(opt, w, np.array([g, 1.0]))
        else:
            push(opt, w, g)
    assert opt.t == 2
    np.testing.assert_allclose(w.numpy(), [1.0 - 4.0, 2.0 - 4.0])


def test_a_state_saved_amid_an_accumulation_holds_the_sum() -> None:
    def make() -> tuple[mg.Tensor, StatefulOptimizer]:
        w = leaf(1.0)
        return w, mg.optimizer("sgd", {"w": w}, lr=0.1, accumulate=2)

    w, opt = make()
    push(opt, w, 4.0)
    saved = opt.state_dict()
    again, resumed = make()
    resumed.load_state_dict(saved)
    push(opt, w, 1.0)
    push(resumed, again, 1.0)
    assert w.numpy() == again.numpy() == 0.75
    assert "state/w/driver.accumulated" not in opt.state_dict()


def test_what_is_left_over_makes_an_update_by_its_mean() -> None:
    w = leaf(1.0)
    opt = mg.optimizer("sgd", [w], lr=1.0, accumulate=4)
    push(opt, w, 1.0)
    push(opt, w, 3.0)
    assert not opt.flush().skipped
    assert w.numpy() == 1.0 - 2.0
    assert opt.flush().skipped
    assert opt.t == 1


def test_micro_batches_of_a_closure_rule_are_a_list_of_closures() -> None:
    w = leaf(3.0)
    opt = mg.optimizer("newton", [w])
    opt.step([lambda: mg.sum((w - 1.0) ** 2), lambda: mg.sum(3.0 * (w - 2.0) ** 2)])
    np.testing.assert_allclose(w.numpy(), 1.75)  # the minimum of the mean
    with pytest.raises(NeedError, match="closure"):
        opt.step([])
    with pytest.raises(OptimizerError, match="one for each micro-batch"):
        mg.optimizer("newton", [w], accumulate=2)


@needs("minigrad-newton")
def test_gradients_of_a_closure_rule_are_clipped_where_that_agrees_with_the_rule() -> None:
    w = leaf(10.0)
    opt = mg.optimizer("nesterov", [w], lr=1.0, form="lookahead", clip=ClipNorm(0.5))
    opt.step(lambda: mg.sum(w * w))
    np.testing.assert_allclose(w.numpy(), 9.5)
    with pytest.raises(OptimizerError, match="VALUE"):
        mg.optimizer("l-bfgs", [w], clip=ClipNorm(0.5))


# -- averages, norms, empty parameters ---------------------------------------------------------------------------------
def test_no_step_is_made_where_it_would_be_lost() -> None:
    w = leaf(1.0)
    opt = mg.optimizer("momentum", [w], lr=0.1, average=Ema(rate=0.5))
    push(opt, w)
    before = w.numpy().copy()
    with opt.averaged():
        with pytest.raises(OptimizerError, match="averaged"):
            push(opt, w)
        with opt.averaged(), pytest.raises(OptimizerError, match="averaged"):
            push(opt, w)
        with pytest.raises(OptimizerError, match="averaged"):
            push(opt, w)
    assert opt.t == 1
    np.testing.assert_array_equal(w.numpy(), before)
    push(opt, w)


@pytest.mark.parametrize("size", [1e30, 1e-30, 1e-42, 0.0])
def test_norms_neither_overflow_nor_vanish(size: float) -> None:
    w = leaf(1.0, 1.0, dtype=np.float32)
    opt = mg.optimizer("sgd", [w], lr=1.0, clip=ClipNorm(1.0))
    push(opt, w, size)
    exact = float(np.float32(size)) * 2.0**0.5
    assert opt.gradient_norm == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(w.numpy(), 1.0 - (2.0**-0.5 if size > 1.0 else 0.0), rtol=1e-6)


@pytest.mark.parametrize("size", [1e30, 3e38])
def test_adaptive_clipping_of_huge_gradients(size: float) -> None:
    g: Array = np.full(4, size, np.float32)
    w: Array = np.ones(4, np.float32)
    (clipped,) = ClipAdaptive(0.01)([g], [w], [(mg.optim.Segment("w", 0, (2, 2)),)])
    np.testing.assert_allclose(clipped, 0.01, rtol=1e-6)


@pytest.mark.parametrize("clip", [ClipNorm(0.02), ClipAdaptive(0.01)])
def test_a_norm_beyond_the_largest_number_is_clipped_and_not_lost(clip: ClipNorm | ClipAdaptive) -> None:
    (clipped,) = clip([np.full(4, 1e308)], [np.ones(4)], [(mg.optim.Segment("w", 0, (2, 2)),)])
    np.testing.assert_allclose(clipped, 0.01, rtol=1e-12)


# -- states by name ----------------------------------------------------------------------------------------------------
SHAPES = {"a": (3, 2), "b": (4,), "c": (2, 5), "d": (1,)}


def build(name: str, order: str, groups: tuple[str, ...] = (), seed: int = 0) -> tuple[dict[str, mg.Tensor], Any]:
    rng = np.random.default_rng(seed)
    values = {k: rng.standard_normal(shape) for k, shape in SHAPES.items()}
    params = {k: mg.tensor(values[k], requires_grad=True) for k in order}
    hyper: Any = {"lr": 1e-3} if name == "schedule-free" else {}
    return params, mg.optimizer(name, params, groups=[Group(g, weight_decay=0.0) for g in groups], **hyper)


def walk(params: dict[str, mg.Tensor], opt: Any, steps: int) -> None:
    def loss() -> mg.Tensor:
        total = mg.tensor(0.0)
        for k in sorted(params):
            total = total + mg.sum((params[k] - 1.0) ** 4) + mg.sum(params[k] ** 2) * (1.0 + ord(k) % 3)
        return total

    for _ in range(steps):
        opt.step(loss)


@pytest.mark.parametrize("name", ["adam", "adafactor", "l-bfgs", "muon", "nadam", "rprop", "schedule-free"])
@pytest.mark.parametrize(("order", "groups"), [("dbca", ()), ("abcd", ("c",)), ("cadb", ("b", "d"))])
def test_a_state_goes_to_the_parameters_it_is_of(name: str, order: str, groups: tuple[str, ...]) -> None:
    straight, one = build(name, "abcd")
    walk(straight, one, 4)
    saved = one.state_dict()
    params, other = build(name, order, groups, seed=1)
    for k, p in params.items():
        assign(p, straight[k].numpy())
    other.load_state_dict(saved)
    walk(straight, one, 3)
    walk(params, other, 3)
    for k, p in params.items():
        np.testing.assert_allclose(p.numpy(), straight[k].numpy(), rtol=1e-9, atol=1e-12, err_msg=k)


def test_a_renamed_and_a_partial_state() -> None:
    params, opt = build("adam", "abc")
    walk(params, opt, 3)
    saved = opt.state_dict()
    other = {k: mg.tensor(p.numpy(), requires_grad=True) for k, p in zip("xbd", params.values(), strict=True)}
    fresh = mg.optimizer("adam", other)
    with pytest.raises(
        StateError, match=r"it has 'a', 'c', which are no parameters here and it has nothing for 'd', 'x'"
    ):
        fresh.load_state_dict(saved)
    with pytest.raises(StateError, match=r"rename= mentions 'q'"):
        fresh.load_state_dict(saved, rename={"q": "x"})
    assert fresh.t == 0
    fresh.load_state_dict(saved, strict=False, rename={"a": "x"})
    after = fresh.state_dict()
    assert fresh.t == 3
    np.testing.assert_array_equal(np.asarray(after["state/x/m.total"]), np.asarray(saved["state/a/m.total"]))
    np.testing.assert_array_equal(np.asarray(after["state/b/v.total"]), np.asarray(saved["state/b/v.total"]))
    assert not np.asarray(after["state/d/m.total"]).any()


def test_groups_with_different_counters_do_not_become_one_in_silence() -> None:
    params, opt = build("nadam", "ab", ("b",))
    walk(params, opt, 2)
    saved: dict[str, object] = dict(opt.state_dict())
    saved["shared/1.float64/product"] = 0.125
    _, joined = build("nadam", "ab")
    with pytest.raises(StateError, match="'a', 'b' come from groups that were saved with different 'product'"):
        joined.load_state_dict(saved)


def test_weight_decay_is_one_more_residual_of_least_squares() -> None:
    x, y = np.linspace(-1, 1, 9), np.linspace(0, 3, 9)
    w = leaf(0.0, 0.0)
    opt = mg.optimizer("gauss-newton", [w], damping=0.0, weight_decay=0.5)
    a = np.stack([x, np.ones(9)], axis=1)
    opt.step(lambda: mg.matmul(mg.tensor(a), w) - mg.tensor(y))
    np.testing.assert_allclose(w.numpy(), np.linalg.solve(a.T @ a + 0.5 * np.eye(2), a.T @ y), rtol=1e-9)
    with pytest.raises(OptimizerError, match="maximised"):
        mg.optimizer("gauss-newton", [w], maximise=True)
