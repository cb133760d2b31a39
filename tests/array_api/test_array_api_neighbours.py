"""SciPy and xarray on Tensors, through the namespace: their values on arrays, and gradients like differences."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

SCIPY_CALLS = (
    "special.logsumexp(x)",
    "special.softmax(x, axis=1)",
    "special.log_softmax(x, axis=1)",
    "special.xlogy(x, x + 1.0)",
    "stats.zscore(x, axis=1)",
    "stats.skew(x, axis=1)",
    "stats.kurtosis(x, axis=1)",
    "stats.gmean(x, axis=1)",
    "stats.hmean(x, axis=1)",
    "stats.pmean(x, 3, axis=1)",
    "stats.moment(x, 3, axis=1)",
    "stats.sem(x, axis=1)",
    "stats.variation(x, axis=1)",
    "integrate.trapezoid(x, axis=1)",
    "optimize.rosen(x[0, :])",
    "cluster.vq.whiten(x)",
)
"""What SciPy computes through the namespace, in ways that this test has looked at."""

SCRIPT = """
import sys
import numpy as np
from scipy import cluster, integrate, optimize, special, stats
import minigrad as mg

rng = np.random.default_rng(0)
at, weight = rng.uniform(0.5, 2.0, (3, 5)), rng.normal(size=(3, 5))
for call in sys.argv[1:]:
    value = eval("lambda x: " + call)

    def total(a):
        y = np.asarray(value(a))
        return float((y * np.resize(weight, y.shape)).sum())

    x = mg.tensor(at, requires_grad=True)
    y = value(x)
    assert isinstance(y, mg.Tensor), (call, type(y))
    np.testing.assert_allclose(y.numpy(), value(at), rtol=1e-12, err_msg=call)
    (y * np.resize(weight, y.shape)).sum().backward()
    slope = np.zeros_like(at)
    for place in np.ndindex(*at.shape):
        step = np.zeros_like(at)
        step[place] = 1e-5
        slope[place] = (total(at + step) - total(at - step)) / 2e-5
    np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-5, atol=1e-8, err_msg=call)
    print(call)
"""


def test_scipy_functions_that_take_namespaces_have_gradients() -> None:
    """In a process of its own, as SciPy looks at SCIPY_ARRAY_API when it is imported."""
    pytest.importorskip("scipy", minversion="1.15", reason="SciPy 1.15 is not installed: pip install scipy")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *SCIPY_CALLS], capture_output=True, text=True, check=False,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == list(SCIPY_CALLS)


XARRAY_CALLS: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda a: a * a + 2.0 / a - a.isel(time=0),
    "mean": lambda a: a.mean("time"),
    "chosen by label": lambda a: a.sel(city="Ulm"),
    "where": lambda a: a.where(a > 1.0, 0.0),
    "shifted": lambda a: a.shift(time=1, fill_value=0.0),
    "dot": lambda a: a.dot(a, dim="time"),
    "stacked": lambda a: a.stack(place=("city", "time")),
    "weighted": lambda a: a.weighted(a.isel(time=0, drop=True)).mean("city"),
    "grouped": lambda a: a.groupby("season").sum(),
    "coarser": lambda a: a.drop_vars("season").isel(time=slice(0, 4)).coarsen(time=2).max(),
}


def _array(x: Any) -> Any:
    xarray = pytest.importorskip("xarray", reason="xarray is not installed: pip install xarray")
    labels = {"city": ["Ulm", "Bonn", "Kiel"], "time": np.arange(5), "season": ("time", list("aabba"))}
    return xarray.DataArray(x, dims=("city", "time"), coords=labels)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", XARRAY_CALLS)
def test_xarray_keeps_a_tensor_and_its_gradient(name: str) -> None:
    at = np.random.default_rng(0).uniform(0.5, 2.0, (3, 5))
    call = XARRAY_CALLS[name]
    expected = call(_array(at))
    found = call(_array(mg.tensor(at)))
    assert isinstance(found.data, mg.Tensor)
    assert found.dims == expected.dims
    np.testing.assert_allclose(found.data.numpy(), expected.values, rtol=1e-12)
    mg.gradcheck(lambda x: call(_array(x)).data, at)
