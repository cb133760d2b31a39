"""The driver: owns the flat buffers, the step count and all that no plugin should be able to get wrong."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import attrs
import numpy as np

from minigrad.engines import EngineWithFallback
from minigrad.optim.errors import NeedError, NonFiniteGradient, NonFiniteWarning, OptimizerError
from minigrad.optim.protocol import Averages, Need
from minigrad.optim.schedules import Schedule
from minigrad.optim.stateful.apply_updates import Advance
from minigrad.optim.stateful.buckets import Cell, lay_out
from minigrad.optim.stateful.closure import Bench, Closure
from minigrad.optim.stateful.param_groups import Hyper, Plan, Settings, Step
from minigrad.optim.stateful.shadow_weights import Followers
from minigrad.optim.stateful.state_dict import StateDict, pack, unpack
from minigrad.runtime.effects import current_tracer

__all__ = ["Driver"]


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
        self._advance = Advance(name, plans, settings, self._cells)
        self._runners = self._advance.runners
        self.needs = Need(0)
        for runner in self._runners:
            self.needs |= runner.needs
        self._gradient_only = self.needs == Need.GRAD
        self._followers = Followers(self._cells, settings.average, settings.lookahead)
        self._micro = 0
        self._rates = [p.schedules.get("lr", float(getattr(p.rule, "lr", math.nan))) for p in self._plans]
        self._squares = (-1, 0.0)  # for which update, sum of all squared entries of the gradient
        self.combine: Callable[[], None] | None = None
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

    @property
    def schedules(self) -> tuple[dict[str, Schedule], ...]:
        """For each parameter group, the hyperparameters that change over steps, and how."""
        return tuple(dict(plan.schedules) for plan in self._plans)

    @property
    def options(self) -> dict[str, object]:
        """How gradients are treated, for all groups alike: `clip`, `accumulate`, ... as given to `mg.optimizer`."""
        return attrs.asdict(self._settings, recurse=False)

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
        tracer = current_tracer()
        if tracer is not None and self._settings.accumulate > 1:
            tracer.record_effect(self, f"zero_grad by {self.name}", self._zero_grad)
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
        tracer = current_tracer()
        if tracer is None:
            return self._step(closure)
        if closure is None:
            tracer.record_effect(self, self.name, self._step)
        else:
            tracer.record_effect_with_closure(self, self.name, self._step, closure)
        return Step(self.t)

    def _step(self, closure: Closure | None = None) -> Step:
        if closure is None:
            if not self._gradient_only:
                raise NeedError(
                    f"{self.name} needs {_words(self.needs & ~Need.GRAD)}, so step() must be given a closure that "
                    "returns the loss: opt.step(lambda: loss_of(model(x), y))"
                )
            for cell in self._cells:
                if not cell.is_settled():
                    cell.require_present()
                    cell.settle(self._settings.missing)
            return self._from_gradients(None)
        for cell in self._cells:
            cell.require_present()
        if self._settings.accumulate > 1:
            raise NeedError("accumulate > 1 works with loss.backward() and step(), not with a closure")
        bench = Bench(self._cells, closure, self._settings.missing, Need.RESIDUAL in self.needs)
        if self._gradient_only:
            return self._from_gradients(bench.run())
        return self._done(self._advance.from_closure(self.t + 1, bench), bench.loss)

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

    def use_engine(self, engine: EngineWithFallback) -> None:
        """Run updates that are elementwise by another engine from now on."""
        self._advance.use(engine)

    def _from_gradients(self, loss: float | None) -> Step:
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
        return self._done(self._advance.from_gradients(self.t + 1), loss)

    def _done(self, refused: str, loss: float | None) -> Step:
        """After an update that was made, or refused for a reason."""
        if refused:
            return self._skip(refused, loss)
        self.t += 1
        self._followers.follow(self.t)
        for cell in self._cells:
            cell.renew()
        return Step(self.t, loss)

    def _skip(self, reason: str, loss: float | None) -> Step:
        if self._settings.nonfinite == "raise":
            raise NonFiniteGradient(f"{self.name}, step {self.t + 1}: {reason}")
        warnings.warn(
            f"{self.name} skipped step {self.t + 1}: {reason}. Parameters and state are unchanged. A lower learning "
            "rate, clip=ClipNorm(1.0), or a look at the data usually helps",
            NonFiniteWarning,
            stacklevel=5,
        )
        return Step(self.t, loss, reason)


def _words(needs: Need) -> str:
    return " and ".join(need.name or "" for need in Need if need in needs)
