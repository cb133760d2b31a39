"""What an optimizer holds between steps: parameters in groups, hyperparameters, state.

It may be changed there: hyperparameters by hand, parameters frozen or added, a state loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NoReturn

import attrs

from minigrad import lazy
from minigrad.core.types import Array
from minigrad.optim.errors import HyperparameterError, OptimizerError, ParameterError, StateError
from minigrad.optim.gradient_transforms import least_square
from minigrad.optim.protocol import Need
from minigrad.optim.schedule import Schedule
from minigrad.optim.stateful.accumulation import MicroBatches
from minigrad.optim.stateful.apply_updates import UpdateTransaction
from minigrad.optim.stateful.buckets import ParamBucket, Parameters, make_buckets, named_parameters
from minigrad.optim.stateful.param_groups import Hyper, OptimizerOptions, ParamGroup
from minigrad.optim.stateful.pasts import Pasts
from minigrad.optim.stateful.shadow_weights import ShadowWeights
from minigrad.optim.stateful.state_dict import SavedState, StateDict, pack, pack_vectors, quote_names
from minigrad.runtime.effects import refuse_inside_program
from minigrad.text import nearest

__all__ = ["ManagedParameters"]

_SETTABLE = {"name", "t", "needs", "grad_hook"}

_OTHER_WORDS = {
    "param_groups": "hyperparameters has a mapping for each group, to be read; set(...) changes them",
    "add_param_group": "add(parameters, lr=...)",
    "state": "state_dict() gives it by parameter name",
    "defaults": "hyperparameters are those of each group",
    "get_last_lr": "hyperparameters[0]['lr']",
    "minimize": "loss.backward(), then step()",
    "apply_gradients": "loss.backward(), then step()",
    "update": "step()",
}


class ManagedParameters:
    """Parameters with their groups, hyperparameters and state.

    Attributes:
        name: the optimizer, with its distribution and version.
        needs: what the rule asks for.
    """

    def __init__(self, name: str, groups: Sequence[ParamGroup], options: OptimizerOptions) -> None:
        self.name = name
        self._t = 0
        self._groups = tuple(groups)
        self._options = options
        self._buckets = make_buckets([group.parameters for group in groups])
        self._transaction = UpdateTransaction(name, groups, options, self._buckets)
        self.needs = self._transaction.needs
        self._gradient_only = self.needs == Need.GRAD
        self._shadow_weights = ShadowWeights(self._buckets, options.average, options.lookahead)
        self._micro_batches = MicroBatches(self._buckets, options.accumulate)
        self._least_squares = [least_square(b.grads.dtype, b.grads.size) for b in self._buckets]

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _SETTABLE and not name.startswith("_"):
            raise AttributeError(
                f"an optimizer has no settable {name!r}; hyperparameters change with opt.set({name}=...)"
            )
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> NoReturn:
        if not name.startswith("_"):
            lazy.refuse_other_word("an optimizer", name, _OTHER_WORDS)
            if name in self.hyperparameters[0]:
                raise AttributeError(f"an optimizer has no {name!r}: read opt.hyperparameters[0][{name!r}]")
            raise AttributeError(f"an optimizer has no {name!r}.{nearest(name, dir(self))}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def t(self) -> int:
        """Number of completed updates. It can be set, to an integer of 0 or more."""
        refuse_inside_program("opt.t")
        return self._t

    @t.setter
    def t(self, count: int) -> None:
        refuse_inside_program("opt.t")
        if type(count) is not int or count < 0:
            raise OptimizerError(f"t is the number of completed updates, an integer >= 0, not {count!r}")
        self._t = count

    @property
    def buckets(self) -> tuple[ParamBucket, ...]:
        """The flat buffers: one pair of numbers and gradients for each parameter group and dtype."""
        return self._buckets

    @property
    def gradients(self) -> dict[str, Array]:
        """Return the gradients that have arrived, by parameter name.

        They are writable views, to edit before `step`.
        """
        refuse_inside_program("opt.gradients")
        return {
            p.name: segment.of(bucket.grads)
            for bucket in self._buckets
            for p, segment in zip(bucket.parameters, bucket.layout, strict=True)
            if p.tensor._sink.has_grad
        }

    @property
    def hyperparameters(self) -> tuple[dict[str, Hyper], ...]:
        """For each parameter group, the hyperparameters as they stand at the next step.

        To read: `set` changes them.
        """
        refuse_inside_program("opt.hyperparameters")
        return tuple(_Shown(group.hyperparameters(self._t + 1)) for group in self._groups)

    def set(self, group: int | str | None = None, /, **changes: Hyper) -> None:
        """Change hyperparameters from the next step on.

        Such as `opt.set(lr=1e-4)`, `opt.set("*.bias", weight_decay=0.0)`.

        A number replaces a schedule. Compiled updates are not compiled again for it. State is kept.

        Args:
            group: number of a parameter group, or the pattern it was made with; by default all of them.
            changes: numbers, words or Schedules by name; `weight_decay` too.

        Raises:
            HyperparameterError: a name or group is unknown, or a value out of its range; then nothing has changed.
        """
        refuse_inside_program("opt.set(...)")
        chosen = [i for i, g in enumerate(self._groups) if group is None or group in (i, g.label)]
        if not chosen:
            labels = ", ".join(repr(g.label or i) for i, g in enumerate(self._groups))
            raise HyperparameterError(f"{self.name} has no parameter group {group!r}, it has {labels}")
        groups = [g.changed(changes) if i in chosen else g for i, g in enumerate(self._groups)]
        self._transaction.configure(groups)
        self._groups = tuple(groups)

    def freeze(self, *patterns: str) -> None:
        """Let parameters stay as they are, and their state with them, until `unfreeze`.

        They need no gradient meanwhile, decay no weights, and count no steps.

        Args:
            patterns: names of parameters, with `*` and `?`.

        Raises:
            OptimizerError: the rule evaluates the loss itself, gradients are being accumulated, or nothing would move.
            ParameterError: there is no parameter of such a name.
            StateError: the state of some cannot be taken out of that of others.
        """
        names = self._chosen(patterns, "freeze")
        if len(names) == sum(len(b.parameters) - len(b.frozen - names) for b in self._buckets):
            raise OptimizerError(f"{self.name}: with {quote_names(patterns)} frozen nothing would be left to train")
        self._transaction.regroup(self._transaction.pasts.resting(names, self._t), self._t)
        for bucket in self._buckets:
            bucket.frozen.update(names.intersection(bucket.names))

    def unfreeze(self, *patterns: str) -> None:
        """Let frozen parameters move again, from the state and the step where they stopped.

        Raises:
            OptimizerError: gradients are being accumulated.
            ParameterError: there is no frozen parameter of such a name.
        """
        chosen = self._chosen(patterns, "unfreeze")
        names = chosen & {name for bucket in self._buckets for name in bucket.frozen}
        if not names:
            raise ParameterError(f"{self.name}: of {quote_names(sorted(chosen))} none is frozen")
        self._transaction.regroup(self._transaction.pasts.waking(names, self._t), self._t)
        for bucket in self._buckets:
            bucket.frozen.difference_update(names)

    def add(self, params: Parameters, **hyper: Hyper) -> None:
        """Train more parameters from now on, as a parameter group that begins with its first step.

        What the others remember stays.

        Args:
            params: as for `mg.optimizer`, under names that are new here.
            hyper: what differs from the hyperparameters of the first group.

        Raises:
            HyperparameterError: a hyperparameter is unknown or out of range.
            OptimizerError: the rule evaluates the loss itself, or gradients are being accumulated.
            ParameterError: `params` are no trainable leaves, or have names that are taken.
        """
        refuse_inside_program("opt.add(...)")
        self._check_change("add parameters")
        parameters = named_parameters(params)
        known = {name: t for bucket in self._buckets for name, t in zip(bucket.names, bucket.tensors, strict=True)}
        taken = [p.name for p in parameters if p.name in known or any(p.tensor is t for t in known.values())]
        if taken:
            raise ParameterError(f"{self.name} already has {quote_names(taken)}")
        group = attrs.evolve(self._groups[0], parameters=parameters, label="").changed(hyper)
        buckets = make_buckets([*[()] * len(self._groups), parameters])
        self._groups = (*self._groups, group)
        self._buckets = (*self._buckets, *buckets)
        self._transaction.extend(group, buckets, self._t)
        self._shadow_weights.extend(buckets)
        self._micro_batches = MicroBatches(self._buckets, self._options.accumulate)
        self._least_squares = [least_square(b.grads.dtype, b.grads.size) for b in self._buckets]

    def report(self, loss: float) -> None:
        """Tell schedules that follow the loss what it is, once for each validation.

        `ReduceOnPlateau` is such a schedule.

        Args:
            loss: what should fall. NaN counts as no improvement.

        Raises:
            OptimizerError: the loss is no number.
        """
        refuse_inside_program("opt.report(...)")
        try:
            number = float(loss)
        except (TypeError, ValueError):
            raise OptimizerError(f"{self.name}: report takes the loss as one number, not {loss!r:.80}") from None
        for group in self._groups:
            group.report(number)

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
        refuse_inside_program("opt.rates(...)")
        return tuple(group.rate(t) for group in self._groups)

    def state_dict(self) -> StateDict:
        """Step count and state as a flat dict of arrays and plain values.

        Copies, keyed by parameter name.
        """
        refuse_inside_program("opt.state_dict()")
        values: StateDict = {"optimizer": self.name, "t": self._t, "micro": self._micro_batches.count}
        values["averaged"] = self._shadow_weights.n_averaged
        values["average_weight"] = self._shadow_weights.weight
        values.update(pack(self._transaction.blocks, self._transaction.runners))
        pasts = self._transaction.pasts
        ages = {name: pasts.age(name, self._t) for name in {*pasts.offsets, *pasts.idle}}
        values.update({f"age/{name}": age for name, age in sorted(ages.items())})
        for vectors in (self._shadow_weights.parts(), self._micro_batches.vectors()):
            values.update(pack_vectors(self._buckets, vectors))
        for index, group in enumerate(self._groups):
            values.update({f"followed/{index}/{name}": value for name, value in group.followed().items()})
            for name, value in group.hyperparameters(self._t + 1).items():
                if isinstance(value, int | float | str):
                    values[f"hyper/{index}/{name}"] = value
        return values

    def load_state_dict(
        self, saved: Mapping[str, object], *, strict: bool = True, rename: Mapping[str, str] | None = None
    ) -> None:
        """Continue from what `state_dict` returned, to the last bit.

        Hyperparameters stay as they are. Order and grouping of the parameters may have changed.

        Args:
            saved: the state, which is not changed.
            strict: whether it has to be of the same parameters. With False, what is only there is left out, and what is
                only here keeps its state.
            rename: saved name of a parameter -> its name here.

        Raises:
            StateError: with the optimizer unchanged, if the state is not of this optimizer and these parameters.
        """
        refuse_inside_program("opt.load_state_dict(...)")
        if not isinstance(strict, bool):
            raise StateError(f"{self.name}: load_state_dict's strict is True or False, not {strict!r:.60}")
        state = SavedState(self.name, saved, strict, {} if rename is None else rename)
        counts = {key: state.count(key) for key in ("t", "micro", "averaged", "state_version")}
        state.check_names(self._transaction.blocks)
        known = self._transaction.pasts
        if self._gradient_only:
            idle = [name for bucket in self._buckets for name in bucket.frozen]
            ages = {n: state.age(n, known.age(n, self._t)) for bucket in self._buckets for n in bucket.names}
            self._transaction.regroup(Pasts.of_ages(ages, idle, counts["t"]), self._t, strict=False)
        try:
            self._take_over(state, counts)
        except StateError:
            self._transaction.regroup(known, self._t, strict=False)
            raise
        for index, group in enumerate(self._groups):
            prefix = f"followed/{index}/"
            group.follow({k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)})
        self._t = counts["t"]

    def _take_over(self, state: SavedState, counts: Mapping[str, int]) -> None:
        transaction, shadow = self._transaction, self._shadow_weights
        states = [
            state.state_for(block, runner, counts["state_version"])
            for block, runner in zip(transaction.blocks, transaction.runners, strict=True)
        ]
        sums = any(key.endswith("/driver.accumulated") for key in state.saved)
        own = [{**p, "accumulated": b.grads} if sums else p for p, b in zip(shadow.parts(), self._buckets, strict=True)]
        vectors = [state.vectors_for(bucket, named) for bucket, named in zip(self._buckets, own, strict=True)]
        for runner, new in zip(transaction.runners, states, strict=True):
            runner.state = new
        weight = state.saved.get("average_weight")
        shadow.restore(vectors, counts["averaged"], float(weight) if isinstance(weight, float) else 0.0)
        self._micro_batches.restore(counts["micro"], vectors)

    def _chosen(self, patterns: Sequence[str], verb: str) -> frozenset[str]:
        """The names that patterns match."""
        refuse_inside_program(f"opt.{verb}(...)")
        self._check_change(verb)
        names = [name for bucket in self._buckets for name in bucket.names]
        if not all(isinstance(p, str) for p in patterns):
            raise ParameterError(f"{self.name}: {verb} takes names of parameters, with * and ?, got {patterns!r:.80}")
        idle = [p for p in patterns if not any(fnmatchcase(name, p) for name in names)]
        if not patterns:
            raise ParameterError(f"{self.name}: {verb} takes the name of at least one parameter: {quote_names(names)}")
        if idle:
            raise ParameterError(f"{self.name} has no parameter {quote_names(idle)}; it has {quote_names(names)}")
        return frozenset(name for name in names if any(fnmatchcase(name, p) for p in patterns))

    def _check_change(self, verb: str) -> None:
        if not self._gradient_only:
            raise OptimizerError(
                f"{self.name} sees all parameters as one and cannot {verb}: make a new optimizer of those that shall "
                "move, and load_state_dict(state, strict=False)"
            )
        if self._micro_batches.count:
            raise OptimizerError(f"{self.name}: amid an accumulation it cannot {verb}; opt.flush() first")


class _Shown(dict[str, Hyper]):
    """Hyperparameters to read."""

    def __setitem__(self, name: str, value: Hyper) -> NoReturn:
        raise OptimizerError(f"this shows the hyperparameters; change them with opt.set({name}={value!r})")
