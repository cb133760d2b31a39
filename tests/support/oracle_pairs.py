"""Functions of two numbers, losses of a number and its target among them, beside their exact definitions."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import attrs
import numpy as np
from mpmath import mp

import minigrad
import minigrad_special
from support import oracle_jet as j
from support.oracle_jet import Jet

mg: Any = minigrad
special: Any = minigrad_special


@attrs.frozen
class PairFunction:
    """A function of two numbers.

    Attributes:
        name: unique.
        call: minigrad's, elementwise.
        exact: of two Jets.
        low: where the domains of both begin.
        high: where they end.
        degree: d where arguments scaled together scale the result by the power d.
    """

    name: str
    call: Callable[[Any, Any], Any]
    exact: Callable[[Jet, Jet], Jet]
    low: tuple[float, float] = (-inf, -inf)
    high: tuple[float, float] = (inf, inf)
    degree: int | None = None


def _larger(x: Jet, y: Jet) -> Jet:
    return x if x.value > y.value else y if y.value > x.value else (x + y) * 0.5


def _abs(x: Jet) -> Jet:
    return x if x.value > 0 else -x if x.value < 0 else j.flat(x, 0)


def _relu(x: Jet) -> Jet:
    return x if x.value > 0 else j.flat(x, 0)


def _hypot(x: Jet, y: Jet) -> Jet:
    s = x * x + y * y
    return j.flat(x, 0) if s.value == 0 else j.sqrt(s)


def _arctan2(x: Jet, y: Jet) -> Jet:
    if x.value == 0 and y.value == 0:
        return j.flat(x, 0)
    angle = mp.atan2(x.value, y.value)
    r = x.value**2 + y.value**2
    a, b = y.value / r, -x.value / r
    aa, bb = -2 * x.value * y.value / r**2, 2 * x.value * y.value / r**2
    ab = (x.value**2 - y.value**2) / r**2
    s = [a * p + b * q for p, q in zip(x.slope, y.slope, strict=True)]
    bend = [[aa, ab], [bb]]  # of the two variables themselves
    return Jet(angle, s, bend)


def _logaddexp(x: Jet, y: Jet) -> Jet:
    top = max(x.value, y.value)
    result: Jet = j.log(j.exp(x - top) + j.exp(y - top)) + top
    return result


def _logaddexp2(x: Jet, y: Jet) -> Jet:
    result: Jet = _logaddexp(x * mp.log(2), y * mp.log(2)) / mp.log(2)
    return result


def _mod(down: Callable[[Any], Any]) -> Callable[[Jet, Jet], Jet]:
    return lambda x, y: x - y * down(x.value / y.value)


def _trunc(v: Any) -> Any:
    return mp.sign(v) * mp.floor(abs(v))


def _power(x: Jet, y: Jet) -> Jet:
    return j.exp(j.log(x) * y)


def _huber(x: Jet, y: Jet) -> Jet:
    d = x - y
    return d * d * 0.5 if abs(d.value) <= 1 else _abs(d) - 0.5


def _bce_logits(x: Jet, t: Jet) -> Jet:
    return j.softplus(x) * (1 - t) + j.softplus(-x) * t


def _bce(p: Jet, t: Jet) -> Jet:
    return -(j.log(p) * t + j.log1p(-p) * (1 - t))


def _xlogy(x: Jet, y: Jet) -> Jet:
    return x * j.log(y)


def _kl(q: Jet, p: Jet) -> Jet:
    return p * j.log(p) - p * q


def _lifted(name: str, **options: Any) -> Callable[[Any, Any], Any]:
    return lambda x, y: getattr(mg, name)(x, y, reduction="none", **options)


PAIRS: list[PairFunction] = [
    PairFunction("add", mg.add, lambda x, y: x + y),
    PairFunction("subtract", mg.subtract, lambda x, y: x - y),
    PairFunction("multiply", mg.multiply, lambda x, y: x * y),
    PairFunction("divide", mg.divide, lambda x, y: x / y),
    PairFunction("power", mg.power, _power, (0.0, -inf)),
    PairFunction("maximum", mg.maximum, _larger),
    PairFunction("minimum", mg.minimum, lambda x, y: -_larger(-x, -y)),
    PairFunction("fmax", mg.fmax, _larger),
    PairFunction("fmin", mg.fmin, lambda x, y: -_larger(-x, -y)),
    PairFunction("hypot", mg.hypot, _hypot),
    PairFunction("arctan2", mg.arctan2, _arctan2, degree=0),
    PairFunction("logaddexp", mg.logaddexp, _logaddexp),
    PairFunction("logaddexp2", mg.logaddexp2, _logaddexp2),
    PairFunction("mod", mg.mod, _mod(mp.floor)),
    PairFunction("fmod", mg.fmod, _mod(_trunc)),
    PairFunction("copysign", mg.copysign, lambda x, y: _abs(x) if y.value > 0 else -_abs(x)),
    PairFunction("xlogy", mg.xlogy, _xlogy, (-inf, 0.0)),
    PairFunction("special.xlog1py", special.xlog1py, lambda x, y: x * j.log1p(y), (-inf, -1.0)),
    PairFunction("special.rel_entr", special.rel_entr, lambda x, y: x * (j.log(x) - j.log(y)), (0.0, 0.0)),
    PairFunction(
        "special.betaln",
        special.betaln,
        lambda a, b: j.gammaln(a) + j.gammaln(b) - j.gammaln(a + b),
        (1e-5, 1e-5),
        (1e4, 1e4),
    ),
    PairFunction("mse_loss", _lifted("mse_loss"), lambda x, y: (x - y) * (x - y)),
    PairFunction("l1_loss", _lifted("l1_loss"), lambda x, y: _abs(x - y)),
    PairFunction("huber_loss", _lifted("huber_loss"), _huber),
    PairFunction("smooth_l1_loss", _lifted("smooth_l1_loss", beta=1.0), _huber),
    PairFunction("binary_cross_entropy", _lifted("binary_cross_entropy"), _bce, (0.0, 0.0), (1.0, 1.0)),
    PairFunction(
        "binary_cross_entropy_with_logits",
        _lifted("binary_cross_entropy_with_logits"),
        _bce_logits,
        (-inf, 0.0),
        (inf, 1.0),
    ),
    PairFunction("kl_div", _lifted("kl_div"), _kl, (-inf, 0.0)),
    PairFunction("soft_margin_loss", _lifted("soft_margin_loss"), lambda x, y: j.softplus(-(x * y))),
    PairFunction("poisson_nll_loss", _lifted("poisson_nll_loss"), lambda x, y: j.exp(x) - x * y),
    PairFunction(
        "gaussian_nll_loss",
        lambda x, v: mg.gaussian_nll_loss(x, np.zeros(x.shape, x.dtype), v, reduction="none"),
        lambda x, v: (j.log(v) + x * x / v) * 0.5,
        (-inf, 2e-6),
    ),
    PairFunction(
        "margin_ranking_loss",
        lambda x, y: mg.margin_ranking_loss(x, y, np.ones(x.shape, x.dtype), margin=0.5, reduction="none"),
        lambda x, y: _relu(0.5 - (x - y)),
    ),
]

_NUMBERS = {
    "d": (5e-324, 1e-310, 2.3e-308, 1.37e-200, 1.3e-160, 1.37e-100, 1.1e-17, 1.5e-8, 1e-3, 0.3, 0.75, 1.0, 1.7, 2.0,
          7.25, 41.0, 300.0,
          743.0, 1.3e5, 1.1e17, 1.37e100, 1.3e160, 1.37e200, 1.2e308),
    "f": (1e-45, 1e-40, 1.3e-38, 1.37e-25, 1.3e-20, 1.37e-10, 1.1e-8, 1e-3, 0.3, 0.75, 1.0, 1.7, 2.0, 7.25, 21.0,
          41.0, 100.0, 1.3e5, 1.1e9,
          1.37e13, 1.3e20, 1.37e30, 3.2e38),
}  # fmt: skip


def pairs(function: PairFunction, dtype: Any) -> tuple[Any, Any]:
    """Pairs of the domain: equal numbers, neighbours, and a spread choice of all sizes and signs."""
    sizes = np.array(_NUMBERS[np.dtype(dtype).char], dtype)
    signed = np.concatenate([sizes, -sizes])
    n = len(signed)
    at = np.arange(n)
    x = np.concatenate([signed] * 5)
    y = np.concatenate([
        signed, np.nextafter(signed, np.array(0, dtype)), -signed,
        *(signed[(at * k + s) % n] for k, s in ((5, 3), (7, 10)))
    ])  # fmt: skip
    keep = np.isfinite(y) & (y != 0)
    for value, low, high in ((x, function.low[0], function.high[0]), (y, function.low[1], function.high[1])):
        keep &= (value > low) & (value < high)
    return x[keep], y[keep]
