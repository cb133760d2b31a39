"""`minigrad.array_api`: values are NumPy's for every dtype, gradients pass the check by differences."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

import minigrad as mg
from minigrad import array_api as xp
from minigrad.core.tensor import Tensor

DTYPES = [np.dtype(d) for d in ("bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")]
RNG = np.random.default_rng(19)

OTHER_NAMES = {
    **{f"a{name}": f"arc{name}" for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh")},
    "atan2": "arctan2",
    "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
    "pow": "power",
    "round": "rint",
    "conj": "conjugate",
    "abs": "absolute",
}
"""Name in the standard -> NumPy's, where NumPy 2.0 has another one as well."""

ONE = [
    *[
        "abs",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "bitwise_invert",
        "ceil",
        "conj",
        "cos",
        "cosh",
        "exp",
        "expm1",
        "floor",
        "isfinite",
        "isinf",
    ],
    *[
        "isnan",
        "log",
        "log1p",
        "log2",
        "log10",
        "logical_not",
        "negative",
        "positive",
        "reciprocal",
        "round",
        "sign",
        "signbit",
        "sin",
        "sinh",
    ],
    *["square", "sqrt", "tan", "tanh", "trunc", "imag", "real"],
]
TWO = [
    *[
        "add",
        "atan2",
        "bitwise_and",
        "bitwise_left_shift",
        "bitwise_or",
        "bitwise_right_shift",
        "bitwise_xor",
        "copysign",
        "divide",
    ],
    *[
        "equal",
        "floor_divide",
        "greater",
        "greater_equal",
        "hypot",
        "less",
        "less_equal",
        "logaddexp",
        "logical_and",
        "logical_or",
    ],
    *["logical_xor", "maximum", "minimum", "multiply", "nextafter", "not_equal", "pow", "remainder"],
    *["subtract"],
]


def _entries(dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    return (RNG.integers(1, 4, shape) if dtype.kind != "f" else RNG.uniform(0.1, 0.9, shape)).astype(dtype)


def _numpys(name: str) -> Callable[..., np.ndarray]:
    function: Callable[..., np.ndarray] = getattr(np, OTHER_NAMES.get(name, name))
    return function


@pytest.mark.parametrize("count", [1, 2])
def test_elementwise_functions_have_numpys_values_and_dtypes(count: int) -> None:
    compared = 0
    for name in ONE if count == 1 else TWO:
        function, reference = getattr(xp, name), _numpys(name)
        for dtype in DTYPES:
            arrays = [_entries(dtype, (3, 1)), _entries(dtype, (4,))][:count]
            try:
                with np.errstate(all="ignore"):
                    expected = reference(*arrays)
            except TypeError:
                continue  # neither NumPy nor the standard has this function for this dtype
            if expected.dtype not in DTYPES:
                continue  # half precision of bytes
            with np.errstate(all="ignore"):
                y = function(*map(mg.tensor, arrays))
            assert type(y) is Tensor
            assert y.shape == expected.shape
            np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6, err_msg=f"{name} {dtype}")
            if not (name in ("ceil", "floor", "round", "trunc") and dtype.kind != "f"):
                assert y.dtype == expected.dtype, (name, dtype)
            compared += 1
    assert compared > (250 if count == 1 else 200)


@pytest.mark.parametrize("name", [n for n in TWO if n not in ("logical_and", "logical_or", "logical_xor")])
def test_a_python_number_takes_the_dtype_of_the_tensor(name: str) -> None:
    for dtype, number in ((np.dtype("f4"), 2.0), (np.dtype("f4"), 2), (np.dtype("i1"), 2)):
        x = _entries(dtype, (3,))
        try:
            expected = _numpys(name)(x, number), _numpys(name)(number, x)
        except TypeError:
            continue
        y = getattr(xp, name)(mg.tensor(x), number), getattr(xp, name)(number, mg.tensor(x))
        assert [r.dtype for r in y] == [r.dtype for r in expected], (name, dtype, number)


