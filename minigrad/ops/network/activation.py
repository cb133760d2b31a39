"""Activation functions of neural networks. Registered on first use.

(`relu`, `sigmoid`, `tanh` and `softplus` are registered at once; `softmax` and `log_softmax` are reductions.)
"""

from __future__ import annotations

from math import factorial, pi, sqrt

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import finite_part, gated, masked_multiply, reciprocal, square, where
from minigrad.ops.elementwise.gaussian import erf_array
from minigrad.ops.elementwise.piecewise_constant import equal, greater
from minigrad.ops.elementwise.piecewise_linear import absolute, relu
from minigrad.ops.elementwise.piecewise_linear import clip as clip_op
from minigrad.ops.elementwise.transcendental import exp, sigmoid, softplus, tanh
from minigrad.ops.family import OpFamily, of_floats
from minigrad.ops.functions import clip, softmax
from minigrad.ops.index import getitem
from minigrad.ops.option_values import require_option
from minigrad.runtime.numpy_fast import may_hold_nan, silent
from minigrad.typing import V
from minigrad.verify.declare import op as declare
from minigrad.verify.domains import real

family = OpFamily(lazy=True)
_GELU_SLOPE = 2.0 * sqrt(2.0 / pi)
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


_MILLS = (-1.518072453e-4, -3.277908979e-4, 7.969030067e-4, 2.939943039e-3, -5.116725951e-3, -2.454767571e-2,
          1.131349926e-1, -2.280698197e-1, 1.413313457e-1)  # fmt: skip
"""Half of erfcx(t / sqrt(2)) for 0 <= t <= 15, by powers of (t - 2.5) / (t + 2.5).

A fit of our own, to 1e-7 of the value.
"""


@of_floats
def _share_below(x: Array) -> Array:
    if x.dtype != np.float32:
        x = np.asarray(x)
        return erf_array(x * -sqrt(0.5), complement=True, of=x) * 0.5
    t = np.minimum(np.abs(x), 15.0)
    u = t + 2.5
    u = (t - 2.5) / u
    tail = u * _MILLS[0]
    for c in _MILLS[1:-1]:
        tail += c
        tail *= u
    tail += _MILLS[-1]
    t *= t
    t *= -0.5
    tail *= np.exp(t)
    return np.abs(np.maximum(np.sign(x), 0.0) - tail)


@of_floats
def _density(x: Array) -> Array:
    y = x * x
    y *= -0.5
    y = np.exp(y)
    y *= 1.0 / sqrt(2.0 * pi)
    return y


@declare(x=real(), elementwise=True, params=[{"slope": 1.6, "cubic": 0.07}])
@of_floats
@silent
def odd_cubic(x: Array, *, slope: float, cubic: float) -> Array:
    """x * (slope + cubic * x ** 2)."""
    y = x * x
    y *= cubic
    y += slope
    y *= x
    return y


@odd_cubic.vjp("x")
def _(g: V, y: V, x: V, *, slope: float, cubic: float) -> V:
    # Below the place of overflow: an infinite slope times that of a sigmoid, which is 0 there, would be NaN.
    within: V = finite_part(x, largest=1e60 if x.dtype == np.float64 else 1e6)
    return g * (square(within) * (3.0 * cubic) + slope)


gaussian_gate: Op = family.unary(
    "gaussian_gate",
    _share_below,
    "The probability that a standard normal number is below x.",
    lambda g, y, x: g * normal_density(x),
)
normal_density: Op = family.unary(
    "normal_density",
    _density,
    "Of the normal distribution; in the tails the rounding of x * x tells.",
    lambda g, y, x: -(g * masked_multiply(x, y)),
)


@declare(x=real(), elementwise=True, params=[{"slope": 0.01}, {"slope": 0.25}], kinks=[0.0])
def leaky_relu(x: Array, *, slope: float = 0.01) -> Array:
    """x for x > 0, slope * x below; the gradient at 0 is `slope`."""
    require_option("leaky_relu", "slope", slope)
    return np.maximum(x, 0.0) + np.minimum(x, 0.0) * slope


@leaky_relu.vjp("x")
def _(g: V, y: V, x: V, *, slope: float) -> V:
    return g * (greater(x, 0.0) * (1.0 - slope) + slope)


@declare(x=real(), elementwise=True, params=[{"alpha": 1.0}, {"alpha": 0.5, "rate": 2.0}], kinks=[0.0])
def elu(x: Array, *, alpha: float = 1.0, rate: float = 1.0) -> Array:
    """Compute x for x > 0, and alpha * (e ** (rate x) - 1) below (Clevert et al., 2015).

    The gradient at 0 is `alpha * rate`, and its own gradient there 0.
    """
    require_option("elu", "alpha", alpha)
    require_option("elu", "rate", rate)
    return np.maximum(x, 0.0) + np.expm1(np.minimum(x, 0.0) * rate) * alpha


@elu.vjp("x")
def _(g: V, y: V, x: V, *, alpha: float, rate: float) -> V:
    above: V = greater(x, 0.0)
    return g * (above + (1.0 - above) * exp(relu(-x) * -rate) * (alpha * rate))


