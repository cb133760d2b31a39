"""Gradient bugs of public frameworks in linear algebra, layers, losses and recurrences, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import REAL, UNIT, Wrong, array, pair, plain
from support.gate_forms import turned

_MATRIX = mg.square_wellconditioned()


def _moments(x):
    c = x - mg.mean(x, axis=-1, keepdims=True)
    r = 1.0 / mg.sqrt(mg.mean(c * c, axis=-1, keepdims=True) + 1e-2)
    return c * r, r


def _normed(x):
    c = x - x.mean(axis=-1, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-2)


def _norm_rule(g, x):
    h, r = _moments(x)
    return r * (g - mg.mean(g, axis=-1, keepdims=True) - h * mg.mean(g * h, axis=-1, keepdims=True))


def _over_rows(g, x):
    """Sums over all rows in place of each row's own."""
    h, r = _moments(x)
    return r * (g - mg.mean(g, axis=-1, keepdims=True) - h * mg.mean(g * h))


def _scaled_norm(name, kind, flawed, public, shape=(3, 4)):
    return pair(
        name, kind, lambda x, w: _normed(x) * w,
        {"x": lambda g, y, x, w: _norm_rule(g * w, x), "w": lambda g, y, x, w: g * _moments(x)[0]}, flawed,
        {"x": REAL, "w": REAL}, shapes=[(shape, shape[-1:])], public=public,
    )  # fmt: skip


def _norm(name, kind, flawed, public, shape=(3, 4)):
    return array(name, kind, _normed, lambda g, y, x: _norm_rule(g, x), flawed, shape, public=public)


def _entropy(x, t):
    """Cross entropy of each row; label 0 is ignored."""
    m = x.max(axis=-1, keepdims=True)
    log = x - m - np.log(np.exp(x - m).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log, t[..., None], axis=-1)[..., 0] * (t != 0)


def _hot(t, x):
    return np.eye(x.shape[-1], dtype=x.dtype)[plain(t)]


def _loss(name, kind, flawed, public):
    return pair(
        name, kind, _entropy,
        {"x": lambda g, y, x, t: mg.expand_dims(g * (plain(t) != 0).astype(g.dtype), -1) * (mg.softmax(x, axis=-1) - _hot(t, x))},
        {"x": flawed}, {"x": REAL, "t": mg.integer_index(4)}, shapes=[((6, 4), (6,))], public=public,
    )  # fmt: skip


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softmax_row(name, kind, flawed, public):
    return array(
        name, kind, _softmax, lambda g, y, x: y * (g - mg.sum(g * y, axis=-1, keepdims=True)), flawed, public=public
    )


def _recurrence(x, w):
    """h_t = tanh(x_t + w h_{t-1}) over the first axis."""
    if x.ndim != 2 or x.shape[0] < 1 or x.shape[0] > 30:
        raise ValueError("steps and units")
    h, states = np.zeros(x.shape[1:], x.dtype), []
    for row in x:
        h = np.tanh(row + w * h)
        states.append(h)
    return np.stack(states)


def _through_time(g, y, w, carried=1.0, derivative=True):
    """Gradients before the tanh of every step, last step first."""
    steps, later = [], None
    for k in range(g.shape[0] - 1, -1, -1):
        d = g[k] if later is None else g[k] + later * w * carried
        later = d * (1.0 - y[k] * y[k]) if derivative or k == g.shape[0] - 1 else d
        steps.insert(0, later)
    return steps


def _recurrent(name, kind, flawed, public):
    def weight(g, y, x, w):
        parts = [d * y[k - 1] for k, d in enumerate(_through_time(g, y, w)) if k]
        return sum(parts, w * 0.0)

    return pair(
        name, kind, _recurrence, {"x": lambda g, y, x, w: mg.stack(_through_time(g, y, w)), "w": weight}, flawed,
        {"x": REAL, "w": UNIT}, shapes=[((4, 3), (3,))], public=public,
    )  # fmt: skip


