"""The driver: owns buffers, step count and all that no plugin should be able to get wrong."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NoReturn, Self, cast

import attrs
import numpy as np

from minigrad.engines import EngineWithFallback, UpdatePlan
from minigrad.optim.errors import (
    NeedError,
    NonFiniteGradient,
    NonFiniteWarning,
    OptimizerError,
)
from minigrad.optim.gradient_transforms import norm
from minigrad.optim.protocol import Averages, Need
from minigrad.optim.stateful.closure import ClosureEvaluator, Closures
from minigrad.optim.stateful.managed_parameters import ManagedParameters
from minigrad.optim.stateful.param_groups import OptimizerOptions, ParamGroup, RecordedStep, StepResult
from minigrad.runtime.blocks import block
from minigrad.runtime.effects import current_tracer, refuse_inside_program
from minigrad.runtime.interrupts import complete

__all__ = ["StatefulOptimizer"]


class StatefulOptimizer(ManagedParameters):
    """Runs a rule on parameters. Made by `minigrad.optimizer`.

    Hyperparameters are changed by hand with `set`.

    Attributes:
        name: the optimizer, with its distribution and version.
        t: number of completed updates. A skipped step does not count.
        needs: what the rule asks for. More than `Need.GRAD` means that `step` must be given a closure.
        grad_hook: called before each update from gradients; may change `grads` of the buckets in place (an average over
            processes), alike in all that train together.
    """

    def __init__(self, name: str, groups: Sequence[ParamGroup], options: OptimizerOptions) -> None:
        refuse_inside_program("mg.optimizer(...)")
        super().__init__(name, groups, options)
        self._waits = self._gradient_only and options.missing == "zero"
        self._norm = (-1, 0.0)  # for which update, norm of the sum over its micro-batches
        self.grad_hook: Callable[[], None] | None = None
        self._check_options()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """An optimizer of copies of the parameters, with this one's state.

        `copy.deepcopy((model, optimizer))` copies both, so that the copy of one trains the copy of the other. Gradients
        that no step has used are left behind, `grad_hook` too.
        """
        groups = [
            attrs.evolve(
                group,
                parameters=tuple(attrs.evolve(p, tensor=copy.deepcopy(p.tensor, memo)) for p in group.parameters),
                schedules=copy.deepcopy(group.schedules, memo),
                weight_decay=copy.deepcopy(group.weight_decay, memo),
            )
            for group in self._groups
        ]
        twin = type(self)(self.name, groups, self._options)
        memo[id(self)] = twin
        for bucket, own in zip(twin._buckets, self._buckets, strict=True):
            bucket.frozen.update(own.frozen)
        twin.load_state_dict(self.state_dict())
        return twin

    def __copy__(self) -> NoReturn:
        raise OptimizerError(
            f"{self.name}: a parameter belongs to one optimizer, so this one has no copy on the same parameters; "
            "copy.deepcopy((model, optimizer)) copies both"
        )

    def __reduce__(self) -> NoReturn:
        raise OptimizerError(
            f"{self.name} cannot be pickled: checkpoint.save(path, model, optimizer) saves both, state_dict() gives "
            "the state as arrays and plain values"
        )

    @property
    def gradient_norm(self) -> float:
        """Norm of the latest update's gradient, averaged over micro-batches, before clipping."""
        refuse_inside_program("opt.gradient_norm")
        t, size = self._norm
        return (size if t == self._t else norm([b.grads for b in self._buckets])) / self._options.accumulate

    def zero_grad(self) -> None:
        """Forget the gradients, unless micro-batches are being accumulated."""
        tracer = current_tracer()
        if tracer is not None and self._options.accumulate > 1:
            tracer.record_effect(self, f"zero_grad by {self.name}", self._zero_grad)
        else:
            self._zero_grad()

    def _zero_grad(self) -> None:
        if self._micro_batches.count == 0:
            for bucket in self._buckets:
                bucket.zero_grad()

    def step(self, closure: Closures | None = None) -> StepResult:
        """Update all parameters from their gradients.

        Args:
            closure: computes the loss, a Tensor, from the present parameters, without calling backward. A rule that
                needs only gradients can do without: then `loss.backward()` must have been called. A list of closures,
                one for each micro-batch, stands for the mean of their losses.

        Raises:
            MissingGradient: a parameter received no gradient (unless `missing="zero"`).
            NeedError: the rule needs a closure and there is none, or the closure returned no loss.
            NonFiniteGradient: with `nonfinite="raise"`; otherwise the step is skipped with a NonFiniteWarning.
            NonFiniteParameters: a tiled update, which cannot be undone, went beyond the largest number.
            OptimizerError: the parameters are their averages at the moment, see `averaged`.
            ParameterError: another optimizer has taken over a parameter.

        Inside a defined program the StepResult that is returned cannot be read: it differs from run to run.
        """
        tracer = current_tracer()
        if tracer is None:
            return self._step(closure)
        if closure is None:
            tracer.record_effect(self, self.name, self._step)
        elif callable(closure):
            tracer.record_effect_with_closure(self, self.name, self._step, closure)
        else:
            raise NeedError("a defined program takes one closure for opt.step(), not a list of them")
        return cast(StepResult, RecordedStep())

    def flush(self) -> StepResult:
        """Make an update from the micro-batches accumulated so far, by their mean.

        At the end of a run, say.
        """
        refuse_inside_program("opt.flush()")
        count = self._micro_batches.count
        if not count:
            return StepResult(self._t, None, "no gradients are accumulated")
        if self._shadow_weights.shown:
            self._refuse_step()
        if self._waits:
            self._transaction.settle(self._t)
        return self._done(self._transaction.apply_gradients(self._t + 1, count), None)

    def _step(self, closure: Closures | None = None) -> StepResult:
        if self._shadow_weights.shown:
            self._refuse_step()
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
            raise NeedError("accumulate > 1 is for backward() and step(); pass closures as a list: opt.step([c1, c2])")
        missing, residuals = self._options.missing, Need.RESIDUAL in self.needs
        hook = None if self._gradient_only or self._options.clip is None else self._transaction.clip_gradients
        evaluator = ClosureEvaluator(self._transaction.blocks, closure, missing, residuals, hook)
        if self._gradient_only:
            return self._from_gradients(evaluator.run())
        return self._done(self._transaction.apply_closure(self._t + 1, evaluator), evaluator.loss)

    def averaged(self) -> AbstractContextManager[None]:
        """A block in which the parameters are their running averages; then they come back.

        The averages are those that `average=` asked for, else those that the rule itself keeps (schedule-free). No
        steps can be made inside.

        Raises:
            OptimizerError: there is none, or none yet.
        """
        refuse_inside_program("opt.averaged()")
        self._check_ownership()
        return self._as_averages()

    @block
    def _as_averages(self) -> Iterator[None]:
        self._check_ownership()
        with self._shadow_weights.averaged(self._transaction.rule_averages()):
            yield

    def _check_ownership(self) -> None:
        for bucket in self._buckets:
            bucket.check_ownership()

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
        return self._shadow_weights.n_averaged > 0 or any(isinstance(g.rule, Averages) for g in self._groups)

    def use_engine(self, engine: EngineWithFallback) -> None:
        """Run updates that are elementwise by another engine from now on."""
        self._transaction.use(engine)

    @property
    def is_elementwise(self) -> bool:
        """Whether each update goes entry by entry (see `minigrad.engines.PlansUpdates`)."""
        return self._transaction.is_elementwise

    def gradient_sinks(self) -> frozenset[object]:
        """Where the gradients of its parameters arrive (see `minigrad.engines.PlansUpdates`)."""
        return frozenset(t._sink for bucket in self._buckets for t in bucket.tensors)

    def plan_update(self) -> UpdatePlan | None:
        """Say what the latest step did to memory; None where that cannot be said."""
        step = (self._next_planned, self._note_planned)
        return self._transaction.plan(self._least_squares, step) if self._gradient_only else None

    def _next_planned(self) -> int:
        return 0 if self._shadow_weights.shown or self.grad_hook is not None else self._t + 1

    def _note_planned(self, size: float) -> None:
        self.__dict__["_norm"] = (self._t + 1, size)
        complete(self._take_note, self._t + 1)

    def _check_options(self) -> None:
        """Refuse at once what could only fail later."""
        looks = self.needs & (Need.VALUE | Need.HVP | Need.HESSIAN | Need.RESIDUAL)
        if self._options.clip is not None and looks:
            raise OptimizerError(f"{self.name} uses {_words(looks)}, with which clipped gradients would not agree")
        if self._options.maximise and Need.RESIDUAL in self.needs:
            raise OptimizerError(f"{self.name} solves least squares; a sum of squares cannot be maximised")
        if self._options.accumulate > 1 and not self._gradient_only:
            raise OptimizerError(f"{self.name} needs closures; pass one for each micro-batch, opt.step([c1, c2, ...])")

    def _refuse_step(self) -> NoReturn:
        raise OptimizerError(
            f"{self.name}: inside averaged() the parameters are averages, and a step would be lost; step outside"
        )

    def _from_gradients(self, loss: float | None) -> StepResult:
        """One update from the gradients in the buffers."""
        if self.grad_hook is not None:
            self.grad_hook()
        squares, exact = 0.0, True
        for bucket, least in zip(self._buckets, self._least_squares, strict=True):
            square = float(np.vdot(bucket.grads, bucket.grads))
            if not least <= square < math.inf:
                if not np.isfinite(bucket.grads).all():
                    reason = f"the gradient is not finite at {bucket.describe_nonfinite()}"
                    self._micro_batches.discard()
                    return self._skip(reason, loss)
                exact = False
            squares += square
        progress = self.__dict__  # past __setattr__, which costs as much as the rest of a small step
        size = math.sqrt(squares) if exact else norm([bucket.grads for bucket in self._buckets])
        progress["_norm"] = (self._t + 1, size)
        count = self._options.accumulate
        if count > 1 and not self._micro_batches.add():
            return StepResult(self._t, loss, f"accumulating: {self._micro_batches.count} of {count} gradients")
        if self._waits:
            self._transaction.settle(self._t)
        return self._done(self._transaction.apply_gradients(self._t + 1, count), loss)

    def _done(self, refused: str, loss: float | None) -> StepResult:
        """After an update that was made, or refused for a reason."""
        if refused:
            self._micro_batches.count = 0
            return self._skip(refused, loss)
        complete(self._commit, self._t + 1)
        return StepResult(self._t, loss)

    def _commit(self, t: int) -> None:
        """Make update number `t` as a whole. May be begun anew after an interrupt."""
        self._transaction.commit(t)
        self._take_note(t)
        self._transaction.clear()

    def _take_note(self, t: int) -> None:
        """Let all else follow update number `t`. May be begun anew after an interrupt."""
        self._shadow_weights.update(t)
        for bucket in self._buckets:
            bucket.renew()
        self._micro_batches.count = 0
        self.__dict__["_t"] = t

    def _skip(self, reason: str, loss: float | None) -> StepResult:
        if self._options.nonfinite == "raise":
            raise NonFiniteGradient(f"{self.name}, step {self._t + 1}: {reason}")
        warnings.warn(
            f"{self.name} skipped step {self._t + 1}: {reason}. Parameters and state are unchanged. A lower learning "
            "rate, clip=ClipNorm(1.0), or a look at the data usually helps",
            NonFiniteWarning,
            stacklevel=5,
        )
        return StepResult(self._t, loss, reason)


def _words(needs: Need) -> str:
    return " and ".join(need.name or "" for need in Need if need in needs)
