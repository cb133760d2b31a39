"""Values, slopes and curvatures of every function over the whole range of both dtypes, beside 50 digits of mpmath.

The numbers are in tests/data/oracle.npz, which tests/tools/numerics_oracle.py writes, and the errors in
minigrad/ops/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("mpmath", reason="the oracle's functions are written in mpmath")
pytest.importorskip(
    "minigrad_special", reason="minigrad-special is not installed: pip install ./plugins/minigrad-special"
)

import minigrad
from minigrad.core.types import Array
from support import oracle_table
from support.oracle_data import DTYPES, EVERY, PATH, AnyFunction, key, reference
from support.oracle_functions import UNARY

mg: Any = minigrad
WRITTEN = oracle_table.written()


@pytest.fixture(scope="module")
def stored() -> Mapping[str, Array]:
    """The oracle's numbers by function and dtype."""
    with np.load(PATH) as file:
        return dict(file)


def test_the_numbers_are_those_of_today_s_functions(stored: Mapping[str, Array]) -> None:
    assert set(stored) == {key(f, d) for f in EVERY for d in DTYPES}
    assert set(WRITTEN) == {f.name for f in EVERY}


@pytest.mark.parametrize("function", EVERY, ids=lambda f: f.name)
def test_no_error_is_larger_than_the_readme_says(function: AnyFunction, stored: Mapping[str, Array]) -> None:
    lines = [oracle_table.measure(function, d, stored[key(function, d)]) for d in DTYPES]
    bounds, letters = WRITTEN[function.name]
    errors = [e for line in lines for e in line.errors]
    assert all(e <= max(1.5 * b, b + 2.0) for e, b in zip(errors, bounds, strict=True)), f"{errors}, written: {bounds}"
    assert set("".join(line.letters for line in lines)) <= set(letters), f"{lines} has reasons besides {letters!r}"


def test_what_has_no_reason_is_near() -> None:
    far = {name: errors for name, (errors, _) in WRITTEN.items() if max(errors) > oracle_table.ALLOWED}
    assert far == {}, "functions farther off than 16 ulp without a reason"


@pytest.mark.parametrize("name", ["log1p", "gelu", "arctan", "logaddexp", "softmax"])
def test_the_numbers_are_mpmath_s(name: str, stored: Mapping[str, Array]) -> None:
    function: Any = next(f for f in EVERY if f.name == name)
    right = reference(function, np.float32)
    np.testing.assert_array_equal(stored[key(function, np.float32)], right)


def test_a_function_that_loses_its_tails_is_seen(stored: Mapping[str, Array]) -> None:
    tanh = next(f for f in UNARY if f.name == "tanh")
    by_exponentials = attrs.evolve(tanh, call=lambda x: 1.0 - 2.0 / (mg.exp(x * 2.0) + 1.0))
    line = oracle_table.measure(by_exponentials, np.float64, stored[key(tanh, np.float64)])
    assert max(line.errors) > 1e6
