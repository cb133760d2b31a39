"""A user's closure as Objectives: lazily, at the present parameters or anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import NoReturn, TypeAlias

import numpy as np

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.optim.errors import NeedError, NonFiniteGradient
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Need
from minigrad.optim.runner import is_finite
from minigrad.optim.stateful.blocks import ParamBlock
from minigrad.optim.stateful.hessian import HessianOfLoss, jacobian
from minigrad.runtime.parameters import has_grad
from minigrad.runtime.repetition import Repetition

__all__ = ["Closure", "ClosureEvaluator", "Closures"]

Closure: TypeAlias = Callable[[], Tensor]
Closures: TypeAlias = Closure | Sequence[Closure]
"""One closure, or one for each micro-batch: the loss is then the mean of theirs."""
GradientHook: TypeAlias = Callable[[list[Array]], list[Array]]
"""Maps the gradients of all buckets to others, and writes into none of them."""


class ClosureEvaluator:
    """Runs closures at points of a rule's choosing, and puts the parameters back.

    Args:
        blocks: all parameters. A rule moves one block; the others stay where they are.
        closures: compute the loss from the parameters, as a Tensor, and do not call backward.
        missing: what a parameter without gradient means, see `ParamBucket.fill_missing_grads`.
        residuals: whether the closure returns the residuals r, shape `(m,)`, of a loss r.r / 2.
        hook: applied to each gradient, such as clipping.

    Attributes:
        loss: at the first point visited.
    """

    def __init__(
        self,
        blocks: Sequence[ParamBlock],
        closures: Closures,
        missing: str,
        residuals: bool = False,
        hook: GradientHook | None = None,
    ) -> None:
        self.blocks = tuple(blocks)
        self.buckets = tuple(bucket for block in blocks for bucket in block.buckets)
        self.closures = tuple(closures) if isinstance(closures, list | tuple) else (closures,)
        self.missing = missing
        self.residuals = residuals
        self.loss: float | None = None
        self._hook = hook
        self._original = {id(bucket): bucket.params.copy() for bucket in self.buckets}
        self._start = dict(self._original)
        self._at: tuple[ParamBlock, Array] | None = None
        self._tensor: Tensor | None = None
        self._residual: Tensor | None = None
        self._delivered = False
        self._repetition = Repetition()
        if not self.closures or not all(map(callable, self.closures)):
            raise NeedError(f"step() takes a closure or a list of closures, one for each micro-batch, got {closures!r}")
        if residuals and len(self.closures) > 1:
            raise NeedError("a rule that needs residuals takes one closure, which returns those of all examples")

    def start(self, block: ParamBlock) -> Array:
        """The point that a block starts from, as a new vector."""
        return block.join([self._start[id(bucket)] for bucket in block.buckets])

    def objective(self, block: ParamBlock, needs: Need) -> Objective:
        """The loss as a function of one block, seen from its start, offering no more than `needs`."""
        return self._objective_at(block, self.start(block), needs, start=True)

    def accept(self, block: ParamBlock, w: Array) -> None:
        """Let the block start from `w` from now on.

        So the next block's rule sees this one's move.
        """
        for bucket, part in block.split(w):
            self._start[id(bucket)] = part.astype(bucket.params.dtype)
        self.restore()

    def undo(self) -> None:
        """Bring all parameters back to where the first rule found them."""
        self._start = dict(self._original)
        self.restore()

    def restore(self) -> None:
        """Bring all parameters to their starting points."""
        for bucket in self.buckets:
            start = self._start[id(bucket)]
            if not np.array_equal(bucket.params, start, equal_nan=True):
                bucket.params[...] = start
                bucket.renew()
        self._at = self._tensor = None

    def run(self) -> float:
        """Evaluate loss and gradients at the start, for rules that need no more than that."""
        block = self.blocks[0]
        start = self.start(block)
        loss = self._loss(block, start)
        self._gradient(block, start)
        return float(loss.item())

    def _objective_at(self, block: ParamBlock, w: Array, needs: Need, start: bool = False) -> Objective:
        def grad() -> Array:
            self._gradient(block, w)
            if start:
                for bucket in block.buckets:
                    if not is_finite(bucket.grads):
                        raise NonFiniteGradient(f"the gradient is not finite at {bucket.describe_nonfinite()}")
            if self._hook is None:
                return block.grads()
            hooked = dict(zip(map(id, self.buckets), self._hook([b.grads for b in self.buckets]), strict=True))
            return block.join([hooked[id(bucket)] for bucket in block.buckets])

        def graph() -> HessianOfLoss:
            return HessianOfLoss(self._loss(block, w), block.tensors, w.dtype)

        def residual() -> Tensor:
            self._loss(block, w)
            return self._residual if self._residual is not None else _no_residual()

        return Objective(
            grad,
            value=(lambda: float(self._loss(block, w).item())) if Need.VALUE in needs else None,
            at=(lambda there: self._objective_at(block, there.copy(), needs)) if Need.REEVAL in needs else None,
            hvp=(lambda v: graph().hvp(v)) if Need.HVP in needs else None,
            hessian=(lambda: graph().hessian()) if Need.HESSIAN in needs else None,
            residual=(lambda: residual().detach().numpy().astype(w.dtype)) if Need.RESIDUAL in needs else None,
            jacobian=(lambda: jacobian(residual(), block.tensors, w.dtype)) if Need.RESIDUAL in needs else None,
        )

    def _loss(self, block: ParamBlock, w: Array) -> Tensor:
        """The loss with `block` at `w`, evaluated anew unless it was the last point visited."""
        if self._tensor is not None and self._at is not None and self._at[0] is block and self._at[1] is w:
            return self._tensor
        self.restore()
        self._at = (block, w)
        for bucket, part in block.split(w):
            if not np.array_equal(bucket.params, part, equal_nan=True):
                bucket.params[...] = part
                bucket.renew()
        for bucket in self.buckets:
            bucket.zero_grad()
        self._delivered = False
        # One step moves running statistics and generators once, however often it evaluates the loss.
        with self._repetition.first() if self.loss is None else self._repetition.again():
            losses = [self._call(closure) for closure in self.closures]
        self._tensor = losses[0] if len(losses) == 1 else reduce(lambda a, b: a + b, losses) * (1.0 / len(losses))
        if self.loss is None:
            self.loss = float(self._tensor.item())
        return self._tensor

    def _call(self, closure: Closure) -> Tensor:
        loss = closure()
        if self.residuals:
            if not isinstance(loss, Tensor) or loss.ndim != 1:
                raise NeedError(f"the closure must return the residuals as a Tensor of shape (m,), got {_kind(loss)}")
            self._residual = loss
            loss = (loss * loss).sum() * 0.5
        if not isinstance(loss, Tensor) or loss.size != 1:
            raise NeedError(f"the closure must return the loss as a Tensor with one element, got {_kind(loss)}")
        if any(has_grad(p.tensor) for bucket in self.buckets for p in bucket.parameters):
            raise NeedError("the closure must return the loss and leave backward() to the optimizer")
        return loss

    def _gradient(self, block: ParamBlock, w: Array) -> None:
        loss = self._loss(block, w)
        if not self._delivered:
            loss.backward()
            self._delivered = True
            for bucket in self.buckets:
                bucket.fill_missing_grads(self.missing)


def _kind(value: object) -> str:
    return f"a Tensor of shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__


def _no_residual() -> NoReturn:
    raise NeedError("this closure returns a loss, and the rule needs the residuals of a least-squares loss")
