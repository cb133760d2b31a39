"""The elementary functions against higher precision, over their whole range and at special values."""

from __future__ import annotations

import ctypes
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from minigrad.typing import Array
from minigrad_cc.compiler import compiler
from support.compiled_at_once import compiled_at_once as compiled_at_once  # in use in all tests

NAMES = ["exp", "expm1", "tanh", "log", "log1p"]
ULP = {"exp": 1.1, "expm1": 2.0, "tanh": 2.6, "log": 1.0, "log1p": 1.4}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    text = files("minigrad_cc").joinpath("vmath.h").read_text()
    for name in NAMES:
        for t in ("f4", "f8"):
            text += f"\nvoid {name}_{t}_all(const {t} *x, {t} *y, int64_t n)"
            text += f"{{ for (int64_t i = 0; i < n; ++i) y[i] = {name}_{t}(x[i]); }}"
    text += "\nint minigrad_kernel(const int64_t *a, int64_t n) { return 0; }"
    place: Path = tmp_path_factory.mktemp("kernels")
    place.chmod(0o700)
    return ctypes.CDLL(str(compiler().library(text, place)))


def computed(library: ctypes.CDLL, name: str, x: Array) -> Array:
    y = np.empty_like(x)
    function = getattr(library, f"{name}_f{x.itemsize}_all")
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    function(x.ctypes.data, y.ctypes.data, x.size)
    return y


def numbers(dtype: type[np.floating]) -> Array:
    rng = np.random.default_rng(0)
    top = 88.0 if dtype is np.float32 else 709.0
    low, high = (-44, 30) if dtype is np.float32 else (-320, 300)
    drawn = [
        rng.normal(size=60_000), rng.uniform(-top - 15, top + 2, 60_000), 10.0 ** rng.uniform(low, high, 60_000),
        -(10.0 ** rng.uniform(low, 1, 60_000)), rng.uniform(0.5, 2.0, 60_000),
    ]  # fmt: skip
    return np.concatenate(drawn).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_within_the_stated_bound(library: ctypes.CDLL, name: str, dtype: type[np.floating]) -> None:
    x = numbers(dtype)
    wide = np.float64 if dtype is np.float32 else np.longdouble
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(wide))
        rounded = exact.astype(dtype)
        ours = computed(library, name, x)
        apart = np.abs(ours.astype(wide) - exact) / np.spacing(np.abs(rounded)).astype(wide)
    finite = np.isfinite(rounded)
    assert np.nanmax(apart[finite]) <= ULP[name]
    np.testing.assert_array_equal(ours[~finite], rounded[~finite])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_special_values(library: ctypes.CDLL, name: str, dtype: type[np.floating]) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0], dtype)
    with np.errstate(all="ignore"):
        ours, numpys = computed(library, name, x), getattr(np, name)(x)
    np.testing.assert_allclose(ours, numpys, rtol=3e-7 if dtype is np.float32 else 1e-15)
    np.testing.assert_array_equal(np.signbit(ours[:2]), np.signbit(numpys[:2]))
