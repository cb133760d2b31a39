"""Problems to compare optimizers on, and problems from a script."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minigrad.core import Tensor, tensor
from minigrad.core.errors import nearest
from minigrad.core.types import Array
from minigrad.ops.functions import concatenate
from minigrad.text import describe_error
from minigrad.train.script.user_code import errors_in, import_file
from minigrad_compare.compare import CompareError, Plane, Problem, Trial
from minigrad_compare.contest_problems import (
    char_lstm,
    char_transformer,
    digits_mlp,
    factorization,
    fashion_conv,
    ill_conditioned,
)

__all__ = ["CONTEST", "PROBLEMS", "digits_mlp", "find_problem", "quadratic", "rosenbrock"]

_TURN, _STIFF = math.radians(30.0), 50.0


def quadratic() -> Problem:
    """Make the problem w.Hw / 2 of two variables.

    The eigenvalues of H are 1 and 50, its axes turned by 30 degrees.

    The starting points lie on a circle of radius 3 around the minimum.
    """
    c, s = math.cos(_TURN), math.sin(_TURN)
    root = np.diag([1.0, math.sqrt(_STIFF)]) @ np.array([[c, s], [-s, c]])

    def value(x: Array, y: Array) -> Array:
        u, v = c * x + s * y, c * y - s * x
        half: Array = 0.5 * (u * u + _STIFF * v * v)
        return half

    def start(seed: int) -> Trial:
        angle = np.random.default_rng([seed, 1]).uniform(0.0, 2.0 * math.pi)
        w = tensor([3.0 * math.cos(angle), 3.0 * math.sin(angle)], requires_grad=True)
        return _least_squares(w, lambda: tensor(root) @ w, value)

    return Problem("quadratic", start, 1e-6, 300, plane=Plane(value, (-3.6, 3.6), (-3.6, 3.6), (0.0, 0.0)))


def rosenbrock() -> Problem:
    """(1 - x)^2 + 100 (y - x^2)^2, from points around (-1.2, 1)."""

    def value(x: Array, y: Array) -> Array:
        f: Array = (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2
        return f

    def start(seed: int) -> Trial:
        w = tensor(
            np.array([-1.2, 1.0]) + 0.2 * np.random.default_rng([seed, 2]).standard_normal(2), requires_grad=True
        )

        def residuals() -> Tensor:
            x, y = w[0:1], w[1:2]
            return concatenate([1.0 - x, 10.0 * (y - x * x)]) * math.sqrt(2.0)

        return _least_squares(w, residuals, value)

    return Problem("rosenbrock", start, 1e-4, 1500, plane=Plane(value, (-1.9, 1.6), (-0.7, 2.2), (1.0, 1.0)))


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "char-lstm": char_lstm,
    "char-transformer": char_transformer,
    "digits-mlp": digits_mlp,
    "factorization": factorization,
    "fashion-conv": fashion_conv,
    "ill-conditioned": ill_conditioned,
    "quadratic": quadratic,
    "rosenbrock": rosenbrock,
}
CONTEST = ("digits-mlp", "fashion-conv", "char-lstm", "char-transformer", "factorization", "ill-conditioned")
"""The problems of the published table."""


def find_problem(name: str) -> Problem:
    """A problem by name, or what `problem()` returns in a script whose path ends with `.py`.

    Raises:
        CompareError: there is no such problem or script, or the script has no such function.
        ScriptError: something goes wrong in the script; names its line.
    """
    if name in PROBLEMS:
        return PROBLEMS[name]()
    if not name.endswith(".py"):
        existing = ", ".join(PROBLEMS)
        raise CompareError(
            f"there is no problem {name!r}.{nearest(name, PROBLEMS)} Problems: {existing}, or a script ending with .py "
            "whose function problem() returns a minigrad_compare.compare.Problem"
        )
    path = Path(name)
    if not path.is_file():
        raise CompareError(f"there is no script {name}")
    return _from_script(path)


def _from_script(path: Path) -> Problem:
    module = import_file(path, "minigrad_problem")
    make: object = getattr(module, "problem", None)
    if not callable(make):
        raise CompareError(f"{path} defines no function problem()")
    try:
        with errors_in(path):
            problem: object = make()
    except TypeError as error:  # not from within the script: it takes arguments
        raise CompareError(f"{path}: problem() cannot be called without arguments ({describe_error(error)})") from error
    if not isinstance(problem, Problem):
        raise CompareError(
            f"problem() of {path} returned a {type(problem).__name__}, not a minigrad_compare.compare.Problem"
        )
    return problem


def _least_squares(w: Tensor, residuals: Callable[[], Tensor], value: Callable[[Array, Array], Array]) -> Trial:
    def loss(k: int) -> Tensor:
        r = residuals()
        return (r * r).sum() * 0.5

    def measure() -> float:
        x, y = w.numpy()
        return float(value(x, y))

    return Trial({"w": w}, loss, measure, residuals=residuals)
