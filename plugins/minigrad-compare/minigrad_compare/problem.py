"""A problem to compare optimizers on: its start, its loss, the figure that is compared.

What a script hands over is looked at before it is used.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping

import attrs

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.text import clip_text
from minigrad.train.errors import TrainError

__all__ = ["CompareError", "Plane", "Problem", "Trial", "figure_of", "loss_of"]


class CompareError(TrainError, ValueError):
    """A comparison cannot be made: the problem, the budget or the grid is wrong."""


@attrs.frozen(eq=False)
class Trial:
    """A problem about to be solved from one starting point.

    Attributes:
        parameters: name -> leaf.
        loss: loss of batch `k` = 0, 1, 2, ..., whatever that means; the same function each time without batches.
        measure: the figure to compare, at the present parameters. Off the clock, nothing is recorded.
        full: the loss on all rows, for rules that evaluate it several times in a step; `loss(0)` if None.
        residuals: r of shape `(m,)` where the loss is r.r / 2, if it is.
    """

    parameters: Mapping[str, Tensor]
    loss: Callable[[int], Tensor]
    measure: Callable[[], float]
    full: Callable[[], Tensor] | None = None
    residuals: Callable[[], Tensor] | None = None


@attrs.frozen(eq=False)
class Plane:
    """How to draw a problem of two variables.

    `value(x, y)` on arrays, over `x` and `y` from, to; `minimum`.
    """

    value: Callable[[Array, Array], Array]
    x: tuple[float, float]
    y: tuple[float, float]
    minimum: tuple[float, float]


@attrs.frozen(eq=False)
class Problem:
    """What is to be solved.

    Attributes:
        name: of the problem.
        start: the trial that belongs to a seed: starting point, order of batches.
        target: the figure to reach.
        budget: how many units a run may take.
        unit: "epochs" or "evaluations".
        batches: in a unit.
        figure: what `measure` returns, in words.
        plane: for pictures of two variables.
    """

    name: str
    start: Callable[[int], Trial]
    target: float
    budget: int
    unit: str = "evaluations"
    batches: int = 1
    figure: str = "f"
    plane: Plane | None = None

    def __attrs_post_init__(self) -> None:
        _refuse_no_problem(self)

    def trial(self, seed: int) -> Trial:
        """The trial that belongs to a seed, looked at.

        Raises:
            CompareError: `start` returned something else.
        """
        trial = self.start(seed)
        _refuse_no_trial(self, trial)
        return trial


def _refuse_no_problem(problem: Problem) -> None:
    """Refuse fields of another kind than they should be.

    Raises:
        CompareError: names the first that is wrong.
    """
    for name in ("name", "unit", "figure"):
        _demand(problem, name, isinstance(getattr(problem, name), str), "a text")
    _demand(problem, "start", callable(problem.start), "a function of a seed")
    for name in ("budget", "batches"):
        value = getattr(problem, name)
        _demand(problem, name, isinstance(value, int) and value >= 1, "a whole number from 1")
    _demand(problem, "target", _is_finite(problem.target), "a finite number")
    if problem.plane is not None:
        ends = [getattr(problem.plane, side, None) for side in ("x", "y", "minimum")]
        pairs = all(isinstance(e, tuple | list) and len(e) == 2 and all(map(_is_finite, e)) for e in ends)
        _demand(problem, "plane", pairs and callable(getattr(problem.plane, "value", None)), "a Plane")


def _refuse_no_trial(problem: Problem, trial: object) -> None:
    """Refuse what `problem.start` returned, if it is no trial.

    Raises:
        CompareError: says what it is.
    """
    if not isinstance(trial, Trial):
        raise CompareError(f"start of problem {_shown(problem)} returned a {type(trial).__name__}, not a Trial")
    if not isinstance(trial.parameters, Mapping):
        raise CompareError(
            f"parameters of problem {_shown(problem)} are a {type(trial.parameters).__name__}, not leaves by name"
        )


def loss_of(problem: Problem, value: Tensor) -> Tensor:
    """The loss that a problem's function returned.

    Raises:
        CompareError: it is no Tensor with one entry.
    """
    given: object = value
    if not isinstance(given, Tensor):
        raise CompareError(f"loss of problem {_shown(problem)} returned a {type(given).__name__}, not a Tensor")
    if given.size != 1:
        raise CompareError(
            f"loss of problem {_shown(problem)} has shape {given.shape}, not one entry: is .sum() missing?"
        )
    return value


def figure_of(problem: Problem, trial: Trial) -> float:
    """The figure that a problem measures.

    Raises:
        CompareError: it is no number.
    """
    figure: object = trial.measure()
    if not isinstance(figure, numbers.Real):
        raise CompareError(f"measure of problem {_shown(problem)} returned a {type(figure).__name__}, not a number")
    return float(figure)


def _demand(problem: Problem, name: str, met: bool, what: str) -> None:
    if not met:
        value = clip_text(repr(getattr(problem, name)), 60)
        raise CompareError(f"{name} of problem {_shown(problem)} must be {what}, got {value}")


def _is_finite(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _shown(problem: Problem) -> str:
    return repr(clip_text(problem.name, 40))