GRADIENTS: dict[str, Callable[[Tensor], Tensor]] = {
    **{n: getattr(xp, n) for n in ("abs", "acos", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "expm1")},
    **{n: getattr(xp, n) for n in ("log", "log1p", "log2", "log10", "negative", "positive", "reciprocal", "sin")},
    **{n: getattr(xp, n) for n in ("sinh", "square", "sqrt", "tan", "tanh", "conj", "real")},
    "acosh": lambda x: xp.acosh(x + 1),
    **{
        n: (lambda f: lambda x: f(x[0] + 1.0, x[1:]))(getattr(xp, n))
        for n in ("add", "atan2", "copysign", "divide", "hypot", "logaddexp", "maximum", "minimum", "multiply", "pow")
    },
    "remainder": lambda x: xp.remainder(x, 0.35),
    "subtract": lambda x: xp.subtract(1, x),
    "clip": lambda x: xp.clip(x, 0.3, 0.7),
    "where": lambda x: xp.where(x > 0.5, x, 2.0),
    "sum": lambda x: xp.sum(x, axis=(0, 1), dtype=xp.float64),
    "mean": lambda x: xp.mean(x, axis=1, keepdims=True),
    "prod": lambda x: xp.prod(x, axis=0),
    "prod of two axes": lambda x: xp.prod(x, axis=(0, 1)),
    "max": lambda x: xp.max(x, axis=1),
    "min": lambda x: xp.min(x),
    "std": lambda x: xp.std(x, axis=0, correction=1),
    "var": lambda x: xp.var(x, correction=0.5),
    "cumulative_sum": lambda x: xp.cumulative_sum(x, axis=0, include_initial=True),
    "cumulative_prod": lambda x: xp.cumulative_prod(x, axis=1, include_initial=True),
    "diff": lambda x: xp.diff(x, n=2, axis=0, prepend=x[:1] * 2, append=x[-1:]),
    "sort": lambda x: xp.sort(x, axis=0, descending=True),
    "take": lambda x: xp.take(x, xp.asarray([2, 0, 2]), axis=1),
    "take_along_axis": lambda x: xp.take_along_axis(x, xp.argsort(x, axis=1, descending=True), axis=1),
    "unique_values": lambda x: xp.unique_values(x),
    "concat": lambda x: xp.concat([x, x * x], axis=None),
    "stack": lambda x: xp.stack([x, xp.flip(x, axis=0)], axis=1),
    "asarray of a list": lambda x: xp.asarray([x[0, 0], x[1, 1] * 2]),
    "unstack": lambda x: xp.unstack(x, axis=1)[1] * x[:, 0],
    "permute_dims": lambda x: xp.permute_dims(x, (1, 0)),
    "moveaxis": lambda x: xp.moveaxis(x, 0, 1),
    "reshape": lambda x: xp.reshape(x, (-1,)),
    "roll": lambda x: xp.roll(x, 1, axis=0) * x,
    "repeat": lambda x: xp.repeat(x, xp.asarray([1, 0, 2]), axis=1),
    "tile": lambda x: xp.tile(x, (2, 1, 2)),
    "broadcast_to": lambda x: xp.broadcast_to(x, (2, *x.shape)),
    "broadcast_arrays": lambda x: xp.broadcast_arrays(x[:, :1], x)[0] * x,
    "expand_dims": lambda x: xp.expand_dims(x, axis=1),
    "squeeze": lambda x: xp.squeeze(x[:1], axis=0),
    "tril": lambda x: xp.tril(x),
    "triu": lambda x: xp.triu(x, k=1),
    "meshgrid": lambda x: xp.meshgrid(x[0], x[:, 0])[1],
    "astype": lambda x: xp.astype(x, xp.float64, copy=True),
    "matmul": lambda x: x @ xp.matrix_transpose(x),
    "tensordot": lambda x: xp.tensordot(x, x, axes=2),
    "vecdot": lambda x: xp.vecdot(x, x + 1.0, axis=0),
    "linalg.outer": lambda x: xp.linalg.outer(x[0], x[:, 0]),
    "linalg.cross": lambda x: xp.linalg.cross(x[0], x[1]),
    "linalg.det": lambda x: xp.linalg.det(x[:3, :3] + xp.eye(3)),
    "linalg.inv": lambda x: xp.linalg.inv(x[:3, :3] + xp.eye(3)),
    "linalg.solve": lambda x: xp.linalg.solve(x[:3, :3] + xp.eye(3), x[3, :3]),
    "linalg.cholesky": lambda x: xp.linalg.cholesky(x @ x.mT + xp.eye(4), upper=True),
    "linalg.eigvalsh": lambda x: xp.linalg.eigvalsh(x @ x.mT + xp.eye(4) * xp.arange(1.0, 5.0)),
    "linalg.eigh": lambda x: xp.linalg.eigh(x @ x.mT + xp.eye(4) * xp.arange(1.0, 5.0)).eigenvalues,
    "linalg.svdvals": lambda x: xp.linalg.svdvals(x + xp.eye(4, 3) * 3),
    "linalg.svd": lambda x: xp.linalg.svd(x + xp.eye(4, 3) * 3, full_matrices=False).S,
    "linalg.qr": lambda x: abs(xp.linalg.qr(x + xp.eye(4, 3) * 3).R),
    "linalg.pinv": lambda x: xp.linalg.pinv(x + xp.eye(4, 3) * 3),
    "linalg.slogdet": lambda x: xp.linalg.slogdet(x[:3, :3] + xp.eye(3)).logabsdet,
    "linalg.matrix_norm": lambda x: xp.linalg.matrix_norm(x),
    "linalg.matrix_power": lambda x: xp.linalg.matrix_power(x[:3, :3], 3),
    "linalg.vector_norm": lambda x: xp.linalg.vector_norm(x, axis=0, ord=3),
    "linalg.trace": lambda x: xp.linalg.trace(x, offset=1),
    "linalg.diagonal": lambda x: xp.linalg.diagonal(x),
    "einsum": lambda x: xp.einsum("ij,kj->ik", x, x),
    "pad": lambda x: xp.pad(x, ((1, 0), (0, 2))) * 2.0,
    "transpose": lambda x: xp.transpose(x),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str) -> None:
    x = np.random.default_rng(3).permutation(12).reshape(4, 3) / 14.0 + 0.1
    function = GRADIENTS[name]
    assert function(mg.tensor(x, requires_grad=True)).requires_grad
    assert mg.gradcheck(function, x)


