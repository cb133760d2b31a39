"""scipy.special as minigrad ops. Importing this package verifies and registers them."""

from __future__ import annotations

from minigrad import erf, erfc
from minigrad_special.bessel import i0, i0e, i1, i1e, iv, ive, j0, j1, jn, k0, k1, y0, y1, yn
from minigrad_special.errors import erfcinv, erfcx, erfinv, log_ndtr, ndtr, ndtri
from minigrad_special.gamma import (
    beta,
    betainc,
    betaln,
    digamma,
    gamma,
    gammainc,
    gammaincc,
    gammaln,
    gammasgn,
    multigammaln,
    polygamma,
    psi,
    rgamma,
)
from minigrad_special.information import entr, expit, log_expit, logit, logsumexp, rel_entr, xlog1py, xlogy

__all__ = [
    "beta",
    "betainc",
    "betaln",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "expit",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammaln",
    "gammasgn",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "iv",
    "ive",
    "j0",
    "j1",
    "jn",
    "k0",
    "k1",
    "log_expit",
    "log_ndtr",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "rel_entr",
    "rgamma",
    "xlog1py",
    "xlogy",
    "y0",
    "y1",
    "yn",
]
