"""Same weights, same batches: 100 float64 steps of training give PyTorch's losses to 1e-5 (and far below)."""

from __future__ import annotations

import numpy as np
import pytest

from support import nn_torch_curves
from support.nn_curves import PROBLEMS, STEPS, curve

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("defined", [False, True], ids=["eager", "defined"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_loss_curve_equals_torch(name: str, defined: bool) -> None:
    ours = np.array(curve(PROBLEMS[name], STEPS, defined))
    theirs = np.array(nn_torch_curves.curve(torch, PROBLEMS[name], STEPS))
    assert np.mean(ours[-10:]) < 0.9 * np.mean(ours[:10]), "the model must learn, or equal curves say little"
    way = "defined" if defined else "eager"
    print(f"{name}, {way}: largest difference {np.abs(ours - theirs).max():.1e}, {ours[0]:.3f} -> {ours[-1]:.3f}")
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