def test_every_function_of_the_standard_is_there() -> None:
    functions = {n for n in xp.__all__ if inspect.isfunction(getattr(xp, n))}
    tested = {n.split(" ")[0] for n in GRADIENTS} | set(ONE) | set(TWO)
    constant = {
        *[
            "all",
            "any",
            "arange",
            "argmax",
            "argmin",
            "argsort",
            "asarray",
            "broadcast_shapes",
            "can_cast",
            "count_nonzero",
            "empty",
            "empty_like",
        ],
        *[
            "eye",
            "finfo",
            "from_dlpack",
            "full",
            "full_like",
            "iinfo",
            "isdtype",
            "isin",
            "linspace",
            "matrix_transpose",
            "nonzero",
            "ones",
        ],
        *[
            "ones_like",
            "result_type",
            "searchsorted",
            "unique_all",
            "unique_counts",
            "unique_inverse",
            "zeros",
            "zeros_like",
            "flip",
        ],
    }
    assert functions - tested - constant == set()
    assert constant - functions == set()


def test_a_tensor_names_its_namespace() -> None:
    t = mg.tensor([1.0])
    assert isinstance(t.__array_namespace__(), ModuleType)
    assert t.__array_namespace__(api_version="2023.12") is xp
    assert t.device == "cpu"
    assert t.to_device("cpu") is t
    with pytest.raises(ValueError, match=r"2024\.12"):
        t.__array_namespace__(api_version="2030.12")
    with pytest.raises(ValueError, match="cuda"):
        t.to_device("cuda")
    with pytest.raises(ValueError, match="cuda"):
        xp.zeros(3, device="cuda")


def test_functions_run_in_programs() -> None:
    @mg.define
    def step(x: Tensor) -> Tensor:
        mask = (x > 0) & ~(x > 1)
        return xp.sum(xp.where(mask, xp.exp(x), 0.0)) + xp.mean(x[xp.argsort(x)])

    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=8)
        expected = np.exp(x[(x > 0) & (x <= 1)]).sum() + x.mean()
        assert step(mg.tensor(x, requires_grad=True)).item() == pytest.approx(expected, rel=1e-12)


def test_asarray_copies_as_it_says() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert xp.asarray(x) is x
    assert xp.asarray(x, copy=False) is x
    other = xp.asarray(x, copy=True)
    x[0] = 7.0
    assert other[0] == 1.0
    array = np.ones(2)
    t = xp.asarray(array)
    array[0] = 5.0
    assert t[0] == 1.0
    with pytest.raises(ValueError, match="copy=False"):
        xp.asarray(array, copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        xp.asarray(x, dtype=xp.float32, copy=False)
    with pytest.raises(TypeError, match="complex128"):
        xp.asarray(1j)
    with pytest.raises(mg.UnsupportedFunction, match="nextafter"):
        xp.nextafter(x, 1.0)


def test_from_dlpack_takes_arrays_and_tensors() -> None:
    array = np.arange(3.0)
    np.testing.assert_array_equal(xp.from_dlpack(array).numpy(), array)
    np.testing.assert_array_equal(xp.from_dlpack(mg.tensor([True, False])).numpy(), [True, False])


def test_dtypes_and_their_kinds() -> None:
    info = vars(xp)["__array_namespace_info__"]()
    assert set(info.dtypes()) == {d.name for d in DTYPES}
    assert info.dtypes(kind="bool") == {"bool": xp.bool}
    assert set(info.dtypes(kind=("real floating", "complex floating"))) == {"float32", "float64"}
    assert xp.isdtype(xp.uint8, "unsigned integer")
    assert not xp.isdtype(xp.float32, ("integral", "bool"))
    assert xp.result_type(mg.tensor([1.0]).astype("f4"), 1.0) == xp.float32
    assert xp.finfo(xp.float32).eps == np.finfo("f4").eps
    with pytest.raises(ValueError, match="real floating"):
        xp.isdtype(xp.float32, "floating")
