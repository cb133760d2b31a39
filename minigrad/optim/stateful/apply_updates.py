"""One update of all parameters.

Every rule proposes, and the proposals are committed only if all of them are finite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback, create_engine
from minigrad.optim.compiled.compiled_runner import CompiledRunner, claims
from minigrad.optim.errors import NonFiniteGradient, NonFiniteParameters
from minigrad.optim.gradient_transforms import with_weight_decay
from minigrad.optim.objective import Objective
from minigrad.optim.runner import RuleRunner, is_finite
from minigrad.optim.state import State
from minigrad.optim.stateful.buckets import ParamBucket
from minigrad.optim.stateful.closure import ClosureEvaluator
from minigrad.optim.stateful.param_groups import OptimizerOptions, ParamGroup

__all__ = ["UpdateTransaction"]


class UpdateTransaction:
    """The rules at work on their buckets.

    Both ways to update give an empty string, or the reason why parameters and state have been left as they were.

    Attributes:
        runners: a rule with its state, for each bucket.
    """

    def __init__(
        self, name: str, groups: Sequence[ParamGroup], options: OptimizerOptions, buckets: Sequence[ParamBucket]
    ) -> None:
        self.buckets = tuple(buckets)
        self.groups = [groups[bucket.group] for bucket in buckets]
        self.runners = _runners(name, self.groups, self.buckets, create_engine())
        self._options = options
        self._sign = -1.0 if options.maximise else 1.0
        self._plain = not options.maximise and options.clip is None and options.accumulate == 1
        self._objectives = [Objective(bucket.grads) for bucket in buckets]

    def use(self, binder: EngineWithFallback) -> None:
        """Run updates that are elementwise by another engine from now on."""
        for runner in self.runners:
            if isinstance(runner, CompiledRunner):
                runner.use(binder)

    def apply_gradients(self, t: int) -> str:
        """Update number `t` from the gradients in the buffers."""
        proposals: list[tuple[int, Array, State]] = []
        prepared: list[tuple[int, CompiledRunner]] = []
        for index, g in enumerate(self._gradients()):
            runner, (decay, shrink) = self.runners[index], self.groups[index].weight_decays(t)
            if isinstance(runner, CompiledRunner) and runner.prepare(g, t, decay, shrink):
                if runner.staged is not None and not is_finite(runner.staged):
                    return self._refusal(index, runner.staged)
                prepared.append((index, runner))
                continue
            if decay:
                g = g + decay * runner.w
            f = self._objectives[index] if g is self.buckets[index].grads else Objective(g)
            proposals.append((index, *runner.propose(f, t, runner.w if shrink == 1.0 else shrink * runner.w)))
        refused = self._commit(proposals)
        if not refused:
            self._execute(prepared, t)
        return refused

    def apply_closure(self, t: int, evaluator: ClosureEvaluator) -> str:
        """Update number `t` by rules that evaluate the loss themselves."""
        proposals: list[tuple[int, Array, State]] = []
        try:
            for index, runner in enumerate(self.runners):
                decay, shrink = self.groups[index].weight_decays(t)
                start = evaluator.start[index]
                f = with_weight_decay(evaluator.objective(self.buckets[index], runner.needs), start, self._sign, decay)
                proposals.append((index, *runner.propose(f, t, start if shrink == 1.0 else shrink * start)))
        except NonFiniteGradient as error:
            return str(error)
        finally:
            evaluator.restore()
        return self._commit(proposals)

    def _gradients(self) -> list[Array]:
        """The gradients after averaging, sign and clipping.

        The buffers themselves where nothing is to be done.
        """
        raw = [bucket.grads for bucket in self.buckets]
        if self._plain:
            return raw
        scale = self._sign / self._options.accumulate
        scaled = raw if scale == 1.0 else [scale * g for g in raw]
        clip = self._options.clip
        if clip is None:
            return scaled
        return clip(scaled, [bucket.params for bucket in self.buckets], [bucket.layout for bucket in self.buckets])

    def _commit(self, proposals: Sequence[tuple[int, Array, State]]) -> str:
        for index, w, _ in proposals:
            if not is_finite(w):
                return self._refusal(index, w)
        for index, w, state in proposals:
            self.runners[index].commit(w, state)
        return ""

    def _refusal(self, index: int, w: Array) -> str:
        layout = self.buckets[index].layout
        names = ", ".join(repr(s.name) for s in layout if not np.isfinite(s.of(w)).all())
        return f"the update would make {names} infinite or NaN"

    def _execute(self, prepared: Sequence[tuple[int, CompiledRunner]], t: int) -> None:
        for index, runner in prepared:
            try:
                runner.execute(t)
            except NonFiniteParameters:
                self.buckets[index].renew()
                raise


def _runners(
    name: str, groups: Sequence[ParamGroup], buckets: Sequence[ParamBucket], binder: EngineWithFallback
) -> list[RuleRunner]:
    return [
        CompiledRunner(name, group.rule, bucket.params, group.schedules, bucket.layout, bucket.grads, binder)
        if claims(group.rule)
        else RuleRunner(name, group.rule, bucket.params, group.schedules, bucket.layout)
        for group, bucket in zip(groups, buckets, strict=True)
    ]
