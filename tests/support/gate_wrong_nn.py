"""Wrong rules of normalisation layers, losses, and the odds and ends of networks."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array, V
from support.gate_case import MISMATCH, POSITIVE, REAL, either, made, plain, wrong

ROWS = [((3, 5),)]
EPS = 1e-5


def _rowmean(x: V) -> V:
    return mg.mean(x, axis=-1, keepdims=True)


def _layer_norm(x: Array) -> Array:
    c = x - x.mean(axis=-1, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + EPS)


def _norm_rule(flaw: str):
    def rule(g, y, x):
        c = x - _rowmean(x)
        s = mg.sqrt(_rowmean(c * c) + (0.0 if flaw == "eps" else EPS))
        h = c / s
        first = g * 0.0 if flaw in ("mean", "both") else _rowmean(g)
        second = g * 0.0 if flaw in ("variance", "both") else h * _rowmean(g * h)
        return (g - first - second) / s

    return rule


@wrong("forgotten term", MISMATCH)
def layer_norm_without_mean_terms(flaw: bool) -> Op:
    return made(_layer_norm, {"x": _norm_rule("both" if flaw else "")}, {"x": REAL}, shapes=ROWS)


@wrong("forgotten term", MISMATCH)
def layer_norm_without_variance_term(flaw: bool) -> Op:
    return made(_layer_norm, {"x": _norm_rule("variance" if flaw else "")}, {"x": REAL}, shapes=ROWS)


@wrong("forgotten term", MISMATCH)
def layer_norm_without_centring(flaw: bool) -> Op:
    return made(_layer_norm, {"x": _norm_rule("mean" if flaw else "")}, {"x": REAL}, shapes=ROWS)


@wrong("relative error 1e-6", MISMATCH)
def layer_norm_without_epsilon(flaw: bool) -> Op:
    return made(_layer_norm, {"x": _norm_rule("eps" if flaw else "")}, {"x": REAL}, shapes=ROWS)


def _batch_norm(flaw: str) -> Op:
    def forward(x: Array, scale: Array, shift: Array) -> Array:
        c = x - x.mean(axis=0)
        return c / np.sqrt((c * c).mean(axis=0) + EPS) * scale + shift

    def normal(x):
        c = x - mg.mean(x, axis=0, keepdims=True)
        s = mg.sqrt(mg.mean(c * c, axis=0, keepdims=True) + EPS)
        return c / s, s

    def rule(g, y, x, scale, shift):
        h, s = normal(x)
        axis = -1 if flaw == "axis" else 0
        k = g if flaw == "scale" else g * scale
        centred = k - mg.mean(k, axis=axis, keepdims=True) - h * mg.mean(k * h, axis=axis, keepdims=True)
        return centred / s, g if flaw == "gamma" else g * h, g / float(x.shape[0]) if flaw == "beta" else g

    return made(
        forward, {"x scale shift": rule}, {"x": REAL, "scale": REAL, "shift": REAL}, shapes=[((6, 4), (4,), (4,))]
    )


@wrong("axis", MISMATCH)
def batch_norm_over_features(flaw: bool) -> Op:
    return _batch_norm("axis" if flaw else "")


@wrong("forgotten term", MISMATCH)
def batch_norm_scale_forgotten(flaw: bool) -> Op:
    return _batch_norm("scale" if flaw else "")


@wrong("second argument only", MISMATCH)
def batch_norm_scale_as_shift(flaw: bool) -> Op:
    return _batch_norm("gamma" if flaw else "")


@wrong("broadcast only", MISMATCH)
def batch_norm_shift_averaged(flaw: bool) -> Op:
    return _batch_norm("beta" if flaw else "")


@wrong("factor", MISMATCH)
def rms_norm_size(flaw: bool) -> Op:
    def rule(g, y, x):
        s = mg.sqrt(_rowmean(x * x) + EPS)
        dot = mg.sum(g * x, axis=-1, keepdims=True) / (1.0 if flaw else float(x.shape[-1]))
        return g / s - x * dot / (s * s * s)

    return made(
        lambda x: x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPS), {"x": rule}, {"x": REAL}, shapes=ROWS
    )


def _cross_entropy(x: Array, labels: Array) -> Array:
    s = x - x.max(axis=-1, keepdims=True)
    log_p = s - np.log(np.exp(s).sum(axis=-1, keepdims=True))
    return np.asarray(-log_p[np.arange(x.shape[0]), labels].mean())


def _ce_op(flaw: str) -> Op:
    def rule(g, y, x, labels):
        index = plain(labels).astype(int)
        hot = np.eye(x.shape[-1], dtype=x.dtype)[(index + 1) % x.shape[-1] if flaw == "label" else index]
        p = mg.sigmoid(x) if flaw == "sigmoid" else mg.softmax(x)
        n = 1.0 if flaw == "count" else float(x.shape[-1] if flaw == "classes" else x.shape[0])
        return g * (p if flaw == "hot" else p - hot) / n

    return made(_cross_entropy, {"x": rule}, {"x": REAL, "labels": mg.integer_index(4)}, shapes=[((3, 4), (3,))])


@wrong("factor", MISMATCH)
def cross_entropy_without_mean(flaw: bool) -> Op:
    return _ce_op("count" if flaw else "")


@wrong("factor", MISMATCH)
def cross_entropy_divided_by_classes(flaw: bool) -> Op:
    return _ce_op("classes" if flaw else "")


@wrong("forgotten term", MISMATCH)
def cross_entropy_without_one_hot(flaw: bool) -> Op:
    return _ce_op("hot" if flaw else "")


@wrong("integer argument", MISMATCH)
def cross_entropy_labels_shifted(flaw: bool) -> Op:
    return _ce_op("label" if flaw else "")


@wrong("formula", MISMATCH)
def cross_entropy_with_sigmoid(flaw: bool) -> Op:
    return _ce_op("sigmoid" if flaw else "")


@wrong("metadata", MISMATCH)
def label_smoothing_ignored(flaw: bool) -> Op:
    def forward(x: Array, *, target: int, smooth: float) -> Array:
        log_p = x - np.log(np.exp(x).sum())
        return np.asarray(-(1.0 - smooth) * log_p[target] - smooth * log_p.mean())

    def rule(g, y, x, *, target, smooth):
        n = x.shape[0]
        s = 0.0 if flaw else smooth
        want = np.full(n, s / n, dtype=x.dtype)
        want[target] += 1.0 - s
        return g * (mg.softmax(x) - want)

    return made(
        forward, {"x": rule}, {"x": REAL}, shapes=[((4,),)],
        params=[{"target": 1, "smooth": 0.0}, {"target": 2, "smooth": 0.1}],
    )  # fmt: skip


@wrong("factor", MISMATCH)
def mean_squared_error_unhalved(flaw: bool) -> Op:
    def rule(g, y, a, b):
        d = a - b
        d = d * g * ((1.0 if flaw else 2.0) / d.size)
        return d, -d

    def forward(a: Array, b: Array) -> Array:
        return np.asarray(((a - b) ** 2).mean())

    return made(forward, {"a b": rule}, {"a": REAL, "b": REAL}, shapes=[((3, 4), (3, 4))])


@wrong("second argument only", MISMATCH)
def squared_error_target_sign(flaw: bool) -> Op:
    def rule(g, y, a, b):
        d = (a - b) * g * 2.0
        return d, d if flaw else -d

    return made(
        lambda a, b: np.asarray(((a - b) ** 2).sum()), {"a b": rule}, {"a": REAL, "b": REAL}, shapes=[((3,), (3,))]
    )


@wrong("formula", MISMATCH)
def binary_cross_entropy_one_sided(flaw: bool) -> Op:
    def forward(p: Array, t: Array) -> Array:
        return -(t * np.log(p) + (1.0 - t) * np.log(1.0 - p))

    def left(g, y, p, t):
        return -(g * t / p) if flaw else g * (p - t) / (p * (1.0 - p))

    def right(g, y, p, t):
        return g * (mg.log(1.0 - p) - mg.log(p))

    def samples(rng: np.random.Generator) -> Iterator[mg.Sample]:
        yield mg.Sample(rng.uniform(0.1, 0.9, 5), rng.uniform(0.1, 0.9, 5))

    return made(forward, {"p": left, "t": right}, {"p": POSITIVE, "t": POSITIVE}, samples=samples)


@wrong("arguments swapped", MISMATCH)
def kullback_leibler_of_wrong_argument(flaw: bool) -> Op:
    return made(
        lambda p, q: p * (np.log(p) - np.log(q)),
        {
            "p": lambda g, y, p, q: g * (mg.log(p) - mg.log(q) + (0.0 if flaw else 1.0)),
            "q": lambda g, y, p, q: -(g * p / q),
        },
        {"p": POSITIVE, "q": POSITIVE}, elementwise=True,
    )  # fmt: skip


@wrong("margin", MISMATCH)
def svm_loss_without_correct_class(flaw: bool) -> Op:
    def forward(x: Array, *, target: int) -> Array:
        margins = np.maximum(x - x[target] + 1.0, 0.0)
        return np.asarray(margins.sum() - 1.0)

    def rule(g, y, x, *, target):
        active = either(plain(x) - plain(x)[target] + 1.0 > 0.0, 1.0, 0.0, x)
        active[target] = 0.0 if flaw else 1.0 - active.sum()
        return g * active

    return made(forward, {"x": rule}, {"x": mg.distinct()}, shapes=[((5,),)], params=[{"target": 2}, {"target": 0}])


@wrong("mask", MISMATCH)
def dropout_scale_forgotten(flaw: bool) -> Op:
    def forward(x: Array, keep: Array, *, rate: float) -> Array:
        return np.where(keep, x / (1.0 - rate), 0.0).astype(x.dtype)

    def rule(g, y, x, keep, *, rate):
        kept = either(plain(keep), 1.0, 0.0, g)
        return g * kept / (1.0 if flaw else 1.0 - rate)

    return made(
        forward, {"x": rule}, {"x": REAL, "keep": mg.boolean()}, params=[{"rate": 0.5}, {"rate": 0.2}], elementwise=True
    )


@wrong("mask", MISMATCH)
def dropout_mask_ignored(flaw: bool) -> Op:
    def rule(g, y, x, keep):
        return g * 2.0 if flaw else g * either(plain(keep), 2.0, 0.0, g)

    return made(
        lambda x, keep: np.where(keep, x * 2.0, 0.0).astype(x.dtype), {"x": rule}, {"x": REAL, "keep": mg.boolean()}
    )


@wrong("factor", MISMATCH)
def cosine_similarity_unprojected(flaw: bool) -> Op:
    def forward(a: Array, b: Array) -> Array:
        return np.asarray(a @ b / np.sqrt((a @ a) * (b @ b)))

    def one(g, y, a, b):
        na, nb = mg.sqrt(mg.sum(a * a)), mg.sqrt(mg.sum(b * b))
        toward = b / (na * nb)
        return g * (toward if flaw else toward - a * y / (na * na))

    return made(
        forward, {"a": one, "b": lambda g, y, a, b: one(g, y, b, a)}, {"a": REAL, "b": REAL}, shapes=[((4,), (4,))]
    )


@wrong("forgotten term", MISMATCH)
def lstm_cell_forget_gate(flaw: bool) -> Op:
    """c' = f c + i z with the gates as arguments: the rule forgets the old state for f."""

    def forward(c: Array, f: Array, i: Array, z: Array) -> Array:
        return f * c + i * np.tanh(z)

    def rule(g, y, c, f, i, z):
        t = mg.tanh(z)
        return g * f, g if flaw else g * c, g * t, g * i * (1.0 - t * t)

    return made(forward, {"c f i z": rule}, {"c": REAL, "f": REAL, "i": REAL, "z": REAL}, elementwise=True)


@wrong("weighting", MISMATCH)
def weighted_mean_weights_constant(flaw: bool) -> Op:
    """sum(w x) / sum(w): the weights move the denominator too."""

    def forward(x: Array, w: Array) -> Array:
        return np.asarray((w * x).sum() / w.sum())

    def right(g, y, x, w):
        return g * (x if flaw else x - y) / mg.sum(w)

    return made(
        forward, {"x": lambda g, y, x, w: g * w / mg.sum(w), "w": right}, {"x": REAL, "w": POSITIVE},
        shapes=[((5,), (5,))],
    )  # fmt: skip
