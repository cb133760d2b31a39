"""Ten standard problems without constraints, of dimension 2 to 1,000.

Most are of Moré, Garbow & Hillstrom (1981), "Testing Unconstrained Optimization Software".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

import minigrad as mg
from minigrad.typing import Array


@attrs.frozen
class Problem:
    """A function, where to start, and its value at the minimum."""

    name: str
    f: Callable[[Any], Any]
    start: Array
    minimum: float = 0.0


def rosenbrock(x: Any) -> Any:
    """A bent valley, chained."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def beale(x: Any) -> Any:
    """Three residuals of powers."""
    return sum((t - x[0] * (1.0 - x[1] ** k)) ** 2 for k, t in ((1, 1.5), (2, 2.25), (3, 2.625)))


def helix(x: Any) -> Any:
    """Fletcher and Powell's helical valley."""
    angle = mg.arctan2(x[1], x[0]) / (2.0 * np.pi)
    return 100.0 * ((x[2] - 10.0 * angle) ** 2 + (mg.hypot(x[0], x[1]) - 1.0) ** 2) + x[2] ** 2


def powell(x: Any) -> Any:
    """Powell's singular function: its Hessian at the minimum has no inverse."""
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    return ((a + 10.0 * b) ** 2 + 5.0 * (c - d) ** 2 + (b - 2.0 * c) ** 4 + 10.0 * (a - d) ** 4).sum()


def wood(x: Any) -> Any:
    """Two coupled valleys."""
    return (
        100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2 + 90.0 * (x[3] - x[2] ** 2) ** 2 + (1.0 - x[2]) ** 2
        + 10.0 * (x[1] + x[3] - 2.0) ** 2 + 0.1 * (x[1] - x[3]) ** 2
    )  # fmt: skip


def variably(x: Any) -> Any:
    """The variably dimensioned function."""
    total = (np.arange(1.0, len(x) + 1.0) * (x - 1.0)).sum()
    return ((x - 1.0) ** 2).sum() + total**2 + total**4


def tridiagonal(x: Any) -> Any:
    """Broyden's tridiagonal function, as a sum of squares."""
    inner = (3.0 - 2.0 * x) * x + 1.0
    below = mg.concatenate([np.zeros(1), x[:-1]])
    above = mg.concatenate([x[1:], np.zeros(1)])
    return ((inner - below - 2.0 * above) ** 2).sum()


def dixon(x: Any) -> Any:
    """Dixon and Price's function."""
    return (x[0] - 1.0) ** 2 + (np.arange(2.0, len(x) + 1.0) * (2.0 * x[1:] ** 2 - x[:-1]) ** 2).sum()


def bowl(x: Any) -> Any:
    """A quadratic of condition 1,000."""
    return 0.5 * (np.geomspace(1.0, 1e3, len(x)) * (x - 1.0) ** 2).sum()


PROBLEMS = [
    Problem("Rosenbrock 2", rosenbrock, np.array([-1.2, 1.0])),
    Problem("Beale 2", beale, np.array([1.0, 1.0])),
    Problem("helix 3", helix, np.array([-1.0, 0.0, 0.0])),
    Problem("Wood 4", wood, np.array([-3.0, -1.0, -3.0, -1.0])),
    Problem("Powell 8", powell, np.tile([3.0, -1.0, 0.0, 1.0], 2)),
    Problem("variably dimensioned 10", variably, 1.0 - np.arange(1.0, 11.0) / 10.0),
    Problem("Dixon-Price 20", dixon, np.ones(20)),
    Problem("Rosenbrock 50", rosenbrock, np.tile([1.2, 1.0], 25)),
    Problem("quadratic 200", bowl, np.zeros(200)),
    Problem("Broyden 1000", tridiagonal, np.full(1000, -1.0)),
]
