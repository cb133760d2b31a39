"""Second-order rules on ten problems: `python tests/benchmarks/second_order.py [--steps 40]`, with SciPy installed.

The first table has for each rule and problem the steps that raised the loss under 20 groupings with mixed dtypes (by
more than 1e-12 of it; 1e-5 where a parameter is in float32). The second has evaluations of the loss until it is within
1e-8 of the least that any of SciPy's methods finds, from the same point in float64; a dash where another minimum was
found, or none in 100 steps. Hessians and products with them are not counted, but SciPy's Newton-CG pays for these by
gradients, which are.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize

import minigrad as mg
from minigrad.typing import Array

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.optim_second_order import GROUPINGS, PROBLEMS, RULES, Run, start

NEAR = 1e-8
LONGEST = 100
DOUBLE = next(k for k in itertools.count() if not Run("l-bfgs", "wave", k).single)


def rises(rule: str, problem: str, steps: int) -> int:
    """Steps that raised the loss, over all groupings."""
    count = 0
    for k in range(GROUPINGS):
        run = Run(rule, problem, k)
        losses = [run.step() for _ in range(steps)]
        slack = 1e-5 if run.single else 1e-12
        count += sum(not b <= a + slack * max(1.0, abs(a)) for a, b in itertools.pairwise(losses))
    return count


def ours(rule: str, problem: str, goal: float) -> str:
    """Evaluations until the loss is at most `goal`."""
    run = Run(rule, problem, DOUBLE)
    for _ in range(LONGEST):
        before = run.calls
        if run.step() <= goal:
            return str(before + 1)
    return "-"


def scipys(problem: str) -> tuple[float, list[str]]:
    """The least loss found, and the evaluations of each method; of the residuals for the last."""
    residuals = PROBLEMS[problem]
    calls = 0

    def parts(w: mg.Tensor) -> dict[str, mg.Tensor]:
        return {"a": w[0:2], "b": w[2:3], "c": w[3:6]}

    def loss(w: mg.Tensor) -> mg.Tensor:
        r = residuals(parts(w))
        return mg.sum(r * r) * 0.5

    slopes, curvature = mg.value_and_grad(loss), mg.hessian(loss)
    jacobian = mg.jacobian(lambda w: residuals(parts(w)))
    history: list[float] = []

    def fun(w: Array) -> tuple[float, Array]:
        nonlocal calls
        calls += 1
        value, slope = slopes(mg.tensor(w))
        history.append(float(np.asarray(value)))
        return history[-1], np.asarray(slope)

    def apart(w: Array) -> Array:
        r = np.asarray(residuals(parts(mg.tensor(w))))
        history.append(0.5 * float(r @ r))
        return r

    def run(act: Callable[[], Any]) -> list[float]:
        history.clear()
        act()
        return list(history)

    x = start()
    runs = [
        run(lambda: optimize.minimize(fun, x, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})),
        run(lambda: optimize.minimize(fun, x, jac=True, method="Newton-CG", options={"xtol": 1e-10})),
        run(lambda: optimize.minimize(
            fun, x, jac=True, hess=lambda w: np.asarray(curvature(mg.tensor(w))), method="trust-exact")),
        run(lambda: optimize.least_squares(apart, x, jac=lambda w: np.asarray(jacobian(mg.tensor(w))), xtol=1e-12)),
    ]  # fmt: skip
    least = min(min(values) for values in runs)
    goal = least + NEAR
    return goal, [str(next((k for k, v in enumerate(values, 1) if v <= goal), "-")) for values in runs]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Second-order rules under groupings, and beside SciPy.")
    parser.add_argument("--steps", type=int, default=20, help="of each run that is looked at for rises")
    steps = parser.parse_args().steps
    print(f"steps that raised the loss, of {GROUPINGS * (steps - 1)} in each cell")
    print("| problem | " + " | ".join(RULES) + " |")
    for problem in PROBLEMS:
        print(f"| {problem} | " + " | ".join(str(rises(rule, problem, steps)) for rule in RULES) + " |", flush=True)
    print("\nevaluations")
    print("| problem | SciPy L-BFGS-B | Newton-CG | trust-exact | least_squares | " + " | ".join(RULES) + " |")
    for problem in PROBLEMS:
        goal, theirs = scipys(problem)
        print(
            f"| {problem} | " + " | ".join([*theirs, *(ours(rule, problem, goal) for rule in RULES)]) + " |", flush=True
        )
