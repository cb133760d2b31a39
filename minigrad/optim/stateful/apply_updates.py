"""One update of all parameters.

Every rule proposes, and the proposals are committed only if all of them are finite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback, create_engine
from minigrad.optim.compiled.compiled_runner import CompiledRunner, claims
from minigrad.optim.errors import HyperparameterError, NonFiniteGradient, NonFiniteParameters
from minigrad.optim.gradient_transforms import with_weight_decay
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Averages, Need, needs_of
from minigrad.optim.runner import RuleRunner, is_finite
from minigrad.optim.state import State
from minigrad.optim.stateful.blocks import ParamBlock, make_blocks
from minigrad.optim.stateful.buckets import ParamBucket
from minigrad.optim.stateful.closure import ClosureEvaluator
from minigrad.optim.stateful.param_groups import OptimizerOptions, ParamGroup

__all__ = ["UpdateTransaction"]


class UpdateTransaction:
    """The rules at work on their blocks of parameters.

    Both ways to update give an empty string, or the reason why parameters and state have been left as they were.

    Attributes:
        blocks: what each rule moves as one vector.
        runners: a rule with its state, for each block.
        needs: all that the rules need.
    """

    def __init__(
        self, name: str, groups: Sequence[ParamGroup], options: OptimizerOptions, buckets: Sequence[ParamBucket]
    ) -> None:
        self.needs = Need(0)
        for group in groups:
            self.needs |= needs_of(group.rule, group.rule.needs)
        self.blocks = make_blocks(groups, buckets, joint=self.needs != Need.GRAD)
        self.runners = _runners(name, groups, self.blocks, create_engine())
        self._buckets = tuple(buckets)
        self._bucket_groups = [groups[bucket.group] for bucket in buckets]
        self._options = options
        self._sign = -1.0 if options.maximise else 1.0
        self._objectives = [Objective(bucket.grads) for bucket in buckets]

    def use(self, binder: EngineWithFallback) -> None:
        """Run updates that are elementwise by another engine from now on."""
        for runner in self.runners:
            if isinstance(runner, CompiledRunner):
                runner.use(binder)

    def configure(self, groups: Sequence[ParamGroup]) -> None:
        """Go on with other hyperparameters.

        Raises:
            HyperparameterError: they would change the form of a state or what is moved together.
        """
        blocks = make_blocks(groups, self._buckets, joint=self.needs != Need.GRAD)
        if [b.names for b in blocks] != [b.names for b in self.blocks]:
            raise HyperparameterError("this rule moves its groups together: change the hyperparameter in all of them")
        for block, runner in zip(self.blocks, self.runners, strict=True):
            group = groups[block.buckets[0].group]
            if needs_of(group.rule, group.rule.needs) & ~self.needs:
                raise HyperparameterError(f"{runner.name} was built without what this option needs; make a new one")
            runner.check_form(group.rule, group.schedules)
        for block, runner in zip(self.blocks, self.runners, strict=True):
            group = groups[block.buckets[0].group]
            runner.configure(group.rule, group.schedules)
        self._bucket_groups = [groups[bucket.group] for bucket in self._buckets]

    def apply_gradients(self, t: int, count: int = 1) -> str:
        """Make update number `t` from the gradients in the buffers.

        They are sums over `count` micro-batches.
        """
        proposals: list[tuple[int, Array, State]] = []
        prepared: list[tuple[int, CompiledRunner]] = []
        for index, g in enumerate(self._gradients(count)):
            runner, (decay, shrink) = self.runners[index], self._bucket_groups[index].weight_decays(t)
            if isinstance(runner, CompiledRunner) and runner.prepare(g, t, decay, shrink):
                if runner.staged is not None and not is_finite(runner.staged):
                    return self._refusal(index, runner.staged)
                prepared.append((index, runner))
                continue
            if decay:
                g = g + decay * runner.w
            f = self._objectives[index] if g is self._buckets[index].grads else Objective(g)
            proposals.append((index, *runner.propose(f, t, runner.w if shrink == 1.0 else shrink * runner.w)))
        refusal = self._commit(proposals)
        if not refusal:
            self._execute(prepared, t)
        return refusal

    def apply_closure(self, t: int, evaluator: ClosureEvaluator) -> str:
        """Make update number `t` by rules that evaluate the loss themselves.

        Each sees what those before it moved.
        """
        proposals: list[tuple[int, Array, State]] = []
        try:
            for index, (block, runner) in enumerate(zip(self.blocks, self.runners, strict=True)):
                decay, shrink = self._weight_decays(block, t)
                start = evaluator.start(block)
                f = with_weight_decay(evaluator.objective(block, runner.needs), start, self._sign, decay)
                w, state = runner.propose(f, t, shrink * start)
                if not is_finite(w):
                    return self._refusal(index, w)
                proposals.append((index, w, state))
                evaluator.accept(block, w)
        except NonFiniteGradient as error:
            return str(error)
        finally:
            evaluator.undo()
        return self._commit(proposals)

    def clip_gradients(self, gradients: list[Array]) -> list[Array]:
        """Gradients of all buckets within the bound that was asked for."""
        clip = self._options.clip
        if clip is None:
            return gradients
        return clip(gradients, [bucket.params for bucket in self._buckets], [b.layout for b in self._buckets])

    def rule_averages(self) -> list[Array | None]:
        """Return for each bucket the weights that its rule promises something about.

        None if these are the parameters.
        """
        averages: list[Array | None] = []
        for block, runner in zip(self.blocks, self.runners, strict=True):
            rule = runner.rule
            if isinstance(rule, Averages):
                averages += [part for _, part in block.split(rule.average(runner.w, runner.state))]
            else:
                averages += [None] * len(block.buckets)
        return averages

    def _weight_decays(self, block: ParamBlock, t: int) -> tuple[float | Array, float | Array]:
        """Decay and factor for a block: numbers where its groups agree, else vectors."""
        group_of = dict(zip(map(id, self._buckets), self._bucket_groups, strict=True))
        pairs = [group_of[id(bucket)].weight_decays(t) for bucket in block.buckets]
        if len(set(pairs)) == 1:
            return pairs[0]
        sizes = [bucket.params.size for bucket in block.buckets]
        decays, shrinks = zip(*pairs, strict=True)
        return np.repeat(decays, sizes).astype(block.w.dtype), np.repeat(shrinks, sizes).astype(block.w.dtype)

    def _gradients(self, count: int) -> list[Array]:
        """The gradients after averaging, sign and clipping.

        The buffers themselves where nothing is to be done.
        """
        scale = self._sign / count
        if scale == 1.0 and self._options.clip is None:
            return [bucket.grads for bucket in self._buckets]
        return self.clip_gradients([scale * bucket.grads for bucket in self._buckets])

    def _commit(self, proposals: Sequence[tuple[int, Array, State]]) -> str:
        for index, w, _ in proposals:
            if not is_finite(w):
                return self._refusal(index, w)
        for index, w, state in proposals:
            self.runners[index].commit(w, state)
            self.blocks[index].assign(w)
        return ""

    def _refusal(self, index: int, w: Array) -> str:
        layout = self.blocks[index].layout
        names = ", ".join(repr(s.name) for s in layout if not np.isfinite(s.of(w)).all())
        return f"the update would make {names} infinite or NaN"

    def _execute(self, prepared: Sequence[tuple[int, CompiledRunner]], t: int) -> None:
        for index, runner in prepared:
            try:
                runner.execute(t)
            except NonFiniteParameters:
                self._buckets[index].renew()
                raise


def _runners(
    name: str, groups: Sequence[ParamGroup], blocks: Sequence[ParamBlock], binder: EngineWithFallback
) -> list[RuleRunner]:
    runners: list[RuleRunner] = []
    for block in blocks:
        bucket = block.buckets[0]
        group = groups[bucket.group]
        if claims(group.rule):
            grads = bucket.grads
            runners.append(CompiledRunner(name, group.rule, block.w, group.schedules, block.layout, grads, binder))
        else:
            runners.append(RuleRunner(name, group.rule, block.w, group.schedules, block.layout))
    return runners
