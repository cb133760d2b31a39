"""One update from a batch: compiled, op by op, or by a closure.

Errors say where in the run, and which op began it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import attrs

from minigrad.core import Tensor
from minigrad.nn.regularization import Regularization
from minigrad.optim import Need, NonFiniteGradient, NonFiniteParameters
from minigrad.program import TraceError
from minigrad.runtime.repetition import Repetition, unmoved
from minigrad.train.batch import Batch, BatchResult
from minigrad.train.callbacks import Run
from minigrad.train.compiled_step import NonFiniteSignal, StepProgram, define_step
from minigrad.train.errors import NonFiniteError, NonFiniteLoss, TrainError
from minigrad.train.monitor.nonfinite import CAUSES, REMEDY, first_nonfinite, rerun_debugged
from minigrad.train.process_group import ProcessGroup
from minigrad.train.weighting import WeightedLoss

__all__ = ["TrainStep"]


def _all_or_nothing(step: Callable[[Batch], BatchResult]) -> Callable[[Batch], BatchResult]:
    """A step that moves no running statistics and no generator if it comes to nothing."""

    def run(batch: Batch) -> BatchResult:
        repetition = Repetition()
        try:
            with repetition.first():
                return step(batch)
        except NonFiniteError:
            repetition.put_back()
            raise

    return run


@attrs.define(eq=False)
class TrainStep:
    """How the batches of a run become updates.

    Attributes:
        run: whose model is trained.
        regularization: added to the data loss.
        group: told the loss of each batch before the update.
        note: tells people something they should know.
        weigh: the data loss where rows have weights.
        program: the compiled step, None where steps run eagerly.
    """

    run: Run
    regularization: Regularization | None
    group: ProcessGroup
    note: Callable[[str], None]
    weigh: WeightedLoss | None = None
    program: StepProgram | None = None

    def select(self, eager: bool) -> Callable[[Batch], BatchResult]:
        """Choose the step to run: compiled, eager, or with a closure.

        The compiled one, unless another is asked for (`eager`) or the optimizer needs a closure.
        """
        run = self.run
        if run.optimizer.needs != Need.GRAD:
            if not eager:
                self.note(f"steps run eagerly: {run.optimizer.name} evaluates the loss as it likes")
            return _all_or_nothing(self.closure_step)
        if eager:
            return _all_or_nothing(self.eager_step)
        self.program = define_step(run, self.regularization, self.group.note_loss, self.weigh)
        return _all_or_nothing(self.compiled_step)

    def compiled_step(self, batch: Batch) -> BatchResult:
        """Make one update by the program.

        Where none can be recorded, this and all later ones run eagerly.
        """
        program = self.program
        if program is None:
            return self.eager_step(batch)
        try:
            with self._explained(batch):
                return BatchResult(*program(batch.x, batch.y, *batch.extras))
        except NonFiniteSignal:
            self._fail(self._forward(batch).total, batch)
        except TrainError:
            raise
        except Exception as error:
            # Recording changes nothing, so the batch can be done again; a mistake in the step itself comes up again.
            if not isinstance(error, TraceError) and program.traces:
                raise
            self.program = None
            result = self.eager_step(batch)
            self.note(f"steps run eagerly, since no program could be made: {' '.join(str(error).split())}")
            return result

    def eager_step(self, batch: Batch) -> BatchResult:
        """One update from the gradient of the batch, op by op."""
        optimizer = self.run.optimizer
        optimizer.zero_grad()
        result = self._forward(batch)
        if not math.isfinite(result.loss):
            self._fail(result.total, batch)
        (result.total if batch.share == 1.0 else result.total * batch.share).backward()
        self.group.note_loss(result.loss)
        self.run.monitor.lap("gradient")
        with self._explained(batch):
            optimizer.step()
        return result

    def closure_step(self, batch: Batch) -> BatchResult:
        """Make one update by a rule that evaluates the loss itself.

        The result is that at its starting point.
        """
        first: list[BatchResult] = []

        def closure() -> Tensor:
            result = self._forward(batch)
            if not first:
                if not math.isfinite(result.loss):
                    self._fail(result.total, batch)
                first.append(result)
                self.group.note_loss(result.loss)
            return result.total

        try:
            self.run.optimizer.step(closure)
        except NonFiniteGradient as error:
            raise self._no_update(error, batch, ". ") from error
        return first[0]

    def _forward(self, batch: Batch) -> BatchResult:
        outputs = self.run.model(batch.x)
        weight, weigh = batch.weight, self.weigh
        data = self.run.loss(outputs, batch.y) if weigh is None or weight is None else weigh(outputs, batch.y, weight)
        term = None if self.regularization is None else self.regularization(self.run.model)
        return BatchResult(data if term is None else data + term, data, term, outputs)

    # -- errors --------------------------------------------------------------------------------------------------------
    @contextmanager
    def _explained(self, batch: Batch) -> Iterator[None]:
        """Explain errors of an update in the block.

        They say where in the run, and which op was the first to give NaN or infinity.
        """
        try:
            yield
        except NonFiniteGradient as error:
            raise self._no_update(error, batch, self._rerun_debugged(batch)) from error
        except NonFiniteParameters as error:
            step = self.run.monitor.restore_last_weights()
            raise NonFiniteError(
                f"{self._place(batch)}: {error}. The weights have been put back to those after step {step}. {CAUSES}"
            ) from error

    def _fail(self, total: Tensor, batch: Batch) -> NoReturn:
        raise NonFiniteLoss(
            f"the loss is {total.item()} {self._place(batch)}; first not finite: "
            f"{first_nonfinite(total, self.run.model)}{self._rerun_debugged(batch)}{REMEDY}"
        )

    def _rerun_debugged(self, batch: Batch) -> str:
        with unmoved():
            return rerun_debugged(lambda: self._forward(batch).total)

    def _no_update(self, error: NonFiniteGradient, batch: Batch, debugged: str) -> NonFiniteError:
        return NonFiniteError(f"no update was possible {self._place(batch)}: {error}{debugged}{REMEDY}")

    def _place(self, batch: Batch) -> str:
        return f"in epoch {batch.epoch}, batch {batch.index} of {self.run.history.steps_per_epoch}"
