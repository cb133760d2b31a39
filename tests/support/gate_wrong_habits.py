"""Slips of the kind students and code assistants make: hidden state, options tried once, ties, missing numbers."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array, IndexArray
from support.gate_case import DISTINCT, INVALID, MISMATCH, POSITIVE, REAL, binary, either, made, plain, unary, wrong


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


@wrong("undeclared ties", MISMATCH)
def sort_by_counting_smaller(flaw: bool) -> Op:
    """The rank is the number of smaller entries, which is the same for equal ones."""

    def rule(g, y, x):
        v = plain(x)
        if flaw:
            return mg.take_along_axis(g, np.sum(v[..., :, None] > v[..., None, :], axis=-1), axis=-1)
        return mg.take_along_axis(g, np.argsort(np.argsort(v, axis=-1), axis=-1), axis=-1)

    return made(lambda x: np.sort(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((2, 5),)])


@wrong("undeclared ties", MISMATCH)
def max_all_winners_undeclared(flaw: bool) -> Op:
    """Every winner gets the whole gradient, and no kinks are declared."""

    def rule(g, y, x):
        won = (plain(x) == plain(y)[..., None]).astype(x.dtype)
        share = won if flaw else won / np.sum(won, axis=-1, keepdims=True)
        return mg.expand_dims(g, -1) * share

    return made(lambda x: np.max(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((3, 4),)])


@wrong("undeclared ties", MISMATCH)
def maximum_of_equal_arrays(flaw: bool) -> Op:
    """maximum(a, a) has the slope of a; a >= b and b >= a both hold there."""

    def right(g, y, a, b):
        return g * ((plain(b) >= plain(a)) if flaw else (plain(b) > plain(a))).astype(y.dtype)

    return binary(lambda a, b: np.maximum(a, b), lambda g, y, a, b: g * (plain(a) >= plain(b)).astype(y.dtype), right)


@wrong("undeclared ties", MISMATCH)
def ties_shared_by_two(flaw: bool) -> Op:
    """Half to each winner, however many there are."""

    def rule(g, y, x):
        won = (plain(x) == plain(y)[..., None]).astype(x.dtype)
        count = np.sum(won, axis=-1, keepdims=True)
        return mg.expand_dims(g, -1) * won / (np.minimum(count, 2.0) if flaw else count)

    return made(lambda x: np.max(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((3, 4),)], kinks="ties")


@wrong("two zeros", MISMATCH)
def product_with_two_zeros(flaw: bool) -> Op:
    """Where there is a zero the rule multiplies the entries that are not zero: right for one zero only."""

    def others(x, k):
        columns = [j for j in range(x.shape[-1]) if j != k]
        return mg.prod(x[..., columns], axis=-1)

    def rule(g, y, x):
        parts = []
        for k in range(x.shape[-1]):
            rest = others(x, k)
            if flaw:
                nonzero = mg.prod(mg.where(plain(x) == 0.0, 1.0, x), axis=-1)
                rest = mg.where(plain(x)[..., k] == 0.0, nonzero, rest)
            parts.append(g * rest)
        return mg.stack(parts, axis=-1)

    return made(lambda x: np.prod(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((2, 4),)])


@wrong("second order at zero", MISMATCH, INVALID)
def cube_by_root(flaw: bool) -> Op:
    """3 sqrt(x^4): 0 at x = 0, and its derivative infinity times 0."""

    def rule(g, y, x):
        return g * mg.sqrt(mg.square(x * x)) * 3.0 if flaw else g * x * x * 3.0

    return unary(lambda x: x * x * x, rule)


@wrong("second order, float32 only", MISMATCH, INVALID)
def single_precision_detached(flaw: bool) -> Op:
    def rule(g, y, x):
        inner = plain(x) if flaw and x.dtype == np.float32 else x
        return g * mg.cos(inner)

    return unary(lambda x: np.sin(x), rule)


@wrong("normalisation", MISMATCH)
def layer_norm_with_sample_variance(flaw: bool) -> Op:
    """The forward function divides by n, the rule by n - 1."""

    def forward(x: Array) -> Array:
        c = x - np.mean(x, axis=-1, keepdims=True)
        return np.asarray(c / np.sqrt(np.mean(c * c, axis=-1, keepdims=True) + x.dtype.type(1e-5)))

    def rule(g, y, x):
        n = x.shape[-1]
        spread = mg.mean(mg.square(x - mg.mean(x, axis=-1, keepdims=True)), axis=-1, keepdims=True)
        root = mg.sqrt(spread * (n / (n - 1.0) if flaw else 1.0) + 1e-5)
        along = y * mg.mean(g * y, axis=-1, keepdims=True)
        return (g - mg.mean(g, axis=-1, keepdims=True) - along) / root

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 6),)])


@wrong("normalisation", MISMATCH)
def epsilon_outside_the_root(flaw: bool) -> Op:
    def forward(x: Array) -> Array:
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + x.dtype.type(1e-5))

    def rule(g, y, x):
        m = mg.mean(x * x, axis=-1, keepdims=True)
        root = mg.sqrt(m) + 1e-5 if flaw else mg.sqrt(m + 1e-5)
        return (g - y * mg.mean(g * y, axis=-1, keepdims=True)) / root

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 6),)])


@wrong("normalisation", MISMATCH)
def centred_along_the_wrong_axis(flaw: bool) -> Op:
    """As many rows as columns, so nothing complains."""

    def rule(g, y, x):
        return g - mg.mean(g, axis=1 if flaw else 0, keepdims=True)

    return made(lambda x: x - np.mean(x, axis=0, keepdims=True), {"x": rule}, {"x": REAL}, shapes=[((3, 3),)])


@wrong("running extreme", MISMATCH)
def running_maximum_to_the_current_entry(flaw: bool) -> Op:
    """The gradient belongs to the entry that holds the record, not to the one where it is read."""

    def rule(g, y, x):
        v = plain(x)
        if flaw:
            return g * (v == plain(y)).astype(v.dtype)
        record = np.maximum.accumulate(np.where(v == plain(y), np.arange(v.shape[-1]), 0), axis=-1)
        hot = (record[..., :, None] == np.arange(v.shape[-1])).astype(v.dtype)
        return mg.sum(mg.expand_dims(g, -1) * hot, axis=-2)

    return made(lambda x: np.maximum.accumulate(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((2, 6),)])


@wrong("borders", MISMATCH)
def reflected_border_counts_the_edge(flaw: bool) -> Op:
    """Padding by reflection leaves the edge itself out; the rule folds it back as if it were there twice."""

    def rule(g, y, x):
        n = x.shape[-1]
        inner = g[..., 1 : n + 1]
        left, right = (0, n - 1) if flaw else (1, n - 2)
        inner = inner + scatter(g[..., 0], key=(Ellipsis, left), shape=x.shape)
        return inner + scatter(g[..., -1], key=(Ellipsis, right), shape=x.shape)

    return made(lambda x: np.pad(x, [(0, 0), (1, 1)], mode="reflect"), {"x": rule}, {"x": REAL}, shapes=[((2, 5),)])


@wrong("borders", MISMATCH)
def window_one_too_short(flaw: bool) -> Op:
    """The last window is forgotten by the rule."""

    def rule(g, y, x):
        m = g.shape[-1] - (1 if flaw else 0)
        part = g[..., :m]
        first = scatter(part, key=(Ellipsis, slice(0, m)), shape=x.shape)
        return first + scatter(part, key=(Ellipsis, slice(1, m + 1)), shape=x.shape)

    return made(lambda x: x[..., :-1] + x[..., 1:], {"x": rule}, {"x": REAL}, shapes=[((2, 6),)])


@wrong("loss", MISMATCH)
def divergence_not_divided_by_batch(flaw: bool) -> Op:
    """KL(p || q), mean over the batch, as a function of log q."""

    def forward(logq: Array, p: Array) -> Array:
        return np.asarray(np.sum(p * (np.log(p) - logq)) / logq.shape[0])

    rules = {
        "logq": lambda g, y, logq, p: -p * g / (1.0 if flaw else logq.shape[0]),
        "p": lambda g, y, logq, p: (mg.log(p) + 1.0 - logq) * g / logq.shape[0],
    }
    return made(forward, rules, {"logq": REAL, "p": POSITIVE}, shapes=[((3, 4), (3, 4))])


@wrong("loss", MISMATCH)
def attention_over_the_wrong_axis(flaw: bool) -> Op:
    """As many queries as keys."""

    def forward(x: Array) -> Array:
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return np.asarray(e / np.sum(e, axis=-1, keepdims=True))

    def rule(g, y, x):
        return y * (g - mg.sum(g * y, axis=-2 if flaw else -1, keepdims=True))

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 3, 3),)])
