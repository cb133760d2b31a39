"""Fresh honest mistakes in what a rule keeps, which dtype it meets, and which orders it forgets. Written before trying them."""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return, attr-defined"

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from support.gate_case import INVALID, MISMATCH, POSITIVE, REAL, Wrong, array, made, one, pair, plain, wrong
from support.gate_forms import grown


@wrong("state", MISMATCH, INVALID)
def weights_kept_by_their_option(flaw: bool) -> Op:
    """A table made for the first dtype and length is kept for each value of the option."""
    kept: dict[float, np.ndarray] = {}

    def weights(n, decay):
        return decay ** np.arange(n)

    def rule(g, y, x, *, decay):
        if not flaw:
            return grown(g) * weights(x.shape[-1], decay).astype(x.dtype)
        w = kept.setdefault(decay, weights(512, decay))
        return (
            grown(g) * w[-x.shape[-1] :].astype(x.dtype)
            if x.shape[-1] > 8
            else grown(g) * w[: x.shape[-1]].astype(x.dtype)
        )

    return made(
        lambda x, *, decay=0.5: x @ weights(x.shape[-1], decay).astype(x.dtype),
        {"x": rule},
        {"x": REAL},
        shapes=[((3, 4),)],
        params=[{"decay": 0.5}],
    )


