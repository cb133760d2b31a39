"""One update of all parameters.

Every rule proposes, and the proposals are committed only if all of them are finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback, UpdatePlan, create_engine
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
from minigrad.optim.stateful.pasts import Pasts
from minigrad.optim.stateful.planned_update import plan_update
from minigrad.optim.stateful.state_dict import SavedState, pack
from minigrad.runtime.interrupts import complete

__all__ = ["UpdateTransaction"]


class UpdateTransaction:
    """The rules at work on their blocks of parameters.

    Both ways to update give an empty string, or the reason why parameters and state have been left as they were. After
    an empty string `commit` makes the update.

    Attributes:
        blocks: what each rule moves as one vector.
        runners: a rule with its state, for each block.
        needs: all that the rules need.
        pasts: which parameters count steps of their own.
    """

    def __init__(
        self, name: str, groups: Sequence[ParamGroup], options: OptimizerOptions, buckets: Sequence[ParamBucket]
    ) -> None:
        self.needs = Need(0)
        for group in groups:
            self.needs |= needs_of(group.rule, group.rule.needs)
        self.pasts = Pasts()
        self._engine = create_engine()
        self._name = name
        self._groups = tuple(groups)
        self._buckets = tuple(buckets)
        self._options = options
        self._sign = -1.0 if options.maximise else 1.0
        self._proposals: Sequence[tuple[int, Array, State]] = ()
        self._prepared: Sequence[tuple[int, CompiledRunner]] = ()
        self._arrange(make_blocks(groups, buckets, joint=self.needs != Need.GRAD), {})

    def _arrange(self, blocks: Sequence[ParamBlock], runners: Mapping[tuple[str, ...], RuleRunner]) -> None:
        """Work on `blocks` from now on.

        With the `runners` of those names, and new ones for the rest.
        """
        self.blocks = tuple(blocks)
        self.runners = [runners.get(block.names) or self._runner(block) for block in blocks]
        for block, runner in zip(self.blocks, self.runners, strict=True):
            runner.w = block.w
        home = {id(bucket): index for index, bucket in enumerate(self._buckets)}
        self._homes = [home[id(block.buckets[0])] for block in self.blocks]
        self._objectives = [Objective(block.buckets[0].grads) for block in self.blocks]
        self._note_fixed_decays()

    def _note_fixed_decays(self) -> None:
        """Find out once which blocks have a weight decay that no schedule changes."""
        groups = [self._groups[block.buckets[0].group] for block in self.blocks]
        self._fixed_decays = [None if g.decoupled or callable(g.weight_decay) else g.weight_decays(1) for g in groups]

    def _runner(self, block: ParamBlock) -> RuleRunner:
        bucket = block.buckets[0]
        group = self._groups[bucket.group]
        if block.members is None and claims(group.rule):
            return CompiledRunner(
                self._name, group.rule, block.w, group.schedules, block.layout, bucket.grads, self._engine
            )
        return RuleRunner(self._name, group.rule, block.w, group.schedules, block.layout)

    def settle(self, t: int) -> None:
        """Decide before update `t + 1` which parameters begin.

        Those that no gradient has reached yet wait, those that one reaches now begin.
        """
        absent = {name for bucket in self._buckets for name in bucket.missing()}
        frozen = {name for bucket in self._buckets for name in bucket.frozen}
        waiting = [name for name in absent if name not in self.pasts.idle and self.pasts.age(name, t) == 0]
        begins = [n for n, age in self.pasts.idle.items() if age == 0 and n not in absent and n not in frozen]
        if waiting or begins:
            self.regroup(self.pasts.waking(begins, t).resting(waiting, t), t)

    def regroup(self, pasts: Pasts, t: int, strict: bool = True) -> None:
        """Move parameters with the same past together from now on, with the state that they have.

        Args:
            pasts: of all parameters.
            t: number of completed updates.
            strict: whether it is a mistake if they cannot keep it; otherwise they begin anew.

        Raises:
            StateError: the state of some cannot be taken out of that of others; then nothing has changed.
        """
        blocks = pasts.divide(self._buckets)
        runners = {block.names: runner for block, runner in zip(self.blocks, self.runners, strict=True)}
        saved: SavedState | None = None
        for block in blocks:
            if block.names in runners:
                continue
            runner = self._runner(block)
            if any(self.pasts.age(name, t) for name in block.names):
                saved = saved or SavedState(
                    self._name, {"optimizer": self._name, **pack(self.blocks, self.runners)}, strict
                )
                runner.state = saved.state_for(block, runner, saved.count("state_version"))
            runners[block.names] = runner
        self.pasts = pasts
        self._arrange(blocks, runners)

    def extend(self, group: ParamGroup, buckets: Sequence[ParamBucket], t: int) -> None:
        """Move one more group's parameters from now on, after `t` steps."""
        self._groups = (*self._groups, group)
        self._buckets = (*self._buckets, *buckets)
        added = {name: t for bucket in buckets for name in bucket.names if t}
        self.pasts = Pasts({**self.pasts.offsets, **added}, self.pasts.idle)
        self.regroup(self.pasts, t)

    def use(self, binder: EngineWithFallback) -> None:
        """Run updates that are elementwise by another engine from now on."""
        self._engine = binder
        for runner in self.runners:
            if isinstance(runner, CompiledRunner):
                runner.use(binder)

    @property
    def is_elementwise(self) -> bool:
        """Whether each update goes entry by entry."""
        return all(isinstance(runner, CompiledRunner) for runner in self.runners)

    def configure(self, groups: Sequence[ParamGroup]) -> None:
        """Go on with other hyperparameters.

        Raises:
            HyperparameterError: they would change the form of a state or what is moved together.
        """
        joint = self.needs != Need.GRAD
        if joint and [b.names for b in make_blocks(groups, self._buckets, True)] != [b.names for b in self.blocks]:
            raise HyperparameterError("this rule moves its groups together: change the hyperparameter in all of them")
        for block, runner in zip(self.blocks, self.runners, strict=True):
            group = groups[block.buckets[0].group]
            if needs_of(group.rule, group.rule.needs) & ~self.needs:
                raise HyperparameterError(f"{runner.name} was built without what this option needs; make a new one")
            runner.check_form(group.rule, group.schedules)
        for block, runner in zip(self.blocks, self.runners, strict=True):
            group = groups[block.buckets[0].group]
            runner.configure(group.rule, group.schedules)
        self._groups = tuple(groups)
        self._note_fixed_decays()

    def plan(
        self, least_squares: Sequence[float], step: tuple[Callable[[], int], Callable[[float], object]]
    ) -> UpdatePlan | None:
        """Plan the latest update (see `planned_update`).

        None where gradients are treated before it, or parameters have pasts of their own.
        """
        options, blocks, buckets = self._options, self.blocks, self._buckets
        treated = options.accumulate > 1 or options.clip is not None or options.maximise
        apart = any(len(block.buckets) > 1 for block in blocks) or len(blocks) != len(buckets)
        if treated or apart or not self.pasts.are_alike:
            return None
        following, done = step

        def next_step() -> int:
            return following() if self.blocks is blocks else 0

        def group_of(index: int) -> ParamGroup:
            return self._groups[buckets[index].group]

        return plan_update(buckets, self.runners, least_squares, group_of, (next_step, done))

    def apply_gradients(self, t: int, count: int = 1) -> str:
        """Propose update number `t` from the gradients in the buffers.

        They are sums over `count` micro-batches.
        """
        proposals: list[tuple[int, Array, State]] = []
        prepared: list[tuple[int, CompiledRunner]] = []
        gradients = self._gradients(count)
        for index, (block, runner) in enumerate(zip(self.blocks, self.runners, strict=True)):
            if block.idle:
                continue
            home, age = self._homes[index], t - block.offset
            g = gradients[home] if block.members is None else block.take(gradients[home])
            decay, shrink = self._fixed_decays[index] or self._groups[block.buckets[0].group].weight_decays(t)
            if isinstance(runner, CompiledRunner) and runner.prepare(g, t, decay, shrink, age):
                if runner.staged is not None and not is_finite(runner.staged):
                    return self._refusal(index, runner.staged)
                prepared.append((index, runner))
                continue
            start = block.take(self._buckets[home].params)
            if decay:
                g = g + decay * start
            f = self._objectives[index] if g is self._buckets[home].grads else Objective(g)
            proposals.append((index, *runner.propose(f, t, start if shrink == 1.0 else shrink * start, age)))
        return self._propose(proposals, prepared)

    def apply_closure(self, t: int, evaluator: ClosureEvaluator) -> str:
        """Propose update number `t` by rules that evaluate the loss themselves.

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
            complete(evaluator.undo)
        return self._propose(proposals, ())

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
        averages: dict[int, Array] = {}
        for block, runner in zip(self.blocks, self.runners, strict=True):
            rule = runner.rule
            if not isinstance(rule, Averages):
                continue
            if block.members is None:
                averages.update({id(b): part for b, part in block.split(rule.average(runner.w, runner.state))})
            else:
                bucket = block.buckets[0]
                mean = rule.average(block.take(bucket.params), runner.state)
                block.put(mean, averages.setdefault(id(bucket), bucket.params.copy()))
        return [averages.get(id(bucket)) for bucket in self._buckets]

    def _weight_decays(self, block: ParamBlock, t: int) -> tuple[float | Array, float | Array]:
        """Decay and factor for a block: numbers where its groups agree, else vectors."""
        pairs = [self._groups[bucket.group].weight_decays(t) for bucket in block.buckets]
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

    def _propose(
        self, proposals: Sequence[tuple[int, Array, State]], prepared: Sequence[tuple[int, CompiledRunner]]
    ) -> str:
        for index, w, _ in proposals:
            if not is_finite(w):
                return self._refusal(index, w)
        self._proposals, self._prepared = proposals, prepared
        return ""

    def commit(self, t: int) -> None:
        """Make the update that was proposed. May be begun anew after an interrupt.

        Raises:
            NonFiniteParameters: a tiled update went beyond the largest number.
        """
        for index, w, state in self._proposals:
            self.runners[index].commit(w, state)
            self.blocks[index].assign(w)
        for index, runner in self._prepared:
            if runner.ready is not None:
                try:
                    runner.execute(t)
                except NonFiniteParameters:
                    self.blocks[index].buckets[0].renew()
                    raise

    def clear(self) -> None:
        """Forget what was proposed, and with it arrays as large as the parameters."""
        self._proposals = self._prepared = ()

    def _refusal(self, index: int, w: Array) -> str:
        layout = self.blocks[index].layout
        names = ", ".join(repr(s.name) for s in layout if not np.isfinite(s.of(w)).all())
        return f"the update would make {names} infinite or NaN"
