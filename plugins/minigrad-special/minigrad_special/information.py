"""Logistic and information functions, composed of minigrad's own ops."""

from __future__ import annotations

import numpy as np
from scipy import special as sp

import minigrad as mg
from minigrad.ops.elementwise.arithmetic import masked_multiply
from minigrad.ops.family import of_floats
from minigrad.ops.reduction.weighted import signed_logsumexp
from minigrad.typing import Array, Axis, V


def expit(x: V) -> V:
    """1 / (1 + exp(-x))."""
    return mg.sigmoid(x)


def log_expit(x: V) -> V:
    """The logarithm of expit, without overflow."""
    return mg.log_sigmoid(x)


def logit(p: V) -> V:
    """log(p / (1 - p)), for 0 < p < 1."""
    return mg.log(p) - mg.log1p(-p)


def xlogy(x: V, y: V) -> V:
    """x log(y), 0 where x = 0."""
    return mg.xlogy(x, y)


def xlog1py(x: V, y: V) -> V:
    """x log(1 + y), 0 where x = 0."""
    zero: V = mg.equal(x, 0.0)
    return mg.where(zero, 0.0, x * mg.log1p(mg.where(zero, 0.0, y)))


@mg.op(x=mg.positive(), elementwise=True)
@of_floats
def entr(x: Array) -> Array:
    """-x log(x), 0 at 0, where the slope is infinite (or 0 if no gradient arrives)."""
    return np.asarray(sp.entr(x))


@entr.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return masked_multiply(-1.0 - mg.log(x), g)


mg.register(entr)


def rel_entr(x: V, y: V) -> V:
    """x log(x / y), 0 where x = 0."""
    zero: V = mg.equal(x, 0.0)
    gap: V = mg.log(mg.where(zero, 1.0, x)) - mg.log(mg.where(zero * mg.equal(y, 0.0), 1.0, y))
    return x * gap  # not the difference of two products, which may overflow


def logsumexp(x: V, axis: Axis = None, keepdims: bool = False, b: V | float | None = None,
              return_sign: bool = False) -> V | tuple[V, V]:  # fmt: skip
    """log(sum(b * exp(x))) over `axis`; with `return_sign` of |sum|, and the sign of the sum."""
    if return_sign:
        return signed_logsumexp(x, 1.0 if b is None else b, axis, keepdims)
    return mg.logsumexp(x, axis=axis, keepdims=keepdims, b=b)
