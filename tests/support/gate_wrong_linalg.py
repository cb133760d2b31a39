"""Wrong rules of linear algebra and of contractions."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array, V
from support.gate_case import INVALID, MISMATCH, POSITIVE, REAL, made, wrong

SQUARE, SPD = mg.square_wellconditioned(), mg.spd()


def _t(x: V) -> V:
    return mg.swapaxes(x, -1, -2)


def inverse(flaw: str = "") -> Op:
    """y = inv(x): gradient -y^T g y^T."""

    def rule(g, y, x):
        if flaw == "plain":
            return -mg.matmul(mg.matmul(y, g), y)
        product = mg.matmul(mg.matmul(_t(y), g), _t(y))
        return product if flaw == "sign" else -product

    return made(lambda x: np.linalg.inv(x), {"x": rule}, {"x": SQUARE}, name="inverse")


@wrong("sign", MISMATCH)
def inverse_without_minus(flaw: bool) -> Op:
    return inverse("sign" if flaw else "")


@wrong("transpose", MISMATCH)
def inverse_untransposed(flaw: bool) -> Op:
    return inverse("plain" if flaw else "")


@wrong("transpose", MISMATCH)
def solve_untransposed(flaw: bool) -> Op:
    def left(g, y, a, b):
        w = op(a if flaw else _t(a), g)
        return -mg.matmul(w, _t(y))

    def right(g, y, a, b):
        return op(_t(a), g)

    op = made(lambda a, b: np.linalg.solve(a, b), {"a": left, "b": right}, {"a": SQUARE, "b": mg.real((3, 2))})
    return op


@wrong("forgotten term", MISMATCH)
def solve_matrix_constant(flaw: bool) -> Op:
    def left(g, y, a, b):
        return a * 0.0 if flaw else -mg.matmul(op(_t(a), g), _t(y))

    op = made(
        lambda a, b: np.linalg.solve(a, b), {"a": left, "b": lambda g, y, a, b: op(_t(a), g)},
        {"a": SQUARE, "b": mg.real((3, 2))},
    )  # fmt: skip
    return op


@wrong("transpose", MISMATCH)
def determinant_untransposed(flaw: bool) -> Op:
    inv = inverse()

    def rule(g, y, x):
        return g * y * (inv(x) if flaw else _t(inv(x)))

    return made(lambda x: np.linalg.det(x), {"x": rule}, {"x": SQUARE})


@wrong("factor", MISMATCH)
def determinant_without_value(flaw: bool) -> Op:
    inv = inverse()

    def rule(g, y, x):
        return (g if flaw else g * y) * _t(inv(x))

    return made(lambda x: np.linalg.det(x), {"x": rule}, {"x": SQUARE})


@wrong("factor", MISMATCH)
def logdet_spd_half(flaw: bool) -> Op:
    inv = inverse()

    def rule(g, y, x):
        return g * _t(inv(x)) * (0.5 if flaw else 1.0)

    return made(lambda x: np.linalg.slogdet(x)[1], {"x": rule}, {"x": SPD})


def _cholesky_rule(g: Array, y: Array, halve: bool) -> Array:
    phi = np.tril(np.swapaxes(y, -1, -2) @ g)
    if halve:
        phi -= 0.5 * np.diag(np.diag(phi))
    inv = np.linalg.inv(y)
    s = inv.T @ phi @ inv
    return np.asarray(0.5 * (s + s.T), dtype=g.dtype)


@wrong("forgotten term", MISMATCH, twin=False)
def cholesky_diagonal_not_halved(flaw: bool) -> Op:
    return made(
        lambda x: np.linalg.cholesky(0.5 * (x + x.T)), {"x": lambda g, y, x: _cholesky_rule(g, y, not flaw)}, {"x": SPD}
    )


@wrong("forgotten term", MISMATCH)
def trace_product_transposed(flaw: bool) -> Op:
    """y = tr(a b): gradient b^T for a."""

    def left(g, y, a, b):
        return g * (b if flaw else _t(b))

    return made(
        lambda a, b: np.trace(a @ b), {"a": left, "b": lambda g, y, a, b: g * _t(a)}, {"a": REAL, "b": REAL},
        shapes=[((3, 3), (3, 3))],
    )  # fmt: skip


@wrong("transpose", MISMATCH, INVALID)
def matmul_square_untransposed(flaw: bool) -> Op:
    return made(
        lambda a, b: a @ b,
        {"a": lambda g, y, a, b: mg.matmul(g, b if flaw else _t(b)), "b": lambda g, y, a, b: mg.matmul(_t(a), g)},
        {"a": REAL, "b": REAL}, shapes=[((3, 3), (3, 3))],
    )  # fmt: skip


@wrong("arguments swapped", MISMATCH)
def matmul_order_reversed(flaw: bool) -> Op:
    def right(g, y, a, b):
        return mg.matmul(g, _t(a)) if flaw else mg.matmul(_t(a), g)

    return made(
        lambda a, b: a @ b, {"a": lambda g, y, a, b: mg.matmul(g, _t(b)), "b": right}, {"a": REAL, "b": REAL},
        shapes=[((3, 3), (3, 3))],
    )  # fmt: skip


@wrong("batch only", MISMATCH)
def matmul_batch_first_only(flaw: bool) -> Op:
    def right(g, y, a, b):
        full = mg.matmul(_t(a), g)
        return full / float(g.shape[0]) if flaw and g.ndim == 3 else full

    return made(
        lambda a, b: a @ b, {"a": lambda g, y, a, b: mg.matmul(g, _t(b)), "b": right}, {"a": REAL, "b": REAL},
        shapes=[((3, 4), (4, 2)), ((2, 3, 4), (4, 2))],
    )  # fmt: skip


@wrong("second argument only", MISMATCH)
def outer_second_uses_first_gradient(flaw: bool) -> Op:
    def right(g, y, a, b):
        return mg.matmul(g if flaw else _t(g), a)

    return made(
        lambda a, b: np.outer(a, b), {"a": lambda g, y, a, b: mg.matmul(g, b), "b": right}, {"a": REAL, "b": REAL},
        shapes=[((3,), (3,))],
    )  # fmt: skip


@wrong("forgotten term", MISMATCH)
def bilinear_form_half(flaw: bool) -> Op:
    """y = x^T A x: gradient (A + A^T) x, not 2 A x, for an A that is not symmetric."""

    def left(g, y, x, a):
        return g * (mg.matmul(a, x) * 2.0 if flaw else mg.matmul(a, x) + mg.matmul(_t(a), x))

    def right(g, y, x, a):
        return g * (mg.reshape(x, (3, 1)) * mg.reshape(x, (1, 3)))

    return made(
        lambda x, a: np.asarray(x @ a @ x), {"x": left, "a": right}, {"x": REAL, "a": REAL}, shapes=[((3,), (3, 3))]
    )


@wrong("same array twice", MISMATCH)
def dot_with_itself(flaw: bool) -> Op:
    def left(g, y, a, b):
        return g * b * (0.5 if flaw and a is b else 1.0)

    return made(
        lambda a, b: np.asarray(a @ b), {"a": left, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL},
        shapes=[((4,), (4,))],
    )  # fmt: skip


@wrong("same array twice", MISMATCH)
def same_array_is_squared(flaw: bool) -> Op:
    """Believes that b's share is in a's gradient already when both are one array."""

    def right(g, y, a, b):
        return g * a * (0.0 if flaw and a is b else 1.0)

    return made(lambda a, b: a * b, {"a": lambda g, y, a, b: g * b, "b": right}, {"a": REAL, "b": REAL})


@wrong("same array twice", MISMATCH)
def same_array_first_and_third(flaw: bool) -> Op:
    def forward(a: Array, b: Array, c: Array) -> Array:
        return a * b + c

    rules = {
        "a": lambda g, y, a, b, c: g * b,
        "b": lambda g, y, a, b, c: g * a,
        "c": lambda g, y, a, b, c: g * (0.0 if flaw and a is c else 1.0),
    }
    return made(forward, rules, {"a": REAL, "b": REAL, "c": REAL})


@wrong("same array twice", MISMATCH)
def same_array_in_elementwise(flaw: bool) -> Op:
    rules = {
        "a": lambda g, y, a, b: g * (2.0 if flaw and a is b else 1.0),
        "b": lambda g, y, a, b: g,
    }
    return made(lambda a, b: a + b, rules, {"a": REAL, "b": REAL}, elementwise=True, linear=True)


@wrong("same array twice", MISMATCH)
def same_array_in_later_shapes(flaw: bool) -> Op:
    """Only square matrices can be passed twice, and they are not the first shapes."""

    def left(g, y, a, b):
        return mg.matmul(g, _t(b)) * (0.5 if flaw and a is b else 1.0)

    return made(
        lambda a, b: a @ b, {"a": left, "b": lambda g, y, a, b: mg.matmul(_t(a), g)}, {"a": REAL, "b": REAL},
        shapes=[((3, 4), (4, 2)), ((3, 3), (3, 3))],
    )  # fmt: skip


@wrong("factor", MISMATCH)
def geometric_mean_exponent(flaw: bool) -> Op:
    def rule(g, y, x):
        return mg.expand_dims(g * y, -1) / x / (1.0 if flaw else float(x.shape[-1]))

    return made(lambda x: np.exp(np.mean(np.log(x), axis=-1)), {"x": rule}, {"x": POSITIVE}, shapes=[((2, 4),)])


@wrong("forgotten term", MISMATCH)
def cross_product_reversed(flaw: bool) -> Op:
    def rule(g, y, a, b):
        return (op(g, b), op(g, a)) if flaw else (op(b, g), op(g, a))

    op = made(lambda a, b: np.cross(a, b), {"a b": rule}, {"a": REAL, "b": REAL}, shapes=[((2, 3), (2, 3))])
    return op


@wrong("factor", MISMATCH)
def fourier_power_unscaled(flaw: bool) -> Op:
    """Real discrete cosine transform as a matrix: the rule forgets that the matrix is not orthogonal."""
    k = np.arange(4)
    c = np.cos(np.pi * (k[None, :] + 0.5) * k[:, None] / 4)

    def rule(g, y, x):
        m = (np.linalg.inv(c) if flaw else c.T).astype(x.dtype)
        return mg.matmul(mg.tensor(m) if isinstance(g, mg.Tensor) else m, g)

    return made(lambda x: (c @ x).astype(x.dtype), {"x": rule}, {"x": REAL}, shapes=[((4, 2),)], linear=True)


@wrong("forgotten term", MISMATCH)
def quadratic_in_symmetric_argument(flaw: bool) -> Op:
    """Samples share a matrix and its inverse's diagonal: y = sum(x * x^T); gradient 2 x^T, not x^T + x."""

    def samples(rng: np.random.Generator) -> Iterator[mg.Sample]:
        yield mg.Sample(rng.normal(size=(3, 3)))
        yield mg.Sample(rng.normal(size=(2, 2)))

    def rule(g, y, x):
        return g * (x + _t(x) if flaw else _t(x) * 2.0)

    return made(lambda x: np.sum(x * x.T), {"x": rule}, {"x": REAL}, samples=samples)
