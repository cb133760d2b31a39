"""The training step as a program of `minigrad.define`.

It is recorded at the first batch, and repeated as a plan from then on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.nn.regularization import Regularization
from minigrad.program import Program, define
from minigrad.runtime.effects import runtime_check
from minigrad.train.callbacks import Run
from minigrad.train.weighting import WeightedLoss

__all__ = ["NonFiniteSignal", "StepOutputs", "StepProgram", "define_step"]

StepOutputs: TypeAlias = tuple[Tensor, Tensor, Tensor | None, Tensor]
"""What is minimised, the data loss, the regularisation, and the outputs of the model."""
StepProgram: TypeAlias = Program[..., StepOutputs]


class NonFiniteSignal(ArithmeticError):
    """The loss of a batch is not finite, and nothing has been changed.

    Never leaves the trainer.
    """


def define_step(
    run: Run,
    term: Regularization | None,
    note_loss: Callable[[float], None],
    weigh: WeightedLoss | None = None,
) -> StepProgram:
    """One update from the gradient of a batch, as a program.

    Args:
        run: whose model, loss and optimizer make the step.
        term: regularisation, added to the data loss.
        note_loss: told the loss before the update, each time the program runs.
        weigh: the data loss where rows have weights.

    Returns:
        A program of inputs, targets and `Batch.extras`, which raises NonFiniteSignal where the loss is not finite.
    """
    model, loss, optimizer = run.model, run.loss, run.optimizer

    def check_loss(total: Array) -> None:
        value = total.item()
        if not math.isfinite(value):
            raise NonFiniteSignal
        note_loss(value)

    def training_step(x: Tensor, y: Array, *extras: Tensor) -> StepOutputs:
        optimizer.zero_grad()
        outputs = model(x)
        data = loss(outputs, y) if weigh is None else weigh(outputs, y, extras[0])
        extra = None if term is None else term(model)
        total = data if extra is None else data + extra
        runtime_check(total, check_loss)
        share = extras[weigh is not None :]
        (total * share[0] if share else total).backward()
        optimizer.step()
        return total, data, extra, outputs

    return define(training_step)
