"""The training step as a program of `minigrad.define`: recorded at the first batch, repeated as a plan from then on."""

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

__all__ = ["Figures", "LossNotFinite", "StepProgram", "defined_step"]

Figures: TypeAlias = tuple[Tensor, Tensor, Tensor | None, Tensor]
"""What is minimised, the data loss, the regularisation, and the outputs of the model."""
StepProgram: TypeAlias = Program[[Tensor, Array], Figures]


class LossNotFinite(ArithmeticError):
    """The loss of a batch is not finite, and nothing has been changed. Never leaves the trainer."""


def defined_step(run: Run, term: Regularization | None, note: Callable[[float], None]) -> StepProgram:
    """One update from the gradient of a batch, as a program; `note` is told the loss before the update.

    Raises LossNotFinite when it is called.
    """
    model, loss, opt = run.model, run.loss, run.optimizer

    def look(total: Array) -> None:
        value = total.item()
        if not math.isfinite(value):
            raise LossNotFinite
        note(value)

    def training_step(x: Tensor, y: Array) -> Figures:
        opt.zero_grad()
        outputs = model(x)
        data = loss(outputs, y)
        extra = None if term is None else term(model)
        total = data if extra is None else data + extra
        runtime_check(total, look)
        total.backward()
        opt.step()
        return total, data, extra, outputs

    return define(training_step)
