"""Comparing optimizers fairly: each gets its own learning rate from one grid.

The rate is found on other seeds than the ones that count; what is compared is the time to a target and the final loss,
with their spread over seeds.

Time is counted in passes over the data (evaluations of f where there is no data), so that a line search pays for each
evaluation (a Hessian counts as one), and in seconds inside the steps, with the runs of all rules taking turns.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from statistics import median

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.errors import MinigradError
from minigrad.optim import Need, StatefulOptimizer
from minigrad.optim import load as load_rule
from minigrad.optim import optimizer as make_optimizer
from minigrad.runtime.no_grad import no_grad
from minigrad_compare.problem import CompareError, Plane, Problem, Trial, figure_of, loss_of

__all__ = [
    "GRID",
    "CompareError",
    "Comparison",
    "Curve",
    "Plane",
    "Problem",
    "Result",
    "Trial",
    "compare",
    "infeasible",
    "run",
]

GRID = tuple(float(f"{10.0**k:.1e}") for k in np.arange(-4.0, 0.75, 0.5))
"""Learning rates that every rule is tried with: 1e-4, 3.2e-4, 1e-3, ... 3.2."""
_LARGEST_HESSIAN = 500
_TUNING = 1000


@attrs.frozen(eq=False)
class Curve:
    """One run.

    Attributes:
        seed: of the starting point.
        lr: learning rate; None for a rule without one.
        units: passed at each measurement, the first of which is before the first step.
        seconds: passed at each measurement.
        values: figure at each measurement.
        path: parameters at each measurement, where the problem has a plane.
        ended: why the run ended before its budget was spent; empty if it did not.
    """

    seed: int
    lr: float | None
    units: tuple[float, ...]
    seconds: tuple[float, ...]
    values: tuple[float, ...]
    path: tuple[tuple[float, ...], ...] = ()
    ended: str = ""

    def reached(self, target: float) -> tuple[float, float] | None:
        """Return when the figure stays at the target or below; None if never.

        Units and seconds at the first such measurement.

        A run that passes through the target and leaves it again has not reached it.
        """
        above = [i for i, value in enumerate(self.values) if not value <= target]
        first = above[-1] + 1 if above else 0
        return None if self.ended or first == len(self.values) else (self.units[first], self.seconds[first])

    @property
    def final(self) -> float:
        """The last figure; infinite if the run broke off."""
        return math.inf if self.ended else self.values[-1]


@attrs.frozen(eq=False)
class Result:
    """One optimizer's runs.

    `skipped` says why there are none; `tuning` holds each learning rate's tuning runs.
    """

    optimizer: str
    lr: float | None = None
    curves: tuple[Curve, ...] = ()
    tuning: Mapping[float, tuple[Curve, ...]] = attrs.field(factory=dict)
    skipped: str = ""

    @property
    def at_edge(self) -> bool:
        """Whether the best learning rate is the smallest or largest that was tried.

        A better one may then exist.
        """
        return self.lr is not None and len(self.tuning) > 1 and self.lr in (min(self.tuning), max(self.tuning))


@attrs.frozen(eq=False)
class Comparison:
    """All results on one problem, best first."""

    problem: Problem
    grid: tuple[float, ...]
    seeds: int
    tuning_seeds: int
    results: tuple[Result, ...]


def compare(
    problem: Problem,
    optimizers: Sequence[str],
    *,
    seeds: int = 5,
    tuning_seeds: int = 2,
    grid: Sequence[float] = GRID,
    told: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Tune each optimizer on its own, then run all of them in turns.

    From the same starting points.

    Args:
        problem: what to solve.
        optimizers: names of installed ones.
        seeds: starting points that count.
        tuning_seeds: other ones, on which learning rates are chosen.
        grid: learning rates to choose from, the same for all.
        told: hears what is going on.

    Raises:
        CompareError: nothing to compare, or an empty grid.
        UnknownOptimizer: there is none of a name; raised before anything runs.
        PluginError: an optimizer cannot be loaded; raised before anything runs.
    """
    names = list(dict.fromkeys(optimizers))
    if not names or not grid or seeds < 1 or tuning_seeds < 1 or problem.budget < 1:
        raise CompareError("a comparison needs an optimizer, a learning rate, a budget and seeds of at least 1")
    for name in names:
        load_rule(name)
    tuned = {}
    for name in names:
        tuned[name] = _tuned(problem, name, tuple(sorted(set(grid))), tuning_seeds)
        told(f"{name}: {tuned[name].skipped or _choice(tuned[name])}")
    curves: dict[str, list[Curve]] = {name: [] for name in names}
    for seed in range(seeds):
        # In turns, and in another order each time, so that a busy moment of the machine does not hit one rule alone.
        for name in np.random.default_rng(seed).permutation(names):
            if not tuned[str(name)].skipped:
                curves[str(name)].append(run(problem, str(name), tuned[str(name)].lr, seed))
    results = [attrs.evolve(result, curves=tuple(curves[name])) for name, result in tuned.items()]
    ranked = sorted(results, key=lambda r: (bool(r.skipped), *merit(r.curves, problem.target)))
    return Comparison(problem, tuple(grid), seeds, tuning_seeds, tuple(ranked))


