"""The driver: owns the flat buffers, the step count and all that no plugin should be able to get wrong."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, TypeAlias

import attrs
import numpy as np

from minigrad.core.effects import tracing
from minigrad.core.types import Array
from minigrad.engines import Binder, made
from minigrad.optim.archive import StateDict, pack, unpack
from minigrad.optim.buffers import Cell, Parameter, lay_out
from minigrad.optim.engine import Rule, Runner, is_finite
from minigrad.optim.errors import NeedError, NonFiniteGradient, NonFiniteParameters, NonFiniteWarning, OptimizerError
from minigrad.optim.evaluate import Bench, Closure
from minigrad.optim.followers import Average, Followers, LookAhead
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Averages, Need
from minigrad.optim.schedules import Schedule
from minigrad.optim.shaping import Clip, shaped
from minigrad.optim.updates import CompiledRunner, claims

__all__ = ["Driver", "Hyper", "Plan", "Settings", "Step"]

Hyper: TypeAlias = float | int | bool | str | Schedule


@attrs.frozen
class Settings:
    """How the driver treats gradients, for all parameters alike. See `minigrad.optimizer`."""

    clip: Clip | None = None
    maximise: bool = False
    accumulate: int = 1
    average: Average | None = None
    lookahead: LookAhead | None = None
    missing: Literal["error", "zero"] = "error"
    nonfinite: Literal["skip", "raise"] = "skip"


@attrs.frozen(eq=False)
class Plan:
    """One parameter group: its rule, what is scheduled, and its weight decay."""

    parameters: tuple[Parameter, ...]
    rule: Rule
    schedules: Mapping[str, Schedule]
    weight_decay: Callable[[int], float] | float = 0.0
    decoupled: bool = False

    def decay(self, t: int) -> float:
        """The weight decay at step `t`."""
        return self.weight_decay(t) if callable(self.weight_decay) else self.weight_decay


@attrs.frozen
class Step:
    """What became of a call of `opt.step`.

    Attributes:
        t: number of completed updates, after this call.
        loss: what the closure returned at the starting point, if there was one.
        skipped: why parameters and state were left as they were; empty if they were updated.
    """

    t: int
    loss: float | None = None
    skipped: str = ""


class Driver:
    """Runs a rule on parameters. Made by `minigrad.optimizer`.

    Attributes:
        name: the optimizer, with its distribution and version.
        t: number of completed updates. A skipped step does not count.
        needs: what the rule asks for. More than `Need.GRAD` means that `step` must be given a closure.
        combine: called before each update from gradients; may change `g` of the cells in place (an average over
            processes), alike in all that train together.
    """

    def __init__(self, name: str, plans: Sequence[Plan], settings: Settings) -> None:
        self.name = name
        self.t = 0
        self._plans = tuple(plans)
        self._settings = settings
        self._cells = lay_out([plan.parameters for plan in plans])
        self._binder = made()
        self._runners = [self._runner(cell) for cell in self._cells]
        self.needs = Need(0)
        for runner in self._runners:
            self.needs |= runner.needs
        self._gradient_only = self.needs == Need.GRAD
        self._objectives = [Objective(cell.g) for cell in self._cells]
        self._followers = Followers(self._cells, settings.average, settings.lookahead)
        self._micro = 0
        self._rates = [p.schedules.get("lr", float(getattr(p.rule, "lr", math.nan))) for p in self._plans]
        self._squares = (-1, 0.0)  # for which update, sum of all squared entries of the gradient
        self.combine: Callable[[], None] | None = None
        self._plain = not settings.maximise and settings.clip is None and settings.accumulate == 1
        if settings.clip is not None and not self._gradient_only:
            raise OptimizerError(f"{name} uses more than the gradient, which clipping would make inconsistent with f")

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The flat buffers: one pair of numbers and gradients for each parameter group and dtype."""
        return self._cells

    @property
    def hyperparameters(self) -> tuple[dict[str, Hyper], ...]:
        """For each parameter group, the hyperparameters as they stand at the next step."""
        return tuple(
            {
                **{field.name: getattr(plan.rule, field.name) for field in attrs.fields(type(plan.rule))},
                **{name: schedule(self.t + 1) for name, schedule in plan.schedules.items()},
                "weight_decay": plan.decay(self.t + 1),
            }
            for plan in self._plans
        )

    def rates(self, t: int) -> tuple[float, ...]:
        """For each parameter group, the learning rate of update `t`; NaN where the rule has none."""
        return tuple(rate(t) if callable(rate) else rate for rate in self._rates)

    @property
    def gradient_norm(self) -> float:
        """Euclidean norm of the gradient of the latest update, averaged over micro-batches, before clipping."""
        t, squares = self._squares
        if t != self.t:
            squares = sum(float(np.vdot(cell.g, cell.g)) for cell in self._cells)
        return math.sqrt(squares) / self._settings.accumulate

    def zero_grad(self) -> None:
        """Forget the gradients, unless micro-batches are being accumulated."""
        tracer = tracing()
        if tracer is not None and self._settings.accumulate > 1:
            tracer.perform(self, f"zero_grad by {self.name}", self._zero_grad)
        else:
            self._zero_grad()

    def _zero_grad(self) -> None:
        if self._micro == 0:
            for cell in self._cells:
                cell.zero_grad()

    def step(self, closure: Closure | None = None) -> Step:
        """Update all parameters from their gradients.

        Args:
            closure: computes the loss, a Tensor, from the present parameters, without calling backward. A rule that
                needs only gradients can do without: then `loss.backward()` must have been called.

        Raises:
            MissingGradient: a parameter received no gradient (unless `missing="zero"`).
            NeedError: the rule needs a closure and there is none, or the closure returned no loss.
            NonFiniteGradient: with `nonfinite="raise"`; otherwise the step is skipped with a NonFiniteWarning.
            NonFiniteParameters: a tiled update, which cannot be undone, went beyond the largest number.
            ParameterError: another optimizer has taken over a parameter.

        Inside a defined program the Step that is returned tells nothing: what happens differs from run to run.
        """
        tracer = tracing()
        if tracer is None:
            return self._step(closure)
        if closure is None:
            tracer.perform(self, self.name, self._step)
        else:
            tracer.perform_with(self, self.name, self._step, closure)
        return Step(self.t)

    def _step(self, closure: Closure | None = None) -> Step:
        for cell in self._cells:
            cell.require_present()
        if closure is None:
            if not self._gradient_only:
                raise NeedError(
                    f"{self.name} needs {_words(self.needs & ~Need.GRAD)}, so step() must be given a closure that "
                    "returns the loss: opt.step(lambda: loss_of(model(x), y))"
                )
            for cell in self._cells:
                cell.settle(self._settings.missing)
            return self._advance(None)
        if self._settings.accumulate > 1:
            raise NeedError("accumulate > 1 works with loss.backward() and step(), not with a closure")
        bench = Bench(self._cells, closure, self._settings.missing, Need.RESIDUAL in self.needs)
        if self._gradient_only:
            return self._advance(bench.run())
        return self._advance_with(bench)

    def averaged(self) -> AbstractContextManager[None]:
        """A block in which the parameters are their running averages; then they come back.

        The averages are those that `average=` asked for, else those that the rule itself keeps (schedule-free).
        Raises OptimizerError if there is none, or none yet.
        """
        for cell in self._cells:
            cell.require_present()
        rules = [(r, r.rule) for r in self._runners]
        own = [rule.average(r.w, r.state) if isinstance(rule, Averages) else None for r, rule in rules]
        return self._followers.averaged(own)

    @property
    def accumulates(self) -> bool:
        """Whether several gradients make one update."""
        return self._settings.accumulate > 1

    @property
    def maximises(self) -> bool:
        """Whether updates climb."""
        return self._settings.maximise

    @property
    def has_average(self) -> bool:
        """Whether `averaged()` has something to show."""
        return self._followers.counted > 0 or any(isinstance(r.rule, Averages) for r in self._runners)

    def state_dict(self) -> StateDict:
        """Step count and state as a flat dict of arrays and plain values: copies, keyed by parameter name."""
        values = pack(self._cells, self._runners, self._followers.parts())
        for index, hyper in enumerate(self.hyperparameters):
            for name, value in hyper.items():
                if isinstance(value, int | float | str):
                    values[f"hyper/{index}/{name}"] = value
        followers = {"averaged": self._followers.counted, "average_weight": self._followers.weight}
        return {"optimizer": self.name, "t": self.t, "micro": self._micro, **followers, **values}

    def load_state_dict(self, saved: Mapping[str, object]) -> None:
        """Continue from what `state_dict` returned, to the last bit. Hyperparameters stay as they are.

        Raises StateError, with the optimizer unchanged, if the state is not of this optimizer and these parameters.
        """
        counts, vectors = unpack(self.name, saved, self._cells, self._runners, self._followers.parts())
        weight = saved.get("average_weight")
        self._followers.restore(vectors, counts["averaged"], float(weight) if isinstance(weight, float) else 0.0)
        self.t, self._micro = counts["t"], counts["micro"]

    def _runner(self, cell: Cell) -> Runner:
        plan = self._plans[cell.group]
        if claims(plan.rule):
            return CompiledRunner(self.name, plan.rule, cell.w, plan.schedules, cell.layout, cell.g, self._binder)
        return Runner(self.name, plan.rule, cell.w, plan.schedules, cell.layout)

    def use_engine(self, binder: Binder) -> None:
        """Run updates that are elementwise by another engine from now on."""
        self._binder = binder
        for runner in self._runners:
            if isinstance(runner, CompiledRunner):
                runner.use(binder)

    def _advance(self, loss: float | None) -> Step:
        """One update from the gradients in the buffers."""
        if self.combine is not None:
            self.combine()
        squares = 0.0
        for cell in self._cells:
            square = float(np.vdot(cell.g, cell.g))
            if not math.isfinite(square) and not np.isfinite(cell.g).all():
                return self._skip(f"the gradient is not finite at {cell.culprits()}", loss)
            squares += square
        self._squares = (self.t + 1, squares)
        self._micro = (self._micro + 1) % self._settings.accumulate
        if self._micro:
            return Step(self.t, loss, f"accumulating: {self._micro} of {self._settings.accumulate} gradients")
        objectives: list[Objective | None] = []
        for index, g in enumerate(self._gradients()):
            cell, runner = self._cells[index], self._runners[index]
            decay, shrink = self._decays(index)
            if isinstance(runner, CompiledRunner) and runner.prepare(g, self.t + 1, decay, shrink):
                objectives.append(None)
                continue
            if decay:
                g = g + decay * cell.w
            objectives.append(self._objectives[index] if g is cell.g else Objective(g))
        return self._propose_all(objectives, loss)

    def _gradients(self) -> list[Array]:
        """The gradients after averaging, sign and clipping; the buffers themselves where nothing is to be done."""
        raw = [cell.g for cell in self._cells]
        if self._plain:
            return raw
        scale = (-1.0 if self._settings.maximise else 1.0) / self._settings.accumulate
        scaled = raw if scale == 1.0 else [scale * g for g in raw]
        clip = self._settings.clip
        if clip is None:
            return scaled
        return clip(scaled, [cell.w for cell in self._cells], [cell.layout for cell in self._cells])

    def _advance_with(self, bench: Bench) -> Step:
        """One update by rules that evaluate the loss themselves."""
        sign = -1.0 if self._settings.maximise else 1.0
        objectives = []
        for index, cell in enumerate(self._cells):
            f = bench.objective(cell, self._runners[index].needs)
            objectives.append(shaped(f, bench.home[index], sign, self._decays(index)[0]))
        try:
            return self._propose_all(objectives, None, bench)
        except NonFiniteGradient as error:
            bench.restore()
            return self._skip(str(error), bench.loss)
        finally:
            bench.restore()

    def _propose_all(
        self, objectives: Sequence[Objective | None], loss: float | None, bench: Bench | None = None
    ) -> Step:
        """Let every rule with an objective propose; if all proposals are finite, commit them and what was prepared."""
        t = self.t + 1
        proposals = []
        for index, f in enumerate(objectives):
            if f is not None:
                runner, shrink = self._runners[index], self._decays(index)[1]
                w = runner.w if bench is None else bench.home[index]
                proposals.append((index, *runner.propose(f, t, w if shrink == 1.0 else shrink * w)))
        if bench is not None:
            bench.restore()
            loss = bench.loss
        prepared = [index for index, f in enumerate(objectives) if f is None]
        staged = [(index, self._staged(index)) for index in prepared]
        for index, proposed in [*((index, w) for index, w, _ in proposals), *staged]:
            if proposed is not None and not is_finite(proposed):
                layout = self._cells[index].layout
                names = ", ".join(repr(s.name) for s in layout if not np.isfinite(s.of(proposed)).all())
                return self._skip(f"the update would make {names} infinite or NaN", loss)
        for index, w, state in proposals:
            self._runners[index].commit(w, state)
        self._execute(prepared, t)
        self._followers.follow(t)
        for cell in self._cells:
            cell.renew()
        self.t = t
        return Step(t, loss)

    def _staged(self, index: int) -> Array | None:
        runner = self._runners[index]
        return runner.staged if isinstance(runner, CompiledRunner) else None

    def _execute(self, prepared: Sequence[int], t: int) -> None:
        for index in prepared:
            runner = self._runners[index]
            if isinstance(runner, CompiledRunner):
                try:
                    runner.execute(t)
                except NonFiniteParameters:
                    self._cells[index].renew()
                    raise

    def _decays(self, index: int) -> tuple[float, float]:
        """Weight decay of a cell at the coming step: coupled, added to the gradient; decoupled, a factor for w."""
        plan, t = self._plans[self._cells[index].group], self.t + 1
        if not plan.decoupled:
            return plan.decay(t), 1.0
        lr = plan.schedules["lr"](t) if "lr" in plan.schedules else float(getattr(plan.rule, "lr", 1.0))
        return 0.0, 1.0 - lr * plan.decay(t)

    def _skip(self, reason: str, loss: float | None) -> Step:
        if self._settings.nonfinite == "raise":
            raise NonFiniteGradient(f"{self.name}, step {self.t + 1}: {reason}")
        warnings.warn(
            f"{self.name} skipped step {self.t + 1}: {reason}. Parameters and state are unchanged. A lower learning "
            "rate, clip=ClipNorm(1.0), or a look at the data usually helps",
            NonFiniteWarning,
            stacklevel=4,
        )
        return Step(self.t, loss, reason)


def _words(needs: Need) -> str:
    return " and ".join(need.name or "" for need in Need if need in needs)
