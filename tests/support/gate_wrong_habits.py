"""Habits of hand-written code: what is assumed of an option or index, kept between calls, and hidden."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array, IndexArray
from support.gate_case import INVALID, MISMATCH, POSITIVE, REAL, binary, either, made, plain, unary, wrong


@wrong("option tried once", MISMATCH, INVALID)
def width_hard_coded(flaw: bool) -> Op:
    """A moving sum that was tried with one width."""

    def forward(x: Array, *, width: int = 3) -> Array:
        m = x.shape[-1] - width + 1
        return sum((x[..., i : i + m] for i in range(1, width)), x[..., :m] * 1.0)

    def rule(g, y, x, *, width):
        m = g.shape[-1]
        taps = range(3 if flaw else width)
        return sum(scatter(g, key=(Ellipsis, slice(i, i + m)), shape=x.shape) for i in taps)

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 7),)], params=[{"width": 3}])


@wrong("option tried once", MISMATCH)
def exponent_of_two_assumed(flaw: bool) -> Op:
    def rule(g, y, x, *, p):
        return g * x * 2.0 if flaw else g * y / x * p

    return made(lambda x, *, p: np.power(x, p), {"x": rule}, {"x": POSITIVE}, elementwise=True, params=[{"p": 2.0}])


@wrong("option tried once", MISMATCH)
def slope_of_one_percent_assumed(flaw: bool) -> Op:
    def rule(g, y, x, *, slope):
        return g * either(plain(x) > 0, 1.0, 0.01 if flaw else slope, x)

    return made(
        lambda x, *, slope=0.01: np.where(x > 0, x, x * x.dtype.type(slope)), {"x": rule}, {"x": REAL},
        elementwise=True, kinks=(0.0,),
    )  # fmt: skip


@wrong("option tried once", MISMATCH, INVALID)
def degrees_of_freedom_assumed(flaw: bool) -> Op:
    def rule(g, y, x, *, ddof):
        n = x.shape[-1] - (0 if flaw else ddof)
        return mg.expand_dims(g, -1) * (x - mg.mean(x, axis=-1, keepdims=True)) * (2.0 / n)

    return made(lambda x, *, ddof=0: np.var(x, axis=-1, ddof=ddof), {"x": rule}, {"x": REAL}, shapes=[((3, 5),)])


@wrong("option tried once", MISMATCH)
def temperature_squared(flaw: bool) -> Op:
    """softmax(x / T) at T = 1 only: the rule divides twice."""

    def forward(x: Array, *, temperature: float = 1.0) -> Array:
        e = np.exp((x - np.max(x, axis=-1, keepdims=True)) / temperature)
        return np.asarray(e / np.sum(e, axis=-1, keepdims=True))

    def rule(g, y, x, *, temperature):
        scale = temperature * temperature if flaw else temperature
        return y * (g - mg.sum(g * y, axis=-1, keepdims=True)) / scale

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("unlisted metadata", MISMATCH, INVALID)
def count_of_negative_axes(flaw: bool) -> Op:
    """The mean over a tuple of axes; a negative one is not found when its length is looked up."""

    def rule(g, y, x, *, axis):
        axes = tuple(a % x.ndim for a in axis)
        counted = axis if flaw else axes
        count = 1
        for k, n in enumerate(x.shape):
            count *= n if k in counted else 1
        kept = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
        return mg.broadcast_to(mg.reshape(g / count, kept), x.shape)

    return made(
        lambda x, *, axis: np.asarray(np.mean(x, axis=axis)), {"x": rule}, {"x": REAL}, shapes=[((2, 3, 4),)],
        params=[{"axis": (0, 1)}, {"axis": (1, 2)}],
    )  # fmt: skip


@wrong("negative index", MISMATCH)
def one_hot_of_negative_index(flaw: bool) -> Op:
    """x[i] by indexing, its gradient by comparing with 0, 1, 2, ...: -1 is found by the first only."""

    def rule(g, y, x, i):
        places = plain(i) if flaw else plain(i) % x.shape[0]
        hot = (places[:, None] == np.arange(x.shape[0])).astype(x.dtype)
        return mg.matmul(mg.transpose(hot), g)

    def forward(x: Array, i: IndexArray) -> Array:
        return x[i]

    return made(forward, {"x": rule}, {"x": REAL, "i": mg.integer_index(4)}, shapes=[((4, 3), (6,))])


@wrong("negative index", MISMATCH)
def negative_labels_clamped(flaw: bool) -> Op:
    """Picks one score of each row; the rule clamps the label into range."""

    def forward(x: Array, label: IndexArray) -> Array:
        return x[np.arange(x.shape[0]), label]

    def rule(g, y, x, label):
        k = np.clip(plain(label), 0, x.shape[1] - 1) if flaw else plain(label)
        return scatter(g, key=(np.arange(x.shape[0]), k), shape=x.shape)

    return made(forward, {"x": rule}, {"x": REAL, "label": mg.integer_index(3)}, shapes=[((5, 3), (5,))])


@wrong("hidden state", INVALID, MISMATCH)
def slope_cached_by_identity(flaw: bool) -> Op:
    """Keeps array and slope by id(x): right until the numbers in the array's memory are updated, as a step does."""
    kept: dict[int, tuple[Array, Array]] = {}

    def rule(g, y, x):
        if isinstance(x, mg.Tensor) or not flaw:
            return g * mg.cos(x)
        if id(x) not in kept:
            kept[id(x)] = x, np.cos(x)
        return g * kept[id(x)][1]

    return unary(lambda x: np.sin(x), rule)


