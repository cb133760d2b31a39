"""Rules that break the contract of a rule: arity, type, shape, purity, un-broadcasting."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from support.gate_case import INCONCLUSIVE, INVALID, MISMATCH, REAL, binary, made, plain, unary, wrong


@wrong("returns", INVALID)
def returns_none(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: None if flaw else g * mg.cos(x))


@wrong("returns", INVALID)
def returns_list(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: list(g * mg.cos(x)) if flaw and x.ndim else g * mg.cos(x))


@wrong("returns", INVALID)
def returns_tuple_of_one(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: (g * mg.cos(x),) if flaw else g * mg.cos(x))


@wrong("returns", INVALID)
def returns_one_for_two(flaw: bool) -> Op:
    return made(
        lambda a, b: a * b, {"a b": lambda g, y, a, b: g * b if flaw else (g * b, g * a)}, {"a": REAL, "b": REAL}
    )


@wrong("returns", INVALID)
def returns_three_for_two(flaw: bool) -> Op:
    return made(
        lambda a, b: a * b, {"a b": lambda g, y, a, b: (g * b, g * a, g) if flaw else (g * b, g * a)},
        {"a": REAL, "b": REAL},
    )  # fmt: skip


@wrong("returns", INVALID)
def returns_none_for_second(flaw: bool) -> Op:
    return made(
        lambda a, b: a * b, {"a b": lambda g, y, a, b: (g * b, None if flaw else g * a)}, {"a": REAL, "b": REAL}
    )


@wrong("returns", MISMATCH)
def returns_swapped_pair(flaw: bool) -> Op:
    return made(
        lambda a, b: a * a * b,
        {"a b": lambda g, y, a, b: (g * a * a, g * a * b * 2.0) if flaw else (g * a * b * 2.0, g * a * a)},
        {"a": REAL, "b": REAL},
    )  # fmt: skip


@wrong("returns", INVALID)
def returns_dictionary(flaw: bool) -> Op:
    return made(
        lambda a, b: a * b, {"a b": lambda g, y, a, b: {"a": g * b, "b": g * a} if flaw else (g * b, g * a)},
        {"a": REAL, "b": REAL},
    )  # fmt: skip


@wrong("returns", INVALID)
def returns_string(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: "cos" if flaw else g * mg.cos(x))


@wrong("returns", INVALID)
def returns_too_few_for_variadic(flaw: bool) -> Op:
    def rule(g, y, *xs):
        found = tuple(g + x * 0.0 for x in xs)
        return found[:1] if flaw else found

    return made(lambda *xs: sum(xs[1:], xs[0] * 1.0), {"xs": rule}, {"xs": REAL})


@wrong("no rule", INVALID)
def rule_missing_for_second(flaw: bool) -> Op:
    rules = {"a": lambda g, y, a, b: g * b, "b": lambda g, y, a, b: g * a}
    if flaw:
        del rules["b"]
    return made(lambda a, b: a * b, rules, {"a": REAL, "b": REAL})


@wrong("raises", INVALID)
def rule_raises(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw:
            raise NotImplementedError("later")
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("raises", INVALID)
def rule_raises_for_negative(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and np.any(plain(x) < 0.0):
            raise ValueError("negative")
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("raises", INVALID)
def rule_takes_no_metadata(flaw: bool) -> Op:
    rule = (lambda g, y, x: g * 2.0) if flaw else (lambda g, y, x, *, scale: g * scale)
    return made(lambda x, *, scale=2.0: x * scale, {"x": rule}, {"x": REAL})


@wrong("raises", INVALID)
def rule_takes_too_few_arguments(flaw: bool) -> Op:
    rule = (lambda g, x: g * mg.cos(x)) if flaw else (lambda g, y, x: g * mg.cos(x))
    return unary(lambda x: np.sin(x), rule)


@wrong("order of parameters", MISMATCH)
def rule_takes_output_for_argument(flaw: bool) -> Op:
    """Written as (g, x, y): the output arrives where the argument is expected."""
    rule = (lambda g, x, y: g * mg.cos(x)) if flaw else (lambda g, y, x: g * mg.cos(x))
    return unary(lambda x: np.sin(x), rule)


@wrong("order of parameters", MISMATCH, INVALID)
def rule_takes_argument_for_gradient(flaw: bool) -> Op:
    rule = (lambda y, x, g: g * mg.cos(x)) if flaw else (lambda g, y, x: g * mg.cos(x))
    return unary(lambda x: np.sin(x), rule)


@wrong("writes", INVALID)
def writes_into_gradient(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw:
            g *= np.cos(x)
            return g
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("writes", INVALID)
def writes_into_argument(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(x, np.ndarray):
            np.cos(x, out=x)
            return g * x
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("writes", INVALID, MISMATCH)
def writes_into_output(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(y, np.ndarray):
            np.subtract(1.0, y, out=y)
            return g * y * (1.0 - y)
        return g * y * (1.0 - y)

    return unary(lambda x: 1.0 / (1.0 + np.exp(-x)), rule)


@wrong("writes", INVALID, MISMATCH)
def writes_into_output_once(flaw: bool) -> Op:
    """Clips the output in place: the second time it changes nothing."""

    def rule(g, y, x):
        if flaw and isinstance(y, np.ndarray):
            np.clip(y, 1e-12, 1.0 - 1e-12, out=y)
        return g * y * (1.0 - y)

    return unary(lambda x: 1.0 / (1.0 + np.exp(-x)), rule)


@wrong("writes", INVALID)
def forward_writes_into_argument(flaw: bool) -> Op:
    def forward(x: Array) -> Array:
        return np.multiply(x, 2.0, out=x) if flaw else x * 2.0

    return unary(forward, lambda g, y, x: g * 2.0)


@wrong("un-broadcasting", MISMATCH)
def broadcast_mean_for_sum(flaw: bool) -> Op:
    def right(g, y, a, b):
        if flaw and g.shape != b.shape:
            return g / float(max(g.size // max(b.size, 1), 1))
        return g

    return binary(lambda a, b: a + b, lambda g, y, a, b: g, right)


@wrong("un-broadcasting", MISMATCH, INVALID)
def broadcast_takes_first(flaw: bool) -> Op:
    def right(g, y, a, b):
        product = g * a
        while flaw and product.ndim > b.ndim:
            product = product[0]
        return product

    return binary(lambda a, b: a * b, lambda g, y, a, b: g * b, right, elementwise=False)


@wrong("un-broadcasting", MISMATCH, INVALID)
def broadcast_sums_leading_axes_twice(flaw: bool) -> Op:
    def right(g, y, a, b):
        product = g * a
        if flaw and product.ndim > b.ndim:
            product = mg.sum(product, axis=tuple(range(product.ndim - b.ndim))) * 2.0
        return product

    return binary(lambda a, b: a * b, lambda g, y, a, b: g * b, right)


@wrong("un-broadcasting", MISMATCH, INVALID, INCONCLUSIVE)
def broadcast_only_third(flaw: bool) -> Op:
    def forward(a: Array, b: Array, c: Array) -> Array:
        return a * b * c

    rules = {
        "a": lambda g, y, a, b, c: g * b * c,
        "b": lambda g, y, a, b, c: g * a * c,
        "c": lambda g, y, a, b, c: g * a * b * (0.5 if flaw and c.shape != g.shape else 1.0),
    }
    return made(forward, rules, {"a": REAL, "b": REAL, "c": REAL})