def _upper_factor(x):
    """The Cholesky factor of a matrix of which only the upper triangle is read."""
    u = np.triu(x, 1)
    a = u + np.swapaxes(u, -1, -2) + np.eye(x.shape[-1], dtype=x.dtype) * (x * x + 60.0)
    return np.linalg.cholesky(a)


def _factor_rule(g, y, x, half=0.5, both=False):
    n = x.shape[-1]
    low = np.tril(np.ones((n, n), x.dtype)) * (1.0 - half * np.eye(n)).astype(x.dtype)
    inverse = mg.linalg.inv(y)
    s = mg.matmul(turned(inverse), mg.matmul(mg.matmul(turned(y), g) * low, inverse))
    s = (s + turned(s)) * 0.5
    upper = np.triu(np.ones((n, n), x.dtype), 1)
    off = s * 2.0 * (upper * 0.5 + upper.T * 0.5 if both else upper)
    return off + s * np.eye(n, dtype=x.dtype) * x * 2.0


LAYERS: tuple[Wrong, ...] = (
    _norm(
        "mean_is_subtracted_twice", "formula",
        lambda g, y, x: _norm_rule(g, x) - _moments(x)[1] * mg.mean(g, axis=-1, keepdims=True), "tenstorrent/tt-metal#53215",
    ),
    _norm(
        "count_is_left_out_of_one_term", "formula",
        lambda g, y, x: _moments(x)[1] * (
            g * float(x.shape[-1]) - mg.sum(g, axis=-1, keepdims=True) - _moments(x)[0] * mg.sum(g * _moments(x)[0], axis=-1, keepdims=True)
        ), "ROCm/MIOpen#104",
    ),
    _norm("all_rows_share_one_sum", "rows", lambda g, y, x: _over_rows(g, x), "flagos-ai/FlagGems#59"),
    _norm(
        "inverse_deviation_taken_for_a_variance", "formula",
        lambda g, y, x: (lambda h, r: (lambda q: q * (g - mg.mean(g, axis=-1, keepdims=True)
                                                       - h * mg.mean(g * h, axis=-1, keepdims=True)))(1.0 / mg.sqrt(r + 1e-2)))(*_moments(x)),
        "flagos-ai/FlagGems#5222",
    ),
    _norm(
        "statistics_of_the_flattened_tail", "number of axes",
        lambda g, y, x: (lambda h, r: r * (g - mg.mean(g, axis=-1 if x.ndim < 3 else (-2, -1), keepdims=True)
                                           - h * mg.mean(g * h, axis=-1, keepdims=True)))(*_moments(x)), "flagos-ai/FlagGems#5474",
    ),
    _norm(
        "only_the_last_block_survives", "long axes",
        lambda g, y, x: (lambda h, r: r * (g - mg.mean(g, axis=-1, keepdims=True) - h * (
            mg.sum((g * h)[..., (x.shape[-1] - 1) // 64 * 64 :], axis=-1, keepdims=True) / float(x.shape[-1]))))(*_moments(x)),
        "karpathy/llm.c#408",
    ),
    _scaled_norm(
        "weights_are_read_along_the_rows", "square",
        {"x": lambda g, y, x, w: _norm_rule(g * (mg.expand_dims(w, -1) if x.shape[-2:] == (4, 4) else w), x)},
        "deepspeedai/DeepSpeed#692", shape=(4, 4),
    ),
    _scaled_norm(
        "weight_gradient_is_not_linear", "not linear",
        {"w": lambda g, y, x, w: mg.clip(g, -1.0, 1.0) * _moments(x)[0]}, "tensorflow/tensorflow#107705",
    ),
    _scaled_norm(
        "weight_gradient_without_its_sum", "un-broadcasting",
        {"w": lambda g, y, x, w: (g * _moments(x)[0])[(0,) * (x.ndim - w.ndim)]}, "linkedin/Liger-Kernel#117",
    ),
    _scaled_norm(
        "weights_are_left_out_below", "formula", {"x": lambda g, y, x, w: _norm_rule(g, x)}, "Oneflow-Inc/oneflow#7164"
    ),
    _loss(
        "ignored_rows_keep_their_softmax", "mask",
        lambda g, y, x, t: mg.expand_dims(g, -1) * (
            mg.softmax(x, axis=-1) - _hot(t, x) * (plain(t) != 0).astype(x.dtype)[..., None]), "PaddlePaddle/Paddle#28622",
    ),
    _loss(
        "mask_is_inverted", "mask",
        lambda g, y, x, t: mg.expand_dims(g * (plain(t) == 0).astype(g.dtype), -1) * (mg.softmax(x, axis=-1) - _hot(t, x)),
        "awslabs/sockeye#200",
    ),
    _loss(
        "ignored_rows_are_smoothed", "mask",
        lambda g, y, x, t: mg.expand_dims(g, -1) * (
            (mg.softmax(x, axis=-1) - _hot(t, x)) * (plain(t) != 0).astype(x.dtype)[..., None]
            + 0.1 * (mg.softmax(x, axis=-1) - 1.0 / x.shape[-1]) * (plain(t) == 0).astype(x.dtype)[..., None]),
        "pytorch/pytorch#73205",
    ),
    _loss(
        "label_is_not_subtracted_where_it_is_last", "last entry",
        lambda g, y, x, t: mg.expand_dims(g * (plain(t) != 0).astype(g.dtype), -1) * (
            mg.softmax(x, axis=-1) - _hot(t, x) * (plain(t) != x.shape[-1] - 1).astype(x.dtype)[..., None]),
        "linkedin/Liger-Kernel#198",
    ),
    _softmax_row(
        "softmax_by_its_diagonal", "formula", lambda g, y, x: g * y * (1.0 - y), "deeplearning4j/libnd4j#440"
    ),
    _softmax_row(
        "softmax_taken_for_linear", "formula", lambda g, y, x: g * 1.0, "rasmusbergpalm/DeepLearnToolbox#113"
    ),
    _softmax_row(
        "softmax_of_the_input", "formula", lambda g, y, x: g * x * (y - 1.0), "eriklindernoren/ML-From-Scratch#71"
    ),
    _softmax_row(
        "softmax_with_unweighted_sum", "formula", lambda g, y, x: y * (g - mg.sum(g, axis=-1, keepdims=True) / x.shape[-1]),
        "RoboticsClubIITJ/ML-DL-implementation#153",
    ),
    _recurrent(
        "nothing_flows_back_in_time", "gradient missing",
        {"x": lambda g, y, x, w: mg.stack(_through_time(g, y, w, carried=0.0))}, "qixianbiao/RNN#2",
    ),
    _recurrent(
        "state_gradient_is_reset", "gradient missing",
        {"w": lambda g, y, x, w: sum((g[k] * (1.0 - y[k] * y[k]) * y[k - 1] for k in range(1, g.shape[0])), w * 0.0)},
        "ooples/AiDotNet#722",
    ),
    _recurrent(
        "derivative_of_the_gate_is_forgotten", "formula",
        {"x": lambda g, y, x, w: mg.stack(_through_time(g, y, w, derivative=False))}, "CaptainE/RNN-LSTM-in-numpy#2",
    ),
    _recurrent(
        "mask_of_the_first_step_for_all", "first entry",
        {"w": lambda g, y, x, w: sum((d * y[0] for k, d in enumerate(_through_time(g, y, w)) if k), w * 0.0)},
        "lmnt-com/haste#43",
    ),
    _recurrent(
        "middle_steps_share_a_pointer", "middle entry",
        {"x": lambda g, y, x, w: (lambda d: mg.stack([d[0], *(d[1] for _ in d[1:-1]), d[-1]]) if len(d) > 2 else mg.stack(d))(
            _through_time(g, y, w))}, "apache/mxnet#17898",
    ),
    pair(
        "bias_takes_the_gradient_of_another_gate", "order", lambda i, f, o: np.tanh(o) / (1.0 + np.exp(-i)) / (1.0 + np.exp(-f)),
        {
            "i": lambda g, y, i, f, o: g * y * mg.sigmoid(-i), "f": lambda g, y, i, f, o: g * y * mg.sigmoid(-f),
            "o": lambda g, y, i, f, o: g * mg.sigmoid(i) * mg.sigmoid(f) * (1.0 - mg.tanh(o) * mg.tanh(o)),
        },
        {"i": lambda g, y, i, f, o: g * y * mg.sigmoid(-f)}, {"i": REAL, "f": REAL, "o": REAL}, elementwise=True,
        public="hanbt/learn_dl#53",
    ),
    pair(
        "dropout_scales_by_p", "factor", lambda x, m, *, p=0.25: np.where(m, x / (1.0 - p), 0.0 * x),
        {"x": lambda g, y, x, m, *, p: g * plain(m).astype(g.dtype) / (1.0 - p)},
        {"x": lambda g, y, x, m, *, p: g * plain(m).astype(g.dtype) * p}, {"x": REAL, "m": mg.boolean()}, elementwise=True,
        public="NVIDIA/apex#816",
    ),
    pair(
        "mask_is_forgotten_backwards", "mask", lambda x, m: _softmax(np.where(m, x, np.full((), -1e4, x.dtype))),
        {"x": lambda g, y, x, m: y * (g - mg.sum(g * y, axis=-1, keepdims=True)) * plain(m).astype(x.dtype)},
        {"x": lambda g, y, x, m: (y + 0.1 * (1.0 - plain(m)).astype(x.dtype)) * (g - mg.sum(g * y, axis=-1, keepdims=True))},
        {"x": REAL, "m": mg.boolean()}, shapes=[((4, 5), (4, 5))], public="pytorch/pytorch#27461",
    ),
    array(
        "ghost_gradient_of_the_lower_triangle", "triangle", _upper_factor, lambda g, y, x: _factor_rule(g, y, x),
        lambda g, y, x: _factor_rule(g, y, x, both=True), (3, 3), public="jax-ml/jax#40421",
    ),
    array(
        "diagonal_is_not_halved", "formula", _upper_factor, lambda g, y, x: _factor_rule(g, y, x),
        lambda g, y, x: _factor_rule(g, y, x, half=0.0), (3, 3), public="EnzymeAD/Enzyme.jl#1604",
    ),
    pair(
        "determinant_of_a_singular_matrix", "singular", lambda x: np.asarray(x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0]),
        {"x": lambda g, y, x: g * mg.stack([mg.stack([x[1, 1], -x[1, 0]]), mg.stack([-x[0, 1], x[0, 0]])])},
        {"x": lambda g, y, x: g * (0.0 if abs(float(plain(y))) < 1e-12 else 1.0) * mg.stack(
            [mg.stack([x[1, 1], -x[1, 0]]), mg.stack([-x[0, 1], x[0, 0]])])}, {"x": mg.real((2, 2))},
        public="PaddlePaddle/Paddle#74179",
    ),
    pair(
        "solution_is_not_transposed", "formula", lambda a, b: np.linalg.solve(a, b),
        {
            "a": lambda g, y, a, b: -mg.matmul(mg.linalg.solve(turned(a), g), turned(y)),
            "b": lambda g, y, a, b: mg.linalg.solve(turned(a), g),
        },
        {"b": lambda g, y, a, b: mg.linalg.solve(a, g)}, {"a": _MATRIX, "b": REAL}, shapes=[((3, 3), (3, 2))],
        public="pytorch/pytorch#175192",
    ),
    pair(
        "covariance_has_the_wrong_sign", "sign", lambda c, x: np.asarray(-0.5 * np.linalg.slogdet(c)[1] - 0.5 * x @ np.linalg.solve(c, x)),
        {
            "c": lambda g, y, c, x: g * 0.5 * (mg.outer(mg.linalg.solve(turned(c), x), mg.linalg.solve(c, x)) - turned(mg.linalg.inv(c))),
            "x": lambda g, y, c, x: -g * 0.5 * (mg.linalg.solve(c, x) + mg.linalg.solve(turned(c), x)),
        },
        {"c": lambda g, y, c, x: -g * 0.5 * (mg.outer(mg.linalg.solve(turned(c), x), mg.linalg.solve(c, x)) - turned(mg.linalg.inv(c)))},
        {"c": mg.spd(), "x": REAL}, shapes=[((3, 3), (3,))], public="HIPS/autograd#412",
    ),
    pair(
        "product_without_a_third_input", "option", lambda a, b, *, alpha=1.0: alpha * (a @ b),
        {"a": lambda g, y, a, b, *, alpha: mg.matmul(g, turned(b)) * alpha, "b": lambda g, y, a, b, *, alpha: mg.matmul(turned(a), g) * alpha},
        {"b": lambda g, y, a, b, *, alpha: mg.matmul(turned(a), g)}, {"a": REAL, "b": REAL}, shapes=[((2, 3), (3, 4))],
        public="microsoft/onnxruntime#7561",
    ),
    array(
        "transform_of_real_numbers_transposed", "formula", lambda x: np.real(np.fft.fft(x)).astype(x.dtype) + np.imag(np.fft.fft(x)).astype(x.dtype),
        lambda g, y, x: g @ _hartley(x.shape[-1], -1.0).T.astype(x.dtype), lambda g, y, x: g @ _hartley(x.shape[-1], 1.0).T.astype(x.dtype),
        (2, 5), public="HIPS/autograd#185",
    ),
    array(
        "transform_of_one_number", "an axis of one", lambda x: np.real(np.fft.rfft(x)).astype(x.dtype),
        lambda g, y, x: g @ _hartley(x.shape[-1], 0.0)[:, : g.shape[-1]].T.astype(x.dtype),
        lambda g, y, x: g @ _hartley(x.shape[-1], 0.0)[:, : g.shape[-1]].T.astype(x.dtype) * (0.0 if x.shape[-1] == 1 else 1.0),
        (2, 6), public="ooples/AiDotNet.Tensors#779",
    ),
    array(
        "transform_of_a_cut_signal", "option on a shape", lambda x, *, n=4: np.real(np.fft.rfft(x, n=n)).astype(x.dtype) if n > 0 else _refused(),
        lambda g, y, x, *, n: _cut(g, x, n), lambda g, y, x, *, n: _cut(g, x, n) * (1.0 if n >= x.shape[-1] else x.shape[-1] / n),
        (2, 3), public="tensorflow/tensorflow#108479",
    ),
    pair(
        "sum_over_a_broadcast_index", "an axis of one", lambda a, b: np.asarray(np.sum(a * b)),
        {"a": lambda g, y, a, b: g * b + 0.0 * a, "b": lambda g, y, a, b: g * a + 0.0 * b},
        {"a": lambda g, y, a, b: g * b * (1.0 if a.shape == b.shape else 0.5) + 0.0 * a}, {"a": REAL, "b": REAL},
        shapes=[((3,), (3,)), ((3,), (1,))], public="HIPS/autograd#376",
    ),
)  # fmt: skip


def _refused():
    raise ValueError("at least one point")


def _hartley(n, sign):
    angle = 2.0 * np.pi * np.outer(np.arange(n), np.arange(n)) / n
    return np.cos(angle) + sign * np.sin(angle)


def _cut(g, x, n):
    used = min(n, x.shape[-1])
    part = g @ _hartley(n, 0.0)[:used, : g.shape[-1]].T.astype(x.dtype)
    if used == x.shape[-1]:
        return part
    return mg.concatenate([part, x[..., used:] * 0.0], axis=-1)
