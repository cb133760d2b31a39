"""The loss of two-way decisions, from scores. Registered on first use."""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import masked_product
from minigrad.ops.elementwise.transcendental import sigmoid, softplus
from minigrad.ops.family import OpFamily
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
    tail = np.log1p(np.exp(-np.abs(x)))
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


family.add(logistic_loss)
family.register()
