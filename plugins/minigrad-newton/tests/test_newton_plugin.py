"""Newton's method, from outside: through its entry point only."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import HyperparameterError, OptimizerError, available, examine, load
from minigrad.typing import Array
from support.optim_problems import PROBLEMS

ROSENBROCK = PROBLEMS["rosenbrock2d"]


def _path(start: Array, steps: int) -> list[Array]:
    """Newton on Rosenbrock's function with closed-form derivatives."""
    rule = load("newton")()
    state = rule.init(start)
    points = [start]
    for t in range(1, steps + 1):
        w, state = rule.update(points[-1], ROSENBROCK.at(points[-1]), state, t)
        points.append(w)
    return points


def test_it_comes_from_this_distribution() -> None:
    entry = available()["newton"]
    assert (entry.distribution, entry.value) == ("minigrad-newton", "minigrad_newton:Newton")


def test_laws_hold_for_many_seeds() -> None:
    for seed in range(20):
        assert examine(load("newton"), seed=seed).broken == ()


def test_rosenbrock_is_solved_quadratically() -> None:
    """f falls 24.2, 4.73, 1411.8, 0.056, 0.31, 1.9e-11, 3.4e-20: the last steps double the correct digits."""
    points = _path(np.array([-1.2, 1.0]), 7)
    f = [(1 - x) ** 2 + 100 * (y - x * x) ** 2 for x, y in points]
    np.testing.assert_allclose(f[:5], [24.2, 4.7319, 1411.85, 0.05597, 0.3132], rtol=1e-3)
    assert f[5] < 1e-10
    assert f[6] < 1e-19
    errors = [float(np.abs(p - 1.0).max()) for p in points]
    assert errors[6] < 10 * errors[5] ** 2 + 1e-15


def test_singular_hessians_are_named_and_damping_helps() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(OptimizerError, match=r"step 1.*Hessian of 2 parameters is singular.*damping"):
        mg.optimizer("newton", [w]).step(lambda: mg.sum(w))
    assert w.numpy().tolist() == [1.0, 2.0]
    mg.optimizer("newton", [w], damping=0.5).step(lambda: mg.sum(w))
    np.testing.assert_allclose(w.numpy(), [-1.0, 0.0])


def test_hyperparameters() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(HyperparameterError, match="no option 'lr'"):
        mg.optimizer("newton", [w], lr=0.1)
    with pytest.raises(HyperparameterError, match=r"Newton\.damping must be a finite number >= 0"):
        mg.optimizer("newton", [w], damping=-1.0)


def test_a_monotone_step_is_the_formulas_on_a_convex_quadratic() -> None:
    rng = np.random.default_rng(0)
    m = mg.tensor(rng.standard_normal((6, 4)))
    ends = []
    for monotone in (False, True):
        w = mg.tensor(np.ones(4), requires_grad=True)
        mg.optimizer("newton", [w], monotone=monotone).step(lambda w=w: mg.sum((m @ w - 1.0) ** 2))
        ends.append(w.numpy())
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


def test_a_monotone_step_never_rises_on_rosenbrocks_function_nor_at_a_saddle() -> None:
    def losses(start: list[float], f: Callable[[mg.Tensor], mg.Tensor], monotone: bool) -> list[float]:
        w = mg.tensor(start, requires_grad=True)
        opt = mg.optimizer("newton", [w], monotone=monotone)
        return [value for _ in range(30) if (value := opt.step(lambda: f(w)).loss) is not None]

    def rosenbrock(w: mg.Tensor) -> mg.Tensor:
        return (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] ** 2) ** 2

    def saddle(w: mg.Tensor) -> mg.Tensor:
        return w[0] ** 2 - w[1] ** 2 + 0.25 * w[1] ** 4

    for start, f, least in (([-1.2, 1.0], rosenbrock, 0.0), ([1.0, 0.1], saddle, -1.0)):
        values = losses(start, f, monotone=True)
        assert all(b <= a for a, b in pairwise(values))
        np.testing.assert_allclose(values[-1], least, atol=1e-12)
    assert max(losses([-1.2, 1.0], rosenbrock, monotone=False)) > 1000.0
    np.testing.assert_allclose(losses([1.0, 0.1], saddle, monotone=False)[-1], 0.0, atol=1e-12)
