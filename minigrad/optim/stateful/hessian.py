"""Second derivatives for rules that need them.

`HessianOfLoss` differentiates a recorded loss twice, exactly. The differences serve functions given only by their
gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.core import Tensor, gradients
from minigrad.core.types import Array

__all__ = ["HessianOfLoss", "hessian_by_differences", "hvp_by_differences", "jacobian"]


def _joined(rows: Sequence[object], targets: Sequence[Tensor], dtype: np.dtype[np.floating]) -> Array:
    """One flat vector from the gradients of several targets, zeros where there is none."""
    return np.concatenate(
        [
            np.zeros(t.size, dtype) if row is None else np.asarray(row).reshape(-1)
            for t, row in zip(targets, rows, strict=True)
        ],
        dtype=dtype,
    )


class HessianOfLoss:
    """Exact Hessian products of a scalar `loss` by `targets`.

    The targets are flattened and joined in order, of one `dtype`.
    """

    def __init__(self, loss: Tensor, targets: Sequence[Tensor], dtype: np.dtype[np.floating]) -> None:
        self.targets = tuple(targets)
        self.dtype = dtype
        one = np.ones(loss.shape, loss.dtype)
        self.grads = gradients([loss], [one], self.targets, create_graph=True)

    def hvp(self, v: Array) -> Array:
        """Hessian times `v`, shape `(n,)`: the gradient of <grad, v>. Pearlmutter 1994."""
        outputs, seeds = [], []
        start = 0
        for target, g in zip(self.targets, self.grads, strict=True):
            part = v[start : start + target.size].reshape(target.shape).astype(target.dtype, copy=False)
            start += target.size
            if isinstance(g, Tensor) and g.requires_grad:
                outputs.append(g)
                seeds.append(part)
        rows = gradients(outputs, seeds, self.targets, create_graph=False) if outputs else [None] * len(self.targets)
        return _joined(rows, self.targets, self.dtype)

    def hessian(self) -> Array:
        """The whole matrix, shape `(n, n)`, one product for each row."""
        n = sum(t.size for t in self.targets)
        rows = np.array([self.hvp(unit) for unit in np.eye(n, dtype=self.dtype)])
        symmetric: Array = 0.5 * (rows + rows.T)
        return symmetric


def jacobian(outputs: Tensor, targets: Sequence[Tensor], dtype: np.dtype[np.floating]) -> Array:
    """Derivatives of `outputs`, shape `(m,)`, by `targets`, flattened and joined.

    Shape `(m, n)`, m backward passes.
    """
    rows = []
    for unit in np.eye(outputs.size, dtype=outputs.dtype):
        row = gradients([outputs], [unit], targets, create_graph=False)
        rows.append(_joined(row, targets, dtype))
    return np.array(rows, dtype).reshape(outputs.size, sum(t.size for t in targets))


def hvp_by_differences(grad: Callable[[Array], Array], w: Array, v: Array) -> Array:
    """Hessian times `v` from central differences of `grad`, Richardson-extrapolated.

    Error O(h^4).
    """
    size = float(np.abs(v).max())
    if size == 0.0:
        return np.zeros_like(w)
    eps = float(np.finfo(w.dtype).eps)
    h = eps**0.2 * max(1.0, float(np.abs(w).max())) / size

    def central(step: float) -> Array:
        slope: Array = (grad(w + step * v) - grad(w - step * v)) / (2.0 * step)
        return slope

    extrapolated: Array = (4.0 * central(0.5 * h) - central(h)) / 3.0
    return extrapolated


def hessian_by_differences(grad: Callable[[Array], Array], w: Array) -> Array:
    """The whole Hessian, shape `(n, n)`, symmetrised, by `4 n` gradients."""
    rows = np.array([hvp_by_differences(grad, w, unit) for unit in np.eye(w.size, dtype=w.dtype)])
    symmetric: Array = 0.5 * (rows + rows.T)
    return symmetric
