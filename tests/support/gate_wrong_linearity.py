"""Rules that are not linear in the output gradient."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from support.gate_case import INVALID, MISMATCH, REAL, made, plain, unary, wrong


@wrong("not linear in g", MISMATCH, INVALID)
def ignores_gradient(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: mg.cos(x) if flaw else g * mg.cos(x))


@wrong("not linear in g", MISMATCH, INVALID)
def absolute_gradient(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: (mg.absolute(g) if flaw else g) * mg.cos(x))


@wrong("not linear in g", MISMATCH, INVALID)
def clipped_gradient(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: (mg.clip(g, -1.0, 1.0) if flaw else g) * mg.cos(x))


@wrong("not linear in g", MISMATCH, INVALID)
def gradient_clipped_at_ten(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: (mg.clip(g, -10.0, 10.0) if flaw else g) * mg.cos(x))


@wrong("not linear in g", MISMATCH, INVALID)
def gradient_clipped_at_thousand_unclaimed(flaw: bool) -> Op:
    def rule(g, y, x):
        return mg.broadcast_to(mg.clip(g, -1e3, 1e3) if flaw else g, x.shape)

    return made(lambda x: np.sum(x), {"x": rule}, {"x": REAL})


@wrong("not linear in g", MISMATCH, INVALID)
def gradient_norm_clipped(flaw: bool) -> Op:
    def rule(g, y, x):
        size = float(np.sqrt(np.sum(plain(g) ** 2)))
        return g * mg.cos(x) * (min(1.0, 100.0 / max(size, 1e-30)) if flaw else 1.0)

    return unary(lambda x: np.sin(x), rule)


@wrong("not linear in g", MISMATCH, INVALID)
def gradient_clipped_at_million(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: (mg.clip(g, -1e6, 1e6) if flaw else g) * mg.cos(x))


@wrong("not linear in g", MISMATCH, INVALID)
def tiny_gradient_flushed(flaw: bool) -> Op:
    def rule(g, y, x):
        keep = (np.abs(plain(g)) > 1e-3).astype(g.dtype) if flaw else 1.0
        return g * keep * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("not linear in g", MISMATCH, INVALID)
def constant_added(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x) + (1e-6 if flaw else 0.0))


@wrong("not linear in g", MISMATCH, INVALID)
def positive_gradients_only(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: (mg.relu(g) if flaw else g) * mg.cos(x))


@wrong("not linear in g", MISMATCH, INVALID)
def zero_gradient_is_nan(flaw: bool) -> Op:
    """Most gradients in a network are zero somewhere: 0/0 here."""
    return unary(lambda x: np.sin(x), lambda g, y, x: (g * g / g if flaw else g) * mg.cos(x))


@wrong("not linear in g", MISMATCH, INVALID)
def zero_gradient_raises(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and not np.any(plain(g)):
            raise ValueError("nothing to propagate")
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("not linear in g", MISMATCH, INVALID)
def gradient_normalised(flaw: bool) -> Op:
    def rule(g, y, x):
        size = float(np.max(np.abs(plain(g)), initial=1e-30))
        return g * mg.cos(x) / (size if flaw else 1.0)

    return unary(lambda x: np.sin(x), rule)
