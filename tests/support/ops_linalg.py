"""Catalog: linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg as sl

import minigrad as mg
from minigrad import linalg
from support.ops_catalog import Entry
from support.ops_draw import Call, Calls, Draw, cases


@cases
def _square(draw: Draw, kind: str = "plain", count: int = 1, sizes: tuple[int, int] = (1, 4)) -> Call:
    """Well-conditioned (kind "spd": symmetric positive definite, "apart": with separated values) matrices."""
    lead = draw.among([(), (2,), (2, 1)])
    n = draw.between(*sizes)
    arrays = []
    for _ in range(count):
        a = draw.rng.uniform(-0.5, 0.5, (*lead, n, n))
        if kind == "spd":
            a = a @ np.swapaxes(a, -1, -2) + np.diag(1.0 + np.arange(n))
        else:
            a = a * 0.5 + np.diag(1.5 + np.arange(n))
        arrays.append(a)
    return Call(tuple(arrays))


@cases
def _system(draw: Draw, vector: bool = False) -> Call:
    a = _square()(draw).arrays[0]
    shape = (a.shape[-1],) if vector else (*a.shape[:-1], draw.between(1, 3))
    return Call((a, draw.array(shape)))


@cases
def _rectangle(draw: Draw) -> Call:
    """Full-rank (..., m, n) with well separated singular values."""
    lead = draw.among([(), (2,)])
    m, n = draw.between(1, 4), draw.between(1, 4)
    k = min(m, n)
    u, _ = np.linalg.qr(draw.rng.uniform(-1.0, 1.0, (*lead, m, m)))
    v, _ = np.linalg.qr(draw.rng.uniform(-1.0, 1.0, (*lead, n, n)))
    return Call((u[..., :k] * (1.0 + np.arange(k)) @ np.swapaxes(v[..., :k], -1, -2),))


@cases
def _leading(draw: Draw) -> Call:
    """(..., m, n) whose first min(m, n) columns are well conditioned, as the QR of a wide matrix needs."""
    lead = draw.among([(), (2,)])
    m, n = draw.between(1, 4), draw.between(1, 4)
    k = min(m, n)
    q, _ = np.linalg.qr(draw.rng.uniform(-1.0, 1.0, (*lead, m, m)))
    r = np.triu(draw.rng.uniform(-0.5, 0.5, (*lead, k, n)), 1)
    r[..., range(k), range(k)] = 1.0 + np.arange(k)
    return Call((q[..., :k] @ r,))


@cases
def _spread(draw: Draw) -> Call:
    """(..., m, n) with entries, and sums of rows and columns, of clearly different sizes."""
    m, n = draw.between(1, 3), draw.between(1, 3)
    sizes = (
        1.0
        + 0.5 * np.array(draw.order(m))[:, None]
        + 2.0 * np.array(draw.order(n))
        + draw.rng.uniform(0.0, 0.1, (2, m, n))
    )
    return Call((sizes * np.where(draw.rng.random((2, m, n)) < 0.5, -1.0, 1.0),))


def _eigh_value(a: Any) -> Any:
    w, v = linalg.eigh(a)
    return mg.matmul(mg.matmul(v, mg.diag_embed(mg.sin(w))), mg.matrix_transpose(v))


def _eigh_oracle(a: Any) -> Any:
    w, v = np.linalg.eigh((a + np.swapaxes(a, -1, -2)) / 2)
    return (v * np.sin(w)[..., None, :]) @ np.swapaxes(v, -1, -2)


def _svd_value(a: Any) -> Any:
    u, s, vt = linalg.svd(a, full_matrices=False)
    return mg.matmul(mg.matmul(u, mg.diag_embed(mg.sin(s))), vt)


def _svd_oracle(a: Any) -> Any:
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return (u * np.sin(s)[..., None, :]) @ vt


def _qr_value(a: Any) -> Any:
    q, r = linalg.qr(a)
    return mg.matmul(q, mg.sin(r))


def _qr_oracle(a: Any) -> Any:
    q, r = np.linalg.qr(a)
    return q @ np.sin(r)


def _sorted_eigvals(a: Any) -> Any:
    w = linalg.eigvals(a)
    return mg.sort(w.real, axis=-1)


_TURN = np.array([[0.0, 6.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 4.0]])


@cases
def _turned(draw: Draw) -> Call:
    """Square matrices with real eigenvalues, or (3, 3) with two complex ones."""
    if draw.flag():
        return Call((_square(sizes=(3, 3))(draw).arrays[0] + _TURN,))
    return _square(sizes=(1, 3))(draw)


def _vectors(a: Any) -> Any:
    """Numbers that do not depend on the phase of the eigenvectors, nor on LAPACK's order: both may jump."""
    w, v = linalg.eig(a)
    return mg.stack([mg.matvec(v.abs2(), w.real), mg.matvec(v.abs2(), mg.square(w.imag))], axis=-1)


def _vectors_oracle(a: Any) -> Any:
    w, v = np.linalg.eig(a)
    parts = np.stack([w.real, w.imag**2], axis=-1)
    return np.abs(v) ** 2 @ parts


