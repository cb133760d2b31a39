"""Functions of minigrad-special beside their exact definitions."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

from mpmath import mp

import minigrad_special
from support import oracle_jet as j
from support.oracle_functions import Function
from support.oracle_jet import Jet

special: Any = minigrad_special

_RISES = {0.0: (inf, -inf, inf)}
_DIGAMMA = {0.0: (-inf, inf, -inf)}


def _bessel(kind: Callable[..., Any]) -> Callable[[int], Callable[[Jet], Jet]]:
    """A Bessel function J or Y of an order, with its derivatives by those of its neighbours."""

    def of_order(n: int) -> Callable[[Jet], Jet]:
        def value(v: Any) -> tuple[Any, Any, Any]:
            b = [kind(n + k, v) for k in (-2, -1, 0, 1, 2)]
            return b[2], (b[1] - b[3]) / 2, (b[0] - 2 * b[2] + b[4]) / 4

        return lambda x: x.through(*value(x.value))

    return of_order


_J, _Y = _bessel(mp.besselj), _bessel(mp.bessely)


def _i(n: Any) -> Callable[[Jet], Jet]:
    def value(v: Any) -> tuple[Any, Any, Any]:
        b = [mp.besseli(n + k, v) for k in (-2, -1, 0, 1, 2)]
        return b[2], (b[1] + b[3]) / 2, (b[0] + 2 * b[2] + b[4]) / 4

    return lambda x: x.through(*value(x.value))


def _ie(n: Any) -> Callable[[Jet], Jet]:
    """exp(-|x|) I_n(x); slope at 0 without that of |x|."""

    def at(x: Jet) -> Jet:
        plain = _i(n)(x)
        return plain if x.value == 0 else plain * j.exp(x * -mp.sign(x.value))

    return at


def _k(n: int) -> Callable[[Jet], Jet]:
    def value(v: Any) -> tuple[Any, Any, Any]:
        b = [mp.besselk(abs(n + k), v) for k in (-2, -1, 0, 1, 2)]
        return b[2], -(b[1] + b[3]) / 2, (b[0] + 2 * b[2] + b[4]) / 4

    return lambda x: x.through(*value(x.value))


def _gamma(x: Jet) -> Jet:
    return j.exp(j.gammaln(x))


def _inverse_erf(v: Any) -> tuple[Any, Any, Any]:
    y = mp.erfinv(v)
    slope = mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return y, slope, 2 * y * slope * slope


def _erfinv(x: Jet) -> Jet:
    return x.through(*_inverse_erf(x.value))


def _erfcinv(x: Jet) -> Jet:
    v = x.value
    with mp.extradps(15 + max(0, int(-mp.log10(v)))):
        y = mp.erfinv(1 - v)
    slope = -mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return x.through(y, slope, 2 * y * slope * slope)


def _ndtri(x: Jet) -> Jet:
    result: Jet = _erfcinv(x * 2) * -mp.sqrt(2)
    return result


def _cdf(x: Jet) -> Jet:
    return j.erfc(x * (-1 / mp.sqrt(2))) * 0.5


def _lower_gamma(a: Any) -> Callable[[Jet], Jet]:
    def value(v: Any) -> tuple[Any, Any, Any]:
        slope = mp.exp((a - 1) * mp.log(v) - v - mp.loggamma(a))
        return mp.gammainc(a, 0, v, regularized=True), slope, slope * ((a - 1) / v - 1)

    return lambda x: x.through(*value(x.value))


def _upper_gamma(a: Any) -> Callable[[Jet], Jet]:
    def value(v: Any) -> tuple[Any, Any, Any]:
        slope = -mp.exp((a - 1) * mp.log(v) - v - mp.loggamma(a))
        return mp.gammainc(a, v, mp.inf, regularized=True), slope, slope * ((a - 1) / v - 1)

    return lambda x: x.through(*value(x.value))


def _beta(a: Any, b: Any) -> Callable[[Jet], Jet]:
    def value(v: Any) -> tuple[Any, Any, Any]:
        slope = v ** (a - 1) * (1 - v) ** (b - 1) / mp.beta(a, b)
        return mp.betainc(a, b, 0, v, regularized=True), slope, slope * ((a - 1) / v - (b - 1) / (1 - v))

    return lambda x: x.through(*value(x.value))


def _entr(x: Jet) -> Jet:
    return -(x * j.log(x))


def _erfcx(x: Jet) -> Jet:
    """Far out by the first terms of its series (DLMF 7.12.1), whose next is below 1e-36 of them."""
    if x.value < 10**6:
        result: Jet = j.exp(x * x) * j.erfc(x)
        return result
    v, root = x.value, mp.sqrt(mp.pi)
    value = 1 / v - 1 / (2 * v**3) + 3 / (4 * v**5)
    slope = -1 / v**2 + 3 / (2 * v**4) - 15 / (4 * v**6)
    return x.through(value / root, slope / root, (2 / v**3 - 6 / v**5 + 45 / (2 * v**7)) / root)


SPECIAL: list[Function] = [
    *(Function(f"j{n}", lambda x, n=n: special.jn(n, x), _J(n), -500.0, 500.0) for n in (0, 1)),
    *(
        Function(f"y{n}", lambda x, n=n: special.yn(n, x), _Y(n), 0.0, 500.0, poles={0.0: (-inf, inf, -inf)})
        for n in (0, 1)
    ),
    *(Function(f"i{n}", lambda x, n=n: special.iv(n, x), _i(n), -500.0, 500.0) for n in (0, 1)),
    Function("i2.5", lambda x: special.iv(2.5, x), _i(2.5), 0.0, 500.0, poles={0.0: (0.0, 0.0, 0.0)}),
    *(Function(f"i{n}e", lambda x, n=n: special.ive(n, x), _ie(n), -500.0, 500.0) for n in (0, 1)),
    *(Function(f"k{n}", getattr(special, f"k{n}"), _k(n), 0.0, 500.0, poles=_RISES) for n in (0, 1)),
    Function("erfinv", special.erfinv, _erfinv, -1.0, 1.0, (0.0, 0.5), {-1.0: (-inf, inf, -inf), 1.0: (inf, inf, inf)}),
    Function(
        "erfcinv", special.erfcinv, _erfcinv, 0.0, 2.0, (0.5, 1.0), {0.0: (inf, -inf, inf), 2.0: (-inf, -inf, -inf)}
    ),
    Function("erfcx", special.erfcx, _erfcx, -30.0, places=(0.0, 50.0)),
    Function("log_ndtr", special.log_ndtr, lambda x: j.log(_cdf(x)), high=1e8, low=-1e8, places=(0.0, -1.0, -14.0)),
    Function("ndtr", special.ndtr, _cdf),
    Function("ndtri", special.ndtri, _ndtri, 0.0, 1.0, (0.5,), {0.0: (-inf, inf, -inf), 1.0: (inf, inf, inf)}),
    Function(
        "digamma",
        special.digamma,
        lambda x: j.polygamma(0, x),
        0.0,
        places=(1.0, 1.4616321449683622, 2.0),
        poles=_DIGAMMA,
    ),
    Function(
        "polygamma 1",
        lambda x: special.polygamma(x, n=1),
        lambda x: j.polygamma(1, x),
        0.0,
        places=(1.0,),
        poles=_RISES,
    ),
    Function(
        "polygamma 2",
        lambda x: special.polygamma(x, n=2),
        lambda x: j.polygamma(2, x),
        0.0,
        places=(1.0,),
        poles=_DIGAMMA,
    ),
    Function("gammaln", special.gammaln, j.gammaln, 0.0, places=(1.0, 2.0), poles=_RISES),
    Function("gamma", special.gamma, _gamma, 0.0, places=(1.0, 2.0, 170.0, 171.6), poles=_RISES),
    Function(
        "rgamma",
        special.rgamma,
        lambda x: j.exp(-j.gammaln(x)),
        0.0,
        places=(1.0, 2.0, 170.0, 171.6),
        poles={0.0: (0.0, 1.0, 2 * 0.5772156649015329)},
    ),
    Function(
        "multigammaln 2",
        lambda x: special.multigammaln(x, 2),
        lambda x: j.gammaln(x) + j.gammaln(x - 0.5) + mp.log(mp.pi) / 2,
        0.5,
        poles={0.5: _RISES[0.0]},
    ),
    *(
        Function(
            f"gammainc {a}",
            lambda x, a=a: special.gammainc(a, x),
            _lower_gamma(a),
            0.0,
            1e4,
            places=(1.0, a),
            poles={0.0: (0.0, nan, nan)},
        )
        for a in (0.5, 1.0, 2.5, 20.0)
    ),
    *(
        Function(
            f"gammaincc {a}",
            lambda x, a=a: special.gammaincc(a, x),
            _upper_gamma(a),
            0.0,
            1e4,
            places=(1.0, a),
            poles={0.0: (1.0, nan, nan)},
        )
        for a in (0.5, 1.0, 2.5, 20.0)
    ),
    *(
        Function(
            f"betainc {a} {b}",
            lambda x, a=a, b=b: special.betainc(a, b, x),
            _beta(a, b),
            0.0,
            1.0,
            places=(0.5,),
            poles={0.0: (0.0, nan, nan), 1.0: (1.0, nan, nan)},
        )
        for a, b in ((0.5, 0.5), (1.0, 1.0), (2.5, 1.5), (20.0, 3.0))
    ),
    Function("expit", special.expit, j.sigmoid),
    Function("log_expit", special.log_expit, lambda x: -j.softplus(-x)),
    Function(
        "logit",
        special.logit,
        lambda x: j.log(x) - j.log1p(-x),
        0.0,
        1.0,
        (0.5,),
        {0.0: (-inf, inf, -inf), 1.0: (inf, inf, inf)},
    ),
    Function("entr", special.entr, _entr, 0.0, places=(1.0,), poles={0.0: (0.0, inf, -inf)}),
]
