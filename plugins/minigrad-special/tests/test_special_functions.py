"""Special functions against SciPy: value, gradient, second gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from scipy import special as sp

import minigrad as mg
import minigrad_special as special
from minigrad.typing import Array
from minigrad.verify import verify
from support.ops_calls import flagged
from support.ops_catalog import Entry, one, pair
from support.ops_property import EVERYDAY, SOAK, agree, codes


def _u(name: str, kind: str = "real", oracle: Callable[..., Array] | None = None) -> Entry:
    return Entry(name, getattr(special, name), oracle or getattr(sp, name), one(kind))


ENTRIES = [
    *(_u(n, "positive") for n in ("gammaln", "gamma", "digamma", "psi", "rgamma", "entr", "y0", "y1", "k0", "k1")),
    *(_u(n) for n in ("erf", "erfc", "erfcx", "ndtr", "log_ndtr", "j0", "j1", "i0", "i1", "expit", "log_expit")),
    _u("i0e", "nonzero"),
    _u("i1e", "nonzero"),
    _u("erfinv", "unit"),
    *(_u(n, "probability") for n in ("erfcinv", "ndtri", "logit")),
    _u("gammasgn", "between"),
    Entry("beta", special.beta, sp.beta, pair("positive", "positive")),
    Entry("betaln", special.betaln, sp.betaln, pair("positive", "positive")),
    Entry("xlogy", special.xlogy, sp.xlogy, pair("real", "positive")),
    Entry("xlog1py", special.xlog1py, sp.xlog1py, pair("real", "positive")),
    Entry("rel_entr", special.rel_entr, sp.rel_entr, pair("positive", "positive")),
    Entry("logsumexp", special.logsumexp, sp.logsumexp, flagged()),
    *(
        Entry(
            f"polygamma_{n}",
            lambda x, n=n: special.polygamma(x, n=n),
            lambda x, n=n: sp.polygamma(n, x).astype(x.dtype),
            one("above"),
        )
        for n in (0, 1, 2)
    ),
    Entry(
        "multigammaln",
        lambda x: special.multigammaln(x, 3),
        lambda x: np.vectorize(lambda v: sp.multigammaln(v, 3), otypes=[x.dtype])(x),
        one("above"),
    ),
    Entry(
        "gammainc", lambda x: special.gammainc(1.7, x), lambda x: sp.gammainc(1.7, x).astype(x.dtype), one("positive")
    ),
    Entry(
        "gammaincc",
        lambda x: special.gammaincc(1.7, x),
        lambda x: sp.gammaincc(1.7, x).astype(x.dtype),
        one("positive"),
    ),
    Entry(
        "betainc",
        lambda x: special.betainc(1.7, 2.2, x),
        lambda x: sp.betainc(1.7, 2.2, x).astype(x.dtype),
        one("probability"),
    ),
    *(
        Entry(f"jn_{n}", lambda x, n=n: special.jn(n, x), lambda x, n=n: sp.jv(n, x).astype(x.dtype), one())
        for n in (0, 1, 3)
    ),
    *(
        Entry(f"yn_{n}", lambda x, n=n: special.yn(n, x), lambda x, n=n: sp.yn(n, x).astype(x.dtype), one("above"))
        for n in (0, 2)
    ),
    *(
        Entry(f"iv_{v}", lambda x, v=v: special.iv(v, x), lambda x, v=v: sp.iv(v, x).astype(x.dtype), one("above"))
        for v in (0, 1.5, 2)
    ),
    *(
        Entry(f"ive_{v}", lambda x, v=v: special.ive(v, x), lambda x, v=v: sp.ive(v, x).astype(x.dtype), one("above"))
        for v in (0, 1.5, 2)
    ),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@given(code=codes)
@EVERYDAY
def test_function_agrees_with_scipy(entry: Entry, code: bytes) -> None:
    agree(entry, code, at_length=False)


@pytest.mark.soak
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@given(code=codes)
@SOAK
def test_function_agrees_with_scipy_at_length(entry: Entry, code: bytes) -> None:
    agree(entry, code, at_length=True)


def test_tails_are_precise() -> None:
    x = np.array([1e-300, 1e-20, 1e-10])
    np.testing.assert_allclose(special.ndtri(x), sp.ndtri(x), rtol=1e-13)
    np.testing.assert_allclose(special.erfcinv(x), sp.erfcinv(x), rtol=1e-13)
    np.testing.assert_allclose(special.betainc(2.0, 3.0, x), sp.betainc(2.0, 3.0, x), rtol=1e-13)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: special.gammainc(a, 0.5),
        lambda a: special.gammaincc(a, 0.5),
        lambda a: special.betainc(a, 1.0, 0.5),
        lambda a: special.betainc(1.0, a, 0.5),
    ],
)
def test_a_parameter_without_derivative_is_refused(f: Callable[[mg.Tensor], mg.Tensor]) -> None:
    with pytest.raises(TypeError, match="no derivative"):
        f(mg.tensor(1.5, requires_grad=True))
    assert isinstance(f(mg.tensor(1.5)), mg.Tensor)


@pytest.mark.parametrize("seed", range(3))
def test_every_op_passes_the_gate_again(seed: int) -> None:
    ours = [op for op in mg.core.REGISTRY if op.module.startswith("minigrad_special")]
    assert len(ours) == 21
    for op in ours:
        verify(op, seed=seed)
