"""Gradient bugs in systems, products and normalizations of public frameworks, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    NONZERO,
    REAL,
    Wrong,
    array,
    pair,
    plain,
)
from support.gate_forms import turned


def _tri(a, b, *, lower=True, unit=False, trans=False):
    n = a.shape[-1]
    k = np.eye(n, dtype=a.dtype)
    T = np.tril(a, -1) if lower else np.triu(a, 1)
    T = T * 0.25 + (k if unit else a * k + 20.0 * k)
    T = np.swapaxes(T, -1, -2) if trans else T
    return np.linalg.solve(T, b)


def _tri_parts(a, lower, unit):
    n = a.shape[-1]
    off = (np.tril(np.ones((n, n)), -1) if lower else np.triu(np.ones((n, n)), 1)).astype(a.dtype)
    k = np.eye(n, dtype=a.dtype)
    return a * off * 0.25 + (k if unit else a * k + 20.0 * k), off * 0.25, k


def _tri_b(g, y, a, b, *, lower=True, unit=False, trans=False):
    T = _tri_parts(a, lower, unit)[0]
    return mg.linalg.solve(T if trans else turned(T), g)


def _tri_a(bad_unit=False, bad_trans=False):
    def rule(g, y, a, b, *, lower=True, unit=False, trans=False):
        T, off, k = _tri_parts(a, lower, unit)
        w = mg.linalg.solve(T if trans else turned(T), g)
        m = -(w @ turned(y))
        m = turned(m) if trans and not bad_trans else m
        return m * off + (m * k if not unit or bad_unit else m * 0.0)

    return rule


def _tr(name, kind, bad, public):
    return pair(
        name,
        kind,
        _tri,
        {"a": _tri_a(), "b": _tri_b},
        {"a": bad},
        {"a": REAL, "b": REAL},
        params=[{"lower": True, "unit": False, "trans": False}, {"lower": False, "unit": False, "trans": False}],
        shapes=[((3, 3), (3, 2))],
        public=public,
    )


def _addmm(c, a, b, *, alpha=1.0, beta=1.0):
    return beta * c + alpha * (a @ b)


def _fold(g, like):
    while g.ndim > like.ndim:
        g = mg.sum(g, axis=0)
    for k in range(like.ndim):
        if like.shape[k] == 1 and g.shape[k] != 1:
            g = mg.sum(g, axis=k, keepdims=True)
    return g


_ADDMM = {
    "c": lambda g, y, c, a, b, *, alpha=1.0, beta=1.0: _fold(g, c) * beta,
    "a": lambda g, y, c, a, b, *, alpha=1.0, beta=1.0: _fold(g @ turned(b), a) * alpha,
    "b": lambda g, y, c, a, b, *, alpha=1.0, beta=1.0: _fold(turned(a) @ g, b) * alpha,
}


def _bias_alpha(g, y, c, a, b, *, alpha=1.0, beta=1.0):
    return _fold(turned(a) @ g, b) * (1.0 if c.ndim == 1 else alpha)


def _beta_one(g, y, c, a, b, *, alpha=1.0, beta=1.0):
    return _fold(g, c) * (beta if alpha == 1.0 else 1.0)


def _am(name, flawed, params, public):
    return pair(
        name,
        "options that meet",
        _addmm,
        _ADDMM,
        flawed,
        {"c": REAL, "a": REAL, "b": REAL},
        params=params,
        shapes=[((3, 4), (3, 2), (2, 4))],
        public=public,
    )


def _rms(x):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 0.01)


def _rms_rule(bad):
    def rule(g, y, x):
        r = 1.0 / mg.sqrt(mg.mean(x * x, axis=-1, keepdims=True) + 0.01)
        c = mg.mean(g * x, axis=-1, keepdims=True) * r * r
        if bad and x.ndim == 2 and x.shape[0] == x.shape[1]:
            c = turned(c)
        return r * (g - x * c)

    return rule


def _bn(x, *, training=True):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 0.1) if training else x / np.sqrt(np.asarray(1.5, x.dtype))


def _bn_rule(bad):
    def rule(g, y, x, *, training=True):
        if not training and not bad:
            return g * (1.0 / np.sqrt(1.5))
        c = x - mg.mean(x, axis=0, keepdims=True)
        r = 1.0 / mg.sqrt(mg.mean(c * c, axis=0, keepdims=True) + 0.1)
        return r * (g - mg.mean(g, axis=0, keepdims=True) - c * r * r * mg.mean(g * c, axis=0, keepdims=True))

    return rule


SYSTEMS: tuple[Wrong, ...] = (
    _tr("unit_diagonal_has_a_gradient", "option", _tri_a(bad_unit=True), "pymc-devs/pytensor#1230"),
    _tr("transposed_system", "option", _tri_a(bad_trans=True), "pymc-devs/pytensor#1229"),
    _am("alpha_beside_a_bias", {"b": _bias_alpha}, [{"alpha": 0.5, "beta": 1.0}], "ml-explore/mlx#2578"),
    _am(
        "beta_beside_alpha",
        {"c": _beta_one},
        [{"alpha": 1.0, "beta": 0.5}, {"alpha": 0.5, "beta": 1.0}],
        "JuliaDiff/ChainRules.jl#272",
    ),
    array(
        "correction_across_the_columns",
        "square shape",
        _rms,
        _rms_rule(False),
        _rms_rule(True),
        (3, 4),
        public="BobMcDear/attorch#17",
    ),
    array(
        "statistics_in_evaluation",
        "option",
        _bn,
        _bn_rule(False),
        _bn_rule(True),
        (4, 3),
        params=[{"training": True}],
        public="apache/mxnet#9580",
    ),
    array(
        "product_by_its_stored_value",
        "second order",
        lambda x: x.prod(-1),
        lambda g, y, x: mg.expand_dims(g * y, -1) / x,
        lambda g, y, x: mg.expand_dims(g, -1) * plain(mg.expand_dims(y, -1)) / x,
        (3, 4),
        NONZERO,
        public="pytorch/pytorch#18619",
    ),
)
