"""A Tensor is used as an array is: every method, operator, ufunc method, form of index and NumPy function."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad.core.errors import UnsupportedFunction
from minigrad.typing import Tensor
from support.ops_draw import CODE, Draw
from support.ops_property import EVERYDAY, TOGETHER, codes

A = np.arange(1.0, 13.0).reshape(3, 4) / 7.0
B = np.cos(A) + 1.5


def fresh() -> Tensor:
    return mg.tensor(A, requires_grad=True)


def same(found: Any, expected: Any) -> None:
    """Equal values, of one shape; tuples entry by entry."""
    if isinstance(expected, tuple | list):
        assert isinstance(found, tuple | list)
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            same(f, e)
        return
    value = found.data if isinstance(found, Tensor) else found
    assert np.shape(value) == np.shape(expected)
    # NumPy's sinc is 4e-17 at whole numbers, where it should be 0.
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-16)


METHODS: dict[str, tuple[object, ...]] = {
    "argmax": (), "argmin": (), "argsort": (), "all": (), "any": (), "clip": (0.2, 1.0),
    "compress": ([True, False, True],),
    "conj": (), "conjugate": (), "copy": (), "cumprod": (0,), "cumsum": (1,), "diagonal": (), "dot": (A.T,),
    "flatten": (), "item": (1, 2), "max": (0,), "mean": (1,), "min": (0,), "nonzero": (), "prod": (0,), "ravel": (),
    "repeat": (2, 0), "reshape": (4, 3), "round": (1,), "searchsorted": (1.0,), "squeeze": (), "std": (0,), "sum": (0,),
    "swapaxes": (0, 1), "take": ([0, 1],), "tolist": (), "trace": (), "transpose": (1, 0), "var": (0,),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods(name: str) -> None:
    x, t = (A[0], fresh()[0]) if name == "searchsorted" else (A, fresh())
    same(getattr(t, name)(*METHODS[name]), getattr(x, name)(*METHODS[name]))


@pytest.mark.parametrize("name", ["T", "mT", "real", "imag", "ndim", "size", "shape", "dtype"])
def test_properties(name: str) -> None:
    found, expected = getattr(fresh(), name), getattr(A, name)
    if name == "dtype":
        assert found == expected
    else:
        same(found, expected)


@pytest.mark.parametrize("name", [n for n in dir(np.ndarray) if not n.startswith("__") and not hasattr(mg.Tensor, n)])
def test_what_a_tensor_has_not_says_what_to_do(name: str) -> None:
    with pytest.raises(AttributeError, match=r"a Tensor has no|Did you mean"):
        getattr(fresh(), name)


OPERATORS: list[Callable[[Any], Any]] = [
    lambda x: 2 + x, lambda x: A - x, lambda x: x * B, lambda x: 1 / x, lambda x: x // 0.3, lambda x: 3 // x,
    lambda x: x % 0.3, lambda x: 3 % x, lambda x: divmod(x, 0.3), lambda x: divmod(2, x), lambda x: x**2,
    lambda x: 2**x, lambda x: x @ A.T, lambda x: A.T @ x, operator.neg, operator.pos, abs, lambda x: x < 1,
    lambda x: x == A, lambda x: round(x[0, 0], 1), lambda x: float(x[0, 0]), lambda x: int(x[2, 0]),
    lambda x: bool(x[0, 0]),
    len, lambda x: A[1, 1] in x, lambda x: 9.0 in x, lambda x: [sum(r) for r in x], lambda x: complex(x[0, 0]).real,
    lambda x: float(f"{x[0, 1]:.3f}"), lambda x: max(x[0]), lambda x: sorted(x[0]), lambda x: not x[0, 0],
    lambda x: math.sqrt(x[0, 0]), lambda x: list(reversed(x)), lambda x: (x > 1) ^ (x < 1.2),
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(OPERATORS)))
def test_operators(place: int) -> None:
    same(OPERATORS[place](fresh()), OPERATORS[place](A))


UFUNC_METHODS: dict[str, Callable[[Any], Any]] = {
    "add.reduce": lambda x: np.add.reduce(x),
    "add.reduce over two axes": lambda x: np.add.reduce(x, axis=(0, 1)),
    "add.reduce with a start": lambda x: np.add.reduce(x, axis=1, initial=2.0),
    "multiply.reduce": lambda x: np.multiply.reduce(x, axis=1),
    "maximum.reduce": lambda x: np.maximum.reduce(x, axis=None),
    "minimum.reduce": lambda x: np.minimum.reduce(x, axis=1, keepdims=True),
    "add.accumulate": lambda x: np.add.accumulate(x, axis=1),
    "multiply.accumulate": lambda x: np.multiply.accumulate(x),
    "multiply.outer": lambda x: np.multiply.outer(x, B),
    "subtract.outer": lambda x: np.subtract.outer(A[0], x[0]),
    "divmod": lambda x: np.divmod(x, 0.3),
    "floor_divide": lambda x: np.floor_divide(x, 0.3),
}


@pytest.mark.parametrize("name", UFUNC_METHODS)
def test_ufunc_methods(name: str) -> None:
    found = UFUNC_METHODS[name](fresh())
    same(found, UFUNC_METHODS[name](A))
    assert all(isinstance(f, Tensor) for f in (found if isinstance(found, tuple) else (found,)))


_einsum: Callable[..., Any] = np.einsum  # NumPy's stub does not know all its forms
OTHER_FORMS: dict[str, Callable[[Any], Any]] = {
    "einsum with lists": lambda x: _einsum(x, [0, 1], B, [0, 1], [1]),
    "einsum with lists and no output": lambda x: _einsum(x, [Ellipsis, 0], B, [Ellipsis, 0]),
    "cross along other axes": lambda x: np.cross(x[:, :3], B[:, :3], axisa=0, axisb=-1, axisc=0),
    "select": lambda x: np.select([A > 1.2, A > 0.5], [x * 2, x], -1.0),
    "where with a condition only": lambda x: np.where(x > 1)[0],
    "outer with a number": lambda x: np.outer(x, 2.0),
    "kron with a number": lambda x: np.kron(2.0, x),
    "inner with a number": lambda x: np.inner(x, 2.0),
    "isreal": np.isreal,
    "part of a transform": lambda x: np.fft.rfftn(x)[1:, 0].real,
}


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_other_forms_of_calls(name: str) -> None:
    same(OTHER_FORMS[name](fresh()), OTHER_FORMS[name](A))


APART = {
    "bmat", "byte_bounds", "frombuffer", "from_dlpack", "fromregex", "info", "isscalar", "iterable", "load", "loadtxt",
    "lookfor", "mintypecode", "ndindex", "safe_eval", "save", "savetxt", "savez", "savez_compressed",
    "set_printoptions", "source", "test", "typename", "who",
}  # fmt: skip
CONSTANTS = {
    "empty_like", "full_like", "histogram", "histogram2d", "histogramdd", "histogram_bin_edges", "ones_like", "spacing",
    "zeros_like", "result_type",
}  # fmt: skip
"""Functions whose floats are no function of the argument, or are documented as plain arrays."""


def _functions() -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = [n for n in dir(np) if not n.startswith("_") and n not in APART]
        return [n for n in names if callable(getattr(np, n)) and not isinstance(getattr(np, n), type)]


@pytest.mark.parametrize("name", _functions())
def test_every_numpy_function_answers_rightly_or_refuses(name: str) -> None:
    """On a Tensor that requires a gradient: NumPy's numbers and the gradient, or an error that says what to do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function = getattr(np, name)
        try:
            expected = function(A.copy())
        except Exception:
            pytest.skip("takes other arguments")
        refusal = ""
        try:
            found = function(fresh())
        except (UnsupportedFunction, TypeError, AttributeError) as error:
            refusal = str(error)
    if refusal:
        assert any(w in refusal for w in ("detach", ".data", "minigrad"))
        return
    parts = found if isinstance(found, tuple | list) else [found]
    if isinstance(expected, np.ndarray | float | tuple | list) and name != "empty_like":
        same(found, expected)
    lost = [p for p in parts if isinstance(p, np.ndarray | np.floating) and p.dtype.kind == "f"]
    assert name in CONSTANTS or not lost, f"numpy.{name} dropped the gradient"


