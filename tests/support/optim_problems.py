"""The golden problems, in closed form, and running a rule on one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import attrs
import numpy as np

from minigrad.optim import StatefulOptimizer, optimizer
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Segment
from minigrad.optim.runner import RuleRunner, UpdateRule
from minigrad.optim.schedule import Schedule
from minigrad.optim.stateful.buckets import Parameters
from minigrad.typing import Array

DATA = Path(__file__).parent.parent / "data" / "optimizers.json"

A = np.array([[1.0, 2.0, -1.0], [0.5, -1.5, 2.0], [3.0, 0.25, -0.75], [-2.0, 1.0, 1.0], [0.125, -0.5, 4.0]])
B = np.array([1.0, -2.0, 0.5, 3.0, -1.5])
B2 = np.array([[1.0, 0.5], [-2.0, 1.0], [0.5, -0.25], [3.0, 2.0], [-1.5, 0.75]])


@attrs.frozen(eq=False)
class Problem:
    """A function of a flat vector with its derivatives and its usual starting point."""

    start: Array
    value: Callable[[Array], float]
    grad: Callable[[Array], Array]
    hessian: Callable[[Array], Array]
    shape: tuple[int, ...]

    def at(self, w: Array) -> Objective:
        """All that a rule may ask for, at `w`."""
        return Objective.of(w, self.grad, value=self.value, hessian=self.hessian, hvp=lambda x, v: self.hessian(x) @ v)


def _rosenbrock() -> Problem:
    def value(w: Array) -> float:
        return float((1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2)

    def grad(w: Array) -> Array:
        x, y = w
        return np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])

    def hessian(w: Array) -> Array:
        x, y = w
        return np.array([[2 - 400 * (y - 3 * x * x), -400 * x], [-400 * x, 200.0]])

    return Problem(np.array([-1.2, 1.0]), value, grad, hessian, (2,))


def _matrix() -> Problem:
    start = np.array([[0.5, -0.25], [1.0, 0.75], [-0.5, 0.25]])

    def residual(w: Array) -> Array:
        difference: Array = A @ w.reshape(3, 2) - B2
        return difference

    return Problem(
        start.reshape(-1),
        lambda w: 0.5 * float(np.sum(residual(w) ** 2)),
        lambda w: (A.T @ residual(w)).reshape(-1),
        lambda w: np.kron(A.T @ A, np.eye(2)),
        (3, 2),
    )


PROBLEMS = {
    "rosenbrock2d": _rosenbrock(),
    "lstsq5x3": Problem(
        np.array([0.5, -0.25, 1.0]),
        lambda w: 0.5 * float(np.sum((A @ w - B) ** 2)),
        lambda w: A.T @ (A @ w - B),
        lambda w: A.T @ A,
        (3,),
    ),
    "lstsq_mat3x2": _matrix(),
    "linear3": Problem(
        np.array([1.0, 1.0, 1.0]),
        lambda w: float(w @ np.array([0.3, -2.0, 0.0])),
        lambda w: np.array([0.3, -2.0, 0.0]),
        lambda w: np.zeros((3, 3)),
        (3,),
    ),
}


@cache
def golden() -> dict[str, dict[str, dict[str, list[object]]]]:
    """library -> case -> problem -> the 21 iterates."""
    found: dict[str, dict[str, dict[str, list[object]]]] = json.loads(DATA.read_text())["trajectories"]
    return found


def build(name: str, params: Parameters, **options: object) -> StatefulOptimizer:
    """`minigrad.optimizer` with options of any type, right or wrong."""
    return optimizer(name, params, **options)  # type: ignore[arg-type]


def trajectory(
    rule: UpdateRule, problem: Problem, steps: int = 20, schedules: dict[str, Schedule] | None = None
) -> Array:
    """All iterates, shape `(steps + 1, n)`."""
    layout = (Segment("w", 0, problem.shape),)
    runner = RuleRunner("rule under test", rule, problem.start.copy(), schedules, layout)
    iterates = [runner.w.copy()]
    for t in range(1, steps + 1):
        runner.step(problem.at(runner.w.copy()), t)
        iterates.append(runner.w.copy())
    return np.array(iterates)
