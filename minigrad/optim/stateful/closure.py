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
from minigrad.optim.stateful.buckets import Cell
from minigrad.optim.stateful.hessian import Graph, jacobian
from minigrad.runtime.parameters import has_grad

__all__ = ["Bench", "Closure"]

Closure = Callable[[], Tensor]


class Bench:
    """Runs a closure at points of the user's choosing, and puts the parameters back.

    Args:
        cells: all parameters. A rule moves one cell; the others stay where they are.
        closure: computes the loss from the parameters, as a Tensor, and does not call backward.
        missing: what a parameter without gradient means, see `Cell.settle`.
        residuals: whether the closure returns the residuals r, shape `(m,)`, of a loss r.r / 2.
    """

    def __init__(self, cells: Sequence[Cell], closure: Closure, missing: str, residuals: bool = False) -> None:
        self.cells = cells
        self.closure = closure
        self.missing = missing
        self.residuals = residuals
        self.home = [cell.w.copy() for cell in cells]
        self.loss: float | None = None
        self._at: tuple[Cell, Array] | None = None
        self._tensor: Tensor | None = None
        self._residual: Tensor | None = None
        self._delivered = False

    def objective(self, cell: Cell, needs: Need) -> Objective:
        """The loss as a function of one cell's parameters, seen from home, offering no more than `needs`."""
        return self._seen_from(cell, self.home[self.cells.index(cell)], needs, home=True)

    def restore(self) -> None:
        """Bring all parameters back home."""
        if self._at is not None:
            for cell, w in zip(self.cells, self.home, strict=True):
                if not np.array_equal(cell.w, w, equal_nan=True):
                    cell.w[...] = w
                    cell.renew()
            self._at = self._tensor = None

    def run(self) -> float:
        """Evaluate loss and gradients at home, for rules that need no more than that."""
        cell = self.cells[0]
        loss = self._loss(cell, self.home[0])
        self._gradient(cell, self.home[0])
        return float(loss.item())

    def _seen_from(self, cell: Cell, w: Array, needs: Need, home: bool = False) -> Objective:
        def grad() -> Array:
            self._gradient(cell, w)
            if home and not is_finite(cell.g):
                raise NonFiniteGradient(f"the gradient is not finite at {cell.culprits()}")
            return cell.g.copy()

        targets = [p.tensor for p in cell.parameters]

        def graph() -> Graph:
            return Graph(self._loss(cell, w), targets)

        def residual() -> Tensor:
            self._loss(cell, w)
            return self._residual if self._residual is not None else _no_residual()

        return Objective(
            grad,
            value=(lambda: float(self._loss(cell, w).item())) if Need.VALUE in needs else None,
            at=(lambda there: self._seen_from(cell, there.copy(), needs)) if Need.REEVAL in needs else None,
            hvp=(lambda v: graph().hvp(v)) if Need.HVP in needs else None,
            hessian=(lambda: graph().hessian()) if Need.HESSIAN in needs else None,
            residual=(lambda: residual().detach().numpy().copy()) if Need.RESIDUAL in needs else None,
            jacobian=(lambda: jacobian(residual(), targets)) if Need.RESIDUAL in needs else None,
        )

    def _loss(self, cell: Cell, w: Array) -> Tensor:
        """The loss with `cell` at `w`, evaluated anew unless it was the last point visited."""
        if self._tensor is not None and self._at is not None and self._at[0] is cell and self._at[1] is w:
            return self._tensor
        self.restore()
        self._at = (cell, w)
        if not np.array_equal(cell.w, w, equal_nan=True):
            cell.w[...] = w
            cell.renew()
        for each in self.cells:
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
        if any(has_grad(p.tensor) for cell in self.cells for p in cell.parameters):
            raise NeedError("the closure must return the loss and leave backward() to the optimizer")
        return loss

    def _gradient(self, cell: Cell, w: Array) -> None:
        loss = self._loss(cell, w)
        if not self._delivered:
            loss.backward()
            self._delivered = True
            for each in self.cells:
                each.settle(self.missing)


def _kind(value: object) -> str:
    return f"a Tensor of shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__


def _no_residual() -> NoReturn:
    raise NeedError("this closure returns a loss, and the rule needs the residuals of a least-squares loss")
