"""Wrong rules by a generator: right ops of sixteen forms, each wrong in one place of the covering array only.

The places are those of `minigrad.verify.mutation.blind_spots`; which of them make a mistake in which op is listed here,
since a place that the op refuses, or where its gradient is zero, makes none.
"""

# Rules are passed to `made` without types: on arrays and on Tensors alike.
# Formulas and lists stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated"

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.verify.mutation.blind_spots import PLACES
from minigrad.verify.mutation.mutants import mutant
from support.gate_case import INVALID, MISMATCH, POSITIVE, REAL, Wrong, binary, made, unary


def _t(a):
    return mg.swapaxes(a, -1, -2)


def _sine() -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x))


def _logarithm() -> Op:
    return unary(lambda x: np.log(x), lambda g, y, x: g / x, POSITIVE)


def _product() -> Op:
    return binary(lambda a, b: a * a * b, lambda g, y, a, b: g * a * b * 2.0, lambda g, y, a, b: g * a * a)


def _gate_of_three() -> Op:
    rules = {
        "a": lambda g, y, a, b, c: g * b,
        "b": lambda g, y, a, b, c: g * a,
        "c": lambda g, y, a, b, c: g * (1.0 - mg.tanh(c) * mg.tanh(c)),
    }
    return made(lambda a, b, c: a * b + np.tanh(c), rules, {"a": REAL, "b": REAL, "c": REAL}, elementwise=True)


def _sine_of_a_matrix() -> Op:
    return made(lambda x: np.sin(x), {"x": lambda g, y, x: g * mg.cos(x)}, {"x": REAL}, shapes=[((3, 4),)])


def _exponential_of_any_shape() -> Op:
    return made(lambda x: np.exp(x * 0.125), {"x": lambda g, y, x: g * y * 0.125}, {"x": REAL})


def _matrix_product() -> Op:
    rules = {"a": lambda g, y, a, b: mg.matmul(g, _t(b)), "b": lambda g, y, a, b: mg.matmul(_t(a), g)}
    return made(lambda a, b: a @ b, rules, {"a": REAL, "b": REAL}, shapes=[((3, 4), (4, 2))])


def _product_of_squares() -> Op:
    rules = {"a": lambda g, y, a, b: mg.matmul(g, _t(b)), "b": lambda g, y, a, b: mg.matmul(_t(a), g)}
    return made(lambda a, b: a @ b, rules, {"a": REAL, "b": REAL}, shapes=[((3, 3), (3, 3))])


def _sum_of_squares() -> Op:
    def rule(g, y, x, *, axis, keepdims):
        return (g if keepdims else mg.expand_dims(g, axis)) * x * 2.0

    return made(
        lambda x, *, axis=-1, keepdims=False: np.sum(x * x, axis=axis, keepdims=keepdims), {"x": rule}, {"x": REAL},
        shapes=[((2, 3, 4),)], params=[{"axis": -1, "keepdims": False}, {"axis": 1, "keepdims": False}],
    )  # fmt: skip


def _correlation() -> Op:
    def forward(x, k, *, stride=1):
        n = (x.shape[-1] - k.shape[0]) // stride + 1 if stride > 0 and k.shape[0] > 0 else 0
        if n < 1 or k.shape[0] > 20:
            raise ValueError("too short")
        return sum(x[..., i : i + (n - 1) * stride + 1 : stride] * k[i] for i in range(k.shape[0]))

    def window(i, g, stride):
        return (Ellipsis, slice(i, i + (g.shape[-1] - 1) * stride + 1, stride))

    def left(g, y, x, k, *, stride):
        return sum(scatter(g * k[i], key=window(i, g, stride), shape=x.shape) for i in range(k.shape[0]))

    def right(g, y, x, k, *, stride):
        return mg.stack([mg.sum(g * x[window(i, g, stride)]) for i in range(k.shape[0])])

    return made(
        forward, {"x": left, "k": right}, {"x": REAL, "k": REAL}, params=[{"stride": 1}, {"stride": 2}],
        shapes=[((2, 9), (3,))],
    )  # fmt: skip


def _layer_norm() -> Op:
    def forward(x):
        c = x - x.mean(-1, keepdims=True)
        return c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-2)

    def rule(g, y, x):
        c = x - mg.mean(x, axis=-1, keepdims=True)
        r = 1.0 / mg.sqrt(mg.mean(c * c, axis=-1, keepdims=True) + 1e-2)
        h = c * r
        return r * (g - mg.mean(g, axis=-1, keepdims=True) - h * mg.mean(g * h, axis=-1, keepdims=True))

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