def _l(name: str, calls: Calls, oracle: Any = None, torch: Any = "same", **fixed: Any) -> Entry:
    def there(t: Any, *x: Any) -> Any:
        return getattr(t.linalg, name)(*x, **fixed)

    return Entry(
        f"linalg.{name}" + "".join(f"_{v}" for v in fixed.values()),
        lambda *x: getattr(linalg, name)(*x, **fixed),
        (lambda *x: oracle(*x, **fixed)) if oracle else (lambda *x: getattr(np.linalg, name)(*x, **fixed)),
        calls,
        there if torch == "same" else torch,
    )


def _symmetric(f: Any) -> Any:
    return lambda a: f((a + np.swapaxes(a, -1, -2)) / 2)


def _batched(f: Any) -> Any:
    return lambda *x: np.vectorize(f, signature=",".join(["(n,n)"] * len(x)) + "->(n,n)")(*x)


def _slogdet(a: Any) -> Any:
    sign, logarithm = linalg.slogdet(a)
    return sign * 3.0 + logarithm


ENTRIES = [
    _l("inv", _square()),
    _l("det", _square()),
    Entry(
        "linalg.slogdet",
        _slogdet,
        lambda a: 3.0 * np.linalg.slogdet(a)[0] + np.linalg.slogdet(a)[1],
        _square(),
        lambda t, a: 3.0 * t.linalg.slogdet(a)[0] + t.linalg.slogdet(a)[1],
    ),
    _l("solve", _system()),
    Entry("linalg.solve_vector", linalg.solve, lambda a, b: np.linalg.inv(a) @ b, _system(vector=True)),
    _l("cholesky", _square("spd"), _symmetric(np.linalg.cholesky), lambda t, a: t.linalg.cholesky((a + a.mT) / 2)),
    Entry("linalg.qr", _qr_value, _qr_oracle, _leading(), lambda t, a: t.linalg.qr(a)[0] @ t.sin(t.linalg.qr(a)[1])),
    Entry(
        "linalg.eigh",
        _eigh_value,
        _eigh_oracle,
        _square("spd"),
        lambda t, a: (lambda e: e[1] @ t.diag_embed(t.sin(e[0])) @ e[1].mT)(t.linalg.eigh((a + a.mT) / 2)),
    ),
    _l("eigvalsh", _square("spd"), _symmetric(np.linalg.eigvalsh), lambda t, a: t.linalg.eigvalsh((a + a.mT) / 2)),
    Entry(
        "linalg.svd",
        _svd_value,
        _svd_oracle,
        _rectangle(),
        lambda t, a: (lambda e: e[0] @ t.diag_embed(t.sin(e[1])) @ e[2])(t.linalg.svd(a, full_matrices=False)),
    ),
    _l("svdvals", _rectangle(), lambda a: np.linalg.svd(a, compute_uv=False)),
    _l("pinv", _rectangle()),
    Entry("linalg.eigvals", _sorted_eigvals, lambda a: np.sort(np.linalg.eigvals(a).real, -1), _square()),
    Entry("linalg.eig", _vectors, _vectors_oracle, _turned()),
    Entry("linalg.expm", linalg.expm, sl.expm, _square(), lambda t, a: t.linalg.matrix_exp(a)),
    Entry("linalg.sqrtm", linalg.sqrtm, _batched(lambda a: sl.sqrtm(a).real), _square("spd")),
    Entry("linalg.solve_sylvester", linalg.solve_sylvester, _batched(sl.solve_sylvester), _square(count=3)),
    *(
        Entry(
            f"linalg.matrix_power_{n}",
            lambda a, n=n: linalg.matrix_power(a, n),
            lambda a, n=n: np.linalg.matrix_power(a, n),
            _square(),
            lambda t, a, n=n: t.linalg.matrix_power(a, n),
        )
        for n in (-2, 0, 1, 5)
    ),
    Entry(
        "linalg.solve_triangular",
        lambda a, b: linalg.solve_triangular(a, b, lower=True),
        lambda a, b: np.linalg.solve(np.tril(a), b),
        _system(),
        lambda t, a, b: t.linalg.solve_triangular(a.tril(), b, upper=False),
    ),
    *(_l("matrix_norm", _spread(), torch=None, ord=o) for o in ("fro", 1, -1, np.inf, -np.inf)),
    *(_l("matrix_norm", _rectangle(), torch=None, ord=o) for o in ("nuc", 2, -2)),
    *(
        Entry(
            f"linalg.norm_{o}",
            lambda a, o=o: linalg.norm(a, o, -1),
            lambda a, o=o: np.linalg.norm(a, o, -1),
            _spread(),
            lambda t, a, o=o: t.linalg.vector_norm(a, o, -1),
        )
        for o in (1, 2, 3, 1.5, np.inf, -np.inf)
    ),
    Entry("linalg.cond", linalg.cond, np.linalg.cond, _square()),
    Entry(
        "linalg.lstsq",
        lambda a: linalg.lstsq(a[..., :, :], np.ones(a.shape[-2]))[0] if a.ndim == 2 else a,
        lambda a: np.linalg.lstsq(a, np.ones(a.shape[-2]), rcond=None)[0] if a.ndim == 2 else a,
        _rectangle(),
    ),
]
