"""The driver: flat buffers, errors, guards, groups, and state that survives to the last bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from minigrad.core import tensor
from minigrad.optim import (
    ClipAdaptive,
    ClipNorm,
    ClipValue,
    Group,
    Linear,
    MissingGradient,
    NonFiniteGradient,
    NonFiniteWarning,
    Piecewise,
    StateError,
    available,
    load,
    optimizer,
)
from minigrad.typing import Array
from support.optim_leaves import feed, leaves, values
from support.optim_problems import PROBLEMS, build, golden

RULES = sorted(name for name, entry in available().items() if entry.distribution == "minigrad")


@pytest.mark.parametrize(("library", "case", "name"), [("torch", "adam", "adam"), ("torch", "sgd", "sgd")])
def test_tensors_follow_the_golden_trajectory(library: str, case: str, name: str) -> None:
    lr = {"adam": 0.1, "sgd": 1e-3}[name]
    for problem, iterates in golden()[library][case].items():
        p = PROBLEMS[problem]
        w = tensor(p.start.reshape(p.shape), requires_grad=True)
        opt = optimizer(name, [w], lr=lr)
        for wanted in iterates[1:]:
            opt.zero_grad()
            w.backward(p.grad(w.numpy().reshape(-1)).reshape(p.shape))
            opt.step()
            np.testing.assert_allclose(w.numpy(), np.asarray(wanted), rtol=1e-12, atol=1e-14)
        assert opt.t == 20


@pytest.mark.parametrize(
    ("case", "name", "hyper"),
    [
        ("sgd_wd", "sgd", {"lr": 1e-3, "weight_decay": 0.1}),
        ("sgd_maximize", "sgd", {"lr": 1e-5, "maximise": True}),
        ("adam_l2_0.1", "adam", {"lr": 0.1, "weight_decay": 0.1}),
        ("adamw_0.1", "adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled": True}),
    ],
)
def test_weight_decay_and_maximise_match_torch(case: str, name: str, hyper: dict[str, float]) -> None:
    for problem, iterates in golden()["torch"][case].items():
        p = PROBLEMS[problem]
        w = tensor(p.start, requires_grad=True)
        opt = build(name, [w], **hyper)
        for wanted in iterates[1:]:
            opt.zero_grad()
            w.backward(p.grad(w.numpy()))
            opt.step()
            np.testing.assert_allclose(w.numpy(), np.asarray(wanted).reshape(-1), rtol=1e-12, atol=1e-14)


def test_step_makes_older_graphs_stale_and_keeps_values_already_read() -> None:
    w = tensor([1.0, 2.0], requires_grad=True)
    before = w.numpy()
    opt = optimizer("sgd", [w], lr=1.0)
    held = w.numpy()
    w.backward(np.ones(2))
    opt.step()
    assert before.tolist() == held.tolist() == [1.0, 2.0]
    assert w.numpy().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_round_trip_is_exact_mid_run(name: str, dtype: type) -> None:
    straight = leaves(dtype=dtype)
    opt = optimizer(name, straight)
    for t in range(5):
        feed(opt, straight, t)
    saved = opt.state_dict()
    frozen = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in saved.items()}
    resumed = {n: tensor(p.numpy(), requires_grad=True) for n, p in straight.items()}
    other = optimizer(name, resumed)
    other.load_state_dict(saved)
    for value in saved.values():
        if isinstance(value, np.ndarray):
            value[...] = 7.0  # neither driver may be looking into the dict
    for t in range(5, 9):
        feed(opt, straight, t)
        feed(other, resumed, t)
    for a, b in zip(values(straight), values(resumed), strict=True):
        assert a.tobytes() == b.tobytes()
    assert other.t == 9
    assert all(isinstance(v, np.ndarray | float | int | str) for v in frozen.values())


def test_state_is_keyed_by_name_not_by_order() -> None:
    params = leaves()
    opt = optimizer("adam", params)
    feed(opt, params, 0)
    reversed_params = dict(reversed([(n, tensor(p.numpy(), requires_grad=True)) for n, p in params.items()]))
    other = optimizer("adam", reversed_params)
    other.load_state_dict(opt.state_dict())
    for name in params:
        ours, theirs = opt.state_dict(), other.state_dict()
        np.testing.assert_array_equal(ours[f"state/{name}/m.total"], theirs[f"state/{name}/m.total"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("state/scale/m.total"), r"'m\.total' of parameter 'scale'.*nothing"),
        (lambda s: s.update({"state/scale/m.total": np.zeros(3)}), r"float64\[3\]"),
        (lambda s: s.update({"state/stranger/m.total": np.zeros(3)}), "stranger"),
        (lambda s: s.update({"shared/0.float64/v.wieght": 1.0}), r"v\.wieght.*Did you mean"),
        (lambda s: s.update({"optimizer": "sgd (minigrad 0.1.0)"}), "saved by 'sgd"),
        (lambda s: s.update({"t": -1}), "'t' should be"),
        (lambda s: s.update({"state_version": 9}), r"version 9.*migrate"),
        (lambda s: s.update({"format": 2}), "format"),
    ],
)
def test_state_that_does_not_fit_is_refused_whole(damage: Callable[[dict[str, object]], object], message: str) -> None:
    params = leaves()
    opt = optimizer("adam", params)
    feed(opt, params, 0)
    saved: dict[str, object] = dict(opt.state_dict())
    damage(saved)
    before = opt.state_dict()
    with pytest.raises(StateError, match=message):
        opt.load_state_dict(saved)
    after = opt.state_dict()
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_missing_gradient_names_the_parameter() -> None:
    params = leaves()
    opt = optimizer("sgd", params)
    params["scale"].backward(np.ones(()))
    with pytest.raises(MissingGradient, match=r"'layer\.weight', 'layer\.bias'"):
        opt.step()
    assert opt.t == 0
    kept = values(params)
    other = leaves()
    lenient = optimizer("sgd", other, missing="zero", lr=1.0)
    other["layer.bias"].backward(np.ones(4))
    lenient.step()
    lenient.zero_grad()
    other["scale"].backward(np.ones(()))
    lenient.step()
    moved = values(other)
    assert np.array_equal(moved[0], kept[0])
    np.testing.assert_allclose(moved[1], kept[1] - 1.0)  # moved once: the second step saw no stale gradient
    np.testing.assert_allclose(moved[2], kept[2] - 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_gradient_changes_nothing(bad: float) -> None:
    params = leaves()
    opt = optimizer("adam", params)
    feed(opt, params, 0)
    before, state = values(params), opt.state_dict()
    opt.zero_grad()
    for p in params.values():
        p.backward(np.ones(p.shape))
    opt.zero_grad()
    for name, p in params.items():
        g = np.ones(p.shape)
        if name == "layer.weight":
            g[1, 2] = bad
        p.backward(g)
    with pytest.warns(NonFiniteWarning, match=r"'layer\.weight' \(1 of 12 entries.*\[1, 2\]"):
        done = opt.step()
    assert done.skipped
    assert opt.t == 1
    assert all(np.array_equal(a, b) for a, b in zip(before, values(params), strict=True))
    assert all(np.array_equal(v, opt.state_dict()[k]) for k, v in state.items())


def test_non_finite_can_raise_and_an_overflowing_square_is_no_fault() -> None:
    w = tensor([1.0, 1.0], requires_grad=True)
    opt = optimizer("sgd", [w], nonfinite="raise")
    w.backward(np.array([np.nan, 0.0]))
    with pytest.raises(NonFiniteGradient, match="step 1"):
        opt.step()
    opt.zero_grad()
    w.backward(np.array([1e200, 0.0]))
    assert not opt.step().skipped
    opt.zero_grad()
    w.backward(np.array([1.7e308, 0.0]))
    opt = optimizer("sgd", [w], lr=1e10, nonfinite="raise")
    with np.errstate(over="ignore"), pytest.raises(NonFiniteGradient, match="'param0' infinite"):
        opt.step()


def test_groups_take_parameters_by_pattern_or_predicate() -> None:
    params = leaves()
    start = values(params)
    opt = optimizer(
        "sgd",
        params,
        lr=1.0,
        groups=[Group("*.bias", lr=0.0), Group(lambda name, t: t.ndim == 0, lr=Linear(2.0, 0.0, 2))],
    )
    for _ in range(2):
        opt.zero_grad()
        for p in params.values():
            p.backward(np.ones(p.shape))
        opt.step()
    moved = values(params)
    np.testing.assert_allclose(start[0] - moved[0], 2.0)
    np.testing.assert_allclose(start[1] - moved[1], 0.0)
    np.testing.assert_allclose(start[2] - moved[2], 2.0 + 1.0)
    assert [h["lr"] for h in opt.hyperparameters] == [1.0, 0.0, 0.0]


def test_both_dtypes_train_together() -> None:
    a = tensor([1.0] * 3, requires_grad=True, dtype=np.float32)
    b = tensor(np.ones(2), requires_grad=True)
    opt = optimizer("adam", [a, b], lr=0.5)
    a.backward([1.0] * 3)
    b.backward(np.ones(2))
    opt.step()
    assert [a.dtype.name, b.dtype.name] == ["float32", "float64"]
    np.testing.assert_allclose(np.concatenate([a.numpy(), b.numpy()]), 0.5, rtol=1e-6)


def test_clipping() -> None:
    def moved(clip: object, gradient: Array, start: Array) -> Array:
        w = tensor(start, requires_grad=True)
        opt = build("sgd", [w], lr=1.0, clip=clip)
        w.backward(gradient)
        opt.step()
        kept = w.grad
        assert kept is not None
        np.testing.assert_array_equal(kept.numpy(), gradient)  # the gradient itself is not touched
        step: Array = start - w.numpy()
        return step

    g = np.array([[3.0, 0.0], [4.0, 1e-3]])
    w = np.array([[1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_allclose(moved(ClipValue(2.0), g, w), np.clip(g, -2, 2))
    np.testing.assert_allclose(moved(ClipNorm(1.0), g, w), g / np.sqrt(np.sum(g * g)))
    np.testing.assert_allclose(moved(ClipNorm(4.0), g, w), g * 4.0 / np.sqrt(np.sum(g * g)))
    np.testing.assert_allclose(moved(ClipNorm(9.0), g, w), g)
    unit = 0.1 * np.sqrt(2.0) / 5.0
    np.testing.assert_allclose(moved(ClipAdaptive(0.1), g, w), g * [unit, 1.0])
    huge = np.array([1e200, 1e200])
    np.testing.assert_allclose(moved(ClipNorm(1.0), huge, np.zeros(2)), np.full(2, np.sqrt(0.5)))


def test_accumulation_averages_micro_batches() -> None:
    w = tensor([0.0], requires_grad=True)
    opt = optimizer("sgd", [w], lr=1.0, accumulate=3)
    for g in (1.0, 2.0, 6.0):
        opt.zero_grad()
        w.backward(np.array([g]))
        done = opt.step()
    assert not done.skipped
    assert w.numpy().tolist() == [-3.0]
    opt.zero_grad()
    assert w.grad is None


def test_scheduled_beta_keeps_the_constant_step_exact() -> None:
    """PyTorch and optax jump to 5.35 lr at t = 3 here, because they correct all history by the present beta."""
    w = tensor([0.0, 0.0, 0.0], requires_grad=True)
    opt = optimizer("adam", [w], lr=0.1, eps=0.0, beta1=Piecewise((3,), (0.5, 0.95)))
    for t in range(1, 200):
        opt.zero_grad()
        w.backward(np.array([0.3, -2.0, 1.0]))
        before = w.numpy()
        opt.step()
        np.testing.assert_allclose((w.numpy() - before) / 0.1, [-1.0, 1.0, -1.0], rtol=0, atol=1e-12 * max(1, t / 10))


def test_zero_learning_rate_stands_still() -> None:
    for name in RULES:
        params = leaves()
        start = values(params)
        opt = optimizer(name, params, lr=0.0)
        for t in range(3):
            feed(opt, params, t)
        assert all(np.array_equal(a, b) for a, b in zip(start, values(params), strict=True)), name


def test_everything_here_is_quiet() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        params = leaves()
        feed(optimizer("adam", params), params, 0)
    assert load("adam").needs
