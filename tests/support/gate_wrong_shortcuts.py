"""Rules with a short cut for what stands out, which is wrong there."""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return, type-var"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    DISTINCT,
    NONZERO,
    REAL,
    Wrong,
    array,
    either,
    one,
    pair,
    plain,
    two,
)
from support.gate_forms import turned


def _soft_t(x, *, temperature=1.0):
    e = np.exp((x - x.max(-1, keepdims=True)) / temperature)
    return e / e.sum(-1, keepdims=True)


def _soft_t_rule(bad):
    def rule(g, y, x, *, temperature=1.0):
        return y * (g - mg.sum(g * y, axis=-1, keepdims=True)) / (max(temperature, 1.0) if bad else temperature)

    return rule


def _whole(g, y, x):
    return g * 3.0 * x * x * either(np.rint(plain(x)) == plain(x), 0.5, 1.0, x)


def _npint(g, y, x, *, axis=0):
    if isinstance(axis, int):
        return mg.broadcast_to(mg.expand_dims(g, axis), x.shape)
    return mg.broadcast_to(g, x.shape) if axis is None else mg.broadcast_to(mg.expand_dims(g, 0), x.shape)


def _early(g, y, x):
    return g * mg.cos(x) if plain(g).ravel()[:1].any() else x * 0.0


def _const_g(g, y, x):
    p = plain(g)
    return g * mg.cos(x) if p.size < 2 or np.ptp(p) else mg.mean(mg.cos(x)) * g


def _det_abs(g, y, x):
    return mg.expand_dims(mg.expand_dims(g * mg.abs(y), -1), -1) * turned(mg.linalg.inv(x))


def _det_ok(g, y, x):
    return mg.expand_dims(mg.expand_dims(g * y, -1), -1) * turned(mg.linalg.inv(x))


def _sym_fast(g, y, x):
    i = mg.linalg.inv(x)
    return (
        -(turned(i) @ g @ turned(i))
        if not np.array_equal(plain(x), np.diag(np.diag(plain(x))))
        else -(g / mg.expand_dims(mg.diagonal(x), 0) / mg.expand_dims(mg.diagonal(x), 0))
    )


def _inv_ok(g, y, x):
    return -(turned(y) @ g @ turned(y))


def _sorted_fast(g, y, x):
    p = plain(x)
    n = p.shape[-1]
    if n > 1 and np.all(np.diff(p) < 0):
        return mg.flip(g, axis=-1) * 0.0 + g
    o = np.argsort(p, axis=-1, kind="stable")
    return mg.take_along_axis(g, np.argsort(o, axis=-1, kind="stable"), axis=-1)


def _sorted_ok(g, y, x):
    o = np.argsort(plain(x), axis=-1, kind="stable")
    return mg.take_along_axis(g, np.argsort(o, axis=-1, kind="stable"), axis=-1)


def _cross(side, bad):
    def rule(g, y, a, b):
        return (
            g
            * (b if side == "a" else (plain(a) if bad else a))
            * mg.cos(a * b if not bad else plain(a) * b if side == "b" else a * b)
        )

    return rule


def _unit_fast(g, y, x):
    n = mg.expand_dims(y, -1)
    p = plain(x)
    if np.all(np.abs(plain(y) - 1.0) < 1e-12):
        return mg.expand_dims(g, -1) * np.sign(p).astype(x.dtype)
    return mg.expand_dims(g, -1) * x / n


def _memory(g, y, x):
    return mg.reshape(
        mg.tensor(np.ravel(plain(g), order="K")) if isinstance(g, mg.Tensor) else np.ravel(g, order="K"), g.shape
    ) * mg.cos(x)


def _minus_zero(g, y, x):
    return g * 2.0 * x + g * either(np.signbit(plain(x)) & (plain(x) == 0), 1.0, 0.0, x)


def _third(g, y, x):
    c = x - mg.mean(x, axis=-1, keepdims=True)
    return mg.expand_dims(g, -1) * (c * c * c * 4.0 - 4.0 * mg.mean(c * c * plain(c), axis=-1, keepdims=True))


def _third_ok(g, y, x):
    c = x - mg.mean(x, axis=-1, keepdims=True)
    return mg.expand_dims(g, -1) * (c * c * c * 4.0 - 4.0 * mg.mean(c * c * c, axis=-1, keepdims=True))


def _slice_rule(bad):
    def rule(g, y, x, *, start=None, step=1):
        n = x.shape[-1]
        idx = np.arange(n)[start::step]
        m = np.zeros((len(idx), n), g.dtype)
        m[np.arange(len(idx)), idx] = 1.0
        if bad and step < 0 and start is not None:
            m = m[::-1]
        return g @ m

    return rule


def _inter(a, b):
    return a[..., :, None] * b[..., None, :]


def _outer_bad(g, y, a, b):
    return (
        mg.sum(g * mg.expand_dims(a, -1), axis=-2)
        if a.shape[-1] != b.shape[-1]
        else mg.sum(g * mg.expand_dims(a, -2), axis=-1)
    )


def _gate_tail(g, y, x):
    e = mg.exp(-x * 8.0)
    return g * 8.0 * e / ((1.0 + e) * (1.0 + e))


