"""Catalog: options and further functions of normalisation, attention, losses and loops."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

import minigrad as mg
from support.ops_calls import fixed
from support.ops_catalog import Entry
from support.ops_remaining import torch_nn

LABELS = np.array([1, 3, 0, 2, 3])


def _smoothed(x: Any, w: Any) -> Any:
    """Weighted, smoothed cross-entropy that leaves out label 0, from its definition."""
    logs = special.log_softmax(x, -1)
    total, count = 0.0, 0.0
    for row, label in zip(logs, LABELS, strict=True):
        if label != 0:
            total += 0.9 * -w[label] * row[label] + 0.1 * -np.sum(w * row) / 4
            count += w[label]
    return total / count


def _images_first(x: Any) -> Any:
    return -np.mean(np.take_along_axis(special.log_softmax(x, 1), _GRID[:, None], 1))


_GRID = np.random.default_rng(3).integers(0, 3, (2, 2, 2))


def _gru(x: Any, u: Any, w: Any, b: Any) -> Any:
    sigmoid = special.expit
    s = np.zeros((x.shape[1], 2))
    states = [s]
    for t in range(x.shape[0]):
        z = sigmoid(x[t] @ u[0] + s @ w[0] + b[0])
        r = sigmoid(x[t] @ u[1] + s @ w[1] + b[1])
        h = np.tanh(x[t] @ u[2] + (r * s) @ w[2] + b[2])
        s = (1 - z) * h + z * s
        states.append(s)
    return np.stack(states)


def _norms(x: Any) -> Any:
    square = np.pad(x * x, [(0, 0), (1, 1), (0, 0)])
    return x / (2.0 + 0.3 * (square[:, :-2] + square[:, 1:-1] + square[:, 2:]) / 3) ** 0.75


_TIMES = np.array([0.0, 0.3, 1.0])


def _runge_kutta(y: Any, k: Any) -> Any:
    """Two classical steps of fourth order from each time to the next, on y' = -k y."""
    states = [y]
    for dt in np.repeat(np.diff(_TIMES) / 2, 2):
        z = -k * dt
        states.append(states[-1] * (1 + z * (1 + z / 2 * (1 + z / 3 * (1 + z / 4)))))
    return np.stack(states[::2])


