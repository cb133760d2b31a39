"""Rules that remember, forget, gamble, look at the clock, or share their buffers."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array, BoolArray
from support.gate_case import DISTINCT, INCONCLUSIVE, INVALID, MISMATCH, REAL, binary, either, made, plain, unary, wrong


@wrong("stateful", INVALID, MISMATCH)
def second_call_doubles(flaw: bool) -> Op:
    calls: list[int] = []

    def rule(g, y, x):
        calls.append(1)
        return g * mg.cos(x) * (2.0 if flaw and len(calls) > 1 else 1.0)

    return unary(lambda x: np.sin(x), rule)


@wrong("stateful", INVALID, MISMATCH)
def tenth_call_doubles(flaw: bool) -> Op:
    calls: list[int] = []

    def rule(g, y, x):
        calls.append(1)
        return g * mg.cos(x) * (2.0 if flaw and len(calls) == 10 else 1.0)

    return unary(lambda x: np.sin(x), rule)


@wrong("stateful", INVALID, MISMATCH)
def gradient_accumulates(flaw: bool) -> Op:
    total: list[Array] = [np.zeros(())]

    def rule(g, y, x):
        if flaw and isinstance(g, np.ndarray):
            total[0] = total[0] + np.sum(g)
            return mg.broadcast_to(total[0], x.shape)
        return mg.broadcast_to(g, x.shape)

    return made(lambda x: np.sum(x), {"x": rule}, {"x": REAL})


@wrong("stateful", INVALID, MISMATCH)
def cached_by_shape(flaw: bool) -> Op:
    """Keeps the derivative of the first argument it saw of each shape."""
    seen: dict[tuple[int, ...], object] = {}

    def rule(g, y, x):
        if not flaw:
            return g * mg.cos(x)
        return g * seen.setdefault(x.shape, np.cos(plain(x)))

    return unary(lambda x: np.sin(x), rule)


@wrong("stateful", INVALID, MISMATCH)
def mask_cached_by_shape(flaw: bool) -> Op:
    """The same for a mask, whose own derivative is zero, so that second order cannot tell."""
    seen: dict[tuple[int, ...], Array] = {}

    def rule(g, y, x):
        mask = np.greater(plain(x), 0.0).astype(np.float64)
        return g * (seen.setdefault(x.shape, mask) if flaw else mask).astype(x.dtype)

    return made(lambda x: np.maximum(x, 0.0), {"x": rule}, {"x": REAL}, kinks=[0.0], shapes=[((3, 4),)])


@wrong("stateful", INVALID, MISMATCH)
def mask_of_last_forward(flaw: bool) -> Op:
    """relu whose forward function leaves the mask for the rule: two calls, and the first one's gradient is wrong."""
    last: list[BoolArray] = []

    def forward(x: Array) -> Array:
        last[:] = [x > 0.0]
        return np.maximum(x, 0.0)

    def rule(g, y, x):
        return g * (last[0] if flaw else plain(x) > 0.0).astype(x.dtype)

    return unary(forward, rule, kinks=[0.0])


@wrong("stateful", INVALID, MISMATCH)
def argmax_of_last_forward(flaw: bool) -> Op:
    last: list[Array] = []

    def forward(x: Array) -> Array:
        last[:] = [np.argmax(x, axis=-1)]
        return np.asarray(np.max(x, axis=-1))

    def rule(g, y, x):
        winner = last[0] if flaw else np.argmax(plain(x), axis=-1)
        return mg.expand_dims(g, -1) * np.eye(x.shape[-1], dtype=x.dtype)[winner]

    return made(forward, {"x": rule}, {"x": DISTINCT}, shapes=[((3, 4),)])


@wrong("stateful", INVALID, MISMATCH)
def output_of_last_forward(flaw: bool) -> Op:
    last: list[Array] = []

    def forward(x: Array) -> Array:
        last[:] = [np.exp(x)]
        return last[0]

    return unary(forward, lambda g, y, x: g * (last[0] if flaw else y))


@wrong("stateful", INVALID, MISMATCH)
def shape_of_last_forward(flaw: bool) -> Op:
    last: list[tuple[int, ...]] = []

    def forward(x: Array) -> Array:
        last[:] = [x.shape]
        return np.asarray(np.sum(x))

    def rule(g, y, x):
        return mg.broadcast_to(g, last[0] if flaw else x.shape)

    return made(forward, {"x": rule}, {"x": REAL})


@wrong("stateful", INVALID, MISMATCH, INCONCLUSIVE)
def dropout_mask_of_last_forward(flaw: bool) -> Op:
    last: list[Array] = []
    rng = np.random.default_rng(7)

    def forward(x: Array) -> Array:
        last[:] = [(rng.random(x.shape) < 0.5).astype(x.dtype) if flaw else np.ones(x.shape, dtype=x.dtype)]
        return x * last[0]

    return unary(forward, lambda g, y, x: g * (last[0].astype(x.dtype) if flaw else 1.0))


@wrong("stateful", INVALID, MISMATCH)
def metadata_changed_by_rule(flaw: bool) -> Op:
    def rule(g, y, x, *, axes):
        inverse = [int(i) for i in np.argsort(axes)]
        if flaw:
            axes[:] = inverse
            return mg.transpose(g, tuple(axes))
        return mg.transpose(g, tuple(inverse))

    return made(
        lambda x, *, axes: np.transpose(x, axes), {"x": rule}, {"x": mg.real((2, 2, 2))}, params=[{"axes": [1, 2, 0]}]
    )