def merit(curves: Sequence[Curve], target: float) -> tuple[float, float, float]:
    """Return figures to be small.

    Runs that missed the target, median units to the target, median final figure.
    """
    if not curves:
        return math.inf, math.inf, math.inf
    hits = [hit[0] for curve in curves if (hit := curve.reached(target)) is not None]
    finals = median(curve.final for curve in curves)
    return len(curves) - len(hits), median(hits) if hits else math.inf, finals


def run(problem: Problem, name: str, lr: float | None, seed: int, *, whole: bool = True) -> Curve:
    """One run of `problem.budget` units, or as far as it gets.

    Args:
        problem: what to solve.
        name: of an installed optimizer.
        lr: its learning rate; None leaves its default.
        seed: of the starting point.
        whole: whether to measure after every unit; otherwise before the first step and after the last one only.
    """
    trial = problem.trial(seed)
    if lr is None:
        opt = make_optimizer(name, trial.parameters, nonfinite="raise")
    else:
        opt = make_optimizer(name, trial.parameters, nonfinite="raise", lr=lr)
    record = _Record(problem, trial, opt, whole)
    record.measure()
    ended = ""
    with np.errstate(all="ignore"):
        while not ended and record.units < problem.budget:
            ended = record.step()
    return Curve(
        seed,
        lr,
        tuple(record.places),
        tuple(record.times),
        tuple(record.values),
        tuple(record.path),
        ended,
    )


@attrs.define(eq=False)
class _Record:
    """A run in progress."""

    problem: Problem
    trial: Trial
    opt: StatefulOptimizer
    whole: bool = True
    batch: int = 0
    clock: float = 0.0
    calls: int = 0
    places: list[float] = attrs.field(factory=list)
    times: list[float] = attrs.field(factory=list)
    values: list[float] = attrs.field(factory=list)
    path: list[tuple[float, ...]] = attrs.field(factory=list)

    @property
    def units(self) -> float:
        return self.batch / self.problem.batches

    def step(self) -> str:
        """One step, measured when a unit is complete.

        Returns why the run cannot go on, if it cannot.
        """
        before = self.batch // self.problem.batches
        began = time.perf_counter()
        try:
            if self.opt.needs == Need.GRAD:
                self.opt.zero_grad()
                loss_of(self.problem, self.trial.loss(self.batch)).backward()
                self.opt.step()
                self.batch += 1
            else:
                self.calls = 0
                self.opt.step(self.closure)
                self.batch += self.calls * self.problem.batches
        except CompareError:
            raise
        except (MinigradError, ArithmeticError) as error:
            return f"after {self.units:.3g} {self.problem.unit}: {error}"
        self.clock += time.perf_counter() - began
        if self.batch // self.problem.batches > before and (self.whole or self.units >= self.problem.budget):
            self.measure()
            if not math.isfinite(self.values[-1]):
                return f"after {self.units:.3g} {self.problem.unit}: {self.problem.figure} is {self.values[-1]}"
        return ""

    def closure(self) -> Tensor:
        self.calls += 1
        if Need.RESIDUAL in self.opt.needs and self.trial.residuals is not None:
            return self.trial.residuals()
        return loss_of(self.problem, self.trial.loss(0) if self.trial.full is None else self.trial.full())

    def measure(self) -> None:
        with self.opt.averaged() if self.opt.has_average else nullcontext(), no_grad():
            self.values.append(figure_of(self.problem, self.trial))
        self.places.append(self.units)
        self.times.append(self.clock)
        if self.problem.plane is not None:
            flat = np.concatenate([p.numpy().reshape(-1) for p in self.trial.parameters.values()])
            self.path.append(tuple(float(x) for x in flat))


def _tuned(problem: Problem, name: str, grid: tuple[float, ...], seeds: int) -> Result:
    """The learning rate whose tuning runs have the most merit; none for a rule that has none."""
    fields = {field.name for field in attrs.fields(load_rule(name))}
    reason = infeasible(problem, name)
    if reason:
        return Result(name, skipped=reason)
    if "lr" not in fields:
        return Result(name)
    tuning = {lr: tuple(run(problem, name, lr, _TUNING + seed) for seed in range(seeds)) for lr in grid}
    best = min(grid, key=lambda lr: merit(tuning[lr], problem.target))
    return Result(name, best, tuning=tuning)


def infeasible(problem: Problem, name: str) -> str:
    """Why a rule cannot be run on this problem, if it cannot."""
    trial = problem.trial(0)
    needs = make_optimizer(name, trial.parameters).needs
    n = sum(p.size for p in trial.parameters.values())
    if Need.RESIDUAL in needs and trial.residuals is None:
        return f"needs residuals, and the loss of {problem.name} is not given as a sum of squares"
    if Need.HESSIAN in needs and n > _LARGEST_HESSIAN:
        return f"needs the Hessian: {n**2:,} entries and {n:,} backward passes a step for {n:,} parameters"
    return ""


def _choice(result: Result) -> str:
    if result.lr is None:
        return "has no learning rate to tune"
    return f"lr {result.lr:g} of {len(result.tuning)}" + (", the edge of the grid" if result.at_edge else "")