_SIGNS = np.array([[1, -1, 1], [-1, -1, 1]])
ENTRIES = [
    Entry(
        "local_response_norm",
        lambda x: mg.local_response_norm(x, 3, alpha=0.3, k=2.0),
        _norms,
        fixed((2, 4, 3)),
        torch_nn("local_response_norm", size=3, alpha=0.3, k=2.0),
    ),
    Entry(
        "normalize",
        mg.normalize,
        lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True),
        fixed((2, 3), kind="above"),
        lambda t, x: t.nn.functional.normalize(x, dim=-1),
    ),
    Entry(
        "batch_norm_running",
        lambda x, m, v: mg.batch_norm(x, running_mean=m, running_var=v),
        lambda x, m, v: (x - m[:, None]) / np.sqrt(v[:, None] + 1e-5),
        fixed((2, 3, 4), (3,), (3,), kind="positive"),
    ),
    Entry(
        "layer_norm_two_axes",
        lambda x: mg.layer_norm(x, (3, 4), eps=0.1),
        lambda x: (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 0.1),
        fixed((2, 3, 4)),
    ),
    Entry(
        "attention_masks",
        lambda q, k, v: (
            mg.scaled_dot_product_attention(q, k, v, mask=np.eye(3, 4) < 1, scale=0.7)
            + mg.scaled_dot_product_attention(q, k, v, mask=np.eye(3, 4))
        ),
        lambda q, k, v: (
            special.softmax(np.where(np.eye(3, 4) < 1, 0.7 * q @ k.T, -np.inf), -1) @ v
            + special.softmax(q @ k.T / np.sqrt(2) + np.eye(3, 4), -1) @ v
        ),
        fixed((3, 2), (4, 2), (4, 5)),
    ),
    Entry(
        "cross_entropy_options",
        lambda x, w: mg.cross_entropy(x, LABELS, weight=w, ignore_index=0, label_smoothing=0.1),
        _smoothed,
        fixed((5, 4), (4,), kind="positive"),
    ),
    Entry(
        "cross_entropy_axis",
        lambda x: mg.cross_entropy(x, _GRID, axis=1),
        _images_first,
        fixed((2, 3, 2, 2)),
        lambda t, x: t.nn.functional.cross_entropy(x, t.from_numpy(_GRID)),
    ),
    Entry(
        "cross_entropy_sum",
        lambda x: mg.cross_entropy(x, LABELS, reduction="sum", label_smoothing=0.2),
        lambda x: np.sum(
            [-0.8 * r[i] - 0.2 * r.mean() for r, i in zip(special.log_softmax(x, -1), LABELS, strict=True)]
        ),
        fixed((5, 4)),
        lambda t, x: t.nn.functional.cross_entropy(x, t.from_numpy(LABELS), reduction="sum", label_smoothing=0.2),
    ),
    Entry(
        "nll_weighted",
        lambda x, w: mg.nll_loss(x, LABELS, weight=w),
        lambda x, w: -np.sum(w[LABELS] * x[np.arange(5), LABELS]) / np.sum(w[LABELS]),
        fixed((5, 4), (4,), kind="positive"),
    ),
    Entry(
        "bce_pos_weight",
        lambda x, z: mg.binary_cross_entropy_with_logits(x, z, pos_weight=3.0),
        lambda x, z: np.mean(-(3.0 * z * special.log_expit(x) + (1 - z) * special.log_expit(-x))),
        fixed((2, 3), (2, 3), kind="probability"),
    ),
    Entry(
        "kl_div_log_target",
        lambda x, z: mg.kl_div(x, z, "none", log_target=True),
        lambda x, z: np.exp(z) * (z - x),
        fixed((2, 3), (2, 3)),
    ),
    Entry(
        "huber_delta",
        lambda x, z: mg.huber_loss(x, z, 0.35, "sum"),
        lambda x, z: special.huber(0.35, x - z).sum(),
        fixed((2, 3), (2, 3), kind="distinct"),
    ),
    Entry(
        "gaussian_nll_loss",
        mg.gaussian_nll_loss,
        lambda x, z, v: np.mean((np.log(v) + (x - z) ** 2 / v) / 2),
        fixed((2, 3), (2, 3), (2, 3), kind="above"),
        torch_nn("gaussian_nll_loss"),
    ),
    Entry(
        "hinge_embedding_loss",
        lambda x: mg.hinge_embedding_loss(x, _SIGNS),
        lambda x: np.mean(np.where(_SIGNS == 1, x, np.maximum(0, 1 - x))),
        fixed((2, 3), kind="distinct"),
        lambda t, x: t.nn.functional.hinge_embedding_loss(x, t.from_numpy(_SIGNS)),
    ),
    Entry(
        "triplet_margin_loss",
        lambda a, p, n: mg.triplet_margin_loss(a, p, n, 9.0),
        lambda a, p, n: np.mean(np.linalg.norm(a - p, axis=-1) - np.linalg.norm(a - n, axis=-1) + 9.0),
        fixed((2, 3), (2, 3), (2, 3)),
    ),
    Entry(
        "poisson_rate",
        lambda x, z: mg.poisson_nll_loss(x, z, log_input=False),
        lambda x, z: np.mean(x - z * np.log(x + 1e-8)),
        fixed((2, 3), (2, 3), kind="above"),
    ),
    Entry(
        "gru",
        lambda x, u, w, b: mg.gru(x, *([m[k] for k in range(3)] for m in (u, w, b))),
        _gru,
        fixed((3, 2, 4), (3, 4, 2), (3, 2, 2), (3, 2)),
    ),
    Entry(
        "odeint",
        lambda y, k: mg.odeint(lambda y, t, k: k * y * -1.0, y, _TIMES, k, substeps=2),
        _runge_kutta,
        fixed((2,), (1,), kind="unit"),
    ),
]
