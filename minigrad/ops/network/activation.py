"""Activation functions of neural networks. Registered on first use.

(`relu`, `sigmoid`, `tanh` and `softplus` are registered at once; `softmax` and `log_softmax` are reductions.)
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import masked_multiply, square, where
from minigrad.ops.elementwise.gaussian import erf_array, normal_pdf
from minigrad.ops.elementwise.piecewise_constant import greater
from minigrad.ops.elementwise.piecewise_linear import absolute, relu
from minigrad.ops.elementwise.piecewise_linear import clip as clip_op
from minigrad.ops.elementwise.transcendental import exp, sigmoid, softplus, tanh
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import clip, softmax
from minigrad.ops.index import getitem
from minigrad.typing import V
from minigrad.verify.declare import op as declare
from minigrad.verify.domains import real

family = OpFamily(lazy=True)
_CUBIC = 0.044715
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


_WIDE = (-1.60960333262415e-02, -2.95459980854025e-03, -7.34990630326855e-04, -5.69250639462346e-05,
         -2.10102402082508e-06, 2.77068142495902e-08, -2.72614225801306e-10)  # fmt: skip
_BELOW = (-1.42647390514189e-02, -7.37332916720468e-03, -1.68282697438203e-03, -2.13374055278905e-04,
          -1.45660718464996e-05)  # fmt: skip


def _erf_float32(x: Array) -> Array:
    """Compute erf in single precision (to 4e-7).

    One rational function on [-4, 4], the form Eigen uses.
    """
    x = np.clip(x, -4.0, 4.0)
    z = x * x
    above, below = np.full_like(x, _WIDE[-1]), np.full_like(x, _BELOW[-1])
    for c in _WIDE[-2::-1]:
        above *= z
        above += c
    for c in _BELOW[-2::-1]:
        below *= z
        below += c
    above *= x
    above /= below
    return above


def _share_below(x: Array) -> Array:
    if x.dtype != np.float32:
        return erf_array(np.asarray(x) * -sqrt(0.5), complement=True) * 0.5
    return _erf_float32(x * sqrt(0.5)) * 0.5 + 0.5


gaussian_gate: Op = family.unary(
    "gaussian_gate",
    _share_below,
    "The probability that a standard normal number is below x; to absolute, not relative, precision for float32.",
    lambda g, y, x: g * normal_pdf(x),
)


@declare(x=real(), elementwise=True, params=[{"slope": 0.01}, {"slope": 0.25}], kinks=[0.0])
def leaky_relu(x: Array, *, slope: float = 0.01) -> Array:
    """x for x > 0, slope * x below; the gradient at 0 is `slope`."""
    return np.maximum(x, 0.0) + np.minimum(x, 0.0) * slope


@leaky_relu.vjp("x")
def _(g: V, y: V, x: V, *, slope: float) -> V:
    return g * (greater(x, 0.0) * (1.0 - slope) + slope)


@declare(x=real(), elementwise=True, params=[{"alpha": 1.0}, {"alpha": 0.5}], kinks=[0.0])
def elu(x: Array, *, alpha: float = 1.0) -> Array:
    """Compute x for x > 0, and alpha * (e ** x - 1) below (Clevert et al., 2015).

    The gradient at 0 is `alpha`.
    """
    return np.maximum(x, 0.0) + np.expm1(np.minimum(x, 0.0)) * alpha


@elu.vjp("x")
def _(g: V, y: V, x: V, *, alpha: float) -> V:
    above: V = greater(x, 0.0)
    return g * (above + (1.0 - above) * exp(-relu(-x)) * alpha)


family.add(leaky_relu)
family.add(elu)
family.register()


def gelu(x: V, approximate: str = "none") -> V:
    """Multiply x by the probability that a standard normal number is below x.

    `approximate="tanh"` for the usual formula.
    """
    if approximate == "tanh":
        # 0.5 x (1 + tanh(u)) is x sigmoid(2 u), which does not cancel for negative x.
        slope = 2.0 * sqrt(2.0 / pi)
        return x * sigmoid((square(x) * (slope * _CUBIC) + slope) * x)
    if approximate != "none":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    return x * gaussian_gate(x)


def silu(x: V) -> V:
    """x * sigmoid(x), also called swish (Elfwing et al., 2017)."""
    return x * sigmoid(x)


def selu(x: V) -> V:
    """Compute 1.0507 times elu with alpha = 1.67326 (Klambauer et al., 2017).

    This keeps mean 0 and variance 1.
    """
    return elu(x, alpha=_SELU_ALPHA) * _SELU_SCALE


def celu(x: V, alpha: float = 1.0) -> V:
    """Compute max(x, 0) + min(0, alpha * (e ** (x / alpha) - 1)) (Barron, 2017).

    This is elu with slope 1 at 0 for every alpha.
    """
    return elu(x / alpha, alpha=1.0) * alpha


def hardtanh(x: V, low: float = -1.0, high: float = 1.0) -> V:
    """Move x into [low, high]; the gradient is 0 on the bounds, as PyTorch's.

    (And 1 for `clip`.)
    """
    return clip_op(x, low=low, high=high, closed=False)


def relu6(x: V) -> V:
    """x moved into [0, 6]; the gradient is 0 on the bounds."""
    return hardtanh(x, 0.0, 6.0)


def hardsigmoid(x: V) -> V:
    """(x + 3) / 6 moved into [0, 1]; the gradient is 0 on the bounds."""
    return relu6(x + 3.0) / 6.0


def hardswish(x: V) -> V:
    """x * hardsigmoid(x)."""
    return masked_multiply(x, clip(x + 3.0, 0.0, 6.0) / 6.0)


def mish(x: V) -> V:
    """x * tanh(softplus(x)) (Misra, 2019)."""
    return x * tanh(softplus(x))


def softsign(x: V) -> V:
    """x / (1 + |x|)."""
    return x / (absolute(x) + 1.0)


def softmin(x: V, axis: int = -1) -> V:
    """softmax(-x)."""
    return softmax(-x, axis)


def tanhshrink(x: V) -> V:
    """x - tanh(x)."""
    return x - tanh(x)


def softshrink(x: V, lambd: float = 0.5) -> V:
    """x moved towards 0 by `lambd`, and 0 within that distance of it."""
    return x - clip(x, -lambd, lambd)


def hardshrink(x: V, lambd: float = 0.5) -> V:
    """x where |x| > lambd, else 0."""
    return masked_multiply(x, greater(absolute(x), lambd))


def threshold(x: V, threshold: float, value: float) -> V:
    """x where x > threshold, else `value`."""
    return where(greater(x, threshold), x, value)


def glu(x: V, axis: int = -1) -> V:
    """Compute a * sigmoid(b) for the halves a and b of x along `axis`.

    a is the first half (Dauphin et al., 2016).
    """
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise ValueError(f"glu: axis {axis} of shape {x.shape} has odd length")
    before: tuple[slice, ...] = (slice(None),) * (axis % x.ndim)
    gate: V = sigmoid(getitem(x, key=(*before, slice(half, None))))
    return getitem(x, key=(*before, slice(None, half))) * gate
