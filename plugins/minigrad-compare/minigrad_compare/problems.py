"""Problems to compare optimizers on, and problems from a script."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np

from minigrad import data, nn
from minigrad.core import Tensor, tensor
from minigrad.core.errors import nearest
from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.data import Loader
from minigrad.ops.functions import concatenate
from minigrad.train.evaluation import evaluate
from minigrad.train.splits import as_split
from minigrad_compare.compare import CompareError, Plane, Problem, Trial

__all__ = ["PROBLEMS", "digits_mlp", "find_problem", "quadratic", "rosenbrock"]

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


def digits_mlp() -> Problem:
    """Make a 64-32-10 network on the digits data, batches of 64.

    The figure is the training loss on all training rows.
    """
    split = as_split(data.load("digits", seed=0).scaled(normalize="unit"), np.dtype(np.float64))
    rows, softmax = split.train, nn.find_loss("softmax")
    per_epoch = len(Loader(rows.x, rows.y, 64))

    def start(seed: int) -> Trial:
        model = nn.mlp(rows.x.shape[1], (32,), 10, rng=seed)
        batches = _Batches(Loader(rows.x, rows.y, 64, seed=seed))

        def loss(k: int) -> Tensor:
            x, y = batches(k)
            return softmax(model(from_array(x)), y)

        return Trial(
            dict(model.named_parameters()),
            loss,
            lambda: evaluate(model, rows, softmax).loss,
            full=lambda: softmax(model(from_array(rows.x.copy())), rows.y),
        )

    return Problem("digits-mlp", start, 0.05, 30, "epochs", per_epoch, "training loss")


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "digits-mlp": digits_mlp,
    "quadratic": quadratic,
    "rosenbrock": rosenbrock,
}


def find_problem(name: str) -> Problem:
    """A problem by name, or what `problem()` returns in a script whose path ends with `.py`.

    Raises:
        CompareError: there is no such problem or script, or the script has no such function.
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
    spec = importlib.util.spec_from_file_location(f"minigrad_problem_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CompareError(f"{path} cannot be read as a Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    make: object = getattr(module, "problem", None)
    if not callable(make):
        raise CompareError(f"{path} defines no function problem()")
    problem: object = make()
    if not isinstance(problem, Problem):
        raise CompareError(
            f"problem() of {path} returned a {type(problem).__name__}, not a minigrad_compare.compare.Problem"
        )
    return problem


@attrs.define
class _Batches:
    """Batch `k` of a loader, counted through all epochs; asked for in order."""

    loader: Loader
    epoch: int = -1
    batches: list[tuple[Array, Array]] = attrs.field(factory=list)

    def __call__(self, k: int) -> tuple[Array, Array]:
        epoch, batch = divmod(k, len(self.loader))
        if epoch != self.epoch:
            self.epoch, self.batches = epoch, list(self.loader.epoch(epoch))
        return self.batches[batch]


def _least_squares(w: Tensor, residuals: Callable[[], Tensor], value: Callable[[Array, Array], Array]) -> Trial:
    def loss(k: int) -> Tensor:
        r = residuals()
        return (r * r).sum() * 0.5

    def measure() -> float:
        x, y = w.numpy()
        return float(value(x, y))

    return Trial({"w": w}, loss, measure, residuals=residuals)
