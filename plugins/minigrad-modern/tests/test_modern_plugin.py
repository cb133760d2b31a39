"""The rules of this plugin that no reference library shares a convention with, by independent loops; and the laws."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import minigrad.optim as mo
from minigrad.core import Tensor, tensor
from minigrad.optim.runner import RuleRunner
from minigrad.optim.testing import Law, parametrize_with_laws
from minigrad.typing import Array

NAMES = sorted(name for name, entry in mo.available().items() if entry.distribution == "minigrad-modern")


@parametrize_with_laws(*(mo.load(name) for name in NAMES), seeds=(0,))
def test_laws(law: Law) -> None:
    law()


def test_each_rule_has_a_row_in_the_table() -> None:
    table = (Path(__file__).parents[1] / "README.md").read_text()
    assert [name for name in NAMES if f"| `{name}` |" not in table] == []
    assert len(NAMES) == 31


def _gradients(steps: int, n: int) -> Array:
    return np.random.default_rng(7).standard_normal((steps, n))


def _path(name: str, w: Array, gradients: Array, layout: tuple[mo.Segment, ...] = (), **hyper: object) -> Array:
    runner = RuleRunner(name, mo.load(name)(**hyper), w.copy(), None, layout)
    points = []
    for t, g in enumerate(gradients, start=1):
        runner.step(mo.Objective(g), t)
        points.append(runner.w.copy())
    return np.array(points)


def test_lamb_scales_each_parameter_by_its_own_ratio() -> None:
    w, gs = np.linspace(-1.0, 2.0, 10), _gradients(12, 10)
    layout = (mo.Segment("a", 0, (2, 3)), mo.Segment("b", 6, (4,)))
    found = _path("lamb", w, gs, layout, lr=0.1, weight_decay=0.05)
    m, v, x = np.zeros(10), np.zeros(10), w.copy()
    for t, g in enumerate(gs, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + 0.05 * x
        for part in (slice(0, 6), slice(6, 10)):
            x[part] = x[part] - 0.1 * np.linalg.norm(x[part]) / np.linalg.norm(r[part]) * r[part]
        np.testing.assert_allclose(found[t - 1], x, rtol=1e-12)


def test_lamb_moves_from_zero() -> None:
    assert np.all(_path("lamb", np.zeros(3), _gradients(1, 3), lr=0.1)[0] != 0.0)


def test_ademamix_has_two_means() -> None:
    w, gs = np.linspace(-1.0, 2.0, 5), _gradients(12, 5)
    found = _path("ademamix", w, gs, lr=0.1, beta3=0.99, alpha=3.0, weight_decay=0.1)
    m1, m2, v, x = np.zeros(5), np.zeros(5), np.zeros(5), w.copy()
    for t, g in enumerate(gs, start=1):
        m1, m2, v = 0.9 * m1 + 0.1 * g, 0.99 * m2 + 0.01 * g, 0.999 * v + 0.001 * g * g
        step = (m1 / (1 - 0.9**t) + 3.0 * m2) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        x = x - 0.1 * (step + 0.1 * x)
        np.testing.assert_allclose(found[t - 1], x, rtol=1e-12)


def test_schedule_free_mean_of_the_descending_point() -> None:
    w, gs = np.linspace(-1.0, 2.0, 5), _gradients(12, 5)
    found = _path("schedule-free", w, gs, lr=0.3, beta=0.8)
    zs = w - 0.3 * np.cumsum(gs, axis=0)
    for t in range(1, 13):
        np.testing.assert_allclose(found[t - 1], 0.2 * zs[t - 1] + 0.8 * zs[:t].mean(axis=0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 4)])
def test_muon_steps_are_nearly_orthogonal_and_other_parameters_follow_adam(shape: tuple[int, int]) -> None:
    size = shape[0] * shape[1]
    layout = (mo.Segment("m", 0, shape), mo.Segment("b", size, (3,)))
    gs = _gradients(6, size + 3)
    w = np.zeros(size + 3)
    found = _path("muon", w, gs, layout, lr=1.0, adam_ratio=0.01)
    step = (found[0] - found[1])[:size].reshape(shape) / math.sqrt(max(1.0, shape[1] / shape[0]))
    singular = np.linalg.svd(step, compute_uv=False)
    assert singular.min() > 0.5
    assert singular.max() < 1.3
    adam = _path("adam", np.zeros(3), gs[:, size:], lr=0.01)
    np.testing.assert_allclose(found[:, size:], adam, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_state_round_trip_is_exact(name: str) -> None:
    rng = np.random.default_rng(3)
    shapes = {"weight": (3, 4), "bias": (4,)}
    first = {k: tensor(rng.standard_normal(s), requires_grad=True) for k, s in shapes.items()}
    opt = mo.optimizer(name, first)

    def go(driver: mo.StatefulOptimizer, params: dict[str, Tensor], t: int) -> None:
        def loss() -> Tensor:
            draw = np.random.default_rng(t)
            terms = [mg.sum(p * draw.standard_normal(p.shape)) for p in params.values()]
            return terms[0] + terms[1]

        driver.step(loss)

    for t in range(4):
        go(opt, first, t)
    second = {k: tensor(p.numpy(), requires_grad=True) for k, p in first.items()}
    other = mo.optimizer(name, second)
    other.load_state_dict(opt.state_dict())
    for t in range(4, 8):
        go(opt, first, t)
        go(other, second, t)
    for k in shapes:
        assert first[k].numpy().tobytes() == second[k].numpy().tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_learning_rate_is_validated(name: str) -> None:
    with pytest.raises(mo.HyperparameterError, match=r"\.lr must be a finite number >= 0, got -1"):
        mo.load(name)(lr=-1)
