"""Parameters with pasts of their own: late first gradients, frozen for a while, added later.

The oracle is another optimizer that has only ever trained the parameters in question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.optim import Constant, Ema, Linear, LookAhead, OptimizerError, ParameterError, StatefulOptimizer
from minigrad.train import fit
from support.missing_plugins import needs

RULES = ("sgd", "momentum", "adam", "adamw", "nadam", "rprop", "adafactor", "muon", "schedule-free", "cautious-adamw")
OPTIONS: dict[str, dict[str, Any]] = {"momentum": {"dampening": 0.5}, "adamw": {"weight_decay": 0.1}}
SHAPES = {"a": (2, 3), "b": (3, 2), "c": (4,)}
RNG = np.random.default_rng(0)
SLOPES = {name: RNG.standard_normal(shape) for name, shape in SHAPES.items()}


def leaves(names: str) -> dict[str, mg.Tensor]:
    return {n: mg.tensor(np.full(SHAPES[n], 1.0 + ord(n) % 5), requires_grad=True) for n in names}


def step(opt: StatefulOptimizer, params: Mapping[str, mg.Tensor], names: str) -> None:
    opt.zero_grad()
    for name in names:
        ((params[name] * SLOPES[name]).sum() ** 2 + params[name].sum()).backward()
    opt.step()


def same(a: Mapping[str, mg.Tensor], b: Mapping[str, mg.Tensor]) -> bool:
    return all(np.array_equal(a[name].numpy(), b[name].numpy()) for name in b)


@pytest.mark.parametrize("rule", RULES)
def test_a_parameter_whose_first_gradient_comes_late_takes_its_first_step_then(rule: str) -> None:
    kw = OPTIONS.get(rule, {})
    params, early, late = leaves("abc"), leaves("ac"), leaves("b")
    opt = mg.optimizer(rule, params, missing="zero", **kw)
    alone, after = mg.optimizer(rule, early, **kw), mg.optimizer(rule, late, **kw)
    for t in range(12):
        step(opt, params, "abc" if t >= 9 else "ac")
        step(alone, early, "ac")
        if t >= 9:
            step(after, late, "b")
    assert same(params, early)
    assert same(params, late)
    copies = {name: mg.tensor(params[name].numpy(), requires_grad=True) for name in "cba"}
    resumed = mg.optimizer(rule, copies, missing="zero", **kw)
    resumed.load_state_dict(opt.state_dict())
    for _ in range(2):
        step(opt, params, "abc")
        step(resumed, copies, "abc")
    assert same(params, copies)


def test_once_begun_a_missing_gradient_is_zero_again() -> None:
    params = leaves("ab")
    opt = mg.optimizer("momentum", params, missing="zero", lr=0.1, momentum=0.5)
    step(opt, params, "a")
    start = params["b"].numpy()
    step(opt, params, "ab")
    first = params["b"].numpy() - start
    step(opt, params, "a")
    np.testing.assert_allclose(params["b"].numpy(), start + 1.5 * first, rtol=1e-12)


def test_adam_steps_lr_at_t_5001_and_schedules_keep_to_the_optimizer() -> None:
    params = leaves("ab")
    opt = mg.optimizer("adam", params, missing="zero", lr=Linear(0.1, 0.0, 10_000), eps=0.0)
    for _ in range(5000):
        opt.zero_grad()
        params["a"].sum().backward()
        opt.step()
    before = params["b"].numpy()
    step(opt, params, "ab")
    np.testing.assert_allclose(np.abs(params["b"].numpy() - before), 0.05, rtol=1e-12)


def test_accumulation_waits_for_a_gradient_in_any_micro_batch() -> None:
    params, alone = leaves("ab"), leaves("b")
    opt = mg.optimizer("adam", params, missing="zero", accumulate=2)
    other = mg.optimizer("adam", alone, accumulate=2)
    for names in ("a", "a", "a", "ab", "a", "ab"):
        step(opt, params, names)
    for _ in range(2):  # half of each mean comes from a micro-batch without a gradient for b
        other.zero_grad()
        alone["b"].backward(np.zeros(SHAPES["b"]))
        other.step()
        step(other, alone, "b")
    assert opt.t == 3
    assert same(params, alone)
    step(opt, params, "a")
    assert opt.flush().t == 4


@pytest.mark.parametrize("rule", RULES)
def test_frozen_parameters_go_on_where_they_stopped(rule: str) -> None:
    kw = OPTIONS.get(rule, {})
    params, once, always = leaves("abc"), leaves("b"), leaves("ac")
    opt = mg.optimizer(rule, params, **kw)
    alone, rest = mg.optimizer(rule, once, **kw), mg.optimizer(rule, always, **kw)
    for t in range(10):
        if t == 3:
            opt.freeze("b")
        if t == 7:
            opt.unfreeze("b")
        step(opt, params, "ac" if t in (4, 5) else "abc")  # gradients that come nevertheless are no matter
        step(rest, always, "ac")
        if not 3 <= t < 7:
            step(alone, once, "b")
    assert same(params, once)
    assert same(params, always)
    assert opt.gradient_norm > 0.0


def test_a_frozen_gradient_has_no_say_in_norm_or_clipping_and_may_be_nan() -> None:
    params = leaves("ab")
    opt = mg.optimizer("sgd", params, lr=1.0)
    opt.freeze("b")
    params["a"].sum().backward()
    params["b"].backward(np.full(SHAPES["b"], np.nan))
    assert opt.step().skipped == ""
    assert opt.gradient_norm == pytest.approx(6**0.5)


def test_added_parameters_begin_with_their_first_step_and_follow_averages() -> None:
    params, alone, more = leaves("a"), leaves("a"), leaves("b")
    opt = mg.optimizer("adam", params, lr=0.1, average=Ema(rate=0.5), lookahead=LookAhead(every=2))
    other = mg.optimizer("adam", alone, lr=0.1, average=Ema(rate=0.5), lookahead=LookAhead(every=2))
    step(opt, params, "a")
    step(other, alone, "a")
    start = more["b"].numpy()
    opt.add(more, lr=0.01)
    with opt.averaged():
        np.testing.assert_allclose(more["b"].numpy(), start, rtol=1e-15)
    both = {**params, **more}
    step(opt, both, "ab")
    step(other, alone, "a")
    assert same(params, alone)
    np.testing.assert_allclose(np.abs(more["b"].numpy() - start), 0.005, rtol=1e-6)  # half, by look-ahead
    assert [h["lr"] for h in opt.hyperparameters] == [0.1, 0.01]
    with opt.averaged(), other.averaged():
        assert same(params, alone)


def test_a_state_that_knows_nothing_of_a_parameter_lets_it_begin() -> None:
    old, new, alone = leaves("a"), leaves("ab"), leaves("b")
    opt = mg.optimizer("adam", old, lr=0.1)
    for _ in range(20):
        step(opt, old, "a")
    resumed, other = mg.optimizer("adam", new, lr=0.1), mg.optimizer("adam", alone, lr=0.1)
    resumed.load_state_dict(opt.state_dict(), strict=False)
    step(resumed, new, "ab")
    step(other, alone, "b")
    assert resumed.t == 21
    assert same(new, alone)


@needs("minigrad-modern")
def test_misuse_is_told() -> None:
    params = leaves("ab")
    opt = mg.optimizer("adam", params, lr=Constant(0.1))
    mistakes: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: opt.freeze("z*"), ParameterError, r"no parameter 'z\*'; it has 'a', 'b'"),
        (lambda: opt.freeze("*"), OptimizerError, "nothing would be left"),
        (lambda: opt.freeze(), ParameterError, "freeze takes the name of at least one parameter: 'a', 'b'"),
        (lambda: opt.unfreeze("a"), ParameterError, "of 'a' none is frozen"),
        (lambda: opt.add({"b": leaves("c")["c"]}), ParameterError, "already has 'b'"),
        (lambda: opt.add({"x": params["a"]}), ParameterError, "already has 'x'"),
        (lambda: mg.optimizer("l-bfgs", leaves("ab")).freeze("a"), OptimizerError, "sees all parameters as one"),
    ]
    for act, error, words in mistakes:
        with pytest.raises(error, match=words):
            act()
    opt.freeze("a")
    opt.unfreeze("*")  # those that are not frozen are let be
    assert not any(bucket.frozen for bucket in opt.buckets)
    half = mg.optimizer("adam", leaves("ab"), accumulate=2)
    half.buckets[0].tensors[0].backward(np.ones(SHAPES["a"]))
    half.buckets[0].tensors[1].backward(np.ones(SHAPES["b"]))
    half.step()
    with pytest.raises(OptimizerError, match="amid an accumulation"):
        half.freeze("a")


def test_fit_applies_the_micro_batches_that_are_left_over() -> None:
    x, y = np.random.default_rng(0).standard_normal((50, 4)), np.arange(50) % 3
    model = nn.mlp(4, [], 3, rng=0)
    start = {name: p.numpy().copy() for name, p in model.named_parameters()}
    fit(
        model, (x, y), optimizer="sgd", epochs=1, batch_size=10, accumulate=8, lr=1.0, checks=False, quiet=True
    )  # 5 batches: fewer than make an update
    twin = nn.mlp(4, [], 3, rng=0)
    mg.cross_entropy(twin(x.astype(np.float32)), y).backward()
    for name, p in model.named_parameters():
        grad = dict(twin.named_parameters())[name].grad
        assert grad is not None
        np.testing.assert_allclose(p.numpy(), start[name] - grad.numpy(), rtol=1e-4, atol=1e-5)