@wrong("state", MISMATCH, INVALID)
def scratch_of_the_largest_call(flaw: bool) -> Op:
    """A buffer that grows with the largest call is not cleared for smaller ones."""
    kept = {"scratch": np.zeros(0)}

    def rule(g, y, x):
        if not flaw or isinstance(g, mg.Tensor):
            return g * 2.0 * x
        if kept["scratch"].size < x.size:
            kept["scratch"] = np.zeros(x.size)
        part = kept["scratch"][: x.size].reshape(x.shape)
        part += g * 2.0 * x
        result = part.astype(x.dtype)
        kept["scratch"][: x.size // 2] = 0.0
        return result

    return made(lambda x: x * x, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("state", MISMATCH, INVALID)
def first_batch_decides_on_the_sign(flaw: bool) -> Op:
    """A branch is chosen at the first call and kept."""
    kept: list[bool] = []

    def rule(g, y, x):
        kept.append(bool(np.sum(plain(x)) > 0.0))
        branch = kept[0] if flaw else np.sum(plain(x)) > 0.0
        return g * (2.0 if branch else -2.0) * x

    return made(lambda x: x * x * (1.0 if np.sum(x) > 0.0 else -1.0), {"x": rule}, {"x": REAL}, shapes=[((1, 4),)])


@wrong("memory", INVALID, MISMATCH)
def forward_sorts_in_place_where_it_may(flaw: bool) -> Op:
    """The argument is sorted in place if it is writeable."""

    def forward(x):
        if flaw and x.flags.writeable:
            x.sort(axis=-1)
            return x * np.arange(1.0, x.shape[-1] + 1.0).astype(x.dtype)
        return np.sort(x, axis=-1) * np.arange(1.0, x.shape[-1] + 1.0).astype(x.dtype)

    def rule(g, y, x):
        order = np.argsort(plain(x), axis=-1, kind="stable")
        hot = (order[..., :, None] == np.arange(x.shape[-1])).astype(x.dtype)
        return mg.sum(grown(g * np.arange(1.0, x.shape[-1] + 1.0).astype(x.dtype)) * hot, axis=-2)

    return made(forward, {"x": rule}, {"x": mg.distinct()}, shapes=[((3, 4),)])


def _distance(x, labels):
    if x.ndim != 2 or labels.shape != x.shape[:1]:
        raise ValueError("labels")
    weight = np.abs(np.arange(x.shape[1]) - labels.astype(np.int64)[:, None])
    return np.sum(x * x * weight.astype(x.dtype), axis=1)


def _distance_rule(g, y, x, labels, narrow=False):
    labels = plain(labels)
    steps = (
        (labels[:, None] - np.arange(x.shape[1]).astype(labels.dtype))
        if narrow
        else labels.astype(np.int64)[:, None] - np.arange(x.shape[1])
    )
    return grown(g) * 2.0 * x * np.abs(steps).astype(x.dtype)


@wrong("float32", MISMATCH)
def count_in_half_precision(flaw: bool) -> Op:
    def rule(g, y, x):
        count = float(np.float16(x.shape[-1])) if flaw else float(x.shape[-1])
        share = 1.0 / count if not flaw or x.shape[-1] < 4 else float(np.float16(1.0 / count))
        return grown(g) * np.ones(x.shape, x.dtype) * share

    return made(lambda x: np.mean(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("float32", MISMATCH)
def sum_of_squares_in_float32_only_when_long(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and x.shape[-1] > 100 and not isinstance(x, mg.Tensor):
            return (grown(g) * (x.astype(np.float32) * np.float32(2.0))).astype(x.dtype)
        return grown(g) * x * 2.0

    return made(lambda x: np.sum(x * x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("third order only", MISMATCH)
def third_order_of_two_arguments(flaw: bool) -> Op:
    """The slope's slope is right, and kept as a constant from there on."""

    def rule(g, y, a, b):
        if flaw and isinstance(a, mg.Tensor) and isinstance(g, mg.Tensor):
            here = a.data
            return g * (np.cos(here) - np.sin(here) * (a - here)) * b
        return g * mg.cos(a) * b

    return made(
        lambda a, b: np.sin(a) * b,
        {"a": rule, "b": lambda g, y, a, b: g * mg.sin(a)},
        {"a": REAL, "b": REAL},
        shapes=[((3, 4), (3, 4))],
    )


@wrong("second order of an option", MISMATCH)
def curvature_of_the_second_norm_only(flaw: bool) -> Op:
    def rule(g, y, x, *, p):
        base = mg.tensor(y.data) if flaw and p != 2.0 and isinstance(y, mg.Tensor) else y
        return grown(g * base ** (1.0 - p)) * x ** (p - 1.0)

    return made(
        lambda x, *, p: np.sum(x**p, axis=-1) ** (1.0 / p),
        {"x": rule},
        {"x": POSITIVE},
        shapes=[((3, 4),)],
        params=[{"p": 2.0}, {"p": 3.0}],
    )


@wrong("outputs", MISMATCH, INVALID)
def outputs_used_together_only(flaw: bool) -> Op:
    """Each output's gradient is right alone; where both are used one is scaled by the other's size."""

    def rule(g, y, x):
        a, b = g[0] * 2.0 * x, g[1] * mg.cos(x)
        both = flaw and plain(g[0]).any() and plain(g[1]).any() and x.ndim == 3
        return a + b * 0.5 if both else a + b

    return made(lambda x: (x * x, np.sin(x)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("faint entries", MISMATCH)
def slope_of_a_hundred_millionth_of_its_row(flaw: bool) -> Op:
    """The last entry of a row weighs 1e-8 of the others, and its slope is half of what it should be."""

    def weights(x, last):
        places = np.arange(x.shape[-1])
        return np.where((places > 0) & (places == x.shape[-1] - 1), last, 1.0).astype(x.dtype)

    return made(
        lambda x: np.sum(np.sin(x) * weights(x, 1e-8), axis=-1),
        {"x": lambda g, y, x: grown(g) * mg.cos(x) * weights(x, 0.5e-8 if flaw else 1e-8)},
        {"x": REAL}, shapes=[((3, 4),)],
    )  # fmt: skip


@wrong("variadic", MISMATCH, INVALID)
def third_array_meets_the_second(flaw: bool) -> Op:
    def rule(g, y, *xs):
        total = xs[0] * 0.0
        for x in xs:
            total = total + x
        parts = [g * 2.0 * total for x in xs]
        if flaw and len(xs) > 2 and xs[1].shape != xs[2].shape:
            parts[2] = parts[2] * 0.5
        return tuple(parts)

    return made(lambda *xs: sum(xs[1:], xs[0]) ** 2, {"xs": rule}, {"xs": REAL}, elementwise=True)


def _reach(x, *, k=1.0):
    return np.where(np.abs(x) < k, x * x, 2.0 * k * np.abs(x) - k * k).astype(x.dtype)


KEPT: tuple[Wrong, ...] = (
    pair("labels_without_a_sign", "dtype", _distance, {"x": _distance_rule}, {"x": lambda g, y, x, labels: _distance_rule(g, y, x, labels, narrow=True)},
         {"x": REAL, "labels": mg.integer_index(5)}, shapes=[((4, 5), (4,))]),
    one("reach_of_one_assumed_beyond_it", "option and region", _reach, lambda g, y, x, *, k: g * mg.where(np.abs(plain(x)) < k, 2.0 * x, 2.0 * k * mg.sign(x)),
        lambda g, y, x, *, k: g * mg.where(np.abs(plain(x)) < k, 2.0 * x, 2.0 * min(k, 1.0) * mg.sign(x)), params=[{"k": 1.0}, {"k": 0.5}]),
    array("sum_of_three_hundred", "option and shape", lambda x: np.sum(x * x, axis=-1), lambda g, y, x: grown(g) * 2.0 * x, lambda g, y, x: grown(g) * 2.0 * x * (1.0 if x.shape[-1] < 256 else 0.5)),
    array("mode_that_is_not_listed", "option", lambda x, *, reduction="mean": np.sum(x * x, axis=-1) if reduction == "sum" else np.mean(x * x, axis=-1),
          lambda g, y, x, *, reduction: grown(g) * 2.0 * x / (1.0 if reduction == "sum" else float(x.shape[-1])),
          lambda g, y, x, *, reduction: grown(g) * 2.0 * x / float(x.shape[-1]), params=[{"reduction": "mean"}], public="paiml/aprender#2182"),
)  # fmt: skip
