"""PyTorch's form of catalog entries that have none beside them: its own function, or the formula in its functions.

Each takes the torch module (`t`) first, then the entry's arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _mask(t: Any, x: Any, mask: Any) -> Any:
    return t.from_numpy(np.ascontiguousarray(np.broadcast_to(mask, x.shape)))


def _holes(t: Any, x: Any) -> Any:
    """The mask of the catalog's *_hole entries: two of three entries, and the first."""
    return t.from_numpy((np.arange(x.numel()) % 3 != 1).reshape(tuple(x.shape)))


def _along(t: Any, f: Callable[..., Any], x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction that PyTorch has over one axis only, over several."""
    axes = list(range(x.ndim)) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    for a in sorted((a % x.ndim for a in axes), reverse=True):
        x = f(x, a, keepdims)
    return x


def _prod(t: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return _along(t, lambda y, a, k: t.prod(y, a, keepdim=k), x, axis, keepdims)


def _every(x: Any, axis: Any) -> Any:
    return tuple(range(x.ndim)) if axis is None else axis


def _var(t: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return t.var(x, _every(x, axis), correction=0, keepdim=keepdims)


def _seen_var(t: Any, x: Any) -> Any:
    kept = x[_holes(t, x)]
    return t.var(kept, correction=0)


def _picked(t: Any, x: Any, labels: Any) -> Any:
    return t.gather(x, -1, t.from_numpy(labels)[..., None])[..., 0]


def _focal(t: Any, p: Any, logs: Any) -> Any:
    return -(0.5 * (1 - p) ** 2 * logs).mean()


def _eig(t: Any, a: Any) -> Any:
    w, v = t.linalg.eig(a)
    square = v.real**2 + v.imag**2
    return t.stack([(square @ w.real[..., None])[..., 0], (square @ (w.imag**2)[..., None])[..., 0]], -1)


def _parts(name: str, inputs: int) -> Callable[..., Any]:
    """torch.fft.<name> of one real array, or of a real and an imaginary part; both parts of a complex result."""

    def call(t: Any, *x: Any, **options: Any) -> Any:
        given = {"dim" if k == "axis" else k: v for k, v in options.items()}
        z = getattr(t.fft, name)(x[0] if inputs == 1 else t.complex(x[0], x[1]), **given)
        return t.cat([z.real, z.imag * 2.0], 0) if z.is_complex() else z

    return call


def _norm(order: Any) -> Callable[..., Any]:
    return lambda t, a: t.linalg.matrix_norm(a, order)


def _pad_by_index(t: Any, x: Any, mode: Any, pad_width: Any) -> Any:
    """numpy.pad through NumPy's own indices: which entry each place shows, or none for a constant."""
    shape = tuple(x.shape)
    places = np.arange(1, int(np.prod(shape)) + 1).reshape(shape)
    shown = t.from_numpy(np.pad(places, pad_width, mode=mode))
    return t.cat([t.zeros(1, dtype=x.dtype), x.reshape(-1)])[shown]


def _lstsq(t: Any, a: Any) -> Any:
    if a.ndim > 2:
        return a
    return t.linalg.pinv(a) @ t.ones(a.shape[-2], dtype=a.dtype)


def _attention_masks(t: Any, q: Any, k: Any, v: Any) -> Any:
    f = t.nn.functional.scaled_dot_product_attention
    eye = t.eye(3, 4, dtype=q.dtype)
    return f(q, k, v, attn_mask=eye < 1, scale=0.7) + f(q, k, v, attn_mask=eye)


def _gru(t: Any, x: Any, u: Any, w: Any, b: Any) -> Any:
    states = [t.zeros(x.shape[1], 2, dtype=x.dtype)]
    for row in x:
        z, r = (t.sigmoid(row @ u[k] + states[-1] @ w[k] + b[k]) for k in (0, 1))
        h = t.tanh(row @ u[2] + (r * states[-1]) @ w[2] + b[2])
        states.append((1 - z) * h + z * states[-1])
    return t.stack(states)


def _runge_kutta(t: Any, y: Any, k: Any) -> Any:
    states = [y]
    for dt in (0.15, 0.15, 0.35, 0.35):
        z = -k * dt
        states.append(states[-1] * (1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24))
    return t.stack(states[::2])


def _weighted_cross_entropy(t: Any, x: Any, w: Any) -> Any:
    """With smoothing 0.1, without label 0. (PyTorch's own has no gradient for the weights.)"""
    logs, kept = t.log_softmax(x, -1), [k for k, label in enumerate(_LABELS) if label != 0]
    losses = [-0.9 * w[_LABELS[k]] * logs[k, _LABELS[k]] - 0.1 * (w * logs[k]).sum() / 4 for k in kept]
    return sum(losses) / sum(w[_LABELS[k]] for k in kept)


def _convolve(t: Any, a: Any, b: Any, mode: str) -> Any:
    """numpy.convolve: every product a[i] b[j], summed by i + j, and cut as NumPy cuts it."""
    size = len(a) + len(b) - 1
    full = t.stack([sum(a[i] * b[k - i] for i in range(len(a)) if 0 <= k - i < len(b)) for k in range(size)])
    short, long = sorted((len(a), len(b)))
    start = {"full": 0, "same": (short - 1) // 2, "valid": short - 1}[mode]
    return full[start : start + {"full": size, "same": long, "valid": long - short + 1}[mode]]


def _sylvester(t: Any, a: Any, b: Any, q: Any) -> Any:
    """a x + x b = q by one large linear system."""
    eye = t.eye(a.shape[-1], dtype=a.dtype)
    large = t.einsum("...ij,kl->...ikjl", a, eye) + t.einsum("ij,...lk->...ikjl", eye, b)
    n = a.shape[-1] ** 2
    x = t.linalg.solve(large.reshape(*a.shape[:-2], n, n), q.reshape(*a.shape[:-2], n, 1))
    return x.reshape(q.shape)


def _take(t: Any, x: Any, i: Any, axis: int) -> Any:
    found = t.index_select(x, axis, t.from_numpy(np.ravel(i % x.shape[axis])))
    return found.reshape((*x.shape[:axis], *np.shape(i), *x.shape[axis + 1 :]))


def _rollaxis(t: Any, x: Any, axis: int, start: int) -> Any:
    axis, start = axis % x.ndim, start + x.ndim if start < 0 else start
    return t.movedim(x, axis, start - 1 if start > axis else start)


def _setitem(t: Any, x: Any, v: Any) -> Any:
    y = x.clone()
    y[:, 2], y[:, 0] = v[:, 2], v[:, 1]
    return y


def _triangular_band(t: Any, ab: Any, b: Any) -> Any:
    a = t.diag(ab[1]) + t.diag(ab[0, 1:], 1) + t.diag(ab[2, :-1], -1)
    return t.linalg.solve(a, b)


_LABELS = [1, 3, 0, 2, 3]
FORMS: dict[str, Callable[..., Any]] = {
    # Elementwise
    "cbrt": lambda t, x: t.sign(x) * t.abs(x) ** (1 / 3),
    "positive": lambda t, x: t.positive(x),
    "normal_cdf": lambda t, x: t.special.ndtr(x),
    "normal_pdf": lambda t, x: t.exp(-x * x / 2) / (2 * t.pi) ** 0.5,
    "sec": lambda t, x: 1 / t.cos(x),
    "csc": lambda t, x: 1 / t.sin(x),
    "cot": lambda t, x: 1 / t.tan(x),
    "sech": lambda t, x: 1 / t.cosh(x),
    "csch": lambda t, x: 1 / t.sinh(x),
    "coth": lambda t, x: 1 / t.tanh(x),
    "arcsec": lambda t, x: t.acos(1 / x),
    "arccsc": lambda t, x: t.asin(1 / x),
    "arccot": lambda t, x: t.atan(1 / x),
    "arccsch": lambda t, x: t.asinh(1 / x),
    "arccoth": lambda t, x: t.atanh(1 / x),
    "ratio": lambda t, x, z: x / z,
    "where": lambda t, x, z: t.where(t.tensor(True), x, z),
    "softplus": lambda t, x: t.nn.functional.softplus(x),
    "log_sigmoid": lambda t, x: t.nn.functional.logsigmoid(x),
    "tanhshrink": lambda t, x: t.nn.functional.tanhshrink(x),
    "hardsigmoid": lambda t, x: t.clamp(x + 3, 0, 6) / 6,
    "remainder": lambda t, x, z: t.remainder(x, z),
    "real_part": lambda t, x: x * 1.0,
    # Reductions
    "prod": _prod,
    "nanprod": _prod,
    "ptp": lambda t, x, axis: t.amax(x, _every(x, axis)) - t.amin(x, _every(x, axis)),
    "median": lambda t, x, axis, keepdims: t.quantile(x, 0.5, axis, keepdim=keepdims),
    "average": lambda t, x, axis: t.mean(x, _every(x, axis)),
    "average_weights": lambda t, x, w: (x * w).sum(-1) / w.sum(),
    "nansum": lambda t, x, axis, keepdims: t.nansum(x, _every(x, axis), keepdim=keepdims),
    "nanmean": lambda t, x, axis, keepdims: t.nanmean(x, _every(x, axis), keepdim=keepdims),
    "nanmax": lambda t, x, axis, keepdims: t.amax(x, _every(x, axis), keepdims),
    "nanmin": lambda t, x, axis, keepdims: t.amin(x, _every(x, axis), keepdims),
    "nanvar": _var,
    "nanstd": lambda t, x, ddof: t.std(x, correction=ddof),
    "std": lambda t, x, axis, keepdims: t.std(x, _every(x, axis), correction=0, keepdim=keepdims),
    "nanprod_hole": lambda t, x: t.prod(t.where(_holes(t, x), x, 1.0), 0),
    "nanvar_hole": _seen_var,
    "nanmax_hole": lambda t, x: t.max(x[_holes(t, x)]),
    "nanmin_hole": lambda t, x: t.min(x[_holes(t, x)]),
    "trace": lambda t, x, offset: t.diagonal(x, offset).sum(-1),
    "partition": lambda t, x, axis: t.amax(x, axis),
    # Shapes and picking
    "flip": lambda t, x, axis: t.flip(x, (axis,) if isinstance(axis, int) else _every(x, axis)),
    "rollaxis": _rollaxis,
    "tile": lambda t, x, reps: t.tile(x, (reps,) if isinstance(reps, int) else reps),
    "pad": _pad_by_index,
    "dstack": lambda t, *x: t.dstack([x[0], x[0]]),
    "column_stack": lambda t, *x: t.column_stack(x) if x[0].ndim < 2 else t.cat(x, 1),
    "stack": lambda t, x: t.stack([x, x * 2.0], 1),
    "append": lambda t, *x: t.cat([x[0], x[-1]], 1),
    "split": lambda t, x: t.tensor_split(x, x.shape[0])[-1],
    "array_split": lambda t, x: t.tensor_split(x, 3, 1)[0],
    "gradient": lambda t, x: t.gradient(x, dim=0)[0],
    "linspace": lambda t, a, b: t.stack([a + (b - a) * k / 4 for k in range(5)]),
    "take": _take,
    "index_select": lambda t, x, i, axis: t.index_select(x, axis, t.from_numpy(np.ravel(i % x.shape[axis]))),
    "take_along_axis": lambda t, x, i, axis: t.take_along_dim(x, t.from_numpy(i % x.shape[axis]), axis),
    "masked_fill": lambda t, x: t.masked_fill(x, _mask(t, x, np.tri(*x.shape[-2:]) > 0), 2.5),
    "masked_select": lambda t, x: t.masked_select(x, _mask(t, x, np.indices(x.shape).sum(0) % 2 == 0)),
    "getitem": lambda t, x: x[..., [0, -1, 0]],
    "setitem": _setitem,
    "ediff1d": lambda t, x: t.diff(x.reshape(-1)),
    "broadcast_arrays": lambda t, x, z: t.broadcast_tensors(x, z)[1].clone(),
    "unstack": lambda t, x: t.unbind(x, 1)[-1],
    "vsplit": lambda t, x: t.vsplit(x, [1])[0],
    "dsplit": lambda t, x: t.dsplit(x, 2)[1],
    "repeat_each": lambda t, x: t.repeat_interleave(x, t.tensor([2, 0, 1]), 1),
    "sliding_window_view": lambda t, x: x.unfold(2, 2, 1).unfold(3, 3, 1),
    # Contractions, convolution
    "multi_dot": lambda t, a, b: a @ b @ a.T,
    "add_sequence": lambda t, *x: sum(x),
    "multiply_sequence": lambda t, a, b: a * b,
    "matvec": lambda t, a, x: a @ x,
    "cross_2d": lambda t, a, b: a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
    "conv_same_even": lambda t, x, w: t.nn.functional.conv1d(t.nn.functional.pad(x, (1, 2)), w),
    "convolve": _convolve,
    "fold": lambda t, x: t.nn.functional.fold(t.nn.functional.unfold(x, 2), tuple(x.shape[2:]), 2),
    "global_avg_pool": lambda t, x: x.mean((2, 3)),
    # Losses, normalisation, loops
    "softmax_cross_entropy": lambda t, x, i: -_picked(t, t.log_softmax(x, -1), i),
    "multiclass_hinge": lambda t, x, i: (t.relu(x - _picked(t, x, i)[..., None] + 0.95).sum(-1) - 0.95).mean(),
    "focal_loss": lambda t, x, i: _focal(t, _picked(t, x, i), t.log(_picked(t, x, i))),
    "softmax_focal_loss": lambda t, x, i: _focal(
        t, _picked(t, t.softmax(x, -1), i), _picked(t, t.log_softmax(x, -1), i)
    ),
    "soft_margin_loss": lambda t, x, z: t.nn.functional.softplus(-x * z).mean(),
    "margin_ranking_loss": lambda t, x, z: t.nn.functional.margin_ranking_loss(x, z, t.ones_like(x), 0.012),
    "batch_norm_running": lambda t, x, m, v: (x - m[:, None]) / t.sqrt(v[:, None] + 1e-5),
    "layer_norm_two_axes": lambda t, x: t.nn.functional.layer_norm(x, (3, 4), eps=0.1),
    "attention_masks": _attention_masks,
    "cross_entropy_options": _weighted_cross_entropy,
    "nll_weighted": lambda t, x, w: -(w[_LABELS] * x[range(5), _LABELS]).sum() / w[_LABELS].sum(),
    "bce_pos_weight": lambda t, x, z: t.nn.functional.binary_cross_entropy_with_logits(
        x, z, pos_weight=t.tensor(3.0, dtype=x.dtype)
    ),
    "kl_div_log_target": lambda t, x, z: t.nn.functional.kl_div(x, z, reduction="none", log_target=True),
    "huber_delta": lambda t, x, z: t.nn.functional.huber_loss(x, z, reduction="sum", delta=0.35),
    "triplet_margin_loss": lambda t, a, p, n: (t.linalg.norm(a - p, dim=-1) - t.linalg.norm(a - n, dim=-1) + 9).mean(),
    "poisson_rate": lambda t, x, z: t.nn.functional.poisson_nll_loss(x, z, log_input=False),
    "gru": _gru,
    "odeint": _runge_kutta,
    # Linear algebra
    "linalg.solve_vector": lambda t, a, b: (t.linalg.inv(a) @ b[..., None])[..., 0],
    "linalg.eigvals": lambda t, a: t.sort(t.linalg.eigvals(a).real, -1)[0],
    "linalg.eig": _eig,
    "linalg.sqrtm": lambda t, a: (lambda e: e[1] @ t.diag_embed(t.sqrt(e[0])) @ t.linalg.inv(e[1]))(
        t.linalg.eig(a)
    ).real,
    **{f"linalg.matrix_norm_{o}": _norm(o) for o in ("fro", "nuc", 1, -1, np.inf, -np.inf, 2, -2)},
    "linalg.solve_sylvester": _sylvester,
    "linalg.cond": lambda t, a: t.linalg.cond(a),
    "linalg.lstsq": _lstsq,
    "linalg.solve_banded": _triangular_band,
    "linalg.cholesky_upper": lambda t, a: t.linalg.cholesky(a @ a.T + t.eye(3, dtype=a.dtype), upper=True),
    "linalg.trace": lambda t, a: t.diagonal(a, 0, -2, -1).sum(-1),
    "linalg.diagonal": lambda t, a: t.diagonal(a, 0, -2, -1),
    # Fourier
    **{f"fft.{n}": _parts(n, 2) for n in ("fft", "ifft", "irfft", "hfft", "fft2", "ifft2", "fftn", "ifftn", "irfft2",
                                          "irfftn")},
    **{f"fft.{n}": _parts(n, 1) for n in ("rfft", "ihfft", "rfft2", "rfftn")},
    "fft.fftshift": lambda t, x: t.fft.fftshift(x),
    "fft.ifftshift": lambda t, x: t.fft.ifftshift(x),
}  # fmt: skip
"""By the entry's name."""
