"""Functions with their first two derivatives, to 50 digits: the oracle of the op tests.

A Jet is a number with its gradient and Hessian in a few variables, in mpmath's arithmetic. What is built from Jets by
the rules of calculus has exact derivatives, whatever a library's rules say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mpmath import mp

Number = Any
"""An mpmath number."""


class Jet:
    """A number, its gradient, and the upper triangle of its Hessian as rows."""

    __slots__ = ("bend", "slope", "value")

    def __init__(self, value: Number, slope: list[Number], bend: list[list[Number]]) -> None:
        self.value, self.slope, self.bend = value, slope, bend

    def through(self, value: Number, first: Number, second: Number) -> Jet:
        """f(self), for f with these derivatives here."""
        s = self.slope
        bend = [[first * b + second * s[i] * s[i + k] for k, b in enumerate(row)] for i, row in enumerate(self.bend)]
        return Jet(value, [first * a for a in s], bend)

    def _constant(self, other: Jet | Number) -> Jet:
        return other if isinstance(other, Jet) else constant(other, len(self.slope))

    def __add__(self, other: Jet | Number) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value + other, self.slope, self.bend)
        slope = [a + b for a, b in zip(self.slope, other.slope, strict=True)]
        bend = [[a + b for a, b in zip(r, q, strict=True)] for r, q in zip(self.bend, other.bend, strict=True)]
        return Jet(self.value + other.value, slope, bend)

    def __mul__(self, other: Jet | Number) -> Jet:
        if not isinstance(other, Jet):
            return self.through(self.value * other, mp.mpf(other), mp.zero)
        x, y, s, t = self.value, other.value, self.slope, other.slope
        bend = [
            [x * b + y * a + s[i] * t[i + k] + s[i + k] * t[i] for k, (a, b) in enumerate(zip(r, q, strict=True))]
            for i, (r, q) in enumerate(zip(self.bend, other.bend, strict=True))
        ]
        return Jet(x * y, [x * b + y * a for a, b in zip(s, t, strict=True)], bend)

    def __neg__(self) -> Jet:
        return self * -1

    def __sub__(self, other: Jet | Number) -> Jet:
        return self + -other

    def __rsub__(self, other: Number) -> Jet:
        result: Jet = -self + other
        return result

    def __truediv__(self, other: Jet | Number) -> Jet:
        return self * (reciprocal(other) if isinstance(other, Jet) else 1 / mp.mpf(other))

    def __rtruediv__(self, other: Number) -> Jet:
        result: Jet = reciprocal(self) * other
        return result

    __radd__, __rmul__ = __add__, __mul__


def constant(number: Number, variables: int) -> Jet:
    """A number that depends on nothing."""
    return Jet(mp.mpf(number), [mp.zero] * variables, [[mp.zero] * (variables - i) for i in range(variables)])


def variables(numbers: Sequence[Number]) -> list[Jet]:
    """Each of the numbers as a variable of its own."""
    jets = [constant(x, len(numbers)) for x in numbers]
    for i, jet in enumerate(jets):
        jet.slope = [mp.one if i == k else mp.zero for k in range(len(numbers))]
    return jets


def reciprocal(x: Jet) -> Jet:
    """1 / x."""
    y = 1 / x.value
    return x.through(y, -y * y, 2 * y**3)


def exp(x: Jet) -> Jet:
    """e ** x."""
    y = _exp(x.value)
    return x.through(y, y, y)


def _exp(v: Number) -> Number:
    """mp.exp, which takes e to the power of a whole number by multiplication, however large that is."""
    if abs(v) < 1e6:
        return mp.exp(v)
    with mp.workprec(mp.prec + int(mp.mag(v)) + 10):
        n = int(mp.floor(v / mp.ln2))
        rest = mp.exp(v - n * mp.ln2)
    return mp.ldexp(rest, n)


def log(x: Jet) -> Jet:
    """Natural logarithm."""
    r = 1 / x.value
    return x.through(mp.log(x.value), r, -r * r)


def expm1(x: Jet) -> Jet:
    """e ** x - 1."""
    y = mp.exp(x.value)
    return x.through(mp.expm1(x.value), y, y)


def log1p(x: Jet) -> Jet:
    """log(1 + x)."""
    r = 1 / (1 + x.value)
    return x.through(mp.log1p(x.value), r, -r * r)


def power(x: Jet, p: Number) -> Jet:
    """x ** p for a plain number p."""
    p = mp.mpf(p)
    v = x.value
    if mp.isint(p):
        n = int(p)
        return x.through(
            v**n, n * v ** (n - 1) if n else mp.zero, n * (n - 1) * v ** (n - 2) if n not in (0, 1) else mp.zero
        )
    return x.through(v**p, p * v ** (p - 1), p * (p - 1) * v ** (p - 2))


def sqrt(x: Jet) -> Jet:
    """Square root."""
    y = mp.sqrt(x.value)
    return x.through(y, 1 / (2 * y), -1 / (4 * y**3))


def sin(x: Jet) -> Jet:
    """Sine."""
    s = mp.sin(x.value)
    return x.through(s, mp.cos(x.value), -s)


def cos(x: Jet) -> Jet:
    """Cosine."""
    c = mp.cos(x.value)
    return x.through(c, -mp.sin(x.value), -c)


def arctan(x: Jet) -> Jet:
    """Inverse tangent."""
    v = x.value
    r = 1 / (1 + v * v)
    return x.through(mp.atan(v), r, -2 * v * r * r)


def arcsin(x: Jet) -> Jet:
    """Inverse sine."""
    v = x.value
    r = 1 / mp.sqrt(1 - v * v)
    return x.through(mp.asin(v), r, v * r**3)


def arcsinh(x: Jet) -> Jet:
    """Inverse hyperbolic sine."""
    v = x.value
    r = 1 / mp.sqrt(1 + v * v)
    return x.through(mp.asinh(v), r, -v * r**3)


def sinh(x: Jet) -> Jet:
    """Hyperbolic sine."""
    s = mp.sinh(x.value)
    return x.through(s, mp.cosh(x.value), s)


def cosh(x: Jet) -> Jet:
    """Hyperbolic cosine."""
    c = mp.cosh(x.value)
    return x.through(c, mp.sinh(x.value), c)


def tanh(x: Jet) -> Jet:
    """Hyperbolic tangent."""
    t = mp.tanh(x.value)
    slope = 1 / mp.cosh(x.value) ** 2
    return x.through(t, slope, -2 * t * slope)


def sigmoid(x: Jet) -> Jet:
    """1 / (1 + e ** -x)."""
    return 1 / (exp(-x) + 1)


def softplus(x: Jet) -> Jet:
    """log(1 + e ** x)."""
    e = _exp(-abs(x.value))
    s = 1 / (1 + _exp(-x.value))
    return x.through(mp.log1p(e) + max(x.value, 0), s, e / (1 + e) ** 2)


def erfc(x: Jet) -> Jet:
    """1 - erf(x)."""
    v = x.value
    slope = -2 / mp.sqrt(mp.pi) * mp.exp(-v * v)
    return x.through(mp.zero if v > mp.mpf(10) ** 100 else mp.erfc(v), slope, -2 * v * slope)


def erf(x: Jet) -> Jet:
    """The error function."""
    v = x.value
    slope = 2 / mp.sqrt(mp.pi) * mp.exp(-v * v)
    return x.through(mp.erf(v), slope, -2 * v * slope)


def gammaln(x: Jet) -> Jet:
    """log |gamma(x)|, x > 0."""
    v = x.value
    return x.through(mp.loggamma(v), mp.psi(0, v), mp.psi(1, v))


def polygamma(n: int, x: Jet) -> Jet:
    """The n-th derivative of digamma."""
    v = x.value
    return x.through(mp.psi(n, v), mp.psi(n + 1, v), mp.psi(n + 2, v))


def custom(
    function: Callable[..., Number], first: Callable[..., Number], second: Callable[..., Number]
) -> Callable[[Jet], Jet]:
    """A function of one variable from its derivatives."""
    return lambda x: x.through(function(x.value), first(x.value), second(x.value))


def flat(x: Jet, value: Number) -> Jet:
    """`value`, whatever x is: a piecewise constant function."""
    return constant(value, len(x.slope))
