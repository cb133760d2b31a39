"""L-BFGS against SciPy, Newton-CG, Levenberg-Marquardt, and roots."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import optimize

import minigrad as mg
from minigrad.optim import NeedError, Objective, OptimizerError, load
from minigrad.optim.runner import RuleRunner
from minigrad.optim.testing import Law, parametrize_with_laws
from minigrad.typing import Array, Tensor
from minigrad_newton import root
from minigrad_newton.roots import RootError
from minigrad_newton.search import strong_wolfe

FAMILY = ["gauss-newton", "l-bfgs", "newton", "newton-cg"]
Function = Callable[[Array], float]
Gradient = Callable[[Array], Array]


@parametrize_with_laws(*(load(name) for name in FAMILY), seeds=range(3))
def test_laws(law: Law) -> None:
    law()


def _beale(w: Array) -> tuple[float, Array]:
    x, y = w
    r = np.array([1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3])
    j = np.array([[y - 1, x], [y**2 - 1, 2 * x * y], [y**3 - 1, 3 * x * y**2]])
    return float(r @ r), 2 * j.T @ r


def _booth(w: Array) -> tuple[float, Array]:
    x, y = w
    a, b = x + 2 * y - 7, 2 * x + y - 5
    return float(a * a + b * b), np.array([2 * a + 4 * b, 4 * a + 2 * b])


def _quadratic(w: Array) -> tuple[float, Array]:
    d = np.logspace(0, 4, w.size)
    return float(0.5 * np.sum(d * (w - 1) ** 2)), d * (w - 1)


def _log_cosh(w: Array) -> tuple[float, Array]:
    a = np.random.default_rng(0).standard_normal((20, w.size))
    z = a @ w - 1.0
    return float(np.sum(np.log(np.cosh(z)))), a.T @ np.tanh(z)


PROBLEMS: dict[str, tuple[Callable[[Array], tuple[float, Array]], Array]] = {
    "rosenbrock": (lambda w: (float(optimize.rosen(w)), optimize.rosen_der(w)), np.array([-1.2, 1.0, -0.5, 2.0, 1.3])),
    "beale": (_beale, np.array([1.0, 1.0])),
    "booth": (_booth, np.array([0.0, 0.0])),
    "ill-conditioned": (_quadratic, np.zeros(12)),
    "log-cosh": (_log_cosh, np.zeros(6)),
}


def _descend(name: str, problem: Callable[[Array], tuple[float, Array]], start: Array, steps: int) -> tuple[Array, int]:
    """Where a rule arrives, and how often it evaluated the function."""
    calls = 0

    def evaluate(w: Array) -> tuple[float, Array]:
        nonlocal calls
        calls += 1
        return problem(w)

    def hvp(w: Array, v: Array) -> Array:
        h = 1e-6 / max(1e-12, float(np.abs(v).max()))
        return (problem(w + h * v)[1] - problem(w - h * v)[1]) / (2 * h)

    runner = RuleRunner(name, load(name)(), start.copy())
    for t in range(1, steps + 1):
        f = Objective.of(runner.w.copy(), lambda w: evaluate(w)[1], value=lambda w: problem(w)[0], hvp=hvp)
        runner.step(f, t)
        if np.abs(problem(runner.w)[1]).max() < 1e-9:
            break
    return runner.w, calls


@pytest.mark.parametrize("name", ["l-bfgs", "newton-cg"])
@pytest.mark.parametrize("case", PROBLEMS)
def test_line_search_methods_agree_with_scipy(name: str, case: str) -> None:
    problem, start = PROBLEMS[case]
    w, calls = _descend(name, problem, start, 400)
    theirs = optimize.minimize(problem, start, jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-10})
    np.testing.assert_allclose(w, theirs.x, rtol=1e-4, atol=1e-5)
    assert problem(w)[0] <= theirs.fun + 1e-12
    if name == "l-bfgs":
        assert calls <= 3 * theirs.nfev + 20, (calls, theirs.nfev)


def test_strong_wolfe_conditions_hold_where_it_says_so() -> None:
    problem, start = PROBLEMS["rosenbrock"]
    rng = np.random.default_rng(1)
    for _ in range(50):
        w = start + rng.standard_normal(5)
        value, g = problem(w)
        d = -g * rng.uniform(0.1, 2.0, 5)
        f = Objective.of(w, lambda x: problem(x)[1], value=lambda x: problem(x)[0])
        p = strong_wolfe(f, w, d, first=10.0 ** rng.uniform(-6, 1))
        assert p is not None
        after, slope = problem(w + p.step * d)[0], problem(w + p.step * d)[1] @ d
        assert after <= value + 1e-4 * p.step * (g @ d) + 1e-12 * abs(value)
        assert abs(slope) <= 0.9 * abs(g @ d)
    assert strong_wolfe(f, w, g) is None


def test_l_bfgs_through_a_closure() -> None:
    w = mg.tensor([-1.2, 1.0], requires_grad=True)
    opt = mg.optimizer("l-bfgs", [w])
    losses = [opt.step(lambda: (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] * w[0]) ** 2).loss for _ in range(40)]
    np.testing.assert_allclose(w.numpy(), [1.0, 1.0], atol=1e-6)
    assert all(b <= a + 1e-15 for a, b in pairwise(losses) if a is not None and b is not None)


def _exponential(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return w[0] * mg.exp(w[1] * x) + w[2] - y


@pytest.mark.parametrize("damping", [0.0, 1e-3])
def test_levenberg_marquardt_fits_a_curve(damping: float) -> None:
    x = np.linspace(0.0, 2.0, 15)
    y = 2.0 * np.exp(-1.3 * x) + 0.5 + 0.01 * np.sin(40 * x)
    w = mg.tensor([1.5, -1.0, 0.0], requires_grad=True)
    opt = mg.optimizer("gauss-newton", [w], damping=damping)
    for _ in range(12):
        opt.step(lambda: _exponential(w, mg.tensor(x), mg.tensor(y)))
    theirs = optimize.least_squares(lambda v: v[0] * np.exp(v[1] * x) + v[2] - y, [1.5, -1.0, 0.0], xtol=1e-14)
    np.testing.assert_allclose(w.numpy(), theirs.x, rtol=1e-6)


def test_one_damped_step_by_its_formula() -> None:
    a, b = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]]), np.array([1.0, 2.0, 3.0])
    w = np.array([0.3, -0.2])
    f = Objective.of(w, lambda x: a.T @ (a @ x - b), residual=lambda x: a @ x - b, jacobian=lambda x: a)
    rule = load("gauss-newton")(damping=0.5)
    moved, state = rule.update(w, f, rule.init(w), 1)
    normal = a.T @ a
    expected = w - np.linalg.solve(normal + 0.5 * np.diag(np.diag(normal)), a.T @ (a @ w - b))
    np.testing.assert_allclose(moved, expected, rtol=1e-13)
    assert state == type(state)(0.05)  # type: ignore[call-arg]


def test_least_squares_errors() -> None:
    w = mg.tensor([1.0, 1.0], requires_grad=True)
    with pytest.raises(NeedError, match=r"residuals as a Tensor of shape \(m,\)"):
        mg.optimizer("gauss-newton", [w]).step(lambda: mg.sum(w * w))
    with pytest.raises(OptimizerError, match="columns of the Jacobian are dependent"):
        mg.optimizer("gauss-newton", [w], damping=0.0).step(lambda: mg.sum(w) * mg.tensor([1.0, 2.0]))


def test_root_of_the_notes() -> None:
    found = root(lambda x: x * x - 2.0, 1.0)
    assert float(found.x) == pytest.approx(math.sqrt(2.0), abs=1e-12)
    errors = [abs(float(x) - math.sqrt(2.0)) for x in found.path]
    assert all(b <= a * a for a, b in pairwise(errors[1:]) if a > 1e-7)
    assert found.steps <= 6


def test_root_of_a_system() -> None:
    found = root(lambda v: mg.concatenate([(v[0:1] ** 2 + v[1:2] ** 2 - 4.0), (v[0:1] - v[1:2])]), np.array([1.0, 2.0]))
    np.testing.assert_allclose(found.x, [math.sqrt(2.0)] * 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "start", "message"),
    [
        (lambda x: x * x + 1.0, 0.0, r"singular at x = 0\.0, after 0 steps"),
        (lambda x: x * x + 1.0, 0.5, "no root after 50 steps"),
        (lambda x: mg.log(x), -1.0, "not finite"),
        (lambda x: x[0], np.ones(2), "as many equations as unknowns"),
    ],
)
def test_roots_that_cannot_be_found(f: Callable[[Tensor], Tensor], start: float, message: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(RootError, match=message):
        root(f, start)