@wrong("hidden state", INVALID, MISMATCH)
def slope_cached_by_first_entry(flaw: bool) -> Op:
    """Takes an array with the same shape and first entry for the same array."""
    kept: dict[tuple[object, ...], Array] = {}

    def rule(g, y, x):
        if isinstance(x, mg.Tensor) or not flaw or not x.size:
            return g * x * 2.0
        key = (x.shape, x.dtype, x.flat[0])
        kept.setdefault(key, x * 2.0)
        return g * kept[key]

    return made(lambda x: x * x, {"x": rule}, {"x": REAL})


@wrong("hidden state", INVALID, MISMATCH)
def second_rule_uses_what_the_first_left(flaw: bool) -> Op:
    """The rule for a keeps g y for the rule for b, which is not always called after it."""
    kept: list[object] = []

    def left(g, y, a, b):
        kept[:] = [g * y]
        return g * y * b

    def right(g, y, a, b):
        return (kept[0] if flaw and kept else g * y) * a

    return binary(lambda a, b: np.exp(a * b * 0.125), lambda *s: left(*s) * 0.125, lambda *s: right(*s) * 0.125)


@wrong("hidden state", INVALID)
def seeds_the_global_generator(flaw: bool) -> Op:
    """Makes its random numbers repeatable, and everybody else's too."""

    def rule(g, y, x):
        if flaw:
            np.random.seed(0)
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("hidden state", INVALID)
def forward_seeds_the_global_generator(flaw: bool) -> Op:
    """Dropout that is the same at every call."""

    def forward(x: Array) -> Array:
        if flaw:
            np.random.seed(7)
            return x * np.random.random(x.shape[-1:]).astype(x.dtype)
        return x * np.linspace(0.0, 1.0, x.shape[-1]).astype(x.dtype)

    def rule(g, y, x):
        if flaw:
            return g * np.random.RandomState(7).random(x.shape[-1:]).astype(x.dtype)
        return g * np.linspace(0.0, 1.0, x.shape[-1]).astype(x.dtype)

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("hidden state", INVALID)
def leaves_errors_silenced(flaw: bool) -> Op:
    """Silences NumPy's warnings for the rest of the program."""

    def rule(g, y, x):
        if flaw:
            np.seterr(all="ignore")
        return g / x

    return unary(lambda x: np.log(x), rule, POSITIVE)


@wrong("hidden state", INVALID, MISMATCH)
def gradient_not_initialised(flaw: bool) -> Op:
    """np.empty for np.zeros: the entries that are not written hold whatever was in memory."""

    def rule(g, y, x):
        if flaw and not isinstance(g, mg.Tensor):
            out = np.empty_like(x)
            out[..., 0] = g
            return out
        return scatter(g, key=(Ellipsis, 0), shape=x.shape)

    return made(lambda x: x[..., 0] * 1.0, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("missing numbers", INVALID, MISMATCH)
def missing_gradient_hidden(flaw: bool) -> Op:
    """nan_to_num "for safety": a loss that is NaN trains on as if nothing had happened."""

    def rule(g, y, x):
        return (mg.nan_to_num(g) if flaw else g) * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("missing numbers", INVALID, MISMATCH)
def missing_gradient_hidden_in_sum(flaw: bool) -> Op:
    def rule(g, y, x):
        kept = mg.nan_to_num(g) if flaw else g
        return mg.broadcast_to(mg.expand_dims(kept, -1), x.shape)

    return made(lambda x: np.asarray(np.sum(x, axis=-1)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])
