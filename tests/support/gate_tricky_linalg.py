"""Correct ops of linear algebra, alone and in groups whose rules use each other."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array, V
from minigrad.verify.declare import Sample
from support.gate_case import REAL, UNIT, Made, made, tricky
from support.gate_wrong_linalg import inverse


@tricky
def inverse_of_matrix() -> Op:
    return inverse()


@tricky
def determinant_and_inverse() -> Made:
    """A group: the rule of the determinant calls the inverse, which is registered with it."""
    inv = inverse()

    def rule(g, y, x):
        return g * y * mg.swapaxes(inv(x), -1, -2)

    det = made(lambda x: np.linalg.det(x), {"x": rule}, {"x": mg.square_wellconditioned()}, name="determinant")
    return inv, det


@tricky
def sine_and_cosine_group() -> Made:
    """Each rule calls the other op."""
    s = made(lambda x: np.sin(x), {"x": lambda g, y, x: g * c(x)}, {"x": REAL}, elementwise=True, name="sine")
    c = made(lambda x: np.cos(x), {"x": lambda g, y, x: -(g * s(x))}, {"x": REAL}, elementwise=True, name="cosine")
    return s, c


@tricky
def ill_conditioned_solve() -> Op:
    """Condition number about 1e4."""

    def left(g, y, a, b):
        return -mg.matmul(op(mg.swapaxes(a, -1, -2), g), mg.swapaxes(y, -1, -2))

    def right(g, y, a, b):
        return op(mg.swapaxes(a, -1, -2), g)

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        p, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        yield Sample(q @ np.diag([1.0, 1e-2, 1e-4]) @ p, rng.normal(size=(3, 2)))

    op = made(lambda a, b: np.linalg.solve(a, b), {"a": left, "b": right}, {"a": REAL, "b": REAL}, samples=samples)
    return op


def _phi(x: V) -> V:
    n = x.shape[-1]
    half: Array = (np.tril(np.ones((n, n))) - 0.5 * np.eye(n)).astype(x.dtype)
    return x * half


@tricky
def cholesky_of_symmetrised() -> Made:
    """The argument is symmetrised first, so that every direction makes sense."""
    inv = made(
        lambda x: np.linalg.inv(x),
        {"x": lambda g, y, x: -mg.matmul(mg.matmul(mg.swapaxes(y, -1, -2), g), mg.swapaxes(y, -1, -2))},
        {"x": mg.square_wellconditioned()}, name="inverse",
    )  # fmt: skip

    def rule(g, y, x):
        k = inv(y)
        s = mg.matmul(mg.matmul(mg.swapaxes(k, -1, -2), _phi(mg.matmul(mg.swapaxes(y, -1, -2), g))), k)
        return (s + mg.swapaxes(s, -1, -2)) * 0.5

    chol = made(
        lambda x: np.linalg.cholesky(0.5 * (x + np.swapaxes(x, -1, -2))), {"x": rule}, {"x": mg.spd()}, name="cholesky"
    )
    return inv, chol


@tricky
def log_determinant_of_spd() -> Made:
    inv = inverse()
    return inv, made(
        lambda x: np.asarray(np.linalg.slogdet(x)[1]), {"x": lambda g, y, x: g * mg.swapaxes(inv(x), -1, -2)},
        {"x": mg.spd()}, name="logdet",
    )  # fmt: skip


@tricky
def cosine_similarity() -> Op:
    def one(g, y, a, b):
        na, nb = mg.sqrt(mg.sum(a * a)), mg.sqrt(mg.sum(b * b))
        return g * (b / (na * nb) - a * y / (na * na))

    return made(
        lambda a, b: np.asarray(a @ b / np.sqrt((a @ a) * (b @ b))),
        {"a": one, "b": lambda g, y, a, b: one(g, y, b, a)}, {"a": REAL, "b": REAL}, shapes=[((4,), (4,))],
    )  # fmt: skip


@tricky
def expit_of_matrix_product() -> Op:
    def forward(a: Array, b: Array) -> Array:
        return 1.0 / (1.0 + np.exp(-(a @ b)))

    def left(g, y, a, b):
        return mg.matmul(g * y * (1.0 - y), mg.transpose(b))

    def right(g, y, a, b):
        return mg.matmul(mg.transpose(a), g * y * (1.0 - y))

    return made(forward, {"a": left, "b": right}, {"a": UNIT, "b": UNIT}, shapes=[((3, 4), (4, 2))])
