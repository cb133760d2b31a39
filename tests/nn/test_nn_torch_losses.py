"""Losses against PyTorch in float64: value and gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import tensor

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(3)
SCORES = 2.0 * RNG.normal(size=(7, 4))
LABELS = RNG.integers(0, 4, 7)
BITS = RNG.integers(0, 2, (7, 4)).astype(np.float64)
P = RNG.dirichlet(np.ones(4), 7)
Y = RNG.normal(size=(7, 4))

CASES: dict[str, tuple[nn.Loss, np.ndarray, Callable[[Any, Any], Any]]] = {
    "softmax": (nn.SoftmaxCrossEntropy(), LABELS, F.cross_entropy),
    "smoothed": (nn.SoftmaxCrossEntropy(0.15), LABELS, lambda s, y: F.cross_entropy(s, y, label_smoothing=0.15)),
    "Weston-Watkins": (nn.WestonWatkins(0.7), LABELS, lambda s, y: F.multi_margin_loss(s, y, margin=0.7) * 4),
    "binary": (nn.BinaryCrossEntropy(), BITS, F.binary_cross_entropy_with_logits),
    "soft binary": (nn.BinaryCrossEntropy(), P, F.binary_cross_entropy_with_logits),
    "hinge": (nn.Hinge(), 2 * BITS - 1, lambda s, t: (1 - s * t).clamp(min=0).mean()),
    "MSE": (nn.MeanSquaredError(), Y, F.mse_loss),
    "MAE": (nn.MeanAbsoluteError(), Y, F.l1_loss),
    "Huber": (nn.Huber(0.6), Y, lambda x, y: F.huber_loss(x, y, delta=0.6)),
    "KL": (nn.KLDivergence(), P, lambda s, p: F.kl_div(s.log_softmax(-1), p, reduction="batchmean")),
}


@pytest.mark.parametrize("name", CASES)
def test_loss_equals_torch(name: str) -> None:
    ours, targets, theirs = CASES[name]
    s, z = tensor(SCORES, requires_grad=True), torch.tensor(SCORES, requires_grad=True)
    a, b = ours(s, targets), theirs(z, torch.tensor(targets))
    a.backward()
    b.backward()
    assert a.item() == pytest.approx(b.item(), rel=1e-12)
    assert s.grad is not None
    np.testing.assert_allclose(s.grad.numpy(), z.grad.numpy(), atol=1e-14)
