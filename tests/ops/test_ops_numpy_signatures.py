"""NumPy's functions on Tensors: NumPy's signatures, NumPy's numbers, and a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.registry import REGISTRY
from minigrad.ops.numpy import signatures
from minigrad.ops.numpy import table as numpy_table

X = np.array([[0.5, -1.25, 2.0], [3.0, 0.75, -0.5]])
P = np.abs(X)
S = np.array([[2.0, 0.3], [0.3, 1.5]])
MASK = np.array([[True, False, True], [True, True, False]])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x),
        lambda x: np.sum(x, 0),
        lambda x: np.sum(x, axis=1, keepdims=True),
        lambda x: np.sum(x, where=MASK),
        lambda x: np.sum(x, axis=0, initial=2.0),
        lambda x: np.sum(a=x, axis=0),
        lambda x: np.mean(x, 1),
        lambda x: np.mean(x, where=MASK, axis=0),
        lambda x: np.prod(x, axis=1),
        lambda x: np.max(x, 1),
        lambda x: np.max(x, axis=0, initial=0.6),
        lambda x: np.min(x, where=MASK, initial=9.0),
        lambda x: np.amax(x),
        lambda x: np.amin(x, axis=0),
        lambda x: np.var(x, ddof=1),
        lambda x: np.std(x, 1, ddof=1),
        lambda x: np.var(x, axis=0, where=MASK),
        lambda x: np.std(x, where=MASK),
        lambda x: np.var(x, where=MASK, ddof=1),
        lambda x: np.std(x, axis=1, where=MASK, ddof=0.5, keepdims=True),
        lambda x: np.var(x, correction=1),
        lambda x: np.ptp(x, axis=1),
        lambda x: np.average(x, 0, np.array([1.0, 3.0])),
        lambda x: np.median(x, axis=1),
        lambda x: np.quantile(x, 0.25),
        lambda x: np.nansum(x),
        lambda x: np.nanmean(x, axis=0),
        lambda x: np.trace(x),
        lambda x: np.cumsum(x),
        lambda x: np.cumsum(x, 1),
        lambda x: np.cumprod(x, axis=0),
        lambda x: np.diff(x),
        lambda x: np.diff(x, 1, 0),
        lambda x: np.gradient(x, axis=1),
        lambda x: np.reshape(x, (3, 2)),
        lambda x: np.reshape(x, -1),
        lambda x: np.ravel(x),
        lambda x: np.transpose(x),
        lambda x: np.transpose(x, (1, 0)),
        lambda x: np.swapaxes(x, 0, 1),
        lambda x: np.moveaxis(x, 0, -1),
        lambda x: np.rollaxis(x, 1),
        lambda x: np.broadcast_to(x, (2, 2, 3)),
        lambda x: np.expand_dims(x, (0, 2)),
        lambda x: np.squeeze(np.expand_dims(x, 0), axis=0),
        lambda x: np.concatenate([x, x], 1),
        lambda x: np.concatenate((x, x), axis=None),
        lambda x: np.stack([x, x], axis=-1),
        lambda x: np.hstack([x, x]),
        lambda x: np.vstack([x, x]),
        lambda x: np.dstack([x, x]),
        lambda x: np.column_stack([x, x]),
        lambda x: np.append(x, x, axis=0),
        lambda x: np.atleast_3d(x),
        lambda x: np.split(x, 3, axis=1)[1],
        lambda x: np.array_split(x, 2, 1)[0],
        lambda x: np.hsplit(x, [1])[1],
        lambda x: np.flip(x),
        lambda x: np.flip(x, 0),
        lambda x: np.fliplr(x),
        lambda x: np.flipud(x),
        lambda x: np.rot90(x, 3),
        lambda x: np.roll(x, 1),
        lambda x: np.roll(x, (1, 2), axis=(0, 1)),
        lambda x: np.repeat(x, 2),
        lambda x: np.repeat(x, [2, 1], 0),
        lambda x: np.tile(x, (2, 1)),
        lambda x: np.pad(x, 1),
        lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3.0),
        lambda x: np.pad(x, 1, mode="reflect"),
        lambda x: np.diag(x),
        lambda x: np.diag(x[0], 1),
        lambda x: np.diagonal(x, 1),
        lambda x: np.triu(x, 1),
        lambda x: np.tril(x),
        lambda x: np.linspace(x[0], x[1], 4),
        lambda x: np.copy(x),
        lambda x: np.where(MASK, x, 0.0),
        lambda x: np.take(x, [0, 2], axis=1),
        lambda x: np.take(x, [[0], [5]]),
        lambda x: np.take_along_axis(x, np.array([[1], [2]]), axis=1),
        lambda x: np.take_along_axis(x, np.array([[1], [2]]), 1),
        lambda x: np.sort(x),
        lambda x: np.sort(x, axis=None),
        lambda x: np.compress([True, False], x, axis=0),
        lambda x: np.delete(x, 1, axis=1),
        lambda x: np.extract(MASK, x),
        lambda x: np.dot(x, x.T),
        lambda x: np.dot(x, 2.0),
        lambda x: np.dot(2.0, x),
        lambda x: np.cross(x, x[::-1], axis=None),
        lambda x: np.dot(x, X.T),
        lambda x: np.dot(X, x.T),
        lambda x: np.inner(x, x),
        lambda x: np.outer(x, x),
        lambda x: np.vdot(x, x),
        lambda x: np.tensordot(x, x, axes=([1], [1])),
        lambda x: np.tensordot(x, x.T, 1),
        lambda x: np.einsum("ij,kj->ik", x, x),
        lambda x: np.einsum("ij,ij->", x, X, optimize=True),
        lambda x: np.kron(x, x),
        lambda x: np.cross(x, x[::-1]),
        lambda x: np.convolve(x[0], x[1], "same"),
        lambda x: np.clip(x, 0.0, 1.0),
        lambda x: np.clip(x, a_min=-1.0, a_max=None),
        lambda x: np.clip(x, np.zeros(3), 1.5),
        lambda x: np.sinc(x),
        lambda x: np.nan_to_num(x),
        lambda x: np.real(x),
        lambda x: np.arctan(x),
        lambda x: np.arctan2(x, 1.0),
        lambda x: np.hypot(1.0, x),
        lambda x: np.logaddexp(x, x),
        lambda x: np.exp2(x),
        lambda x: np.cbrt(x),
        lambda x: np.mod(x, 0.7),
        lambda x: np.deg2rad(x),
        lambda x: np.degrees(x),
        lambda x: np.fmax(x, 0.1),
        lambda x: np.positive(x),
        lambda x: np.conjugate(x),
        lambda x: np.linalg.norm(x),
        lambda x: np.linalg.norm(x, axis=1),
        lambda x: np.linalg.norm(x, 1),
        lambda x: np.linalg.norm(x, "nuc"),
        lambda x: np.linalg.norm(x, np.inf, axis=(0, 1), keepdims=True),
        lambda x: np.linalg.pinv(x),
        lambda x: np.linalg.svd(x, compute_uv=False),
        lambda x: np.linalg.svd(x, full_matrices=False)[1],
        lambda x: np.linalg.qr(x)[1],
        lambda x: np.linalg.multi_dot([x, x.T, x]),
        lambda x: np.linalg.matrix_power(x @ x.T, 3),
        lambda x: np.linalg.det(x @ x.T),
        lambda x: np.linalg.inv(x @ x.T),
        lambda x: np.linalg.slogdet(x @ x.T)[1],
        lambda x: np.linalg.cholesky(x @ x.T),
        lambda x: np.linalg.eigh(x @ x.T)[0],
        lambda x: np.linalg.eigvalsh(x @ x.T),
        lambda x: np.linalg.solve(S, x),
        lambda x: np.linalg.solve(x @ x.T, np.ones(2)),
        lambda x: np.linalg.lstsq(x.T, np.ones(3))[0],
        lambda x: np.linalg.cond(x),
        lambda x: np.fft.irfft(x),
        lambda x: np.fft.rfft(x).real,
        lambda x: np.fft.fft(x, axis=0).imag,
        lambda x: np.fft.fft2(x).real,
        lambda x: np.fft.ifft(x, n=4, norm="ortho").real,
        lambda x: np.fft.fftshift(x),
    ],
)
def test_numpy_functions_give_numpys_numbers_and_a_gradient(f: Callable[[Any], Any]) -> None:
    expected = f(X)
    t = mg.tensor(X, requires_grad=True)
    found = f(t)
    assert isinstance(found, mg.Tensor)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found.data, expected, rtol=1e-9, atol=1e-12)
    assert found.requires_grad
    found.sum().backward()
    assert t.grad is not None
    assert np.all(np.isfinite(t.grad.data))


def test_every_row_of_the_tables_names_a_function_that_exists() -> None:
    for table in (numpy_table.NUMPY, numpy_table.UFUNCS, numpy_table.LINEAR_ALGEBRA, numpy_table.SPECTRA):
        for name, (_, target) in table.items():
            function, _ = signatures._resolve(f"minigrad.{target}")
            assert callable(function), name


def test_every_listed_function_has_a_handler() -> None:
    for home, table in ((np, numpy_table.NUMPY), (np, numpy_table.UFUNCS), (np.linalg, numpy_table.LINEAR_ALGEBRA),
                        (np.fft, numpy_table.SPECTRA)):  # fmt: skip
        for name in table:
            function = getattr(home, name, None)
            if function is not None:
                assert REGISTRY.function(function) is not None, name


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: np.sort(x, order="a"), r"numpy\.sort.*'order'"),
        (lambda x: np.sum(x, out=np.zeros(())), "out="),
        (lambda x: np.linalg.svd(x), "full_matrices=False"),
        (lambda x: np.add.at(x, 0, 1.0), "at"),
        (lambda x: np.i0(x), "i0"),
    ],
)
def test_what_cannot_be_differentiated_is_an_error(f: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        f(mg.tensor(X, requires_grad=True))


def test_dtype_argument_casts() -> None:
    x = mg.tensor(X.astype(np.float32), requires_grad=True)
    y: Any = np.sum(x, dtype=np.float64)
    assert y.dtype == np.float64
    y.backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
