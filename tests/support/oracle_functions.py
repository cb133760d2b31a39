"""Elementwise functions of one variable beside their exact definitions.

Where a function has a corner the exact side takes minigrad's documented slope.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, pi
from typing import Any

import attrs
import numpy as np
from mpmath import mp

import minigrad
from support import oracle_jet as j
from support.oracle_jet import Jet

mg: Any = minigrad  # called with arrays of any dtype and with Tensors alike


@attrs.frozen
class Function:
    """A function of minigrad and what it should be.

    Attributes:
        name: unique; arguments that matter stand behind it.
        call: minigrad's.
        exact: of Jets, one for each argument.
        low: where the domain begins.
        high: where it ends.
        places: where the function or its kernel changes its formula: the grid holds their neighbours.
        poles: places with their value, slope and curvature, as limits from above (at an upper end, from below).
        parity: -1 of odd functions, 1 of even ones: what -0 gives, where 0 is a pole.
    """

    name: str
    call: Callable[..., Any]
    exact: Callable[..., Jet]
    low: float = -inf
    high: float = inf
    places: tuple[float, ...] = (0.0,)
    poles: dict[float, tuple[float, float, float]] = attrs.field(factory=dict)
    parity: int = 0


def _halves(x: Jet, place: float, below: Callable[[], Jet], at: Callable[[], Jet], above: Callable[[], Jet]) -> Jet:
    """One formula on each side of a place, and one there."""
    return below() if x.value < place else above() if x.value > place else at()


def _abs(x: Jet) -> Jet:
    return _halves(x, 0, lambda: -x, lambda: j.flat(x, 0), lambda: x)


def _relu(x: Jet) -> Jet:
    return x if x.value > 0 else j.flat(x, 0)


def _within(x: Jet, low: float, high: float) -> Jet:
    """Moved into [low, high], slope 0 on the bounds."""
    return x if low < x.value < high else j.flat(x, min(max(x.value, mp.mpf(low)), mp.mpf(high)))


def _clip(x: Jet, low: float, high: float) -> Jet:
    """The same, slope 1 on the bounds."""
    return x if low <= x.value <= high else j.flat(x, min(max(x.value, mp.mpf(low)), mp.mpf(high)))


def _step(of: Callable[[Any], Any]) -> Callable[[Jet], Jet]:
    return lambda x: j.flat(x, of(x.value))


def _elu(x: Jet, alpha: Any = 1) -> Jet:
    return _halves(x, 0, lambda: j.expm1(x) * alpha, lambda: x * alpha, lambda: x)


def _cdf(x: Jet) -> Jet:
    return j.erfc(x * (-1 / mp.sqrt(2))) * 0.5


def _gelu_tanh(x: Jet) -> Jet:
    inner = (x + x * x * x * mp.mpf("0.044715")) * mp.sqrt(2 / mp.pi)
    return x * j.sigmoid(inner * 2)


def _tan(x: Jet) -> Jet:
    return j.sin(x) / j.cos(x)


def _sinc(x: Jet) -> Jet:
    if abs(x.value) < mp.mpf(10) ** -30:
        return x.through(mp.one - (mp.pi * x.value) ** 2 / 6, -(mp.pi**2) * x.value / 3, -(mp.pi**2) / 3)
    turn = x * mp.pi
    result: Jet = j.sin(turn) / turn
    return result


def _arccos(x: Jet) -> Jet:
    result: Jet = -j.arcsin(x) + mp.pi / 2
    return result


def _arctanh(x: Jet) -> Jet:
    return (j.log(x + 1) - j.log(1 - x)) * 0.5


def _leg(x: Jet) -> Jet:
    """arccosh without its branch."""
    v = x.value
    r = 1 / mp.sqrt((v - 1) * (v + 1))
    return x.through(mp.acosh(v), r, -v * r**3)


def _cbrt(x: Jet) -> Jet:
    return x.through(*_cbrt_derivatives(x.value))


def _cbrt_derivatives(v: Any) -> tuple[Any, Any, Any]:
    size = mp.cbrt(abs(v))
    return mp.sign(v) * size, 1 / (3 * size**2), -2 * mp.sign(v) / (9 * size**5)


def _round_half_even(v: Any) -> Any:
    return mp.nint(v)


def _truncate(v: Any) -> Any:
    return mp.sign(v) * mp.floor(abs(v))


def _mod_one(x: Jet) -> Jet:
    result: Jet = x - _truncate(x.value)
    return result


def _arccot(x: Jet) -> Jet:
    v = x.value
    r = 1 / (1 + v * v)
    return x.through(mp.atan(1 / v), -r, 2 * v * r * r)


_LOG = {0.0: (-inf, inf, -inf)}
_ROOT_AT_0 = {0.0: (0.0, inf, -inf)}
_POLE = {0.0: (inf, -inf, inf)}
_SELU_SCALE, _SELU_ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"
_BIG = (88.0, 88.7, 103.0, 709.0, 710.0, 745.0)
_HALF_LOG = (16.6355, 18.7)  # tanh and logistic functions round to 1 near there
_ROOT = (1.3407807929942596e154, 1.8446743e19)  # squares overflow

UNARY: list[Function] = [
    Function("exp", mg.exp, j.exp, places=(0.0, *_BIG)),
    Function("expm1", mg.expm1, j.expm1, places=(0.0, *_BIG)),
    Function(
        "exp2", mg.exp2, lambda x: j.exp(x * mp.log(2)), places=(0.0, 127.0, 128.0, 1023.0, 1024.0, -149.0, -1074.0)
    ),
    Function("log", mg.log, j.log, 0.0, places=(1.0,), poles=_LOG),
    Function("log1p", mg.log1p, j.log1p, -1.0, places=(0.0, 1.0), poles={-1.0: _LOG[0.0]}),
    Function("log2", mg.log2, lambda x: j.log(x) / mp.log(2), 0.0, places=(1.0, 2.0), poles=_LOG),
    Function("log10", mg.log10, lambda x: j.log(x) / mp.log(10), 0.0, places=(1.0, 10.0), poles=_LOG),
    Function("sqrt", mg.sqrt, j.sqrt, 0.0, places=(1.0,), poles=_ROOT_AT_0),
    Function("rsqrt", mg.rsqrt, lambda x: 1 / j.sqrt(x), 0.0, places=(1.0,), poles=_POLE),
    Function("cbrt", mg.cbrt, _cbrt, poles=_ROOT_AT_0, parity=-1),
    Function("square", mg.square, lambda x: x * x, places=(0.0, *_ROOT)),
    Function("reciprocal", mg.reciprocal, j.reciprocal, places=(1.0,), poles=_POLE, parity=-1),
    Function("negative", mg.negative, lambda x: -x),
    Function("abs", mg.abs, _abs),
    Function("sign", mg.sign, _step(mp.sign)),
    Function("floor", mg.floor, _step(mp.floor), places=(0.0, 1.0, 0.5)),
    Function("ceil", mg.ceil, _step(mp.ceil), places=(0.0, 1.0, 0.5)),
    Function("trunc", mg.trunc, _step(_truncate), places=(0.0, 1.0, 0.5)),
    Function("rint", mg.rint, _step(_round_half_even), places=(0.0, 0.5, 1.5, 2.5)),
    Function("frac", mg.frac, _mod_one, places=(0.0, 1.0)),
    Function("power 2", lambda x: x**2, lambda x: j.power(x, 2), places=(0.0, *_ROOT)),
    Function("power 3", lambda x: x**3, lambda x: j.power(x, 3)),
    Function("power -1", lambda x: mg.power(x, -1.0), lambda x: j.power(x, -1), poles=_POLE, parity=-1),
    Function("power -2", lambda x: mg.power(x, -2.0), lambda x: j.power(x, -2), poles=_POLE, parity=1),
    Function("power 0", lambda x: x**0, lambda x: j.flat(x, 1)),
    Function("power 1", lambda x: x**1, lambda x: x),
    Function("power 0.5", lambda x: x**0.5, lambda x: j.power(x, 0.5), 0.0, poles=_ROOT_AT_0),
    Function("power 1.5", lambda x: x**1.5, lambda x: j.power(x, 1.5), 0.0, poles={0.0: (0.0, 0.0, inf)}),
    Function("power 2.5", lambda x: x**2.5, lambda x: j.power(x, 2.5), 0.0),
    Function("power -0.5", lambda x: x**-0.5, lambda x: j.power(x, -0.5), 0.0, poles=_POLE),
    Function("integer_power 5", lambda x: mg.integer_power(x, n=5), lambda x: j.power(x, 5)),
    Function("sin", mg.sin, j.sin),
    Function("cos", mg.cos, j.cos),
    Function("tan", mg.tan, _tan),
    Function("sec", mg.sec, lambda x: 1 / j.cos(x)),
    Function("csc", mg.csc, lambda x: 1 / j.sin(x), poles=_POLE, parity=-1),
    Function("cot", mg.cot, lambda x: j.cos(x) / j.sin(x), poles=_POLE, parity=-1),
    Function("sinh", mg.sinh, j.sinh, places=(0.0, *_BIG)),
    Function("cosh", mg.cosh, j.cosh, places=(0.0, *_BIG)),
    Function("tanh", mg.tanh, j.tanh, places=(0.0, *_HALF_LOG)),
    Function("sech", mg.sech, lambda x: 1 / j.cosh(x), places=(0.0, *_BIG)),
    Function("csch", mg.csch, lambda x: 1 / j.sinh(x), places=_BIG, poles=_POLE, parity=-1),
    Function("coth", mg.coth, lambda x: j.cosh(x) / j.sinh(x), places=_HALF_LOG, poles=_POLE, parity=-1),
    Function(
        "arcsin",
        mg.arcsin,
        j.arcsin,
        -1.0,
        1.0,
        (0.0, 0.5),
        poles={-1.0: (-pi / 2, inf, -inf), 1.0: (pi / 2, inf, inf)},
    ),
    Function(
        "arccos", mg.arccos, _arccos, -1.0, 1.0, (0.0, 0.5), poles={-1.0: (pi, -inf, inf), 1.0: (0.0, -inf, -inf)}
    ),
    Function("arctan", mg.arctan, j.arctan),
    Function("arcsinh", mg.arcsinh, j.arcsinh),
    Function("arccosh", mg.arccosh, _leg, 1.0, poles={1.0: (0.0, inf, -inf)}),
    Function("arctanh", mg.arctanh, _arctanh, -1.0, 1.0, poles={-1.0: (-inf, inf, -inf), 1.0: (inf, inf, inf)}),
    Function("arcsec", mg.arcsec, lambda x: _arccos(1 / x), 1.0, poles={1.0: (0.0, inf, -inf)}),
    Function("arcsec of negative", mg.arcsec, lambda x: _arccos(1 / x), high=-1.0, poles={-1.0: (pi, inf, inf)}),
    Function("arccsc", mg.arccsc, lambda x: j.arcsin(1 / x), 1.0, poles={1.0: (pi / 2, -inf, inf)}),
    Function(
        "arccsc of negative", mg.arccsc, lambda x: j.arcsin(1 / x), high=-1.0, poles={-1.0: (-pi / 2, -inf, -inf)}
    ),
    Function("arccot", mg.arccot, _arccot, poles={0.0: (pi / 2, -1.0, 0.0)}, parity=-1),
    Function("arccsch", mg.arccsch, lambda x: j.arcsinh(1 / x), poles=_POLE, parity=-1),
    Function("arccoth", mg.arccoth, lambda x: _arctanh(1 / x), 1.0, poles={1.0: _POLE[0.0]}),
    Function("arccoth of negative", mg.arccoth, lambda x: _arctanh(1 / x), high=-1.0, poles={-1.0: (-inf, -inf, -inf)}),
    Function("sinc", mg.sinc, _sinc, places=(0.0, 0.5, 1.0, 1.5, 2.0)),
    Function("deg2rad", mg.deg2rad, lambda x: x * (mp.pi / 180)),
    Function("rad2deg", mg.rad2deg, lambda x: x * (180 / mp.pi)),
    Function("erf", mg.erf, j.erf, places=(0.0, 0.46875, 4.0)),
    Function("erfc", mg.erfc, j.erfc, places=(0.0, 0.46875, 4.0, 26.5, 28.0)),
    Function("normal_cdf", mg.normal_cdf, _cdf, places=(0.0, 0.6629126073623883, 5.656854249492381, -37.5, -38.5)),
    Function("normal_pdf", mg.normal_pdf, lambda x: j.exp(x * x * -0.5) / mp.sqrt(2 * mp.pi), places=(0.0, 38.5)),
    Function("sigmoid", mg.sigmoid, j.sigmoid, places=(0.0, *_BIG)),
    Function("softplus", mg.softplus, j.softplus, places=(0.0, *_BIG)),
    Function("log_sigmoid", mg.log_sigmoid, lambda x: -j.softplus(-x), places=(0.0, *_BIG)),
    Function("relu", mg.relu, _relu),
    Function("leaky_relu", mg.leaky_relu, lambda x: x if x.value > 0 else x * 0.01),
    Function("elu", mg.elu, _elu),
    Function("elu 0.5", lambda x: mg.elu(x, alpha=0.5), lambda x: _elu(x, 0.5)),
    Function("selu", mg.selu, lambda x: _elu(x, mp.mpf(_SELU_ALPHA)) * mp.mpf(_SELU_SCALE)),
    Function("celu 0.5", lambda x: mg.celu(x, 0.5), lambda x: _elu(x * 2) * 0.5),
    Function("gelu", mg.gelu, lambda x: x * _cdf(x), places=(0.0, -37.5, -38.5, 5.6, 13.0)),
    Function("gelu tanh", lambda x: mg.gelu(x, approximate="tanh"), _gelu_tanh, places=(0.0, -20.0, -21.5)),
    Function("silu", mg.silu, lambda x: x * j.sigmoid(x), places=(0.0, -709.0, -745.0)),
    Function("mish", mg.mish, lambda x: x * j.tanh(j.softplus(x)), places=(0.0, *_BIG)),
    Function("hardtanh", mg.hardtanh, lambda x: _within(x, -1, 1), places=(-1.0, 0.0, 1.0)),
    Function("clip", lambda x: mg.clip(x, -1.0, 2.0), lambda x: _clip(x, -1, 2), places=(-1.0, 0.0, 2.0)),
    Function("relu6", mg.relu6, lambda x: _within(x, 0, 6), places=(0.0, 6.0)),
    Function("hardsigmoid", mg.hardsigmoid, lambda x: _within(x + 3, 0, 6) / 6, places=(-3.0, 0.0, 3.0)),
    Function("hardswish", mg.hardswish, lambda x: x * _within(x + 3, 0, 6) / 6, places=(-3.0, 0.0, 3.0)),
    Function("softsign", mg.softsign, lambda x: x / (_abs(x) + 1)),
    Function("tanhshrink", mg.tanhshrink, lambda x: x - j.tanh(x), places=(0.0, *_HALF_LOG)),
    Function("softshrink", mg.softshrink, lambda x: x - _clip(x, -0.5, 0.5), places=(-0.5, 0.0, 0.5)),
    Function("hardshrink", mg.hardshrink, lambda x: x if abs(x.value) > 0.5 else j.flat(x, 0), places=(-0.5, 0.0, 0.5)),
    Function(
        "threshold",
        lambda x: mg.threshold(x, 1.0, -2.0),
        lambda x: x if x.value > 1 else j.flat(x, -2),
        places=(0.0, 1.0),
    ),
    Function("nan_to_num", mg.nan_to_num, lambda x: x),
    Function("positive", np.positive, lambda x: x),
]