def _sine_and_cosine() -> Op:
    return made(
        lambda x: (np.sin(x), np.cos(x)), {"x": lambda g, y, x: g[0] * mg.cos(x) - g[1] * mg.sin(x)}, {"x": REAL},
        shapes=[((3, 4),)],
    )  # fmt: skip


def _matrix_times_vector() -> Op:
    def weights(g, y, x, w):
        return mg.sum(mg.expand_dims(g, -1) * x, axis=tuple(range(x.ndim - 1)))

    rules = {"x": lambda g, y, x, w: mg.expand_dims(g, -1) * w, "w": weights}
    return made(lambda x, w: x @ w, rules, {"x": REAL, "w": REAL}, shapes=[((2, 3), (3,))])


def _sum_of_any_number() -> Op:
    rules = {"xs": lambda g, y, *xs: tuple(g * x * 2.0 for x in xs)}
    return made(lambda *xs: sum(x * x for x in xs), rules, {"xs": REAL}, shapes=[((2, 3), (2, 3), (2, 3))])


def _power_of_a_norm() -> Op:
    def rule(g, y, x, *, p, scale):
        return mg.expand_dims(g * p * scale * mg.sum(x * x, axis=-1) ** (p / 2 - 1), -1) * x

    return made(
        lambda x, *, p=2.0, scale=1.0: scale * np.sum(x**2, axis=-1) ** (p / 2), {"x": rule}, {"x": POSITIVE},
        shapes=[((3, 4),)], params=[{"p": 2.0, "scale": 1.0}, {"p": 3.0, "scale": 0.5}],
    )  # fmt: skip


def _inverse() -> Op:
    rule = {"x": lambda g, y, x: -mg.matmul(mg.matmul(_t(y), g), _t(y))}
    return made(lambda x: np.linalg.inv(x), rule, {"x": mg.square_wellconditioned()})


def _running_sum() -> Op:
    def forward(x, *, reverse=False, axis=0):
        return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)

    def rule(g, y, x, *, reverse, axis):
        return mg.cumsum(g, axis=axis) if reverse else mg.flip(mg.cumsum(mg.flip(g, axis=axis), axis=axis), axis=axis)

    return made(forward, {"x": rule}, {"x": mg.real((3, 4))}, params=[{"reverse": False, "axis": 0}])


BASES: Mapping[str, Callable[[], Op]] = {
    build.__name__[1:]: build
    for build in (
        _sine, _logarithm, _product, _gate_of_three, _sine_of_a_matrix, _exponential_of_any_shape, _matrix_product,
        _product_of_squares, _sum_of_squares, _correlation, _layer_norm, _sine_and_cosine, _matrix_times_vector,
        _sum_of_any_number, _power_of_a_norm, _inverse, _running_sum,
    )
}  # fmt: skip

