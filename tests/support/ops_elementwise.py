"""Catalog: elementwise functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

import minigrad as mg
from support.ops_catalog import Entry, one, pair


def _u(
    name: str, kind: str = "real", oracle: Callable[..., Any] | None = None, torch: str | None = "", **more: Any
) -> Entry:
    """A function of one array. `torch`: its name there, "" for the same, None for none."""
    return Entry(
        name,
        getattr(mg, name),
        oracle or getattr(np, name),
        one(kind),
        None if torch is None else lambda t, x: getattr(t, torch or name)(x),
        **more,
    )


def _b(name: str, kinds: tuple[str, str] = ("real", "real"), oracle: Callable[..., Any] | None = None,
       torch: str | None = "") -> Entry:  # fmt: skip
    return Entry(
        name,
        getattr(mg, name),
        oracle or getattr(np, name),
        pair(*kinds),
        None if torch is None else lambda t, x, z: getattr(t, torch or name)(x, z),
    )


def _softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x)


def _selu(x: Any) -> Any:
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


def _gelu_tanh(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _f(name: str) -> Callable[..., Any]:
    """torch.nn.functional.<name>."""
    return lambda t, x, **o: getattr(t.nn.functional, name)(x, **o)


ENTRIES = [
    *(_u(n) for n in ("sin", "cos", "tanh", "sinh", "cosh", "exp", "expm1", "square", "negative", "arctan", "exp2")),
    *(_u(n, "positive") for n in ("log", "sqrt", "log2", "log10", "reciprocal")),
    _u("log1p", "positive"),
    _u("arcsinh"),
    *(_u(n, "unit") for n in ("arcsin", "arccos", "arctanh", "tan")),
    _u("arccosh", "above"),
    _u("absolute", "nonzero"),
    _u("fabs", "nonzero", torch="abs"),
    _u("cbrt", "nonzero", torch=None),
    _u("sinc"),
    _u("deg2rad"),
    _u("rad2deg"),
    Entry("positive", mg.ops.functions.positive, np.positive, one()),
    _u("nan_to_num"),
    _u("sign", "nonzero"),
    _u("floor", "between"),
    _u("ceil", "between"),
    _u("trunc", "between"),
    _u("rint", "distinct", torch="round"),
    _u("angle", "nonzero"),
    _u("sigmoid", oracle=special.expit),
    _u("erf", oracle=special.erf),
    _u("erfc", oracle=special.erfc),
    _u("normal_cdf", oracle=special.ndtr, torch=None),
    _u("normal_pdf", oracle=lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi), torch=None),
    _u("rsqrt", "positive", oracle=lambda x: 1 / np.sqrt(x)),
    _u("frac", "between", oracle=lambda x: x - np.trunc(x)),
    _u("sec", "unit", oracle=lambda x: 1 / np.cos(x), torch=None),
    _u("csc", "nonzero", oracle=lambda x: 1 / np.sin(x), torch=None),
    _u("cot", "nonzero", oracle=lambda x: 1 / np.tan(x), torch=None),
    _u("sech", oracle=lambda x: 1 / np.cosh(x), torch=None),
    _u("csch", "nonzero", oracle=lambda x: 1 / np.sinh(x), torch=None),
    _u("coth", "nonzero", oracle=lambda x: 1 / np.tanh(x), torch=None),
    _u("arcsec", "above", oracle=lambda x: np.arccos(1 / x), torch=None),
    _u("arccsc", "above", oracle=lambda x: np.arcsin(1 / x), torch=None),
    _u("arccot", "nonzero", oracle=lambda x: np.arctan(1 / x), torch=None),
    _u("arccsch", "nonzero", oracle=lambda x: np.arcsinh(1 / x), torch=None),
    _u("arccoth", "above", oracle=lambda x: np.arctanh(1 / x), torch=None),
    *(_b(n) for n in ("add", "subtract", "multiply", "logaddexp", "logaddexp2")),
    _b("divide", ("real", "nonzero")),
    _b("ratio", ("real", "nonzero"), oracle=np.divide, torch=None),
    _b("hypot", ("nonzero", "nonzero")),
    _b("arctan2", ("nonzero", "nonzero")),
    _b("power", ("positive", "real"), torch="pow"),
    _b("float_power", ("positive", "real"), torch="pow"),
    _b("copysign", ("nonzero", "nonzero")),
    _b("xlogy", ("real", "positive"), oracle=special.xlogy),
    *(_b(n, ("distinct", "distinct")) for n in ("maximum", "minimum", "fmax", "fmin")),
    Entry(
        "lerp",
        lambda x, z: mg.lerp(x, z, 0.25),
        lambda x, z: x + 0.25 * (z - x),
        pair(),
        lambda t, x, z: t.lerp(x.broadcast_to(t.broadcast_shapes(x.shape, z.shape)), z, 0.25),
    ),
    Entry("integer_power", lambda x: mg.integer_power(x, n=3), lambda x: x**3, one(), lambda t, x: x**3),
    Entry(
        "power_minus_two", lambda x: mg.integer_power(x, n=-2), lambda x: x**-2.0, one("nonzero"), lambda t, x: x**-2
    ),
    Entry("where", lambda x, z: mg.where(np.array(True), x, z), lambda x, z: np.where(True, x, z), pair()),
    Entry(
        "clip",
        lambda x: mg.clip(x, -0.55, 0.75),
        lambda x: np.clip(x, -0.55, 0.75),
        one("distinct"),
        lambda t, x: t.clamp(x, -0.55, 0.75),
    ),
    # Activations
    _u("relu", "nonzero", oracle=lambda x: np.maximum(x, 0)),
    _u("softplus", oracle=_softplus, torch=None),
    _u("log_sigmoid", oracle=special.log_expit, torch=None),
    _u("selu", "nonzero", oracle=_selu),
    _u("celu", "nonzero", oracle=lambda x: np.maximum(x, 0) + np.minimum(0, np.expm1(x))),
    _u("tanhshrink", oracle=lambda x: x - np.tanh(x), torch=None),
    *(
        Entry(name, getattr(mg, name), oracle, one("distinct"), _f(torch) if torch else None)
        for name, oracle, torch in (
            ("silu", lambda x: x * special.expit(x), "silu"),
            ("mish", lambda x: x * np.tanh(_softplus(x)), "mish"),
            ("softsign", lambda x: x / (1 + np.abs(x)), "softsign"),
            ("gelu", lambda x: x * special.ndtr(x), "gelu"),
            ("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), "elu"),
            ("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x), "leaky_relu"),
            ("hardtanh", lambda x: np.clip(x, -1, 1), "hardtanh"),
            ("relu6", lambda x: np.clip(x, 0, 6), "relu6"),
            ("hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, ""),  # no second derivative in PyTorch
            ("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, "hardswish"),
            ("softshrink", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), "softshrink"),
            ("hardshrink", lambda x: x * (np.abs(x) > 0.5), "hardshrink"),
        )
    ),
    Entry(
        "gelu_tanh",
        lambda x: mg.gelu(x, approximate="tanh"),
        _gelu_tanh,
        one(),
        lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
    ),
    Entry(
        "threshold",
        lambda x: mg.threshold(x, 0.2, -1.0),
        lambda x: np.where(x > 0.2, x, -1),
        one("distinct"),
        lambda t, x: t.nn.functional.threshold(x, 0.2, -1.0),
    ),
]
