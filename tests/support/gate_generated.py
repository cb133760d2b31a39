"""Right ops by a generator: compositions of library functions whose rule is minigrad's own differentiation of them.

Such a rule is right by construction, so a refusal is the gate's mistake. The number of an op is its seed.
"""

# Functions are composed at random: their types are those of `mg`.
# Formulas and lists stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from support.gate_case import NONZERO, POSITIVE, REAL, UNIT, Tricky, made

ANY: tuple[Callable[..., object], ...] = (
    mg.sin, mg.cos, mg.tanh, mg.arctan, mg.arcsinh, mg.sigmoid, mg.softplus, mg.erf, mg.softsign, mg.silu, mg.gelu, mg.mish,
    lambda x: x * x, lambda x: x * x * x * 0.1, lambda x: x * 0.5 - 1.0, lambda x: mg.exp(-x * x), lambda x: mg.absolute(x) + x,
    lambda x: mg.maximum(x, 0.0) + x * 0.1, lambda x: mg.clip(x, -2.0, 2.0), lambda x: mg.sqrt(x * x + 0.25),
    lambda x: mg.log(x * x + 1.0), lambda x: 1.0 / (x * x + 1.0), lambda x: mg.logaddexp(x, -x), lambda x: mg.hypot(x, 1.0),
    lambda x: mg.where(x > 1.0, x * x, x * 2.0 - 1.0), lambda x: mg.expm1(mg.minimum(x, 1.0)), lambda x: mg.elu(x),
    lambda x: mg.hardtanh(x) + x, lambda x: mg.arctan2(x, 2.0), lambda x: mg.sinc(x),
)  # fmt: skip
"""Functions of any real number."""

ROWS: tuple[Callable[..., object], ...] = (
    lambda x: mg.softmax(x, axis=-1), lambda x: mg.log_softmax(x, axis=-1), lambda x: mg.cumsum(x, axis=-1),
    lambda x: x - mg.mean(x, axis=-1, keepdims=True), lambda x: mg.flip(x, axis=-1), lambda x: mg.sort(x, axis=-1),
    lambda x: x / (mg.sum(x * x, axis=-1, keepdims=True) + 1.0), lambda x: mg.roll(x, 1, axis=-1),
    lambda x: mg.layer_norm(x, (x.shape[-1],), eps=1e-2) if x.shape[-1] > 1 else x, lambda x: x * mg.max(x, axis=-1, keepdims=True),
    lambda x: mg.concatenate([x, x * 2.0], axis=-1), lambda x: mg.cumlogsumexp(x, axis=-1),
)  # fmt: skip
"""Functions of rows that give rows."""

LAST: tuple[Callable[..., object], ...] = (
    lambda x: mg.sum(x, axis=-1), lambda x: mg.mean(x, axis=-1), lambda x: mg.logsumexp(x, axis=-1), lambda x: mg.max(x, axis=-1),
    lambda x: mg.var(x, axis=-1), lambda x: mg.sum(x * x, axis=-1), lambda x: mg.median(x, axis=-1), lambda x: x,
)  # fmt: skip
"""Functions of rows that give a number, or the row."""

PAIRS: tuple[Callable[..., object], ...] = (
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: mg.maximum(a, b), lambda a, b: mg.minimum(a, b),
    lambda a, b: mg.hypot(a, b), lambda a, b: mg.logaddexp(a, b), lambda a, b: a / (b * b + 1.0), lambda a, b: mg.arctan2(a, b * b + 1.0),
    lambda a, b: mg.where(a > b, a * b, b * b), lambda a, b: mg.absolute(a - b), lambda a, b: mg.sin(a) * b,
)  # fmt: skip
"""Functions of two numbers."""

STARTS: tuple[tuple[object, Callable[..., object]], ...] = (
    (REAL, lambda x: x), (POSITIVE, mg.log), (POSITIVE, mg.sqrt), (NONZERO, lambda x: 1.0 / x), (UNIT, mg.arctanh),
    (UNIT, mg.arcsin), (POSITIVE, lambda x: x ** 1.5), (NONZERO, lambda x: mg.log(mg.absolute(x))), (REAL, mg.cbrt), (UNIT, lambda x: x),
)  # fmt: skip
"""Domains, and functions that need them."""


