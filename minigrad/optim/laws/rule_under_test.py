"""The optimizer under examination, and running it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import HyperparameterError
from minigrad.optim.hyperparameters import words_of
from minigrad.optim.laws.landscape import Environment, Landscape, landscape
from minigrad.optim.laws.report import LawViolated
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Need, Segment
from minigrad.optim.runner import RuleRunner, UpdateRule
from minigrad.optim.schedule import Schedule

__all__ = ["STEPS", "RuleUnderTest", "across", "differ", "layout_of", "show"]


STEPS = 6


@attrs.frozen
class RuleUnderTest:
    """A rule class, the hyperparameters it is tried with, and the seed of the trial.

    Attributes:
        plugin: for messages.
        cls: the optimizer class. Its `trial`, if it has one, is a mapping of hyperparameters to examine it with.
        hyper: more hyperparameters, stronger than `trial`.
        seed: of landscapes, starting points and gradients.
        horizon: steps of a long run.
    """

    plugin: str
    cls: type[UpdateRule]
    hyper: Mapping[str, object] = attrs.field(factory=dict)
    seed: int = 0
    horizon: int = 14
    _plain: dict[int, Array] = attrs.field(factory=dict, init=False, eq=False, repr=False)
    _starts: dict[tuple[int, str], Array] = attrs.field(factory=dict, init=False, eq=False, repr=False)
    _needs: list[Need] = attrs.field(factory=list, init=False, eq=False, repr=False)

    @property
    def run_length(self) -> int:
        """Steps of runs that are compared to the last bit."""
        return max(STEPS, self.horizon // 5)

    @property
    def is_thorough(self) -> bool:
        """Whether there is time to look everywhere."""
        return self.horizon > 100

    @property
    def fields(self) -> dict[str, attrs.Attribute[object]]:
        """Hyperparameters by name."""
        return {f.name: f for f in attrs.fields(self.cls)}

    def rule(self, **hyper: object) -> UpdateRule:
        """A fresh instance."""
        trial = getattr(self.cls, "trial", {})
        return self.cls(**{**trial, **self.hyper, **hyper})

    @property
    def needs(self) -> Need:
        """What the rule needs as it is configured here."""
        if not self._needs:
            self._needs.append(RuleRunner(self.plugin, self.rule(), np.zeros(1)).needs)
        return self._needs[0]

    def variants(self) -> list[tuple[str, object, UpdateRule]]:
        """List rules with one option at another value each.

        Every word, both truths, one more of a count, and numbers that are 0 by default; in a thorough trial all others
        halved and doubled, too.
        """
        rules = []
        for name, field in self.fields.items():
            for value in other_values(field, self.is_thorough):
                try:
                    rules.append((name, value, self.rule(**{name: value})))
                except Exception:  # options may exclude each other, by whatever error the rule's author chose
                    continue
        return rules

    def without_extras(self, hyper: Mapping[str, object], w: Array) -> Iterator[UpdateRule]:
        """Rules with one hyperparameter but lr at 0, or very large, that would still move."""
        g = self.gradients(1, w.size)
        for name, field in self.fields.items():
            for value in (0.0, 1e9):
                if name == "lr" or not isinstance(field.default, float):
                    continue
                try:
                    rule, moving = self.rule(**{**hyper, name: value}), self.rule(**{name: value})
                except HyperparameterError:
                    continue
                if not np.array_equal(self.run(w, lambda y, t: Objective(g[0]), 1, moving)[1], w):
                    yield rule

    def ground(self, n: int, dtype: str = "float64") -> Landscape:
        """The landscape it is tried on.

        A sum of squares for a rule that takes residuals, else with a quartic part.
        """
        return landscape(n, self.seed, dtype, 0.0 if Need.RESIDUAL in self.needs else 0.05)

    def start(self, n: int, dtype: type[np.floating] = np.float64) -> Array:
        """A starting point, a multiple of 2^-10 in each coordinate so that shifting it is exact."""
        key = (n, np.dtype(dtype).name)
        if key not in self._starts:
            w = np.random.default_rng([self.seed, n, 1]).uniform(-1.0, 1.0, n)
            self._starts[key] = (np.round(w * 1024.0) / 1024.0).astype(dtype)
        return self._starts[key].copy()

    def gradients(self, steps: int, n: int) -> Array:
        """A sequence of gradients, shape `(steps, n)`, sizes from 0.1 to 10 and both signs."""
        rng = np.random.default_rng([self.seed, n, 2])
        g: Array = rng.choice([-1.0, 1.0], (steps, n)) * 10.0 ** rng.uniform(-1.0, 1.0, (steps, n))
        return g

    def runner(
        self, w: Array, rule: UpdateRule | None = None, schedules: Mapping[str, Schedule] | None = None
    ) -> RuleRunner:
        """The rule about to start from a copy of `w`."""
        return RuleRunner(self.plugin, rule or self.rule(), w.copy(), schedules, layout_of(w.size))

    def plain(self, n: int) -> Array:
        """The run that most laws compare with.

        STEPS steps on the landscape, shape `(STEPS + 1, n)`.
        """
        if n not in self._plain:
            environment = self.ground(n).environment(self.needs)
            self._plain[n] = self.run(self.start(n), environment, STEPS)
        return self._plain[n]

    def run(
        self,
        w: Array,
        environment: Environment,
        steps: int,
        rule: UpdateRule | None = None,
        schedules: Mapping[str, Schedule] | None = None,
    ) -> Array:
        """All iterates, shape `(steps + 1, n)`."""
        return np.array([w, *self.iterates(self.runner(w, rule, schedules), environment, range(1, steps + 1))])

    @staticmethod
    def iterates(runner: RuleRunner, environment: Environment, steps: range) -> Iterator[Array]:
        """The parameters after each of `steps`."""
        for t in steps:
            runner.step(environment(runner.w.copy(), t), t)
            yield runner.w.copy()


def other_values(field: attrs.Attribute[object], thorough: bool = False) -> list[object]:
    """List values of an option besides its default."""
    default = field.default
    if isinstance(default, bool):
        return [not default]
    if isinstance(default, int):
        return [default + 1]
    if isinstance(default, float):
        if default == 0.0:
            return [0.5]
        return [0.5 * default, 2.0 * default] if thorough else []
    return [word for word in words_of(field) if word != default]


def layout_of(n: int) -> tuple[Segment, ...]:
    """A matrix, a vector and a single number where there is room for all, else a vector."""
    if n < 8:
        return (Segment("v", 0, (n,)),)
    rows, columns = (2, n // 3) if n < 1000 else (20, 30)
    start = rows * columns
    return (Segment("m", 0, (rows, columns)), Segment("v", start, (n - 1 - start,)), Segment("s", n - 1, ()))


def across(g: Array, w: Array) -> Array:
    """The gradient without its part along the weights, in each column of each parameter.

    There rules that project their steps do so.
    """
    flat = g.copy()
    for part in layout_of(w.size):
        slope, weights = part.of(flat), part.of(w)
        squares = np.sum(weights * weights, axis=0)
        slope -= weights * np.sum(slope * weights, axis=0) / np.where(squares > 0.0, squares, 1.0)
    return flat


def differ(actual: Array, expected: Array, what: str, rtol: float = 0.0, atol: float = 0.0, since: int = 0) -> None:
    """Raise LawViolated where two runs, shape `(steps, n)`, are not as close as required.

    The first row belongs to step `since`.
    """
    if rtol == atol == 0.0:
        wrong = ~((actual == expected) | (np.isnan(actual) & np.isnan(expected)))
    else:
        wrong = ~(np.abs(actual - expected) <= atol + rtol * np.maximum(np.abs(actual), np.abs(expected)))
    if wrong.any():
        t, i = (int(k) for k in np.argwhere(wrong)[0])
        n = actual.shape[1]
        raise LawViolated(
            f"{what}: with {n} parameter{'s' * (n > 1)}, after step {since + t}, entry {i} is {show(actual[t, i])} "
            f"instead of {show(expected[t, i])}"
        )


def show(x: float) -> str:
    """A number with all its digits."""
    return repr(float(x))