def _key(draw: Draw, shape: tuple[int, ...]) -> Any:
    """An index of any of NumPy's forms."""
    if draw.between(0, 5) == 0:
        return draw.rng.random(shape) < 0.5  # a mask of the whole array
    parts: list[Any] = []
    for n in shape[: draw.between(0, len(shape))]:
        kind = draw.between(0, 5)
        if kind == 0:
            parts.append(draw.between(-n, n - 1))
        elif kind in (1, 2):
            parts.append(slice(*draw.among([(None, None, -1), (1, None, None), (None, -1, 2), (None, None, None)])))
        elif kind == 3:
            parts.append(draw.positions(-n, n, (3,)))
        elif kind == 4:
            parts.append([draw.between(0, n - 1), 0])
        else:
            parts.append(np.arange(n) % 2 == 0)
    if draw.flag():
        parts.insert(draw.between(0, len(parts)), draw.among([None, Ellipsis]))
    return tuple(parts)


@given(code=codes)
@EVERYDAY
def test_indexing_and_assignment(code: bytes) -> None:
    """Reading and writing by any index: NumPy's numbers, and gradients that follow the entries, repeated ones too."""
    for k in range(TOGETHER):
        draw = Draw(code[k * CODE : (k + 1) * CODE])
        x = draw.array(draw.shape(1, 3))
        key = _key(draw, x.shape)
        t = mg.tensor(x, requires_grad=True)
        try:
            expected = x[key]
        except IndexError:
            with pytest.raises((IndexError, ValueError)):
                t[key]
            continue
        same(t[key], expected)
        weights = draw.array(expected.shape)
        (t[key] * weights).sum().backward()
        due = np.zeros_like(x)
        np.add.at(due, key, weights)
        assert t.grad is not None
        same(t.grad, due)
        _check_assignment(draw, x, key)


