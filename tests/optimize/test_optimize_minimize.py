"""`mg.minimize`, `least_squares`, `root`: every method, containers, limits, messages; SciPy alone as the oracle."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.optimize import MissingSciPy, ProblemError, errors
from minigrad.optimize.minimize import METHODS
from support.optimize_problems import PROBLEMS, Problem, rosenbrock

optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed: pip install scipy")


@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply")  # of SciPy's trust-krylov, which also
@pytest.mark.filterwarnings("ignore:overflow encountered in dot")  # multiplies memory that nobody has written to
@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_minimum(method: str) -> None:
    start = np.array([0.9, 0.8]) if method == "dogleg" else np.array([-1.2, 1.0])  # dogleg needs a positive Hessian
    result = mg.minimize(rosenbrock, start, method=method, tol=1e-9)
    np.testing.assert_allclose(result.x, 1.0, atol=1e-3)
    assert not result.eager_because


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_fewer_evaluations_than_without_derivatives(problem: Problem) -> None:
    ours = mg.minimize(problem.f, problem.start, method="L-BFGS-B", options={"maxiter": 400, "maxfun": 10_000})
    counted = 0

    def plain(x: Any) -> float:
        nonlocal counted
        counted += 1
        return float(problem.f(mg.tensor(x)))

    budget = {"maxiter": 400, "maxfun": max(600, 3 * ours.nfev)}  # enough to lose
    optimize.minimize(plain, problem.start, method="L-BFGS-B", options=budget)
    assert ours.nfev < counted
    assert ours.fun - problem.minimum < 1e-2 * max(1.0, abs(float(problem.f(mg.tensor(problem.start)))))


@attrs.frozen
class Line:
    """Slope and height."""

    slope: float
    heights: Any


def test_containers_come_back_as_they_are() -> None:
    target = np.arange(3.0)

    def loss(line: Line) -> Any:
        return (line.slope - 2.0) ** 2 + ((line.heights - target) ** 2).sum()

    result = mg.minimize(loss, Line(0.0, np.zeros(3)))
    assert isinstance(result.x.slope, float)
    np.testing.assert_allclose(result.x.heights, target, atol=1e-6)
    nested = mg.minimize(
        lambda p: (p["a"][0] - 1.0) ** 2 + ((p["b"] + 1.0) ** 2).sum(), {"b": np.ones((2, 2)), "a": (3.0,)}
    )
    np.testing.assert_allclose(nested.x["b"], -np.ones((2, 2)), atol=1e-6)


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "trust-constr"])
def test_bounds_of_all_forms(method: str) -> None:
    for bounds in ((None, {"x": 0.5, "y": np.array([0.25, 9.0])}), optimize.Bounds(-np.inf, [0.5, 0.25, 9.0])):
        start = {"x": 0.0, "y": np.zeros(2)}
        result = mg.minimize(
            lambda p: (p["x"] - 2.0) ** 2 + ((p["y"] - 1.0) ** 2).sum(), start, method=method, bounds=bounds
        )
        np.testing.assert_allclose(result.x["x"], 0.5, atol=1e-3)
        np.testing.assert_allclose(result.x["y"], [0.25, 1.0], atol=1e-3)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_constraints_of_both_kinds(method: str) -> None:
    limits = [
        {"type": "eq", "fun": lambda x: x[0] + x[1] - 1.0},
        {"type": "ineq", "fun": lambda x: [0.3 - x[0], x[1:]]},
    ]
    result = mg.minimize(lambda x: (x**2).sum() - x[0], np.array([0.2, 0.2]), method=method, constraints=limits)
    np.testing.assert_allclose(result.x, [0.3, 0.7], atol=1e-3)


def test_a_hessian_of_ones_own_and_the_arguments() -> None:
    seen: list[object] = []

    def curvature(x: Any) -> Any:
        seen.append(x)
        return np.eye(2) * 2.0

    result = mg.minimize(
        lambda x, c: ((x - c) ** 2).sum(), np.zeros(2), args=(3.0,), method="trust-exact", hess=curvature
    )
    np.testing.assert_allclose(result.x, 3.0, atol=1e-6)
    assert seen
    visited: list[Any] = []
    mg.minimize(lambda x: (x - 1.0) ** 2, 0.0, callback=visited.append)
    assert visited


def test_a_function_that_looks_at_numbers_runs_on_tensors_and_says_so() -> None:
    def kinked(x: Any) -> Any:
        return ((x - 1.0) ** 2).sum() if float(x[0]) > -1.0 else ((x + 5.0) ** 2).sum()

    result = mg.minimize(kinked, np.zeros(2))
    np.testing.assert_allclose(result.x, 1.0, atol=1e-6)
    assert "traced value" in result.eager_because


def test_least_squares_and_root_use_the_jacobian_of_the_rules() -> None:
    t = np.linspace(0.0, 2.0, 20)
    y = 3.0 * np.exp(-1.5 * t)
    for method in ("trf", "dogbox", "lm"):
        fit = mg.least_squares(
            lambda p: p["scale"] * mg.exp(-p["rate"] * t) - y, {"scale": 1.0, "rate": 1.0}, method=method
        )
        assert (round(fit.x["scale"], 6), round(fit.x["rate"], 6)) == (3.0, 1.5)
    bounded = mg.least_squares(lambda p: p - 2.0, np.zeros(2), bounds=(None, 1.0))
    np.testing.assert_allclose(bounded.x, 1.0)
    for method in ("hybr", "lm"):
        x, z = mg.root(lambda p: (p[0] + p[1] - 3.0, p[0] * p[1] - 2.0), (0.5, 3.0), method=method).x
        np.testing.assert_allclose((x, z), (1.0, 2.0), atol=1e-8)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mg.minimize(rosenbrock, np.zeros(2), method="Nelder-Mead"), "none that takes derivatives"),
        (lambda: mg.minimize(rosenbrock, np.zeros(2), method="BFSG"), "Did you mean 'BFGS'"),
        (lambda: mg.minimize(rosenbrock, np.zeros(2), method="CG", bounds=(0.0, 1.0)), "CG takes no bounds"),
        (lambda: mg.minimize(rosenbrock, np.zeros(2), bounds=(1.0, 0.0)), "lies above"),
        (lambda: mg.minimize(rosenbrock, np.zeros(2), bounds=(np.zeros(3), None)), "a bound has arrays"),
        (lambda: mg.minimize(rosenbrock, np.zeros(2), constraints={"type": "le", "fun": len}), "a constraint is"),
        (lambda: mg.minimize(lambda x: x, np.zeros(2)), "returns one number"),
        (lambda: mg.minimize(rosenbrock, np.array([np.nan, 0.0])), "NaN"),
        (lambda: mg.minimize(rosenbrock, {}), "no numbers"),
        (lambda: mg.root(lambda x: x.sum(), np.zeros(2)), "as many equations"),
        (lambda: mg.least_squares(lambda x: x, np.zeros(2), method="dog"), "Known: trf"),
    ],
)
def test_mistakes_are_named(call: Any, words: str) -> None:
    with pytest.raises(ProblemError, match=words) as caught:
        call()
    assert len(str(caught.value)) < 300


def test_without_scipy_messages_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(errors, "import_module", refuse)
    with pytest.raises(MissingSciPy, match="pip install scipy"):
        mg.minimize(rosenbrock, np.zeros(2))


def test_odeint_agrees_with_solve_ivp_and_has_gradients() -> None:
    integrate = pytest.importorskip("scipy.integrate")
    t = np.linspace(0.0, 2.0, 9)

    def pendulum(y: Any, _: float, length: Any) -> Any:
        return mg.stack([y[1], -mg.sin(y[0]) / length])

    solution = mg.odeint(pendulum, mg.tensor([1.0, 0.0]), t, mg.tensor(1.3), substeps=20)
    reference = integrate.solve_ivp(
        lambda s, y: [y[1], -np.sin(y[0]) / 1.3], (0.0, 2.0), [1.0, 0.0], t_eval=t, rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(solution.numpy(), reference.y.T, atol=1e-7)

    def end(length: Any) -> Any:
        return mg.odeint(pendulum, np.array([1.0, 0.0]), t, length, substeps=20)[-1, 0]

    def by_scipy(length: float) -> float:
        run = integrate.solve_ivp(
            lambda s, y: [y[1], -np.sin(y[0]) / length], (0.0, 2.0), [1.0, 0.0], rtol=1e-11, atol=1e-13
        )
        return float(run.y[0, -1])

    slope = (by_scipy(1.3 + 1e-4) - by_scipy(1.3 - 1e-4)) / 2e-4
    np.testing.assert_allclose(float(mg.grad(end)(1.3)), slope, rtol=1e-5)  # type: ignore[arg-type]