def _kahan(g, y, x):
    return (
        mg.broadcast_to(mg.expand_dims(g, -1), x.shape)
        if x.shape[-1] % 8 == 0 or x.shape[-1] < 16
        else mg.broadcast_to(mg.expand_dims(g, -1), x.shape)
        * (np.arange(x.shape[-1]) < 8 * (x.shape[-1] // 8)).astype(g.dtype)
    )


def _mean_len(g, y, x):
    return mg.broadcast_to(g, x.shape) * (1.0 / (x.shape[0] * (x.shape[1] if x.ndim == 2 else 1) if x.ndim else 1))


def _mean_all(g, y, x):
    return mg.broadcast_to(g, x.shape) * (1.0 / plain(x).size)


def _huber(x, *, delta=1.0):
    a = np.abs(x)
    return np.where(a <= delta, 0.5 * x * x, delta * (a - 0.5 * delta))


def _huber_rule(bad):
    def rule(g, y, x, *, delta=1.0):
        return g * mg.clip(x, -delta, delta) if not bad or delta >= 1.0 else g * mg.clip(x, -1.0, 1.0)

    return rule


SHORTCUTS: tuple[Wrong, ...] = (
    array(
        "temperature_below_one",
        "option",
        _soft_t,
        _soft_t_rule(False),
        _soft_t_rule(True),
        (3, 4),
        params=[{"temperature": 1.0}, {"temperature": 2.0}],
    ),
    one("whole_numbers_are_special", "region", lambda x: x * x * x, lambda g, y, x: g * 3.0 * x * x, _whole),
    array(
        "axis_of_numpy_integers",
        "axis",
        lambda x, *, axis=0: x.sum(axis=axis),
        lambda g, y, x, *, axis=0: mg.broadcast_to(g if axis is None else mg.expand_dims(g, axis), x.shape),
        _npint,
        (3, 4),
        params=[{"axis": 0}, {"axis": 1}, {"axis": None}],
    ),
    one("first_output_gradient_is_zero", "g", lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x), _early),
    one("output_gradients_all_equal", "g", lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x), _const_g),
    array(
        "determinant_without_its_sign",
        "region",
        lambda x: np.linalg.det(x),
        _det_ok,
        _det_abs,
        (3, 3),
        mg.square_wellconditioned(),
    ),
    array(
        "diagonal_matrices_take_a_short_cut",
        "special matrix",
        lambda x: np.linalg.inv(x),
        _inv_ok,
        _sym_fast,
        (3, 3),
        mg.square_wellconditioned(),
    ),
    array(
        "reversed_rows_take_a_short_cut",
        "special array",
        lambda x: np.sort(x, axis=-1),
        _sorted_ok,
        _sorted_fast,
        (3, 4),
        DISTINCT,
    ),
    two(
        "mixed_derivative_is_lost",
        "second order",
        lambda a, b: np.sin(a * b),
        _cross("a", False),
        _cross("b", False),
        {"b": _cross("b", True)},
    ),
    array(
        "unit_vectors_take_a_short_cut",
        "special array",
        lambda x: np.sqrt((x * x).sum(-1)),
        lambda g, y, x: mg.expand_dims(g, -1) * x / mg.expand_dims(y, -1),
        _unit_fast,
        (3, 4),
        NONZERO,
    ),
    array(
        "gradient_read_in_memory_order", "layout", lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x), _memory, (3, 4)
    ),
    one("minus_zero_is_another_number", "at zero", lambda x: x * x, lambda g, y, x: g * 2.0 * x, _minus_zero),
    array(
        "third_order_of_a_fourth_moment",
        "third order",
        lambda x: ((x - x.mean(-1, keepdims=True)) ** 4).sum(-1),
        _third_ok,
        _third,
        (2, 4),
    ),
    array(
        "slice_backwards_from_a_start",
        "options that meet",
        lambda x, *, start=None, step=1: x[..., start::step],
        _slice_rule(False),
        _slice_rule(True),
        (3, 5),
        params=[{"start": None, "step": 1}, {"start": 1, "step": 2}, {"start": None, "step": -1}],
    ),
    pair(
        "outer_product_of_equal_lengths",
        "shape",
        _inter,
        {
            "a": lambda g, y, a, b: mg.sum(g * mg.expand_dims(b, -2), axis=-1),
            "b": lambda g, y, a, b: mg.sum(g * mg.expand_dims(a, -1), axis=-2),
        },
        {"b": _outer_bad},
        {"a": REAL, "b": REAL},
        shapes=[((3,), (4,))],
    ),
    array(
        "vector_remainder_of_eight",
        "large arrays",
        lambda x: x.sum(-1),
        lambda g, y, x: mg.broadcast_to(mg.expand_dims(g, -1), x.shape),
        _kahan,
        (3, 4),
    ),
    array("mean_of_two_axes_only", "shape", lambda x: x.mean(), _mean_all, _mean_len, (3, 4)),
    pair(
        "width_below_one",
        "option",
        _huber,
        {"x": _huber_rule(False)},
        {"x": _huber_rule(True)},
        {"x": REAL},
        params=[{"delta": 1.0}, {"delta": 2.0}],
        elementwise=True,
    ),
    one(
        "slope_of_a_steep_gate_overflows",
        "float32",
        lambda x: 1 / (1 + np.exp(-8.0 * x)),
        lambda g, y, x: g * 8.0 * y * (1.0 - y),
        _gate_tail,
    ),
)