def _check_assignment(draw: Draw, x: Any, key: Any) -> None:
    v = draw.array(x[key].shape)
    t, s = mg.tensor(x, requires_grad=True), mg.tensor(v, requires_grad=True)
    y, z = t * 1.0, x.copy()
    y[key] = s
    z[key] = v
    same(y, z)
    weights = draw.array(x.shape)
    (y * weights).sum().backward()
    kept = np.ones_like(x)
    kept[key] = 0.0
    assert t.grad is not None
    assert s.grad is not None
    same(t.grad, weights * kept)
    # Of several writers to one entry the last counts: follow the writers' numbers.
    writer = np.full(x.shape, -1)
    writer[key] = np.arange(v.size).reshape(v.shape)
    due = np.zeros(v.size)
    np.add.at(due, writer[writer >= 0], weights[writer >= 0])
    same(s.grad, due.reshape(v.shape))


AUGMENTED: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "+=": (operator.iadd, 1.0),
    "-=": (operator.isub, A),
    "*=": (operator.imul, A),
    "/=": (operator.itruediv, 2.0),
    "**=": (operator.ipow, 2),
    "//=": (operator.ifloordiv, 0.3),
    "%=": (operator.imod, 0.3),
    "@=": (operator.imatmul, np.eye(4)),
}


@pytest.mark.parametrize("name", AUGMENTED)
def test_augmented_assignment(name: str) -> None:
    before = fresh()
    change, operand = AUGMENTED[name]
    same(change(before * 1.0, operand), change(A.copy(), operand))
    same(before, A)


def test_augmented_assignment_to_entries() -> None:
    t, x = fresh() * 1.0, A.copy()
    for y in (t, x):
        y[1] += 2.0
        y[[0, 0]] *= 2.0
        y[y > 1.5] = 0.0
    same(t, x)
