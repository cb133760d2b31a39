"""Correct ops that the search for combinations must not refuse: teeth, ties, undefined points."""

# Rules are passed to `made` without types: on arrays and on Tensors alike.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from support.gate_case import POSITIVE, REAL, binary, made, plain, tricky


@tricky
def logarithmic_mean() -> Op:
    """Undefined where both arguments are equal, on both sides of the comparison."""

    def left(g, y, a, b):
        d = mg.log(a) - mg.log(b)
        return g * (1.0 / d - (a - b) / (d * d * a))

    def right(g, y, a, b):
        d = mg.log(a) - mg.log(b)
        return g * ((a - b) / (d * d * b) - 1.0 / d)

    return binary(lambda a, b: (a - b) / (np.log(a) - np.log(b)), left, right, domains=(POSITIVE, POSITIVE))


@tricky
def elementwise_with_broadcasting_samples() -> Op:
    def samples(rng: np.random.Generator) -> Iterable[mg.Sample]:
        yield mg.Sample(rng.normal(size=(3, 4)), rng.normal(size=(4,)))

    return made(
        lambda a, b: a * b, {"a": lambda g, y, a, b: g * b, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL},
        elementwise=True, samples=samples,
    )  # fmt: skip


@tricky
def remainder_with_many_teeth() -> Op:
    def right(g, y, a, b):
        return -(g * np.rint((plain(a) - plain(y)) / plain(b)).astype(g.dtype))

    return binary(lambda a, b: np.mod(a, b), lambda g, y, a, b: g * 1.0, right, domains=(POSITIVE, POSITIVE))


@tricky
def maximum_of_a_row_gives_its_tie_to_the_first() -> Op:
    def rule(g, y, x):
        hot = np.zeros(x.shape, dtype=x.dtype)
        np.put_along_axis(hot, np.argmax(plain(x), axis=-1)[..., None], 1.0, axis=-1)
        return mg.expand_dims(g, -1) * hot

    def forward(x: Array) -> Array:
        y: Array = np.max(x, axis=-1)
        return y

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 5),)])