@wrong("stateful", INVALID, MISMATCH, INCONCLUSIVE)
def running_statistics(flaw: bool) -> Op:
    """Centres with a running mean that each call moves."""
    running = np.zeros(())

    def forward(x: Array) -> Array:
        if flaw:
            running[...] = 0.9 * running + 0.1 * x.mean()
        return (x - running).astype(x.dtype)

    return made(forward, {"x": lambda g, y, x: g}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("nondeterministic", INVALID, MISMATCH)
def noise_from_own_generator(flaw: bool) -> Op:
    rng = np.random.default_rng(3)

    def rule(g, y, x):
        return g * mg.cos(x) * (1.0 + (1e-3 * float(rng.standard_normal()) if flaw else 0.0))

    return unary(lambda x: np.sin(x), rule)


@wrong("nondeterministic", INVALID, MISMATCH)
def noise_from_global_generator(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.cos(x) * (1.0 + (1e-5 * float(np.random.random()) if flaw else 0.0))

    return unary(lambda x: np.sin(x), rule)


@wrong("nondeterministic", INVALID, MISMATCH)
def noise_tiny(flaw: bool) -> Op:
    rng = np.random.default_rng(3)

    def rule(g, y, x):
        return g * mg.cos(x) * (1.0 + (1e-9 * float(rng.standard_normal()) if flaw else 0.0))

    return unary(lambda x: np.sin(x), rule)


@wrong("nondeterministic", INVALID, MISMATCH)
def looks_at_the_clock(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.cos(x) * (1.0 + (1e-3 * (time.perf_counter_ns() % 1000) if flaw else 0.0))

    return unary(lambda x: np.sin(x), rule)


@wrong("nondeterministic", INVALID, MISMATCH, INCONCLUSIVE)
def forward_adds_noise(flaw: bool) -> Op:
    rng = np.random.default_rng(5)

    def forward(x: Array) -> Array:
        return x + (0.01 * rng.standard_normal(x.shape).astype(x.dtype) if flaw else 0.0)

    return unary(forward, lambda g, y, x: g)


@wrong("nondeterministic", INVALID, MISMATCH, INCONCLUSIVE)
def forward_adds_tiny_noise(flaw: bool) -> Op:
    rng = np.random.default_rng(5)

    def forward(x: Array) -> Array:
        return np.sin(x) + (1e-9 * rng.standard_normal(x.shape).astype(x.dtype) if flaw else 0.0)

    return made(forward, {"x": lambda g, y, x: g * mg.cos(x)}, {"x": REAL})


@wrong("nondeterministic", INVALID, MISMATCH)
def stochastic_rounding_of_gradient(flaw: bool) -> Op:
    rng = np.random.default_rng(11)

    def rule(g, y, x):
        d = g * mg.cos(x)
        if flaw and isinstance(d, np.ndarray):
            return (np.floor(d * 2.0**12 + rng.random(d.shape)) * 2.0**-12).astype(x.dtype)
        return d

    return unary(lambda x: np.sin(x), rule)


@wrong("shared buffer", INVALID, MISMATCH)
def reuses_one_buffer(flaw: bool) -> Op:
    buffers: dict[tuple[object, ...], Array] = {}

    def rule(g, y, x):
        if flaw and isinstance(g, np.ndarray):
            buffer = buffers.setdefault((x.shape, x.dtype.str), np.empty(x.shape, dtype=x.dtype))
            return np.multiply(g, np.cos(x), out=buffer)
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("shared buffer", INVALID, MISMATCH)
def alternates_two_buffers(flaw: bool) -> Op:
    buffers: dict[tuple[object, ...], list[Array]] = {}

    def rule(g, y, x):
        if flaw and isinstance(g, np.ndarray):
            pair = buffers.setdefault((x.shape, x.dtype.str), [np.empty(x.shape, dtype=x.dtype) for _ in range(2)])
            pair.reverse()
            return np.multiply(g, np.cos(x), out=pair[0])
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("shared buffer", INVALID, MISMATCH)
def one_buffer_for_both_arguments(flaw: bool) -> Op:
    buffers: dict[tuple[object, ...], Array] = {}

    def scaled(g, other):
        if flaw and isinstance(g, np.ndarray) and g.shape == other.shape:
            buffer = buffers.setdefault((g.shape, g.dtype.str), np.empty(g.shape, dtype=g.dtype))
            return np.multiply(g, other, out=buffer)
        return g * other

    return binary(lambda a, b: a * b, lambda g, y, a, b: scaled(g, b), lambda g, y, a, b: scaled(g, a))


@wrong("shared buffer", INVALID, MISMATCH)
def forward_reuses_its_output(flaw: bool) -> Op:
    """The second call overwrites the first call's result."""
    buffers: dict[tuple[object, ...], Array] = {}

    def forward(x: Array) -> Array:
        if not flaw:
            return np.exp(x)
        buffer = buffers.setdefault((x.shape, x.dtype.str), np.empty(x.shape, dtype=x.dtype))
        return np.exp(x, out=buffer)

    return unary(forward, lambda g, y, x: g * y)


@wrong("stateful", INVALID, MISMATCH)
def samples_seen_only_once(flaw: bool) -> Op:
    """Right for the argument it was first called with; a relu with samples of its own."""
    first: list[Array] = []

    def samples(rng: np.random.Generator) -> Iterator[mg.Sample]:
        signs = rng.choice([-1.0, 1.0], 6)
        yield mg.Sample(rng.uniform(0.5, 2.0, 6) * signs)
        yield mg.Sample(rng.uniform(0.5, 2.0, 6) * -signs)

    def rule(g, y, x):
        first[:] = first or [plain(x)]
        at = first[0] if flaw and first[0].shape == x.shape else plain(x)
        return g * either(at > 0.0, 1.0, 0.0, x)

    return made(lambda x: np.maximum(x, 0.0), {"x": rule}, {"x": REAL}, samples=samples)
