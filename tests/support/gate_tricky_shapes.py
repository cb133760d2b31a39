"""Correct ops with unusual signatures: several outputs, integers, any number of arguments, refusals, wild scales."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from minigrad.verify.declare import Sample
from support.gate_case import NONZERO, POSITIVE, REAL, UNIT, made, plain, tricky


@tricky
def sine_and_cosine_at_once() -> Op:
    return made(lambda x: (np.sin(x), np.cos(x)), {"x": lambda g, y, x: g[0] * y[1] - g[1] * y[0]}, {"x": REAL})


@tricky
def outputs_of_different_shapes() -> Op:
    def rule(g, y, x):
        n = float(x.shape[-1])
        centred = x - mg.expand_dims(y[0], -1)
        return mg.expand_dims(g[0], -1) / n + mg.expand_dims(g[1], -1) * centred * (2.0 / n)

    return made(lambda x: (x.mean(axis=-1), x.var(axis=-1)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@tricky
def output_with_an_index() -> Op:
    def rule(g, y, x):
        return mg.expand_dims(g[0], -1) * np.eye(x.shape[-1], dtype=x.dtype)[plain(y[1])]

    return made(
        lambda x: (np.asarray(x.max(axis=-1)), np.asarray(x.argmax(axis=-1))), {"x": rule}, {"x": mg.distinct()},
        shapes=[((3, 5),)],
    )  # fmt: skip


@tricky
def outputs_of_different_scales() -> Op:
    return made(
        lambda x: (1e6 * np.sin(x), 1e-3 * np.cos(x)),
        {"x": lambda g, y, x: g[0] * mg.cos(x) * 1e6 - g[1] * mg.sin(x) * 1e-3}, {"x": UNIT},
    )  # fmt: skip


@tricky
def two_in_two_out() -> Op:
    """Polar coordinates."""

    def rule(g, y, a, b):
        r = y[0]
        return g[0] * a / r - g[1] * b / (r * r), g[0] * b / r + g[1] * a / (r * r)

    return made(
        lambda a, b: (np.hypot(a, b), np.arctan2(b, a)), {"a b": rule}, {"a": NONZERO, "b": NONZERO},
        shapes=[((4,), (4,))],
    )  # fmt: skip


@tricky
def unused_second_output_is_integer() -> Op:
    return made(lambda x: (np.sin(x), np.sign(x).astype(int)), {"x": lambda g, y, x: g[0] * mg.cos(x)}, {"x": REAL})


@tricky
def boolean_mask_argument() -> Op:
    return made(
        lambda x, keep: (x * keep).astype(x.dtype), {"x": lambda g, y, x, keep: g * plain(keep).astype(g.dtype)},
        {"x": REAL, "keep": mg.boolean()},
    )  # fmt: skip


@tricky
def integer_exponents() -> Op:
    def rule(g, y, x, n):
        k = plain(n).astype(x.dtype)
        return g * y / x * k

    return made(lambda x, n: np.power(x, n).astype(x.dtype), {"x": rule}, {"x": NONZERO, "n": mg.integer_index(4)})


@tricky
def integer_argument_comes_first() -> Op:
    def rule(g, y, order, x):
        return g[np.argsort(plain(order))]

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.permutation(5), rng.normal(size=5))

    return made(lambda order, x: x[order], {"x": rule}, {"order": mg.integer_index(5), "x": REAL}, samples=samples)


@tricky
def mean_of_any_number() -> Op:
    def forward(*xs: Array) -> Array:
        return sum(xs[1:], xs[0]) / len(xs)

    return made(forward, {"xs": lambda g, y, *xs: tuple(g / float(len(xs)) for _ in xs)}, {"xs": REAL})


@tricky
def weighted_sum_of_any_number() -> Op:
    def forward(*xs: Array) -> Array:
        return sum(((k + 1.0) * x for k, x in enumerate(xs)), 0.0 * xs[0])

    return made(
        forward, {"xs": lambda g, y, *xs: tuple(g * (k + 1.0) for k in range(len(xs)))}, {"xs": REAL}, linear=True
    )


@tricky
def first_argument_then_any_number() -> Op:
    """A fixed argument and a variadic one, each with its own rule."""

    def forward(scale: Array, *xs: Array) -> Array:
        return scale * sum(xs[1:], xs[0])

    rules = {
        "scale": lambda g, y, scale, *xs: g * sum(xs[1:], xs[0]),
        "xs": lambda g, y, scale, *xs: tuple(g * scale for _ in xs),
    }
    return made(forward, rules, {"scale": REAL, "xs": REAL})


@tricky
def refuses_zero_d() -> Op:
    def forward(x: Array) -> Array:
        if x.ndim == 0:
            raise ValueError("needs an axis")
        return np.asarray(x.sum(axis=-1))

    def rule(g, y, x):
        return mg.broadcast_to(mg.expand_dims(g, -1), x.shape)

    return made(forward, {"x": rule}, {"x": REAL}, linear=True)


@tricky
def refuses_empty() -> Op:
    def forward(x: Array) -> Array:
        if x.size == 0:
            raise ValueError("no entries")
        return np.asarray(x.sum() / x.size)

    return made(forward, {"x": lambda g, y, x: mg.broadcast_to(g / float(x.size), x.shape)}, {"x": REAL})


@tricky
def empty_mean_is_nan() -> Op:
    """NumPy's mean of no entries is NaN; that is the forward function's business."""

    def forward(x: Array) -> Array:
        return np.asarray(x.sum() / np.asarray(x.size, dtype=x.dtype))

    return made(forward, {"x": lambda g, y, x: mg.broadcast_to(g / float(x.size or 1), x.shape)}, {"x": REAL})


@tricky
def needs_at_least_two_axes() -> Op:
    def forward(x: Array) -> Array:
        if x.ndim < 2:
            raise ValueError("needs a matrix")
        return np.swapaxes(x, -1, -2)

    return made(forward, {"x": lambda g, y, x: mg.swapaxes(g, -1, -2)}, {"x": REAL}, linear=True)


@tricky
def output_is_a_view() -> Op:
    return made(
        lambda x: x[..., ::-1], {"x": lambda g, y, x: g[..., ::-1]}, {"x": REAL}, shapes=[((2, 3),)], linear=True
    )


@tricky
def output_is_the_argument() -> Op:
    return made(lambda x: x, {"x": lambda g, y, x: g}, {"x": REAL}, elementwise=True, linear=True)


@tricky
def gradient_is_a_broadcast_view() -> Op:
    def rule(g, y, x):
        return np.broadcast_to(g, x.shape) if isinstance(g, np.ndarray) else mg.broadcast_to(g, x.shape)

    return made(lambda x: np.asarray(x.sum()), {"x": rule}, {"x": REAL}, linear=True)


@tricky
def scalar_output_as_numpy_number() -> Op:
    return made(lambda x: x.sum(), {"x": lambda g, y, x: mg.broadcast_to(g, x.shape)}, {"x": REAL}, shapes=[((3, 4),)])


@tricky
def scale_argument_is_zero_d() -> Op:
    return made(
        lambda x, s: x * s, {"x": lambda g, y, x, s: g * s, "s": lambda g, y, x, s: mg.sum(g * x)},
        {"x": REAL, "s": REAL}, shapes=[((3, 4), ())], linear=False,
    )  # fmt: skip


@tricky
def arguments_of_very_different_scale() -> Op:
    """1e6 a + 1e-6 b: each argument is right, twelve decades apart."""
    return made(
        lambda a, b: 1e6 * a + 1e-6 * b, {"a": lambda g, y, a, b: g * 1e6, "b": lambda g, y, a, b: g * 1e-6},
        {"a": REAL, "b": REAL}, elementwise=True, linear=True,
    )  # fmt: skip


@tricky
def arguments_of_different_scale_unclaimed() -> Op:
    return made(
        lambda a, b: 1e4 * a + 1e-3 * b, {"a": lambda g, y, a, b: g * 1e4, "b": lambda g, y, a, b: g * 1e-3},
        {"a": REAL, "b": REAL},
    )  # fmt: skip


@tricky
def samples_of_very_different_scale() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=5) * 1e6, rng.normal(size=5) * 1e-6)

    return made(
        lambda a, b: a * b, {"a": lambda g, y, a, b: g * b, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL},
        samples=samples,
    )  # fmt: skip


@tricky
def weights_over_decades() -> Op:
    weights = np.logspace(0, -8, 9)
    return made(
        lambda x: np.asarray((x * weights.astype(x.dtype)).sum()), {"x": lambda g, y, x: g * weights.astype(x.dtype)},
        {"x": REAL}, shapes=[((9,),)], linear=True,
    )  # fmt: skip


@tricky
def metadata_of_every_kind() -> Op:
    def forward(x: Array, *, scale: float = 1.0, mode: str = "plain", axes: tuple[int, ...] = (1,)) -> Array:
        y = x * scale if mode == "plain" else x * (-scale)
        return np.asarray(y.sum(axis=axes))

    def rule(g, y, x, *, scale, mode, axes):
        kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        return mg.broadcast_to(mg.reshape(g, kept), x.shape) * (scale if mode == "plain" else -scale)

    params: list[dict[str, object]] = [{}, {"scale": 3.0}, {"mode": "minus"}, {"axes": (0, 2), "scale": 0.5}]
    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 3, 4),)], params=params, linear=True)


@tricky
def argument_used_at_one_metadata_only() -> Op:
    """b matters only with mode='both'."""

    def forward(a: Array, b: Array, *, mode: str) -> Array:
        return a + b if mode == "both" else a + b * 0.0

    rules = {
        "a": lambda g, y, a, b, *, mode: g,
        "b": lambda g, y, a, b, *, mode: g if mode == "both" else g * 0.0,
    }
    return made(forward, rules, {"a": REAL, "b": REAL}, params=[{"mode": "first"}, {"mode": "both"}], linear=True)


@tricky
def gradient_vanishes_for_some_samples() -> Op:
    """relu in front of a sum: some draws are all negative."""
    return made(
        lambda x: np.asarray(np.maximum(x, 0.0).sum()), {"x": lambda g, y, x: g * (plain(x) > 0).astype(x.dtype)},
        {"x": REAL}, shapes=[((2,),)], kinks=[0.0],
    )  # fmt: skip


@tricky
def mixed_domains() -> Op:
    """positive ** unit - each argument keeps to its own domain."""
    return made(
        lambda a, b: a**b, {"a": lambda g, y, a, b: g * b * y / a, "b": lambda g, y, a, b: g * y * mg.log(a)},
        {"a": POSITIVE, "b": UNIT}, elementwise=True,
    )  # fmt: skip