@declare(x=real(), elementwise=True, kinks=[-3.0, 3.0])
def hardsigmoid(x: Array) -> Array:
    """(x + 3) / 6 moved into [0, 1]; the gradient is 0 on the bounds."""
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


@hardsigmoid.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return masked_multiply(g, greater(x, -3.0) * greater(3.0, x) / 6.0)


@declare(x=real(), elementwise=True)
@silent
def softsign(x: Array) -> Array:
    """x / (1 + |x|)."""
    y: Array = np.asarray(x / (np.abs(x) + 1.0))
    return np.where(np.isinf(x), np.sign(x), y) if may_hold_nan(y) else y


@softsign.vjp("x")
def _(g: V, y: V, x: V) -> V:
    share: V = reciprocal(absolute(x) + 1.0)
    return g * share * share


@declare(x=real(), elementwise=True)
@of_floats
@silent
def tanhshrink(x: Array) -> Array:
    """x - tanh(x), with full relative precision near 0."""
    y: Array = np.asarray(x - np.tanh(x))
    near = np.abs(x) < 1.0
    if near.any():
        z = np.where(near, x, 0.0)
        y = np.where(near, _x_cosh_less_sinh(z) / np.cosh(z), y).astype(x.dtype)
    return y


def _x_cosh_less_sinh(x: Array) -> Array:
    """Compute x cosh(x) - sinh(x) by its series, for |x| < 1."""
    total = np.zeros_like(x)
    for k in range(9, 0, -1):
        total = total * (x * x) + 2.0 * k / factorial(2 * k + 1)
    return total * x * (x * x)


@tanhshrink.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return g * square(tanh(x))


for _op in (odd_cubic, leaky_relu, elu, hardsigmoid, softsign, tanhshrink):
    family.add(_op)
family.register()


def gelu(x: V, approximate: str = "none") -> V:
    """Multiply x by the probability that a standard normal number is below x.

    `approximate="tanh"` for the usual formula.
    """
    if approximate == "tanh":
        # 0.5 x (1 + tanh(u)) is x sigmoid(2 u), which does not cancel for negative x.
        return gated(x, sigmoid(odd_cubic(x, slope=_GELU_SLOPE, cubic=_GELU_SLOPE * 0.044715)))
    if approximate != "none":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    return gated(x, gaussian_gate(x))


def silu(x: V) -> V:
    """x * sigmoid(x), also called swish (Elfwing et al., 2017)."""
    return gated(x, sigmoid(x))


def selu(x: V) -> V:
    """Compute 1.0507 times elu with alpha = 1.67326 (Klambauer et al., 2017).

    This keeps mean 0 and variance 1.
    """
    return elu(x, alpha=_SELU_ALPHA) * _SELU_SCALE


def celu(x: V, alpha: float = 1.0) -> V:
    """Compute max(x, 0) + min(0, alpha * (e ** (x / alpha) - 1)) (Barron, 2017).

    This is elu with slope 1 at 0 for every alpha.
    """
    return elu(x, alpha=alpha, rate=1.0 / alpha)


def hardtanh(x: V, low: float = -1.0, high: float = 1.0) -> V:
    """Move x into [low, high]; the gradient is 0 on the bounds, as PyTorch's.

    (And 1 for `clip`.)
    """
    return clip_op(x, low=low, high=high, closed=False)


def relu6(x: V) -> V:
    """x moved into [0, 6]; the gradient is 0 on the bounds."""
    return hardtanh(x, 0.0, 6.0)


def hardswish(x: V) -> V:
    """x * hardsigmoid(x)."""
    return gated(x, hardsigmoid(x))


def mish(x: V) -> V:
    """x * tanh(softplus(x)) (Misra, 2019)."""
    return gated(x, tanh(softplus(x)))


def softmin(x: V, axis: int = -1) -> V:
    """softmax(-x)."""
    return softmax(-x, axis)


def softshrink(x: V, lambd: float = 0.5) -> V:
    """x moved towards 0 by `lambd`, and 0 within that distance of it."""
    return x - clip(x, -lambd, lambd)


def hardshrink(x: V, lambd: float = 0.5) -> V:
    """x where |x| > lambd, else 0."""
    size: V = absolute(x)
    return masked_multiply(x, 1.0 - greater(lambd, size) - equal(size, lambd))  # NaN is neither, and stays


def threshold(x: V, threshold: float, value: float) -> V:
    """x where x > threshold, else `value`."""
    return where(greater(threshold, x) + equal(x, threshold), value, x)  # NaN is neither, and stays


def glu(x: V, axis: int = -1) -> V:
    """Compute a * sigmoid(b) for the halves a and b of x along `axis`.

    a is the first half (Dauphin et al., 2016).
    """
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise ValueError(f"glu: axis {axis} of shape {x.shape} has odd length")
    before: tuple[slice, ...] = (slice(None),) * normalize_axis_index(axis, x.ndim)
    gate: V = sigmoid(getitem(x, key=(*before, slice(half, None))))
    return getitem(x, key=(*before, slice(None, half))) * gate
