"""The losses of two-way decisions, from scores and from probabilities.

Registered on first use.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import masked_product, ratio, where
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.elementwise.transcendental import log, log1p, sigmoid, softplus
from minigrad.ops.family import OpFamily, Shifted
from minigrad.runtime.numpy_fast import silent
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import positive, real, unit

family = OpFamily(lazy=True)


@op(x=real(), target=unit(), weight=positive(), elementwise=True)
@silent
def logistic_loss(x: Array, target: Array, weight: Array) -> Array:
    """(1 - t) log(1 + e ** x) + w t log(1 + e ** -x), the logistic loss of score x.

    Each part is positive, so that nothing cancels; one with factor 0 is 0 even where x is infinite.
    """
    tail = np.log1p(np.exp(np.abs(x) * -1.0))
    below = masked_product(np.maximum(x, 0.0) + tail, 1.0 - target)
    return below + masked_product(np.maximum(-x, 0.0) + tail, weight * target)


@logistic_loss.vjp("x")
def _(g: V, y: V, x: V, target: V, weight: V) -> V:
    return g * ((1.0 - target) * sigmoid(x) - weight * target * sigmoid(-x))


@logistic_loss.vjp("target")
def _(g: V, y: V, x: V, target: V, weight: V) -> V:
    return g * ((weight - 1.0) * softplus(-x) - x)  # softplus(-x) - softplus(x) is -x


@logistic_loss.vjp("weight")
def _(g: V, y: V, x: V, target: V, weight: V) -> V:
    return g * target * softplus(-x)


@op(p=Shifted(unit(), 0.5, 0.5), target=unit(), elementwise=True)
@silent
def log_loss(p: Array, target: Array) -> Array:
    """-(t log p + (1 - t) log(1 - p)), the logistic loss of probability p; 0 log 0 is 0."""
    return masked_product(-np.log(p), target) + masked_product(-np.log1p(-p), 1.0 - target)


@log_loss.vjp("p")
def _(g: V, y: V, p: V, target: V) -> V:
    # (p - t) / (p (1 - p)): the difference of t / p and (1 - t) / (1 - p) would be rounded as these are. Beside a
    # target that is certain one factor goes out, so that what is certain and right is no 0 / 0, at any order.
    zero: V = equal(target, 0.0)
    one: V = equal(target, 1.0)
    other = 1.0 - p
    gap: V = where(zero, 1.0 - ratio(target, p), where(one, ratio(1.0 - target, other) - 1.0, p - target))
    return g * (gap / where(zero, 1.0, p) / where(one, 1.0, other))


@log_loss.vjp("target")
def _(g: V, y: V, p: V, target: V) -> V:
    above: V = where(equal(p, 0.0) * equal(target, 0.0), 1.0, p)
    below: V = where(equal(p, 1.0) * equal(target, 1.0), 0.0, p)
    return g * (log1p(-below) - log(above))


family.add(logistic_loss)
family.add(log_loss)
family.register()
