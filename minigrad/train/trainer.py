"""What `fit` drives: epochs of batches, evaluation, best weights, callbacks, an orderly end whatever happens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.nn.regularization import Regularization
from minigrad.optim import Need, NonFiniteGradient, NonFiniteParameters
from minigrad.parallel import Ranks
from minigrad.program import TraceError
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.checks.check import Check
from minigrad.train.checks.sanity import sanity_checks
from minigrad.train.compiled_step import LossNotFinite, StepProgram, defined_step
from minigrad.train.errors import Interrupted, NonFiniteError, NonFiniteLoss, TrainError
from minigrad.train.evaluate import evaluate
from minigrad.train.history import Epoch
from minigrad.train.monitor.nonfinite import CAUSES, REMEDY, origin, replayed
from minigrad.train.splits import Rows

__all__ = ["Hooks", "Trainer"]

MEASURED = 10_000
"""Training loss and accuracy of an epoch are measured on at most this many rows, always the same."""


@attrs.frozen
class Hooks:
    """Calls a hook of every callback, in order."""

    callbacks: tuple[Callback, ...]

    def tell(self, hook: Callable[[Callback], None]) -> None:
        """Call it."""
        for callback in self.callbacks:
            hook(callback)

    def tell_all(self, hook: Callable[[Callback], None]) -> None:
        """The same, also when one of them raises, so that all can close their files; the first error is raised."""
        with ExitStack() as later:
            for callback in reversed(self.callbacks):
                later.callback(hook, callback)


@attrs.frozen(eq=False)
class Taken:
    """A batch as it went through the model: what is minimised, its two parts, and the outputs."""

    total: Tensor
    data: Tensor
    term: Tensor | None
    outputs: Tensor

    @property
    def loss(self) -> float:
        """What is minimised."""
        return self.total.item()


@attrs.define(eq=False)
class Trainer:
    """A run, its callbacks, and what is added to the loss.

    Attributes:
        patience: epochs without a better one after which the run stops; None for never.
        eager: leave programs alone. failed: whether an error ended the run. program: the defined step, if there is one.
        ranks: this process among those that train together; by default there is no other.
    """

    run: Run
    hooks: Hooks
    regularization: Regularization | None
    patience: int | None = None
    eager: bool = False
    failed: bool = False
    program: StepProgram | None = None
    ranks: Ranks = attrs.field(kw_only=True)

    def run_all(self, optimizer: str, checks: bool, restore_best: bool) -> None:
        """Check, train, and end in an orderly way whatever happens."""
        history = self.run.history
        try:
            # What overflows is caught as a loss or gradient that is not finite, with its place: no warnings besides.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self.hooks.tell(lambda c: c.on_start(self.run))
                if checks and not self.resumed and self.ranks.lead:
                    self.check(optimizer)
                self.train()
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            raise Interrupted(history) from None
        except Exception as error:
            history.stopped, self.failed = f"{type(error).__name__}: {error}", True
            if isinstance(error, TrainError):
                error.history = history
            raise
        finally:
            if restore_best and history.best_weights and not self.failed:
                self.run.model.load_state_dict(history.best_weights)
            self.run.model.eval()
            self.ranks.leave()  # what follows is rank 0's own work, and may take its time
            if self.ranks.size == 1 or not self.failed:  # others may wait for this process: no pictures, it ends
                self.hooks.tell_all(lambda c: c.on_end(self.run))

    def check(self, optimizer: str) -> None:
        """The sanity checks, each told as soon as it is done."""
        run = self.run
        for result in sanity_checks(
            run.model, run.split, run.loss, regularization=self.regularization, optimizer=optimizer, seed=run.seed
        ):
            self.checked(result)

    def checked(self, result: Check) -> None:
        """Take note of a finished check."""
        self.run.history.checks.append(result)
        self.hooks.tell(lambda c: c.on_check(self.run, result))

    def train(self) -> None:
        """Epochs of batches, from wherever the history ends."""
        run = self.run
        loader = run.split.batches(run.batch_size, run.seed)
        step = self.way_to_step()
        history = run.history
        if not self.resumed:
            run.began = time.perf_counter()
            history.initial = self.measure(0)
        self.hooks.tell(lambda c: c.on_train(run))
        self.consider_stopping()
        run.stop_reason = self.ranks.settled(run.stop_reason)
        while len(history) < run.epochs and not run.stop_reason:
            epoch, start = len(history) + 1, len(history.batch_losses) - len(history) * history.steps_per_epoch
            run.model.train()
            run.monitor.resume_clock()
            for batch, (x, y) in enumerate(loader.epoch(epoch - 1, start), start + 1):
                x, y = self.ranks.share(x, y)
                run.monitor.lap("data")
                taken = step(from_array(x), y, epoch, batch)
                run.monitor.lap("update")
                run.monitor(
                    self.ranks.loss,
                    data_loss=taken.data,
                    regularization=taken.term,
                    outputs=taken.outputs,
                    targets=y,
                )
                self.stepped(Step(epoch, batch, history.steps_per_epoch, self.ranks.loss))
                run.monitor.resume_clock()
            self.complete(self.measure(epoch))
        run.monitor.look_at_layers()
        history.stopped = run.stop_reason

    @property
    def resumed(self) -> bool:
        """Whether this run continues another: the untrained model has been measured already."""
        return self.run.history.initial is not None

    def stepped(self, step: Step) -> None:
        """Take note of an update."""
        self.run.history.batch_losses.append(step.loss)
        self.hooks.tell(lambda c: c.on_step(self.run, step))

    def complete(self, epoch: Epoch) -> None:
        """Take note of a finished epoch."""
        history = self.run.history
        history.epochs.append(epoch)
        if history.best is None or epoch.rank > history.best.rank:
            history.best, history.best_weights = epoch, self.run.model.state_dict()
        figures = attrs.asdict(epoch, filter=lambda field, _: "_" in field.name)
        self.run.monitor.epoch(**figures)
        self.consider_stopping()
        self.hooks.tell(lambda c: c.on_epoch(self.run, epoch))
        self.run.stop_reason = self.ranks.settled(self.run.stop_reason)

    def consider_stopping(self) -> None:
        """Stop a run that has not become better for `patience` epochs."""
        history = self.run.history
        if self.patience is not None and history.best and len(history) - history.best.epoch >= self.patience:
            self.run.stop(
                f"no better {history.criterion} for {len(history) - history.best.epoch} epochs, after epoch "
                f"{history.best.epoch}"
            )

    def way_to_step(self) -> Callable[[Tensor, Array, int, int], Taken]:
        """How batches become updates: by a program, or eagerly where that is asked for or a closure is needed."""
        run = self.run
        if run.optimizer.needs != Need.GRAD:
            if not self.eager:
                self.note(f"steps run eagerly: {run.optimizer.name} evaluates the loss as it likes")
            return self.by_closure
        if self.eager:
            return self.by_gradient
        self.program = defined_step(run, self.regularization, self.ranks.note)
        return self.by_program

    def note(self, text: str) -> None:
        """Tell something that people should know."""
        self.hooks.tell(lambda c: c.on_note(self.run, text))

    def by_program(self, x: Tensor, y: Array, epoch: int, batch: int) -> Taken:
        """One update by the defined step; where it cannot be recorded, this and all later ones run eagerly."""
        program = self.program
        if program is None:
            return self.by_gradient(x, y, epoch, batch)
        try:
            with self.explained(x, y, epoch, batch):
                return Taken(*program(x, y))
        except LossNotFinite:
            self.fail(self.forward(x, y).total, x, y, epoch, batch)
        except TrainError:
            raise
        except Exception as error:
            # Recording changes nothing, so the batch can be done again; a mistake in the step itself comes up again.
            if not isinstance(error, TraceError) and program.traces:
                raise
            self.program = None
            found = self.by_gradient(x, y, epoch, batch)
            self.note(f"steps run eagerly, since no program could be made: {' '.join(str(error).split())}")
            return found

    def by_gradient(self, x: Tensor, y: Array, epoch: int, batch: int) -> Taken:
        """One update from the gradient of a batch."""
        opt = self.run.optimizer
        opt.zero_grad()
        found = self.forward(x, y)
        if not math.isfinite(found.loss):
            self.fail(found.total, x, y, epoch, batch)
        found.total.backward()
        self.ranks.note(found.loss)
        self.run.monitor.lap("gradient")
        with self.explained(x, y, epoch, batch):
            opt.step()
        return found

    @contextmanager
    def explained(self, x: Tensor, y: Array, epoch: int, batch: int) -> Iterator[None]:
        """Errors of an update in the block say where in the run, and which op was the first to give NaN or infinity."""
        try:
            yield
        except NonFiniteGradient as error:
            raise self.overflow(error, epoch, batch, self.replayed(x, y)) from error
        except NonFiniteParameters as error:
            step = self.run.monitor.put_back()
            raise NonFiniteError(
                f"{self.place(epoch, batch)}: {error}. The weights have been put back to those after step {step}. "
                f"{CAUSES}"
            ) from error

    def by_closure(self, x: Tensor, y: Array, epoch: int, batch: int) -> Taken:
        """One update by a rule that evaluates the loss itself; figures are those at its start."""
        first: list[Taken] = []

        def closure() -> Tensor:
            found = self.forward(x, y)
            if not first:
                if not math.isfinite(found.loss):
                    self.fail(found.total, x, y, epoch, batch)
                first.append(found)
                self.ranks.note(found.loss)
            return found.total

        try:
            self.run.optimizer.step(closure)
        except NonFiniteGradient as error:
            raise self.overflow(error, epoch, batch, ". ") from error
        return first[0]

    def forward(self, x: Tensor, y: Array) -> Taken:
        """Data loss and regularisation of a batch."""
        outputs = self.run.model(x)
        data = self.run.loss(outputs, y)
        term = None if self.regularization is None else self.regularization(self.run.model)
        return Taken(data if term is None else data + term, data, term, outputs)

    def fail(self, total: Tensor, x: Tensor, y: Array, epoch: int, batch: int) -> NoReturn:
        """End the run with where a loss that is not finite came from."""
        raise NonFiniteLoss(
            f"the loss is {total.item()} {self.place(epoch, batch)}; first not finite: "
            f"{origin(total, self.run.model)}{self.replayed(x, y)}{REMEDY}"
        )

    def replayed(self, x: Tensor, y: Array) -> str:
        """What the debugger finds when the batch is done again."""
        return replayed(lambda: self.forward(x, y).total)

    def overflow(self, error: NonFiniteGradient, epoch: int, batch: int, found: str) -> NonFiniteError:
        """The error for an update that was not possible."""
        return NonFiniteError(f"no update was possible {self.place(epoch, batch)}: {error}{found}{REMEDY}")

    def place(self, epoch: int, batch: int) -> str:
        """Where in the run, in words."""
        return f"in epoch {epoch}, batch {batch} of {self.run.history.steps_per_epoch}"

    def measure(self, number: int) -> Epoch:
        """Figures of the model as it stands."""
        run = self.run
        train = evaluate(run.model, _measured(run.split.train, run.seed), run.loss, ranks=self.ranks)
        val = None if run.split.val is None else evaluate(run.model, run.split.val, run.loss, ranks=self.ranks)
        return Epoch(
            number,
            train.loss,
            None if val is None else val.loss,
            train.accuracy,
            None if val is None else val.accuracy,
            time.perf_counter() - run.began if number else 0.0,
        )


def _measured(rows: Rows, seed: int) -> Rows:
    if len(rows) <= MEASURED:
        return rows
    return rows.take(np.sort(np.random.default_rng([seed, 2]).choice(len(rows), MEASURED, replace=False)))
