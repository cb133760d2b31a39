"""More functions of rows beside their exact definitions: reductions, scans, norms, losses of a row beside constants.

They are tried on the rows of oracle_edges only.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
from mpmath import mp

import minigrad
import minigrad_special
from minigrad import linalg as _linalg
from support import oracle_jet as j
from support.oracle_jet import Jet
from support.oracle_rows import Row, RowFunction, total

mg: Any = minigrad
linalg: Any = _linalg
special: Any = minigrad_special

SHARES = (0.25, 0.5, 1.0, 0.75)
"""A target for each entry of a row: a weight, probability or point."""
_SIGNS = (1.0, -1.0, 1.0, -1.0)


def beside(x: Any, numbers: tuple[float, ...] = SHARES) -> Any:
    """Those numbers for each row of x."""
    return np.broadcast_to(np.array(numbers[: x.shape[-1]], x.dtype), x.shape)


def _entrywise(of: Callable[[Jet, float], Jet], numbers: tuple[float, ...] = SHARES) -> Callable[[Row], list[Jet]]:
    return lambda xs: [of(x, n) for x, n in zip(xs, numbers, strict=False)]


def _loss(name: str, numbers: tuple[float, ...] = SHARES, **options: Any) -> Callable[[Any], Any]:
    return lambda x: getattr(mg, name)(x, beside(x, numbers), reduction="none", **options)


def _abs(x: Jet) -> Jet:
    return x if x.value > 0 else -x if x.value < 0 else j.flat(x, 0)


def _relu(x: Jet) -> Jet:
    return x if x.value > 0 else j.flat(x, 0)


def _root(x: Jet) -> Jet:
    return j.flat(x, 0) if x.value == 0 else j.sqrt(x)


def _length(xs: Row) -> Jet:
    return _root(total([x * x for x in xs]))


def _p_length(xs: Row, p: float) -> Jet:
    sizes = [_abs(x) for x in xs if x.value != 0]
    return j.power(total([j.power(x, p) for x in sizes]), 1 / mp.mpf(p)) if sizes else j.flat(xs[0], 0)


def _huber(d: Jet, delta: float) -> Jet:
    return d * d * 0.5 if abs(d.value) <= delta else _abs(d) * delta - delta * delta / 2


def _log_softmax(xs: Row) -> Row:
    return [-j.log(total([j.exp(x - y) for x in xs])) for y in xs]


def _weighted_entropy(xs: Row) -> list[Jet]:
    """Cross-entropy beside equal shares, each class with its weight."""
    return [-total([logs * (n / len(xs)) for logs, n in zip(_log_softmax(xs), SHARES, strict=False)])]


def _soft(x: Any) -> Any:
    n = x.shape[-1]
    weights = np.array(SHARES[:n], x.dtype)
    return mg.cross_entropy(x, np.full(x.shape, 1.0 / max(n, 1), x.dtype), weight=weights, reduction="none")


def _gaps(xs: Row) -> Row:
    return [x - mp.mpf(n) for x, n in zip(xs, SHARES, strict=False)]


def _distance(p: float) -> RowFunction:
    return RowFunction(
        f"pairwise_distance {p}",
        lambda x: mg.pairwise_distance(x, beside(x), p, 0.0),
        lambda xs: [_p_length(_gaps(xs), p)],
    )


def _cosine(xs: Row) -> list[Jet]:
    unit = mp.sqrt(mp.fsum(mp.mpf(n) ** 2 for n in SHARES[: len(xs)]))
    size = _length(xs)
    below = 1 / size if size.value > mp.mpf(1e-8) else j.flat(xs[0], 1 / mp.mpf(1e-8))
    return [total([x * below * (n / unit) for x, n in zip(xs, SHARES, strict=False)])]


def _margin(xs: Row, p: int) -> list[Jet]:
    over = [_relu(x - xs[0] + 1) for x in xs[1:]]
    return [total([o if p == 1 else o * o for o in over] or [j.flat(xs[0], 0)]) / len(xs)]


def _several_margins(xs: Row) -> list[Jet]:
    """The first class is right, all others are wrong."""
    return _margin(xs, 1)


def _only_first(x: Any) -> Any:
    labels = np.full(x.shape, -1)
    labels[:, :1] = 0
    return labels


def _logistic(x: Jet, t: float) -> Jet:
    """Each part left out where its factor is 0."""
    below: Jet = j.softplus(x) * (1 - mp.mpf(t))
    above: Jet = j.softplus(-x) * mp.mpf(t)
    return above if t == 1.0 else below + above


def _kl(x: Jet, p: float) -> Jet:
    share = mp.mpf(p)
    result: Jet = -(x * share) + share * mp.log(share)
    return result


def _gaussian(x: Jet, v: float) -> Jet:
    result: Jet = (x * x / mp.mpf(v) + mp.log(mp.mpf(v))) * 0.5
    return result


def _average(xs: Row) -> list[Jet]:
    return [total([x * n for x, n in zip(xs, SHARES, strict=False)]) / mp.fsum(SHARES[: len(xs)])]


def _running_trapezoid(xs: Row) -> list[Jet]:
    return [total([(xs[i] + xs[i + 1]) * 0.5 for i in range(k)]) for k in range(1, len(xs))] or [j.flat(xs[0], 0)]


def _response(xs: Row) -> list[Jet]:
    """Of three neighbours, at the usual constants."""
    result = []
    for k, x in enumerate(xs):
        near = total([n * n for n in xs[max(k - 1, 0) : k + 2]]) / 3
        result.append(x * j.power(near * mp.mpf(1e-4) + 1, -0.75))
    return result


def _recurrence(xs: Row) -> list[Jet]:
    sums: Row = []
    for x in xs:
        sums.append(sums[-1] * 0.5 + x if sums else x)
    return sums


def _extreme_of_sizes(xs: Row) -> list[Jet]:
    sizes = [_abs(x) for x in xs]
    low = min(s.value for s in sizes)
    ties = [s for s in sizes if s.value == low]
    return [total(ties) / len(ties)]


def _same(name: str) -> RowFunction:
    from support.oracle_rows import ROWS

    return next(f for f in ROWS if f.name == name)


def _twin(name: str, of: str, call: Callable[[Any], Any]) -> RowFunction:
    """A function with the definition of another one."""
    known = _same(of)
    return RowFunction(name, call, known.exact, known.degree)


def _var1(xs: Row) -> Jet:
    m = total(xs) / len(xs)
    return total([(x - m) * (x - m) for x in xs]) / (len(xs) - 1)


MORE: list[RowFunction] = [
    RowFunction("average", lambda x: mg.average(x, axis=-1, weights=beside(x)), _average),
    RowFunction("var ddof 1", lambda x: mg.var(x, axis=-1, ddof=1), lambda xs: [_var1(xs)]),
    RowFunction("std ddof 1", lambda x: mg.std(x, axis=-1, ddof=1), lambda xs: [_root(_var1(xs))], 1),
    _twin("nanprod", "prod", lambda x: mg.nanprod(x, axis=-1)),
    _twin("nanmax", "max", lambda x: mg.nanmax(x, axis=-1)),
    _twin("nanmin", "min", lambda x: mg.nanmin(x, axis=-1)),
    _twin("nanmedian", "median", lambda x: mg.nanmedian(x, axis=-1)),
    _twin("nanquantile 0.3", "quantile 0.3", lambda x: mg.nanquantile(x, 0.3, axis=-1)),
    _twin("cumulative_sum", "cumsum", lambda x: mg.cumulative_sum(x, axis=-1)),
    _twin("cumulative_prod", "cumprod", lambda x: mg.cumulative_prod(x, axis=-1)),
    RowFunction("cumulative_trapezoid", lambda x: mg.cumulative_trapezoid(x, axis=-1), _running_trapezoid),
    RowFunction(
        "linear_recurrence", lambda x: mg.linear_recurrence(np.full(x.shape, 0.5, x.dtype), x, axis=-1), _recurrence
    ),
    _twin("special.logsumexp", "logsumexp", lambda x: special.logsumexp(x, axis=-1)),
    RowFunction("linalg.norm -inf", lambda x: linalg.norm(x, ord=-inf, axis=-1), _extreme_of_sizes),
    RowFunction(
        "linalg.norm 0",
        lambda x: linalg.norm(x, ord=0, axis=-1),
        lambda xs: [j.flat(xs[0], sum(x.value != 0 for x in xs))],
    ),
    RowFunction("linalg.norm 0.5", lambda x: linalg.norm(x, ord=0.5, axis=-1), lambda xs: [_p_length(xs, 0.5)], 1),
    RowFunction("linalg.norm 2", lambda x: linalg.norm(x, ord=2, axis=-1), lambda xs: [_length(xs)], 1),
    *(_distance(p) for p in (1.0, 1.5, 2.0, 3.0)),
    RowFunction("cosine_similarity", lambda x: mg.cosine_similarity(x, beside(x)), _cosine, 0),
    RowFunction(
        "cosine_embedding_loss",
        lambda x: mg.cosine_embedding_loss(x, beside(x), np.ones(x.shape[0], x.dtype), reduction="none"),
        lambda xs: [-_cosine(xs)[0] + 1],
        0,
    ),
    RowFunction("local_response_norm", lambda x: mg.local_response_norm(x, 3), _response),
    RowFunction("cross_entropy of shares", _soft, _weighted_entropy),
    RowFunction(
        "multi_margin_loss",
        lambda x: mg.multi_margin_loss(x, np.zeros(x.shape[0], int), reduction="none"),
        lambda xs: _margin(xs, 1),
    ),
    RowFunction(
        "multi_margin_loss 2",
        lambda x: mg.multi_margin_loss(x, np.zeros(x.shape[0], int), p=2.0, reduction="none"),
        lambda xs: _margin(xs, 2),
    ),
    RowFunction(
        "multilabel_margin_loss",
        lambda x: mg.multilabel_margin_loss(x, _only_first(x), reduction="none"),
        _several_margins,
    ),
    RowFunction(
        "multilabel_soft_margin_loss",
        lambda x: mg.multilabel_soft_margin_loss(x, beside(x), reduction="none"),
        lambda xs: [total([_logistic(x, n) for x, n in zip(xs, SHARES, strict=False)]) / len(xs)],
    ),
    RowFunction("mse_loss of a row", _loss("mse_loss"), _entrywise(lambda x, n: (x - n) * (x - n))),
    RowFunction("l1_loss of a row", _loss("l1_loss"), _entrywise(lambda x, n: _abs(x - n))),
    RowFunction("huber_loss of a row", _loss("huber_loss", delta=2.0), _entrywise(lambda x, n: _huber(x - n, 2.0))),
    RowFunction(
        "smooth_l1_loss of a row", _loss("smooth_l1_loss", beta=2.0), _entrywise(lambda x, n: _huber(x - n, 2.0) * 0.5)
    ),
    RowFunction("logits of a row", _loss("binary_cross_entropy_with_logits"), _entrywise(_logistic)),
    RowFunction("kl_div of a row", _loss("kl_div"), _entrywise(_kl)),
    RowFunction("poisson of a row", _loss("poisson_nll_loss"), _entrywise(lambda x, n: j.exp(x) - x * n)),
    RowFunction(
        "gaussian of a row",
        lambda x: mg.gaussian_nll_loss(x, np.zeros(x.shape, x.dtype), beside(x), reduction="none"),
        _entrywise(_gaussian),
    ),
    RowFunction(
        "soft_margin_loss of a row",
        _loss("soft_margin_loss", _SIGNS),
        _entrywise(lambda x, n: j.softplus(x * -n), _SIGNS),
    ),
    RowFunction(
        "margin_ranking_loss of a row",
        lambda x: mg.margin_ranking_loss(x, beside(x), np.ones(x.shape, x.dtype), margin=0.5, reduction="none"),
        _entrywise(lambda x, n: _relu(-(x - n) + 0.5)),
    ),
    RowFunction(
        "hinge_embedding_loss of a row",
        _loss("hinge_embedding_loss", _SIGNS),
        _entrywise(lambda x, n: x if n == 1.0 else _relu(-x + 1), _SIGNS),
    ),
]
