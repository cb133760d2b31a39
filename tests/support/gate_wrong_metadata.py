"""Rules that read metadata wrongly, ops with several outputs, and integer arguments."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array
from minigrad.verify.declare import Sample
from support.gate_case import INVALID, MISMATCH, POSITIVE, REAL, UNIT, made, plain, wrong


@wrong("metadata", MISMATCH)
def scale_default_assumed(flaw: bool) -> Op:
    """The rule uses the default instead of the value it was given."""
    return made(
        lambda x, *, scale=2.0: x * scale, {"x": lambda g, y, x, *, scale: g * (2.0 if flaw else scale)}, {"x": REAL},
        params=[{}, {"scale": 3.0}], elementwise=True,
    )  # fmt: skip


@wrong("metadata", MISMATCH)
def scale_default_never_listed(flaw: bool) -> Op:
    """The author lists two values and forgets his own default, for which the rule is wrong."""
    return made(
        lambda x, *, scale=1.0: x * scale,
        {"x": lambda g, y, x, *, scale: g * (0.0 if flaw and scale == 1.0 else scale)}, {"x": REAL},
        params=[{"scale": 2.0}, {"scale": 3.0}],
    )  # fmt: skip


@wrong("metadata", MISMATCH)
def negative_exponent(flaw: bool) -> Op:
    def rule(g, y, x, *, n):
        return g * mg.power(x, float(n - 1)) * float(abs(n) if flaw else n)

    return made(
        lambda x, *, n: x ** float(n), {"x": rule}, {"x": POSITIVE}, params=[{"n": n} for n in (2, 3, -1)],
        elementwise=True,
    )  # fmt: skip


@wrong("metadata", MISMATCH)
def zero_exponent(flaw: bool) -> Op:
    def rule(g, y, x, *, n):
        return g * x * 2.0 if n == 2 else g * (1.0 if n == 1 or flaw else 0.0)

    def forward(x: Array, *, n: int) -> Array:
        if n not in (0, 1, 2):
            raise ValueError("n must be 0, 1 or 2")
        return x**n

    return made(forward, {"x": rule}, {"x": REAL}, params=[{"n": 2}, {"n": 1}, {"n": 0}], elementwise=True)


@wrong("metadata", MISMATCH)
def mode_string_misspelt(flaw: bool) -> Op:
    def forward(x: Array, *, reduction: str) -> Array:
        return np.asarray(x.mean() if reduction == "mean" else x.sum())

    def rule(g, y, x, *, reduction):
        mean = reduction == ("average" if flaw else "mean")
        return mg.broadcast_to(g / float(x.size if mean else 1), x.shape)

    return made(
        forward, {"x": rule}, {"x": REAL}, params=[{"reduction": "sum"}, {"reduction": "mean"}], shapes=[((3, 4),)]
    )


@wrong("metadata", MISMATCH)
def flag_inverted(flaw: bool) -> Op:
    def forward(x: Array, *, reverse: bool) -> Array:
        return np.cumsum(x[::-1])[::-1] if reverse else np.cumsum(x)

    def rule(g, y, x, *, reverse):
        return op(g, reverse=bool(reverse) if flaw else not reverse)

    op = made(forward, {"x": rule}, {"x": REAL}, params=[{"reverse": False}, {"reverse": True}], shapes=[((5,),)])
    return op


@wrong("metadata", MISMATCH)
def bounds_exchanged(flaw: bool) -> Op:
    def rule(g, y, x, *, low, high):
        a, b = (high, low) if flaw else (low, high)
        return g * ((plain(x) > a) & (plain(x) < b)).astype(x.dtype)

    return made(
        lambda x, *, low, high: np.clip(x, low, high), {"x": rule}, {"x": REAL}, elementwise=True,
        params=[{"low": -1.0, "high": 2.0}], kinks=[-1.0, 2.0],
    )  # fmt: skip


@wrong("metadata", MISMATCH, INVALID)
def axis_none_as_zero(flaw: bool) -> Op:
    def rule(g, y, x, *, axis):
        at = (0 if flaw else None) if axis is None else axis
        weights = mg.softmax(x, axis=at) if at is not None else mg.reshape(mg.softmax(mg.ravel(x)), x.shape)
        kept = (1,) * x.ndim if axis is None else tuple(1 if i == axis else n for i, n in enumerate(x.shape))
        return mg.reshape(g, kept) * weights

    def forward(x: Array, *, axis: int | None = None) -> Array:
        return np.asarray(np.log(np.exp(x).sum(axis=axis)))

    return made(forward, {"x": rule}, {"x": REAL}, params=[{}, {"axis": 0}, {"axis": 1}], shapes=[((2, 3),)])


def _sincos(x: Array) -> tuple[Array, Array]:
    return np.sin(x), np.cos(x)


@wrong("second output", MISMATCH)
def second_output_ignored(flaw: bool) -> Op:
    def rule(g, y, x):
        first = g[0] * mg.cos(x)
        return first if flaw else first - g[1] * mg.sin(x)

    return made(_sincos, {"x": rule}, {"x": REAL})


@wrong("second output", MISMATCH)
def second_output_sign(flaw: bool) -> Op:
    def rule(g, y, x):
        return g[0] * mg.cos(x) + g[1] * mg.sin(x) * (1.0 if flaw else -1.0)

    return made(_sincos, {"x": rule}, {"x": REAL})


@wrong("second output", MISMATCH)
def outputs_exchanged(flaw: bool) -> Op:
    def rule(g, y, x):
        p, q = (g[1], g[0]) if flaw else g
        return p * mg.cos(x) - q * mg.sin(x)

    return made(_sincos, {"x": rule}, {"x": REAL})


@wrong("second output", MISMATCH)
def small_second_output_ignored(flaw: bool) -> Op:
    """The second output is a thousand times smaller than the first."""

    def forward(x: Array) -> tuple[Array, Array]:
        return 1e3 * np.sin(x), np.cos(x)

    def rule(g, y, x):
        first = g[0] * mg.cos(x) * 1e3
        return first if flaw else first - g[1] * mg.sin(x)

    return made(forward, {"x": rule}, {"x": REAL})


@wrong("second output", MISMATCH)
def tiny_second_output_ignored(flaw: bool) -> Op:
    """A hundred million times smaller: hidden in the error bar of a joint projection."""

    def forward(x: Array) -> tuple[Array, Array]:
        return 1e8 * np.sin(x), np.cos(x)

    def rule(g, y, x):
        first = g[0] * mg.cos(x) * 1e8
        return first if flaw else first - g[1] * mg.sin(x)

    return made(forward, {"x": rule}, {"x": UNIT}, shapes=[((3,),)])


@wrong("second output", MISMATCH)
def mean_and_variance_second(flaw: bool) -> Op:
    def forward(x: Array) -> tuple[Array, Array]:
        return np.asarray(x.mean(axis=-1)), np.asarray(x.var(axis=-1))

    def rule(g, y, x):
        n = float(x.shape[-1])
        centred = x if flaw else x - mg.expand_dims(y[0], -1)
        return mg.expand_dims(g[0], -1) / n + mg.expand_dims(g[1], -1) * centred * (2.0 / n)

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("second output", MISMATCH)
def max_with_index_loses_gradient(flaw: bool) -> Op:
    """Outputs (value, index): the index has no gradient, the value has."""

    def forward(x: Array) -> tuple[Array, Array]:
        return np.asarray(x.max(axis=-1)), np.asarray(x.argmax(axis=-1))

    def rule(g, y, x):
        hot = np.eye(x.shape[-1], dtype=x.dtype)[plain(y[1]) * (0 if flaw else 1)]
        return mg.expand_dims(g[0], -1) * hot

    return made(forward, {"x": rule}, {"x": mg.distinct()}, shapes=[((4, 5),)])


@wrong("second output", MISMATCH)
def split_parts_exchanged(flaw: bool) -> Op:
    def forward(x: Array) -> tuple[Array, Array]:
        return x[:2].copy(), x[2:].copy()

    def rule(g, y, x):
        return mg.concatenate([g[1], g[0]] if flaw else [g[0], g[1]])

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((4,),)], linear=True)


@wrong("second output", MISMATCH)
def third_output_doubled(flaw: bool) -> Op:
    def forward(x: Array) -> tuple[Array, Array, Array]:
        return x * 1.0, x * 2.0, x * 3.0

    return made(
        forward, {"x": lambda g, y, x: g[0] + g[1] * 2.0 + g[2] * (6.0 if flaw else 3.0)}, {"x": REAL}, linear=True
    )


@wrong("integer argument", MISMATCH)
def power_of_integer_argument(flaw: bool) -> Op:
    """The exponents are an integer array."""

    def forward(x: Array, n: Array) -> Array:
        return np.power(x, n).astype(x.dtype)

    def rule(g, y, x, n):
        k = plain(n).astype(x.dtype)
        return g * y / x * (1.0 if flaw else k)

    return made(forward, {"x": rule}, {"x": POSITIVE, "n": mg.integer_index(4)})


@wrong("integer argument", INVALID)
def rule_for_integer_argument(flaw: bool) -> Op:
    def forward(x: Array, n: Array) -> Array:
        return (x * n).astype(x.dtype)

    rules = {"x": lambda g, y, x, n: g * plain(n).astype(x.dtype)}
    if flaw:
        rules["n"] = lambda g, y, x, n: g * x
    return made(forward, rules, {"x": REAL, "n": mg.integer_index(4)})


@wrong("integer argument", MISMATCH)
def segment_sum_ignores_segments(flaw: bool) -> Op:
    def forward(x: Array, segment: Array) -> Array:
        y = np.zeros(3, dtype=x.dtype)
        np.add.at(y, segment.astype(int), x)
        return y

    def rule(g, y, x, segment):
        at = plain(segment)
        return g[np.sort(at) if flaw else at]

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for _ in range(2):
            yield Sample(rng.normal(size=6), np.array([2, 0, 1, 1, 0, 2]))

    return made(forward, {"x": rule}, {"x": REAL, "segment": mg.integer_index(3)}, samples=samples)


@wrong("integer argument", MISMATCH)
def gather_drops_index_zero(flaw: bool) -> Op:
    """Takes index 0 for padding in the rule, not in the forward function."""

    def rule(g, y, table, index):
        keep = (plain(index) != 0)[..., None].astype(g.dtype) if flaw else 1.0
        return scatter(g * keep, key=(plain(index),), shape=table.shape)

    return made(
        lambda table, index: table[index], {"table": rule}, {"table": REAL, "index": mg.integer_index(4)},
        shapes=[((4, 2), (6,))],
    )  # fmt: skip


@wrong("hidden by scale", MISMATCH)
def small_argument_forgotten(flaw: bool) -> Op:
    """1e6 a + b: the gradient of b drowns next to that of a."""
    return made(
        lambda a, b: 1e6 * a + b, {"a": lambda g, y, a, b: g * 1e6, "b": lambda g, y, a, b: g * (0.5 if flaw else 1.0)},
        {"a": REAL, "b": REAL},
    )  # fmt: skip


@wrong("hidden by scale", MISMATCH)
def weak_entries_forgotten(flaw: bool) -> Op:
    """sum(w x) with weights over eight decades; the weakest weight is wrong."""
    weights = np.logspace(0, -8, 9)
    claimed = weights.copy()
    claimed[-1] *= 0.5 if flaw else 1.0

    def rule(g, y, x):
        return g * claimed.astype(x.dtype)

    return made(lambda x: np.asarray((x * weights.astype(x.dtype)).sum()), {"x": rule}, {"x": REAL}, shapes=[((9,),)])


@wrong("hidden by scale", MISMATCH)
def weak_entries_of_elementwise_map(flaw: bool) -> Op:
    """exp over [-20, 0]: the smallest values matter in a probability, and the rule zeroes them."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(np.linspace(-20.0, 0.0, 11) + rng.uniform(0.0, 0.5, 11))

    def rule(g, y, x):
        return g * y * ((plain(x) > -15.0).astype(x.dtype) if flaw else 1.0)

    return made(lambda x: np.exp(x), {"x": rule}, {"x": REAL}, samples=samples)