def _chain(*functions: Callable[..., object]) -> Callable[..., object]:
    def composed(x):
        for function in functions:
            x = function(x)
        return x

    return composed


def _rule(f: Callable[..., object], position: int):
    """The vector-Jacobian rule for one argument, by minigrad's own differentiation."""

    def rule(g, y, *args):
        return mg.vjp(lambda x: f(*args[:position], x, *args[position + 1 :]), args[position])[1](g)[0]

    return rule


def _forward(f: Callable[..., object]):
    def forward(*arrays):
        result = f(*arrays)
        return np.asarray(result.data if isinstance(result, mg.Tensor) else result)

    return forward


def generated(number: int) -> Op:
    """The op of that number."""
    rng = np.random.default_rng(number)

    def any_of(functions):
        return functions[int(rng.integers(len(functions)))]

    domain, start = any_of(STARTS)
    form = number % 4
    middle = [any_of(ANY) for _ in range(int(rng.integers(1, 4)))]
    if form == 0:
        f = _chain(start, *middle)
        return _unary(f, domain, shapes=())
    if form == 1:
        f = _chain(start, *middle[:2], any_of(ROWS), any_of(LAST))
        return _unary(f, domain, shapes=[((3, 4),)])
    meet, last = any_of(PAIRS), any_of(ANY)
    if form == 2:
        pair = lambda a, b: last(meet(start(a), middle[0](b)))  # noqa: E731
    else:
        row = any_of(ROWS)
        pair = lambda a, b: mg.sum(row(meet(start(a), middle[0](b))), axis=-1)  # noqa: E731
    return _binary(pair, domain, elementwise=form == 2)


def _unary(f, domain, shapes) -> Op:
    forward = lambda x: _forward(f)(x)  # noqa: E731
    rule = lambda g, y, x: _rule(f, 0)(g, y, x)  # noqa: E731
    return made(forward, {"x": rule}, {"x": domain}, shapes=shapes, elementwise=not shapes, name="generated")


def _binary(f, domain, elementwise) -> Op:
    forward = lambda a, b: _forward(f)(a, b)  # noqa: E731
    rules = {"a": lambda g, y, a, b: _rule(f, 0)(g, y, a, b), "b": lambda g, y, a, b: _rule(f, 1)(g, y, a, b)}
    shapes = () if elementwise else [((3, 4), (3, 4))]
    return made(forward, rules, {"a": domain, "b": REAL}, shapes=shapes, elementwise=elementwise, name="generated")


def is_vacuous(op: Op) -> bool:
    """Whether the op hardly depends on some argument, as a sum of what has no mean does."""
    rng = np.random.default_rng(0)
    xs = [rng.uniform(0.2, 0.8, (3, 4)) for _ in op.arguments]
    y = op.forward(*xs)
    grads = [rule.function(rng.normal(size=np.shape(y)), y, *xs) for rule in op.rules]
    return any(not np.max(np.abs(np.asarray(g))) > 1e-6 for g in grads)


VACUOUS = frozenset(
    (
        1,
        2,
        10,
        15,
        25,
        27,
        38,
        39,
        41,
        43,
        51,
        79,
        87,
        105,
        107,
        118,
        127,
        130,
        135,
        138,
        143,
        151,
        155,
        159,
        171,
        175,
        182,
        183,
        194,
        202,
        211,
        219,
        220,
        223,
        235,
        239,
        245,
        246,
        251,
        255,
    )
)
"""Numbers of ops that hardly depend on their arguments, by `is_vacuous`."""

OUTSIDE = frozenset((69, 157))
"""Numbers of ops whose corners meet in such a way that the chain rule gives what no piece has.

The maximum of expm1(min(x, 1)) is constant where one entry is 2 and another is 1; half of the tie goes to the 1, whose
own tie has a slope. The median of x max(x) is the product of the two largest of four where these are equal; the median
gives the tie to one of them, the maximum half to each.
"""

GENERATED: tuple[Tricky, ...] = tuple(
    Tricky(f"generated_{n}", lambda n=n: generated(n))  # type: ignore[misc]
    for n in range(260)
    if n not in VACUOUS | OUTSIDE
)
