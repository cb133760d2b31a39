"""Evaluations of `mg.minimize` with and without derivatives: `python tests/benchmarks/optimize_evaluations.py`.

Each row: calls of the function, the value that was reached and seconds, by L-BFGS-B with the gradient of the rules and
with SciPy's differences; and calls by trust-exact with the Hessian (up to 200 unknowns).
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from scipy import optimize

import minigrad as mg

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.optimize_problems import PROBLEMS, Problem


def measure(problem: Problem) -> list[str]:
    """One row."""
    options = {"maxiter": 2_000, "maxfun": 300_000}
    start = perf_counter()
    ours = mg.minimize(problem.f, problem.start, method="L-BFGS-B", options=options)
    middle = perf_counter()
    plain: Any = mg.define(problem.f)
    theirs = optimize.minimize(lambda x: float(plain(x)), problem.start, method="L-BFGS-B", options=options)
    end = perf_counter()
    curved = mg.minimize(problem.f, problem.start, method="trust-exact") if problem.start.size <= 200 else None
    return [
        f"{problem.name:24}", f"{ours.nfev:6}", f"{ours.fun:9.1e}", f"{middle - start:6.2f}", f"{theirs.nfev:8}",
        f"{theirs.fun:9.1e}", f"{end - middle:6.2f}", f"{curved.nfev:6}" if curved is not None else "     -",
    ]  # fmt: skip


if __name__ == "__main__":
    print("problem                    calls   reached       s  without   reached       s  curved")
    for problem in PROBLEMS:
        print(*measure(problem))
