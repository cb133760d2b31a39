"""The driver: owns buffers, step count and all that no plugin should be able to get wrong."""

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
from minigrad.optim.stateful.apply_updates import UpdateTransaction
from minigrad.optim.stateful.buckets import ParamBucket, make_buckets
from minigrad.optim.stateful.closure import Closure, ClosureEvaluator
from minigrad.optim.stateful.param_groups import Hyper, OptimizerOptions, ParamGroup, StepResult
from minigrad.optim.stateful.shadow_weights import ShadowWeights
from minigrad.optim.stateful.state_dict import StateDict, pack, unpack
from minigrad.runtime.effects import current_tracer

__all__ = ["StatefulOptimizer"]


class StatefulOptimizer:
    """Runs a rule on parameters. Made by `minigrad.optimizer`.

    Attributes:
        name: the optimizer, with its distribution and version.
        t: number of completed updates. A skipped step does not count.
        needs: what the rule asks for. More than `Need.GRAD` means that `step` must be given a closure.
        combine: called before each update from gradients; may change `g` of the buckets in place (an average over
            processes), alike in all that train together.
    """

    def __init__(self, name: str, groups: Sequence[ParamGroup], options: OptimizerOptions) -> None:
        self.name = name
        self.t = 0
        self._groups = tuple(groups)
        self._options = options
        self._buckets = make_buckets([group.parameters for group in groups])
        self._advance = UpdateTransaction(name, groups, options, self._buckets)
        self._runners = self._advance.runners
        self.needs = Need(0)
        for runner in self._runners:
            self.needs |= runner.needs
        self._gradient_only = self.needs == Need.GRAD
        self._shadow_weights = ShadowWeights(self._buckets, options.average, options.lookahead)
        self._micro = 0
        self._rates = [p.schedules.get("lr", float(getattr(p.rule, "lr", math.nan))) for p in self._groups]
        self._squares = (-1, 0.0)  # for which update, sum of all squared entries of the gradient
        self.grad_hook: Callable[[], None] | None = None
        if options.clip is not None and not self._gradient_only:
            raise OptimizerError(f"{name} uses more than the gradient, which clipping would make inconsistent with f")

    @property
    def buckets(self) -> tuple[ParamBucket, ...]:
        """The flat buffers: one pair of numbers and gradients for each parameter group and dtype."""
        return self._buckets

    @property
    def hyperparameters(self) -> tuple[dict[str, Hyper], ...]:
        """For each parameter group, the hyperparameters as they stand at the next step."""
        return tuple(
            {
                **{field.name: getattr(group.rule, field.name) for field in attrs.fields(type(group.rule))},
                **{name: schedule(self.t + 1) for name, schedule in group.schedules.items()},
                "weight_decay": group.decay(self.t + 1),
            }
            for group in self._groups
        )

    @property
    def schedules(self) -> tuple[dict[str, Schedule], ...]:
        """For each parameter group, the hyperparameters that change over steps, and how."""
        return tuple(dict(group.schedules) for group in self._groups)

    @property
    def options(self) -> dict[str, object]:
        """How gradients are treated, for all groups alike.

        `clip`, `accumulate`, ... as given to `mg.optimizer`.
        """
        return attrs.asdict(self._options, recurse=False)

    def rates(self, t: int) -> tuple[float, ...]:
        """For each parameter group, the learning rate of update `t`; NaN where the rule has none."""
        return tuple(rate(t) if callable(rate) else rate for rate in self._rates)

    @property
    def gradient_norm(self) -> float:
        """Norm of the latest update's gradient, averaged over micro-batches, before clipping."""
        t, squares = self._squares
        if t != self.t:
            squares = sum(float(np.vdot(bucket.grads, bucket.grads)) for bucket in self._buckets)
        return math.sqrt(squares) / self._options.accumulate

    def zero_grad(self) -> None:
        """Forget the gradients, unless micro-batches are being accumulated."""
        tracer = current_tracer()
        if tracer is not None and self._options.accumulate > 1:
            tracer.record_effect(self, f"zero_grad by {self.name}", self._zero_grad)
        else:
            self._zero_grad()

    def _zero_grad(self) -> None:
        if self._micro == 0:
            for bucket in self._buckets:
                bucket.zero_grad()

    def step(self, closure: Closure | None = None) -> StepResult:
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
        return StepResult(self.t)

    def _step(self, closure: Closure | None = None) -> StepResult:
        if closure is None:
            if not self._gradient_only:
                raise NeedError(
                    f"{self.name} needs {_words(self.needs & ~Need.GRAD)}, so step() must be given a closure that "
                    "returns the loss: opt.step(lambda: loss_of(model(x), y))"
                )
            for bucket in self._buckets:
                if not bucket.is_ready():
                    bucket.check_ownership()
                    bucket.fill_missing_grads(self._options.missing)
            return self._from_gradients(None)
        for bucket in self._buckets:
            bucket.check_ownership()
        if self._options.accumulate > 1:
            raise NeedError("accumulate > 1 works with loss.backward() and step(), not with a closure")
        evaluator = ClosureEvaluator(self._buckets, closure, self._options.missing, Need.RESIDUAL in self.needs)
        if self._gradient_only:
            return self._from_gradients(evaluator.run())
        return self._done(self._advance.apply_closure(self.t + 1, evaluator), evaluator.loss)

    def averaged(self) -> AbstractContextManager[None]:
        """A block in which the parameters are their running averages; then they come back.

        The averages are those that `average=` asked for, else those that the rule itself keeps (schedule-free).

        Raises:
            OptimizerError: there is none, or none yet.
        """
        for bucket in self._buckets:
            bucket.check_ownership()
        rules = [(r, r.rule) for r in self._runners]
        own = [rule.average(r.w, r.state) if isinstance(rule, Averages) else None for r, rule in rules]
        return self._shadow_weights.averaged(own)

    @property
    def accumulates(self) -> bool:
        """Whether several gradients make one update."""
        return self._options.accumulate > 1

    @property
    def maximises(self) -> bool:
        """Whether updates climb."""
        return self._options.maximise

    @property
    def has_average(self) -> bool:
        """Whether `averaged()` has something to show."""
        return self._shadow_weights.n_averaged > 0 or any(isinstance(r.rule, Averages) for r in self._runners)

    def state_dict(self) -> StateDict:
        """Step count and state as a flat dict of arrays and plain values.

        Copies, keyed by parameter name.
        """
        values = pack(self._buckets, self._runners, self._shadow_weights.parts())
        for index, hyper in enumerate(self.hyperparameters):
            for name, value in hyper.items():
                if isinstance(value, int | float | str):
                    values[f"hyper/{index}/{name}"] = value
        shadow = {"averaged": self._shadow_weights.n_averaged, "average_weight": self._shadow_weights.weight}
        return {"optimizer": self.name, "t": self.t, "micro": self._micro, **shadow, **values}

    def load_state_dict(self, saved: Mapping[str, object]) -> None:
        """Continue from what `state_dict` returned, to the last bit.

        Hyperparameters stay as they are.

        Raises:
            StateError: with the optimizer unchanged, if the state is not of this optimizer and these parameters.
        """
        counts, vectors = unpack(self.name, saved, self._buckets, self._runners, self._shadow_weights.parts())
        weight = saved.get("average_weight")
        self._shadow_weights.restore(vectors, counts["averaged"], float(weight) if isinstance(weight, float) else 0.0)
        self.t, self._micro = counts["t"], counts["micro"]

    def use_engine(self, engine: EngineWithFallback) -> None:
        """Run updates that are elementwise by another engine from now on."""
        self._advance.use(engine)

    def _from_gradients(self, loss: float | None) -> StepResult:
        """One update from the gradients in the buffers."""
        if self.grad_hook is not None:
            self.grad_hook()
        squares = 0.0
        for bucket in self._buckets:
            square = float(np.vdot(bucket.grads, bucket.grads))
            if not math.isfinite(square) and not np.isfinite(bucket.grads).all():
                return self._skip(f"the gradient is not finite at {bucket.describe_nonfinite()}", loss)
            squares += square
        self._squares = (self.t + 1, squares)
        self._micro = (self._micro + 1) % self._options.accumulate
        if self._micro:
            return StepResult(self.t, loss, f"accumulating: {self._micro} of {self._options.accumulate} gradients")
        return self._done(self._advance.apply_gradients(self.t + 1), loss)

    def _done(self, refused: str, loss: float | None) -> StepResult:
        """After an update that was made, or refused for a reason."""
        if refused:
            return self._skip(refused, loss)
        self.t += 1
        self._shadow_weights.update(self.t)
        for bucket in self._buckets:
            bucket.renew()
        return StepResult(self.t, loss)

    def _skip(self, reason: str, loss: float | None) -> StepResult:
        if self._options.nonfinite == "raise":
            raise NonFiniteGradient(f"{self.name}, step {self.t + 1}: {reason}")
        warnings.warn(
            f"{self.name} skipped step {self.t + 1}: {reason}. Parameters and state are unchanged. A lower learning "
            "rate, clip=ClipNorm(1.0), or a look at the data usually helps",
            NonFiniteWarning,
            stacklevel=5,
        )
        return StepResult(self.t, loss, reason)


def _words(needs: Need) -> str:
    return " and ".join(need.name or "" for need in Need if need in needs)
