"""Negative log-likelihoods of counts and of normal numbers. Registered on first use."""

from __future__ import annotations

from math import log as log_of
from math import pi

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.ops.elementwise.arithmetic import masked_multiply, where
from minigrad.ops.elementwise.piecewise_constant import greater
from minigrad.ops.elementwise.piecewise_linear import maximum
from minigrad.ops.elementwise.transcendental import exp, log
from minigrad.ops.network.loss_checks import apply_reduction, require_between, require_pairs
from minigrad.typing import V

__all__ = ["gaussian_nll_loss", "poisson_nll_loss"]


def poisson_nll_loss(x: V, target: V, log_input: bool = True, eps: float = 1e-8, reduction: str = "mean",
                     full: bool = False) -> V:  # fmt: skip
    """Compute the negative log-likelihood of Poisson counts, up to the logarithm of target!.

    With `full` that is added by Stirling's formula where the target is above 1, as in PyTorch.
    """
    require_pairs("poisson_nll_loss", x, target)
    loss: V = exp(x) - masked_multiply(x, target) if log_input else x - target * log(x + eps)
    return apply_reduction(loss + _stirling(target) if full else loss, reduction)


def _stirling(counts: V) -> V:
    """About log(counts!), 0 for counts of 1 and below."""
    above = greater(counts, 1.0)
    n: V = where(above, counts, 1.0)
    return where(above, n * log(n) - n + 0.5 * log(2.0 * pi * n), 0.0)


def gaussian_nll_loss(x: V, target: V, variance: V, eps: float = 1e-6, reduction: str = "mean",
                      full: bool = False) -> V:  # fmt: skip
    """Compute half of log(v) + (x - target) ** 2 / v, for v the variance, at least `eps`.

    With `full` the constant log(2 pi) is in the sum.
    """
    require_pairs("gaussian_nll_loss", x, target)
    if np.broadcast_shapes(np.shape(x), np.shape(variance)) != np.shape(x):
        raise ShapeError(f"gaussian_nll_loss: a variance of {np.shape(variance)} does not fit {np.shape(x)}")
    require_between("gaussian_nll_loss", "variance", variance, 0.0, np.inf)
    v: V = maximum(variance, eps)
    twice: V = log(v) + (x - target) * ((x - target) / v)
    return apply_reduction((twice + log_of(2.0 * pi) if full else twice) * 0.5, reduction)