MISTAKES: Mapping[str, str] = {
    "sine x": """a first axis of one; a last axis of one; a middle axis of one; a first axis of two; a last axis of two; a
        first axis of three; a last axis of an odd length; a last axis of an even length; a long first axis; a long
        last axis; no axes; one axis; two axes; three axes; four axes; five axes; six axes; two axes of one; a single
        entry; as many rows as columns; more rows than columns; more columns than rows; an array of zeros; a row of
        zeros; a single zero; entries that are zero; equal numbers; a row of equal numbers; equal rows; entries that
        are one""",
    "logarithm x": """whole numbers; numbers in rising order; numbers above 20; numbers between 50 and 60; numbers above 500;
        numbers below a thousandth; numbers below a millionth; an output gradient of ones; an output gradient with a
        single one; an output gradient that is one number expanded; an output gradient of one sign; an output gradient
        that is negative; one part in a thousand in float32; second order far out; second order near zero; second
        order of one axis; second order of three axes; second order of squares; second order of long axes; second
        order in float32; third order; a first axis of one; a last axis of one; a middle axis of one; a first axis of
        two; a last axis of two""",
    "product a": """entries that are minus one; equal arrays; another argument of zeros; another argument with one axis more;
        another argument of another length; large numbers in float32; second order of a last axis of one; a last axis
        of an odd length; a long first axis; no axes; two axes; four axes; six axes; a single entry; more rows than
        columns; an array of zeros; entries that are zero; a row of equal numbers""",
    "product b": """numbers below -20; another argument with one axis less; another argument that is smaller; second order at
        zeros; a first axis of three; a last axis of an even length; a long last axis; one axis; three axes; five
        axes; two axes of one; as many rows as columns; more columns than rows; a single zero; equal numbers; equal
        rows""",
    "sine_of_a_matrix x": """second order of four axes; second order of zero rows; a row of zeros; entries that are one; entries that are
        minus one; whole numbers; numbers above 20; numbers below -20; numbers between 50 and 60; numbers above 500;
        numbers below a thousandth; numbers below a millionth; an output gradient of ones; an output gradient with a
        single one; an output gradient that is one number expanded; an output gradient of one sign; an output gradient
        that is negative; one part in a thousand in float32; large numbers in float32; second order at zeros; second
        order near zero; second order of one axis; second order of three axes; second order of squares; second order
        of a last axis of one; second order of long axes; second order in float32; third order; a first axis of one; a
        last axis of one; a middle axis of one; a first axis of two; a last axis of two; a first axis of three""",
    "exponential_of_any_shape x": """second order of four axes; second order of zero rows; a last axis of an odd length; a last axis of an even
        length; a long first axis; a long last axis; no axes; one axis; two axes; three axes; four axes; five axes;
        six axes; two axes of one; a single entry; as many rows as columns; more rows than columns; more columns than
        rows; an array of zeros; a row of zeros; a single zero; entries that are zero; equal numbers; a row of equal
        numbers; equal rows; entries that are one; entries that are minus one; whole numbers; numbers above 20;
        numbers below -20""",
    "gate_of_three a": """numbers in rising order; another argument with one axis more; another argument that is smaller; numbers
        between 50 and 60; an output gradient of ones; an output gradient of one sign; large numbers in float32;
        second order of one axis; second order of a last axis of one; third order; a middle axis of one; a first axis
        of three""",
    "gate_of_three b": """equal arrays; another argument with one axis less; second order far out; numbers above 500; numbers below a
        thousandth; an output gradient with a single one; an output gradient that is negative; second order at zeros;
        second order of three axes; second order of long axes; a first axis of one; a first axis of two; a last axis
        of an odd length""",
    "gate_of_three c": """another argument of zeros; another argument of another length; numbers below a millionth; an output gradient
        that is one number expanded; one part in a thousand in float32; second order near zero; second order of
        squares; second order in float32; a last axis of one; a last axis of two; a last axis of an even length""",
    "sine_and_cosine x": """an output that is not used; second order of four axes; second order of zero rows; a long first axis; a long
        last axis; no axes; one axis; two axes; three axes; four axes; five axes; six axes; two axes of one; a single
        entry; as many rows as columns; more rows than columns; more columns than rows; an array of zeros; a row of
        zeros; a single zero; entries that are zero; equal numbers; a row of equal numbers; equal rows; entries that
        are one; entries that are minus one; whole numbers; numbers above 20; numbers below -20; numbers between 50
        and 60""",
    "layer_norm x": """numbers above 500; numbers below a thousandth; numbers below a millionth; an output gradient with a single
        one; an output gradient of one sign; an output gradient that is negative; one part in a thousand in float32;
        large numbers in float32; second order at zeros; second order near zero; second order of one axis; second
        order of three axes; second order of four axes; second order of squares; second order of long axes; second
        order of zero rows; second order in float32; third order; a first axis of one; a middle axis of one; a first
        axis of two; a last axis of two; a first axis of three; a last axis of an odd length; a last axis of an even
        length; a long first axis; a long last axis; one axis""",
    "matrix_product a": """equal arrays; another argument with one axis more; another argument with one axis less; another argument of
        another length; an output gradient of ones; second order of a last axis of one; two axes; four axes; six axes;
        a single entry; more rows than columns; an array of zeros; a single zero; equal numbers; equal rows; entries
        that are minus one; numbers above 20; numbers between 50 and 60; numbers below a thousandth""",
    "matrix_product b": """another argument of zeros; an output gradient that is one number expanded; a
        last axis of one; three axes; five axes; two axes of one; as many rows as columns; more columns than rows; a
        row of zeros; entries that are zero; a row of equal numbers; entries that are one; whole numbers; numbers
        below -20; numbers above 500; numbers below a millionth""",
}
"""Op and argument, and the places where its rule is wrong."""


def _case(base: str, argument: str, place: str) -> Wrong:
    def build(flaw: bool) -> Op:
        op = BASES[base]()
        return mutant(op, argument, PLACES[place]) if flaw else op

    slug = place.replace(" ", "_").replace(",", "").replace("=", "_")
    return Wrong(f"{base}_{argument}_with_{slug}", "blind spot", (MISMATCH, INVALID), build)


BLIND_SPOTS: tuple[Wrong, ...] = tuple(
    _case(key.split()[0], key.split()[1], " ".join(place.split()))
    for key, places in MISTAKES.items()
    for place in places.split(";")
)
