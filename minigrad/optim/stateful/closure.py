"""A user's closure as Objectives: lazily, at the present parameters or anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.optim.errors import NeedError, NonFiniteGradient
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Need
from minigrad.optim.runner import is_finite
from minigrad.optim.stateful.buckets import ParamBucket
from minigrad.optim.stateful.hessian import Graph, jacobian
from minigrad.runtime.parameters import has_grad

__all__ = ["Closure", "ClosureEvaluator"]

Closure = Callable[[], Tensor]


class ClosureEvaluator:
    """Runs a closure at points of the user's choosing, and puts the parameters back.

    Args:
        buckets: all parameters. A rule moves one bucket; the others stay where they are.
        closure: computes the loss from the parameters, as a Tensor, and does not call backward.
        missing: what a parameter without gradient means, see `ParamBucket.settle`.
        residuals: whether the closure returns the residuals r, shape `(m,)`, of a loss r.r / 2.
    """

    def __init__(self, buckets: Sequence[ParamBucket], closure: Closure, missing: str, residuals: bool = False) -> None:
        self.buckets = buckets
        self.closure = closure
        self.missing = missing
        self.residuals = residuals
        self.start = [bucket.params.copy() for bucket in buckets]
        self.loss: float | None = None
        self._at: tuple[ParamBucket, Array] | None = None
        self._tensor: Tensor | None = None
        self._residual: Tensor | None = None
        self._delivered = False

    def objective(self, bucket: ParamBucket, needs: Need) -> Objective:
        """The loss as a function of one bucket's parameters, offering no more than `needs`."""
        return self._objective_at(bucket, self.start[self.buckets.index(bucket)], needs, start=True)

    def restore(self) -> None:
        """Bring all parameters back home."""
        if self._at is not None:
            for bucket, w in zip(self.buckets, self.start, strict=True):
                if not np.array_equal(bucket.params, w, equal_nan=True):
                    bucket.params[...] = w
                    bucket.renew()
            self._at = self._tensor = None

    def run(self) -> float:
        """Evaluate loss and gradients at home, for rules that need no more than that."""
        bucket = self.buckets[0]
        loss = self._loss(bucket, self.start[0])
        self._gradient(bucket, self.start[0])
        return float(loss.item())

    def _objective_at(self, bucket: ParamBucket, w: Array, needs: Need, start: bool = False) -> Objective:
        def grad() -> Array:
            self._gradient(bucket, w)
            if start and not is_finite(bucket.grads):
                raise NonFiniteGradient(f"the gradient is not finite at {bucket.describe_nonfinite()}")
            return bucket.grads.copy()

        targets = [p.tensor for p in bucket.parameters]

        def graph() -> Graph:
            return Graph(self._loss(bucket, w), targets)

        def residual() -> Tensor:
            self._loss(bucket, w)
            return self._residual if self._residual is not None else _no_residual()

        return Objective(
            grad,
            value=(lambda: float(self._loss(bucket, w).item())) if Need.VALUE in needs else None,
            at=(lambda there: self._objective_at(bucket, there.copy(), needs)) if Need.REEVAL in needs else None,
            hvp=(lambda v: graph().hvp(v)) if Need.HVP in needs else None,
            hessian=(lambda: graph().hessian()) if Need.HESSIAN in needs else None,
            residual=(lambda: residual().detach().numpy().copy()) if Need.RESIDUAL in needs else None,
            jacobian=(lambda: jacobian(residual(), targets)) if Need.RESIDUAL in needs else None,
        )

    def _loss(self, bucket: ParamBucket, w: Array) -> Tensor:
        """The loss with `bucket` at `w`, evaluated anew unless it was the last point visited."""
        if self._tensor is not None and self._at is not None and self._at[0] is bucket and self._at[1] is w:
            return self._tensor
        self.restore()
        self._at = (bucket, w)
        if not np.array_equal(bucket.params, w, equal_nan=True):
            bucket.params[...] = w
            bucket.renew()
        for each in self.buckets:
            each.zero_grad()
        self._delivered = False
        self._tensor = self._call()
        if self.loss is None:
            self.loss = float(self._tensor.item())
        return self._tensor

    def _call(self) -> Tensor:
        loss = self.closure()
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

    def _gradient(self, bucket: ParamBucket, w: Array) -> None:
        loss = self._loss(bucket, w)
        if not self._delivered:
            loss.backward()
            self._delivered = True
            for each in self.buckets:
                each.fill_missing_grads(self.missing)


def _kind(value: object) -> str:
    return f"a Tensor of shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__


def _no_residual() -> NoReturn:
    raise NeedError("this closure returns a loss, and the rule needs the residuals of a least-squares loss")
