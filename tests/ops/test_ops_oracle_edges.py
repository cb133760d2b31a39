"""Rows of no, one and few entries, with infinities, NaN and numbers of every size, beside 50 digits of mpmath.

The numbers are in tests/data/oracle_edges.npz, which tests/tools/numerics_oracle.py writes, and the errors and what is
answered where there is no limit in minigrad/ops/README.md.
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
from minigrad.core.tensor import as_array
from minigrad.core.types import Array
from support import oracle_edge_table as edge_table
from support.oracle_edges import EDGES, PATH, SETS, key, pack, reference
from support.oracle_rows import RowFunction
from support.oracle_table import ALLOWED

mg: Any = minigrad
WRITTEN = edge_table.written()
DTYPES = (np.float64, np.float32)
NOTHING: dict[str, float | type[Exception] | None] = {
    "sum": 0.0, "nansum": 0.0, "prod": 1.0, "nanprod": 1.0, "norm": 0.0, "norm squared": 0.0, "logsumexp": -np.inf,
    "special.logsumexp": -np.inf, "trapezoid": 0.0, "cosine_similarity": 0.0, "cosine_embedding_loss": 1.0,
    "multilabel_margin_loss": np.nan,
    **{f"linalg.norm {p}": 0.0 for p in (0, 0.5, 1, 1.5, 2, 3)},
    **{f"pairwise_distance {p}": 0.0 for p in (1.0, 1.5, 2.0, 3.0)},
    **dict.fromkeys(("mean", "nanmean", "var", "nanvar", "var ddof 1", "std", "nanstd", "std ddof 1", "average",
                     "median", "quantile 0.3", "nanmedian", "nanquantile 0.3", "multilabel_soft_margin_loss"), np.nan),
    **dict.fromkeys(("max", "min", "ptp", "nanmax", "nanmin", "linalg.norm inf", "linalg.norm -inf"), ValueError),
    **dict.fromkeys(("cross_entropy", "cross_entropy smoothed", "nll_loss", "multiclass_hinge", "softmax_focal_loss",
                     "multi_margin_loss", "multi_margin_loss 2", "cross_entropy of shares"), ValueError),
}  # fmt: skip
"""Results of rows without entries, as NumPy's; functions that are not here have none."""


@pytest.fixture(scope="module")
def stored() -> Mapping[str, Array]:
    """The oracle's numbers."""
    with np.load(PATH) as file:
        return dict(file)


def test_the_numbers_are_those_of_today_s_functions(stored: Mapping[str, Array]) -> None:
    assert set(stored) == {key(f, s, n) for f in EDGES for s, n in SETS}
    assert set(WRITTEN) == {f.name for f in EDGES}
    assert all(max(errors) <= ALLOWED for errors, _ in WRITTEN.values()), "16 ulp need a reason"


@pytest.mark.parametrize("function", EDGES, ids=lambda f: f.name)
def test_no_row_at_the_edge_is_worse_than_the_readme_says(function: RowFunction, stored: Mapping[str, Array]) -> None:
    lines = [edge_table.measure(function, d, stored) for d in DTYPES]
    bounds, letters = WRITTEN[function.name]
    errors = [e for line in lines for e in line.errors]
    assert all(e <= max(1.5 * b, b + 2.0) for e, b in zip(errors, bounds, strict=True)), f"{errors}, written: {bounds}"
    assert set("".join(line.letters for line in lines)) <= set(letters), f"{lines} has reasons besides {letters!r}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", EDGES, ids=lambda f: f.name)
def test_rows_without_entries(function: RowFunction, dtype: Any) -> None:
    x: Any = np.empty((2, 0), dtype)
    expected = NOTHING.get(function.name)
    if isinstance(expected, type):
        with pytest.raises(expected):
            function.call(x)
        return
    right = np.empty((2, 0)) if expected is None else np.full(2, expected)
    y = np.asarray(function.call(x))
    np.testing.assert_array_equal(y.reshape(right.shape), right)
    assert y.dtype == dtype
    slope = mg.grad(lambda t: mg.sum(function.call(t)))
    assert slope(x).shape == mg.grad(lambda t: mg.sum(slope(t)))(x).shape == (2, 0)


@pytest.mark.parametrize("name", ["prod", "std", "log_softmax"])
def test_the_numbers_are_mpmath_s(name: str, stored: Mapping[str, Array]) -> None:
    function = next(f for f in EDGES if f.name == name)
    np.testing.assert_array_equal(stored[key(function, "", 2)], pack(reference(function, "", 2)))


def test_a_sum_that_drops_its_infinities_is_seen(stored: Mapping[str, Array]) -> None:
    total = next(f for f in EDGES if f.name == "sum")
    finite = attrs.evolve(total, call=lambda x: mg.sum(mg.where(np.isinf(as_array(x)), 0.0, x), axis=-1))
    assert edge_table.measure(finite, np.float64, stored).errors[0] == np.inf
